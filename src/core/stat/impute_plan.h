/*
 * What holds for all imputations of a data set: checks, and the plan of rows,
 * missing values and columns that impute.c works by.
 */
#ifndef QST_IMPUTE_PLAN_H
#define QST_IMPUTE_PLAN_H

#include "stat/impute.h"

#include <math.h>

/* One variable in one group; rows are numbered within the group. */
typedef struct {
    double centre;            /* mean of the observed numbers; 0 for factors */
    bool is_constant;         /* all observed are the same */
    double first;             /* value or code of the first of them */
    double median;            /* for QST_IMPUTE_MEDIAN */
    const ptrdiff_t *missing; /* rows, ascending */
    const ptrdiff_t *places;  /* of these rows among all missing ones of the variable */
    ptrdiff_t n_missing;
} qst__share;

/* What holds for all imputations. */
typedef struct {
    const qst_impute_settings *settings;
    const qst_impute_data *data;
    const qst_impute_result *result;
    ptrdiff_t *rows;         /* n_rows: rows of the data, group by group */
    ptrdiff_t *group_starts; /* n_groups + 1, into rows */
    int32_t *cluster;        /* in the order of rows; NULL without clusters */
    ptrdiff_t *n_missing;    /* n_variables */
    qst__share *shares;      /* n_variables x n_groups */
    ptrdiff_t n_columns;     /* of x */
    ptrdiff_t *first_column; /* n_variables: of x; -1 for a variable without columns */
    ptrdiff_t *column_count; /* n_variables */
    ptrdiff_t **columns;     /* n_variables: those of its predictors, the intercept first */
    ptrdiff_t *n_predicting; /* n_variables: how many those are */
    ptrdiff_t *codes_of;     /* n_variables: place among the codes of factors to be completed; -1 */
    ptrdiff_t n_coded;
    ptrdiff_t n_rows_max, n_missing_max; /* of a group */
    qst__outcome *outcomes;              /* n_groups; NULL without a model to be compatible with */
    bool *is_modelled;                   /* n_variables: the outcome and its covariates */
    bool has_columns;                    /* some method needs x and panel */
} qst__plan;

/* ---- impute_check.c ---- */

/* Settings, sizes, values, predictors, groups: what can be said before the missing are counted. */
QST_MUST_USE qst_status qst__impute_check(
    const qst_impute_settings *settings, const qst_impute_data *data, qst_err *err);

/* ---- impute_plan.c ---- */

/* The rest of the checks, and the plan, whose arrays live in the arena. `p` has its first three
 * fields. */
QST_MUST_USE qst_status qst__plan_make(qst__plan *p, qst__arena *arena, qst_err *err);

/* How a variable is drawn in every cycle; NULLs for what is drawn once, at the start. */
typedef struct {
    qst__draw draw;
    qst__draw_room room;
    bool needs_columns;  /* x and panel, beside rows */
    bool needs_observed; /* the list of observed rows */
} qst__method;
qst__method qst__method_of(const qst__plan *p, ptrdiff_t variable);

/* An array of the arena, for whoever has `arena` and `err`. */
#define QST__MAKE(field, n) qst__arena_array(arena, (n), sizeof *(field), &(field), err)

static inline bool qst__is_score(const qst_impute_variable *variable)
{
    return variable->method == QST_IMPUTE_SCORE;
}

static inline bool qst__is_factor(const qst_impute_variable *variable)
{
    return !qst__is_score(variable) && variable->column.type == QST_COL_FACTOR;
}

/* A number or a code; NaN where missing. */
static inline double qst__value_at(const qst_impute_variable *variable, ptrdiff_t row)
{
    if (variable->column.type == QST_COL_FACTOR) {
        const int32_t code = ((const int32_t *)variable->column.data)[row];
        return code == QST_NA_INT ? (double)NAN : code;
    }
    return ((const double *)variable->column.data)[row];
}

/* A score of the target would tell what its value was. */
static inline bool qst__holds_part(const qst_impute_variable *v, ptrdiff_t part)
{
    for (int32_t k = 0; k < v->n_parts && qst__is_score(v); k++) {
        if (v->parts[k] == part) {
            return true;
        }
    }
    return false;
}

static inline qst__share *qst__share_of(const qst__plan *p, ptrdiff_t variable, ptrdiff_t group)
{
    return &p->shares[variable + group * p->data->n_variables];
}

#endif
