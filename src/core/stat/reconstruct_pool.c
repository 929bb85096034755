#include "stat/reconstruct_pool.h"

#include <math.h>
#include <stdlib.h>

static const qst__mix pool_mix = {
    .percent = {10, 24, 8, 29, 6, 3, 20}, .n_partners = 1, .any_covariate = true, .sparse = true};

/* ---- Room ---- */

static qst_status make_pairs(qst__arena *arena, qst__pool *pool, qst_err *err)
{
    const ptrdiff_t n = pool->n_figures;
    qst_status status =
        qst__arena_array(arena, QST__MOST_DRAWN, sizeof *pool->drawn, &pool->drawn, err);
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, QST__MOST_DRAWN * n, sizeof *pool->effects, &pool->effects, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, QST__MOST_DRAWN, sizeof *pool->sized, &pool->sized, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n, sizeof *pool->order, &pool->order, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, QST__MOST_PAIRED * n, sizeof *pool->paired, &pool->paired, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, 4 * n, sizeof *pool->miss, &pool->miss, err);
    }
    if (status == QST_OK) {
        pool->before = pool->miss + n;
        pool->sum = pool->miss + 2 * n;
        pool->solution = pool->miss + 3 * n;
    }
    return status;
}

static qst_status make_walk(qst__arena *arena, qst__pool *pool, qst_err *err)
{
    const ptrdiff_t n = pool->n_figures;
    qst_status status =
        qst__arena_array(arena, QST__MOST_CHOSEN, sizeof *pool->chosen, &pool->chosen, err);
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, pool->s->plan->n_people, sizeof *pool->used, &pool->used, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, QST__MOST_CHOSEN, sizeof *pool->x, &pool->x, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, QST__MOST_CHOSEN, sizeof *pool->is_fixed, &pool->is_fixed, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, n * QST__MOST_CHOSEN, sizeof *pool->tableau, &pool->tableau, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n, sizeof *pool->basic, &pool->basic, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n * n, sizeof *pool->gram, &pool->gram, err);
    }
    return status;
}

qst_status qst__pool_make(qst__arena *arena, qst__search *s, qst__pool *pool, qst_err *err)
{
    *pool = (qst__pool){.s = s, .n_figures = s->plan->n_figures};
    const qst_status status = make_pairs(arena, pool, err);
    return status == QST_OK ? make_walk(arena, pool, err) : status;
}

/* ---- Measuring ---- */

void qst__note_values(qst__pool *pool)
{
    qst__figures(pool->s, false);
    for (int32_t k = 0; k < pool->n_figures; k++) {
        const qst_figure *figure = &pool->s->plan->figures[k];
        const double middle = (figure->low + figure->high) / 2;
        pool->before[k] = pool->s->value[k];
        pool->miss[k] = (pool->s->value[k] - middle) / qst__half(figure);
    }
}

bool qst__measure(qst__pool *pool, const qst__move *move, double *effect_out, double *size_out)
{
    const bool possible = qst__do_move(pool->s, move) && qst__is_possible(pool->s, move);
    if (possible) {
        qst__figures(pool->s, false);
    }
    *size_out = 0;
    for (int32_t k = 0; possible && k < pool->n_figures; k++) {
        effect_out[k] =
            (pool->s->value[k] - pool->before[k]) / qst__half(&pool->s->plan->figures[k]);
        *size_out += effect_out[k] * effect_out[k];
    }
    qst__undo_move(pool->s, move);
    return *size_out > 0 && *size_out < HUGE_VAL;
}

static int by_size(const void *a, const void *b)
{
    const qst__sized *x = a;
    const qst__sized *y = b;
    return x->size < y->size ? -1 : x->size > y->size ? 1 : x->at < y->at ? -1 : 1;
}

void qst__fill_pool(qst__pool *pool, const qst__draw *how, qst_rng *rng)
{
    pool->n_drawn = 0;
    for (int32_t n = 0; n < 2 * how->wanted && pool->n_drawn < how->wanted; n++) {
        qst__mix mix = pool_mix;
        mix.n_partners = 1 << (how->closeness + (int32_t)qst_rng_below(rng, 4));
        qst__move *move = pool->drawn + pool->n_drawn;
        double *effect = pool->effects + (ptrdiff_t)pool->n_drawn * pool->n_figures;
        if (!qst__draw_move(pool->s, &mix, rng, move)) {
            continue;
        }
        if (move->kind != QST__SKIPS) {
            move->points *= 1 + (int32_t)qst_rng_below(rng, (uint32_t)how->max_points);
        }
        if (qst__measure(pool, move, effect, &pool->sized[pool->n_drawn].size)) {
            pool->sized[pool->n_drawn].at = pool->n_drawn;
            pool->n_drawn++;
        }
    }
    qsort(pool->sized, (size_t)pool->n_drawn, sizeof *pool->sized, by_size);
}

/* ---- Pairs ---- */

void qst__line_up(qst__pool *pool, int32_t n_paired)
{
    const int32_t n = pool->n_figures;
    pool->n_paired = n_paired < pool->n_drawn ? n_paired : pool->n_drawn;
    for (int32_t k = 0; k < n; k++) {
        pool->order[k] = (qst__sized){0, k};
    }
    for (int32_t i = 0; i < pool->n_paired; i++) {
        const double *effect = pool->effects + (ptrdiff_t)pool->sized[i].at * n;
        for (int32_t k = 0; k < n; k++) {
            pool->order[k].size -= effect[k] * effect[k];
        }
    }
    qsort(pool->order, (size_t)n, sizeof *pool->order, by_size);
    for (int32_t i = 0; i < pool->n_paired; i++) {
        const double *effect = pool->effects + (ptrdiff_t)pool->sized[i].at * n;
        for (int32_t k = 0; k < n; k++) {
            pool->paired[(ptrdiff_t)i * n + k] = effect[pool->order[k].at];
        }
    }
}

static const qst__move *paired_move(const qst__pool *pool, int32_t i)
{
    return pool->drawn + pool->sized[i].at;
}

static bool share_a_person(const qst__move *a, const qst__move *b)
{
    return a->i == b->i || a->i == b->j || a->j == b->i || a->j == b->j;
}

/* Misfit of what `start` and an effect add up to, or some number above `limit`. */
static double added_misfit(const double *start, const double *effect, int32_t n, double limit)
{
    double sum = 0;
    for (int32_t k = 0; k < n && sum < limit; k++) {
        sum += qst__excess_sq(start[k] + effect[k]);
    }
    return sum;
}

/* The best partner of move i, itself if it is best alone, or -1 if nothing is below *misfit. */
static int32_t best_partner(const qst__pool *pool, int32_t i, double *misfit)
{
    const int32_t n = pool->n_figures;
    const double *own = pool->paired + (ptrdiff_t)i * n;
    int32_t best = -1;
    double alone = 0;
    for (int32_t k = 0; k < n; k++) {
        pool->sum[k] = pool->miss[pool->order[k].at] + own[k];
        alone += qst__excess_sq(pool->sum[k]);
    }
    if (alone < *misfit) {
        *misfit = alone;
        best = i;
    }
    for (int32_t j = i + 1; j < pool->n_paired; j++) {
        const double both = added_misfit(pool->sum, pool->paired + (ptrdiff_t)j * n, n, *misfit);
        if (both < *misfit && !share_a_person(paired_move(pool, i), paired_move(pool, j))) {
            *misfit = both;
            best = j;
        }
    }
    return best;
}

/* Both moves if they are still possible after those done since they were drawn, and the exact
 * misfit then is less. */
static double do_pair(
    qst__pool *pool, const qst__move *first, const qst__move *second, double misfit)
{
    bool solved = qst__do_move(pool->s, first);
    if (second != first) {
        solved = qst__do_move(pool->s, second) && solved;
    }
    const bool possible = qst__is_possible(pool->s, first) && qst__is_possible(pool->s, second);
    const double after = solved && possible ? qst__misfit(pool->s, false) : HUGE_VAL;
    if (after < misfit) {
        return after;
    }
    if (second != first) {
        qst__undo_move(pool->s, second);
    }
    qst__undo_move(pool->s, first);
    return misfit;
}

double qst__best_pair(qst__pool *pool, double misfit)
{
    int32_t first = -1, second = -1;
    double least = misfit;
    for (int32_t i = 0; i < pool->n_paired; i++) {
        const int32_t j = best_partner(pool, i, &least);
        if (j >= 0) {
            first = i;
            second = j;
        }
    }
    return first < 0 ? misfit
                     : do_pair(pool, paired_move(pool, first), paired_move(pool, second), misfit);
}

/* ---- Normal equations ---- */

static bool factor(double *g, int32_t n)
{
    for (int32_t j = 0; j < n; j++) {
        for (int32_t k = 0; k < j; k++) {
            const double f = g[j * n + k];
            for (int32_t i = j; i < n; i++) {
                g[i * n + j] -= f * g[i * n + k];
            }
        }
        if (!(g[j * n + j] > 1e-12)) {
            return false;
        }
        const double root = sqrt(g[j * n + j]);
        for (int32_t i = j; i < n; i++) {
            g[i * n + j] /= root;
        }
    }
    return true;
}

bool qst__solve_normal(double *g, int32_t n, double *x)
{
    if (!factor(g, n)) {
        return false;
    }
    for (int32_t j = 0; j < n; j++) {
        for (int32_t k = 0; k < j; k++) {
            x[j] -= g[j * n + k] * x[k];
        }
        x[j] /= g[j * n + j];
    }
    for (int32_t j = n - 1; j >= 0; j--) {
        for (int32_t k = j + 1; k < n; k++) {
            x[j] -= g[k * n + j] * x[k];
        }
        x[j] /= g[j * n + j];
    }
    return true;
}
