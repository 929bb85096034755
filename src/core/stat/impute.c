#include "stat/impute.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ITERATIONS 65535
#define MAX_GROUPS 65535
#define MAX_IMPUTATIONS 4096
#define MAX_VARIABLES 4096
#define MAX_ABS 1e100 /* squares and their sums stay finite */

/* One variable in one group; rows are numbered within the group. */
typedef struct {
    double centre;            /* mean of the observed numbers; 0 for factors */
    bool is_constant;         /* all observed are the same */
    double first;             /* value or code of the first of them */
    double median;            /* for QST_IMPUTE_MEDIAN */
    const ptrdiff_t *missing; /* rows, ascending */
    const ptrdiff_t *places;  /* of these rows among all missing ones of the variable */
    ptrdiff_t n_missing;
} share;

/* What holds for all imputations. */
typedef struct {
    const qst_impute_settings *settings;
    const qst_impute_data *data;
    const qst_impute_result *result;
    ptrdiff_t *rows;         /* n_rows: rows of the data, group by group */
    ptrdiff_t *group_starts; /* n_groups + 1, into rows */
    int32_t *cluster;        /* in the order of rows; NULL without clusters */
    ptrdiff_t *n_missing;    /* n_variables */
    share *shares;           /* n_variables x n_groups */
    ptrdiff_t n_columns;     /* of x */
    ptrdiff_t *first_column; /* n_variables: of x; -1 for a variable without columns */
    ptrdiff_t *column_count; /* n_variables */
    ptrdiff_t **columns;     /* n_variables: those of its predictors, the intercept first */
    ptrdiff_t *n_predicting; /* n_variables: how many those are */
    ptrdiff_t *codes_of;     /* n_variables: place among the codes of factors to be completed; -1 */
    ptrdiff_t n_coded;
    ptrdiff_t n_rows_max, n_missing_max; /* of a group */
    ptrdiff_t n_parts_max;               /* of a score */
    ptrdiff_t room;                      /* of any method */
    atomic_bool stop;
    const qst_ctx *ctx;
} plan;

/* One worker's completed group of one imputation. */
typedef struct {
    double *x;     /* n_rows_max (up to a multiple of 4) x n_columns */
    double *panel; /* n_missing_max (up to a multiple of 4) x n_columns */
    double *gram;  /* n_columns x n_columns */
    double *codes; /* n_rows_max x n_coded */
    double *drawn; /* n_missing_max, up to a multiple of 4; so are the next two */
    double *fresh, *change;
    double *cross;       /* n_columns */
    double *states;      /* (n_clusters + 2) x n_variables; NULL without clusters */
    ptrdiff_t *observed; /* n_rows_max */
    ptrdiff_t *all;      /* 0 .. n_columns - 1 */
    ptrdiff_t *parts;    /* n_parts_max: columns of the parts of a score */
    int32_t *left_out;   /* n_columns: of one visit */
    int32_t decided_now[QST_N_DECIDED];
    int32_t *out_sums; /* as result->left_out */
    int32_t *decided;  /* as result->decided */
    double *room;
    qst__ticker ticker;
} worker;

typedef struct {
    plan *plan;
    worker *workers;
    double *sums; /* mean and sum of squares of each task: 2 x n_variables x n_iterations a task */
    bool is_serial;
} run;

void qst_impute_settings_default(qst_impute_settings *settings)
{
    *settings = (qst_impute_settings){.n_iterations = 10, .donors = 5, .n_imputations = 20};
}

/* ---- Values of the data ---- */

static bool is_score(const qst_impute_variable *variable)
{
    return variable->method == QST_IMPUTE_SCORE;
}

static bool is_factor(const qst_impute_variable *variable)
{
    return !is_score(variable) && variable->column.type == QST_COL_FACTOR;
}

/* A number or a code; NaN where missing. */
static double value_at(const qst_impute_variable *variable, ptrdiff_t row)
{
    if (variable->column.type == QST_COL_FACTOR) {
        const int32_t code = ((const int32_t *)variable->column.data)[row];
        return code == QST_NA_INT ? (double)NAN : code;
    }
    return ((const double *)variable->column.data)[row];
}

/* ---- Checks ---- */

static qst_status check_settings(const qst_impute_settings *s, qst_err *err)
{
    if (s->n_iterations < 1 || s->n_imputations < 1 || s->donors < 1 || s->first_imputation < 0) {
        return qst__fail(err, QST_EARGUMENT,
            "iterations (%d), imputations (%d) and donors (%d) must be at least 1, the first "
            "imputation (%d) at least 0",
            (int)s->n_iterations, (int)s->n_imputations, (int)s->donors, (int)s->first_imputation);
    }
    if (s->n_iterations > MAX_ITERATIONS ||
        s->n_imputations > MAX_IMPUTATIONS - s->first_imputation) {
        return qst__fail(err, QST_ERANGE, "at most %d iterations and %d imputations can be made",
            MAX_ITERATIONS, MAX_IMPUTATIONS);
    }
    return QST_OK;
}

static qst_status check_sizes(const qst_impute_data *d, qst_err *err)
{
    if (d->n_rows < 1 || d->n_variables < 1) {
        return qst__fail(err, QST_ENODATA, "there are no %s", d->n_rows < 1 ? "rows" : "variables");
    }
    if (d->n_variables > MAX_VARIABLES || d->n_groups > MAX_GROUPS || d->n_rows > UINT32_MAX) {
        return qst__fail(err, QST_ERANGE, "at most %d variables, %d groups and 2^32 - 1 rows",
            MAX_VARIABLES, MAX_GROUPS);
    }
    if (d->n_groups < 1 || (d->group == NULL && d->n_groups != 1) || d->n_visits < 0) {
        return qst__fail(err, QST_EARGUMENT, "%d groups, %d visits: not possible", (int)d->n_groups,
            (int)d->n_visits);
    }
    return QST_OK;
}

static qst_status check_codes(const int32_t *codes, ptrdiff_t n, int32_t n_codes, bool may_miss,
    const char *what, qst_err *err)
{
    for (ptrdiff_t i = 0; i < n && codes != NULL; i++) {
        const bool is_code = codes[i] >= 1 && codes[i] <= n_codes;
        if (!is_code && !(may_miss && codes[i] == QST_NA_INT)) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, codes[i],
                "row %td: %s %d is not in 1 .. %d", i, what, (int)codes[i], (int)n_codes);
        }
    }
    return QST_OK;
}

static bool has_method(const qst_impute_variable *v)
{
    switch (v->method) {
    case QST_IMPUTE_NONE:
    case QST_IMPUTE_SAMPLE:
        return true;
    case QST_IMPUTE_MEAN:
    case QST_IMPUTE_MEDIAN:
    case QST_IMPUTE_PREDICT:
    case QST_IMPUTE_NORM:
    case QST_IMPUTE_PMM:
        return v->column.type == QST_COL_DOUBLE;
    case QST_IMPUTE_LOGREG:
        return v->column.type == QST_COL_FACTOR && v->column.n_levels == 2;
    case QST_IMPUTE_POLYREG:
    case QST_IMPUTE_POLR:
        return v->column.type == QST_COL_FACTOR && v->column.n_levels >= 2;
    case QST_IMPUTE_SCORE:
    case QST_N_IMPUTE:
    default:
        return false;
    }
}

static qst_status check_values(const qst_impute_variable *v, ptrdiff_t index, qst_err *err)
{
    if (v->column.type == QST_COL_FACTOR) {
        const int32_t *codes = v->column.data;
        qst_status status = check_codes(codes, v->column.n, v->column.n_levels, true, "code", err);
        if (status != QST_OK && err != NULL) {
            err->column = index;
        }
        return status;
    }
    const double *x = v->column.data;
    for (ptrdiff_t i = 0; i < v->column.n; i++) {
        if (fabs(x[i]) > MAX_ABS) {
            return qst__fail_at(err, QST_ERANGE, i, index, x[i],
                "row %td, variable %td: %g is infinite or beyond %g", i, index, x[i], MAX_ABS);
        }
    }
    return QST_OK;
}

static qst_status check_limits(const qst_impute_variable *v, ptrdiff_t index, qst_err *err)
{
    if (v->min > v->max || v->step <= 0.0 || isinf(v->min) || isinf(v->max) || isinf(v->step)) {
        return qst__fail_at(err, QST_EARGUMENT, -1, index, (double)NAN,
            "variable %td: minimum %g, maximum %g, step %g: not possible", index, v->min, v->max,
            v->step);
    }
    return QST_OK;
}

static qst_status check_score(const qst_impute_data *d, ptrdiff_t index, qst_err *err)
{
    const qst_impute_variable *v = &d->variables[index];
    bool is_fine = v->n_parts >= 1 && isfinite(v->constant);
    for (int32_t k = 0; k < v->n_parts && is_fine; k++) {
        const int32_t part = v->parts[k];
        is_fine = part >= 0 && part < d->n_variables && !is_score(&d->variables[part]) &&
                  d->variables[part].column.type == QST_COL_DOUBLE && isfinite(v->part_weights[k]);
    }
    if (!is_fine) {
        return qst__fail_at(err, QST_EARGUMENT, -1, index, (double)NAN,
            "variable %td: a score is a finite sum of numbers that are no scores", index);
    }
    return QST_OK;
}

static qst_status check_column(const qst_impute_data *d, ptrdiff_t index, qst_err *err)
{
    const qst_impute_variable *v = &d->variables[index];
    if (v->column.n != d->n_rows) {
        return qst__fail_at(err, QST_EDIMENSION, -1, index, (double)NAN,
            "variable %td has %td rows, not %td", index, v->column.n, d->n_rows);
    }
    if (!has_method(v)) {
        return qst__fail_at(err, QST_EARGUMENT, -1, index, (double)NAN,
            "variable %td cannot have method %d with %d levels", index, (int)v->method,
            v->column.type == QST_COL_FACTOR ? (int)v->column.n_levels : 0);
    }
    const qst_status status = check_values(v, index, err);
    return status == QST_OK ? check_limits(v, index, err) : status;
}

/* A score of the target would tell what its value was. */
static bool holds(const qst_impute_variable *v, ptrdiff_t part)
{
    for (int32_t k = 0; k < v->n_parts && is_score(v); k++) {
        if (v->parts[k] == part) {
            return true;
        }
    }
    return false;
}

static qst_status check_predictors(const qst_impute_data *d, ptrdiff_t index, qst_err *err)
{
    const qst_impute_variable *v = &d->variables[index];
    for (int32_t k = 0; k < v->n_predictors; k++) {
        const int32_t p = v->predictors[k];
        if (p < 0 || p >= d->n_variables || p == index || holds(&d->variables[p], index)) {
            return qst__fail_at(err, QST_EARGUMENT, -1, index, p,
                "variable %td cannot be predicted by %d: that is no variable, itself, or a score "
                "of it",
                index, (int)p);
        }
    }
    return QST_OK;
}

static qst_status check_variable(const qst_impute_data *d, ptrdiff_t index, qst_err *err)
{
    const qst_status status =
        is_score(&d->variables[index]) ? check_score(d, index, err) : check_column(d, index, err);
    return status == QST_OK ? check_predictors(d, index, err) : status;
}

static qst_status check_data(const qst_impute_data *d, qst_err *err)
{
    qst_status status = check_sizes(d, err);
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        status = check_variable(d, v, err);
    }
    if (status == QST_OK) {
        status = check_codes(d->group, d->n_rows, d->n_groups, false, "group", err);
    }
    if (status == QST_OK) {
        status = check_codes(d->cluster, d->n_rows, d->n_clusters, true, "cluster", err);
    }
    return status;
}

/* ---- The plan: rows by group ---- */

#define MAKE(field, n) qst__arena_array(arena, (n), sizeof *(field), &(field), err)

static qst_status plan_rows(plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = MAKE(p->rows, d->n_rows);
    if (status == QST_OK) {
        status = MAKE(p->group_starts, d->n_groups + 2);
    }
    if (status == QST_OK && d->cluster != NULL) {
        status = MAKE(p->cluster, d->n_rows);
    }
    if (status != QST_OK) {
        return status;
    }
    ptrdiff_t *next = p->group_starts + 1; /* becomes the end of each group */
    for (ptrdiff_t i = 0; i < d->n_rows; i++) {
        next[d->group != NULL ? d->group[i] : 1]++;
    }
    for (ptrdiff_t g = 1; g <= d->n_groups; g++) {
        p->n_rows_max = qst__max(p->n_rows_max, next[g]);
        next[g] += next[g - 1];
    }
    for (ptrdiff_t i = 0; i < d->n_rows; i++) {
        const ptrdiff_t at = next[d->group != NULL ? d->group[i] - 1 : 0]++;
        p->rows[at] = i;
        if (d->cluster != NULL) {
            p->cluster[at] = d->cluster[i];
        }
    }
    return QST_OK;
}

static share *share_of(const plan *p, ptrdiff_t variable, ptrdiff_t group)
{
    return &p->shares[variable + group * p->data->n_variables];
}

static qst_status count_missing(plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = MAKE(p->n_missing, d->n_variables);
    if (status == QST_OK) {
        status = MAKE(p->shares, (ptrdiff_t)d->n_variables * d->n_groups);
    }
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        for (ptrdiff_t i = 0; i < d->n_rows && !is_score(&d->variables[v]); i++) {
            p->n_missing[v] += isnan(value_at(&d->variables[v], i));
        }
    }
    return status;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(
    const qst_impute_variable *variable, const ptrdiff_t *rows, ptrdiff_t n, double *scratch)
{
    ptrdiff_t n_observed = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double value = value_at(variable, rows[i]);
        scratch[n_observed] = value;
        n_observed += !isnan(value);
    }
    qsort(scratch, (size_t)n_observed, sizeof *scratch, by_value);
    const ptrdiff_t half = n_observed / 2;
    return n_observed % 2 == 1 ? scratch[half] : 0.5 * (scratch[half - 1] + scratch[half]);
}

/* Missing rows of a variable, their places, and how its observed values stand, group by group. */
static qst_status split_variable(plan *p, ptrdiff_t v, ptrdiff_t *missing, ptrdiff_t *places,
    ptrdiff_t *place_at, double *scratch, qst_err *err)
{
    const qst_impute_variable *variable = &p->data->variables[v];
    ptrdiff_t n_before = 0;
    for (ptrdiff_t i = 0; i < p->data->n_rows; i++) {
        place_at[i] = n_before;
        n_before += isnan(value_at(variable, i));
    }
    for (ptrdiff_t g = 0; g < p->data->n_groups; g++) {
        share *s = share_of(p, v, g);
        const ptrdiff_t *rows = p->rows + p->group_starts[g];
        const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
        *s = (share){.missing = missing, .places = places, .is_constant = true};
        double sum = 0.0;
        ptrdiff_t n_observed = 0;
        for (ptrdiff_t i = 0; i < n; i++) {
            const double value = value_at(variable, rows[i]);
            if (isnan(value)) {
                missing[s->n_missing] = i;
                places[s->n_missing++] = place_at[rows[i]];
                continue;
            }
            s->first = n_observed == 0 ? value : s->first;
            s->is_constant = s->is_constant && value == s->first;
            sum += value - s->first;
            n_observed++;
        }
        s->centre =
            is_factor(variable) || n_observed == 0 ? 0.0 : s->first + sum / (double)n_observed;
        if (n > 0 && n_observed == 0 && variable->method != QST_IMPUTE_NONE) {
            return qst__fail_at(err, QST_ENODATA, rows[0], v, (double)NAN,
                "variable %td has no observed value in group %td", v, g + 1);
        }
        if (variable->method == QST_IMPUTE_MEDIAN && n > 0) {
            s->median = median_of(variable, rows, n, scratch);
        }
        missing += s->n_missing;
        places += s->n_missing;
        p->n_missing_max = qst__max(p->n_missing_max, s->n_missing);
    }
    return QST_OK;
}

static qst_status plan_missing(plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = count_missing(p, arena, err);
    ptrdiff_t *place_at = NULL;
    double *scratch = NULL;
    if (status == QST_OK) {
        status = MAKE(place_at, d->n_rows);
    }
    if (status == QST_OK) {
        status = MAKE(scratch, d->n_rows);
    }
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        ptrdiff_t *missing = NULL, *places = NULL;
        if (is_score(&d->variables[v])) {
            continue;
        }
        status = MAKE(missing, p->n_missing[v]);
        if (status == QST_OK) {
            status = MAKE(places, p->n_missing[v]);
        }
        if (status == QST_OK) {
            status = split_variable(p, v, missing, places, place_at, scratch, err);
        }
    }
    return status;
}

/* ---- The plan: columns ---- */

static qst_status needs_value(const plan *p, const bool *is_visited, ptrdiff_t v, qst_err *err)
{
    if (p->n_missing[v] > 0 && !is_visited[v]) {
        return qst__fail_at(err, QST_EARGUMENT, -1, v, (double)NAN,
            "variable %td has missing values and is used, but is not completed itself", v);
    }
    return QST_OK;
}

/* Whose columns are needed: those that are drawn, their predictors, the parts of scores among them.
 * A variable is noted by a column count of 1. */
static qst_status note_used(plan *p, const bool *is_visited, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = QST_OK;
    for (int32_t k = 0; k < d->n_visits; k++) {
        const qst_impute_variable *v = &d->variables[d->visits[k]];
        p->column_count[d->visits[k]] = 1;
        for (int32_t j = 0; j < v->n_predictors; j++) {
            p->column_count[v->predictors[j]] = 1;
        }
    }
    for (ptrdiff_t v = 0; v < d->n_variables; v++) {
        const qst_impute_variable *score = &d->variables[v];
        for (int32_t j = 0; p->column_count[v] > 0 && is_score(score) && j < score->n_parts; j++) {
            p->column_count[score->parts[j]] = 1;
        }
    }
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        status = p->column_count[v] > 0 ? needs_value(p, is_visited, v, err) : QST_OK;
    }
    return status;
}

static qst_status note_visits(const plan *p, bool *is_visited, qst_err *err)
{
    const qst_impute_data *d = p->data;
    for (int32_t k = 0; k < d->n_visits; k++) {
        const int32_t v = d->visits[k];
        const bool is_fine = v >= 0 && v < d->n_variables && !is_visited[v] &&
                             !is_score(&d->variables[v]) &&
                             d->variables[v].method != QST_IMPUTE_NONE;
        if (!is_fine) {
            return qst__fail_at(err, QST_EARGUMENT, -1, v, (double)NAN,
                "variable %d cannot be visited: no variable, twice, a score, or without a method",
                (int)v);
        }
        if (p->n_missing[v] > 0 && p->result->imputed[v] == NULL) {
            return qst__fail_at(err, QST_EARGUMENT, -1, v, (double)NAN,
                "there is no room for the imputed values of variable %d", (int)v);
        }
        is_visited[v] = true;
    }
    return QST_OK;
}

static void number_columns(plan *p)
{
    const qst_impute_data *d = p->data;
    p->n_columns = 1;
    for (ptrdiff_t v = 0; v < d->n_variables; v++) {
        const bool coded = is_factor(&d->variables[v]);
        if (p->column_count[v] > 0 && coded) {
            p->column_count[v] = d->variables[v].column.n_levels - 1;
        }
        p->first_column[v] = p->column_count[v] > 0 ? p->n_columns : -1;
        p->n_parts_max =
            qst__max(p->n_parts_max, is_score(&d->variables[v]) ? d->variables[v].n_parts : 0);
        p->n_columns += p->column_count[v];
        p->codes_of[v] = -1;
    }
    for (int32_t k = 0; k < d->n_visits; k++) {
        if (is_factor(&d->variables[d->visits[k]])) {
            p->codes_of[d->visits[k]] = p->n_coded++;
        }
    }
}

static qst_status list_predictors(plan *p, ptrdiff_t v, qst__arena *arena, qst_err *err)
{
    const qst_impute_variable *variable = &p->data->variables[v];
    ptrdiff_t n = 1;
    for (int32_t j = 0; j < variable->n_predictors; j++) {
        n += p->column_count[variable->predictors[j]];
    }
    p->n_predicting[v] = n;
    const qst_status status = MAKE(p->columns[v], n);
    n = 1;
    for (int32_t j = 0; j < variable->n_predictors && status == QST_OK; j++) {
        const int32_t predictor = variable->predictors[j];
        for (ptrdiff_t c = 0; c < p->column_count[predictor]; c++) {
            p->columns[v][n++] = p->first_column[predictor] + c;
        }
    }
    return status;
}

static qst_status plan_columns(plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    const ptrdiff_t n = d->n_variables;
    bool *is_visited = NULL;
    qst_status status = MAKE(is_visited, n);
    status = status == QST_OK ? MAKE(p->first_column, n) : status;
    status = status == QST_OK ? MAKE(p->column_count, n) : status;
    status = status == QST_OK ? MAKE(p->columns, n) : status;
    status = status == QST_OK ? MAKE(p->n_predicting, n) : status;
    status = status == QST_OK ? MAKE(p->codes_of, n) : status;
    status = status == QST_OK ? note_visits(p, is_visited, err) : status;
    status = status == QST_OK ? note_used(p, is_visited, err) : status;
    if (status == QST_OK) {
        number_columns(p);
    }
    for (int32_t k = 0; k < d->n_visits && status == QST_OK; k++) {
        status = list_predictors(p, d->visits[k], arena, err);
    }
    return status;
}

/* ---- Methods ---- */

typedef struct {
    qst__draw draw;
    qst__draw_room room;
} method;

/* NULLs for what is drawn once, at the start. */
static method method_of(const plan *p, ptrdiff_t v)
{
    switch (p->data->variables[v].method) {
    case QST_IMPUTE_NORM:
    case QST_IMPUTE_PMM:
        if (p->data->cluster != NULL) {
            return (method){qst__draw_cluster, qst__draw_cluster_room};
        }
        return (method){qst__draw_linear, qst__draw_linear_room};
    case QST_IMPUTE_PREDICT:
        return (method){qst__draw_linear, qst__draw_linear_room};
    case QST_IMPUTE_LOGREG:
    case QST_IMPUTE_POLYREG:
        return (method){qst__draw_logistic, qst__draw_logistic_room};
    case QST_IMPUTE_POLR:
        return (method){qst__draw_ordered, qst__draw_ordered_room};
    case QST_IMPUTE_NONE:
    case QST_IMPUTE_MEAN:
    case QST_IMPUTE_MEDIAN:
    case QST_IMPUTE_SAMPLE:
    case QST_IMPUTE_SCORE:
    case QST_N_IMPUTE:
    default:
        return (method){NULL, NULL};
    }
}

/* ---- A visit ---- */

static qst__visit visit_of(const plan *p, worker *w, ptrdiff_t v, ptrdiff_t g, ptrdiff_t imputation)
{
    const qst_impute_variable *variable = &p->data->variables[v];
    const share *s = share_of(p, v, g);
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
    const ptrdiff_t ld = qst__up_to_4(p->n_rows_max), first = p->first_column[v];
    qst__visit visit = {.x = {w->x, n, p->n_columns, ld},
        .columns = p->columns[v],
        .n_columns = p->n_predicting[v],
        .gram = {w->gram, p->n_columns, p->n_columns, p->n_columns},
        .panel = {w->panel, qst__up_to_4(s->n_missing), p->n_columns, qst__up_to_4(s->n_missing)},
        .own = is_factor(variable) ? -1 : first,
        .centre = s->centre,
        .n_levels = is_factor(variable) ? variable->column.n_levels : 0,
        .observed = w->observed,
        .missing = s->missing,
        .n_observed = n - s->n_missing,
        .n_missing = s->n_missing,
        .variable = variable,
        .donors = p->settings->donors,
        .cluster = p->cluster != NULL ? p->cluster + p->group_starts[g] : NULL,
        .n_clusters = p->data->n_clusters,
        .seed = p->settings->seed,
        .imputation = (uint32_t)imputation,
        .variable_index = (uint32_t)v,
        .group = (uint32_t)g,
        .row_numbers = p->rows + p->group_starts[g],
        .room = w->room,
        .drawn_out = w->drawn,
        .left_out = w->left_out,
        .decided_out = w->decided_now};
    if (w->x != NULL) {
        visit.y =
            visit.own >= 0 ? w->x + visit.own * ld : w->codes + p->codes_of[v] * p->n_rows_max;
        visit.state = w->states != NULL ? w->states + v * (p->data->n_clusters + 2) : NULL;
    }
    return visit;
}

static void list_observed(const qst__visit *visit, ptrdiff_t *observed)
{
    ptrdiff_t n = 0, row = 0;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        for (; row < visit->missing[k]; row++) {
            observed[n++] = row;
        }
        row++;
    }
    for (; row < visit->x.n_rows; row++) {
        observed[n++] = row;
    }
}

/* Every missing row of x, so that what a method needs of them stands together. */
static void gather_panel(const qst__visit *visit, double *panel)
{
    for (ptrdiff_t j = 0; j < visit->x.n_cols; j++) {
        const double *from = visit->x.data + j * visit->x.ld;
        double *to = panel + j * visit->panel.ld;
        for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
            to[k] = from[visit->missing[k]];
        }
        for (ptrdiff_t k = visit->n_missing; k < visit->panel.n_rows; k++) {
            to[k] = 0.0;
        }
    }
}

/* The panel's column becomes w->fresh, x and the cross-products follow: x'c changes by x'(new -
 * old), c'c by (new - old)'(new + old). */
static void replace_column(worker *w, const qst__visit *visit, ptrdiff_t column)
{
    const ptrdiff_t n = visit->panel.n_rows, n_columns = visit->x.n_cols;
    double *panel = w->panel + column * visit->panel.ld;
    double own = 0.0;
    for (ptrdiff_t k = 0; k < n; k++) {
        w->change[k] = w->fresh[k] - panel[k];
        own += w->change[k] * w->fresh[k];
    }
    qst__dot_columns(visit->panel, w->change, w->cross);
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        w->gram[j + column * n_columns] += w->cross[j];
        w->gram[column + j * n_columns] = w->gram[j + column * n_columns];
    }
    w->gram[column + column * n_columns] += own;
    memcpy(panel, w->fresh, (size_t)n * sizeof *panel);
    double *x = w->x + column * visit->x.ld;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        x[visit->missing[k]] = w->fresh[k];
    }
}

/* A score is its parts, less what they are centred at. */
static void score_rows(
    const plan *p, qst_cmat x, const qst_impute_variable *score, worker *w, double *out)
{
    for (int32_t k = 0; k < score->n_parts; k++) {
        w->parts[k] = p->first_column[score->parts[k]];
    }
    qst__combine_columns(x, w->parts, score->n_parts, score->part_weights, out);
}

static void replace_scores(const plan *p, worker *w, const qst__visit *visit, ptrdiff_t v)
{
    for (ptrdiff_t k = 0; k < p->data->n_variables; k++) {
        const qst_impute_variable *score = &p->data->variables[k];
        if (p->first_column[k] >= 0 && holds(score, v)) {
            score_rows(p, visit->panel, score, w, w->fresh);
            replace_column(w, visit, p->first_column[k]);
        }
    }
}

/* What was drawn enters x. */
static void replace_values(const plan *p, worker *w, const qst__visit *visit, ptrdiff_t v)
{
    const ptrdiff_t n = visit->n_missing;
    memset(w->fresh, 0, (size_t)visit->panel.n_rows * sizeof *w->fresh);
    if (visit->own >= 0) {
        for (ptrdiff_t k = 0; k < n; k++) {
            w->fresh[k] = w->drawn[k] - visit->centre;
        }
        replace_column(w, visit, visit->own);
        replace_scores(p, w, visit, v);
        return;
    }
    double *codes = w->codes + p->codes_of[v] * p->n_rows_max;
    for (ptrdiff_t k = 0; k < n; k++) {
        codes[visit->missing[k]] = w->drawn[k];
    }
    for (ptrdiff_t c = 0; c < p->column_count[v]; c++) {
        for (ptrdiff_t k = 0; k < n; k++) {
            w->fresh[k] = w->drawn[k] == (double)(c + 2);
        }
        replace_column(w, visit, p->first_column[v] + c);
    }
}

/* ---- What is reported ---- */

/* Mean and sum of squares about it of what was drawn, kept task by task. */
static void note_trace(const run *r, ptrdiff_t task, const qst__visit *visit, int32_t iteration)
{
    const plan *p = r->plan;
    double sum = 0.0, ss = 0.0;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        sum += visit->drawn_out[k];
    }
    const double mean = sum / (double)visit->n_missing;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        ss += (visit->drawn_out[k] - mean) * (visit->drawn_out[k] - mean);
    }
    const ptrdiff_t n = p->data->n_variables;
    double *at =
        r->sums + 2 * (visit->variable_index + n * (iteration + task * p->settings->n_iterations));
    at[0] = mean;
    at[1] = ss;
}

static void store_values(const plan *p, const qst__visit *visit, ptrdiff_t g)
{
    const ptrdiff_t v = visit->variable_index;
    const ptrdiff_t imputation = (ptrdiff_t)visit->imputation - p->settings->first_imputation;
    double *out = p->result->imputed[v] + imputation * p->n_missing[v];
    const share *s = share_of(p, v, g);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        out[s->places[k]] = visit->drawn_out[k];
    }
}

static void note_decisions(worker *w, ptrdiff_t v)
{
    for (int k = 0; k < QST_N_DECIDED; k++) {
        w->decided[k + v * QST_N_DECIDED] += w->decided_now[k];
    }
}

/* A predictor counts as left out when all of its columns were. */
static void note_left_out(const plan *p, worker *w, const qst__visit *visit)
{
    const qst_impute_variable *variable = visit->variable;
    const ptrdiff_t v = visit->variable_index;
    ptrdiff_t at = 1;
    for (int32_t j = 0; j < variable->n_predictors; j++) {
        const ptrdiff_t predictor = variable->predictors[j];
        const ptrdiff_t n = p->column_count[predictor];
        ptrdiff_t n_out = 0;
        for (ptrdiff_t c = 0; c < n; c++) {
            n_out += w->left_out[at + c];
        }
        at += n;
        w->out_sums[v + predictor * p->data->n_variables] += n > 0 && n_out == n;
    }
}

/* ---- First values ---- */

static bool is_drawn_once(const plan *p, ptrdiff_t v, ptrdiff_t g)
{
    return method_of(p, v).draw == NULL || share_of(p, v, g)->is_constant;
}

/* Random observed values, or what QST_IMPUTE_MEAN and QST_IMPUTE_MEDIAN say. */
static void draw_first(const plan *p, worker *w, const qst__visit *visit, ptrdiff_t g)
{
    const share *s = share_of(p, visit->variable_index, g);
    list_observed(visit, w->observed);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        const ptrdiff_t row = visit->row_numbers[visit->missing[k]];
        if (visit->variable->method == QST_IMPUTE_MEAN) {
            w->drawn[k] = qst__put_in_range(visit->variable, s->centre);
        } else if (visit->variable->method == QST_IMPUTE_MEDIAN) {
            w->drawn[k] = qst__put_in_range(visit->variable, s->median);
        } else {
            qst_rng rng = qst__visit_stream(visit, QST__DRAW_START, row);
            const uint32_t from = qst_rng_below(&rng, (uint32_t)visit->n_observed);
            w->drawn[k] = value_at(visit->variable, visit->row_numbers[w->observed[from]]);
        }
    }
}

/* Values of row i of the group, in all columns of the variable. */
static void put_value(const plan *p, worker *w, const qst__visit *visit, ptrdiff_t i, double value)
{
    const ptrdiff_t v = visit->variable_index, ld = visit->x.ld;
    if (p->codes_of[v] >= 0) {
        w->codes[i + p->codes_of[v] * p->n_rows_max] = value;
    }
    double *x = w->x + i + p->first_column[v] * ld;
    if (visit->n_levels == 0) {
        x[0] = value - visit->centre;
        return;
    }
    for (ptrdiff_t c = 0; c < p->column_count[v]; c++) {
        x[c * ld] = value == (double)(c + 2);
    }
}

static void start_variable(const run *r, ptrdiff_t task, worker *w, const qst__visit *visit)
{
    const plan *p = r->plan;
    const ptrdiff_t v = visit->variable_index, g = visit->group;
    draw_first(p, w, visit, g);
    ptrdiff_t n_drawn = 0;
    for (ptrdiff_t i = 0; i < visit->x.n_rows; i++) {
        const double value = value_at(visit->variable, visit->row_numbers[i]);
        put_value(p, w, visit, i, isnan(value) ? w->drawn[n_drawn++] : value);
    }
    if (visit->n_missing == 0 || !is_drawn_once(p, v, g)) {
        return;
    }
    for (int32_t t = 0; t < p->settings->n_iterations; t++) {
        note_trace(r, task, visit, t);
    }
    store_values(p, visit, g);
    if (method_of(p, v).draw != NULL) {
        w->decided[QST_DECIDED_ONE_VALUE + v * QST_N_DECIDED] += p->settings->n_iterations;
    }
}

static void start_group(const run *r, ptrdiff_t task, worker *w, ptrdiff_t g, ptrdiff_t imputation)
{
    const plan *p = r->plan;
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g],
                    ld = qst__up_to_4(p->n_rows_max);
    for (ptrdiff_t j = 0; j < p->n_columns; j++) {
        for (ptrdiff_t i = n; i < qst__up_to_4(n); i++) {
            w->x[i + j * ld] = 0.0;
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        w->x[i] = 1.0;
    }
    for (ptrdiff_t v = 0; v < p->data->n_variables; v++) {
        const bool has_values = p->first_column[v] >= 0 || p->codes_of[v] >= 0;
        if (has_values && !is_score(&p->data->variables[v])) {
            const qst__visit visit = visit_of(p, w, v, g, imputation);
            start_variable(r, task, w, &visit);
        }
    }
    for (ptrdiff_t v = 0; v < p->data->n_variables; v++) {
        const qst_impute_variable *score = &p->data->variables[v];
        if (p->first_column[v] >= 0 && is_score(score)) {
            const qst_cmat x = {w->x, qst__up_to_4(n), p->n_columns, ld};
            score_rows(p, x, score, w, w->x + p->first_column[v] * ld);
        }
    }
    if (w->states != NULL) {
        const ptrdiff_t size = (ptrdiff_t)p->data->n_variables * (p->data->n_clusters + 2);
        memset(w->states, 0, (size_t)size * sizeof *w->states);
    }
}

/* ---- Cycles ---- */

static qst_status visit_variable(
    const run *r, ptrdiff_t task, worker *w, ptrdiff_t v, int32_t iteration, qst_err *err)
{
    const plan *p = r->plan;
    const ptrdiff_t g = task % p->data->n_groups;
    const ptrdiff_t imputation = p->settings->first_imputation + task / p->data->n_groups;
    if (share_of(p, v, g)->n_missing == 0 || is_drawn_once(p, v, g)) {
        return QST_OK;
    }
    qst__visit visit = visit_of(p, w, v, g, imputation);
    visit.iteration = (uint32_t)iteration + 1;
    list_observed(&visit, w->observed);
    gather_panel(&visit, w->panel);
    memset(w->left_out, 0, (size_t)p->n_columns * sizeof *w->left_out);
    memset(w->decided_now, 0, sizeof w->decided_now);
    const qst_status status = method_of(p, v).draw(&visit, err);
    if (status == QST_OK) {
        note_left_out(p, w, &visit);
        note_decisions(w, v);
        note_trace(r, task, &visit, iteration);
        replace_values(p, w, &visit, v);
    }
    if (status == QST_OK && iteration == p->settings->n_iterations - 1) {
        store_values(p, &visit, g);
    }
    return status;
}

/* A run of several threads learns from its calling thread that it is to stop. */
static qst_status may_go_on(const run *r, worker *w, qst_err *err)
{
    if (atomic_load_explicit(&r->plan->stop, memory_order_relaxed)) {
        return qst__fail(err, QST_ECANCEL, "stopped as asked");
    }
    return r->is_serial ? qst__tick(&w->ticker, err) : QST_OK;
}

static qst_status complete_group(void *data, ptrdiff_t task, int number, qst_err *err)
{
    const run *r = data;
    const plan *p = r->plan;
    worker *w = &r->workers[number];
    const ptrdiff_t g = task % p->data->n_groups;
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
    if (n == 0) {
        return QST_OK;
    }
    start_group(r, task, w, g, p->settings->first_imputation + task / p->data->n_groups);
    const qst_cmat x = {w->x, qst__up_to_4(n), p->n_columns, qst__up_to_4(p->n_rows_max)};
    qst_status status = QST_OK;
    for (int32_t t = 0; t < p->settings->n_iterations && status == QST_OK; t++) {
        qst__gram_columns(x, w->all, p->n_columns, w->gram);
        for (int32_t k = 0; k < p->data->n_visits && status == QST_OK; k++) {
            status = visit_variable(r, task, w, p->data->visits[k], t, err);
            status = status == QST_OK ? may_go_on(r, w, err) : status;
        }
    }
    return status;
}

/* ---- The run ---- */

static qst_status make_worker(const plan *p, worker *w, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    const ptrdiff_t n = qst__up_to_4(p->n_rows_max), n_missing = qst__up_to_4(p->n_missing_max);
    const ptrdiff_t k = p->n_columns, n_variables = d->n_variables;
    qst_status status = MAKE(w->x, n * k);
    status = status == QST_OK ? MAKE(w->panel, n_missing * k) : status;
    status = status == QST_OK ? MAKE(w->gram, k * k) : status;
    status = status == QST_OK ? MAKE(w->codes, p->n_rows_max * p->n_coded) : status;
    status = status == QST_OK ? MAKE(w->drawn, n_missing) : status;
    status = status == QST_OK ? MAKE(w->fresh, n_missing) : status;
    status = status == QST_OK ? MAKE(w->change, n_missing) : status;
    status = status == QST_OK ? MAKE(w->cross, k) : status;
    status = status == QST_OK ? MAKE(w->observed, p->n_rows_max) : status;
    status = status == QST_OK ? MAKE(w->all, k) : status;
    status = status == QST_OK ? MAKE(w->parts, p->n_parts_max) : status;
    status = status == QST_OK ? MAKE(w->left_out, k) : status;
    status = status == QST_OK ? MAKE(w->out_sums, n_variables * n_variables) : status;
    status = status == QST_OK ? MAKE(w->decided, n_variables * QST_N_DECIDED) : status;
    status = status == QST_OK ? MAKE(w->room, p->room) : status;
    if (status == QST_OK && d->cluster != NULL) {
        status = MAKE(w->states, n_variables * (d->n_clusters + 2));
    }
    for (ptrdiff_t j = 0; j < k && status == QST_OK; j++) {
        w->all[j] = j;
    }
    qst__ticker_init(&w->ticker, p->ctx);
    return status;
}

/* Room of the hungriest method. */
static void plan_room(plan *p)
{
    worker none = {.x = NULL};
    for (int32_t k = 0; k < p->data->n_visits; k++) {
        const ptrdiff_t v = p->data->visits[k];
        for (ptrdiff_t g = 0; g < p->data->n_groups; g++) {
            const qst__visit shape = visit_of(p, &none, v, g, 0);
            const method m = method_of(p, v);
            p->room = qst__max(p->room, m.room != NULL ? m.room(&shape) : 0);
        }
    }
}

/* Mean and SD over all groups from those of each. */
static void join_groups(const run *r, ptrdiff_t v, ptrdiff_t iteration, ptrdiff_t imputation)
{
    const plan *p = r->plan;
    const ptrdiff_t n_iterations = p->settings->n_iterations, n_variables = p->data->n_variables;
    double n = 0.0, mean = 0.0, ss = 0.0;
    for (ptrdiff_t g = 0; g < p->data->n_groups; g++) {
        const double more = (double)share_of(p, v, g)->n_missing;
        const ptrdiff_t task = imputation * p->data->n_groups + g;
        const double *at = r->sums + 2 * (v + n_variables * (iteration + task * n_iterations));
        if (more > 0.0) {
            const double apart = at[0] - mean;
            ss += at[1] + apart * apart * n * more / (n + more);
            n += more;
            mean += apart * more / n;
        }
    }
    const ptrdiff_t out = v + n_variables * (iteration + imputation * n_iterations);
    p->result->mean[out] = n > 0.0 ? mean : qst_na_real();
    p->result->sd[out] = n > 1.0 ? sqrt(ss / (n - 1.0)) : qst_na_real();
}

static void report(const run *r, int n_workers)
{
    const plan *p = r->plan;
    const ptrdiff_t n = p->data->n_variables;
    for (ptrdiff_t i = 0; i < p->settings->n_imputations; i++) {
        for (ptrdiff_t t = 0; t < p->settings->n_iterations; t++) {
            for (ptrdiff_t v = 0; v < n; v++) {
                join_groups(r, v, t, i);
            }
        }
    }
    memset(p->result->left_out, 0, (size_t)(n * n) * sizeof(int32_t));
    memset(p->result->decided, 0, (size_t)(n * QST_N_DECIDED) * sizeof(int32_t));
    for (int k = 0; k < n_workers; k++) {
        for (ptrdiff_t v = 0; v < n * n; v++) {
            p->result->left_out[v] += r->workers[k].out_sums[v];
        }
        for (ptrdiff_t v = 0; v < n; v++) {
            for (ptrdiff_t d = 0; d < QST_N_DECIDED; d++) {
                p->result->decided[v + d * n] += r->workers[k].decided[d + v * QST_N_DECIDED];
            }
        }
    }
}

/* The caller's poll, whose word reaches tasks that are under way. */
static bool poll_and_tell(void *data)
{
    plan *p = data;
    const bool stop = p->ctx->poll(p->ctx->poll_data);
    if (stop) {
        atomic_store_explicit(&p->stop, true, memory_order_relaxed);
    }
    return stop;
}

static qst_status run_plan(plan *p, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t n_tasks = (ptrdiff_t)p->settings->n_imputations * p->data->n_groups;
    const int n_workers = qst_par_workers(p->ctx, n_tasks);
    run r = {.plan = p, .is_serial = n_workers == 1};
    qst_status status = MAKE(r.workers, n_workers);
    if (status == QST_OK) {
        status = MAKE(r.sums, 2 * n_tasks * p->settings->n_iterations * p->data->n_variables);
    }
    for (int k = 0; k < n_workers && status == QST_OK; k++) {
        status = make_worker(p, &r.workers[k], arena, err);
    }
    if (status != QST_OK) {
        return status;
    }
    qst_ctx ctx;
    qst_ctx_init(&ctx);
    if (p->ctx != NULL) {
        ctx = *p->ctx;
        ctx.poll = p->ctx->poll != NULL ? poll_and_tell : NULL;
        ctx.poll_data = p;
    }
    status = qst_par_for(&ctx, n_tasks, complete_group, &r, err);
    if (status == QST_OK) {
        report(&r, n_workers);
    }
    return status;
}

qst_status qst_impute(const qst_ctx *ctx, const qst_impute_settings *settings,
    const qst_impute_data *data, const qst_impute_result *result, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    plan p = {.settings = settings, .data = data, .result = result, .ctx = ctx};
    atomic_init(&p.stop, false);
    qst_status status = check_settings(settings, err);
    status = status == QST_OK ? check_data(data, err) : status;
    status = status == QST_OK ? plan_rows(&p, &arena, err) : status;
    status = status == QST_OK ? plan_missing(&p, &arena, err) : status;
    status = status == QST_OK ? plan_columns(&p, &arena, err) : status;
    if (status == QST_OK) {
        plan_room(&p);
        status = run_plan(&p, &arena, err);
    }
    qst__arena_free(&arena);
    return status;
}
