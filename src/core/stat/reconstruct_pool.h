/*
 * Small changes measured: what reconstruct_pool.c, reconstruct_walk.c and
 * reconstruct_approach.c share.
 */
#ifndef QST_RECONSTRUCT_POOL_H
#define QST_RECONSTRUCT_POOL_H

#include "stat/reconstruct.h"

enum { QST__MOST_DRAWN = 5000, QST__MOST_PAIRED = 4000, QST__MOST_CHOSEN = 200 };

typedef struct {
    double size; /* sum of squares of the effects */
    int32_t at;  /* place among the drawn */
} qst__sized;

/* Moves drawn for the present cohort and their effects on all figures, in half-widths. Effects of
 * several moves add up but for terms of second order, unless they share a person. */
typedef struct {
    qst__search *s;
    int32_t n_figures;
    double *miss;   /* of each figure now, in half-widths from the middle */
    double *before; /* values now */

    int32_t n_drawn;
    qst__move *drawn;
    double *effects;   /* of each drawn move: n_figures */
    qst__sized *sized; /* drawn moves, the smallest first */

    /* Pairs: effects of the smallest, figures that they carry furthest first. */
    int32_t n_paired;
    qst__sized *order; /* of the figures */
    double *paired;
    double *sum;

    /* Walk: moves that share nobody, the largest first. */
    int32_t n_chosen, rank;
    int32_t *chosen;
    bool *used;       /* people */
    double *x;        /* share of each chosen move that is done, 0 to 1 */
    bool *is_fixed;   /* no longer free */
    double *tableau;  /* rank rows of QST__MOST_CHOSEN */
    int32_t *basic;   /* chosen move of each pivot row */
    double *gram;     /* room for normal equations, n_figures square */
    double *solution; /* n_figures */
} qst__pool;

/* How moves are drawn: how many, how alike the partners (0 to 2), how many points at most. */
typedef struct {
    int32_t wanted, closeness, max_points;
} qst__draw;

/* ---- reconstruct_pool.c ---- */

QST_MUST_USE qst_status qst__pool_make(
    qst__arena *arena, qst__search *s, qst__pool *pool, qst_err *err);

/* Notes the present figures as those that misses count from. */
void qst__note_values(qst__pool *pool);

/* Draws and measures moves and sorts them by size. */
void qst__fill_pool(qst__pool *pool, const qst__draw *how, qst_rng *rng);

/* Effect of a possible move on each figure; false if it has none. */
bool qst__measure(qst__pool *pool, const qst__move *move, double *effect_out, double *size_out);

/* The n_paired smallest moves, ready for qst__best_pair(). */
void qst__line_up(qst__pool *pool, int32_t n_paired);

/* Does the best single move or pair of those if that brings the misfit down; returns the misfit. */
double qst__best_pair(qst__pool *pool, double misfit);

/* Square of what a miss exceeds the half-width by, less the rim. */
static inline double qst__excess_sq(double miss)
{
    const double excess = (miss < 0 ? -miss : miss) - (1 - QST__RIM);
    return excess > 0 ? excess * excess : 0;
}

/* g x = x by Cholesky's factor, in place; false if g is not positive. */
bool qst__solve_normal(double *g, int32_t n, double *x);

/* ---- reconstruct_walk.c ---- */

/* Chooses moves that share nobody, finds the shares of them that bring all figures nearest to their
 * middles, and walks to shares of 0 and 1. The moves are done if the misfit comes down or `anyway`.
 * Returns the misfit. */
double qst__walk(qst__pool *pool, double small_share, double misfit, bool anyway, qst_rng *rng);

#endif
