/* What the files of meta-analysis share: one set of effects, ready to be weighed at any tau2. */
#ifndef QST_META_H
#define QST_META_H

#include "la/la.h"

/*
 * The studies of one set, in units in which variances are about 1 (`unit`, a power of 2, was
 * divided out of y, its square out of v), so that no power of a weight overflows. Element (i, j) of
 * `x` is x[i * p + j]; its columns are orthonormal over all studies.
 */
typedef struct {
    ptrdiff_t k, p;
    double unit;
    double *y, *v, *x;
    /* At the tau2 of the last qst__meta_weigh(): */
    double *w;      /* 1 / (v + tau2) */
    double *e;      /* y - x b */
    double *b, *a;  /* b, and (x'Wx)^-1, p x p */
    double log_det; /* of x'Wx */
    double rss;     /* y'Py = sum w e^2 */
    /* Scratch. */
    double *d;      /* k */
    double *square; /* 4 p^2 */
    double *row;    /* 2 p */
} qst__meta_work;

/* b, (x'Wx)^-1, residuals and their sum by the weights in `work`. FITTED, ALIASED or NOT_FINITE. */
qst_meta_outcome qst__meta_solve(qst__meta_work *work);

/* The same by 1 / (v + tau2); NO_WEIGHT where that is infinite. */
qst_meta_outcome qst__meta_weigh(qst__meta_work *work, double tau2);

/* out (p x p) = x'Dx, D = diag(d). */
void qst__meta_gram(const qst__meta_work *work, const double *d, double *out);

/* tr(A G), and tr(A G A H) of symmetric p x p matrices with A = (x'Wx)^-1. */
double qst__meta_trace(const qst__meta_work *work, const double *g);
double qst__meta_trace_2(const qst__meta_work *work, const double *g, const double *h);

/* tr P, P = W - Wx (x'Wx)^-1 x'W, and tr P^2. */
typedef struct {
    double p, pp;
} qst__meta_traces;
qst__meta_traces qst__meta_trace_p(qst__meta_work *work);

/* log |G| of a root R, R'R = G, p x p. */
double qst__meta_log_det(const double *root, ptrdiff_t p);

/* log |x'x|, which is not 0 where studies are left out. NaN if there is none. */
double qst__meta_log_det_x(qst__meta_work *work);

/* X (k x p; ones if its data are NULL) = x root by Householder reflections: x by rows, root p x p
 * upper. QST_ESINGULAR: X not of full rank; nothing is written where k < p. */
QST_MUST_USE qst_status qst__meta_orthonormal(const qst_ctx *ctx, qst__arena *arena, qst_cmat given,
    ptrdiff_t k, ptrdiff_t p, double *x, double *root, qst_err *err);

/* ---- meta_tau2.c ---- */

/* tau2, se_tau2, n_iterations, bounded and outcome of info, in the units of `work`; k > p. */
void qst__meta_tau2(qst__meta_work *work, const qst_meta_settings *settings, qst_meta_info *info);

/* Log-likelihood and restricted log-likelihood where `work` was weighed, but for the unit. */
double qst__meta_log_lik(const qst__meta_work *work, bool restricted);

/* ---- meta_interval.c ---- */

/* The tau2 >= 0 at which y'P(tau2)y, which falls in tau2, is `target`; 0 if it is less at 0, and
 * NaN if it does not converge. *n_iterations is added to. */
double qst__meta_solve_q(
    qst__meta_work *work, double target, int32_t max_iterations, int32_t *n_iterations);

/* tau2_low and tau2_high of info in the units of `work` (Viechtbauer 2007, Stat Med 26:37-52);
 * NaN where a variance is 0. */
void qst__meta_interval(
    qst__meta_work *work, const qst_meta_settings *settings, qst_meta_info *info);

#endif
