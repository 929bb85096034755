#include "base/base.h"

#include <math.h>
#include <string.h>

#define PURPOSE_WILD 24
#define REPLICATES_PER_TASK 128

typedef struct {
    const qst_wild *wild;
    double *own;     /* m: direction's_c */
    double *scratch; /* a worker: m multipliers, m terms, rank sums */
    double *t;
} wild_pass;

static qst_status draw_multipliers(const qst_wild *wild, int64_t replicate, double *v, qst_err *err)
{
    static const double webb[] = {-1.2247448713915890, -1.0, -0.70710678118654752,
        0.70710678118654752, 1.0, 1.2247448713915890};
    const ptrdiff_t m = wild->scores.n_rows;
    for (ptrdiff_t c = 0; c < m && wild->weights == QST_WILD_ALL; c++) {
        v[c] = (replicate >> c & 1) != 0 ? -1.0 : 1.0;
    }
    if (wild->weights == QST_WILD_ALL) {
        return QST_OK;
    }
    qst_rng rng;
    const qst_rng_address address = {.purpose = PURPOSE_WILD, .iteration = (uint32_t)replicate};
    const qst_status status = qst_rng_init(&rng, wild->seed, &address, err);
    uint32_t bits = 0;
    for (ptrdiff_t c = 0; c < m && status == QST_OK; c++) {
        if (wild->weights == QST_WILD_WEBB) {
            v[c] = webb[qst_rng_below(&rng, 6)];
            continue;
        }
        bits = c % 32 == 0 ? qst_rng_word(&rng) : bits >> 1;
        v[c] = (bits & 1u) != 0 ? -1.0 : 1.0;
    }
    return status;
}

static double bootstrap_t(const wild_pass *pass, const double *v, double *terms)
{
    const qst_cmat scores = pass->wild->scores, shares = pass->wild->shares;
    const ptrdiff_t m = scores.n_rows;
    double numerator = 0.0, square = 0.0;
    for (ptrdiff_t c = 0; c < m; c++) {
        terms[c] = v[c] * pass->own[c];
        numerator += terms[c];
    }
    for (ptrdiff_t j = 0; j < scores.n_cols; j++) {
        double sum = 0.0;
        for (ptrdiff_t c = 0; c < m; c++) {
            sum += v[c] * scores.data[c + j * scores.ld];
        }
        for (ptrdiff_t c = 0; c < m; c++) {
            terms[c] -= sum * shares.data[c + j * shares.ld];
        }
    }
    for (ptrdiff_t c = 0; c < m; c++) {
        square += terms[c] * terms[c];
    }
    return numerator / sqrt(square);
}

static qst_status wild_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const wild_pass *pass = data;
    const ptrdiff_t m = pass->wild->scores.n_rows;
    double *v = pass->scratch + worker * 2 * m, *terms = v + m;
    const int64_t first = (int64_t)task * REPLICATES_PER_TASK;
    for (int64_t b = first; b < first + REPLICATES_PER_TASK && b < pass->wild->n_replicates; b++) {
        const qst_status status = draw_multipliers(pass->wild, b, v, err);
        if (status != QST_OK) {
            return status;
        }
        pass->t[b] = bootstrap_t(pass, v, terms);
    }
    return QST_OK;
}

static qst_status check_wild(const qst_wild *wild, qst_err *err)
{
    const ptrdiff_t m = wild->scores.n_rows;
    if (m < 2 || wild->scores.n_cols < 1 || wild->shares.n_rows != m ||
        wild->shares.n_cols != wild->scores.n_cols) {
        return qst__fail(err, QST_EDIMENSION, "scores are %td by %td, shares %td by %td", m,
            wild->scores.n_cols, wild->shares.n_rows, wild->shares.n_cols);
    }
    const bool is_all = wild->weights == QST_WILD_ALL;
    if (wild->n_replicates < 1 || wild->n_replicates > UINT32_MAX ||
        (is_all && (m > 31 || wild->n_replicates != (int64_t)1 << m))) {
        return qst__fail_at(err, QST_ERANGE, -1, -1, (double)wild->n_replicates,
            "%lld replicates %s", (long long)wild->n_replicates,
            is_all ? "are not all patterns of signs" : "are not in 1 .. 2^32 - 1");
    }
    return QST_OK;
}

qst_status qst_wild_bootstrap(const qst_ctx *ctx, const qst_wild *wild, double *t_out, qst_err *err)
{
    qst_status status = check_wild(wild, err);
    if (status != QST_OK) {
        return status;
    }
    const ptrdiff_t m = wild->scores.n_rows;
    const ptrdiff_t n_tasks =
        (ptrdiff_t)((wild->n_replicates + REPLICATES_PER_TASK - 1) / REPLICATES_PER_TASK);
    wild_pass pass = {.wild = wild, .t = t_out};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    status = qst__arena_array(&arena, m, sizeof *pass.own, &pass.own, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, qst_par_workers(ctx, n_tasks) * 2 * m,
            sizeof *pass.scratch, &pass.scratch, err);
    }
    for (ptrdiff_t c = 0; c < m && status == QST_OK; c++) {
        for (ptrdiff_t j = 0; j < wild->scores.n_cols; j++) {
            pass.own[c] += wild->direction[j] * wild->scores.data[c + j * wild->scores.ld];
        }
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, wild_task, &pass, err);
    }
    qst__arena_free(&arena);
    return status;
}
