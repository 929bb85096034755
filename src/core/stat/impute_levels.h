/*
 * What the imputation of levels shares (impute_levels.c): rows, augmentation,
 * the search for the mode, draws. impute_logistic.c and impute_ordered.c say
 * what the likelihood is.
 *
 * Predictors are standardised by the observed rows, which the likelihood does
 * not notice. Against separation rows are added as White, Daniel & Royston
 * (2010, Comput. Stat. Data Anal. 54:2267-2275) do: for each of p predictors
 * at its mean + and - its SD, the others at their means, every level, with
 * weights that add up to p + 1. Theirs are the same for every level, which
 * draws the frequencies of the levels towards each other; ours are in
 * proportion to the frequencies, so that only effects are drawn towards 0.
 * With them the log likelihood has one finite maximum.
 */
#ifndef QST_IMPUTE_LEVELS_H
#define QST_IMPUTE_LEVELS_H

#include "stat/impute.h"

typedef struct qst__levels qst__levels;

/* One likelihood. `at` are parameters, of which there are levels->n. */
typedef struct {
    ptrdiff_t (*n_parameters)(ptrdiff_t n_levels, ptrdiff_t n_columns);
    /* Where the search begins: effects 0 and levels as frequent as observed. */
    void (*start)(const qst__levels *levels, double *at_out);
    /* The log likelihood (-infinity outside the parameters' space) of the rows from a block on, its
     * gradient into levels->gradient and minus its matrix of second derivatives into
     * levels->information. */
    double (*evaluate)(const qst__levels *levels, const double *at, ptrdiff_t first_block);
    /* The largest change that `step` makes to a difference of log odds in any row: below 1, the
     * first-order change of every residual is smaller than the residual. */
    double (*largest_change)(const qst__levels *levels, const double *at, const double *step);
    /* A draw from the normal posterior into levels->drawn: mode levels->at, levels->information. */
    void (*draw)(const qst__levels *levels);
    /* Probabilities of the levels, QST__BLOCK rows each, into levels->probability. */
    void (*predict)(const qst__levels *levels, const double *at, const double *panel);
    bool one_row_a_level; /* whether added rows are of one level each */
} qst__level_model;

struct qst__levels {
    const qst__visit *visit;
    const qst__level_model *model;
    ptrdiff_t n_levels;  /* observed ones; others are never imputed */
    double *code;        /* n_levels: what they are in the data */
    double *frequency;   /* n_levels: shares of the observed rows */
    ptrdiff_t n_columns; /* in the model, the intercept first */
    ptrdiff_t *column;   /* n_columns: of visit->x */
    double *mean, *sd;   /* n_columns */
    /* Rows in panels as of la/gram.c, n_columns wide: observed ones, then added ones. */
    ptrdiff_t n_data, n_rows, n_blocks;
    double *panels;
    double *level;       /* from 0; -1: all of them, as frequent as observed */
    double *weight;      /* 0 beyond the last row */
    double *probability; /* n_levels x QST__BLOCK */
    double *block;       /* 4 x QST__BLOCK */
    qst__dd *sums;       /* of gradient and information */
    ptrdiff_t n;
    double *at, *drawn, *step, *gradient;
    double *information; /* n x n: the upper triangle counts */
    double *at_mode;     /* gradient and information there */
    double *scratch;     /* n */
};

/* Doubles of room; n_levels are those of the shape. */
ptrdiff_t qst__levels_room(const qst__visit *shape, const qst__level_model *model);

/* Finds levels and, if there are from 2 to QST__MOST_PARAMETERS + 1, columns, rows and the mode,
 * with the information there; decides FEW_ROWS and NOT_CONVERGED. */
void qst__levels_fit(
    const qst__visit *visit, const qst__level_model *model, qst__levels *levels_out);

/* After a fit, in this order: keeps gradient and information, which what comes then may
 * overwrite; decides SEPARATED, which leaves other weights of the rows and another levels->at. */
void qst__levels_keep_mode(const qst__levels *levels);
void qst__levels_decide_separated(const qst__levels *levels);

/* A panel of n rows of visit->x, standardised, zeros beyond the last. */
void qst__levels_gather(
    const qst__levels *levels, const ptrdiff_t *rows, ptrdiff_t n, double *panel);

/* Gives observed rows this weight each, added rows their total weight of p + 1 times `added`. */
void qst__levels_weigh(const qst__levels *levels, double observed, double added);

/* Imputes the visit's missing rows. */
void qst__levels_draw(const qst__visit *visit, const qst__level_model *model);

/* The panel and what belongs to it of a block of rows. */
static inline const double *qst__levels_panel(const qst__levels *levels, ptrdiff_t block)
{
    return levels->panels + block * QST__BLOCK * levels->n_columns;
}

extern const qst__level_model qst__logistic; /* impute_logistic.c */
extern const qst__level_model qst__ordered;  /* impute_ordered.c */

/* drawn_out = at + R^-1 z of standard normal z, R'R the information, which R overwrites. */
void qst__levels_draw_normal(const qst__levels *levels, const double *at, double *drawn_out);

#endif
