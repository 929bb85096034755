#include "base/base.h"

#include <string.h>

/* Tasks are parts of all columns; few, because each keeps a list of the levels it met. */
#define N_TASKS 8
#define ROWS_PER_TASK 16384

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

static qst_status scan_codes(const scan *s, ptrdiff_t j, ptrdiff_t first, ptrdiff_t last,
    bool *missing, bool *seen, qst_err *err)
{
    const int32_t *codes = s->columns[j].data;
    const int32_t n_levels = s->columns[j].n_levels;
    for (ptrdiff_t i = first; i < last; i++) {
        if (codes[i] >= 1 && codes[i] <= n_levels) {
            seen[codes[i] - 1] = true;
        } else if (codes[i] == QST_NA_INT) {
            *missing = true;
        } else {
            return qst__fail_at(err, QST_EARGUMENT, i, j, (double)codes[i],
                "code %d in row %td, column %td is not one of %d levels", (int)codes[i], i + 1,
                j + 1, (int)n_levels);
        }
    }
    return QST_OK;
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
        if (column->type == QST_COL_DOUBLE) {
            missing[j] = has_nan((const double *)column->data + first, last - first);
        } else if (column->type == QST_COL_INT) {
            missing[j] = has_na_int((const int32_t *)column->data + first, last - first);
        } else {
            status = scan_codes(s, j, first, last, &missing[j], seen, err);
            seen += column->n_levels;
        }
    }
    return status;
}

/* out[k] is true if it is in any task's list. */
static void unite(const bool *lists, ptrdiff_t n_lists, ptrdiff_t n, bool *out)
{
    memset(out, 0, (size_t)n * sizeof *out);
    for (ptrdiff_t t = 0; t < n_lists; t++) {
        for (ptrdiff_t k = 0; k < n; k++) {
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
    qst_status status = qst__arena_array(&arena, s.n_tasks * n_cols, sizeof(bool), &s.missing, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, s.n_tasks * s.n_levels, sizeof(bool), &s.seen, err);
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
