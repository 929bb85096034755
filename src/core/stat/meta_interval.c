#include "stat/meta.h"

#include <math.h>

/* y'P(t)y = sum c_i / (d_i + t) with c, d >= 0, because P is the inverse of V + t I on the
 * contrasts. Its inverse 1 / Q is therefore concave, and Newton's steps on it from the left rise to
 * the root without passing it; where one effect governs, it is linear and one step is enough. */
double qst__meta_solve_q(
    qst__meta_work *work, double target, int32_t max_iterations, int32_t *n_iterations)
{
    double tau2 = 0.0;
    for (int32_t n = 0; n < max_iterations; n++) {
        if (qst__meta_weigh(work, tau2) != QST_META_FITTED) {
            return (double)NAN;
        }
        const double q = work->rss;
        if (q <= target) {
            return tau2;
        }
        double slope = 0.0; /* -dQ/dt = y'PPy, Py = We */
        for (ptrdiff_t i = 0; i < work->k; i++) {
            const double u = work->w[i] * work->e[i];
            slope += u * u;
        }
        const double step = (q - target) / target * (q / slope);
        tau2 += step;
        *n_iterations += 1;
        if (!(step > 1e-13 * tau2)) {
            return isfinite(tau2) ? tau2 : (double)NAN;
        }
    }
    return (double)NAN;
}

void qst__meta_interval(
    qst__meta_work *work, const qst_meta_settings *settings, qst_meta_info *info)
{
    const ptrdiff_t df = work->k - work->p;
    int32_t n = 0;
    if (settings->chisq_low == NULL || settings->chisq_high == NULL || df < 1) {
        return;
    }
    info->tau2_low = qst__meta_solve_q(work, settings->chisq_high[df - 1], 1000, &n);
    info->tau2_high = qst__meta_solve_q(work, settings->chisq_low[df - 1], 1000, &n);
}
