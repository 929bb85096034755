#include "base/base.h"

#include <float.h>
#include <math.h>

/* Stirling's series (Abramowitz & Stegun 6.1.41), after x is raised to where eight terms are
 * enough; lgamma() writes a global sign. */
double qst__log_gamma(double x)
{
    double product = 1.0;
    while (x < 8.0) {
        product *= x;
        x += 1.0;
    }
    static const double terms[] = {1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0,
        1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0, -3617.0 / 122400.0};
    const double inverse = 1.0 / (x * x);
    double series = 0.0;
    for (int k = 7; k >= 0; k--) {
        series = series * inverse + terms[k];
    }
    return (x - 0.5) * log(x) - x + 0.91893853320467274178 + series / x - log(product);
}

static double not_zero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

/* A continued fraction b0 + a1/(b1 + a2/(b2 + ...)) by Lentz's method (1976, Appl. Opt. 15:668),
 * one step at a time. */
typedef struct {
    double value, c, d;
} fraction;

static bool step(fraction *f, double a, double b)
{
    f->d = 1.0 / not_zero(b + a * f->d);
    f->c = not_zero(b + a / f->c);
    const double factor = f->c * f->d;
    f->value *= factor;
    return fabs(factor - 1.0) > DBL_EPSILON;
}

/* ---- Incomplete beta ---- */

/* Abramowitz & Stegun 26.5.8, for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    fraction f = {1.0, 1.0, 0.0};
    f.d = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    f.value = f.d;
    bool goes_on = true;
    for (int m = 1; goes_on && m < 100000; m++) {
        const double i = m, two = 2.0 * i;
        step(&f, i * (b - i) * x / ((a + two - 1.0) * (a + two)), 1.0);
        goes_on = step(&f, -(a + i) * (a + b + i) * x / ((a + two) * (a + two + 1.0)), 1.0);
    }
    return f.value;
}

/* I_x(a, b); y is 1 - x, given apart so that neither loses digits. */
static double beta_share(double a, double b, double x, double y)
{
    if (x <= 0.0 || y <= 0.0) {
        return x <= 0.0 ? 0.0 : 1.0;
    }
    const double front = exp(
        qst__log_gamma(a + b) - qst__log_gamma(a) - qst__log_gamma(b) + a * log(x) + b * log(y));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(a, b, x) / a
                                         : 1.0 - front * beta_fraction(b, a, y) / b;
}

/* ---- Incomplete gamma ---- */

/* Abramowitz & Stegun 6.5.29 below a + 1, 6.5.31 above: the upper share Q(a, x). */
static double gamma_upper(double a, double x)
{
    const double front = exp(a * log(x) - x - qst__log_gamma(a));
    if (x < a + 1.0) {
        double term = 1.0 / a, sum = term;
        for (double n = 1.0; term > sum * DBL_EPSILON; n += 1.0) {
            term *= x / (a + n);
            sum += term;
        }
        return 1.0 - front * sum;
    }
    fraction f = {1.0, 1e300, 1.0 / (x + 1.0 - a)};
    f.value = f.d;
    bool goes_on = true;
    for (double n = 1.0; goes_on && n < 100000.0; n += 1.0) {
        goes_on = step(&f, -n * (n - a), x + 2.0 * n + 1.0 - a);
    }
    return front * f.value;
}

/* ---- Tails ---- */

double qst_tail_normal(double z)
{
    return erfc(fabs(z) * 0.70710678118654752440);
}

double qst_tail_t(double t, double df)
{
    if (!(df > 0.0) || isnan(t)) {
        return (double)NAN;
    }
    if (isinf(t) || isinf(df)) {
        return isinf(t) ? 0.0 : qst_tail_normal(t);
    }
    const double sum = df + t * t;
    return beta_share(0.5 * df, 0.5, df / sum, t * t / sum);
}

double qst_tail_chisq(double x, double df)
{
    if (!(df > 0.0) || isinf(df) || isnan(x)) {
        return (double)NAN;
    }
    if (x <= 0.0 || isinf(x)) {
        return x <= 0.0 ? 1.0 : 0.0;
    }
    return gamma_upper(0.5 * df, 0.5 * x);
}

double qst_tail_f(double x, double df1, double df2)
{
    if (!(df1 > 0.0 && df2 > 0.0) || isinf(df1) || isnan(x)) {
        return (double)NAN;
    }
    if (isinf(df2)) {
        return qst_tail_chisq(df1 * x, df1);
    }
    if (x <= 0.0 || isinf(x)) {
        return x <= 0.0 ? 1.0 : 0.0;
    }
    const double sum = df2 + df1 * x;
    return beta_share(0.5 * df2, 0.5 * df1, df2 / sum, df1 * x / sum);
}

/* The tail falls with |t|: doubled until below p, then halved intervals. */
double qst_tail_t_quantile(double p, double df)
{
    if (!(p > 0.0 && p <= 1.0 && df > 0.0)) {
        return (double)NAN;
    }
    double low = 0.0, high = 1.0;
    while (qst_tail_t(high, df) > p && high < 1e150) {
        low = high;
        high *= 2.0;
    }
    for (int k = 0; k < 100 && low < high; k++) {
        const double middle = 0.5 * (low + high);
        if (middle <= low || middle >= high) {
            break;
        }
        if (qst_tail_t(middle, df) > p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return 0.5 * (low + high);
}
