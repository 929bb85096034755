#include "stat/reconstruct.h"

#include <math.h>

/*
 * Near the end single moves are too coarse: what is left are misses of a few
 * tenths of a rounding, and each move carries some figure by more. Two moves
 * that nearly cancel are finer, and there are millions of pairs. The effect of
 * a small move on every figure is measured once; for a pair the effects add up
 * (but for terms of second order), so most pairs are dismissed after a few
 * additions, and what looks best is checked exactly.
 */
#define N_CANDIDATES 4000
#define N_DRAWS 30000
#define SMALL 20.0 /* half-widths that a move may carry any figure, at most */
#define LARGE 40.0 /* the same every second time, for other directions */
#define PATIENCE 3 /* rounds without gain of half a percent before it ends */
#define MAX_ROUNDS 60

typedef struct {
    qst__search *s;
    int32_t n_figures;
    int32_t n_moves;
    qst__move *moves;
    double *effects; /* of each move: n_figures, in half-widths */
    double *miss;    /* of each figure now, in half-widths from the middle */
    double *before;  /* values now */
} bench;

static double excess_sq(double miss)
{
    const double excess = (miss < 0 ? -miss : miss) - (1 - QST__RIM);
    return excess > 0 ? excess * excess : 0;
}

static qst_status make_bench(qst__arena *arena, qst__search *s, bench *b, qst_err *err)
{
    const int32_t n = s->plan->n_figures;
    *b = (bench){.s = s, .n_figures = n};
    qst_status status = qst__arena_array(arena, N_CANDIDATES, sizeof *b->moves, &b->moves, err);
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, (ptrdiff_t)N_CANDIDATES * n, sizeof *b->effects, &b->effects, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, 2 * (ptrdiff_t)n, sizeof *b->miss, &b->miss, err);
    }
    if (status == QST_OK) {
        b->before = b->miss + n;
    }
    return status;
}

static void note_values(bench *b)
{
    for (int32_t k = 0; k < b->n_figures; k++) {
        const qst_figure *figure = &b->s->plan->figures[k];
        const double middle = (figure->low + figure->high) / 2;
        b->before[k] = b->s->value[k];
        b->miss[k] = (b->s->value[k] - middle) / qst__half(figure);
    }
}

/* Effect of a possible move; false if it carries some figure further than `limit`, or none. */
static bool measure(bench *b, const qst__move *move, double limit, double *effect)
{
    bool any = false;
    bool keep = qst__do_move(b->s, move) && qst__is_possible(b->s, move);
    if (keep) {
        qst__figures(b->s, false);
    }
    for (int32_t k = 0; keep && k < b->n_figures; k++) {
        effect[k] = (b->s->value[k] - b->before[k]) / qst__half(&b->s->plan->figures[k]);
        keep = effect[k] < limit && effect[k] > -limit;
        any = any || effect[k] != 0;
    }
    qst__undo_move(b->s, move);
    return keep && any;
}

static void collect(bench *b, double limit, qst_rng *rng)
{
    b->n_moves = 0;
    for (int n = 0; n < N_DRAWS && b->n_moves < N_CANDIDATES; n++) {
        qst__mix mix = qst__polish_mix;
        mix.n_partners = 1 << qst_rng_below(rng, 5);
        qst__move *move = b->moves + b->n_moves;
        double *effect = b->effects + (ptrdiff_t)b->n_moves * b->n_figures;
        if (qst__draw_move(b->s, &mix, rng, move) && measure(b, move, limit, effect)) {
            b->n_moves++;
        }
    }
}

static bool share_a_person(const qst__move *a, const qst__move *b)
{
    return a->i == b->i || a->i == b->j || a->j == b->i || a->j == b->j;
}

/* The exact misfit after both moves, which are undone again. */
static double exact_misfit(qst__search *s, const qst__move *a, const qst__move *b)
{
    const bool first = qst__do_move(s, a);
    const bool second = qst__do_move(s, b);
    const double misfit = first && second ? qst__misfit(s, false) : HUGE_VAL;
    qst__undo_move(s, b);
    qst__undo_move(s, a);
    return misfit;
}

/* Misfit of `start` plus an effect, or some number above `limit`. */
static double added_misfit(const double *start, const double *effect, int32_t n, double limit)
{
    double sum = 0;
    for (int32_t k = n - 1; k >= 0 && sum < limit; k--) {
        sum += excess_sq(start[k] + effect[k]);
    }
    return sum;
}

/* The best pair; its misfit is returned, and `misfit` if no pair is better. `start` is room. */
static double best_pair(bench *b, double misfit, double *start, int32_t *first, int32_t *second)
{
    const int32_t n = b->n_figures;
    for (int32_t i = 0; i < b->n_moves; i++) {
        for (int32_t k = 0; k < n; k++) {
            start[k] = b->miss[k] + b->effects[(ptrdiff_t)i * n + k];
        }
        for (int32_t j = i + 1; j < b->n_moves; j++) {
            const double *effect = b->effects + (ptrdiff_t)j * n;
            if (added_misfit(start, effect, n, misfit) >= misfit ||
                share_a_person(b->moves + i, b->moves + j)) {
                continue;
            }
            const double exact = exact_misfit(b->s, b->moves + i, b->moves + j);
            if (exact < misfit) {
                misfit = exact;
                *first = i;
                *second = j;
            }
        }
    }
    return misfit;
}

static double polish_round(bench *b, double misfit, double limit, double *start, qst_rng *rng)
{
    int32_t first = -1, second = -1;
    qst__figures(b->s, false);
    note_values(b);
    collect(b, limit, rng);
    const double after = best_pair(b, misfit, start, &first, &second);
    if (first >= 0) {
        (void)qst__do_move(b->s, b->moves + first);
        (void)qst__do_move(b->s, b->moves + second);
    }
    return after;
}

qst_status qst__polish_scores(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, double *misfit_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    bench b;
    double *start = NULL;
    qst_status status = make_bench(&arena, s, &b, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, s->plan->n_figures, sizeof *start, &start, err);
    }
    qst__set_final_widths(s);
    double misfit = qst__misfit(s, false);
    int idle = 0;
    for (int round = 0; status == QST_OK && misfit > 0 && idle < PATIENCE && round < MAX_ROUNDS;
         round++) {
        const double after = polish_round(&b, misfit, round % 2 == 0 ? SMALL : LARGE, start, rng);
        idle = after < 0.995 * misfit ? 0 : idle + 1;
        misfit = after;
        status = qst__tick(ticker, err);
    }
    *misfit_out = misfit;
    qst__arena_free(&arena);
    return status;
}
