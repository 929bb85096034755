#include "stat/audit.h"

/*
 * Models of log odds or log rates with arms as their only factor fit each arm's own odds or rate,
 * so a coefficient is a difference of two logarithms, and its variance (the inverse of the
 * information at the fit) a sum of two: of log(a / b) 1/a + 1/b (Woolf 1955, Ann. Hum. Genet.
 * 19:251), of the logarithm of a mean number m of events of n people 1 / (n m). Each is monotone
 * in the one printed number that is rounded, the mean.
 *
 * Programmes print the error of the step before the last of their iterations, which stop when the
 * deviance changes by no more than 1e-8 of itself (R's glm()). Weights grow less towards the fit,
 * so that error falls short, in simulated counts by up to 7e-4 of itself: STOPPED of its square.
 */
#define STOPPED 2e-3

/* par: the number of arms; 1 if estimates are exp() of the model's; for a limit the quantile.
 * Inputs: the level and the reference (the same for the constant), then in each arm the people
 * with the event, or the mean number of events, and in each arm those without, or all people. */

typedef struct {
    double value, low, high;
} triple;

typedef struct {
    triple logarithm, variance;
} arm_fit;

typedef bool fit_function(
    const qst__audit *audit, const qst_check *check, int first, int second, arm_fit *out);

static bool fit_odds(
    const qst__audit *audit, const qst_check *check, int first, int second, arm_fit *out)
{
    const double a = qst__input_value(audit, check, first);
    const double b = qst__input_value(audit, check, second);
    const double log_odds = log(a / b), variance = 1.0 / a + 1.0 / b;
    *out = (arm_fit){{log_odds, log_odds, log_odds}, {variance, variance, variance}};
    return a > 0.0 && b > 0.0;
}

static bool fit_rate(
    const qst__audit *audit, const qst_check *check, int first, int second, arm_fit *out)
{
    const double m = qst__input_value(audit, check, first);
    const double n = qst__input_value(audit, check, second);
    const qst__interval x = qst__input_interval(audit, check, first);
    *out = (arm_fit){{log(m), log(fmax(x.low, 0.0)), log(x.high)},
        {1.0 / (n * m), 1.0 / (n * x.high), 1.0 / (n * fmax(x.low, 0.0))}};
    return m > 0.0 && n > 0.0;
}

typedef struct {
    arm_fit row;
    bool is_ratio;
    double q;
} coefficient;

static bool fit_coefficient(
    const qst__audit *audit, const qst_check *check, fit_function *fit, coefficient *out)
{
    const int n_arms = (int)check->par[0];
    if (n_arms < 1 || check->n != 2 + 2 * n_arms) {
        return false;
    }
    const int level = qst__input_level(audit, check, 0);
    const int reference = qst__input_level(audit, check, 1);
    arm_fit own, other;
    if (level < 0 || level >= n_arms || reference < 0 || reference >= n_arms ||
        !fit(audit, check, 2 + level, 2 + n_arms + level, &own) ||
        !fit(audit, check, 2 + reference, 2 + n_arms + reference, &other)) {
        return false;
    }
    *out = (coefficient){own, check->par[1] > 0.0, check->par[2]};
    if (level != reference) {
        const triple a = own.logarithm, b = other.logarithm;
        const triple v = own.variance, w = other.variance;
        out->row.logarithm = (triple){a.value - b.value, a.low - b.high, a.high - b.low};
        out->row.variance = (triple){v.value + w.value, v.low + w.low, v.high + w.high};
    }
    out->row.variance.low *= 1.0 - STOPPED;
    return true;
}

static void give(triple x, bool is_ratio, qst__range *range_out)
{
    *range_out = is_ratio ? (qst__range){exp(x.value), exp(x.low), exp(x.high), (double)NAN}
                          : (qst__range){x.value, x.low, x.high, (double)NAN};
}

static triple root(triple x)
{
    return (triple){sqrt(x.value), sqrt(x.low), sqrt(x.high)};
}

static bool range_estimate(
    const qst__audit *audit, const qst_check *check, fit_function *fit, qst__range *range_out)
{
    coefficient c;
    const bool is_fit = fit_coefficient(audit, check, fit, &c);
    if (is_fit) {
        give(c.row.logarithm, c.is_ratio, range_out);
    }
    return is_fit;
}

static bool range_error(
    const qst__audit *audit, const qst_check *check, fit_function *fit, qst__range *range_out)
{
    coefficient c;
    const bool is_fit = fit_coefficient(audit, check, fit, &c);
    if (is_fit) {
        give(root(c.row.variance), false, range_out);
    }
    return is_fit;
}

/* The upper limit. Logarithm and error both hang on the arms' means: their ranges taken apart are
 * somewhat wide. */
static bool range_upper(
    const qst__audit *audit, const qst_check *check, fit_function *fit, qst__range *range_out)
{
    coefficient c;
    const bool is_fit = fit_coefficient(audit, check, fit, &c);
    if (is_fit) {
        const triple b = c.row.logarithm, s = root(c.row.variance);
        give((triple){b.value + c.q * s.value, b.low + c.q * s.low, b.high + c.q * s.high},
            c.is_ratio, range_out);
    }
    return is_fit;
}

bool qst__range_log_odds(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_estimate(audit, check, fit_odds, range_out);
}

bool qst__range_log_odds_error(
    const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_error(audit, check, fit_odds, range_out);
}

bool qst__range_log_odds_limit(
    const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_upper(audit, check, fit_odds, range_out);
}

bool qst__range_log_rate(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_estimate(audit, check, fit_rate, range_out);
}

bool qst__range_log_rate_error(
    const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_error(audit, check, fit_rate, range_out);
}

bool qst__range_log_rate_limit(
    const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_upper(audit, check, fit_rate, range_out);
}
