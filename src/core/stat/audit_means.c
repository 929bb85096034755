#include "stat/audit.h"

/* ---- Groups ---- */

qst__sample qst__input_sample(const qst__audit *audit, const qst_check *check, int k)
{
    qst__interval sds = qst__input_interval(audit, check, k + 2);
    sds.low = fmax(sds.low, 0.0);
    return (qst__sample){qst__input_value(audit, check, k), qst__input_value(audit, check, k + 1),
        qst__input_interval(audit, check, k + 1), qst__input_value(audit, check, k + 2), sds};
}

qst__interval qst__sizes(qst__interval x)
{
    const double a = fabs(x.low), b = fabs(x.high);
    const bool has_zero = x.low <= 0.0 && x.high >= 0.0;
    return (qst__interval){has_zero ? 0.0 : fmin(a, b), fmax(a, b)};
}

/* top / bottom for any of the one and any of the other, which is not negative. */
static qst__range quotient(qst__range top, qst__range bottom)
{
    return (qst__range){top.value / bottom.value,
        top.low / (top.low < 0.0 ? bottom.low : bottom.high),
        top.high / (top.high > 0.0 ? bottom.low : bottom.high), (double)NAN};
}

/* ---- Two groups, one variance: Student (1908, Biometrika 6:1-25) ---- */

typedef struct {
    qst__sample a, b;
} two_samples;

static bool read_two(const qst__audit *audit, const qst_check *check, two_samples *two_out)
{
    if (check->n < 6) {
        return false;
    }
    *two_out =
        (two_samples){qst__input_sample(audit, check, 0), qst__input_sample(audit, check, 3)};
    return two_out->a.n >= 2.0 && two_out->b.n >= 2.0;
}

static qst__range difference(const two_samples *two)
{
    return (qst__range){two->a.mean - two->b.mean, two->a.means.low - two->b.means.high,
        two->a.means.high - two->b.means.low, (double)NAN};
}

static double pooled_error(const two_samples *two, double sd_a, double sd_b)
{
    const double n_a = two->a.n, n_b = two->b.n;
    const double squares = (n_a - 1.0) * sd_a * sd_a + (n_b - 1.0) * sd_b * sd_b;
    return sqrt(squares / (n_a + n_b - 2.0) * (1.0 / n_a + 1.0 / n_b));
}

static qst__range pooled_errors(const two_samples *two)
{
    return (qst__range){pooled_error(two, two->a.sd, two->b.sd),
        pooled_error(two, two->a.sds.low, two->b.sds.low),
        pooled_error(two, two->a.sds.high, two->b.sds.high), (double)NAN};
}

/* Two-sided, from t in its range. */
static qst__range t_tails(qst__range t, double df)
{
    const qst__interval sizes = qst__sizes((qst__interval){t.low, t.high});
    return (qst__range){qst_tail_t(t.value, df), qst_tail_t(sizes.high, df),
        qst_tail_t(sizes.low, df), (double)NAN};
}

bool qst__range_student(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = quotient(difference(&two), pooled_errors(&two));
    return true;
}

bool qst__range_student_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = t_tails(quotient(difference(&two), pooled_errors(&two)), two.a.n + two.b.n - 2.0);
    return true;
}

/* ---- Degrees of freedom ---- */

bool qst__range_df(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    double df = check->par[0];
    for (int k = 0; k < check->n; k++) {
        df += qst__input_value(audit, check, k);
    }
    *range_out = (qst__range){df, df, df, (double)NAN};
    return true;
}
