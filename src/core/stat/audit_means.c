#include "stat/audit.h"

/* ---- Groups ---- */

qst__sample qst__input_sample(const qst__audit *audit, const qst_check *check, int k)
{
    qst__interval sds = qst__input_interval(audit, check, k + 2);
    sds.low = sds.low < 0.0 ? 0.0 : sds.low; /* fmax() would make 0 of NaN */
    return (qst__sample){qst__input_value(audit, check, k), qst__input_value(audit, check, k + 1),
        qst__input_interval(audit, check, k + 1), qst__input_value(audit, check, k + 2), sds};
}

qst__interval qst__sizes(qst__interval x)
{
    const double a = fabs(x.low), b = fabs(x.high);
    const bool has_zero = x.low <= 0.0 && x.high >= 0.0;
    return (qst__interval){has_zero ? 0.0 : fmin(a, b), fmax(a, b)};
}

qst__range qst__quotient(qst__range top, qst__range bottom)
{
    return (qst__range){top.value / bottom.value,
        top.low / (top.low < 0.0 ? bottom.low : bottom.high),
        top.high / (top.high > 0.0 ? bottom.low : bottom.high), (double)NAN};
}

qst__range qst__t_tails(qst__range t, double df)
{
    const qst__interval sizes = qst__sizes((qst__interval){t.low, t.high});
    return (qst__range){qst_tail_t(t.value, df), qst_tail_t(sizes.high, df),
        qst_tail_t(sizes.low, df), (double)NAN};
}

qst__range qst__limit(const qst_check *check, qst__range centre, qst__range half)
{
    if (check->par[1] < 0.0) {
        half = (qst__range){-half.value, -half.high, -half.low, (double)NAN};
    }
    return (qst__range){
        centre.value + half.value, centre.low + half.low, centre.high + half.high, (double)NAN};
}

qst__range qst__t_half(const qst_check *check, qst__range error, double df)
{
    const double q = qst_tail_t_quantile(1.0 - check->par[0], df);
    return (qst__range){q * error.value, q * error.low, q * error.high, (double)NAN};
}

/* ---- Two groups ---- */

/* With the range of their difference. */
typedef struct {
    qst__sample a, b;
    qst__range difference;
} two_samples;

/* What the means allow and, where a seventh input prints it, the difference does too; if they
 * exclude each other, the printed one: it is what statistic and limits were made of. */
static qst__range difference(
    const qst__audit *audit, const qst_check *check, const two_samples *two)
{
    qst__range d = {two->a.mean - two->b.mean, two->a.means.low - two->b.means.high,
        two->a.means.high - two->b.means.low, (double)NAN};
    if (check->n > 6) {
        const qst__interval printed = qst__input_interval(audit, check, 6);
        const bool meet = d.low <= printed.high && d.high >= printed.low;
        d.low = meet ? fmax(d.low, printed.low) : printed.low;
        d.high = meet ? fmin(d.high, printed.high) : printed.high;
        d.value = fmin(fmax(d.value, d.low), d.high);
    }
    return d;
}

static bool read_two(const qst__audit *audit, const qst_check *check, two_samples *two_out)
{
    if (check->n < 6) {
        return false;
    }
    two_out->a = qst__input_sample(audit, check, 0);
    two_out->b = qst__input_sample(audit, check, 3);
    two_out->difference = difference(audit, check, two_out);
    return two_out->a.n >= 2.0 && two_out->b.n >= 2.0;
}

/* ---- One variance: Student (1908, Biometrika 6:1-25) ---- */

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

static double pooled_df(const two_samples *two)
{
    return two->a.n + two->b.n - 2.0;
}

bool qst__range_student(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = qst__quotient(two.difference, pooled_errors(&two));
    return true;
}

bool qst__range_student_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = qst__t_tails(qst__quotient(two.difference, pooled_errors(&two)), pooled_df(&two));
    return true;
}

bool qst__range_student_limit(
    const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out =
        qst__limit(check, two.difference, qst__t_half(check, pooled_errors(&two), pooled_df(&two)));
    return true;
}

/* ---- Two variances: Welch (1938, Biometrika 29:350-362) ---- */

/* Variances of the two means, and the error and df that they give. */
typedef struct {
    double a, b;
} variances;

static variances variances_of(const two_samples *two, double sd_a, double sd_b)
{
    return (variances){sd_a * sd_a / two->a.n, sd_b * sd_b / two->b.n};
}

static double welch_df(const two_samples *two, variances v)
{
    const double sum = v.a + v.b;
    return sum * sum / (v.a * v.a / (two->a.n - 1.0) + v.b * v.b / (two->b.n - 1.0));
}

/* The four corners of the SDs: bit 0 for the first, bit 1 for the second. */
static variances corner(const two_samples *two, int which)
{
    return variances_of(two, which & 1 ? two->a.sds.high : two->a.sds.low,
        which & 2 ? two->b.sds.high : two->b.sds.low);
}

static qst__range welch_errors(const two_samples *two)
{
    const variances v = variances_of(two, two->a.sd, two->b.sd);
    const variances low = corner(two, 0), high = corner(two, 3);
    return (qst__range){sqrt(v.a + v.b), sqrt(low.a + low.b), sqrt(high.a + high.b), (double)NAN};
}

/* A function of the ratio of the variances that rises up to the ratio of the df and falls from
 * there on. */
static qst__range welch_dfs(const two_samples *two)
{
    const variances least = corner(two, 2), most = corner(two, 1);
    const double df_a = two->a.n - 1.0, df_b = two->b.n - 1.0;
    const double ends[] = {welch_df(two, least), welch_df(two, most)};
    const bool has_top = least.a * df_b <= least.b * df_a && most.a * df_b >= most.b * df_a;
    return (qst__range){welch_df(two, variances_of(two, two->a.sd, two->b.sd)),
        fmin(ends[0], ends[1]), has_top ? df_a + df_b : fmax(ends[0], ends[1]), (double)NAN};
}

/* P and the half-width of an interval rise with either SD as long as the effect of the error is
 * larger than that of the df. d ln(error) / d ln(v_a) = w / 2 and d ln(df) / d ln(v_a) <= 2 w, w
 * the share of v_a; and by t's normal approximation ln z changes by (1 + t^2 (1 + 1 / 2df)) / 4df
 * for ln df where it changes by 1 for ln t. So corners hold the extremes if df > 1 + t^2 (1 + 1 /
 * 2df); a margin is taken for the approximation. */
static bool corners_are_extreme(double t, double df)
{
    return df > 2.0 + 1.5 * t * t;
}

bool qst__range_welch(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = qst__quotient(two.difference, welch_errors(&two));
    return true;
}

/* A df printed without decimals may have been cut off, whatever the other numbers were. */
bool qst__range_welch_df(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = welch_dfs(&two);
    if (audit->cells[check->target].decimals == 0) {
        range_out->low -= 0.5;
    }
    return true;
}

/* P of a difference d over all SDs. */
static qst__interval welch_tails(const two_samples *two, double d)
{
    const qst__range errors = welch_errors(two), df = welch_dfs(two);
    if (!corners_are_extreme(d / errors.low, df.low)) {
        return (qst__interval){
            qst_tail_t(d / errors.low, df.high), qst_tail_t(d / errors.high, df.low)};
    }
    qst__interval p = {1.0, 0.0};
    for (int k = 0; k < 4; k++) {
        const variances v = corner(two, k);
        const double here = qst_tail_t(d / sqrt(v.a + v.b), welch_df(two, v));
        p = (qst__interval){fmin(p.low, here), fmax(p.high, here)};
    }
    return p;
}

bool qst__range_welch_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    const qst__interval sizes =
        qst__sizes((qst__interval){two.difference.low, two.difference.high});
    range_out->value =
        qst_tail_t(two.difference.value / welch_errors(&two).value, welch_dfs(&two).value);
    range_out->low = welch_tails(&two, sizes.high).low;
    range_out->high = welch_tails(&two, sizes.low).high;
    return true;
}

static qst__range welch_half(const qst_check *check, const two_samples *two)
{
    const double p = 1.0 - check->par[0];
    const qst__range errors = welch_errors(two), df = welch_dfs(two);
    const double q_low = qst_tail_t_quantile(p, df.low);
    qst__range half = {qst_tail_t_quantile(p, df.value) * errors.value,
        qst_tail_t_quantile(p, df.high) * errors.low, q_low * errors.high, (double)NAN};
    if (corners_are_extreme(q_low, df.low)) {
        half.low = (double)INFINITY;
        half.high = 0.0;
        for (int k = 0; k < 4; k++) {
            const variances v = corner(two, k);
            const double here = qst_tail_t_quantile(p, welch_df(two, v)) * sqrt(v.a + v.b);
            half.low = fmin(half.low, here);
            half.high = fmax(half.high, here);
        }
    }
    return half;
}

bool qst__range_welch_limit(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    two_samples two;
    if (!read_two(audit, check, &two)) {
        return false;
    }
    *range_out = qst__limit(check, two.difference, welch_half(check, &two));
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

/* ---- Measurement ---- */

/* SD sqrt(1 - alpha); with a negative alpha the root is of more than 1. */
bool qst__range_sem(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n < 2) {
        return false;
    }
    const qst__interval sd = qst__input_interval(audit, check, 0);
    const qst__interval alpha = qst__input_interval(audit, check, 1);
    const double value = qst__input_value(audit, check, 1);
    if (!(value <= 1.0)) {
        return false;
    }
    *range_out = (qst__range){qst__input_value(audit, check, 0) * sqrt(1.0 - value),
        fmax(sd.low, 0.0) * sqrt(fmax(1.0 - alpha.high, 0.0)), sd.high * sqrt(1.0 - alpha.low),
        (double)NAN};
    return true;
}
