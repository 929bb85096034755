/*
 * What the files of multiple imputation share: impute.c (cycles, working
 * columns, cross-products), impute_check.c and impute_plan.c (what comes
 * before), impute_visit.c, impute_match.c and impute_levels.c (what methods
 * share), impute_linear.c, impute_logistic.c, impute_ordered.c,
 * impute_cluster.c, impute_cluster_logistic.c and impute_compatible.c (how one
 * variable is drawn).
 */
#ifndef QST_IMPUTE_H
#define QST_IMPUTE_H

#include "la/la.h"

/* Uses of random numbers; the address's variable, iteration and replicate are those of the visit.
 */
enum {
    QST__DRAW_START = 40,      /* row: first values */
    QST__DRAW_PARAMETERS = 41, /* row: 0, or what the method says */
    QST__DRAW_VALUE = 42,      /* row: imputed values */
    QST__DRAW_EFFECT = 43,     /* row: cluster */
    QST__DRAW_VARIANCE = 44,   /* row: 0 residual, 1 between clusters */
    QST__DRAW_ACCEPT = 45      /* row: proposals for a value */
};

/*
 * The model that covariates are to be compatible with, in one group. Column c
 * of its design is the product of those of x that stand from
 * factors[starts[c]] to factors[starts[c + 1] - 1]; column 0 is the empty
 * product. The outcome is column y of x: a number, or, if binary, the
 * indicator of its second level.
 */
typedef struct {
    bool is_binary;
    ptrdiff_t y, n_columns;
    const ptrdiff_t *starts, *factors;
    const ptrdiff_t *missing; /* rows without the outcome */
    ptrdiff_t n_missing;
} qst__outcome;

/*
 * One variable of one completed data set, to be drawn anew. Rows are those of
 * the group, 0 .. n_rows - 1; the working columns x hold 1 in column 0, then
 * numbers centred at their observed means, factors as indicators of their
 * second, third, ... level, scores. All values of x are finite, no number is
 * beyond 1e100. The observed values of the variable are not all the same.
 */
typedef struct {
    qst__rows rows;           /* x, rows one after the other: impute_linear.c takes these alone */
    qst_cmat x;               /* behind the last row stand rows of 0, up to a multiple of 4 */
    const ptrdiff_t *columns; /* of x, the intercept first: the predictors of this variable */
    ptrdiff_t n_columns;
    qst_cmat gram;    /* x'x of all rows and all columns of x */
    qst_cmat panel;   /* the missing rows of x, then rows of 0 up to a multiple of 4 */
    ptrdiff_t own;    /* column of x that y is, for a number */
    ptrdiff_t first;  /* the first of x that is made of the variable */
    const double *y;  /* n_rows: values less `centre`, or codes 1 .. n_levels, as they stand;
                       * NULL where rows alone are taken */
    double centre;    /* add it to what is drawn for a number */
    int32_t n_levels; /* of a factor */
    /* Rows, ascending; both at least one. The observed are not listed for PREDICT and NORM without
     * clusters. */
    const ptrdiff_t *observed, *missing;
    ptrdiff_t n_observed, n_missing;
    const qst_impute_variable *variable;
    int32_t donors;
    const int32_t *cluster; /* n_rows: 1 .. n_clusters or QST_NA_INT; NULL: no clusters */
    int32_t n_clusters;
    /* Kept from cycle to cycle for this variable, 0 at first: state[0] residual variance, state[1]
     * variance between clusters, then the effects; n_clusters + 2. NULL without clusters. */
    double *state;
    const qst__outcome *outcome; /* it, or a covariate of its model, is visited; or NULL */
    /* Addresses. */
    uint64_t seed;
    uint32_t imputation, variable_index, iteration;
    uint32_t group; /* from 0; with the iteration one field of an address, each below 2^16 */
    const ptrdiff_t *row_numbers; /* of the whole data: for QST__DRAW_VALUE */
    /* Work memory of the method: what its _room() asked for, and results. */
    double *room;
    double *drawn_out;    /* n_missing values (uncentred) or codes */
    int32_t *left_out;    /* n_columns, zeroed: 1 where a column was left out */
    int32_t *decided_out; /* QST_N_DECIDED, zeroed: 1 where so decided */
} qst__visit;

/* With fewer residual degrees of freedom the error variance has no useful posterior. */
#define QST__MIN_DF 5

/* A column is left out if the columns before it leave this share of its sum of squares; with 1 /
 * this the most that collinearity multiplies a variance by. */
#define QST__TOL_ALIASED 1e-8

/* The next n doubles of a method's room. */
static inline double *qst__take(double **room, ptrdiff_t n)
{
    double *const taken = *room;
    *room += n;
    return taken;
}

/* Columns of x and what goes with them are filled up to so many rows. */
static inline ptrdiff_t qst__up_to_4(ptrdiff_t n)
{
    return (n + 3) & ~(ptrdiff_t)3;
}

/* ---- impute_visit.c ---- */

#define QST__GROUP_SHIFT 16

/* The stream of this visit for `purpose` and `row`. Addresses were checked when the run began. */
qst_rng qst__visit_stream(const qst__visit *visit, uint32_t purpose, ptrdiff_t row);

/* out[k] = the first normal of the stream QST__DRAW_VALUE of missing row k: many at once cost less.
 */
void qst__visit_normals(const qst__visit *visit, double *out);

/* Of a model: its information matrix is factored a dozen times a visit. */
#define QST__MOST_PARAMETERS 1000

/*
 * Which of the visit's columns a model with n_parameters for each can have.
 * `gram` (n_columns square: x'x of the observed rows, in the order of
 * visit->columns) becomes its factor R as of qst__cholesky(), in which columns
 * left out are aliased; they are marked in visit->left_out. Left out are a
 * column of which those kept before leave 1e-8 or less (constant, collinear)
 * and those for which there are not two observed rows a parameter, which is
 * decided QST_DECIDED_FEW_ROWS. The intercept always stays. pivots_out:
 * n_columns. Returns the number kept.
 */
ptrdiff_t qst__visit_choose(
    const qst__visit *visit, ptrdiff_t n_parameters, qst_mat gram, double *pivots_out);

/*
 * A method: draws parameters from their posterior given the observed rows,
 * then a value for each missing row. Fails only for numbers no data can have;
 * data that leave a model undefined are decisions.
 */
typedef qst_status (*qst__draw)(const qst__visit *visit, qst_err *err);

/* Doubles of room a method needs for a group of n_rows with up to n_columns columns. */
typedef ptrdiff_t (*qst__draw_room)(const qst__visit *shape);

/* ---- impute_match.c: predictive mean matching (Little 1988) ---- */

/* Doubles of room for matching with so many observed rows. */
ptrdiff_t qst__match_room(ptrdiff_t n_observed);

/*
 * For each missing row one of the `donors` observed rows whose predictions are
 * nearest to its own, each with the same probability, ties in random order;
 * drawn_out gets the donor's value as it stands in the data (variable->column).
 * `of_observed` and `of_missing` are predictions in the order of those rows;
 * `of_missing` may be drawn_out. Takes the streams QST__DRAW_VALUE.
 */
void qst__match(
    const qst__visit *visit, const double *of_observed, const double *of_missing, double *room);

/* ---- impute_linear.c: PREDICT, NORM, PMM ---- */

/* The nearest value that the variable's step, minimum and maximum allow. */
double qst__put_in_range(const qst_impute_variable *variable, double value);

ptrdiff_t qst__draw_linear_room(const qst__visit *shape);
qst_status qst__draw_linear(const qst__visit *visit, qst_err *err);

/* ---- impute_logistic.c: LOGREG and POLYREG, which with two levels is the same; augmented (White,
 * Daniel & Royston 2010) ---- */
ptrdiff_t qst__draw_logistic_room(const qst__visit *shape);
qst_status qst__draw_logistic(const qst__visit *visit, qst_err *err);

/* ---- impute_ordered.c: POLR ---- */
ptrdiff_t qst__draw_ordered_room(const qst__visit *shape);
qst_status qst__draw_ordered(const qst__visit *visit, qst_err *err);

/* ---- impute_cluster.c: NORM and PMM with a random intercept a cluster ---- */

/*
 * Rows without a cluster have no effect, clusters without an observed row one
 * drawn from its distribution. Cluster means of the predictors that vary
 * within clusters enter if there are ten observed clusters for each. The
 * plain method, decided QST_DECIDED_NO_EFFECTS, with fewer than two observed
 * clusters or fewer than QST__MIN_DF rows more than columns. Priors: see
 * there.
 */
ptrdiff_t qst__draw_cluster_room(const qst__visit *shape);
qst_status qst__draw_cluster(const qst__visit *visit, qst_err *err);

/* ---- impute_cluster_logistic.c: LOGREG with a random intercept a cluster, but for the cluster
 * means as above; state[1] and the effects are on the scale of log odds ---- */
ptrdiff_t qst__draw_cluster_logistic_room(const qst__visit *shape);
qst_status qst__draw_cluster_logistic(const qst__visit *visit, qst_err *err);

/* ---- impute_compatible.c: NORM, LOGREG and POLYREG of the covariates of a model with squares and
 * interactions, and of its outcome ---- */

/* Variables have indices below this. */
#define QST__MOST_COMPATIBLE 2048

ptrdiff_t qst__draw_compatible_room(const qst__visit *shape);
qst_status qst__draw_compatible(const qst__visit *visit, qst_err *err);

#endif
