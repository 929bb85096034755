/*
 * gee_case.h - synthetic clusters for the tests of generalised estimating
 * equations, and room for what a fit and its covariances give.
 */
#ifndef GEE_CASE_H
#define GEE_CASE_H

#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P 3

/* Rows in clusters of 1 to 7 that stand in no order, with times 1 .. 7. */
typedef struct {
    ptrdiff_t n;
    double *x, *y, *weights, *offset, *start;
    int32_t *cluster, *time;
    int32_t n_clusters;
    qst_part part;
    qst_term term;
    qst_model model;
    qst_gee gee;
} sample;

static inline void fill_sample(sample *s)
{
    uint64_t seed = 5;
    for (ptrdiff_t i = 0; i < s->n; i++) {
        const ptrdiff_t place = i * 7919 % s->n; /* a permutation: s->n is no multiple */
        s->cluster[place] = (int32_t)(i / 7) + 1;
        s->time[place] = (int32_t)(i % 7) + 1;
        const double shared = 0.5 * sin((double)(i / 7));
        s->x[place] = 1.0;
        s->x[place + s->n] = 100.0 + test_normal(&seed);
        s->x[place + 2 * s->n] = shared + test_normal(&seed);
        s->y[place] = test_uniform(&seed) < 0.5 + 0.3 * shared ? 1.0 : 0.0;
        s->weights[place] = i % 5 == 1 ? 0.0 : 0.5 + test_uniform(&seed);
        s->offset[place] = 0.1 * test_uniform(&seed);
    }
}

static inline void make_sample(sample *s, ptrdiff_t n, qst_corstr corstr)
{
    *s = (sample){.n = n, .n_clusters = (int32_t)((n + 6) / 7)};
    s->x = calloc((size_t)n * P, sizeof(double));
    s->y = calloc((size_t)n, sizeof(double));
    s->weights = calloc((size_t)n, sizeof(double));
    s->offset = calloc((size_t)n, sizeof(double));
    s->start = calloc((size_t)n, sizeof(double));
    s->cluster = calloc((size_t)n, sizeof(int32_t));
    s->time = calloc((size_t)n, sizeof(int32_t));
    fill_sample(s);
    s->part = (qst_part){.x = s->x, .n_cols = P};
    s->term = (qst_term){&s->part, 1};
    s->model = (qst_model){&s->term, 1, n};
    s->gee = (qst_gee){.model = &s->model,
        .family = QST_FAMILY_BINOMIAL,
        .link = QST_LINK_LOGIT,
        .y = s->y,
        .weights = s->weights,
        .offset = s->offset,
        .cluster = s->cluster,
        .n_clusters = s->n_clusters,
        .corstr = corstr,
        .time = s->time,
        .n_times = 7};
}

static inline void free_sample(sample *s)
{
    free(s->x);
    free(s->y);
    free(s->weights);
    free(s->offset);
    free(s->start);
    free(s->cluster);
    free(s->time);
}

/* Everything a fit and its covariances give, of at most P columns. */
typedef struct {
    double coefficients[P], bread[P * P], correlation[21], covariance[4][P * P], df[4][P];
    double *eta;
    qst_gee_info info;
    qst_gee_settings settings;
} answer;

static inline qst_status fit(const qst_ctx *ctx, const sample *s, answer *a, qst_err *err)
{
    const ptrdiff_t p = qst_model_cols(&s->model);
    const bool aliased[P] = {false};
    const qst_gee_result result = {a->coefficients, {a->bread, p, p, p}, a->correlation, a->eta};
    return qst_gee_fit(ctx, &s->gee, &a->settings, s->start, aliased, &result, &a->info, err);
}

static inline qst_status fit_all(const qst_ctx *ctx, const sample *s, answer *a, qst_err *err)
{
    static const double unit[P * P] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    const ptrdiff_t p = qst_model_cols(&s->model);
    qst_status status = fit(ctx, s, a, err);
    for (int k = 0; k < 4 && status == QST_OK; k++) {
        const qst_gee_estimate estimate = {a->coefficients, a->correlation};
        const qst_mat covariance = {a->covariance[k], p, p, p};
        status = qst_gee_sandwich(ctx, &s->gee, &estimate, (qst_gee_correction)k,
            (qst_cmat){unit, p, p, P}, covariance, a->df[k], err);
    }
    return status;
}

static inline void init_answer(answer *a, ptrdiff_t n)
{
    memset(a, 0, sizeof *a);
    a->eta = calloc((size_t)n, sizeof(double));
    qst_gee_settings_default(&a->settings);
}

static inline void assert_fit(const sample *s, answer *a)
{
    qst_err err;
    qst_err_init(&err);
    init_answer(a, s->n);
    assert_status(fit_all(NULL, s, a, &err), QST_OK, &err);
    assert_true(a->info.converged);
}

/* The mean of three clusters {1, 3}, {2, 4}, {6, 8}, mixed: residuals -3 -1, -2 0, 2 4, so phi =
 * 34 / 6 and the correlation is (3 + 0 + 8) / 3 / phi = 11 / 17. */
static inline sample means_of_pairs(void)
{
    sample s;
    make_sample(&s, 6, QST_CORSTR_EXCHANGEABLE);
    const double y[] = {1, 2, 6, 3, 4, 8};
    for (int i = 0; i < 6; i++) {
        s.x[i] = 1.0;
        s.y[i] = y[i];
        s.weights[i] = 1.0;
        s.offset[i] = 0.0;
        s.cluster[i] = i % 3 + 1;
        s.time[i] = i / 3 + 1;
    }
    s.part.n_cols = 1;
    s.gee.family = QST_FAMILY_GAUSSIAN;
    s.gee.link = QST_LINK_IDENTITY;
    s.gee.n_clusters = 3;
    s.gee.n_times = 2;
    return s;
}

static inline void point_at(sample *s)
{
    s->term.parts = &s->part;
    s->model.terms = &s->term;
    s->gee.model = &s->model;
}

static inline void assert_refused(sample *s, qst_status want, const char *part, ptrdiff_t row)
{
    qst_err err;
    qst_err_init(&err);
    answer a;
    init_answer(&a, s->n);
    assert_status(fit(NULL, s, &a, &err), want, &err);
    assert_text(&err, part);
    assert_int_equal(err.row, row);
    free(a.eta);
}

#endif
