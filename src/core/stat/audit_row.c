#include "stat/audit.h"

/*
 * A regression row. All its figures are functions of two numbers, the estimate b and its standard
 * error s: each that is printed leaves a strip of the plane (b, s), for b, for s, for the limits
 * b - q s and b + q s. Together they leave a convex polygon, over which b - q s and b + q s, being
 * linear, and b / s, being monotone along every line within s > 0, have their extremes at corners.
 * So the ranges are exact, not only sound. Ratios (odds, rates) go by their logarithms.
 */

enum { B, SE, LOW, HIGH, N_STRIPS };
enum { STATISTIC = N_STRIPS, N_FIGURES };

/* par[2] of a row check. */
enum {
    IS_RATIO = 1,    /* estimate and limits are exp() of the model's */
    IS_RATIO_SE = 2, /* the error printed is the ratio's: ratio times s */
    IS_SQUARE = 4,   /* the statistic is Wald's chi-square, (b / s)^2 */
    OWN_LIMITS = 8,  /* limits are of the profile likelihood: not b -+ q s */
    NEAR_LIMITS = 16 /* they may be: b -+ q s only about */
};

/* ---- Polygons ---- */

typedef struct {
    double b, s;
} point;

/* Points with x.low <= by b + bs s <= x.high. */
typedef struct {
    double by, bs;
    qst__interval x;
} strip;

/* Four corners and one more for each of at most five cuts. */
#define MAX_CORNERS 9

typedef struct {
    int n;
    point corner[MAX_CORNERS];
} polygon;

static point crossing(const strip *f, double x, const strip *g, double y)
{
    const double det = f->by * g->bs - g->by * f->bs;
    return (point){(x * g->bs - y * f->bs) / det, (f->by * y - g->by * x) / det};
}

static polygon parallelogram(const strip *f, const strip *g)
{
    return (polygon){
        4, {crossing(f, f->x.low, g, g->x.low), crossing(f, f->x.high, g, g->x.low),
               crossing(f, f->x.high, g, g->x.high), crossing(f, f->x.low, g, g->x.high)}};
}

/* What of it lies where by b + bs s >= bound (Sutherland & Hodgman 1974, Comm. ACM 17:32). */
static polygon cut(const polygon *shape, double by, double bs, double bound)
{
    polygon kept = {0, {{0.0, 0.0}}};
    for (int i = 0; i < shape->n; i++) {
        const point p = shape->corner[i], q = shape->corner[(i + 1) % shape->n];
        const double at_p = by * p.b + bs * p.s - bound, at_q = by * q.b + bs * q.s - bound;
        if (at_p >= 0.0 && kept.n < MAX_CORNERS) {
            kept.corner[kept.n++] = p;
        }
        if ((at_p < 0.0) != (at_q < 0.0) && kept.n < MAX_CORNERS) {
            const double share = at_p / (at_p - at_q);
            kept.corner[kept.n++] = (point){p.b + share * (q.b - p.b), p.s + share * (q.s - p.s)};
        }
    }
    return kept;
}

static polygon cut_strip(const polygon *shape, const strip *by)
{
    const polygon above = cut(shape, by->by, by->bs, by->x.low);
    return cut(&above, -by->by, -by->bs, -by->x.high);
}

/* ---- What is printed ---- */

/* The logarithm of a ratio that is printed as 0.00 may be anything below: far enough. */
static double log_ratio(double x)
{
    return x > 1e-300 ? log(x) : -700.0;
}

static bool has_flag(const qst_check *check, int flag)
{
    return ((int)check->par[2] & flag) != 0;
}

typedef struct {
    double value[N_FIGURES];
    qst__interval x[N_FIGURES];
} figures;

static bool is_printed(const figures *row, int figure)
{
    return isfinite(row->x[figure].low) && isfinite(row->x[figure].high);
}

static void take_logarithms(figures *row, bool is_ratio_se)
{
    for (int k = 0; k < N_STRIPS; k++) {
        if (k != SE && is_printed(row, k)) {
            row->value[k] = log_ratio(row->value[k]);
            row->x[k] = (qst__interval){log_ratio(row->x[k].low), log_ratio(row->x[k].high)};
        }
    }
    if (is_ratio_se) {
        row->value[SE] /= exp(row->value[B]);
        row->x[SE].low /= exp(row->x[B].high);
        row->x[SE].high /= exp(row->x[B].low);
    }
}

/* Limits of the profile likelihood lie about those of Wald, both shifted alike, by some per cent of
 * half the interval unless people are few (Venzon & Moolgavkar 1988, Appl. Stat. 37:87-94). The
 * share grows with the third derivative of the log likelihood, which is near 1 / s^2 where few
 * events of one group make the standard error s: then it is about q s / 6, and half of s, or 0.6,
 * held in simulated small trials. No bound holds for all data; what lies farther off is a misprint
 * or calls for the design's word. */
static double nearness(double s)
{
    return fmin(fmax(0.2, 0.5 * s), 0.6);
}

/* The whole interval is hardly longer than Wald's (in the same simulation by up to a tenth of s,
 * and never shorter by a hundredth), so it says what s is. */
static void error_of_width(figures *row, double q)
{
    const double to_error = 0.5 / q;
    const double longer = fmax(0.05, 0.2 * to_error * (row->value[HIGH] - row->value[LOW]));
    row->x[SE].low = to_error * (row->x[HIGH].low - row->x[LOW].high) / (1.0 + longer);
    row->x[SE].high = to_error * (row->x[HIGH].high - row->x[LOW].low) * 1.02;
}

/* Half the interval is had from both limits or, being a share off, from one and the estimate. */
static void widen_limits(figures *row, double q)
{
    const bool has_low = is_printed(row, LOW), has_high = is_printed(row, HIGH);
    if (!has_low && !has_high) {
        return;
    }
    const double from = has_low ? row->value[LOW] : row->value[B];
    const double to = has_high ? row->value[HIGH] : row->value[B];
    const bool is_both = has_low && has_high;
    const double half = fmax(is_both ? 0.5 * (to - from) : to - from, 0.0);
    const double share = nearness(half / q);
    const double by = is_both ? share * half : share / (1.0 - share) * half;
    if (is_both && !is_printed(row, SE)) {
        error_of_width(row, q);
    }
    for (int k = LOW; k <= HIGH; k++) {
        row->x[k] = (qst__interval){row->x[k].low - by, row->x[k].high + by};
    }
}

/* The inputs: estimate, error, lower and upper limit, statistic; those empty are not printed, or
 * not to be used. */
static figures read_figures(const qst__audit *audit, const qst_check *check)
{
    figures row;
    for (int k = 0; k < N_FIGURES; k++) {
        row.value[k] = qst__input_value(audit, check, k);
        row.x[k] = qst__input_interval(audit, check, k);
    }
    row.x[SE].low = fmax(row.x[SE].low, 0.0);
    if (has_flag(check, OWN_LIMITS)) {
        row.x[LOW] = row.x[HIGH] = (qst__interval){(double)NAN, (double)NAN};
    }
    if (has_flag(check, IS_RATIO)) {
        take_logarithms(&row, has_flag(check, IS_RATIO_SE));
    }
    if (has_flag(check, NEAR_LIMITS)) {
        widen_limits(&row, check->par[0]);
    }
    return row;
}

/* ---- From figures to the polygon ---- */

/* A figure that contradicts those before it is left out: without it there is more room, so ranges
 * stay sound, and it has a check of its own. No corner unless two figures are printed. */
static polygon row_polygon(const figures *row, double q)
{
    const strip strips[N_STRIPS] = {{1.0, 0.0, row->x[B]}, {0.0, 1.0, row->x[SE]},
        {1.0, -q, row->x[LOW]}, {1.0, q, row->x[HIGH]}};
    const strip *first = NULL;
    polygon shape = {0, {{0.0, 0.0}}};
    for (int k = 0; k < N_STRIPS; k++) {
        if (!is_printed(row, k)) {
            continue;
        }
        if (first == NULL) {
            first = &strips[k];
            continue;
        }
        const polygon next =
            shape.n == 0 ? parallelogram(first, &strips[k]) : cut_strip(&shape, &strips[k]);
        const polygon positive = cut(&next, 0.0, 1.0, 0.0);
        shape = positive.n > 0 ? positive : shape;
    }
    return shape;
}

/* The standard error that the printed figures give at their word. */
static double error_value(const figures *row, double q)
{
    if (!isnan(row->value[SE])) {
        return row->value[SE];
    }
    if (!isnan(row->value[LOW]) && !isnan(row->value[HIGH])) {
        return (row->value[HIGH] - row->value[LOW]) / (2.0 * q);
    }
    return isnan(row->value[LOW]) ? (row->value[HIGH] - row->value[B]) / q
                                  : (row->value[B] - row->value[LOW]) / q;
}

static double estimate_value(const figures *row)
{
    return isnan(row->value[B]) ? 0.5 * (row->value[LOW] + row->value[HIGH]) : row->value[B];
}

/* ---- Targets ---- */

/* The value is kept within what the figures allow together: it may fit the target, and they not. */
static bool give(double value, qst__interval x, qst__range *range_out)
{
    *range_out = (qst__range){fmin(fmax(value, x.low), x.high), x.low, x.high, (double)NAN};
    return x.low <= x.high;
}

static bool range_limit(
    const qst__audit *audit, const qst_check *check, double side, qst__range *range_out)
{
    if (check->n != N_FIGURES || has_flag(check, OWN_LIMITS)) {
        return false;
    }
    const double q = check->par[0];
    const figures row = read_figures(audit, check);
    const polygon shape = row_polygon(&row, q);
    qst__interval x = {(double)INFINITY, -(double)INFINITY};
    double largest = 0.0;
    for (int i = 0; i < shape.n; i++) {
        const double limit = shape.corner[i].b + side * q * shape.corner[i].s;
        x = (qst__interval){fmin(x.low, limit), fmax(x.high, limit)};
        largest = fmax(largest, shape.corner[i].s);
    }
    if (has_flag(check, NEAR_LIMITS)) {
        const double by = nearness(error_value(&row, q)) * q * largest;
        x = (qst__interval){x.low - by, x.high + by};
    }
    double value = estimate_value(&row) + side * q * error_value(&row, q);
    if (has_flag(check, IS_RATIO)) {
        value = exp(value);
        x = (qst__interval){exp(x.low), exp(x.high)};
    }
    return give(value, x, range_out);
}

bool qst__range_row_low(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_limit(audit, check, -1.0, range_out);
}

bool qst__range_row_high(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    return range_limit(audit, check, 1.0, range_out);
}

/* b / s; where s may be 0 it has no end on the side of b, and none at all where b may be 0 too. */
static qst__interval statistic_interval(const polygon *shape)
{
    qst__interval t = {(double)INFINITY, -(double)INFINITY};
    for (int i = 0; i < shape->n; i++) {
        const point p = shape->corner[i];
        const bool is_zero = p.s <= 0.0;
        const double at = is_zero ? copysign((double)INFINITY, p.b) : p.b / p.s;
        t.low = fmin(t.low, is_zero && p.b == 0.0 ? -(double)INFINITY : at);
        t.high = fmax(t.high, is_zero && p.b == 0.0 ? (double)INFINITY : at);
    }
    return t;
}

static qst__interval without_sign(qst__interval t)
{
    const double a = fabs(t.low), b = fabs(t.high);
    return (qst__interval){t.low <= 0.0 && t.high >= 0.0 ? 0.0 : fmin(a, b), fmax(a, b)};
}

bool qst__range_row_statistic(
    const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n != N_FIGURES) {
        return false;
    }
    const figures row = read_figures(audit, check);
    const polygon shape = row_polygon(&row, check->par[0]);
    qst__interval t = statistic_interval(&shape);
    double value = estimate_value(&row) / error_value(&row, check->par[0]);
    if (has_flag(check, IS_SQUARE)) {
        t = shape.n == 0 ? t : without_sign(t);
        t = (qst__interval){t.low * t.low, t.high * t.high};
        value *= value;
    }
    return shape.n > 0 && give(value, t, range_out);
}

/* |b / s| as printed: the statistic, or the root of Wald's. */
static qst__interval printed_size(const figures *row, bool is_square)
{
    const qst__interval t = without_sign(row->x[STATISTIC]);
    return is_square ? (qst__interval){sqrt(fmax(row->x[STATISTIC].low, 0.0)), sqrt(t.high)} : t;
}

/* P falls with |b / s|, for which there is what is printed and what the other figures leave. */
bool qst__range_row_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n != N_FIGURES) {
        return false;
    }
    const double df = check->par[1];
    const figures row = read_figures(audit, check);
    const polygon shape = row_polygon(&row, check->par[0]);
    double value = fabs(estimate_value(&row) / error_value(&row, check->par[0]));
    qst__interval size = {0.0, (double)INFINITY};
    if (shape.n > 0) {
        size = without_sign(statistic_interval(&shape));
    }
    if (is_printed(&row, STATISTIC)) {
        const qst__interval own = printed_size(&row, has_flag(check, IS_SQUARE));
        const qst__interval both = {fmax(size.low, own.low), fmin(size.high, own.high)};
        size = both.low <= both.high ? both : own;
        value = fabs(row.value[STATISTIC]);
        value = has_flag(check, IS_SQUARE) ? sqrt(value) : value;
    } else if (shape.n == 0) {
        return false;
    }
    return give(qst_tail_t(value, df),
        (qst__interval){qst_tail_t(size.high, df), qst_tail_t(size.low, df)}, range_out);
}
