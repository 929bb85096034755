#include "stat/answers.h"

#include <string.h>

#define MAX_ROWS ((ptrdiff_t)1 << 30)

/* A hash table of rows, open addressing: `seats` hold the first row of each pattern or -1. */
typedef struct {
    const qst_scale *scale;
    uint64_t *hashes; /* of each row */
    int32_t *first;   /* of each row: the first row with its pattern */
    int32_t *seats;
    size_t mask; /* number of seats less 1, a power of 2 less 1 */
} table;

/* The finaliser of splitmix64 (Steele, Lea & Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static qst_status hash_run(const table *t, ptrdiff_t start, qst_err *err)
{
    const ptrdiff_t n = qst__min(QST__RUN, t->scale->n_rows - start);
    for (ptrdiff_t j = 0; j < t->scale->n_items; j++) {
        int32_t levels[QST__RUN];
        if (!qst__levels(t->scale, j, start, levels)) {
            return qst__levels_fault(t->scale, start, err);
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            uint64_t *hash = &t->hashes[start + i];
            *hash = mix(*hash + (uint64_t)(levels[i] + 2) * UINT64_C(0x9E3779B97F4A7C15));
        }
    }
    return QST_OK;
}

/* Two answers to an item are the same if their levels are; both columns have been checked. */
static bool is_same_row(const qst_scale *scale, ptrdiff_t a, ptrdiff_t b)
{
    for (ptrdiff_t j = 0; j < scale->n_items; j++) {
        if (qst__level_at(scale, j, a) != qst__level_at(scale, j, b)) {
            return false;
        }
    }
    return true;
}

static void seat_row(const table *t, int32_t row)
{
    size_t seat = (size_t)t->hashes[row] & t->mask;
    while (t->seats[seat] >= 0) {
        const int32_t other = t->seats[seat];
        if (t->hashes[other] == t->hashes[row] && is_same_row(t->scale, other, row)) {
            t->first[row] = other;
            return;
        }
        seat = (seat + 1) & t->mask;
    }
    t->seats[seat] = row;
    t->first[row] = row;
}

static qst_status seat_rows(const qst_ctx *ctx, const table *t, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    const ptrdiff_t n_rows = t->scale->n_rows;
    qst_status status = QST_OK;
    for (ptrdiff_t start = 0; start < n_rows && status == QST_OK; start += QST__RUN) {
        status = hash_run(t, start, err);
        for (ptrdiff_t i = start; i < qst__min(start + QST__RUN, n_rows) && status == QST_OK; i++) {
            seat_row(t, (int32_t)i);
        }
        if (status == QST_OK) {
            status = qst__tick(&ticker, err);
        }
    }
    return status;
}

static void count_same(const table *t, int32_t *same_out)
{
    const ptrdiff_t n = t->scale->n_rows;
    memset(same_out, 0, (size_t)n * sizeof *same_out);
    for (ptrdiff_t i = 0; i < n; i++) {
        same_out[t->first[i]] += t->first[i] != i;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        same_out[i] = same_out[t->first[i]];
    }
}

static qst_status make_table(table *t, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t n = t->scale->n_rows;
    size_t n_seats = 2;
    while (n_seats < 2 * (size_t)n) {
        n_seats *= 2;
    }
    t->mask = n_seats - 1;
    qst_status status = qst__arena_array(arena, n, sizeof *t->hashes, &t->hashes, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n, sizeof *t->first, &t->first, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, (ptrdiff_t)n_seats, sizeof *t->seats, &t->seats, err);
    }
    if (status == QST_OK) {
        memset(t->seats, 0xFF, n_seats * sizeof *t->seats); /* all -1 */
    }
    return status;
}

qst_status qst_duplicate_rows(
    const qst_ctx *ctx, const qst_scale *scale, int32_t *same_out, qst_err *err)
{
    qst_status status = qst__scale_check(scale, err);
    if (status != QST_OK) {
        return status;
    }
    if (scale->n_rows > MAX_ROWS) {
        return qst__fail(
            err, QST_EOVERFLOW, "%td rows are more than can be compared (2^30)", scale->n_rows);
    }
    table t = {.scale = scale};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    status = make_table(&t, &arena, err);
    if (status == QST_OK) {
        status = seat_rows(ctx, &t, err);
    }
    if (status == QST_OK) {
        count_same(&t, same_out);
    }
    qst__arena_free(&arena);
    return status;
}
