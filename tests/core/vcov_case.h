/* A small fit with clusters, aliased column and all, and its hat matrix the slow way; for the tests
 * of covariances. */
#ifndef VCOV_CASE_H
#define VCOV_CASE_H

#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 64
#define P 5
#define M 8
#define K 3

/* 64 rows in 8 clusters of 1 to 21 rows; columns: constant, two numbers, twice the first of them
 * (aliased), and 1 in the last two clusters. */
typedef struct {
    double x[N * P], weights[N], residuals[N], variances[N], bread[P * P];
    int32_t codes[N];
    double contrasts[K * P];
    qst_part part;
    qst_term term;
    qst_model model;
    qst_sandwich fit;
    qst_clusters clusters;
} sample;

enum { PLAIN, WEIGHTED, INVERSE };

static const ptrdiff_t kept[] = {0, 1, 2, 4};
#define R 4

static inline int32_t cluster_of(int i)
{
    static const int last[M] = {21, 36, 47, 53, 57, 60, 62, 63};
    int32_t c = 0;
    while (i > last[c]) {
        c++;
    }
    return c + 1;
}

/* The inverse of X'WX over the columns kept, NA elsewhere. */
static inline void set_bread(sample *s)
{
    double gram[R * R], inverse[R * R], pivots[R];
    for (int j = 0; j < R; j++) {
        for (int k = 0; k < R; k++) {
            gram[j + k * R] = 0.0;
            for (int i = 0; i < N; i++) {
                gram[j + k * R] += s->weights[i] * s->x[i + kept[j] * N] * s->x[i + kept[k] * N];
            }
        }
    }
    const qst_mat view = {gram, R, R, R};
    assert_int_equal(qst__cholesky(view, 1e-12, pivots), R);
    qst__inverse_gram(qst__view(view), (qst_mat){inverse, R, R, R});
    for (int k = 0; k < P * P; k++) {
        s->bread[k] = qst_na_real();
    }
    for (int j = 0; j < R; j++) {
        for (int k = 0; k < R; k++) {
            s->bread[kept[j] + kept[k] * P] = inverse[j + k * R];
        }
    }
}

static inline sample *make_sample(int kind)
{
    sample *s = calloc(1, sizeof *s);
    uint64_t seed = 5;
    for (int i = 0; i < N; i++) {
        const int row = (i * 37) % N; /* so that clusters are not in order */
        s->codes[i] = cluster_of(row);
        s->x[i] = 1.0;
        s->x[i + N] = test_normal(&seed) + s->codes[i];
        s->x[i + 2 * N] = test_normal(&seed);
        s->x[i + 3 * N] = 2.0 * s->x[i + N];
        s->x[i + 4 * N] = s->codes[i] >= M - 1 ? 1.0 : 0.0;
        s->weights[i] = kind == PLAIN ? 1.0 : 0.2 + test_uniform(&seed);
        s->variances[i] = s->codes[i] == 2 ? 0.5 : 0.1 + test_uniform(&seed);
        s->residuals[i] = test_normal(&seed);
    }
    for (int k = 0; k < K * P; k++) {
        s->contrasts[k] = test_normal(&seed);
    }
    set_bread(s);
    s->part = (qst_part){.x = s->x, .n_cols = P};
    s->term = (qst_term){&s->part, 1};
    s->model = (qst_model){&s->term, 1, N};
    s->fit = (qst_sandwich){
        &s->model, kind == PLAIN ? NULL : s->weights, s->residuals, {s->bread, P, P, P}};
    s->clusters = (qst_clusters){s->codes, M, kind == INVERSE ? s->variances : NULL};
    return s;
}

/* ---- The slow, obvious version: everything n by n ---- */

typedef struct {
    double x[N * R], w[N], e[N], theta[N]; /* x, e scaled so that w is free of the link */
    double hat[N * N];                     /* X M X'W */
    double adjusted[N * R];                /* row i: column i of M X_c'W_c A_c */
    double covariance[R * R];
} dense;

static inline void scale_rows(const sample *s, dense *d)
{
    for (int i = 0; i < N; i++) {
        d->theta[i] = s->clusters.variances != NULL ? s->variances[i] : 1.0;
        const double slope =
            s->clusters.variances != NULL ? sqrt(s->weights[i] * s->variances[i]) : 1.0;
        d->w[i] = s->clusters.variances != NULL ? 1.0 / s->variances[i] : s->weights[i];
        d->e[i] = slope * s->residuals[i];
        for (int j = 0; j < R; j++) {
            d->x[i + j * N] = slope * s->x[i + kept[j] * N];
        }
    }
}

static inline double bread_at(const sample *s, int j, int k)
{
    return s->bread[kept[j] + kept[k] * P];
}

static inline void set_hat(const sample *s, dense *d)
{
    for (int i = 0; i < N; i++) {
        for (int l = 0; l < N; l++) {
            double sum = 0.0;
            for (int j = 0; j < R; j++) {
                for (int k = 0; k < R; k++) {
                    sum += d->x[i + j * N] * bread_at(s, j, k) * d->x[l + k * N] * d->w[l];
                }
            }
            d->hat[i + l * N] = sum;
        }
    }
}

#endif
