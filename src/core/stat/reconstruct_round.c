#include "stat/reconstruct.h"

#include <math.h>
#include <string.h>

/*
 * Rounding relaxed totals leaves every figure some hundred half-widths from its
 * goal, and there are as many figures as people. Which totals go up or down by
 * one so that all figures reach their goals at once is a closest vector
 * problem: a person has one nudge or two, drawn at random, whose effect on the
 * figures is a column of A; wanted are whole numbers c with A c near to what
 * the figures lack and c near to 0 or 1,
 *     |A c - lack|^2 + ease^2 |c - share|^2 -> least.
 * The columns of (A; ease I) span a lattice. Reduced (Lenstra, Lenstra & Lovasz
 * 1982), its nearest plane (Babai 1986) gives a c at once.
 *
 * Sums and sums of squares are linear in nudges of different people if c is 0
 * or 1, so what is left after a round comes from the figures' curvature, and
 * goes down round by round like the misses of Newton's method. The small groups
 * of reconstruct_small.c, where the curvature is greatest, are whole before.
 */
#define NUDGES_A_FIGURE 4
#define FEWEST_NUDGES 160
#define MOST_NUDGES 400
#define N_STARTS 3  /* roundings of the same relaxed totals */
#define N_ROUNDS 8  /* lattices each */
#define N_TRIALS 60 /* targets each, shifted by up to LARGEST_SHIFT */
#define LARGEST_SHIFT 0.27

typedef struct {
    qst__relaxed *r;
    qst__search *s;
    int32_t n_nudges, most;
    double ease, share; /* of the problem above */
    int32_t *order;     /* of the people */
    qst__nudge *nudges;
    double *effects;   /* of each nudge on the figures, divided by `room`: a column of A */
    double *room;      /* what a goal leaves of the half-width */
    double *lack;      /* what the figures lack of their goals, in `room` */
    qst_mat factor;    /* R of the lattice */
    qst_mat multiples; /* columns of c for its basis */
    double *target;    /* n_nudges, in the basis of R */
    double *shifted, *x, *c, *best, *pivots;
    int32_t *kept; /* the best totals so far */
} rounding;

static qst_status make_rounding(qst__arena *arena, qst__relaxed *r, rounding *p, qst_err *err)
{
    const ptrdiff_t n_people = r->s->plan->n_people;
    const ptrdiff_t n_figures = r->n_figures;
    ptrdiff_t most = NUDGES_A_FIGURE * n_figures;
    most = most < FEWEST_NUDGES ? FEWEST_NUDGES : most > MOST_NUDGES ? MOST_NUDGES : most;
    most = most > 2 * n_people ? 2 * n_people : most;
    *p = (rounding){.r = r, .s = r->s, .most = (int32_t)most};
    qst_status status = qst__arena_array(arena, most, sizeof *p->nudges, &p->nudges, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, most * n_figures, sizeof *p->effects, &p->effects, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, (1 + QST_N_VISITS) * n_people, sizeof *p->order, &p->order, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, 6 * most + 2 * n_figures, sizeof *p->target, &p->target, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, most, most, &p->factor, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, most, most, &p->multiples, err);
    }
    if (status == QST_OK) {
        p->kept = p->order + n_people;
        p->shifted = p->target + most;
        p->x = p->target + 2 * most;
        p->c = p->target + 3 * most;
        p->best = p->target + 4 * most;
        p->pivots = p->target + 5 * most;
        p->room = p->target + 6 * most;
        p->lack = p->room + n_figures;
    }
    return status;
}

/* ---- The lattice ---- */

/* Effect of a nudge on the figures, whose squares are its own and whose curvature is left out. */
static void measure_in_room(rounding *p, const qst__nudge *nudge, double *effect)
{
    qst__measure(p->r, qst__lean, nudge, effect);
    for (int32_t k = 0; k < p->r->n_figures; k++) {
        effect[k] /= p->room[k];
    }
}

/* A point up or down for the first visit, the second or both. */
static qst__nudge draw_nudge(const rounding *p, int32_t i, uint32_t which, qst_rng *rng)
{
    const int32_t point = qst_rng_below(rng, 2) == 0 ? -1 : 1;
    qst__nudge nudge = {.i = i};
    nudge.points[QST_VISIT_BASELINE] = which != 1 && qst__has_baseline(p->s, i) ? point : 0;
    nudge.points[QST_VISIT_FOLLOWUP] = which != 0 || !qst__has_baseline(p->s, i) ? point : 0;
    for (int v = 0; v < QST_N_VISITS; v++) {
        if (qst__is_kept(p->s, v, i)) {
            nudge.points[v] = 0;
            nudge.points[1 - v] = qst__is_kept(p->s, 1 - v, i) ? 0 : point;
        }
    }
    return nudge;
}

static bool can_take(rounding *p, const qst__nudge *nudge)
{
    qst__do_nudge(p->s, nudge, 1);
    const bool possible = qst__is_possible(p->s, nudge->i);
    qst__do_nudge(p->s, nudge, -1);
    return possible && (nudge->points[0] != 0 || nudge->points[1] != 0);
}

static void take_nudge(rounding *p, int32_t i, uint32_t which, qst_rng *rng)
{
    const qst__nudge nudge = draw_nudge(p, i, which, rng);
    if (can_take(p, &nudge)) {
        measure_in_room(p, &nudge, p->effects + (ptrdiff_t)p->n_nudges * p->r->n_figures);
        p->nudges[p->n_nudges++] = nudge;
    }
}

static void shuffle_people(rounding *p, qst_rng *rng)
{
    for (int32_t i = 0; i < p->s->plan->n_people; i++) {
        const int32_t at = (int32_t)qst_rng_below(rng, (uint32_t)(i + 1));
        p->order[i] = p->order[at];
        p->order[at] = i;
    }
}

/* One for each person, then another, as many as are wanted. */
static void draw_nudges(rounding *p, qst_rng *rng)
{
    const int32_t n = p->s->plan->n_people;
    const uint32_t first = qst_rng_below(rng, 3);
    shuffle_people(p, rng);
    p->n_nudges = 0;
    for (int32_t k = 0; k < 2 * n && p->n_nudges < p->most; k++) {
        const uint32_t which = first + (uint32_t)(k % n) + (k < n ? 0 : 1);
        take_nudge(p, p->order[k % n], which % 3, rng);
    }
}

static double product(const double *a, const double *b, ptrdiff_t n)
{
    double sum = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

/* R of the reduced basis, and its columns as multiples of the nudges. */
static void reduce(rounding *p)
{
    const ptrdiff_t n = p->n_nudges;
    const ptrdiff_t n_figures = p->r->n_figures;
    p->factor = (qst_mat){p->factor.data, n, n, n};
    p->multiples = (qst_mat){p->multiples.data, n, n, n};
    for (ptrdiff_t j = 0; j < n; j++) {
        const double *effect = p->effects + j * n_figures;
        for (ptrdiff_t i = 0; i <= j; i++) {
            p->factor.data[i + j * n] = product(p->effects + i * n_figures, effect, n_figures);
        }
        p->factor.data[j + j * n] += p->ease * p->ease;
        for (ptrdiff_t i = 0; i < n; i++) {
            p->multiples.data[i + j * n] = i == j;
        }
    }
    qst__cholesky(p->factor, 0, p->pivots);
    qst__reduce_lattice(p->factor, p->multiples);
}

/* Where the figures' lack and the halves lie in the basis: R'^-1 U' (A' lack + ease^2 share). */
static void aim(rounding *p)
{
    const ptrdiff_t n = p->n_nudges;
    const int32_t n_figures = p->r->n_figures;
    for (int32_t k = 0; k < n_figures; k++) {
        p->lack[k] = (p->r->goal[k] - p->r->miss[k]) / p->room[k];
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        p->c[j] =
            product(p->effects + j * n_figures, p->lack, n_figures) + p->ease * p->ease * p->share;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        p->target[j] = product(p->multiples.data + j * n, p->c, n);
    }
    qst__solve_upper_transposed(qst__view(p->factor), p->target);
}

/* ---- Rounds ---- */

/* c for the target, shifted a little. */
static void solve(rounding *p, double shift, qst_rng *rng)
{
    const ptrdiff_t n = p->n_nudges;
    for (ptrdiff_t j = 0; j < n; j++) {
        p->shifted[j] = p->target[j] + shift * qst__bell(rng);
        p->c[j] = 0;
    }
    qst__nearest_plane(qst__view(p->factor), p->shifted, p->x);
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t i = 0; p->x[j] != 0 && i < n; i++) {
            p->c[i] += p->x[j] * p->multiples.data[i + j * n];
        }
    }
}

/* More points than the scale is long leave nobody's total possible, and could overflow the sums.
 * Where a figure has no value multiples are NaN, which no whole number is. */
static bool is_solution(const rounding *p, const double *c)
{
    const qst_cohort_plan *plan = p->s->plan;
    const double most_times = ((double)plan->max - plan->min) * plan->n_items;
    for (int32_t j = 0; j < p->n_nudges; j++) {
        if (!(fabs(c[j]) <= most_times)) {
            return false;
        }
    }
    return true;
}

/* Does or undoes all nudges; false if somebody's total is not possible then. */
static bool do_nudges(rounding *p, const double *c, int sign)
{
    bool possible = true;
    for (int32_t j = 0; j < p->n_nudges; j++) {
        if (c[j] != 0) {
            qst__do_nudge(p->s, &p->nudges[j], sign * (int32_t)c[j]);
            possible = qst__is_possible(p->s, p->nudges[j].i) && possible;
        }
    }
    return possible;
}

/* What p->c would leave, HUGE_VAL if some total were not possible. */
static double misfit_of_solution(rounding *p)
{
    if (!is_solution(p, p->c)) {
        return HUGE_VAL;
    }
    const double misfit = do_nudges(p, p->c, 1) ? qst__misfit(p->s) : HUGE_VAL;
    (void)do_nudges(p, p->c, -1);
    return misfit;
}

/* The best of some solutions is done, be it worse than what was. */
static double try_solutions(rounding *p, qst_rng *rng)
{
    double least = HUGE_VAL;
    for (int k = 0; k < N_TRIALS && least > 0; k++) {
        solve(p, k == 0 ? 0 : LARGEST_SHIFT * qst_rng_uniform(rng), rng);
        const double misfit = misfit_of_solution(p);
        if (misfit < least) {
            least = misfit;
            memcpy(p->best, p->c, sizeof *p->c * (size_t)p->n_nudges);
        }
    }
    if (least < HUGE_VAL) {
        (void)do_nudges(p, p->best, 1);
    }
    return least;
}

/* Far away as many nudges are needed as can be had, each once. Near, tight figures count for more,
 * c may be other numbers, and the fewer nudges, the less curvature. */
static void set_scales(rounding *p, double misfit)
{
    static const struct {
        double misfit, ease, share, least;
    } scales[] = {{1e5, 1, 0.5, 1}, {1e3, 1, 0.4, 1}, {1e2, 1, 0.3, 0.3}, {10, 0.7, 0.2, 0.1},
        {1, 0.5, 0.2, 0.1}, {0, 0.4, 0.1, 0.02}};
    int at = 0;
    while (scales[at].misfit > misfit) {
        at++;
    }
    p->ease = scales[at].ease;
    p->share = scales[at].share;
    for (int32_t k = 0; k < p->r->n_figures; k++) {
        const double room = 1 - fabs(p->r->goal[k]);
        p->room[k] = room > scales[at].least ? room : scales[at].least;
    }
}

static double do_round(rounding *p, double misfit, qst_rng *rng)
{
    qst__note_misses(p->r);
    set_scales(p, misfit);
    draw_nudges(p, rng);
    reduce(p);
    aim(p);
    return try_solutions(p, rng);
}

/* Rounds from one rounding of the relaxed totals; *least and what is kept follow. Something is kept
 * even where no misfit is finite. */
static qst_status go_rounds(
    rounding *p, double *least, qst_rng *rng, qst__ticker *ticker, qst_err *err)
{
    qst_status status = QST_OK;
    qst__round_totals(p->r, rng);
    double misfit = qst__misfit(p->s);
    for (int k = 0; status == QST_OK && *least > 0 && k <= N_ROUNDS; k++) {
        if (misfit <= *least) {
            *least = misfit;
            qst__copy_totals(p->s, p->kept);
        }
        if (*least > 0 && k < N_ROUNDS) {
            misfit = do_round(p, misfit, rng);
        }
        status = qst__tick(ticker, err);
    }
    return status;
}

qst_status qst__round_scores(
    qst__relaxed *r, qst_rng *rng, qst__ticker *ticker, double *misfit_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    rounding p;
    double least = HUGE_VAL;
    qst_status status = make_rounding(&arena, r, &p, err);
    for (int k = 0; status == QST_OK && k < N_STARTS && least > 0; k++) {
        status = go_rounds(&p, &least, rng, ticker, err);
    }
    if (status == QST_OK) {
        qst__put_totals(r->s, p.kept);
    }
    *misfit_out = least;
    qst__arena_free(&arena);
    return status;
}
