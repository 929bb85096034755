#include "base/base.h"

#include <math.h>

/* What a row's effect and variance are. */
typedef struct {
    double y, v;
} effect;

static effect no_effect(double value)
{
    return (effect){value, value};
}

/* An effect that does not exist is NaN in both parts. */
static void write_effect(effect e, double *yi_out, double *vi_out)
{
    const bool exists = isfinite(e.y) && isfinite(e.v);
    *yi_out = exists || qst_is_na_real(e.y) ? e.y : (double)NAN;
    *vi_out = exists || qst_is_na_real(e.y) ? e.v : (double)NAN;
}

/* ---- Checks ---- */

typedef struct {
    const char *name;
    const double *values;
    double low, high;
    bool is_open; /* low itself is refused */
    const char *rule;
} input;

static qst_status check_input(const input *in, ptrdiff_t row, qst_err *err)
{
    const double x = in->values[row];
    if (isnan(x)) {
        return QST_OK;
    }
    if (!isfinite(x) || x < in->low || x > in->high || (in->is_open && x == in->low)) {
        return qst__fail_at(err, QST_EARGUMENT, row, -1, x,
            "`%s` of row %td is %g, but %s. Compare the row with the paper.", in->name, row + 1, x,
            in->rule);
    }
    return QST_OK;
}

/* Inputs that are NULL are not there. */
static qst_status check_inputs(const input *in, int n_inputs, ptrdiff_t n, qst_err *err)
{
    qst_status status = QST_OK;
    for (ptrdiff_t i = 0; i < n && status == QST_OK; i++) {
        for (int k = 0; k < n_inputs && status == QST_OK; k++) {
            status = in[k].values == NULL ? QST_OK : check_input(&in[k], i, err);
        }
    }
    return status;
}

#define MEAN(name, values)                                                                         \
    {                                                                                              \
        name, values, -HUGE_VAL, HUGE_VAL, false, "a mean must be finite"                          \
    }
#define SD(name, values)                                                                           \
    {                                                                                              \
        name, values, 0.0, HUGE_VAL, false, "a standard deviation is finite and not below 0"       \
    }
#define SIZE(name, values)                                                                         \
    {                                                                                              \
        name, values, 0.0, HUGE_VAL, true, "a group has more than 0 people"                        \
    }
#define EVENTS(name, values)                                                                       \
    {                                                                                              \
        name, values, 0.0, HUGE_VAL, false, "a count is finite and not below 0"                    \
    }

/* ---- Means ---- */

/* gamma(x) / gamma(x - 1/2) for x > 1/2. With w = x - 3/4 its logarithm is log(w) / 2 - sum_j E_2j
 * / (j 4^(2j + 1) w^(2j)), E the Euler numbers (Bernoulli polynomials at 1/4 in Stirling's series);
 * at w >= 16 the sixth term is below 1e-16, and smaller x are led there by gamma(x + 1) = x
 * gamma(x). */
static double half_gamma_ratio(double x)
{
    static const double euler[] = {-1.0, 5.0, -61.0, 1385.0, -50521.0};
    double product = 1.0;
    while (x < 16.75) {
        product *= (x - 0.5) / x;
        x += 1.0;
    }
    const double w = x - 0.75, step = 1.0 / (16.0 * w * w);
    double sum = 0.0, power = 0.25;
    for (int j = 1; j <= 5; j++) {
        power *= step;
        sum -= euler[j - 1] * power / j;
    }
    return product * sqrt(w) * exp(sum);
}

double qst_effect_j(qst_effect_correction correction, double m)
{
    if (!(m > 1.0)) {
        return (double)NAN;
    }
    if (correction == QST_EFFECT_NONE) {
        return 1.0;
    }
    if (correction == QST_EFFECT_APPROXIMATE) {
        return 1.0 - 3.0 / (4.0 * m - 1.0);
    }
    return half_gamma_ratio(m / 2.0) / sqrt(m / 2.0);
}

/* One row. */
typedef struct {
    double mean1, sd1, n1, mean2, sd2, n2, r;
} summary;

/* sd1^2 + sd2^2 - 2 r sd1 sd2, as a sum of two parts that are not below 0. */
static double change_variance(const summary *s)
{
    const double difference = s->sd1 - s->sd2;
    return difference * difference + 2.0 * (1.0 - s->r) * s->sd1 * s->sd2;
}

/* What the standardised measures differ in: the unit, its degrees of freedom, and the variance a +
 * g^2 / (2 b). */
typedef struct {
    double unit, df, a, b;
} standard;

static standard standard_of(qst_effect_measure measure, const summary *s)
{
    if (measure == QST_EFFECT_SMCC) {
        return (standard){sqrt(change_variance(s)), s->n1 - 1.0, 1.0 / s->n1, s->n1};
    }
    if (measure == QST_EFFECT_SMCR) {
        return (standard){s->sd2, s->n1 - 1.0, 2.0 * (1.0 - s->r) / s->n1, s->n1};
    }
    const double df = s->n1 + s->n2 - 2.0;
    const double ss = (s->n1 - 1.0) * s->sd1 * s->sd1 + (s->n2 - 1.0) * s->sd2 * s->sd2;
    return (standard){sqrt(ss / df), df, 1.0 / s->n1 + 1.0 / s->n2, s->n1 + s->n2};
}

static effect standardised(qst_effect_measure measure, qst_effect_variance variance,
    qst_effect_correction correction, const summary *s)
{
    const standard by = standard_of(measure, s);
    if (!(by.unit > 0.0)) {
        return no_effect((double)NAN);
    }
    const double j = qst_effect_j(correction, by.df);
    const double d = (s->mean1 - s->mean2) / by.unit;
    const double g = j * d;
    switch (variance) {
    case QST_EFFECT_LS2:
        return (effect){g, j * j * (by.a + d * d / (2.0 * by.b))};
    case QST_EFFECT_UB:
        return (effect){g, by.a + g * g * (1.0 - (by.df - 2.0) / (by.df * j * j))};
    case QST_EFFECT_REVMAN:
        return (effect){g, by.b > 3.94 ? by.a + g * g / (2.0 * (by.b - 3.94)) : (double)NAN};
    default:
        return (effect){g, by.a + g * g / (2.0 * by.b)};
    }
}

static effect ratio_of_means(const summary *s)
{
    const double cv1 = s->sd1 / s->mean1, cv2 = s->sd2 / s->mean2;
    return (effect){log(s->mean1 / s->mean2), cv1 * cv1 / s->n1 + cv2 * cv2 / s->n2};
}

static effect mean_effect(qst_effect_measure measure, qst_effect_variance variance,
    qst_effect_correction correction, const summary *s)
{
    switch (measure) {
    case QST_EFFECT_MD:
        return (effect){s->mean1 - s->mean2, s->sd1 * s->sd1 / s->n1 + s->sd2 * s->sd2 / s->n2};
    case QST_EFFECT_ROM:
        return ratio_of_means(s);
    case QST_EFFECT_MC:
        return (effect){s->mean1 - s->mean2, change_variance(s) / s->n1};
    default:
        return standardised(measure, variance, correction, s);
    }
}

static bool is_paired(qst_effect_measure measure)
{
    return measure == QST_EFFECT_MC || measure == QST_EFFECT_SMCC || measure == QST_EFFECT_SMCR;
}

static summary summary_at(const qst_effect_arms *arms, bool paired, ptrdiff_t i)
{
    return (summary){arms->mean1[i], arms->sd1[i], arms->n1[i], arms->mean2[i], arms->sd2[i],
        paired ? arms->n1[i] : arms->n2[i], paired ? arms->r[i] : 0.0};
}

static bool is_complete(const summary *s)
{
    return !isnan(s->mean1 + s->sd1 + s->n1 + s->mean2 + s->sd2 + s->n2 + s->r);
}

static qst_status check_measure(qst_effect_measure measure, qst_effect_variance variance,
    const qst_effect_arms *arms, qst_err *err)
{
    if (measure > QST_EFFECT_SMCR) {
        return qst__fail(err, QST_EARGUMENT, "this measure is made of counts");
    }
    if (measure != QST_EFFECT_SMD && variance >= QST_EFFECT_UB) {
        return qst__fail(err, QST_EARGUMENT, "only the SMD of two arms has this variance");
    }
    if (is_paired(measure) && arms->r == NULL) {
        return qst__fail(err, QST_EARGUMENT, "a change needs the correlation of before and after");
    }
    return QST_OK;
}

qst_status qst_effect_means(qst_effect_measure measure, qst_effect_variance variance,
    qst_effect_correction correction, const qst_effect_arms *arms, ptrdiff_t n, double *yi_out,
    double *vi_out, qst_err *err)
{
    const bool paired = is_paired(measure);
    const input inputs[] = {MEAN("mean1", arms->mean1), SD("sd1", arms->sd1), SIZE("n1", arms->n1),
        MEAN("mean2", arms->mean2), SD("sd2", arms->sd2), SIZE("n2", paired ? NULL : arms->n2),
        {"r", paired ? arms->r : NULL, -1.0, 1.0, false, "a correlation lies from -1 to 1"}};
    qst_status status = check_measure(measure, variance, arms, err);
    if (status == QST_OK) {
        status = check_inputs(inputs, 7, n, err);
    }
    for (ptrdiff_t i = 0; i < n && status == QST_OK; i++) {
        const summary s = summary_at(arms, paired, i);
        const effect e = is_complete(&s) ? mean_effect(measure, variance, correction, &s)
                                         : no_effect(qst_na_real());
        write_effect(e, &yi_out[i], &vi_out[i]);
    }
    return status;
}

/* ---- Counts ---- */

/* Events and others in arm 1, in arm 2. */
typedef struct {
    double a, b, c, d;
} cells;

static cells cells_at(const qst_effect_counts *counts, ptrdiff_t i)
{
    return (cells){counts->events1[i], counts->n1[i] - counts->events1[i], counts->events2[i],
        counts->n2[i] - counts->events2[i]};
}

static bool has_zero(const cells *t)
{
    return t->a == 0.0 || t->b == 0.0 || t->c == 0.0 || t->d == 0.0;
}

static bool is_empty_twice(const cells *t)
{
    return (t->a == 0.0 && t->c == 0.0) || (t->b == 0.0 && t->d == 0.0);
}

static bool any_zero(const qst_effect_counts *counts, bool drop00, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const cells t = cells_at(counts, i);
        if (has_zero(&t) && !(drop00 && is_empty_twice(&t))) {
            return true;
        }
    }
    return false;
}

static cells add_to(const cells *t, double add)
{
    return (cells){t->a + add, t->b + add, t->c + add, t->d + add};
}

static effect peto(const cells *t)
{
    const double n1 = t->a + t->b, n2 = t->c + t->d, n = n1 + n2;
    const double expected = (t->a + t->c) * (n1 / n);
    const double v = (t->a + t->c) * (t->b + t->d) * (n1 / n) * (n2 / n) / (n - 1.0);
    return (effect){(t->a - expected) / v, 1.0 / v};
}

static effect count_effect(qst_effect_measure measure, const cells *t)
{
    const double n1 = t->a + t->b, n2 = t->c + t->d;
    const double p1 = t->a / n1, p2 = t->c / n2;
    switch (measure) {
    case QST_EFFECT_OR:
        return (effect){
            log(t->a / t->b) - log(t->c / t->d), 1.0 / t->a + 1.0 / t->b + 1.0 / t->c + 1.0 / t->d};
    case QST_EFFECT_RR:
        return (effect){log(p1) - log(p2), 1.0 / t->a - 1.0 / n1 + 1.0 / t->c - 1.0 / n2};
    case QST_EFFECT_RD:
        return (effect){p1 - p2, p1 * (t->b / n1) / n1 + p2 * (t->d / n2) / n2};
    default:
        return peto(t);
    }
}

static qst_status check_counts(const qst_effect_counts *counts, ptrdiff_t n, qst_err *err)
{
    const input inputs[] = {EVENTS("events1", counts->events1), SIZE("n1", counts->n1),
        EVENTS("events2", counts->events2), SIZE("n2", counts->n2)};
    qst_status status = check_inputs(inputs, 4, n, err);
    for (ptrdiff_t i = 0; i < n && status == QST_OK; i++) {
        for (int arm = 1; arm <= 2 && status == QST_OK; arm++) {
            const double events = arm == 1 ? counts->events1[i] : counts->events2[i];
            const double size = arm == 1 ? counts->n1[i] : counts->n2[i];
            if (events > size) {
                status = qst__fail_at(err, QST_EARGUMENT, i, -1, events,
                    "`events%d` of row %td is %g, but `n%d` is %g. Are the columns exchanged, or "
                    "were events counted instead of people?",
                    arm, i + 1, events, arm, size);
            }
        }
    }
    return status;
}

qst_status qst_effect_events(qst_effect_measure measure, double add, qst_effect_zero zero,
    bool drop00, const qst_effect_counts *counts, ptrdiff_t n, double *yi_out, double *vi_out,
    qst_err *err)
{
    if (measure < QST_EFFECT_OR) {
        return qst__fail(err, QST_EARGUMENT, "this measure is made of means");
    }
    if (!(add >= 0.0 && isfinite(add))) {
        return qst__fail_at(
            err, QST_EARGUMENT, -1, -1, add, "`add` is %g, but must be 0 or more", add);
    }
    const qst_status status = check_counts(counts, n, err);
    const bool to_all = zero == QST_EFFECT_ALL || (zero == QST_EFFECT_IF0ALL && status == QST_OK &&
                                                      any_zero(counts, drop00, n));
    for (ptrdiff_t i = 0; i < n && status == QST_OK; i++) {
        const cells t = cells_at(counts, i);
        const bool adds = to_all || (zero == QST_EFFECT_ONLY0 && has_zero(&t));
        const cells used = add_to(&t, adds ? add : 0.0);
        const bool is_left_out = isnan(t.a + t.b + t.c + t.d) || (drop00 && is_empty_twice(&t));
        write_effect(is_left_out ? no_effect(qst_na_real()) : count_effect(measure, &used),
            &yi_out[i], &vi_out[i]);
    }
    return status;
}
