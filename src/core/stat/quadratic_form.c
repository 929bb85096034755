#include "base/base.h"

#include <float.h>
#include <math.h>

/* Q = sum lambda_i chi2_1 has K(s) = log E exp(sQ) = -1/2 sum log(1 - 2 lambda_i s), s < beta =
 * 1 / (2 max lambda), and, with 0 < c < beta,
 *   P(Q > q) = 1 / (2 pi i) * integral of exp(K(s) - sq) / s from c - i oo to c + i oo
 * (and -P(Q <= q) with c < 0: the residue at the pole is 1). As Rice (1980, SIAM J Sci Stat Comput
 * 1:438-448) does, c is where the integrand is least on the real line, and the path bends to the
 * right round the cut [beta, oo): s = c + sqrt(h^2 + y^2) - h + iy. As its slope dx/dy stays below
 * 1, every factor |1 - 2 lambda_i s|^(-1/2) falls along it against the share K_i'(c) that it has of
 * exp(-sq), K'(c) = q + 1/c, however close to the cut it passes; and in the end all falls as
 * exp(-qy). There the trapezoidal rule converges geometrically, and either tail is had to relative
 * precision, which sums over 0 .. q (Ruben, Imhof) do not give. */
typedef struct {
    const double *lambda;
    ptrdiff_t n;
    double q;
    double centre, bend, height; /* c, h, and the exponent at c */
} path;

/* Derivative of K(s) - sq - log|s|, which is convex on either side of 0. */
static double slope_at(const path *p, double s)
{
    double slope = -p->q - 1.0 / s;
    for (ptrdiff_t i = 0; i < p->n; i++) {
        slope += p->lambda[i] / (1.0 - 2.0 * p->lambda[i] * s);
    }
    return slope;
}

/* The path need only be near the saddle: any c on its side of 0 gives the same integral. */
static double find_saddle(const path *p, double low, double high)
{
    for (int i = 0; i < 60; i++) {
        const double middle = 0.5 * (low + high);
        *(slope_at(p, middle) < 0.0 ? &low : &high) = middle;
    }
    return 0.5 * (low + high);
}

/* Returns the width of the integrand, 1 / sqrt of the exponent's second derivative. */
static double lay_path(path *p, double mean, double largest)
{
    p->centre = p->q > mean ? find_saddle(p, 0.0, 0.5 / largest)
                            : find_saddle(p, -(0.5 * (double)p->n + 1.0) / p->q, 0.0);
    const double c = p->centre;
    double second = 1.0 / (c * c), third = 0.0;
    p->height = -c * p->q - log(fabs(c));
    for (ptrdiff_t i = 0; i < p->n; i++) {
        const double ratio = 2.0 * p->lambda[i] / (1.0 - 2.0 * p->lambda[i] * c);
        second += 0.5 * ratio * ratio;
        third += ratio * ratio * ratio;
        p->height -= 0.5 * log1p(-2.0 * p->lambda[i] * c);
    }
    p->bend = 3.0 * second / third; /* so the path begins as the one of steepest descent */
    return 1.0 / sqrt(second);
}

/* Im of exp(K - sq) / s * ds/dy, over the value at c; its modulus in *size. */
static double integrand(const path *p, double y, double *size)
{
    const double h = p->bend, run = hypot(h, y), x = p->centre + y * y / (run + h);
    double modulus = -x * p->q - 0.5 * log(x * x + y * y) - p->height;
    double angle = -y * p->q - atan2(y, x);
    for (ptrdiff_t i = 0; i < p->n; i++) {
        const double re = 1.0 - 2.0 * p->lambda[i] * x, im = 2.0 * p->lambda[i] * y;
        modulus -= 0.25 * log(re * re + im * im);
        angle += 0.5 * atan2(im, re);
    }
    const double along = y / run, scale = exp(modulus);
    *size = scale * hypot(along, 1.0);
    return scale * (along * sin(angle) + cos(angle));
}

/* Sum over y = start, start + step, ... until what is left is nothing beside `all`. */
static double sum_along(const path *p, double start, double step, double all)
{
    double sum = 0.0, size = 1.0;
    for (int i = 0; i < 100000 && !(size < 1e-18 * fabs(all + sum)); i++) {
        sum += integrand(p, start + i * step, &size);
    }
    return sum;
}

/* The trapezoidal rule, its step halved until that changes little: a halving squares the error. NaN
 * where it does not settle. */
static double integrate(const path *p, double width)
{
    double size, step = width;
    double sum = 0.5 * integrand(p, 0.0, &size);
    sum += sum_along(p, step, step, sum);
    for (int halving = 0; halving < 14; halving++) {
        const double before = sum * step;
        sum += sum_along(p, 0.5 * step, step, sum);
        step *= 0.5;
        if (fabs(sum * step - before) <= 1e-10 * fabs(before)) {
            return sum * step;
        }
    }
    return (double)NAN;
}

static qst_status check_form(const double *lambda, ptrdiff_t n, double q, qst_err *err)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if (!(lambda[i] >= 0.0 && isfinite(lambda[i]))) {
            return qst__fail_at(err, QST_ERANGE, i, -1, lambda[i],
                "coefficient %td of the quadratic form is %g, not a number >= 0", i + 1, lambda[i]);
        }
    }
    if (isnan(q)) {
        return qst__fail_at(err, QST_ERANGE, -1, -1, q, "the quadratic form's value is missing");
    }
    return QST_OK;
}

qst_status qst_quadratic_form(
    const double *lambda, ptrdiff_t n, double q, double *lower_out, double *upper_out, qst_err *err)
{
    const qst_status status = check_form(lambda, n, q, err);
    if (status != QST_OK) {
        return status;
    }
    double mean = 0.0, largest = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        mean += lambda[i];
        largest = fmax(largest, lambda[i]);
    }
    if (!(q > 0.0 && isfinite(q) && largest > 0.0)) {
        *lower_out = q > 0.0 || (q == 0.0 && !(largest > 0.0)) ? 1.0 : 0.0;
        *upper_out = 1.0 - *lower_out;
        return QST_OK;
    }
    path p = {.lambda = lambda, .n = n, .q = q};
    const double width = lay_path(&p, mean, largest);
    const double tail = fmin(1.0, fabs(integrate(&p, width)) * exp(p.height) / acos(-1.0));
    if (isnan(tail)) {
        return qst__fail(
            err, QST_ENOTCONV, "the distribution of the quadratic form does not settle");
    }
    *lower_out = q > mean ? 1.0 - tail : tail;
    *upper_out = q > mean ? tail : 1.0 - tail;
    return QST_OK;
}
