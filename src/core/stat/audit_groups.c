#include "stat/audit.h"

/* Several groups, each by its n, mean and SD. */

#define MAX_GROUPS 64

typedef struct {
    int k;
    double n_all;
    qst__sample group[MAX_GROUPS];
} samples;

static bool read_samples(const qst__audit *audit, const qst_check *check, samples *samples_out)
{
    samples_out->k = check->n / 3;
    samples_out->n_all = 0.0;
    if (samples_out->k < 2 || samples_out->k > MAX_GROUPS) {
        return false;
    }
    for (int i = 0; i < samples_out->k; i++) {
        samples_out->group[i] = qst__input_sample(audit, check, 3 * i);
        samples_out->n_all += samples_out->group[i].n;
        if (!(samples_out->group[i].n >= 1.0) || isnan(samples_out->group[i].mean)) {
            return false;
        }
    }
    return true;
}

/* ---- Sum of squares between groups ---- */

/* Of means that the caller picks: 0 as printed, 1 low, 2 high. */
typedef enum { AS_PRINTED, LOW, HIGH } end;

static double mean_at(const qst__sample *group, end at)
{
    return at == AS_PRINTED ? group->mean : at == LOW ? group->means.low : group->means.high;
}

static double squares_between(const samples *s, const end *at)
{
    const double origin = s->group[0].mean;
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < s->k; i++) {
        const double x = mean_at(&s->group[i], at[i]) - origin;
        sum += s->group[i].n * x;
        squares += s->group[i].n * x * x;
    }
    return fmax(squares - sum * sum / s->n_all, 0.0);
}

/* Half the slope, in c, of sum n dist(c, interval of the mean)^2. */
static double slope(const samples *s, double c)
{
    double sum = 0.0;
    for (int i = 0; i < s->k; i++) {
        const qst__interval m = s->group[i].means;
        sum += s->group[i].n * (c - fmin(fmax(c, m.low), m.high));
    }
    return sum;
}

/* The least of all means: min over c and means of sum n (mean - c)^2, which is convex. Its slope in
 * c is linear between ends of intervals, so its zero lies between two neighbouring ends. */
static double least_between(const samples *s)
{
    double low = -(double)INFINITY, high = (double)INFINITY, slope_low = 0.0, slope_high = 0.0;
    for (int i = 0; i < 2 * s->k; i++) {
        const double at = mean_at(&s->group[i / 2], i % 2 == 0 ? LOW : HIGH);
        const double here = slope(s, at);
        if (here <= 0.0 && at > low) {
            low = at;
            slope_low = here;
        }
        if (here >= 0.0 && at < high) {
            high = at;
            slope_high = here;
        }
    }
    const double c = high > low ? low - slope_low * (high - low) / (slope_high - slope_low) : low;
    double squares = 0.0;
    for (int i = 0; i < s->k; i++) {
        const qst__interval m = s->group[i].means;
        const double away = c - fmin(fmax(c, m.low), m.high);
        squares += s->group[i].n * away * away;
    }
    return squares;
}

/* The most is at a corner, and each mean there at the end farther from the mean of the others.
 * Those that lie farther from any mean of the others at the same end are settled beforehand; the
 * corners of the rest are all tried, up to 2^MAX_FREE; of more the settled ones, for the rest the
 * bound min over c of max over means of sum n (mean - c)^2, which is never too low. */
#define MAX_FREE 10

/* The range of the mean of all groups but one. */
static qst__interval mean_of_others(const samples *s, int left_out)
{
    qst__interval sum = {0.0, 0.0};
    double n = 0.0;
    for (int i = 0; i < s->k; i++) {
        if (i != left_out) {
            sum.low += s->group[i].n * s->group[i].means.low;
            sum.high += s->group[i].n * s->group[i].means.high;
            n += s->group[i].n;
        }
    }
    return (qst__interval){sum.low / n, sum.high / n};
}

static double farthest_squares(const samples *s, double c)
{
    double squares = 0.0;
    for (int i = 0; i < s->k; i++) {
        const qst__interval m = s->group[i].means;
        const double away = fmax(c - m.low, m.high - c);
        squares += s->group[i].n * away * away;
    }
    return squares;
}

/* Convex in c: golden thirds. */
static double bound_between(const samples *s)
{
    double low = s->group[0].means.low, high = s->group[0].means.high;
    for (int i = 1; i < s->k; i++) {
        low = fmin(low, s->group[i].means.low);
        high = fmax(high, s->group[i].means.high);
    }
    for (int step = 0; step < 60; step++) {
        const double a = low + (high - low) / 3.0, b = high - (high - low) / 3.0;
        if (farthest_squares(s, a) < farthest_squares(s, b)) {
            high = b;
        } else {
            low = a;
        }
    }
    return farthest_squares(s, 0.5 * (low + high));
}

static double most_between(const samples *s)
{
    end at[MAX_GROUPS];
    int open[MAX_GROUPS], n_open = 0;
    for (int i = 0; i < s->k; i++) {
        const qst__interval m = s->group[i].means, others = mean_of_others(s, i);
        const double middle = 0.5 * (m.low + m.high);
        at[i] = middle >= 0.5 * (others.low + others.high) ? HIGH : LOW;
        if (middle > others.low && middle < others.high) {
            open[n_open++] = i;
        }
    }
    if (n_open > MAX_FREE) {
        return bound_between(s);
    }
    double most = 0.0;
    for (int corner = 0; corner < 1 << n_open; corner++) {
        for (int j = 0; j < n_open; j++) {
            at[open[j]] = (corner >> j) % 2 == 0 ? LOW : HIGH;
        }
        most = fmax(most, squares_between(s, at));
    }
    return most;
}

static qst__range between(const samples *s)
{
    static const end as_printed[MAX_GROUPS] = {AS_PRINTED};
    return (qst__range){
        squares_between(s, as_printed), least_between(s), most_between(s), (double)NAN};
}

static qst__range within(const samples *s)
{
    qst__range squares = {0.0, 0.0, 0.0, (double)NAN};
    for (int i = 0; i < s->k; i++) {
        const qst__sample *group = &s->group[i];
        squares.value += (group->n - 1.0) * group->sd * group->sd;
        squares.low += (group->n - 1.0) * group->sds.low * group->sds.low;
        squares.high += (group->n - 1.0) * group->sds.high * group->sds.high;
    }
    return squares;
}

/* ---- F ---- */

/* F of Fisher (1925), exact over all means and SDs that print as they do. */
bool qst__range_anova(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    samples s;
    if (!read_samples(audit, check, &s)) {
        return false;
    }
    const qst__range top = between(&s), bottom = within(&s);
    const double ratio = (s.n_all - s.k) / (s.k - 1);
    *range_out = (qst__range){top.value / bottom.value * ratio, top.low / bottom.high * ratio,
        top.high / bottom.low * ratio, (double)NAN};
    return true;
}

bool qst__range_anova_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    qst__range f;
    if (!qst__range_anova(audit, check, &f)) {
        return false;
    }
    double df2 = -check->n / 3;
    for (int k = 0; k + 2 < check->n; k += 3) {
        df2 += qst__input_value(audit, check, k);
    }
    const double df1 = check->n / 3 - 1;
    *range_out = (qst__range){qst_tail_f(f.value, df1, df2), qst_tail_f(f.high, df1, df2),
        qst_tail_f(f.low, df1, df2), (double)NAN};
    return true;
}

/* ---- Strata into totals ---- */

static qst__range mean_of_all(const samples *s)
{
    qst__range mean = {0.0, 0.0, 0.0, (double)NAN};
    for (int i = 0; i < s->k; i++) {
        const double share = s->group[i].n / s->n_all;
        mean.value += share * s->group[i].mean;
        mean.low += share * s->group[i].means.low;
        mean.high += share * s->group[i].means.high;
    }
    return mean;
}

bool qst__range_pooled_mean(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    samples s;
    if (!read_samples(audit, check, &s)) {
        return false;
    }
    *range_out = mean_of_all(&s);
    return true;
}

/* Means and SDs are free of one another, so the squares' ranges add up. */
bool qst__range_pooled_sd(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    samples s;
    if (!read_samples(audit, check, &s)) {
        return false;
    }
    const qst__range apart = between(&s), inside = within(&s);
    const double df = s.n_all - 1.0;
    *range_out = (qst__range){sqrt((apart.value + inside.value) / df),
        sqrt((apart.low + inside.low) / df), sqrt((apart.high + inside.high) / df), (double)NAN};
    return true;
}
