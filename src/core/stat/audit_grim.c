#include "stat/audit.h"

/*
 * Means and SDs that n whole numbers can have: GRIM (Brown & Heathers 2017, Soc Psychol Pers Sci
 * 8:363-369) and GRIMMER (Anaya 2016, PeerJ Preprints 4:e2400v1; Allard 2018), here without a test
 * of samples. With y = x - floor(S / n), S the sum of x, r = S mod n is the sum of y, and there are
 * whole y with sum r and sum of squares q exactly if q has r's parity, q >= r, and
 *   n >= 5: always. For n = 5 one y can be picked so that n = 4 with an odd sum is left; one more
 *           person is a y of 0.
 *   n = 4:  4q - r^2 is a sum of three squares of one parity (Cauchy's lemma), which it is for odd
 *           r, and for even r unless q - (r/2)^2 = 4^a (8b + 7) (Legendre).
 *   n = 3:  (3q - r^2) / 2 is a norm of Eisenstein integers: no prime that is 2 mod 3 divides it an
 *           odd number of times.
 *   n = 2:  2q - r^2 is a square.
 */

/* Doubles carry whole numbers here; what rounding adds to their bounds. */
static double slack(double x)
{
    return 1e-12 * fmax(1.0, fabs(x));
}

/* ---- Sums of squares ---- */

static bool is_norm(int64_t x)
{
    for (int64_t p = 2; p * p <= x; p++) {
        int times = 0;
        while (x % p == 0) {
            x /= p;
            times++;
        }
        if (p % 3 == 2 && times % 2 == 1) {
            return false;
        }
    }
    return x % 3 != 2;
}

static bool is_three_squares(int64_t x)
{
    while (x > 0 && x % 4 == 0) {
        x /= 4;
    }
    return x % 8 != 7;
}

/* q has the parity of r and is not below it. */
static bool has_squares(int64_t n, int64_t r, int64_t q)
{
    if (n >= 5 || (n == 4 && r % 2 == 1)) {
        return true;
    }
    return n == 4 ? is_three_squares(q - r / 2 * (r / 2)) : is_norm((3 * q - r * r) / 2);
}

/* The whole d >= 0 of r's parity that is nearest to x from above (direction 1) or below (-1), at
 * least `least`; below `least` -1. */
static int64_t next_of_parity(double x, int64_t r, int64_t least, int direction)
{
    int64_t d = (int64_t)(direction > 0 ? ceil(x - slack(x)) : floor(x + slack(x)));
    if ((d - r) % 2 != 0) {
        d += direction;
    }
    if (d < least) {
        return direction > 0 ? least : -1;
    }
    return d;
}

/* The sum of squares nearest to x from above or below that n whole numbers with sum r can have; -1
 * if there is none. */
static double nearest_squares(int64_t n, int64_t r, double x, int direction)
{
    if (n == 2) {
        const double root = sqrt(fmax(2.0 * x - (double)(r * r), 0.0));
        const int64_t d = next_of_parity(root, r, r, direction);
        return d < 0 ? -1.0 : 0.5 * ((double)d * (double)d + (double)(r * r));
    }
    int64_t q = next_of_parity(x, r, r, direction);
    while (q >= r && !has_squares(n, r, q)) {
        q += 2 * direction;
    }
    return q < r ? -1.0 : (double)q;
}

/* ---- Means and SDs ---- */

/* Sums in units of the grid that print as the mean. */
typedef struct {
    double low, high;
} sums;

static sums sums_of(qst__interval mean, double n, double step)
{
    const double low = mean.low * n / step, high = mean.high * n / step;
    return (sums){ceil(low - slack(low)), floor(high + slack(high))};
}

bool qst__grim(qst__interval mean, double n, double step, double *nearest_out)
{
    const double middle = 0.5 * (mean.low + mean.high);
    const sums possible = sums_of(mean, n, step);
    *nearest_out = nearbyint(middle * n / step) * step / n;
    return possible.low <= possible.high;
}

/* Sums beyond n in a row have the remainders of others. */
bool qst__grimmer(qst__interval mean, qst__interval sd, double n, double step, double *nearest_out)
{
    const sums possible = sums_of(mean, n, step);
    const double count = fmin(possible.high - possible.low + 1.0, n);
    const double middle = 0.5 * (fmax(sd.low, 0.0) + sd.high);
    const double low = fmax(sd.low, 0.0) / step, high = sd.high / step, aim = middle / step;
    double least = (double)INFINITY;
    *nearest_out = (double)NAN;
    for (double k = 0.0; k < count; k += 1.0) {
        const double sum = possible.low + k, r = sum - n * floor(sum / n), shift = r * r / n;
        for (int direction = -1; direction <= 1; direction += 2) {
            const double q =
                nearest_squares((int64_t)n, (int64_t)r, (n - 1.0) * aim * aim + shift, direction);
            const double here = sqrt(fmax(q - shift, 0.0) / (n - 1.0));
            if (q >= 0.0 && fabs(here - aim) < least) {
                least = fabs(here - aim);
                *nearest_out = here * step;
            }
        }
        if (*nearest_out / step >= low - slack(low) && *nearest_out / step <= high + slack(high)) {
            return true;
        }
    }
    return false;
}

/* Whole, and small enough for the sums to be exact. */
static bool is_size(double n, double least, double step)
{
    return n >= least && n <= 1e9 && n == floor(n) && step > 0.0 && isfinite(step);
}

static int32_t is_possible(const qst_grim_rows *rows, ptrdiff_t i)
{
    const double n = rows->n[i], step = rows->step[i];
    const qst__interval mean = qst__printed_interval(&rows->mean[i], rows->truncated);
    double nearest;
    if (isnan(mean.low) || !is_size(n, rows->sd == NULL ? 1.0 : 2.0, step)) {
        return QST_NA_INT;
    }
    if (rows->sd == NULL) {
        return qst__grim(mean, n, step, &nearest);
    }
    const qst__interval sd = qst__printed_interval(&rows->sd[i], rows->truncated);
    return isnan(sd.low) ? QST_NA_INT : qst__grimmer(mean, sd, n, step, &nearest);
}

qst_status qst_grim(
    const qst_ctx *ctx, const qst_grim_rows *rows, int32_t *possible_out, qst_err *err)
{
    qst_status status = QST_OK;
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    for (ptrdiff_t i = 0; status == QST_OK && i < rows->n_rows; i++) {
        possible_out[i] = is_possible(rows, i);
        if (i % 64 == 63) {
            status = qst__tick(&ticker, err);
        }
    }
    return status;
}

/* ---- Checks ---- */

bool qst__range_grim(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    const double n = check->n > 0 ? qst__input_value(audit, check, 0) : (double)NAN;
    const qst__interval mean =
        qst__printed_interval(&audit->cells[check->target], audit->tables->truncated);
    double nearest;
    if (!is_size(n, 1.0, check->par[0]) || isnan(mean.low)) {
        return false;
    }
    (void)qst__grim(mean, n, check->par[0], &nearest);
    *range_out = (qst__range){nearest, nearest, nearest, (double)NAN};
    return true;
}

bool qst__range_grimmer(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    const double n = check->n > 1 ? qst__input_value(audit, check, 0) : (double)NAN;
    const qst__interval sd =
        qst__printed_interval(&audit->cells[check->target], audit->tables->truncated);
    double nearest;
    if (!is_size(n, 2.0, check->par[0]) || isnan(sd.low)) {
        return false;
    }
    const qst__interval mean = qst__input_interval(audit, check, 1);
    (void)qst__grimmer(mean, sd, n, check->par[0], &nearest);
    *range_out = (qst__range){nearest, nearest, nearest, (double)NAN};
    return true;
}
