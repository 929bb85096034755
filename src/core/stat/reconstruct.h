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

#include <math.h>

/* The addresses of this subject's random numbers: replicate is the attempt, variable the stage. */
#define QST__PURPOSE_RECONSTRUCT 20

enum { QST__STAGE_DESIGN, QST__STAGE_SCORES, QST__STAGE_ITEMS };

/* Sums over the people of one arm and one level, or of one arm times a numeric covariate, where the
 * squares are 0. Scores are in whole units: a total of t over n
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
    int32_t n_columns;    /* covariates of both kinds */
    int32_t *first_level; /* place of a covariate's first level among all; place 0 is everybody */
    int32_t n_places;
    qst__cell *cells; /* n_arms rows of n_places */
    int32_t
        n_skips;  /* kinds of skipping whose sums of squares fit in 64 bits, at most the plan's */
    int64_t unit; /* of the scores: least common multiple of the numbers of answers */
    double score_per_unit; /* what one unit is worth */
    int32_t fineness;      /* parts of a point that totals are counted in: 1 but while relaxed */
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

    double *value;   /* of each figure */
    bool *is_small;  /* as by qst__is_small(): people at the first visit, then at the second */
    bool is_settled; /* these people have the totals they keep */
} qst__search;

/* ---- reconstruct_sums.c: what is kept of the people ---- */

/* Points that person i gets at each visit. */
typedef struct {
    int32_t i, points[QST_N_VISITS];
} qst__nudge;

/* Does the nudge so many times, a negative number back; sums follow. */
void qst__do_nudge(qst__search *s, const qst__nudge *nudge, int32_t times);

/* Gives a person so many answers at a visit, and their total; sums follow. */
void qst__put_answers(qst__search *s, int visit, int32_t i, int32_t answered, int32_t total);

/* Is the person's total at each visit one that her answers can have, and not at the very end? */
bool qst__is_possible(const qst__search *s, int32_t i);

/* Adds to the sums, times `sign`, what the nudge would add to them, and leaves the person as she
 * is; the same with -sign takes it out. Half the difference of the figures between the two signs is
 * the nudge's effect without the figures' curvature, but with its own squares: nudges of different
 * people add up so. */
void qst__lean(qst__search *s, const qst__nudge *nudge, int32_t sign);

/* Counts all sums afresh. */
void qst__count_all(qst__search *s);

/* Totals of the first visit, then of the second, to or from n_people numbers a visit. */
void qst__copy_totals(const qst__search *s, int32_t *to);
void qst__put_totals(qst__search *s, const int32_t *from);

/* ---- reconstruct_figures.c: what is printed of them ---- */

/* Do sums of squared scores, in so many parts of a unit, fit in 64 bits? */
bool qst__has_room(const qst__search *s, int32_t parts);

/* Room for a search over `people`; sums and Gram matrix are not yet counted. */
QST_MUST_USE qst_status qst__search_make(qst__arena *arena, const qst_cohort_plan *plan,
    qst_cohort *people, qst__search *s, qst_err *err);

/* X'X of the present covariates and its inverse; false if it has none. */
bool qst__count_design(qst__search *s);

/* The inverse of what X'X is now; false if it has none. */
bool qst__invert_design(qst__search *s);

/* All figures into s->value. */
void qst__figures(qst__search *s);

/* One figure of means and standard deviations, from the sums as they are. */
double qst__figure(qst__search *s, const qst_figure *figure);

/* Sum of squares of the figures' excess, each in half-widths. */
double qst__misfit(qst__search *s);

/* Place of a level among all; 0 is everybody. */
static inline int32_t qst__place(const qst__search *s, int32_t covariate, int32_t level)
{
    return covariate < 0 ? 0 : s->first_level[covariate] + level;
}

static inline int32_t qst__level(const qst__search *s, int32_t i, int32_t covariate)
{
    return s->people->level[(ptrdiff_t)covariate * s->plan->n_people + i];
}

static inline bool qst__is_numeric(const qst__search *s, int32_t covariate)
{
    return covariate >= s->plan->n_covariates;
}

/* Where person i counts for a covariate, -1 if she has none, and how often. */
static inline int32_t qst__place_of(const qst__search *s, int32_t i, int32_t covariate)
{
    const int32_t level = qst__is_numeric(s, covariate) ? 0 : qst__level(s, i, covariate);
    return level < 0 ? -1 : qst__place(s, covariate, level);
}

static inline int32_t qst__weight(const qst__search *s, int32_t i, int32_t covariate)
{
    return qst__is_numeric(s, covariate) ? qst__level(s, i, covariate) : 1;
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
#define QST__RIM 1e-5

/* By how much a value lies outside a figure's box less its rim; HUGE_VAL where a figure has no
 * value (NaN, such as the mean of nobody). */
static inline double qst__excess(const qst_figure *figure, double value)
{
    const double rim = QST__RIM * qst__half(figure);
    const double below = figure->low + rim - value;
    const double above = value - figure->high + rim;
    const double excess = below > above ? below : above;
    if (isnan(value)) {
        return HUGE_VAL;
    }
    return excess > 0 ? excess : 0;
}

/* ---- reconstruct_design.c: who has which covariates ---- */

/* Gives people levels and numbers, the same in each arm as they have now, until the standard errors
 * that follow are those printed. *found_out says whether they are. *n_cycles, 0 for the first
 * design, is taken on: the later, the more of the ranges is searched, until no more is tried. */
QST_MUST_USE qst_status qst__search_design(qst__search *s, int32_t *n_cycles, qst_rng *rng,
    qst__ticker *ticker, bool *found_out, qst_err *err);

/* ---- reconstruct_seat.c: people with given joint counts ---- */

typedef struct {
    qst__search *s;
    const int32_t *covariates; /* that are wanted together, ascending: numeric ones are last */
    int32_t n_covariates;
    int64_t *lack;  /* of the wanted joint counts */
    double *weight; /* of a place, squared, so that numbers of any unit weigh the same */
} qst__seats;

QST_MUST_USE qst_status qst__seats_make(qst__arena *arena, qst__search *s,
    const int32_t *covariates, int32_t n_covariates, qst__seats *seats, qst_err *err);

/* People at any two places but the first, a numeric covariate's as often as its number says:
 * n_places rows of n_places, symmetric. */
void qst__count_joint(const qst__search *s, int64_t *joint_out);

/* Exchanges levels, then numbers, within arms until people have the joint counts; false if levels
 * do not come to. Sums of one covariate's whole numbers are mostly met exactly, those of finer
 * numbers and of products to a few hundredths of what chance makes of them. */
bool qst__seat_people(const qst__seats *seats, const int64_t *joint, qst_rng *rng);

/* ---- reconstruct_small.c: people of small groups ---- */

/* Marks who is in a group of few people, of an arm and a level, whose mean or standard deviation is
 * printed for the visit. */
void qst__find_small(qst__search *s);
bool qst__is_small(const qst__search *s, int visit, int32_t i);

/* Is it such a person, and settled? */
bool qst__is_kept(const qst__search *s, int visit, int32_t i);

/* Figures that are of such people alone, and a point for each of these people at each such visit.
 */
typedef struct {
    qst__search *s;
    int32_t n_figures, n_nudges;
    int32_t *figures;
    qst__nudge *nudges;
    int32_t *group_start, *group_end; /* of each nudge: those of its group */
} qst__small;

/* For the marked people of now, and their numbers of answers. */
QST_MUST_USE qst_status qst__small_make(
    qst__arena *arena, qst__search *s, qst__small *small, qst_err *err);

/* Gives them totals near to those they have that meet these figures, and numbers of answers with
 * which there are such totals, and settles them; false, and s->is_settled is, if none are found. */
bool qst__settle_small(qst__small *small, qst_rng *rng);

/* ---- reconstruct_scores.c: the start ---- */

/* How many items somebody answers, with `skipping` times as many people as planned skipping some.
 */
int32_t qst__draw_answered(const qst__search *s, double skipping, qst_rng *rng);

/* Numbers of answers and totals near the printed means and standard deviations; `skipping` times as
 * many people as planned skip items. */
void qst__draw_scores(qst__search *s, double skipping, qst_rng *rng);

/* ---- reconstruct_relax.c: real numbers ---- */

/* Figures and what nudges do to them, in half-widths from the middle of their ranges. */
typedef struct {
    qst__search *s;
    int32_t n_figures;
    int32_t fineness; /* of the totals */
    double *miss;     /* of each figure now */
    double *goal;     /* where it is in the middle of what all ranges leave together */
    double *steps;    /* what one point more does: n_figures numbers a person and visit */
    int32_t *totals;  /* relaxed, as by qst__copy_totals(), in parts of a point */

    qst_mat kernel, normal; /* cross-products of the steps, and a factor */
    double *multiplier, *direction, *trial, *pivots;
} qst__relaxed;

QST_MUST_USE qst_status qst__relaxed_make(
    qst__arena *arena, qst__search *s, qst__relaxed *r, qst_err *err);

/* Notes how far the figures are from the middle of their ranges. */
void qst__note_misses(qst__relaxed *r);

/* How a nudge is taken (sign 1) and taken back (-1): qst__do_nudge() or qst__lean(). */
typedef void qst__taking(qst__search *s, const qst__nudge *nudge, int32_t sign);

/* What a nudge does to each figure: half the difference between the nudge taken and taken back, in
 * half-widths. */
void qst__measure(qst__relaxed *r, qst__taking *take, const qst__nudge *nudge, double *effect_out);

/* Moves totals in parts of a point until all figures are within their ranges as far as they go, and
 * keeps them and the goal in r. *worst_out: the largest of the goal's misses; above 1 these levels
 * and numbers of answers have no solution nearby, HUGE_VAL: some figure has no value, or
 * QST_ECANCEL. Totals are whole again in any case. */
QST_MUST_USE qst_status qst__relax_scores(
    qst__relaxed *r, qst_rng *rng, qst__ticker *ticker, double *worst_out, qst_err *err);

/* Whole totals near to the relaxed ones, up or down by chance where they lie between. */
void qst__round_totals(qst__relaxed *r, qst_rng *rng);

/* ---- reconstruct_round.c: whole numbers ---- */

/* From relaxed totals to whole ones that meet all figures; the best that was found is left.
 * *misfit_out: what it lacks. */
QST_MUST_USE qst_status qst__round_scores(
    qst__relaxed *r, qst_rng *rng, qst__ticker *ticker, double *misfit_out, qst_err *err);

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
