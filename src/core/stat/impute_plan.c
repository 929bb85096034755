#include "stat/impute_plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- Rows by group ---- */

static qst_status plan_rows(qst__plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = QST__MAKE(p->rows, d->n_rows);
    if (status == QST_OK) {
        status = QST__MAKE(p->group_starts, d->n_groups + 2);
    }
    if (status == QST_OK && d->cluster != NULL) {
        status = QST__MAKE(p->cluster, d->n_rows);
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

static qst_status count_missing(qst__plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = QST__MAKE(p->n_missing, d->n_variables);
    if (status == QST_OK) {
        status = QST__MAKE(p->shares, (ptrdiff_t)d->n_variables * d->n_groups);
    }
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        for (ptrdiff_t i = 0; i < d->n_rows && !qst__is_score(&d->variables[v]); i++) {
            p->n_missing[v] += isnan(qst__value_at(&d->variables[v], i));
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
        const double value = qst__value_at(variable, rows[i]);
        scratch[n_observed] = value;
        n_observed += !isnan(value);
    }
    qsort(scratch, (size_t)n_observed, sizeof *scratch, by_value);
    const ptrdiff_t half = n_observed / 2;
    return n_observed % 2 == 1 ? scratch[half] : 0.5 * (scratch[half - 1] + scratch[half]);
}

/* Missing rows of a variable, their places, and how its observed values stand, group by group. */
static qst_status split_variable(qst__plan *p, ptrdiff_t v, ptrdiff_t *missing, ptrdiff_t *places,
    ptrdiff_t *place_at, double *scratch, qst_err *err)
{
    const qst_impute_variable *variable = &p->data->variables[v];
    ptrdiff_t n_before = 0;
    for (ptrdiff_t i = 0; i < p->data->n_rows; i++) {
        place_at[i] = n_before;
        n_before += isnan(qst__value_at(variable, i));
    }
    for (ptrdiff_t g = 0; g < p->data->n_groups; g++) {
        qst__share *s = qst__share_of(p, v, g);
        const ptrdiff_t *rows = p->rows + p->group_starts[g];
        const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
        *s = (qst__share){.missing = missing, .places = places, .is_constant = true};
        double sum = 0.0;
        ptrdiff_t n_observed = 0;
        for (ptrdiff_t i = 0; i < n; i++) {
            const double value = qst__value_at(variable, rows[i]);
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
            qst__is_factor(variable) || n_observed == 0 ? 0.0 : s->first + sum / (double)n_observed;
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

static qst_status plan_missing(qst__plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    qst_status status = count_missing(p, arena, err);
    ptrdiff_t *place_at = NULL;
    double *scratch = NULL;
    if (status == QST_OK) {
        status = QST__MAKE(place_at, d->n_rows);
    }
    if (status == QST_OK) {
        status = QST__MAKE(scratch, d->n_rows);
    }
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        ptrdiff_t *missing = NULL, *places = NULL;
        if (qst__is_score(&d->variables[v])) {
            continue;
        }
        status = QST__MAKE(missing, p->n_missing[v]);
        if (status == QST_OK) {
            status = QST__MAKE(places, p->n_missing[v]);
        }
        if (status == QST_OK) {
            status = split_variable(p, v, missing, places, place_at, scratch, err);
        }
    }
    return status;
}

/* ---- Columns ---- */

static qst_status needs_value(const qst__plan *p, const bool *is_visited, ptrdiff_t v, qst_err *err)
{
    if (p->n_missing[v] > 0 && !is_visited[v]) {
        return qst__fail_at(err, QST_EARGUMENT, -1, v, (double)NAN,
            "variable %td has missing values and is used, but is not completed itself", v);
    }
    return QST_OK;
}

/* Whose columns are needed: those that are drawn, their predictors, the parts of scores among them.
 * A variable is noted by a column count of 1. */
static qst_status note_used(qst__plan *p, const bool *is_visited, qst_err *err)
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
        p->column_count[v] |= p->is_modelled != NULL && p->is_modelled[v];
    }
    for (ptrdiff_t v = 0; v < d->n_variables; v++) {
        const qst_impute_variable *score = &d->variables[v];
        for (int32_t j = 0; p->column_count[v] > 0 && qst__is_score(score) && j < score->n_parts;
             j++) {
            p->column_count[score->parts[j]] = 1;
        }
    }
    for (ptrdiff_t v = 0; v < d->n_variables && status == QST_OK; v++) {
        status = p->column_count[v] > 0 ? needs_value(p, is_visited, v, err) : QST_OK;
    }
    return status;
}

static qst_status note_visits(const qst__plan *p, bool *is_visited, qst_err *err)
{
    const qst_impute_data *d = p->data;
    for (int32_t k = 0; k < d->n_visits; k++) {
        const int32_t v = d->visits[k];
        const bool is_fine = v >= 0 && v < d->n_variables && !is_visited[v] &&
                             !qst__is_score(&d->variables[v]) &&
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

static void number_columns(qst__plan *p)
{
    const qst_impute_data *d = p->data;
    p->n_columns = 1;
    for (ptrdiff_t v = 0; v < d->n_variables; v++) {
        const bool coded = qst__is_factor(&d->variables[v]);
        if (p->column_count[v] > 0 && coded) {
            p->column_count[v] = d->variables[v].column.n_levels - 1;
        }
        p->first_column[v] = p->column_count[v] > 0 ? p->n_columns : -1;
        p->n_columns += p->column_count[v];
        p->codes_of[v] = -1;
    }
    for (int32_t k = 0; k < d->n_visits; k++) {
        if (qst__is_factor(&d->variables[d->visits[k]])) {
            p->codes_of[d->visits[k]] = p->n_coded++;
        }
    }
}

/* `seen` has a place for each variable, 0 at first: of the last one that it predicts. A predictor
 * given twice would make more columns than there are. */
static qst_status list_predictors(
    qst__plan *p, ptrdiff_t v, ptrdiff_t *seen, qst__arena *arena, qst_err *err)
{
    const qst_impute_variable *variable = &p->data->variables[v];
    ptrdiff_t n = 1;
    for (int32_t j = 0; j < variable->n_predictors; j++) {
        const int32_t predictor = variable->predictors[j];
        if (seen[predictor] == v + 1) {
            return qst__fail_at(err, QST_EARGUMENT, -1, v, predictor,
                "variable %td is predicted by %d twice", v, (int)predictor);
        }
        seen[predictor] = v + 1;
        n += p->column_count[predictor];
    }
    p->n_predicting[v] = n;
    const qst_status status = QST__MAKE(p->columns[v], n);
    n = 1;
    for (int32_t j = 0; j < variable->n_predictors && status == QST_OK; j++) {
        const int32_t predictor = variable->predictors[j];
        for (ptrdiff_t c = 0; c < p->column_count[predictor]; c++) {
            p->columns[v][n++] = p->first_column[predictor] + c;
        }
    }
    return status;
}

/* The model's variables. */
static qst_status note_modelled(qst__plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_outcome *o = p->data->outcome;
    const qst_status status = QST__MAKE(p->is_modelled, p->data->n_variables);
    if (status == QST_OK) {
        p->is_modelled[o->variable] = true;
        for (int32_t k = 0; k < o->starts[o->n_terms]; k++) {
            p->is_modelled[o->factors[k]] = true;
        }
    }
    return status;
}

/* Its terms in working columns, the same for every group but for missing outcomes. */
static qst_status plan_outcome(qst__plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_outcome *o = p->data->outcome;
    ptrdiff_t *starts = NULL, *factors = NULL;
    qst_status status = QST__MAKE(starts, o->n_terms + 1);
    status = status == QST_OK ? QST__MAKE(factors, o->starts[o->n_terms]) : status;
    status = status == QST_OK ? QST__MAKE(p->outcomes, p->data->n_groups) : status;
    if (status != QST_OK) {
        return status;
    }
    for (int32_t t = 0; t <= o->n_terms; t++) {
        starts[t] = o->starts[t];
    }
    for (int32_t k = 0; k < o->starts[o->n_terms]; k++) {
        factors[k] = p->first_column[o->factors[k]] + (o->levels[k] > 0 ? o->levels[k] - 2 : 0);
    }
    for (ptrdiff_t g = 0; g < p->data->n_groups; g++) {
        const qst__share *s = qst__share_of(p, o->variable, g);
        p->outcomes[g] =
            (qst__outcome){.is_binary = qst__is_factor(&p->data->variables[o->variable]),
                .y = p->first_column[o->variable],
                .n_columns = o->n_terms,
                .starts = starts,
                .factors = factors,
                .missing = s->missing,
                .n_missing = s->n_missing};
    }
    return QST_OK;
}

static qst_status plan_columns(qst__plan *p, qst__arena *arena, qst_err *err)
{
    const qst_impute_data *d = p->data;
    const ptrdiff_t n = d->n_variables;
    bool *is_visited = NULL;
    ptrdiff_t *seen = NULL;
    qst_status status = QST__MAKE(is_visited, n);
    status = status == QST_OK ? QST__MAKE(seen, n) : status;
    status = status == QST_OK ? QST__MAKE(p->first_column, n) : status;
    status = status == QST_OK ? QST__MAKE(p->column_count, n) : status;
    status = status == QST_OK ? QST__MAKE(p->columns, n) : status;
    status = status == QST_OK ? QST__MAKE(p->n_predicting, n) : status;
    status = status == QST_OK ? QST__MAKE(p->codes_of, n) : status;
    status = status == QST_OK ? note_visits(p, is_visited, err) : status;
    if (status == QST_OK && d->outcome != NULL) {
        status = note_modelled(p, arena, err);
    }
    status = status == QST_OK ? note_used(p, is_visited, err) : status;
    if (status == QST_OK) {
        number_columns(p);
    }
    for (int32_t k = 0; k < d->n_visits && status == QST_OK; k++) {
        status = list_predictors(p, d->visits[k], seen, arena, err);
    }
    if (status == QST_OK && d->outcome != NULL) {
        status = plan_outcome(p, arena, err);
    }
    return status;
}

/* ---- Methods ---- */

qst__method qst__method_of(const qst__plan *p, ptrdiff_t v)
{
    const qst_impute_method asked = p->data->variables[v].method;
    const bool can_be_compatible =
        asked == QST_IMPUTE_NORM || asked == QST_IMPUTE_LOGREG || asked == QST_IMPUTE_POLYREG;
    if (p->is_modelled != NULL && p->is_modelled[v] && can_be_compatible) {
        return (qst__method){qst__draw_compatible, qst__draw_compatible_room, true, true};
    }
    switch (asked) {
    case QST_IMPUTE_NORM:
    case QST_IMPUTE_PMM:
        if (p->data->cluster != NULL) {
            return (qst__method){qst__draw_cluster, qst__draw_cluster_room, true, true};
        }
        return (qst__method){qst__draw_linear, qst__draw_linear_room, false,
            p->data->variables[v].method == QST_IMPUTE_PMM};
    case QST_IMPUTE_PREDICT:
        return (qst__method){qst__draw_linear, qst__draw_linear_room, false, false};
    case QST_IMPUTE_LOGREG:
        if (p->data->cluster != NULL) {
            return (qst__method){
                qst__draw_cluster_logistic, qst__draw_cluster_logistic_room, true, true};
        }
        return (qst__method){qst__draw_logistic, qst__draw_logistic_room, true, true};
    case QST_IMPUTE_POLYREG:
        return (qst__method){qst__draw_logistic, qst__draw_logistic_room, true, true};
    case QST_IMPUTE_POLR:
        return (qst__method){qst__draw_ordered, qst__draw_ordered_room, true, true};
    case QST_IMPUTE_NONE:
    case QST_IMPUTE_MEAN:
    case QST_IMPUTE_MEDIAN:
    case QST_IMPUTE_SAMPLE:
    case QST_IMPUTE_SCORE:
    case QST_N_IMPUTE:
    default:
        return (qst__method){NULL, NULL, false, false};
    }
}

qst_status qst__plan_make(qst__plan *p, qst__arena *arena, qst_err *err)
{
    qst_status status = plan_rows(p, arena, err);
    status = status == QST_OK ? plan_missing(p, arena, err) : status;
    status = status == QST_OK ? plan_columns(p, arena, err) : status;
    for (int32_t k = 0; k < p->data->n_visits && status == QST_OK; k++) {
        p->has_columns = p->has_columns || qst__method_of(p, p->data->visits[k]).needs_columns;
    }
    return status;
}
