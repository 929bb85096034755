/*
 * visit.h - visits made by hand, for the tests of how a variable is imputed.
 */
#ifndef VISIT_H
#define VISIT_H

#include "qst_test.h"
#include "stat/impute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A visit and the memory behind it. Fill x (column 0 is the intercept already) and y, NaN where
 * missing, then test_visit_finish(). */
typedef struct {
    qst__visit visit;
    double *x, *rows, *y, *gram, *panel, *room, *drawn;
    ptrdiff_t *columns, *observed, *missing, *row_numbers;
    int32_t *left_out;
    int32_t decided[QST_N_DECIDED];
    qst_impute_variable variable;
} test_visit;

static inline void *test_visit_array(ptrdiff_t n, size_t size_bytes)
{
    return calloc((size_t)n + 1, size_bytes);
}

/* n_levels 0: a number. */
static inline test_visit *test_visit_make(ptrdiff_t n_rows, ptrdiff_t n_columns, int32_t n_levels)
{
    test_visit *t = calloc(1, sizeof *t);
    t->x = test_visit_array(qst__up_to_4(n_rows * n_columns + 3), sizeof(double));
    t->y = test_visit_array(n_rows, sizeof(double));
    t->gram = test_visit_array(n_columns * n_columns, sizeof(double));
    t->drawn = test_visit_array(qst__up_to_4(n_rows), sizeof(double));
    t->columns = test_visit_array(n_columns, sizeof(ptrdiff_t));
    t->observed = test_visit_array(n_rows, sizeof(ptrdiff_t));
    t->missing = test_visit_array(n_rows, sizeof(ptrdiff_t));
    t->row_numbers = test_visit_array(n_rows, sizeof(ptrdiff_t));
    t->left_out = test_visit_array(n_columns, sizeof(int32_t));
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        t->x[i] = 1.0;
        t->row_numbers[i] = i;
    }
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        t->columns[j] = j;
    }
    t->visit = (qst__visit){.x = {t->x, n_rows, n_columns, n_rows},
        .columns = t->columns,
        .n_columns = n_columns,
        .gram = {t->gram, n_columns, n_columns, n_columns},
        .y = t->y,
        .n_levels = n_levels,
        .observed = t->observed,
        .missing = t->missing,
        .variable = &t->variable,
        .donors = 5,
        .seed = 1,
        .row_numbers = t->row_numbers,
        .drawn_out = t->drawn,
        .left_out = t->left_out,
        .decided_out = t->decided};
    return t;
}

/* Cross-products the slow way, and which rows are observed; room as the method asks for. */
static inline void test_visit_finish(test_visit *t, qst__draw_room room)
{
    qst__visit *v = &t->visit;
    const ptrdiff_t n = v->x.n_rows, p = v->x.n_cols;
    for (ptrdiff_t j = 0; j < p * p; j++) {
        t->gram[j] = 0.0;
        for (ptrdiff_t i = 0; i < n; i++) {
            t->gram[j] += t->x[i + j / p * n] * t->x[i + j % p * n];
        }
    }
    v->n_observed = v->n_missing = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (isnan(t->y[i])) {
            t->missing[v->n_missing++] = i;
        } else {
            t->observed[v->n_observed++] = i;
        }
    }
    const ptrdiff_t n_panel = qst__up_to_4(v->n_missing);
    t->panel = test_visit_array(n_panel * p, sizeof(double));
    for (ptrdiff_t i = 0; i < v->n_missing * p; i++) {
        const ptrdiff_t k = i % v->n_missing, j = i / v->n_missing;
        t->panel[k + j * n_panel] = t->x[t->missing[k] + j * n];
    }
    v->panel = (qst_cmat){t->panel, n_panel, p, n_panel};
    v->rows = (qst__rows){NULL, n, p, qst__up_to_8(p)};
    t->rows = test_visit_array(n * v->rows.stride, sizeof(double));
    for (ptrdiff_t i = 0; i < n * p; i++) {
        t->rows[i / p * v->rows.stride + i % p] = t->x[i / p + i % p * n];
    }
    v->rows.data = t->rows;
    t->room = test_visit_array(room(v), sizeof(double));
    v->room = t->room;
}

static inline void test_visit_draw(test_visit *t, qst__draw draw)
{
    qst_err err;
    qst_err_init(&err);
    memset(t->left_out, 0, (size_t)t->visit.n_columns * sizeof *t->left_out);
    memset(t->decided, 0, sizeof t->decided);
    assert_status(draw(&t->visit, &err), QST_OK, &err);
}

static inline void test_visit_free(test_visit *t)
{
    free(t->x);
    free(t->rows);
    free(t->y);
    free(t->gram);
    free(t->panel);
    free(t->room);
    free(t->drawn);
    free(t->columns);
    free(t->observed);
    free(t->missing);
    free(t->row_numbers);
    free(t->left_out);
    free(t);
}

#endif
