#include "stat/reconstruct_pool.h"

#include <math.h>

/*
 * Moves that share nobody have effects that add up, so what shares x of them
 * do to the figures is linear in x. Real shares between 0 and 1 bring the
 * figures to where they should be (least squares within bounds); then the
 * shares walk to 0 and 1 one after the other, the largest moves first, while
 * as many others as there are figures (the basic ones, at first the smallest)
 * make good for what each step does: the way of the simplex method from a
 * point inside to a corner. Only the last, basic ones are rounded.
 */
#define RIDGE                                                                                      \
    1e-3 /* of the squares, a move: directions in which figures only contradict another            \
          */
#define N_FITS 10
#define N_SWEEPS 40
#define MAX_FLIPS 60

/* ---- Choosing ---- */

static bool is_alone(const qst__move *move)
{
    return move->kind == QST__NUDGE || move->kind == QST__LIFT;
}

static void take(qst__pool *pool, int32_t at)
{
    const qst__move *move = pool->drawn + at;
    const bool alone = is_alone(move);
    if (pool->n_chosen < QST__MOST_CHOSEN && !pool->used[move->i] &&
        (alone || !pool->used[move->j])) {
        pool->used[move->i] = true;
        pool->used[alone ? move->i : move->j] = true;
        pool->chosen[pool->n_chosen++] = at;
    }
}

static double size_of(const qst__pool *pool, int32_t at)
{
    const double *effect = pool->effects + (ptrdiff_t)at * pool->n_figures;
    double sum = 0;
    for (int32_t k = 0; k < pool->n_figures; k++) {
        sum += effect[k] * effect[k];
    }
    return sum;
}

/* A share of the people goes to the smallest moves, the rest to any; largest first. */
static void choose(qst__pool *pool, double small_share)
{
    const int32_t n_people = pool->s->plan->n_people;
    const int32_t n_small = (int32_t)(small_share * n_people / 2);
    for (int32_t i = 0; i < n_people; i++) {
        pool->used[i] = false;
    }
    pool->n_chosen = 0;
    for (int32_t k = 0; k < pool->n_drawn && pool->n_chosen < n_small; k++) {
        take(pool, pool->sized[k].at);
    }
    for (int32_t at = 0; at < pool->n_drawn; at++) {
        take(pool, at);
    }
    for (int32_t a = 1; a < pool->n_chosen; a++) {
        const int32_t at = pool->chosen[a];
        const double size = size_of(pool, at);
        int32_t b = a;
        for (; b > 0 && size_of(pool, pool->chosen[b - 1]) < size; b--) {
            pool->chosen[b] = pool->chosen[b - 1];
        }
        pool->chosen[b] = at;
    }
}

static const double *effect_of(const qst__pool *pool, int32_t j)
{
    return pool->effects + (ptrdiff_t)pool->chosen[j] * pool->n_figures;
}

/* ---- Real shares ---- */

static void normal_equations(qst__pool *pool)
{
    const int32_t n = pool->n_figures;
    for (ptrdiff_t k = 0; k < (ptrdiff_t)n * n; k++) {
        pool->gram[k] = 0;
    }
    for (int32_t k = 0; k < n; k++) {
        pool->gram[k * n + k] = RIDGE * pool->n_chosen;
        pool->solution[k] = -pool->miss[k];
    }
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        const double *e = effect_of(pool, j);
        const double at = pool->is_fixed[j] ? pool->x[j] : 0.5;
        for (int32_t i = 0; i < n; i++) {
            pool->solution[i] -= at * e[i];
            for (int32_t k = 0; !pool->is_fixed[j] && k <= i; k++) {
                pool->gram[i * n + k] += e[i] * e[k];
            }
        }
    }
}

/* Least squares in the free shares, as near to a half as can be; true if some went beyond their
 * ends, where they are now fixed. */
static bool fit_free(qst__pool *pool)
{
    const int32_t n = pool->n_figures;
    normal_equations(pool);
    if (!qst__solve_normal(pool->gram, n, pool->solution)) {
        return false;
    }
    bool beyond = false;
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        const double *e = effect_of(pool, j);
        double x = 0.5;
        for (int32_t k = 0; !pool->is_fixed[j] && k < n; k++) {
            x += e[k] * pool->solution[k];
        }
        if (!pool->is_fixed[j]) {
            pool->is_fixed[j] = x > 1 || x < 0;
            pool->x[j] = x > 1 ? 1 : x < 0 ? 0 : x;
            beyond = beyond || pool->is_fixed[j];
        }
    }
    return beyond;
}

/* What the figures miss with the present shares, into pool->sum. */
static void add_up(qst__pool *pool)
{
    for (int32_t k = 0; k < pool->n_figures; k++) {
        pool->sum[k] = pool->miss[k];
    }
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        const double *e = effect_of(pool, j);
        for (int32_t k = 0; pool->x[j] > 0 && k < pool->n_figures; k++) {
            pool->sum[k] += pool->x[j] * e[k];
        }
    }
}

/* The share of one move that is best while the others stay. */
static void descend(qst__pool *pool, int32_t j)
{
    const double *e = effect_of(pool, j);
    double slope = 0, size = 0;
    for (int32_t k = 0; k < pool->n_figures; k++) {
        slope += e[k] * pool->sum[k];
        size += e[k] * e[k];
    }
    const double best = pool->x[j] - slope / size;
    const double x = best > 1 ? 1 : best < 0 ? 0 : best;
    const double step = x - pool->x[j];
    for (int32_t k = 0; step != 0 && k < pool->n_figures; k++) {
        pool->sum[k] += step * e[k];
    }
    pool->x[j] = x;
}

static void find_shares(qst__pool *pool)
{
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        pool->is_fixed[j] = false;
        pool->x[j] = 0.5;
    }
    for (int k = 0; k < N_FITS && fit_free(pool); k++) {
    }
    add_up(pool);
    for (int sweep = 0; sweep < N_SWEEPS; sweep++) {
        for (int32_t j = 0; j < pool->n_chosen; j++) {
            descend(pool, j);
        }
    }
}

/* ---- Pivots ---- */

static double *row_of(const qst__pool *pool, int32_t r)
{
    return pool->tableau + (ptrdiff_t)r * QST__MOST_CHOSEN;
}

static void eliminate(qst__pool *pool, int32_t n_rows, int32_t r, int32_t j)
{
    double *row = row_of(pool, r);
    const double scale = 1 / row[j];
    for (int32_t k = 0; k < pool->n_chosen; k++) {
        row[k] *= scale;
    }
    row[j] = 1;
    for (int32_t q = 0; q < n_rows; q++) {
        double *other = row_of(pool, q);
        const double f = other[j];
        for (int32_t k = 0; q != r && f != 0 && k < pool->n_chosen; k++) {
            other[k] -= f * row[k];
        }
        other[j] = q == r ? 1 : 0;
    }
}

static void exchange_rows(qst__pool *pool, int32_t a, int32_t b)
{
    double *x = row_of(pool, a);
    double *y = row_of(pool, b);
    for (int32_t k = 0; a != b && k < pool->n_chosen; k++) {
        const double kept = x[k];
        x[k] = y[k];
        y[k] = kept;
    }
}

/* Row from pool->rank on that move j changes most, -1 if none by more than the tolerance. */
static int32_t pivot_row(const qst__pool *pool, int32_t j, double tolerance)
{
    int32_t best = -1;
    double largest = tolerance;
    for (int32_t q = pool->rank; q < pool->n_figures; q++) {
        const double size = fabs(row_of(pool, q)[j]);
        if (size > largest) {
            largest = size;
            best = q;
        }
    }
    return best;
}

/* Pivots, the smallest moves first. Rows that are nearly those of other figures are left out. */
static void find_pivots(qst__pool *pool)
{
    const int32_t n = pool->n_figures;
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        const double *e = effect_of(pool, j);
        pool->is_fixed[j] = false;
        for (int32_t k = 0; k < n; k++) {
            row_of(pool, k)[j] = e[k];
        }
    }
    const double tolerance = 0.1 + 0.01 * sqrt(size_of(pool, pool->chosen[pool->n_chosen / 2]));
    pool->rank = 0;
    for (int32_t j = pool->n_chosen - 1; j >= 0 && pool->rank < n; j--) {
        const int32_t q = pivot_row(pool, j, tolerance);
        if (q >= 0) {
            exchange_rows(pool, q, pool->rank);
            eliminate(pool, n, pool->rank, j);
            pool->basic[pool->rank++] = j;
            pool->is_fixed[j] = true;
        }
    }
}

/* ---- The walk ---- */

/* How far x can go until it is 0 or 1. */
static double room_of(double x, double slope)
{
    return slope > 0 ? (1 - x) / slope : slope < 0 ? x / -slope : HUGE_VAL;
}

/* How far share j can go up (sign 1) or down, and which pivot row stops it: -1 if none does. */
static double reach_of(const qst__pool *pool, int32_t j, double sign, int32_t *stop_out)
{
    double far = room_of(pool->x[j], sign);
    *stop_out = -1;
    for (int32_t r = 0; r < pool->rank; r++) {
        const double slope = row_of(pool, r)[j];
        const double room = room_of(pool->x[pool->basic[r]], -sign * slope);
        if (fabs(slope) > 1e-9 && room < far) {
            far = room;
            *stop_out = r;
        }
    }
    return far < 0 ? 0 : far;
}

/* Takes share j to an end, or the basic share that stops it, which changes places with it. The
 * direction is drawn so that the share stays on average where it is. */
static void settle_one(qst__pool *pool, int32_t j, qst_rng *rng)
{
    int32_t stops[2];
    const double up = reach_of(pool, j, 1, &stops[0]);
    const double down = reach_of(pool, j, -1, &stops[1]);
    const bool rises = qst_rng_uniform(rng) * (up + down) < down;
    const int32_t stop = stops[rises ? 0 : 1];
    const double step = rises ? up : -down;
    pool->x[j] += step;
    for (int32_t r = 0; r < pool->rank; r++) {
        pool->x[pool->basic[r]] -= row_of(pool, r)[j] * step;
    }
    if (stop < 0) {
        pool->x[j] = rises ? 1 : 0;
        return;
    }
    const int32_t old = pool->basic[stop];
    pool->x[old] = pool->x[old] > 0.5 ? 1 : 0;
    eliminate(pool, pool->rank, stop, j);
    pool->basic[stop] = j;
}

static void settle(qst__pool *pool, qst_rng *rng)
{
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        if (!pool->is_fixed[j]) {
            settle_one(pool, j, rng);
        }
    }
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        pool->x[j] = pool->x[j] > 0.5 ? 1 : 0;
    }
}

/* ---- Flips ---- */

/* Does a chosen move, or leaves it, contrary to now. */
static void flip(qst__pool *pool, int32_t j)
{
    const double *e = effect_of(pool, j);
    const double sign = pool->x[j] > 0.5 ? -1 : 1;
    for (int32_t k = 0; k < pool->n_figures; k++) {
        pool->sum[k] += sign * e[k];
    }
    pool->x[j] = sign > 0 ? 1 : 0;
}

static double flipped_misfit(const qst__pool *pool, int32_t j, double limit)
{
    const double *e = effect_of(pool, j);
    const double sign = pool->x[j] > 0.5 ? -1 : 1;
    double sum = 0;
    for (int32_t k = pool->n_figures - 1; k >= 0 && sum < limit; k--) {
        sum += qst__excess_sq(pool->sum[k] + sign * e[k]);
    }
    return sum;
}

/* The best flip of one move or two; false if none helps. */
static bool flip_best(qst__pool *pool, double *misfit)
{
    int32_t first = -1, second = -1;
    for (int32_t i = 0; i < pool->n_chosen; i++) {
        const double alone = flipped_misfit(pool, i, *misfit);
        if (alone < *misfit) {
            *misfit = alone;
            first = second = i;
        }
        flip(pool, i);
        for (int32_t j = i + 1; j < pool->n_chosen; j++) {
            const double both = flipped_misfit(pool, j, *misfit);
            if (both < *misfit) {
                *misfit = both;
                first = i;
                second = j;
            }
        }
        flip(pool, i);
    }
    if (first >= 0) {
        flip(pool, first);
    }
    if (second != first) {
        flip(pool, second);
    }
    return first >= 0;
}

static void flip_moves(qst__pool *pool)
{
    add_up(pool);
    double misfit = 0;
    for (int32_t k = 0; k < pool->n_figures; k++) {
        misfit += qst__excess_sq(pool->sum[k]);
    }
    for (int n = 0; n < MAX_FLIPS && misfit > 0 && flip_best(pool, &misfit); n++) {
    }
}

/* ---- All ---- */

static double do_chosen(qst__pool *pool, double misfit, bool anyway)
{
    bool solved = true;
    for (int32_t j = 0; j < pool->n_chosen; j++) {
        if (pool->x[j] > 0.5) {
            solved = qst__do_move(pool->s, pool->drawn + pool->chosen[j]) && solved;
        }
    }
    const double after = solved ? qst__misfit(pool->s, false) : HUGE_VAL;
    if (after < misfit || (anyway && after < HUGE_VAL)) {
        return after;
    }
    for (int32_t j = pool->n_chosen - 1; j >= 0; j--) {
        if (pool->x[j] > 0.5) {
            qst__undo_move(pool->s, pool->drawn + pool->chosen[j]);
        }
    }
    return misfit;
}

double qst__walk(qst__pool *pool, double small_share, double misfit, bool anyway, qst_rng *rng)
{
    choose(pool, small_share);
    if (pool->n_chosen == 0) {
        return misfit;
    }
    find_shares(pool);
    find_pivots(pool);
    settle(pool, rng);
    flip_moves(pool);
    return do_chosen(pool, misfit, anyway);
}
