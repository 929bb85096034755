#include "base/base.h"

/* Tasks are parts of all columns; few, because each keeps a list of the levels it met. */
#define N_TASKS 8
#define ROWS_PER_TASK 16384
/* Rows that are looked at together. */
#define RUN 1024

typedef struct {
    const qst_col *columns;
    ptrdiff_t n_cols;
    ptrdiff_t n_tasks;
    ptrdiff_t n_levels; /* of all factors */
    bool *missing;      /* n_cols a task */
    bool *seen;         /* n_levels a task */
} scan;

static bool has_nan(const double *x, ptrdiff_t n)
{
    ptrdiff_t n_bad = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        n_bad += x[i] != x[i];
    }
    return n_bad > 0;
}

static bool has_na_int(const int32_t *x, ptrdiff_t n)
{
    ptrdiff_t n_bad = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        n_bad += x[i] == QST_NA_INT;
    }
    return n_bad > 0;
}

static bool are_levels(const int32_t *codes, ptrdiff_t n, int32_t n_levels)
{
    uint32_t largest = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint32_t code = (uint32_t)codes[i] - 1;
        largest = code > largest ? code : largest;
    }
    return largest < (uint32_t)n_levels;
}

/* One part of a factor: what was met of it so far. */
typedef struct {
    const int32_t *codes;
    int32_t n_levels;
    ptrdiff_t column;
    bool *missing;
    bool *seen; /* n_levels */
    int32_t n_seen;
} factor_part;

static qst_status scan_run(factor_part *part, ptrdiff_t first, ptrdiff_t last, qst_err *err)
{
    for (ptrdiff_t i = first; i < last; i++) {
        const int32_t code = part->codes[i];
        if (code >= 1 && code <= part->n_levels) {
            part->n_seen += !part->seen[code - 1];
            part->seen[code - 1] = true;
        } else if (code == QST_NA_INT) {
            *part->missing = true;
        } else {
            return qst__fail_at(err, QST_EARGUMENT, i, part->column, (double)code,
                "code %d in row %td, column %td is not one of %d levels", (int)code, i + 1,
                part->column + 1, (int)part->n_levels);
        }
    }
    return QST_OK;
}

/* Once all levels were met, a run of rows is looked at as a whole first. */
static qst_status scan_codes(factor_part *part, ptrdiff_t first, ptrdiff_t last, qst_err *err)
{
    qst_status status = QST_OK;
    for (ptrdiff_t start = first; start < last && status == QST_OK; start += RUN) {
        const ptrdiff_t end = qst__min(start + RUN, last);
        if (part->n_seen < part->n_levels ||
            !are_levels(part->codes + start, end - start, part->n_levels)) {
            status = scan_run(part, start, end, err);
        }
    }
    return status;
}

static qst_status scan_part(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)worker;
    const scan *s = data;
    bool *missing = s->missing + task * s->n_cols;
    bool *seen = s->seen + task * s->n_levels;
    qst_status status = QST_OK;
    for (ptrdiff_t j = 0; j < s->n_cols && status == QST_OK; j++) {
        const qst_col *column = &s->columns[j];
        const ptrdiff_t per_task = (column->n + s->n_tasks - 1) / s->n_tasks;
        const ptrdiff_t first = qst__min(task * per_task, column->n);
        const ptrdiff_t last = qst__min(first + per_task, column->n);
        if (first == last && column->type != QST_COL_FACTOR) {
            missing[j] = false; /* an empty column has no place to point into */
        } else if (column->type == QST_COL_DOUBLE) {
            missing[j] = has_nan((const double *)column->data + first, last - first);
        } else if (column->type == QST_COL_INT) {
            missing[j] = has_na_int((const int32_t *)column->data + first, last - first);
        } else {
            factor_part part = {column->data, column->n_levels, j, &missing[j], seen, 0};
            status = scan_codes(&part, first, last, err);
            seen += column->n_levels;
        }
    }
    return status;
}

/* out[k] is true if it is in any task's list. */
static void unite(const bool *lists, ptrdiff_t n_lists, ptrdiff_t n, bool *out)
{
    for (ptrdiff_t k = 0; k < n; k++) {
        out[k] = false;
        for (ptrdiff_t t = 0; t < n_lists; t++) {
            out[k] = out[k] || lists[t * n + k];
        }
    }
}

qst_status qst_columns_scan(const qst_ctx *ctx, const qst_col *columns, ptrdiff_t n_cols,
    bool *missing_out, bool *seen_out, qst_err *err)
{
    scan s = {.columns = columns, .n_cols = n_cols};
    ptrdiff_t longest = 0;
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        longest = qst__max(longest, columns[j].n);
        s.n_levels += columns[j].type == QST_COL_FACTOR ? columns[j].n_levels : 0;
    }
    s.n_tasks = qst__min(N_TASKS, longest / ROWS_PER_TASK + 1);
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    /* One more each, so that there is a place to point to without columns or factors. */
    qst_status status =
        qst__arena_array(&arena, s.n_tasks * n_cols + 1, sizeof(bool), &s.missing, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, s.n_tasks * s.n_levels + 1, sizeof(bool), &s.seen, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, s.n_tasks, scan_part, &s, err);
    }
    if (status == QST_OK) {
        unite(s.missing, s.n_tasks, n_cols, missing_out);
        unite(s.seen, s.n_tasks, s.n_levels, seen_out);
    }
    qst__arena_free(&arena);
    return status;
}
