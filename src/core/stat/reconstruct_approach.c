#include "stat/reconstruct_pool.h"

#include <math.h>
#include <string.h>

/*
 * From scores that are about right to scores that meet all figures: some steps
 * of Gauss and Newton on all totals as real numbers; then rounds of a walk
 * (reconstruct_walk.c) and of the best pairs among some thousand small moves.
 * Where rounds no longer help, a walk that need not help leads elsewhere, from
 * the best cohort so far.
 */
#define N_STEPS 8
#define N_ROUNDS 80
#define N_PAIRS 20      /* pairs a round */
#define PATIENCE 8      /* rounds without gain of 2% before it goes elsewhere */
#define FINE 100.0      /* misfit below which pairs are the better part */
#define HOPELESS 300.0  /* misfit after a fifth of the rounds; a tenth of it after half of them */
#define STEP_RIDGE 1e-5 /* of the mean square */

typedef struct {
    qst__search *s;
    qst__pool pool;
    double *steps;     /* effect of a point more, for each person and visit: n_figures each */
    int32_t *kept;     /* the best cohort so far: levels, answered, totals */
    int32_t *first;    /* levels as they came */
    ptrdiff_t n_level; /* levels in all */
} approach;

static void copy(int32_t *to, const int32_t *from, ptrdiff_t n)
{
    memcpy(to, from, (size_t)n * sizeof *to);
}

static qst_status make_approach(qst__arena *arena, qst__search *s, approach *p, qst_err *err)
{
    const ptrdiff_t n = s->plan->n_people;
    *p = (approach){.s = s, .n_level = n * s->plan->n_covariates};
    qst_status status = qst__pool_make(arena, s, &p->pool, err);
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, QST_N_VISITS * n * s->plan->n_figures, sizeof *p->steps, &p->steps, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, p->n_level + 2 * QST_N_VISITS * n, sizeof *p->kept, &p->kept, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, p->n_level, sizeof *p->first, &p->first, err);
    }
    if (status == QST_OK) {
        copy(p->first, s->people->level, p->n_level);
    }
    return status;
}

/* ---- The best so far ---- */

static void keep(approach *p)
{
    const ptrdiff_t n = p->s->plan->n_people;
    int32_t *at = p->kept + p->n_level;
    copy(p->kept, p->s->people->level, p->n_level);
    for (int v = 0; v < QST_N_VISITS; v++, at += 2 * n) {
        copy(at, p->s->people->answered[v], n);
        copy(at + n, p->s->people->total[v], n);
    }
}

static double restore(approach *p)
{
    const ptrdiff_t n = p->s->plan->n_people;
    const int32_t *at = p->kept + p->n_level;
    copy(p->s->people->level, p->kept, p->n_level);
    for (int v = 0; v < QST_N_VISITS; v++, at += 2 * n) {
        copy(p->s->people->answered[v], at, n);
        copy(p->s->people->total[v], at + n, n);
    }
    qst__count_all(p->s);
    (void)qst__count_design(p->s);
    return qst__misfit(p->s, false);
}

/* ---- Steps of Gauss and Newton ---- */

static qst__move nudge(int32_t i, int visit, int32_t points)
{
    return (qst__move){.kind = QST__NUDGE, .i = i, .j = i, .visit = visit, .points = points};
}

static void measure_steps(approach *p)
{
    const qst__search *s = p->s;
    const int32_t n = s->plan->n_figures;
    for (int32_t c = 0; c < QST_N_VISITS * s->plan->n_people; c++) {
        double *effect = p->steps + (ptrdiff_t)c * n;
        const int visit = c % QST_N_VISITS;
        const qst__move move = nudge(c / QST_N_VISITS, visit, 1);
        double size = 0;
        if (s->people->answered[visit][move.i] > 0) {
            (void)qst__measure(&p->pool, &move, effect, &size);
        }
        for (int32_t k = 0; size == 0 && k < n; k++) {
            effect[k] = 0;
        }
    }
}

/* The least changes of all totals that bring the figures to their middles, as multipliers of the
 * figures' effects. */
static bool solve_step(approach *p)
{
    const int32_t n = p->s->plan->n_figures;
    double *gram = p->pool.gram;
    double trace = 0;
    for (ptrdiff_t k = 0; k < (ptrdiff_t)n * n; k++) {
        gram[k] = 0;
    }
    for (int32_t c = 0; c < QST_N_VISITS * p->s->plan->n_people; c++) {
        const double *effect = p->steps + (ptrdiff_t)c * n;
        for (int32_t i = 0; i < n; i++) {
            for (int32_t j = 0; j <= i; j++) {
                gram[i * n + j] += effect[i] * effect[j];
            }
        }
    }
    for (int32_t i = 0; i < n; i++) {
        trace += gram[i * n + i];
    }
    for (int32_t i = 0; i < n; i++) {
        gram[i * n + i] += STEP_RIDGE * trace / n;
        p->pool.solution[i] = -p->pool.miss[i];
    }
    return trace > 0 && qst__solve_normal(gram, n, p->pool.solution);
}

/* Does the step, rounded up or down by chance. */
static void do_step(approach *p, qst_rng *rng)
{
    const int32_t n = p->s->plan->n_figures;
    for (int32_t c = 0; c < QST_N_VISITS * p->s->plan->n_people; c++) {
        const double *effect = p->steps + (ptrdiff_t)c * n;
        double change = 0;
        for (int32_t k = 0; k < n; k++) {
            change += effect[k] * p->pool.solution[k];
        }
        const double range = p->s->plan->max - p->s->plan->min;
        const double limit = range * p->s->plan->n_items;
        change = change > limit ? limit : change < -limit ? -limit : change;
        const qst__move move = nudge(
            c / QST_N_VISITS, c % QST_N_VISITS, (int32_t)floor(change + qst_rng_uniform(rng)));
        if (move.points != 0) {
            (void)qst__do_move(p->s, &move);
            if (!qst__is_possible(p->s, &move)) {
                qst__undo_move(p->s, &move);
            }
        }
    }
}

static double step_near(approach *p, qst_rng *rng)
{
    double misfit = qst__misfit(p->s, false);
    keep(p);
    for (int k = 0; k < N_STEPS && misfit > 0; k++) {
        qst__note_values(&p->pool);
        measure_steps(p);
        if (!solve_step(p)) {
            break;
        }
        do_step(p, rng);
        const double after = qst__misfit(p->s, false);
        if (after < misfit) {
            misfit = after;
            keep(p);
        }
    }
    return restore(p);
}

/* ---- Rounds ---- */

static double worst_miss(const qst__pool *pool)
{
    double worst = 0;
    for (int32_t k = 0; k < pool->n_figures; k++) {
        const double size = fabs(pool->miss[k]);
        worst = size > worst ? size : worst;
    }
    return worst;
}

/* The farther the figures, the fewer and the larger the moves. */
static qst__draw draw_for(const qst__pool *pool, double misfit, int round)
{
    const double worst = worst_miss(pool);
    return (qst__draw){.wanted = misfit < FINE ? QST__MOST_DRAWN
                                 : worst > 30  ? 600
                                 : worst > 8   ? 1500
                                               : 3000,
        .closeness = round % 3,
        .max_points = worst > 300  ? 6
                      : worst > 60 ? 3
                      : worst > 15 ? 2
                                   : 1};
}

static double approach_round(approach *p, int round, double misfit, bool elsewhere, qst_rng *rng)
{
    qst__note_values(&p->pool);
    const qst__draw how = draw_for(&p->pool, misfit, round);
    qst__fill_pool(&p->pool, &how, rng);
    if (elsewhere || misfit >= FINE || round % 4 == 3) {
        const double small_share = 0.3 + 0.2 * qst_rng_below(rng, 4);
        misfit = qst__walk(&p->pool, small_share, misfit, elsewhere, rng);
    }
    qst__line_up(&p->pool, misfit < FINE ? QST__MOST_PAIRED : 1500);
    double before = HUGE_VAL;
    for (int k = 0; k < N_PAIRS && misfit > 0 && misfit < before; k++) {
        before = misfit;
        qst__note_values(&p->pool);
        misfit = qst__best_pair(&p->pool, misfit);
    }
    return misfit;
}

/* Where so much is left after so many rounds that more are not worth their time. */
static bool is_hopeless(int round, double misfit)
{
    return (round > N_ROUNDS / 5 && misfit > HOPELESS) ||
           (round > N_ROUNDS / 2 && misfit > HOPELESS / 10);
}

static qst_status go_rounds(
    approach *p, double *best, qst_rng *rng, qst__ticker *ticker, qst_err *err)
{
    qst_status status = QST_OK;
    double misfit = *best;
    int idle = 0;
    for (int round = 0; status == QST_OK && *best > 0 && round < N_ROUNDS; round++) {
        if (is_hopeless(round, *best)) {
            break;
        }
        const bool elsewhere = idle >= PATIENCE;
        const double before = elsewhere ? restore(p) : misfit;
        misfit = approach_round(p, round, before, elsewhere, rng);
        idle = elsewhere || misfit < 0.98 * before ? 0 : idle + 1;
        if (misfit < *best) {
            *best = misfit;
            keep(p);
        }
        status = qst__tick(ticker, err);
    }
    return status;
}

qst_status qst__approach_scores(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, double *misfit_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    approach p;
    qst_status status = make_approach(&arena, s, &p, err);
    qst__set_final_widths(s);
    *misfit_out = status == QST_OK ? step_near(&p, rng) : HUGE_VAL;
    if (status == QST_OK) {
        status = go_rounds(&p, misfit_out, rng, ticker, err);
    }
    if (status == QST_OK && *misfit_out > 0) {
        copy(p.kept, p.first, p.n_level);
    }
    if (status == QST_OK) {
        (void)restore(&p);
    }
    qst__arena_free(&arena);
    return status;
}
