#include "base/base.h"

#include <math.h>
#include <string.h>

#define NA_REAL_BITS UINT64_C(0x7FF00000000007A2)

double qst_na_real(void)
{
    const uint64_t bits = NA_REAL_BITS;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

bool qst_is_na_real(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    /* Arithmetic may set the quiet bit and the sign; as R does, look at the low word only. */
    return isnan(x) && (uint32_t)bits == (uint32_t)NA_REAL_BITS;
}

/* Horner: c[0] + c[1] x + ... + c[n - 1] x^(n - 1). */
static double polynomial(const double *c, int n, double x)
{
    double value = c[n - 1];
    for (int k = n - 2; k >= 0; k--) {
        value = value * x + c[k];
    }
    return value;
}

/* Numerators and denominators of AS 241, PPND16: the middle, the tails, the far tails. */
static const double middle_num[] = {3.3871328727963666080e0, 1.3314166789178437745e+2,
    1.9715909503065514427e+3, 1.3731693765509461125e+4, 4.5921953931549871457e+4,
    6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3};
static const double middle_den[] = {1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2,
    5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
    2.8729085735721942674e+4, 5.2264952788528545610e+3};
static const double tail_num[] = {1.42343711074968357734e0, 4.63033784615654529590e0,
    5.76949722146069140550e0, 3.64784832476320460504e0, 1.27045825245236838258e0,
    2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4};
static const double tail_den[] = {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
    6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
    5.47593808499534494600e-4, 1.05075007164441684324e-9};
static const double far_num[] = {6.65790464350110377720e0, 5.46378491116411436990e0,
    1.78482653991729133580e0, 2.96560571828504891230e-1, 2.65321895265761230930e-2,
    1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7};
static const double far_den[] = {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
    1.42151175831644588870e-7, 2.04426310338993978564e-15};

double qst_normal_quantile(double p)
{
    if (!(p > 0.0 && p < 1.0)) {
        return p == 0.0 ? -(double)INFINITY : p == 1.0 ? (double)INFINITY : (double)NAN;
    }
    const double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        return q * polynomial(middle_num, 8, r) / polynomial(middle_den, 8, r);
    }
    const double r = sqrt(-log(q < 0.0 ? p : 1.0 - p));
    const double z = r <= 5.0 ? polynomial(tail_num, 8, r - 1.6) / polynomial(tail_den, 8, r - 1.6)
                              : polynomial(far_num, 8, r - 5.0) / polynomial(far_den, 8, r - 5.0);
    return q < 0.0 ? -z : z;
}

/* polynomial() of four at once: the same bits. */
QST__LOOP void polynomials(const double *c, const qst__four *x, qst__four *out)
{
    qst__four value = {c[7], c[7], c[7], c[7]};
    for (int k = 6; k >= 0; k--) {
        value = value * *x + c[k];
    }
    *out = value;
}

/* The middle of the distribution, where most are, four at a time; then the others. */
QST__LOOP void quantiles_loop(const double *p, ptrdiff_t n, double *out)
{
    for (ptrdiff_t i = 0; i + 4 <= n; i += 4) {
        const qst__four given = *(const qst__four *)(p + i);
        const qst__four q = given - 0.5;
        const qst__four r = 0.180625 - q * q;
        qst__four num, den;
        polynomials(middle_num, &r, &num);
        polynomials(middle_den, &r, &den);
        const qst__four z = q * num / den;
        for (int k = 0; k < 4; k++) {
            out[i + k] = fabs(q[k]) <= 0.425 ? z[k] : qst_normal_quantile(given[k]);
        }
    }
}

QST__WIDE void quantiles_wide(const double *p, ptrdiff_t n, double *out)
{
    quantiles_loop(p, n, out);
}

void qst__normal_quantiles(const double *p, ptrdiff_t n, double *out)
{
    const ptrdiff_t n_whole = n & ~(ptrdiff_t)3;
    if (QST__IS_WIDE) {
        quantiles_wide(p, n_whole, out);
    } else {
        quantiles_loop(p, n_whole, out);
    }
    for (ptrdiff_t k = n_whole; k < n; k++) {
        out[k] = qst_normal_quantile(p[k]);
    }
}

/* What Stirling's series leaves out is below the last digit from here on. */
#define STIRLING_FROM 10.0

/* Bernoulli numbers B_2, B_4, ..., B_16. */
static const double bernoulli[] = {1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0,
    -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0};
#define N_BERNOULLI 8

/* Abramowitz & Stegun (1964) 6.3.5 and 6.3.18. */
double qst__digamma(double x)
{
    if (!(x > 0.0)) {
        return (double)NAN;
    }
    double steps = 0.0;
    for (; x < STIRLING_FROM; x += 1.0) {
        steps += 1.0 / x;
    }
    const double z = 1.0 / (x * x);
    double series = 0.0;
    for (int k = N_BERNOULLI; k >= 1; k--) {
        series = (series + bernoulli[k - 1] / (2.0 * k)) * z;
    }
    return log(x) - 0.5 / x - series - steps;
}

/* Abramowitz & Stegun (1964) 6.4.6 and 6.4.12. */
double qst__trigamma(double x)
{
    if (!(x > 0.0)) {
        return (double)NAN;
    }
    double steps = 0.0;
    for (; x < STIRLING_FROM; x += 1.0) {
        steps += 1.0 / (x * x);
    }
    const double z = 1.0 / (x * x);
    double series = 0.0;
    for (int k = N_BERNOULLI; k >= 1; k--) {
        series = (series + bernoulli[k - 1]) * z;
    }
    return (1.0 + 0.5 / x + series) / x + steps;
}
