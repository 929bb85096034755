/*
 * A cohort under search: what the reconstruct*.c share; not for callers of
 * the library.
 *
 * Everybody has an arm, levels of covariates, and at two visits the number of
 * items answered and the total of the answers. A printed figure is a function
 * of a few sums over the people of one arm and one level, so those sums are
 * kept, in whole numbers, and follow each change without rounding: a search of
 * a hundred million steps ends with the sums that a fresh count gives.
 */
#ifndef QST_RECONSTRUCT_H
#define QST_RECONSTRUCT_H

#include "base/base.h"
#include "la/la.h"

/* The addresses of this subject's random numbers: replicate is the attempt, variable the stage. */
#define QST__PURPOSE_RECONSTRUCT 20

enum {
    QST__STAGE_SHUFFLE,
    QST__STAGE_DESIGN,
    QST__STAGE_SCORES,
    QST__STAGE_ITEMS,
    QST__STAGE_APPROACH
};

/* Sums over the people of one arm and one level. Scores are in whole units: a total of t over n
 * answers is t * (unit / n), where unit is a multiple of every n that occurs. Who has no baseline
 * gets the mean of the others, which moves with them, and is counted apart. */
typedef struct {
    int64_t n;
    int64_t n_lone; /* without baseline, included in n */
    int64_t baseline, baseline_sq;
    int64_t followup, followup_sq;
    int64_t change, change_sq;
    int64_t lone, lone_sq; /* follow-up of those without baseline */
} qst__cell;

/* What a figure needs of a group of people, in units. */
typedef struct {
    double n, sum, sum_sq;
} qst__moments;

typedef struct {
    const qst_cohort_plan *plan;
    qst_cohort *people; /* the caller's, changed in place */
    const int32_t *arm_of;
    int32_t *arm_start;   /* n_arms + 1 */
    int32_t *first_level; /* place of a covariate's first level among all; place 0 is everybody */
    int32_t n_places;
    qst__cell *cells;      /* n_arms rows of n_places */
    int64_t unit;          /* of the scores: least common multiple of the numbers of answers */
    double score_per_unit; /* what one unit is worth */
    double baseline_mean;  /* in units; of those who have a baseline */

    ptrdiff_t n_coef; /* intercept, then the plan's terms; 0 without a model */
    qst_mat inverse;  /* (X'X)^-1 */
    qst_mat gram;     /* X'X */
    qst_mat small;    /* room for a factor, and for the additive model of an interaction */
    qst_mat small_inverse;
    double *cross;  /* X'y in units */
    double *coef;   /* (X'X)^-1 X'y */
    double *pivots; /* of Cholesky factors */
    double residual_ss;

    bool *is_free;         /* covariates that the model does not hold */
    bool *splits_baseline; /* covariates that baseline figures are printed by */

    double *value; /* of each figure */
    double *width; /* what counts as a miss of 1 for each figure, see qst__excess() */
} qst__search;

/* ---- reconstruct_figures.c: sums and figures ---- */

/* Room for a search over `people`; sums and Gram matrix are not yet counted. */
QST_MUST_USE qst_status qst__search_make(qst__arena *arena, const qst_cohort_plan *plan,
    qst_cohort *people, qst__search *s, qst_err *err);

/* Takes person i out of the sums or puts her in again: sign -1 or 1. */
void qst__count_person(qst__search *s, int32_t i, int sign);

/* Counts all sums afresh. */
void qst__count_all(qst__search *s);

/* X'X of the present covariates and its inverse; false if it has none. */
bool qst__count_design(qst__search *s);

/* Takes person i out of X'X or puts her in again; the inverse of what X'X then is, false if it has
 * none. */
void qst__count_row(qst__search *s, int32_t i, int sign);
bool qst__invert_design(qst__search *s);

/* All figures into s->value; those of the baseline only if `baseline_only`. */
void qst__figures(qst__search *s, bool baseline_only);

/* Sum of squares of the figures' excess, each in units of its s->width. */
double qst__misfit(qst__search *s, bool baseline_only);

/* Place of a level among all; 0 is everybody. */
static inline int32_t qst__place(const qst__search *s, int32_t covariate, int32_t level)
{
    return covariate < 0 ? 0 : s->first_level[covariate] + level;
}

static inline int32_t qst__level(const qst__search *s, int32_t i, int32_t covariate)
{
    return s->people->level[(ptrdiff_t)covariate * s->plan->n_people + i];
}

/* Figures that only the baseline scores decide. */
static inline bool qst__of_baseline(const qst_figure *figure)
{
    return figure->kind < QST_FIGURE_ESTIMATE && figure->outcome == QST_OUTCOME_BASELINE;
}

static inline bool qst__has_baseline(const qst__search *s, int32_t i)
{
    return s->people->answered[QST_VISIT_BASELINE][i] > 0;
}

/* Half of what the printed digits leave open. */
static inline double qst__half(const qst_figure *figure)
{
    return (figure->high - figure->low) / 2;
}

/* Figures keep this share of their half-width from the ends, so that rounding never depends on the
 * last bit of a value. */
#define QST__RIM 0.005

/* By how much a value lies outside a figure's box less its rim. */
static inline double qst__excess(const qst_figure *figure, double value)
{
    const double rim = QST__RIM * qst__half(figure);
    const double below = figure->low + rim - value;
    const double above = value - figure->high + rim;
    const double excess = below > above ? below : above;
    return excess > 0 ? excess : 0;
}

/* ---- reconstruct_design.c: who has which covariates ---- */

/* Swaps levels within arms until the standard errors that follow are those printed. *found_out says
 * whether they are. */
QST_MUST_USE qst_status qst__search_design(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, bool *found_out, qst_err *err);

/* ---- reconstruct_moves.c: small changes of scores ---- */

/*
 * NUDGE adds a point to one person at one visit, PAIR takes it from another,
 * SHIFT does so at both visits (which leaves the changes nearly as they were),
 * RECORDS exchanges all answers of two people, LEVEL their levels of a
 * covariate: one that the model does not hold, or any where the mix says so.
 * LIFT adds a point to one person at both visits. SKIPS exchanges the numbers
 * of answers of two people at one visit, with the totals that leave their
 * scores nearest to what they were. The two are of one arm.
 */
typedef enum {
    QST__NUDGE,
    QST__PAIR,
    QST__SHIFT,
    QST__RECORDS,
    QST__LEVEL,
    QST__LIFT,
    QST__SKIPS,
    QST__N_MOVES
} qst__kind;

typedef struct {
    qst__kind kind;
    int32_t i, j, visit, points, covariate;
    int32_t other; /* SKIPS: points of the second */
} qst__move;

/* How moves are drawn: the chance of each kind in percent, and among how many partners the one is
 * taken whose change (PAIR, SKIPS: whose covariates) is most alike; `sparse`: every second time the
 * one who differs in one covariate alone. */
typedef struct {
    int32_t percent[QST__N_MOVES];
    int32_t n_partners;
    bool followup_mostly;
    bool any_covariate;
    bool sparse;
} qst__mix;

extern const qst__mix qst__baseline_mix, qst__full_mix, qst__polish_mix;

/* A move that changes something and keeps everybody's total possible; false if the draw gave none.
 * Covariates that a baseline figure is printed by are mostly kept equal in RECORDS. */
bool qst__draw_move(const qst__search *s, const qst__mix *mix, qst_rng *rng, qst__move *out);

/* Does the move, or undoes it; sums follow. False if the model has no solution after it. */
bool qst__do_move(qst__search *s, const qst__move *move);
void qst__undo_move(qst__search *s, const qst__move *move);

/* Nobody touched has an impossible total. */
bool qst__is_possible(const qst__search *s, const qst__move *move);

/* ---- reconstruct_scores.c: who has which scores ---- */

/* Numbers of answers and totals near the printed means and standard deviations. */
void qst__draw_scores(qst__search *s, qst_rng *rng);

/* Threshold accepting: baseline figures first, then all. */
QST_MUST_USE qst_status qst__search_scores(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, qst_err *err);

/* Once more from a tolerance at which nearly everything fits. */
QST_MUST_USE qst_status qst__reheat_scores(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, qst_err *err);

/* Every figure's own half-width as s->width. */
void qst__set_final_widths(qst__search *s);

/* ---- reconstruct_polish.c: pairs of moves ---- */

/* Tries all pairs of some thousand small moves, does the best pair, and begins again while that
 * helps. *misfit_out: what is left, in half-widths. */
QST_MUST_USE qst_status qst__polish_scores(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, double *misfit_out, qst_err *err);

/* ---- reconstruct_approach.c: the quick way ---- */

/* From drawn scores to those that meet all figures, in few and large steps. *misfit_out: what is
 * left, in half-widths; if anything is, levels are what they were. */
QST_MUST_USE qst_status qst__approach_scores(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, double *misfit_out, qst_err *err);

/* ---- a standard bell from sums only, the same on every machine ---- */

/* Mean 0, variance 1, within -6 and 6: twelve uniforms. */
static inline double qst__bell(qst_rng *rng)
{
    double sum = -6;
    for (int k = 0; k < 12; k++) {
        sum += qst_rng_uniform(rng);
    }
    return sum;
}

#endif
