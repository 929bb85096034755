/*
 * levels_case.h - synthetic factors for the tests of how levels are imputed,
 * and estimates on the scale of the predictors as they are.
 */
#ifndef LEVELS_CASE_H
#define LEVELS_CASE_H

#include "stat/impute_levels.h"
#include "visit.h"

#define N 40

/* Columns 1, x1, x2 of 40 rows and a score that goes up with x1 and down with x2; row 40 is
 * missing. */
static inline test_visit *make_case(int32_t n_levels)
{
    test_visit *t = test_visit_make(N + 1, 3, n_levels);
    for (int i = 0; i < N; i++) {
        t->x[i + N + 1] = i * 7 % 11 - 4.5;
        t->x[i + 2 * (N + 1)] = i * 5 % 13 / 3.0;
        t->y[i] = t->x[i + N + 1] - t->x[i + 2 * (N + 1)] + i * 17 % 23 / 2.0;
    }
    t->y[N] = (double)NAN;
    return t;
}

/* 1 + the number of `cuts` below the score. */
static inline void cut_case(test_visit *t, const double *cuts)
{
    for (int i = 0; i < N; i++) {
        const double score = t->y[i];
        t->y[i] = 1.0;
        for (int k = 0; k < t->visit.n_levels - 1; k++) {
            t->y[i] += score > cuts[k];
        }
    }
}

/* Effects and intercept (place 0) from those of standardised predictors. */
static inline void unscale(const qst__levels *levels, const double *scaled, double *out)
{
    out[0] = scaled[0];
    for (ptrdiff_t j = 1; j < levels->n_columns; j++) {
        out[j] = scaled[j] / levels->sd[j];
        out[0] -= levels->mean[j] * out[j];
    }
}

/* Many imputations of the visit: how often level `code` was drawn for missing row `nth`. */
static inline double share_of(
    test_visit *t, qst__draw draw, double code, ptrdiff_t nth, uint32_t n_imputations)
{
    double n = 0.0;
    for (uint32_t m = 0; m < n_imputations; m++) {
        t->visit.imputation = m % 4096;
        t->visit.iteration = m / 4096;
        test_visit_draw(t, draw);
        n += t->drawn[nth] == code;
    }
    return n / n_imputations;
}

/* The gradient is that of evaluate(), and the information minus the gradient's derivative, at a
 * point that is not the mode. */
static inline void assert_derivatives(const qst__levels *levels)
{
    const ptrdiff_t n = levels->n;
    double at[32] = {0}, gradient[32], information[32 * 32];
    for (ptrdiff_t k = 0; k < n; k++) {
        at[k] = levels->at[k] + 0.1 * sin((double)k);
    }
    levels->model->evaluate(levels, at, 0);
    memcpy(gradient, levels->gradient, (size_t)n * sizeof *gradient);
    memcpy(information, levels->information, (size_t)(n * n) * sizeof *information);
    const double h = 1e-5;
    for (ptrdiff_t k = 0; k < n; k++) {
        double up[32];
        const double place = at[k];
        at[k] = place + h;
        const double above = levels->model->evaluate(levels, at, 0);
        memcpy(up, levels->gradient, (size_t)n * sizeof *up);
        at[k] = place - h;
        const double below = levels->model->evaluate(levels, at, 0);
        assert_close(gradient[k], (above - below) / (2.0 * h), 1e-6, 1e-6);
        for (ptrdiff_t l = 0; l <= k; l++) {
            const double slope = (up[l] - levels->gradient[l]) / (2.0 * h);
            assert_close(information[l + k * n], -slope, 1e-6, 1e-6);
        }
        at[k] = place;
    }
}

#endif
