#include "stat/reconstruct.h"

#include <math.h>

/*
 * A mean of five people takes only some values, and their standard deviation
 * bends so much with each point that nudges of several of them do not add up.
 * So people of small groups whose means or standard deviations are printed get
 * whole totals first: points are given, taken and passed on at random, and what
 * the figures of these people alone miss is lessened by threshold accepting
 * (Dueck & Scheuer 1990). Some of them skip items where no whole totals of
 * complete answers would do. The others' totals are relaxed again, since those
 * of small groups have moved, and these stay as they are.
 */
#define LARGEST_SMALL 8
#define N_COOLINGS 20
#define STEPS_A_COOLING 20000
#define WARMEST 3.0
#define COOLING 0.99983    /* a step: a thirtieth is left in the end */
#define POINTS_AN_ANSWER 8 /* steps of points to one of the number of answers */

/* The people a figure speaks of; none where it is not of a level or of both visits. */
static bool speaks_of(const qst__search *s, const qst_figure *f, int32_t i)
{
    const bool in_arm =
        f->arm < 0 || s->arm_of[i] == f->arm || (f->reference >= 0 && s->arm_of[i] == f->reference);
    return in_arm && f->covariate >= 0 && qst__level(s, i, f->covariate) == f->level;
}

static bool is_of_one_visit(const qst_figure *f)
{
    return f->kind < QST_FIGURE_ESTIMATE && f->kind != QST_FIGURE_F_LEVELS &&
           f->kind != QST_FIGURE_F_INTERACTION && f->covariate >= 0 &&
           f->outcome != QST_OUTCOME_CHANGE;
}

static bool is_small_group(const qst__search *s, const qst_figure *f)
{
    if (f->kind > QST_FIGURE_SD || f->arm < 0 || !is_of_one_visit(f)) {
        return false;
    }
    const int32_t place = qst__place(s, f->covariate, f->level);
    return s->cells[(ptrdiff_t)f->arm * s->n_places + place].n <= LARGEST_SMALL;
}

static bool *mark(const qst__search *s, int visit, int32_t i)
{
    return s->is_small + (ptrdiff_t)visit * s->plan->n_people + i;
}

void qst__find_small(qst__search *s)
{
    const qst_cohort_plan *plan = s->plan;
    for (ptrdiff_t k = 0; k < (ptrdiff_t)QST_N_VISITS * plan->n_people; k++) {
        s->is_small[k] = false;
    }
    for (int32_t k = 0; k < plan->n_figures; k++) {
        const qst_figure *f = &plan->figures[k];
        for (int32_t i = 0; is_small_group(s, f) && i < plan->n_people; i++) {
            *mark(s, f->outcome, i) = *mark(s, f->outcome, i) || speaks_of(s, f, i);
        }
    }
}

bool qst__is_small(const qst__search *s, int visit, int32_t i)
{
    return *mark(s, visit, i);
}

bool qst__is_kept(const qst__search *s, int visit, int32_t i)
{
    return s->is_settled && *mark(s, visit, i);
}

/* ---- Their figures ---- */

static bool is_of_small_alone(const qst__search *s, const qst_figure *f)
{
    bool alone = is_of_one_visit(f);
    bool any = false;
    for (int32_t i = 0; alone && i < s->plan->n_people; i++) {
        if (speaks_of(s, f, i)) {
            any = true;
            alone = qst__is_small(s, (int)f->outcome, i);
        }
    }
    return alone && any;
}

static bool is_added(const qst__small *small, const qst__nudge *nudge, int visit)
{
    for (int32_t k = 0; k < small->n_nudges; k++) {
        if (small->nudges[k].i == nudge->i && small->nudges[k].points[visit] != 0) {
            return true;
        }
    }
    return false;
}

/* A point for each of the group's people who is not in another. */
static void add_group(qst__small *small, const qst_figure *f)
{
    const qst__search *s = small->s;
    const int visit = (int)f->outcome;
    const int32_t start = small->n_nudges;
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        qst__nudge nudge = {.i = i};
        nudge.points[visit] = 1;
        if (speaks_of(s, f, i) && s->people->answered[visit][i] > 0 &&
            !is_added(small, &nudge, visit)) {
            small->group_start[small->n_nudges] = start;
            small->nudges[small->n_nudges++] = nudge;
        }
    }
    for (int32_t k = start; k < small->n_nudges; k++) {
        small->group_end[k] = small->n_nudges;
    }
}

qst_status qst__small_make(qst__arena *arena, qst__search *s, qst__small *small, qst_err *err)
{
    const qst_cohort_plan *plan = s->plan;
    *small = (qst__small){.s = s};
    qst_status status =
        qst__arena_array(arena, plan->n_figures, sizeof *small->figures, &small->figures, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, (ptrdiff_t)QST_N_VISITS * plan->n_people,
            sizeof *small->nudges, &small->nudges, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, 2 * (ptrdiff_t)QST_N_VISITS * plan->n_people,
            sizeof *small->group_start, &small->group_start, err);
    }
    if (status == QST_OK) {
        small->group_end = small->group_start + (ptrdiff_t)QST_N_VISITS * plan->n_people;
    }
    for (int32_t k = 0; status == QST_OK && k < plan->n_figures; k++) {
        if (is_of_small_alone(s, &plan->figures[k])) {
            small->figures[small->n_figures++] = k;
        }
    }
    for (int32_t k = 0; status == QST_OK && k < plan->n_figures; k++) {
        if (is_small_group(s, &plan->figures[k])) {
            add_group(small, &plan->figures[k]);
        }
    }
    return status;
}

/* By roots, so that an F with three digits, which each point moves by many half-widths, does not
 * hold the groups' own figures where they are. */
static double misfit(const qst__small *small)
{
    double sum = 0;
    for (int32_t k = 0; k < small->n_figures; k++) {
        const qst_figure *f = &small->s->plan->figures[small->figures[k]];
        sum += sqrt(qst__excess(f, qst__figure(small->s, f)) / qst__half(f));
    }
    return sum;
}

/* ---- Points given, taken, passed on ---- */

static int visit_of(const qst__nudge *nudge)
{
    return nudge->points[QST_VISIT_BASELINE] != 0 ? QST_VISIT_BASELINE : QST_VISIT_FOLLOWUP;
}

/* Another number of answers for one, of the same mean. */
static double try_answered(qst__small *small, double before, double heat, qst_rng *rng)
{
    qst__search *s = small->s;
    const qst__nudge *nudge = &small->nudges[qst_rng_below(rng, (uint32_t)small->n_nudges)];
    const int visit = visit_of(nudge);
    const int32_t answered = s->people->answered[visit][nudge->i];
    const int32_t total = s->people->total[visit][nudge->i];
    const int32_t drawn = qst__draw_answered(s, 1, rng);
    const double mean = (double)total / answered;
    qst__put_answers(s, visit, nudge->i, drawn, (int32_t)floor(mean * drawn + 0.5));
    if (qst__is_possible(s, nudge->i)) {
        const double after = misfit(small);
        if (after <= before + heat * qst_rng_uniform(rng)) {
            return after;
        }
    }
    qst__put_answers(s, visit, nudge->i, answered, total);
    return before;
}

/* A point from one, and often for another of the group. */
static double try_step(qst__small *small, double before, double heat, qst_rng *rng)
{
    const int32_t at = (int32_t)qst_rng_below(rng, (uint32_t)small->n_nudges);
    const int32_t start = small->group_start[at];
    const uint32_t size = (uint32_t)(small->group_end[at] - start);
    const qst__nudge *first = &small->nudges[at];
    const qst__nudge *second = &small->nudges[start + (int32_t)qst_rng_below(rng, size)];
    const int32_t times = qst_rng_below(rng, 2) == 0 ? -1 : 1;
    const int32_t back = qst_rng_below(rng, 4) == 0 ? 0 : -times;
    qst__do_nudge(small->s, first, times);
    qst__do_nudge(small->s, second, back);
    if (qst__is_possible(small->s, first->i) && qst__is_possible(small->s, second->i)) {
        const double after = misfit(small);
        if (after <= before + heat * qst_rng_uniform(rng)) {
            return after;
        }
    }
    qst__do_nudge(small->s, first, -times);
    qst__do_nudge(small->s, second, -back);
    return before;
}

bool qst__settle_small(qst__small *small, qst_rng *rng)
{
    double now = small->n_figures > 0 ? misfit(small) : 0;
    double heat = WARMEST;
    for (int32_t k = 0; now > 0 && k < N_COOLINGS * STEPS_A_COOLING; k++) {
        heat = k % STEPS_A_COOLING == 0 ? WARMEST : COOLING * heat;
        now = k % POINTS_AN_ANSWER == 0 ? try_answered(small, now, heat, rng)
                                        : try_step(small, now, heat, rng);
    }
    small->s->is_settled = now == 0;
    return now == 0;
}
