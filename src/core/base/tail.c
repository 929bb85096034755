#include "base/base.h"

#include <float.h>
#include <math.h>

#define LOG_2PI 1.83787706640934548356

/* ---- Densities, after Loader (2000, Fast and Accurate Computation of Binomial Probabilities) ----
 * Written as exp() of small differences and not of large logarithms, so that many degrees of
 * freedom cost no digits. */

/* log gamma(x + 1) less Stirling's formula: its series (Abramowitz & Stegun 6.1.41), for a small x
 * after it is raised to where eight terms are enough. */
static double stirling_error(double x)
{
    static const double terms[] = {1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0,
        1.0 / 1188.0, -691.0 / 360360.0, 1.0 / 156.0, -3617.0 / 122400.0};
    double product = 1.0, z = x;
    while (z < 10.0) {
        z += 1.0;
        product *= z;
    }
    const double inverse = 1.0 / (z * z);
    double series = 0.0;
    for (int k = 7; k >= 0; k--) {
        series = series * inverse + terms[k];
    }
    series /= z;
    if (z > x) {
        series += (z + 0.5) * log(z) - z - log(product) - (x + 0.5) * log(x) + x;
    }
    return series;
}

double qst__log_gamma(double x)
{
    return stirling_error(x) + (x - 0.5) * log(x) - x + 0.5 * LOG_2PI;
}

/* u - log(1 + u); the logarithm is given too, for u near -1. With v = u / (2 + u) it is
 * u v - 2 (v^3 / 3 + v^5 / 5 + ...). */
static double above_log(double u, double log_1u)
{
    if (fabs(u) > 0.5) {
        return u - (u > -0.9 ? log1p(u) : log_1u);
    }
    const double v = u / (2.0 + u), square = v * v;
    double sum = u * v, power = 2.0 * v, last;
    int k = 3;
    do {
        power *= square;
        last = sum;
        sum -= power / k;
        k += 2;
    } while (sum != last);
    return sum;
}

/* x^a y^b / B(a, b) with y / x = odds and x + y = 1. */
static double beta_density(double a, double b, double odds, double log_odds)
{
    const double n = a + b, away = b - a * odds, all = 1.0 + odds;
    const double u_a = isinf(all) ? -1.0 : away / (a * all);
    const double u_b = isinf(all) ? a / b : -away / (b * all);
    const double log_all = odds > 1e300 ? log_odds : log1p(odds);
    const double far = a * above_log(u_a, log(n / a) - log_all) +
                       b * above_log(u_b, log(n / b) + log_odds - log_all);
    const double error = stirling_error(n) - stirling_error(a) - stirling_error(b);
    return exp(error - far) * sqrt(a / n * b) * exp(-0.5 * LOG_2PI);
}

/* x^a exp(-x) / gamma(a) */
static double gamma_density(double a, double x)
{
    const double u = (x - a) / a;
    return exp(-stirling_error(a) - a * above_log(u, log(x / a)) - 0.5 * LOG_2PI) * sqrt(a);
}

/* ---- Continued fractions ---- */

static double not_zero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

/* 1/(b0 + a1/(b1 + a2/(b2 + ...))) by Lentz's method (1976, Appl. Opt. 15:668), one step at a time
 * after value = 1 / b0, c = b0, d = 0. */
typedef struct {
    double value, c, d;
} fraction;

static bool step(fraction *f, double a, double b)
{
    f->d = 1.0 / not_zero(b + a * f->d);
    f->c = not_zero(b + a / f->c);
    const double factor = f->c * f->d;
    f->value /= factor;
    return fabs(factor - 1.0) > DBL_EPSILON;
}

/* Near the middle it takes about the root of the larger parameter. */
#define MAX_STEPS 1000000

/* I_x(a, b) B(a, b) / (x^a y^b) for x < (a + 1) / (a + b + 2): the even part of Abramowitz & Stegun
 * 26.5.8 as Didonato & Morris write it (1992, ACM TOMS 18:360-373, eq. 9), in which nothing cancels
 * when x is near 1; above = a y - b x. */
static double beta_fraction(double a, double b, double x, double y, double above)
{
    const double first = a / (a + 1.0) * (1.0 + above);
    fraction f = {1.0 / not_zero(first), not_zero(first), 0.0};
    bool goes_on = true;
    for (double n = 1.0; goes_on && n < MAX_STEPS; n += 1.0) {
        const double s = a + 2.0 * n - 1.0, w = n * (b - n) * x / s;
        goes_on = step(&f, (a + n - 1.0) * (a + b + n - 1.0) * x / s * w,
            n + w + (a + n) / (s + 2.0) * (1.0 + above + n * (1.0 + y)));
    }
    return f.value;
}

/* I_x(a, b) where (1 - x) / x = odds. */
static double beta_share(double a, double b, double odds, double log_odds)
{
    const double x = 1.0 / (1.0 + odds), y = isinf(odds) ? 1.0 : odds / (1.0 + odds);
    const double above = isinf(odds) ? a : (a * odds - b) / (1.0 + odds);
    const double density = beta_density(a, b, odds, log_odds);
    return x < (a + 1.0) / (a + b + 2.0) ? density * beta_fraction(a, b, x, y, above)
                                         : 1.0 - density * beta_fraction(b, a, y, x, -above);
}

/* From here on the two terms of Temme's expansion leave less than 1e-12 of Q(a, x); the series and
 * the fraction would take some root of a steps. */
#define UNIFORM_FROM 1e8

/* Temme (1979, SIAM J. Math. Anal. 10:757, eq. 1.4 and 3.3): eta^2 / 2 = x / a - 1 - log(x / a). */
static double gamma_upper_uniform(double a, double x)
{
    const double u = (x - a) / a, half = above_log(u, log(x / a));
    const double eta = copysign(sqrt(2.0 * half), u);
    const double c = fabs(eta) < 1e-3
                         ? -1.0 / 3.0 + eta * (1.0 / 12.0 - eta * (2.0 / 135.0 - eta / 864.0))
                         : 1.0 / u - 1.0 / eta;
    return 0.5 * erfc(copysign(sqrt(a * half), u)) + c * exp(-a * half - 0.5 * (LOG_2PI + log(a)));
}

/* Abramowitz & Stegun 6.5.29 below a + 1, 6.5.31 above: the upper share Q(a, x). */
static double gamma_upper(double a, double x)
{
    if (a > UNIFORM_FROM) {
        return gamma_upper_uniform(a, x);
    }
    const double density = gamma_density(a, x);
    if (x < a + 1.0) {
        double term = 1.0 / a, sum = term;
        for (double n = 1.0; term > sum * DBL_EPSILON; n += 1.0) {
            term *= x / (a + n);
            sum += term;
        }
        return 1.0 - density * sum;
    }
    const double first = x - a + 1.0;
    fraction f = {1.0 / first, first, 0.0};
    bool goes_on = true;
    for (double n = 1.0; goes_on && n < MAX_STEPS; n += 1.0) {
        goes_on = step(&f, n * (a - n), first + 2.0 * n);
    }
    return density * f.value;
}

/* ---- Tails ---- */

double qst_tail_normal(double z)
{
    return erfc(fabs(z) * 0.70710678118654752440);
}

/* P(|T| > t) = I_x(df / 2, 1 / 2), (1 - x) / x = t^2 / df. */
double qst_tail_t(double t, double df)
{
    if (!(df > 0.0) || isnan(t)) {
        return (double)NAN;
    }
    if (isinf(t) || t == 0.0 || isinf(df)) {
        return isinf(t) ? 0.0 : qst_tail_normal(t);
    }
    const double log_odds = 2.0 * log(fabs(t)) - log(df);
    return beta_share(0.5 * df, 0.5, t / df * t, log_odds);
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
    const double log_odds = log(x) + log(df1) - log(df2);
    return beta_share(0.5 * df2, 0.5 * df1, df1 / df2 * x, log_odds);
}

/* ---- Quantile of t ---- */

/* Between low and high Newton's steps of log p in log t, whose slope is -2 x^a y^b / (B p); where
 * they leave the bounds, halves. */
static double t_between(double p, double df, double low, double high)
{
    double t = 0.5 * (low + high);
    for (int k = 0; k < 200 && low < high; k++) {
        const double here = qst_tail_t(t, df);
        if (here == p) {
            return t;
        }
        *(here > p ? &low : &high) = t;
        const double odds = t / df * t;
        const double slope = 2.0 * beta_density(0.5 * df, 0.5, odds, 2.0 * log(t) - log(df)) / here;
        double next = t * exp(log(here / p) / slope);
        if (!(next > low && next < high)) {
            next = 0.5 * (low + high);
        }
        if (fabs(next - t) <= 2.0 * DBL_EPSILON * t) {
            return next;
        }
        t = next;
    }
    return t;
}

double qst_tail_t_quantile(double p, double df)
{
    if (!(p > 0.0 && p <= 1.0 && df > 0.0)) {
        return (double)NAN;
    }
    if (p == 1.0 || isinf(df)) {
        return fabs(qst_normal_quantile(0.5 * p));
    }
    double low = 0.0, high = 1.0;
    while (qst_tail_t(high, df) > p && high < 1e300) {
        low = high;
        high *= 2.0;
    }
    return high < 1e300 ? t_between(p, df, low, high) : (double)INFINITY;
}
