/* A data set to be completed, for the tests of multiple imputation: normal numbers with a common
 * part, some of them missing. */
#ifndef IMPUTE_CASE_H
#define IMPUTE_CASE_H

#include "stat/impute.h"

#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASE_MAX 12 /* variables */

typedef struct {
    ptrdiff_t n;
    double *values[CASE_MAX];
    int32_t *codes[CASE_MAX];
    int32_t predictors[CASE_MAX][CASE_MAX];
    int32_t visits[CASE_MAX];
    qst_impute_variable variables[CASE_MAX];
    qst_impute_data data;
    qst_impute_settings settings;
    double *imputed[CASE_MAX], *mean, *sd;
    int32_t left_out[CASE_MAX * CASE_MAX], decided[CASE_MAX * QST_N_DECIDED];
} impute_case;

static inline void *make_array(ptrdiff_t n, size_t size)
{
    void *out = calloc((size_t)(n > 0 ? n : 1), size);
    assert_non_null(out);
    return out;
}

/* k numbers, of which the first n_missing columns miss a share of their values; each is predicted
 * by all others. */
static inline void make_case(impute_case *c, ptrdiff_t n, int k, int n_incomplete, double share)
{
    memset(c, 0, sizeof *c);
    c->n = n;
    uint64_t seed = 11;
    for (int j = 0; j < k; j++) {
        c->values[j] = make_array(n, sizeof(double));
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const double common = test_normal(&seed);
        for (int j = 0; j < k; j++) {
            c->values[j][i] = 10.0 * j + common + test_normal(&seed);
        }
    }
    for (int j = 0; j < k; j++) {
        for (ptrdiff_t i = 0; i < n && j < n_incomplete; i++) {
            c->values[j][i] = test_uniform(&seed) < share ? (double)NAN : c->values[j][i];
        }
        int32_t n_predictors = 0;
        for (int32_t p = 0; p < k; p++) {
            c->predictors[j][n_predictors] = p;
            n_predictors += p != j;
        }
        c->variables[j] = (qst_impute_variable){.column = {QST_COL_DOUBLE, c->values[j], n, 0},
            .method = j < n_incomplete ? QST_IMPUTE_NORM : QST_IMPUTE_NONE,
            .predictors = c->predictors[j],
            .n_predictors = n_predictors,
            .min = (double)NAN,
            .max = (double)NAN,
            .step = (double)NAN};
        c->visits[j] = j;
    }
    c->data = (qst_impute_data){.variables = c->variables,
        .n_variables = k,
        .n_rows = n,
        .visits = c->visits,
        .n_visits = n_incomplete,
        .n_groups = 1};
    qst_impute_settings_default(&c->settings);
    c->settings.n_iterations = 3;
    c->settings.n_imputations = 4;
    c->settings.seed = 5;
}

static inline void free_results(impute_case *c)
{
    for (int j = 0; j < CASE_MAX; j++) {
        free(c->imputed[j]);
        c->imputed[j] = NULL;
    }
    free(c->mean);
    free(c->sd);
    c->mean = c->sd = NULL;
}

static inline void free_case(impute_case *c)
{
    free_results(c);
    for (int j = 0; j < CASE_MAX; j++) {
        free(c->values[j]);
        free(c->codes[j]);
    }
}

static inline bool case_misses(const impute_case *c, int j, ptrdiff_t i)
{
    const qst_col *column = &c->variables[j].column;
    if (column->data == NULL) {
        return false;
    }
    return column->type == QST_COL_FACTOR ? ((const int32_t *)column->data)[i] == QST_NA_INT
                                          : isnan(((const double *)column->data)[i]);
}

static inline ptrdiff_t count_case(const impute_case *c, int j)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < c->n; i++) {
        n += case_misses(c, j, i);
    }
    return n;
}

/* Makes room for the results and runs. */
static inline qst_status run_case(const qst_ctx *ctx, impute_case *c, qst_err *err)
{
    free_results(c);
    const ptrdiff_t m = qst__max(c->settings.n_imputations, 0);
    const ptrdiff_t n_trace = c->data.n_variables * m * qst__max(c->settings.n_iterations, 0);
    for (int j = 0; j < c->data.n_variables; j++) {
        const ptrdiff_t n_missing = count_case(c, j);
        c->imputed[j] = n_missing > 0 ? make_array(n_missing * m, sizeof(double)) : NULL;
    }
    c->mean = make_array(n_trace, sizeof(double));
    c->sd = make_array(n_trace, sizeof(double));
    const qst_impute_result result = {.imputed = c->imputed,
        .mean = c->mean,
        .sd = c->sd,
        .left_out = c->left_out,
        .decided = c->decided};
    return qst_impute(ctx, &c->settings, &c->data, &result, err);
}

#endif
