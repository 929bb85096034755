#include "stat/reconstruct.h"

#include <math.h>

/* ---- The start ---- */

static int32_t draw_answered(const qst__search *s, qst_rng *rng)
{
    double u = qst_rng_uniform(rng);
    for (int32_t k = 0; k < s->plan->n_skips; k++) {
        if (u < s->plan->skip[k]) {
            return s->plan->n_items - 1 - k;
        }
        u -= s->plan->skip[k];
    }
    return s->plan->n_items;
}

static int32_t total_near(const qst__search *s, double score, int32_t answered)
{
    const double mean = score / s->plan->score_items;
    const double low = s->plan->min + 0.15;
    const double high = s->plan->max - 0.15;
    const double inside = mean < low ? low : mean > high ? high : mean;
    return (int32_t)(inside * answered + 0.5);
}

/* Mean of the baseline figures printed for person i's own levels, else of the arm. */
static double baseline_centre(const qst__search *s, int32_t i)
{
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        const qst_figure *f = &s->plan->figures[k];
        if (f->kind == QST_FIGURE_MEAN && f->outcome == QST_OUTCOME_BASELINE &&
            f->arm == s->arm_of[i] && f->covariate >= 0 &&
            qst__level(s, i, f->covariate) == f->level) {
            return (f->low + f->high) / 2;
        }
    }
    return s->plan->baseline_mean[s->arm_of[i]];
}

static void draw_person(qst__search *s, int32_t i, qst_rng *rng)
{
    const qst_cohort_plan *plan = s->plan;
    const int32_t arm = s->arm_of[i];
    const double r = plan->correlation;
    const double before = qst__bell(rng);
    const double after = r * before + sqrt(1 - r * r) * qst__bell(rng);
    const double baseline = baseline_centre(s, i) + plan->baseline_sd[arm] * before;
    const double change = plan->change_mean[arm] + plan->change_sd[arm] * after;
    const double score[QST_N_VISITS] = {baseline, baseline + change};
    for (int v = 0; v < QST_N_VISITS; v++) {
        s->people->answered[v][i] = draw_answered(s, rng);
        s->people->total[v][i] = total_near(s, score[v], s->people->answered[v][i]);
    }
}

void qst__draw_scores(qst__search *s, qst_rng *rng)
{
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        draw_person(s, i, rng);
    }
    for (int32_t k = 0; k < s->plan->n_lone;) {
        const int32_t i = (int32_t)qst_rng_below(rng, (uint32_t)s->plan->n_people);
        k += qst__has_baseline(s, i);
        s->people->answered[QST_VISIT_BASELINE][i] = 0;
        s->people->total[QST_VISIT_BASELINE][i] = 0;
    }
    qst__count_all(s);
}

/* ---- Tolerances ---- */

/*
 * A figure's grain is how far one move carries it. Printed means may be finer
 * or coarser than that by a factor of hundreds; so a miss is counted in grains
 * first, times a tolerance that shrinks from 100, and in half-widths of the
 * rounding only when those are the larger. All figures then tighten together.
 */
typedef struct {
    bool baseline_only;
    double from, to, factor; /* tolerance, and what a block of moves multiplies it by */
} schedule;

static const schedule baseline_schedule = {true, 100, 5e-4, 0.988};
static const schedule full_schedule = {false, 100, 5e-4, 0.997};
static const schedule reheat_schedule = {false, 0.02, 5e-4, 0.994};

#define BLOCK 1000
#define N_GRAIN_MOVES 400
#define FIRM 0.3 /* baseline figures stay within this share of a half-width, once met */

static void set_widths(qst__search *s, const schedule *plan, const double *grain, double tolerance)
{
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        const qst_figure *figure = &s->plan->figures[k];
        const double half = qst__half(figure);
        const double coarse = grain[k] * tolerance;
        s->width[k] = coarse > half ? coarse : half;
        if (!plan->baseline_only && qst__of_baseline(figure)) {
            s->width[k] = FIRM * half;
        }
    }
}

void qst__set_final_widths(qst__search *s)
{
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        s->width[k] = qst__half(&s->plan->figures[k]);
    }
}

/* Root mean square change of each figure over some moves. */
static void measure_grains(
    qst__search *s, const schedule *plan, qst_rng *rng, const double *before, double *grain)
{
    const qst__mix *mix = plan->baseline_only ? &qst__baseline_mix : &qst__full_mix;
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        grain[k] = 0;
    }
    for (int n = 0; n < N_GRAIN_MOVES; n++) {
        qst__move move;
        if (!qst__draw_move(s, mix, rng, &move)) {
            continue;
        }
        (void)qst__do_move(s, &move);
        qst__figures(s, plan->baseline_only);
        for (int32_t k = 0; k < s->plan->n_figures; k++) {
            const double d = s->value[k] - before[k];
            grain[k] += d * d / N_GRAIN_MOVES;
        }
        qst__undo_move(s, &move);
    }
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        grain[k] = sqrt(grain[k]);
    }
}

/* ---- Threshold accepting ---- */

/* The finer the tolerance, the more alike the partners. */
static int32_t partners_at(double tolerance)
{
    return tolerance > 10 ? 1 : tolerance > 3 ? 2 : tolerance > 1 ? 4 : tolerance > 0.3 ? 8 : 16;
}

/* A block of moves at one tolerance; *misfit follows. */
static void run_block(qst__search *s, const schedule *plan, double tolerance, qst_rng *rng)
{
    qst__mix mix = plan->baseline_only ? qst__baseline_mix : qst__full_mix;
    mix.n_partners = plan->baseline_only ? 1 : partners_at(tolerance);
    const double threshold = tolerance < 0.05 ? 10 * tolerance : 0.5;
    double misfit = qst__misfit(s, plan->baseline_only);
    for (int n = 0; n < BLOCK && misfit > 0; n++) {
        qst__move move;
        if (!qst__draw_move(s, &mix, rng, &move)) {
            continue;
        }
        (void)qst__do_move(s, &move);
        const double after =
            qst__is_possible(s, &move) ? qst__misfit(s, plan->baseline_only) : HUGE_VAL;
        if (after <= misfit + threshold * qst_rng_uniform(rng)) {
            misfit = after;
        } else {
            qst__undo_move(s, &move);
        }
    }
}

static bool is_met(qst__search *s, bool baseline_only)
{
    qst__set_final_widths(s);
    return qst__misfit(s, baseline_only) == 0;
}

static qst_status cool(
    qst__search *s, const schedule *plan, qst_rng *rng, qst__ticker *ticker, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    double *room = NULL;
    const int32_t n = s->plan->n_figures;
    qst_status status = qst__arena_array(&arena, 2 * (ptrdiff_t)n, sizeof *room, &room, err);
    if (status == QST_OK) {
        double *grain = room + n;
        qst__figures(s, plan->baseline_only);
        for (int32_t k = 0; k < n; k++) {
            room[k] = s->value[k];
        }
        measure_grains(s, plan, rng, room, grain);
        for (double tolerance = plan->from;
             status == QST_OK && tolerance > plan->to && !is_met(s, plan->baseline_only);
             tolerance *= plan->factor) {
            set_widths(s, plan, grain, tolerance);
            run_block(s, plan, tolerance, rng);
            status = qst__tick(ticker, err);
        }
    }
    qst__arena_free(&arena);
    return status;
}

qst_status qst__search_scores(qst__search *s, qst_rng *rng, qst__ticker *ticker, qst_err *err)
{
    const qst_status status = cool(s, &baseline_schedule, rng, ticker, err);
    return status == QST_OK ? cool(s, &full_schedule, rng, ticker, err) : status;
}

qst_status qst__reheat_scores(qst__search *s, qst_rng *rng, qst__ticker *ticker, qst_err *err)
{
    return cool(s, &reheat_schedule, rng, ticker, err);
}
