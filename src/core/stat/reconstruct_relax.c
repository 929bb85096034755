#include "stat/reconstruct.h"

#include <math.h>
#include <string.h>

/*
 * The figures are smooth functions of the totals. Taken as real numbers (here
 * in parts of a point) totals are moved by steps of Gauss and Newton, each the
 * least change of all totals that brings the linearised figures to where they
 * should be. First that is the middle of their ranges, as well as they go
 * together (least squares); then the middle of what the ranges have in common,
 * by the sum of the 16th powers of the misses, whose minimum is near to that
 * of the largest one.
 *
 * With steps a_k for figure k, kernel K = (a_j'a_k) and misses m, the change
 * is sum_k x_k a_k for the multipliers x that minimise
 *     sum_k |m_k + (K x)_k|^q / q  +  stiffness / 2 x'K x,
 * found by Newton's method: (K + stiffness / D) dx = -(g + stiffness x) / D,
 * where g and D are first and second derivatives of the power.
 */
#define FINENESS 1024 /* parts of a point, at most */
#define N_STEPS 30
#define GAIN 0.9 /* a step must bring the squared misses below this share of what they were */
#define N_CENTRINGS 6
#define SQUARE_STIFFNESS 1.0
#define POWER 16
#define POWER_STIFFNESS 1e-3
#define N_NEWTON 30
#define LEAST_BEND 1e-6   /* of the power's second derivative */
#define LARGEST_STEP 0.05 /* root mean square, of the range of totals */

/* As many parts of a point as the sums have room for: a long scale whose items are often skipped
 * has small units. */
static int32_t finest(const qst__search *s)
{
    int32_t parts = FINENESS;
    while (parts > 1 && !qst__has_room(s, parts)) {
        parts /= 2;
    }
    return parts;
}

qst_status qst__relaxed_make(qst__arena *arena, qst__search *s, qst__relaxed *r, qst_err *err)
{
    const ptrdiff_t n = s->plan->n_figures;
    const ptrdiff_t n_totals = (ptrdiff_t)QST_N_VISITS * s->plan->n_people;
    *r = (qst__relaxed){.s = s, .n_figures = s->plan->n_figures, .fineness = finest(s)};
    qst_status status = qst__arena_array(arena, 6 * n, sizeof *r->miss, &r->miss, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_totals * n, sizeof *r->steps, &r->steps, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_totals, sizeof *r->totals, &r->totals, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, n, n, &r->kernel, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, n, n, &r->normal, err);
    }
    if (status == QST_OK) {
        r->goal = r->miss + n;
        r->multiplier = r->miss + 2 * n;
        r->direction = r->miss + 3 * n;
        r->trial = r->miss + 4 * n;
        r->pivots = r->miss + 5 * n;
    }
    return status;
}

void qst__note_misses(qst__relaxed *r)
{
    qst__figures(r->s);
    for (int32_t k = 0; k < r->n_figures; k++) {
        const qst_figure *figure = &r->s->plan->figures[k];
        const double middle = (figure->low + figure->high) / 2;
        r->miss[k] = (r->s->value[k] - middle) / qst__half(figure);
    }
}

static double power_of(double x, int q)
{
    double power = 1;
    for (int k = 0; k < q; k++) {
        power *= x;
    }
    return power;
}

static double sum_of_powers(const double *x, int32_t n, int q)
{
    double sum = 0;
    for (int32_t k = 0; k < n; k++) {
        sum += power_of(fabs(x[k]), q);
    }
    return sum;
}

/* ---- Totals ---- */

/* Whole points from now on, or `fineness` parts of each. */
static void set_fineness(qst__relaxed *r, int32_t fineness)
{
    qst__search *s = r->s;
    for (int v = 0; v < QST_N_VISITS; v++) {
        for (int32_t i = 0; i < s->plan->n_people; i++) {
            s->people->total[v][i] = s->people->total[v][i] * fineness / s->fineness;
        }
    }
    s->score_per_unit *= (double)s->fineness / fineness;
    s->fineness = fineness;
    qst__count_all(s);
}

/* ---- Steps ---- */

void qst__measure(qst__relaxed *r, qst__taking *take, const qst__nudge *nudge, double *effect_out)
{
    qst__search *s = r->s;
    for (int32_t sign = -1; sign <= 1; sign += 2) {
        take(s, nudge, sign);
        qst__figures(s);
        for (int32_t k = 0; k < r->n_figures; k++) {
            const double half_change = sign * s->value[k] / (2 * qst__half(&s->plan->figures[k]));
            effect_out[k] = sign < 0 ? half_change : effect_out[k] + half_change;
        }
        take(s, nudge, -sign);
    }
}

static double *step_at(const qst__relaxed *r, int32_t i, int visit)
{
    return r->steps + ((ptrdiff_t)i * QST_N_VISITS + visit) * r->n_figures;
}

/* Steps of those without baseline are 0 there, as of those who keep their totals. */
static void measure_steps(qst__relaxed *r)
{
    for (int32_t i = 0; i < r->s->plan->n_people; i++) {
        for (int v = 0; v < QST_N_VISITS; v++) {
            qst__nudge nudge = {.i = i};
            nudge.points[v] = qst__is_kept(r->s, v, i) ? 0 : r->s->fineness;
            qst__measure(r, qst__do_nudge, &nudge, step_at(r, i, v));
        }
    }
}

static void fill_kernel(qst__relaxed *r)
{
    const int32_t n = r->n_figures;
    double *kernel = r->kernel.data;
    memset(kernel, 0, sizeof *kernel * (size_t)n * (size_t)n);
    for (int32_t c = 0; c < QST_N_VISITS * r->s->plan->n_people; c++) {
        const double *step = r->steps + (ptrdiff_t)c * n;
        for (int32_t j = 0; j < n; j++) {
            for (int32_t k = 0; step[j] != 0 && k < n; k++) {
                kernel[j * n + k] += step[j] * step[k];
            }
        }
    }
}

/* ---- Where the figures can be together ---- */

/* What is minimised, at `share` of the direction; r->goal is where the figures then are. */
static double objective(qst__relaxed *r, double share, int q, double stiffness)
{
    const int32_t n = r->n_figures;
    double sum = 0;
    for (int32_t k = 0; k < n; k++) {
        r->trial[k] = r->multiplier[k] + share * r->direction[k];
    }
    for (int32_t j = 0; j < n; j++) {
        double change = 0;
        for (int32_t k = 0; k < n; k++) {
            change += r->kernel.data[j * n + k] * r->trial[k];
        }
        r->goal[j] = r->miss[j] + change;
        sum += power_of(fabs(r->goal[j]), q) / q + stiffness / 2 * r->trial[j] * change;
    }
    return sum;
}

/* Newton's direction into r->direction. */
static void find_direction(qst__relaxed *r, int q, double stiffness)
{
    const int32_t n = r->n_figures;
    memcpy(r->normal.data, r->kernel.data, sizeof *r->normal.data * (size_t)n * (size_t)n);
    for (int32_t k = 0; k < n; k++) {
        const double size = fabs(r->goal[k]);
        const double power = power_of(size, q - 2);
        const double bend = (q - 1) * power > LEAST_BEND ? (q - 1) * power : LEAST_BEND;
        r->direction[k] = -(power * r->goal[k] + stiffness * r->multiplier[k]) / bend;
        r->normal.data[k * n + k] += stiffness / bend;
    }
    qst__cholesky(r->normal, 1e-15, r->pivots);
    qst__solve_upper_transposed(qst__view(r->normal), r->direction);
    qst__solve_upper(qst__view(r->normal), r->direction);
}

/* One step of Newton's method, as long as it goes; false if it does not. */
static bool improve(qst__relaxed *r, int q, double stiffness, double *value)
{
    find_direction(r, q, stiffness);
    for (double share = 1; share > 1e-4; share /= 2) {
        const double after = objective(r, share, q, stiffness);
        if (after < *value * (1 - 1e-9)) {
            *value = after;
            memcpy(r->multiplier, r->trial, sizeof *r->trial * (size_t)r->n_figures);
            return true;
        }
    }
    (void)objective(r, 0, q, stiffness);
    return false;
}

/* Multipliers and goal for the q-th powers, by way of the smaller ones. Returns the goal's largest
 * miss; a goal that is NaN misses by HUGE_VAL. */
static double find_goal(qst__relaxed *r, int q, double stiffness)
{
    double worst = 0;
    for (int32_t k = 0; k < r->n_figures; k++) {
        r->multiplier[k] = r->direction[k] = 0;
    }
    for (int p = 2; p <= q; p *= 2) {
        double value = objective(r, 0, p, stiffness);
        for (int n = 0; n < N_NEWTON && improve(r, p, stiffness, &value); n++) {
        }
    }
    for (int32_t k = 0; k < r->n_figures; k++) {
        const double size = isnan(r->goal[k]) ? HUGE_VAL : fabs(r->goal[k]);
        worst = size > worst ? size : worst;
    }
    return worst;
}

static double centre(qst__relaxed *r, int q, double stiffness)
{
    qst__note_misses(r);
    measure_steps(r);
    fill_kernel(r);
    return find_goal(r, q, stiffness);
}

/* ---- Doing steps ---- */

/* The multipliers' change, in points, of one total. */
static double change_of(const qst__relaxed *r, int32_t i, int visit)
{
    const double *step = step_at(r, i, visit);
    double change = 0;
    for (int32_t k = 0; k < r->n_figures; k++) {
        change += step[k] * r->multiplier[k];
    }
    return change;
}

/* The share of the change that keeps its root mean square small. */
static double bounded_share(const qst__relaxed *r)
{
    const qst_cohort_plan *plan = r->s->plan;
    const double limit = LARGEST_STEP * (plan->max - plan->min) * plan->n_items;
    double sum = 0;
    for (int32_t i = 0; i < plan->n_people; i++) {
        for (int v = 0; v < QST_N_VISITS; v++) {
            const double change = change_of(r, i, v);
            sum += change * change;
        }
    }
    const double size = sqrt(sum / (QST_N_VISITS * (double)plan->n_people));
    return size > limit ? limit / size : 1;
}

/* A change without a value is not done. */
static void change_total(qst__relaxed *r, int32_t i, int visit, double parts)
{
    qst__nudge nudge = {.i = i};
    if (isfinite(parts)) {
        nudge.points[visit] = (int32_t)floor(parts);
        qst__do_nudge(r->s, &nudge, 1);
        if (!qst__is_possible(r->s, i)) {
            qst__do_nudge(r->s, &nudge, -1);
        }
    }
}

static void do_change(qst__relaxed *r, double share, qst_rng *rng)
{
    for (int32_t i = 0; i < r->s->plan->n_people; i++) {
        for (int v = 0; v < QST_N_VISITS; v++) {
            const double parts = share * change_of(r, i, v) * r->s->fineness;
            change_total(r, i, v, parts + qst_rng_uniform(rng));
        }
    }
}

/* One step to the least sum of q-th powers of the misses; false if it does not help. */
static bool step_nearer(qst__relaxed *r, int q, double stiffness, qst_rng *rng)
{
    (void)centre(r, q, stiffness);
    const double before = sum_of_powers(r->miss, r->n_figures, q);
    const double most = bounded_share(r);
    qst__copy_totals(r->s, r->totals);
    for (double share = most; share > most / 50; share /= 2) {
        do_change(r, share, rng);
        qst__note_misses(r);
        const double after = sum_of_powers(r->miss, r->n_figures, q);
        if (after < before) {
            return after < GAIN * before;
        }
        qst__put_totals(r->s, r->totals);
    }
    return false;
}

/* Steps as long as they help, at most so many. */
static qst_status step_on(qst__relaxed *r, int n_steps, int q, double stiffness, qst_rng *rng,
    qst__ticker *ticker, qst_err *err)
{
    qst_status status = QST_OK;
    bool is_nearer = true;
    for (int k = 0; status == QST_OK && is_nearer && k < n_steps; k++) {
        is_nearer = step_nearer(r, q, stiffness, rng);
        status = qst__tick(ticker, err);
    }
    return status;
}

qst_status qst__relax_scores(
    qst__relaxed *r, qst_rng *rng, qst__ticker *ticker, double *worst_out, qst_err *err)
{
    set_fineness(r, r->fineness);
    qst_status status = step_on(r, N_STEPS, 2, SQUARE_STIFFNESS, rng, ticker, err);
    if (status == QST_OK) {
        status = step_on(r, N_CENTRINGS, POWER, POWER_STIFFNESS, rng, ticker, err);
    }
    *worst_out = status == QST_OK ? centre(r, POWER, POWER_STIFFNESS) : HUGE_VAL;
    qst__copy_totals(r->s, r->totals);
    set_fineness(r, 1);
    return status;
}

void qst__round_totals(qst__relaxed *r, qst_rng *rng)
{
    const int32_t n = r->s->plan->n_people;
    for (int v = 0; v < QST_N_VISITS; v++) {
        for (int32_t i = 0; i < n; i++) {
            const double total = (double)r->totals[(ptrdiff_t)v * n + i] / r->fineness;
            r->s->people->total[v][i] = (int32_t)floor(total + 0.25 + 0.5 * qst_rng_uniform(rng));
        }
    }
    qst__count_all(r->s);
}
