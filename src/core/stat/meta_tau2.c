#include "stat/meta.h"

#include <math.h>

#define LOG_2_PI 1.8378770664093454836

/* ---- Closed forms ---- */

/* A moment estimate and the variance of the quadratic form behind it at that tau2: the standard
 * error is sqrt(2 (c0 + 2 tau2 c1 + tau2^2 c2)) / divisor. */
static void finish_moments(
    qst_meta_info *info, double tau2, double divisor, double c0, double c1, double c2)
{
    info->bounded = tau2 < 0.0;
    info->tau2 = fmax(tau2, 0.0);
    info->se_tau2 =
        sqrt(2.0 * (c0 + 2.0 * info->tau2 * c1 + info->tau2 * info->tau2 * c2)) / divisor;
}

static void der_simonian_laird(qst__meta_work *work, qst_meta_info *info)
{
    const double df = (double)(work->k - work->p);
    info->outcome = qst__meta_weigh(work, 0.0);
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    const qst__meta_traces trace = qst__meta_trace_p(work);
    finish_moments(info, (work->rss - df) / trace.p, trace.p, df, trace.p, trace.pp);
}

/* With W = I: P = I - H, tr PV and tr (PV)^2. */
static void hedges_olkin(qst__meta_work *work, qst_meta_info *info)
{
    const ptrdiff_t p = work->p;
    double *g = work->square, *h = work->square + p * p;
    const double *v = work->v;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        work->w[i] = 1.0;
    }
    info->outcome = qst__meta_solve(work);
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    const double df = (double)(work->k - p);
    double sum = 0.0, sum_2 = 0.0;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        sum += v[i];
        sum_2 += v[i] * v[i];
        work->d[i] = v[i] * v[i];
    }
    qst__meta_gram(work, v, g);
    qst__meta_gram(work, work->d, h);
    const double trace = sum - qst__meta_trace(work, g);
    const double trace_2 = sum_2 - 2.0 * qst__meta_trace(work, h) + qst__meta_trace_2(work, g, g);
    finish_moments(info, (work->rss - trace) / df, df, trace_2, trace, df);
}

static double variance_of(const double *y, ptrdiff_t k)
{
    double mean = 0.0, sum = 0.0;
    for (ptrdiff_t i = 0; i < k; i++) {
        mean += (y[i] - y[0]) / (double)k;
    }
    for (ptrdiff_t i = 0; i < k; i++) {
        sum += (y[i] - y[0] - mean) * (y[i] - y[0] - mean);
    }
    return sum / (double)k;
}

/* tr (PV)^2 and tr (PVP) with weights: each term of P = W - Wx A x'W. */
static void sidik_jonkman(qst__meta_work *work, qst_meta_info *info)
{
    const ptrdiff_t k = work->k, p = work->p;
    const double first = variance_of(work->y, k), df = (double)(k - p);
    info->outcome = qst__meta_weigh(work, first);
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    double *g = work->square, *h = g + p * p, *d = work->d;
    const double *w = work->w, *v = work->v;
    double vwvw = 0.0, wvw = 0.0;
    for (ptrdiff_t i = 0; i < k; i++) {
        const double wv = w[i] * v[i];
        vwvw += wv * wv;
        wvw += w[i] * wv;
        d[i] = w[i] * wv;
    }
    qst__meta_gram(work, d, g); /* x' W^2 V x */
    const double squared = qst__meta_trace_2(work, g, g);
    for (ptrdiff_t i = 0; i < k; i++) {
        d[i] = w[i] * w[i] * w[i] * v[i] * v[i];
    }
    qst__meta_gram(work, d, h);
    const double trace_pvpv = vwvw - 2.0 * qst__meta_trace(work, h) + squared;
    for (ptrdiff_t i = 0; i < k; i++) {
        d[i] = w[i] * w[i];
    }
    qst__meta_gram(work, d, h);
    const double both = qst__meta_trace_2(work, g, h);
    for (ptrdiff_t i = 0; i < k; i++) {
        d[i] = w[i] * w[i] * w[i] * v[i];
    }
    qst__meta_gram(work, d, h);
    const double trace_pvp = wvw - 2.0 * qst__meta_trace(work, h) + both;
    const double trace_pp = qst__meta_trace_p(work).pp;
    const double rss = work->rss;
    finish_moments(info, first * rss / df, df / first, trace_pvpv, trace_pvp, trace_pp);
    if (first <= 0.0) {
        info->se_tau2 = 0.0;
    }
}

/* ---- Paule & Mandel, empirical Bayes: y'Py = k - p ---- */

static void paule_mandel(qst__meta_work *work, int32_t max_iterations, qst_meta_info *info)
{
    const double df = (double)(work->k - work->p);
    info->outcome = qst__meta_weigh(work, 0.0);
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    info->bounded = work->rss < df;
    info->tau2 = qst__meta_solve_q(work, df, max_iterations, &info->n_iterations);
    if (isnan(info->tau2)) {
        info->outcome = QST_META_NOT_CONVERGED;
        return;
    }
    double sum_w = 0.0;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        sum_w += 1.0 / (work->v[i] + info->tau2);
    }
    info->se_tau2 = (double)work->k * sqrt(2.0 / df) / sum_w;
}

/* ---- Likelihoods ---- */

double qst__meta_log_lik(const qst__meta_work *work, bool restricted)
{
    const double n = (double)(restricted ? work->k - work->p : work->k);
    double sum = n * LOG_2_PI + work->rss;
    for (ptrdiff_t i = 0; i < work->k; i++) {
        sum -= log(work->w[i]);
    }
    return -0.5 * (restricted ? sum + work->log_det : sum);
}

/* Twice the score of tau2, twice its expected information, and twice the second derivative. */
typedef struct {
    double score, information, curvature;
} likelihood;

/* Py = We; PPPy needs u'Pu of u = We (Harville 1977, J Am Stat Assoc 72:320-338). */
static likelihood look(qst__meta_work *work, bool restricted)
{
    const ptrdiff_t k = work->k, p = work->p;
    double yppy = 0.0, upu = 0.0, sum_w = 0.0, sum_ww = 0.0;
    double *along = work->row;
    for (ptrdiff_t j = 0; j < p; j++) {
        along[j] = 0.0;
    }
    for (ptrdiff_t i = 0; i < k; i++) {
        const double w = work->w[i], u = w * work->e[i];
        yppy += u * u;
        upu += w * u * u;
        sum_w += w;
        sum_ww += w * w;
        for (ptrdiff_t j = 0; j < p; j++) {
            along[j] += work->x[i * p + j] * w * u;
        }
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t l = 0; l < p; l++) {
            upu -= along[j] * work->a[l + j * p] * along[l];
        }
    }
    if (!restricted) {
        return (likelihood){yppy - sum_w, sum_ww, sum_ww - 2.0 * upu};
    }
    const qst__meta_traces trace = qst__meta_trace_p(work);
    return (likelihood){yppy - trace.p, trace.pp, trace.pp - 2.0 * upu};
}

/* Where to go from tau2. Newton's step where the likelihood is concave and the step no more than
 * four of scoring's, else scoring's; halved until it does not leave 0 behind. */
static double next_tau2(double tau2, likelihood at)
{
    const double scoring = at.score / at.information;
    double step = scoring;
    if (at.curvature < 0.0 && fabs(at.score / at.curvature) <= 4.0 * fabs(scoring)) {
        step = -at.score / at.curvature;
    }
    while (tau2 + step < 0.0) {
        step *= 0.5;
    }
    /* At 1e-9 of a variance there is nothing left to lose. */
    return tau2 + step < 1e-9 && step < 0.0 ? 0.0 : tau2 + step;
}

/* The ends of the steps upward and downward close in on a maximum, which ends any cycle. */
static double climb(
    qst__meta_work *work, bool restricted, double tau2, int32_t max_iterations, qst_meta_info *info)
{
    double low = -1.0, high = (double)INFINITY;
    while (info->n_iterations < max_iterations) {
        info->outcome = qst__meta_weigh(work, tau2);
        if (info->outcome != QST_META_FITTED) {
            return tau2;
        }
        const likelihood at = look(work, restricted);
        if (at.score == 0.0 || (tau2 <= 0.0 && at.score < 0.0)) {
            return tau2;
        }
        low = at.score > 0.0 ? tau2 : low;
        high = at.score < 0.0 ? tau2 : high;
        double next = next_tau2(tau2, at);
        if (next <= low || next >= high) {
            next = 0.5 * (fmax(low, 0.0) + high);
        }
        info->n_iterations += 1;
        if (!(fabs(next - tau2) > 1e-11 * (next + 1e-3))) {
            return next;
        }
        tau2 = next;
    }
    info->outcome = QST_META_NOT_CONVERGED;
    return tau2;
}

/* A local maximum may be below the end at 0, where weights are finite. */
static bool is_below_zero(qst__meta_work *work, bool restricted, double tau2)
{
    if (qst__meta_weigh(work, tau2) != QST_META_FITTED) {
        return false;
    }
    const double there = qst__meta_log_lik(work, restricted);
    return qst__meta_weigh(work, 0.0) == QST_META_FITTED &&
           qst__meta_log_lik(work, restricted) > there + 1e-9;
}

static void maximum_likelihood(
    qst__meta_work *work, bool restricted, int32_t max_iterations, qst_meta_info *info)
{
    hedges_olkin(work, info);
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    double tau2 = climb(work, restricted, info->tau2, max_iterations, info);
    if (info->outcome != QST_META_FITTED) {
        return;
    }
    if (tau2 > 0.0 && is_below_zero(work, restricted, tau2)) {
        tau2 = 0.0;
    }
    info->tau2 = tau2;
    info->outcome = qst__meta_weigh(work, tau2);
    if (info->outcome == QST_META_FITTED) {
        const likelihood at = look(work, restricted);
        info->bounded = tau2 <= 0.0 && at.score < 0.0;
        info->se_tau2 = sqrt(2.0 / at.information);
    }
}

void qst__meta_tau2(qst__meta_work *work, const qst_meta_settings *settings, qst_meta_info *info)
{
    switch (settings->method) {
    case QST_META_FE:
        info->outcome = QST_META_FITTED;
        info->tau2 = 0.0;
        break;
    case QST_META_DL:
        der_simonian_laird(work, info);
        break;
    case QST_META_HE:
        hedges_olkin(work, info);
        break;
    case QST_META_SJ:
        sidik_jonkman(work, info);
        break;
    case QST_META_ML:
    case QST_META_REML:
        maximum_likelihood(work, settings->method == QST_META_REML, settings->max_iterations, info);
        break;
    case QST_META_PM:
    case QST_META_EB:
        paule_mandel(work, settings->max_iterations, info);
        break;
    }
}
