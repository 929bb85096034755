#include "stat/family.h"

#include <float.h>
#include <math.h>

/* Rows for which there is room beside the caller's. */
#define RUN 128

#define LOGIT_END 30.0
/* The standard normal and Cauchy quantiles of 1 - 2^-52. */
#define PROBIT_END 8.125890664701906
#define CAUCHIT_END 1433540284805664.8
#define ONE_OVER_PI 0.3183098861837906715378
#define PI 3.14159265358979323846
#define ROOT_HALF 0.70710678118654752440
#define NORMAL_DENSITY_AT_0 0.3989422804014326779399

/* ---- Families ---- */

/* Means lie in (low, high); a response may be at `low` if that is closed. */
typedef struct {
    double low, high;
    bool low_is_closed;
    bool mu_is_free; /* any finite mean goes, as R's validmu() has it */
    const char *range;
} traits;

static traits traits_of(qst_family family)
{
    const double inf = (double)INFINITY;
    switch (family) {
    case QST_FAMILY_GAUSSIAN:
        return (traits){-inf, inf, false, true, "finite"};
    case QST_FAMILY_BINOMIAL:
        return (traits){0.0, 1.0, true, false, "from 0 to 1"};
    case QST_FAMILY_GAMMA:
        return (traits){0.0, inf, false, false, "above 0"};
    case QST_FAMILY_INVERSE_GAUSSIAN:
        return (traits){0.0, inf, false, true, "above 0"};
    case QST_FAMILY_POISSON:
    case QST_FAMILY_NEGATIVE_BINOMIAL:
        break;
    }
    return (traits){0.0, inf, true, false, "from 0"};
}

static double weight_at(const double *weights, ptrdiff_t i)
{
    return weights != NULL ? weights[i] : 1.0;
}

void qst__variance_block(
    qst_family family, double theta, const double *mu, ptrdiff_t n, double *variance_out)
{
    switch (family) {
    case QST_FAMILY_GAUSSIAN:
        for (ptrdiff_t i = 0; i < n; i++) {
            variance_out[i] = isnan(mu[i]) ? mu[i] : 1.0;
        }
        break;
    case QST_FAMILY_BINOMIAL:
        for (ptrdiff_t i = 0; i < n; i++) {
            variance_out[i] = mu[i] * (1.0 - mu[i]);
        }
        break;
    case QST_FAMILY_POISSON:
        for (ptrdiff_t i = 0; i < n; i++) {
            variance_out[i] = mu[i];
        }
        break;
    case QST_FAMILY_GAMMA:
        for (ptrdiff_t i = 0; i < n; i++) {
            variance_out[i] = mu[i] * mu[i];
        }
        break;
    case QST_FAMILY_INVERSE_GAUSSIAN:
        for (ptrdiff_t i = 0; i < n; i++) {
            variance_out[i] = mu[i] * mu[i] * mu[i];
        }
        break;
    case QST_FAMILY_NEGATIVE_BINOMIAL:
        for (ptrdiff_t i = 0; i < n; i++) {
            variance_out[i] = mu[i] + mu[i] * mu[i] / theta;
        }
        break;
    }
}

/* ---- Deviance ---- */

/* y log(y / mu), 0 at y = 0; at most RUN rows, as all terms below. */
static void y_log_ratio(const double *y, const double *mu, ptrdiff_t n, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = y[i] == 0.0 ? 1.0 : y[i] / mu[i];
    }
    qst__log_block(out, n, out);
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = y[i] == 0.0 ? 0.0 : y[i] * out[i];
    }
}

/* The chance of what was answered, of answers 0 and 1; false if there are others. */
QST__LOOP bool chance_loop(
    const double *restrict y, const double *restrict mu, ptrdiff_t n, double *restrict out)
{
    int64_t n_ends = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        n_ends += (y[i] == 0.0) | (y[i] == 1.0);
        out[i] = (1.0 - y[i]) - (1.0 - 2.0 * y[i]) * mu[i];
    }
    return n_ends == n;
}

QST__WIDE bool chance_run(const double *y, const double *mu, double *out)
{
    return chance_loop(y, mu, RUN, out);
}

static bool chance_of_answer(const double *y, const double *mu, ptrdiff_t n, double *out)
{
    return n == RUN && QST__IS_WIDE ? chance_run(y, mu, out) : chance_loop(y, mu, n, out);
}

QST__LOOP void scale_loop(double *x, ptrdiff_t n, double by)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        x[i] *= by;
    }
}

QST__WIDE void scale_run(double *x, double by)
{
    scale_loop(x, RUN, by);
}

static void scale(double *x, ptrdiff_t n, double by)
{
    if (n == RUN && QST__IS_WIDE) {
        scale_run(x, by);
    } else {
        scale_loop(x, n, by);
    }
}

/* Half the terms: y log(y / mu) + (1 - y) log((1 - y) / (1 - mu)); of answers 0 and 1 one of the
 * two is 0. */
static void binomial_terms(const double *y, const double *mu, ptrdiff_t n, double *out)
{
    double not_y[RUN] = {0.0}, not_mu[RUN] = {0.0};
    if (chance_of_answer(y, mu, n, out)) {
        qst__log_block(out, n, out);
        scale(out, n, -1.0);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        not_y[i] = 1.0 - y[i];
        not_mu[i] = 1.0 - mu[i];
    }
    y_log_ratio(y, mu, n, out);
    y_log_ratio(not_y, not_mu, n, not_mu);
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] += not_mu[i];
    }
}

static void poisson_terms(const double *y, const double *mu, ptrdiff_t n, double *out)
{
    y_log_ratio(y, mu, n, out);
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] -= y[i] - mu[i];
    }
}

/* A y of 0 counts as 1 inside the logarithm, as R has it. */
static void gamma_terms(const double *y, const double *mu, ptrdiff_t n, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = (y[i] == 0.0 ? 1.0 : y[i]) / mu[i];
    }
    qst__log_block(out, n, out);
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = (y[i] - mu[i]) / mu[i] - out[i];
    }
}

/* y log(y / mu) - (y + theta) log((y + theta) / (mu + theta)). */
static void negbin_terms(double theta, const double *y, const double *mu, ptrdiff_t n, double *out)
{
    double y_theta[RUN] = {0.0}, mu_theta[RUN] = {0.0};
    for (ptrdiff_t i = 0; i < n; i++) {
        y_theta[i] = y[i] + theta;
        mu_theta[i] = mu[i] + theta;
    }
    y_log_ratio(y, mu, n, out);
    y_log_ratio(y_theta, mu_theta, n, mu_theta);
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] -= mu_theta[i];
    }
}

/* Twice `out` is the deviance of unit weight. */
static void half_terms(
    qst_family family, double theta, const double *y, const double *mu, ptrdiff_t n, double *out)
{
    switch (family) {
    case QST_FAMILY_BINOMIAL:
        binomial_terms(y, mu, n, out);
        break;
    case QST_FAMILY_POISSON:
        poisson_terms(y, mu, n, out);
        break;
    case QST_FAMILY_GAMMA:
        gamma_terms(y, mu, n, out);
        break;
    case QST_FAMILY_NEGATIVE_BINOMIAL:
        negbin_terms(theta, y, mu, n, out);
        break;
    case QST_FAMILY_GAUSSIAN:
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] = 0.5 * ((y[i] - mu[i]) * (y[i] - mu[i]));
        }
        break;
    case QST_FAMILY_INVERSE_GAUSSIAN:
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] = 0.5 * ((y[i] - mu[i]) * (y[i] - mu[i])) / (y[i] * mu[i] * mu[i]);
        }
        break;
    }
}

void qst__deviance_block(qst_family family, double theta, const double *y, const double *mu,
    const double *weights, ptrdiff_t n, double *terms_out)
{
    for (ptrdiff_t start = 0; start < n; start += RUN) {
        const ptrdiff_t m = qst__min(RUN, n - start);
        half_terms(family, theta, y + start, mu + start, m, terms_out + start);
    }
    scale(terms_out, n, 2.0);
    for (ptrdiff_t i = 0; i < n && weights != NULL; i++) {
        terms_out[i] *= weights[i];
    }
}

#define QUARTER (RUN / 4)

/* A logarithm for four chances: their product is above 1e-63. */
QST__LOOP void multiply_loop(const double *restrict x, double *restrict out)
{
    for (int i = 0; i < QUARTER; i++) {
        out[i] = (x[i] * x[i + QUARTER]) * (x[i + 2 * QUARTER] * x[i + 3 * QUARTER]);
    }
}

QST__WIDE void multiply_wide(const double *x, double *out)
{
    multiply_loop(x, out);
}

static double sum_of(const double *x, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

double qst__deviance_sum(qst_family family, double theta, const double *y, const double *mu,
    const double *weights, ptrdiff_t n)
{
    double terms[RUN], logs[QUARTER];
    const bool is_whole = family == QST_FAMILY_BINOMIAL && weights == NULL && n == RUN;
    if (is_whole && chance_of_answer(y, mu, n, terms)) {
        if (QST__IS_WIDE) {
            multiply_wide(terms, logs);
        } else {
            multiply_loop(terms, logs);
        }
        qst__log_block(logs, QUARTER, logs);
        return -2.0 * sum_of(logs, QUARTER);
    }
    qst__deviance_block(family, theta, y, mu, weights, n, terms);
    for (ptrdiff_t i = 0; i < n && weights != NULL; i++) {
        terms[i] = weights[i] > 0.0 ? terms[i] : 0.0;
    }
    return sum_of(terms, n);
}

/* ---- Starts and checks ---- */

static double start_at(qst_family family, double y, double weight)
{
    switch (family) {
    case QST_FAMILY_BINOMIAL:
        return (weight * y + 0.5) / (weight + 1.0);
    case QST_FAMILY_POISSON:
        return y + 0.1;
    case QST_FAMILY_NEGATIVE_BINOMIAL:
        return y == 0.0 ? 1.0 / 6.0 : y;
    default:
        return y;
    }
}

void qst__start_block(
    qst_family family, const double *y, const double *weights, ptrdiff_t n, double *mu_out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        mu_out[i] = start_at(family, y[i], weight_at(weights, i));
    }
}

QST__LOOP bool between_loop(const double *restrict x, ptrdiff_t n, double low, double high)
{
    int64_t n_between = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        n_between += (x[i] > low) & (x[i] < high);
    }
    return n_between == n;
}

QST__WIDE bool between_run(const double *x, double low, double high)
{
    return between_loop(x, RUN, low, high);
}

static bool are_between(const double *x, ptrdiff_t n, double low, double high)
{
    return n == RUN && QST__IS_WIDE ? between_run(x, low, high) : between_loop(x, n, low, high);
}

bool qst__mu_is_valid(qst_family family, const double *mu, const double *weights, ptrdiff_t n)
{
    const traits t = traits_of(family);
    if (!t.mu_is_free && are_between(mu, n, t.low, t.high)) {
        return true;
    }
    ptrdiff_t n_valid = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const bool valid = t.mu_is_free ? isfinite(mu[i]) : (mu[i] > t.low) & (mu[i] < t.high);
        n_valid += valid | (weight_at(weights, i) == 0.0);
    }
    return n_valid == n;
}

bool qst__eta_is_valid(qst_link link, const double *eta, const double *weights, ptrdiff_t n)
{
    const bool positive = link == QST_LINK_INVERSE_SQUARE || link == QST_LINK_SQRT;
    const double low = positive ? 0.0 : -(double)INFINITY;
    const bool without_0 = link == QST_LINK_INVERSE;
    if (!without_0 && are_between(eta, n, low, (double)INFINITY)) {
        return true;
    }
    ptrdiff_t n_valid = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const bool valid =
            (eta[i] > low) & (eta[i] < (double)INFINITY) & !(without_0 && eta[i] == 0.0);
        n_valid += valid | (weight_at(weights, i) == 0.0);
    }
    return n_valid == n;
}

bool qst__is_canonical(qst_family family, qst_link link)
{
    return (family == QST_FAMILY_GAUSSIAN && link == QST_LINK_IDENTITY) ||
           (family == QST_FAMILY_BINOMIAL && link == QST_LINK_LOGIT) ||
           (family == QST_FAMILY_POISSON && link == QST_LINK_LOG);
}

int qst__open_end(qst_family family, qst_link link, double y)
{
    const traits t = traits_of(family);
    const bool to_0 = link == QST_LINK_LOG || link == QST_LINK_LOGIT || link == QST_LINK_PROBIT ||
                      link == QST_LINK_CLOGLOG || link == QST_LINK_CAUCHIT;
    const bool to_1 = to_0 && link != QST_LINK_LOG;
    if (to_0 && t.low_is_closed && y == t.low) {
        return -1;
    }
    return to_1 && y == t.high ? 1 : 0;
}

qst_status qst__response_check(qst_family family, const double *y, ptrdiff_t n, qst_err *err)
{
    const traits t = traits_of(family);
    for (ptrdiff_t i = 0; i < n; i++) {
        const bool above = t.low_is_closed ? y[i] >= t.low : y[i] > t.low;
        if (!(above && y[i] <= t.high && isfinite(y[i]))) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, y[i],
                "response %g in row %td is not %s, as the family needs it", y[i], i + 1, t.range);
        }
    }
    return QST_OK;
}

/* ---- Links ---- */

/* Links but those by the vector logarithm. */
static double link_at(qst_link link, double mu)
{
    switch (link) {
    case QST_LINK_PROBIT:
        return qst_normal_quantile(mu);
    case QST_LINK_CLOGLOG:
        return log(-log1p(-mu));
    case QST_LINK_CAUCHIT:
        return fabs(mu - 0.5) < 0.25 ? tan(PI * (mu - 0.5))
               : mu < 0.5            ? -1.0 / tan(PI * mu)
                                     : 1.0 / tan(PI * (1.0 - mu));
    case QST_LINK_INVERSE:
        return 1.0 / mu;
    case QST_LINK_INVERSE_SQUARE:
        return 1.0 / (mu * mu);
    case QST_LINK_SQRT:
        return sqrt(mu);
    case QST_LINK_LOG:
    case QST_LINK_LOGIT:
    case QST_LINK_IDENTITY:
        break;
    }
    return mu;
}

void qst__link_block(qst_link link, const double *mu, ptrdiff_t n, double *eta_out)
{
    if (link == QST_LINK_LOG || link == QST_LINK_LOGIT) {
        for (ptrdiff_t i = 0; i < n; i++) {
            eta_out[i] = link == QST_LINK_LOG ? mu[i] : mu[i] / (1.0 - mu[i]);
        }
        qst__log_block(eta_out, n, eta_out);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        eta_out[i] = link_at(link, mu[i]);
    }
}

/* x held in [low, high]; NaN stays. */
static double hold(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static void log_means(const double *eta, ptrdiff_t n, double *mu, double *slope)
{
    qst__exp_block(eta, n, mu);
    for (ptrdiff_t i = 0; i < n; i++) {
        mu[i] = mu[i] < DBL_EPSILON ? DBL_EPSILON : mu[i];
        slope[i] = mu[i];
    }
}

/* Beyond the ends R takes odds of 2^-52 and 2^52, and a slope of 2^-52. */
QST__LOOP void logit_loop(const double *restrict eta, ptrdiff_t n, const double *restrict odds,
    double *restrict mu, double *restrict slope)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const double not_low = eta[i] < -LOGIT_END ? DBL_EPSILON : odds[i];
        const double held = eta[i] > LOGIT_END ? 1.0 / DBL_EPSILON : not_low;
        mu[i] = held / (1.0 + held);
        const double inside = mu[i] / (1.0 + held);
        slope[i] = fabs(eta[i]) > LOGIT_END ? DBL_EPSILON : inside;
    }
}

QST__WIDE void logit_run(const double *eta, const double *odds, double *mu, double *slope)
{
    logit_loop(eta, RUN, odds, mu, slope);
}

static void logit_means(const double *eta, ptrdiff_t n, double *mu, double *slope)
{
    double odds[RUN];
    for (ptrdiff_t start = 0; start < n; start += RUN) {
        const ptrdiff_t m = qst__min(RUN, n - start);
        qst__exp_block(eta + start, m, odds);
        if (m == RUN && QST__IS_WIDE) {
            logit_run(eta + start, odds, mu + start, slope + start);
        } else {
            logit_loop(eta + start, m, odds, mu + start, slope + start);
        }
    }
}

static void probit_at(double eta, double *mu, double *slope)
{
    *mu = 0.5 * erfc(-hold(eta, -PROBIT_END, PROBIT_END) * ROOT_HALF);
    *slope = hold(NORMAL_DENSITY_AT_0 * exp(-0.5 * eta * eta), DBL_EPSILON, 1.0);
}

static void cloglog_at(double eta, double *mu, double *slope)
{
    const double hazard = exp(eta > 700.0 ? 700.0 : eta);
    *mu = hold(-expm1(-hazard), DBL_EPSILON, 1.0 - DBL_EPSILON);
    *slope = hold(hazard * exp(-hazard), DBL_EPSILON, 1.0);
}

static void cauchit_at(double eta, double *mu, double *slope)
{
    const double x = hold(eta, -CAUCHIT_END, CAUCHIT_END);
    const double tail = atan(1.0 / x) * ONE_OVER_PI;
    *mu = fabs(x) <= 1.0 ? 0.5 + atan(x) * ONE_OVER_PI : x < 0.0 ? -tail : 1.0 - tail;
    *slope = hold(ONE_OVER_PI / (1.0 + eta * eta), DBL_EPSILON, 1.0);
}

static void mean_at(qst_link link, double eta, double *mu, double *slope)
{
    switch (link) {
    case QST_LINK_PROBIT:
        probit_at(eta, mu, slope);
        break;
    case QST_LINK_CLOGLOG:
        cloglog_at(eta, mu, slope);
        break;
    case QST_LINK_CAUCHIT:
        cauchit_at(eta, mu, slope);
        break;
    case QST_LINK_INVERSE:
        *mu = 1.0 / eta;
        *slope = -1.0 / (eta * eta);
        break;
    case QST_LINK_INVERSE_SQUARE:
        *mu = 1.0 / sqrt(eta);
        *slope = -1.0 / (2.0 * eta * sqrt(eta));
        break;
    case QST_LINK_SQRT:
        *mu = eta * eta;
        *slope = 2.0 * eta;
        break;
    default:
        *mu = eta;
        *slope = 1.0;
        break;
    }
}

void qst__mean_block(
    qst_link link, const double *eta, ptrdiff_t n, double *mu_out, double *slope_out)
{
    if (link == QST_LINK_LOG) {
        log_means(eta, n, mu_out, slope_out);
    } else if (link == QST_LINK_LOGIT) {
        logit_means(eta, n, mu_out, slope_out);
    } else {
        for (ptrdiff_t i = 0; i < n; i++) {
            mean_at(link, eta[i], mu_out + i, slope_out + i);
        }
    }
}
