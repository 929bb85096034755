#include "base/base.h"

#include <math.h>
#include <string.h>

/* Elements worked on at a time; a constant, so that the loops become vector code. */
#define RUN 32

/* log 2 in two parts, the first short enough that its product with an exponent is exact. */
#define LN2_HIGH 0x1.62e42fefa3000p-1
#define LN2_LOW 0x1.3de6af278ece6p-42
#define LOG2_E 0x1.71547652b82fep+0
/* Added to a number below 2^51 it leaves the nearest integer in the last bits. */
#define ROUNDER 0x1.8p52

/* Where the vector code works: results are normal numbers, arguments of log too. libm has the
 * ends. */
#define EXP_END 708.0
#define LOG_LOW 0x1p-1022
#define LOG_HIGH 0x1.fffffffffffffp1023

QST__LOOP uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

QST__LOOP double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* e^r - 1 - r over r^2 for |r| <= log(2) / 2, by its series up to r^11 / 13!. */
QST__LOOP double exp_rest(double r)
{
    double sum = 1.0 / 6227020800.0;
    sum = sum * r + 1.0 / 479001600.0;
    sum = sum * r + 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    return sum * r + 0.5;
}

/* e^x = 2^k e^r with k = x / log 2 rounded (Cody & Waite 1980, Software manual for the elementary
 * functions, ch. 6). */
QST__LOOP double exp_one(double x)
{
    const double shifted = x * LOG2_E + ROUNDER;
    const double k = shifted - ROUNDER;
    const double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    const double power = of_bits((bits_of(shifted) + 1023) << 52);
    return (1.0 + (r + r * r * exp_rest(r))) * power;
}

/* log((1 + s) / (1 - s)) / s - 2 for |s| <= 0.172, in z = s^2. */
QST__LOOP double log_rest(double z)
{
    double sum = 2.0 / 21.0;
    sum = sum * z + 2.0 / 19.0;
    sum = sum * z + 2.0 / 17.0;
    sum = sum * z + 2.0 / 15.0;
    sum = sum * z + 2.0 / 13.0;
    sum = sum * z + 2.0 / 11.0;
    sum = sum * z + 2.0 / 9.0;
    sum = sum * z + 2.0 / 7.0;
    sum = sum * z + 2.0 / 5.0;
    sum = sum * z + 2.0 / 3.0;
    return sum * z;
}

/*
 * x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2); with s = f / (2 + f),
 * log(1 + f) = 2 s + s rest(s^2) and 2 s = f - f^2 / 2 + s f^2 / 2, which
 * keeps f, the large part, exact.
 */
QST__LOOP double log_one(double x)
{
    const uint64_t root_half = UINT64_C(0x3FE6A09E667F3BCD), one = UINT64_C(0x3FF0000000000000);
    const uint64_t moved = bits_of(x) + (one - root_half);
    const double k = of_bits((moved >> 52) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023.0);
    const double f = of_bits((moved & UINT64_C(0x000FFFFFFFFFFFFF)) + root_half) - 1.0;
    const double s = f / (2.0 + f);
    const double half_square = 0.5 * f * f;
    const double small_part = s * (half_square + log_rest(s * s)) + k * LN2_LOW;
    return k * LN2_HIGH - ((half_square - small_part) - f);
}

/* Each loop says whether all arguments were in its reach. */
QST__LOOP bool exp_loop(const double *restrict x, double *restrict out)
{
    int64_t n_inside = 0;
    for (int i = 0; i < RUN; i++) {
        n_inside += (x[i] >= -EXP_END) & (x[i] <= EXP_END);
        out[i] = exp_one(x[i]);
    }
    return n_inside == RUN;
}

QST__LOOP bool log_loop(const double *restrict x, double *restrict out)
{
    int64_t n_inside = 0;
    for (int i = 0; i < RUN; i++) {
        n_inside += (x[i] >= LOG_LOW) & (x[i] <= LOG_HIGH);
        out[i] = log_one(x[i]);
    }
    return n_inside == RUN;
}

QST__WIDE bool exp_loop_wide(const double *x, double *out)
{
    return exp_loop(x, out);
}

QST__WIDE bool log_loop_wide(const double *x, double *out)
{
    return log_loop(x, out);
}

static void exp_run(const double *x, double *out)
{
    if (QST__IS_WIDE ? exp_loop_wide(x, out) : exp_loop(x, out)) {
        return;
    }
    for (int i = 0; i < RUN; i++) {
        out[i] = fabs(x[i]) <= EXP_END ? out[i] : exp(x[i]);
    }
}

static void log_run(const double *x, double *out)
{
    if (QST__IS_WIDE ? log_loop_wide(x, out) : log_loop(x, out)) {
        return;
    }
    for (int i = 0; i < RUN; i++) {
        out[i] = x[i] >= LOG_LOW && x[i] <= LOG_HIGH ? out[i] : log(x[i]);
    }
}

/* In runs, from a copy so that `out` may be `x`; the last one is filled up with ones. */
static void each_run(
    const double *x, ptrdiff_t n, double *out, void (*run)(const double *x, double *out))
{
    double from[RUN], to[RUN];
    for (ptrdiff_t start = 0; start < n; start += RUN) {
        const ptrdiff_t m = qst__min(RUN, n - start);
        for (ptrdiff_t i = m; i < RUN; i++) {
            from[i] = 1.0;
        }
        memcpy(from, x + start, (size_t)m * sizeof *from);
        run(from, to);
        memcpy(out + start, to, (size_t)m * sizeof *to);
    }
}

void qst__exp_block(const double *x, ptrdiff_t n, double *out)
{
    each_run(x, n, out, exp_run);
}

void qst__log_block(const double *x, ptrdiff_t n, double *out)
{
    each_run(x, n, out, log_run);
}
