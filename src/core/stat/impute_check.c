#include "stat/impute_plan.h"

#define MAX_ITERATIONS 65535
#define MAX_GROUPS 65535
#define MAX_IMPUTATIONS 4096
#define MAX_VARIABLES 4096
#define MAX_ABS 1e100 /* squares and their sums stay finite */

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
        is_fine = part >= 0 && part < d->n_variables && !qst__is_score(&d->variables[part]) &&
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

static qst_status check_predictors(const qst_impute_data *d, ptrdiff_t index, qst_err *err)
{
    const qst_impute_variable *v = &d->variables[index];
    for (int32_t k = 0; k < v->n_predictors; k++) {
        const int32_t p = v->predictors[k];
        if (p < 0 || p >= d->n_variables || p == index ||
            qst__holds_part(&d->variables[p], index)) {
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
    const qst_status status = qst__is_score(&d->variables[index]) ? check_score(d, index, err)
                                                                  : check_column(d, index, err);
    return status == QST_OK ? check_predictors(d, index, err) : status;
}

static bool is_term_factor(const qst_impute_data *d, int32_t variable, int32_t level)
{
    if (variable < 0 || variable >= d->n_variables || variable == d->outcome->variable ||
        qst__is_score(&d->variables[variable])) {
        return false;
    }
    const qst_col *column = &d->variables[variable].column;
    return column->type == QST_COL_FACTOR ? level >= 2 && level <= column->n_levels : level == 0;
}

static qst_status check_outcome(const qst_impute_data *d, qst_err *err)
{
    const qst_impute_outcome *o = d->outcome;
    bool is_fine = o->variable >= 0 && o->variable < d->n_variables && o->n_terms >= 1 &&
                   d->n_variables < QST__MOST_COMPATIBLE && o->starts[0] == 0 &&
                   o->starts[1] == 0 && d->cluster == NULL;
    if (is_fine) {
        const qst_impute_variable *v = &d->variables[o->variable];
        is_fine = !qst__is_score(v) && (!qst__is_factor(v) || v->column.n_levels == 2);
    }
    for (int32_t t = 0; t < o->n_terms && is_fine; t++) {
        is_fine = o->starts[t + 1] >= o->starts[t] && o->starts[t + 1] <= o->starts[o->n_terms];
        for (int32_t k = o->starts[t]; k < o->starts[t + 1] && is_fine; k++) {
            is_fine = is_term_factor(d, o->factors[k], o->levels[k]);
        }
    }
    return is_fine ? QST_OK
                   : qst__fail(err, QST_EARGUMENT,
                         "the model is not one of a number or two levels given products of others, "
                         "without clusters");
}

qst_status qst__impute_check(
    const qst_impute_settings *settings, const qst_impute_data *d, qst_err *err)
{
    qst_status status = check_settings(settings, err);
    status = status == QST_OK ? check_sizes(d, err) : status;
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        status = check_variable(d, v, err);
    }
    if (status == QST_OK) {
        status = check_codes(d->group, d->n_rows, d->n_groups, false, "group", err);
    }
    if (status == QST_OK) {
        status = check_codes(d->cluster, d->n_rows, d->n_clusters, true, "cluster", err);
    }
    if (status == QST_OK && d->outcome != NULL) {
        status = check_outcome(d, err);
    }
    return status;
}
