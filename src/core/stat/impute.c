#include "stat/impute_plan.h"

#include <stdatomic.h>
#include <string.h>

/* Rows that are loaded together. */
#define RUN 64

/* A sum of squares that falls to this share of itself has lost too many digits. */
#define TOL_LOSS 1e-6

/* One worker's completed group of one imputation. Without a method that needs columns `x` and
 * `panel` are NULL. */
typedef struct {
    double *rows;  /* n_rows_max x n_columns, rows one after the other, stride below */
    double *x;     /* the same, columns one after the other: n_rows_max, up to a multiple of 4 */
    double *panel; /* missing rows of x: n_missing_max, up to a multiple of 4 */
    double *gram;  /* n_columns x n_columns */
    double *codes; /* n_rows_max x n_coded */
    double *drawn; /* n_missing_max, up to a multiple of 4; so are the next two */
    double *fresh, *change;
    double *cross;       /* as many as the stride */
    double *states;      /* (n_clusters + 2) x n_variables; NULL without clusters */
    ptrdiff_t *observed; /* n_rows_max */
    int32_t *left_out;   /* n_columns: of one visit */
    int32_t decided_now[QST_N_DECIDED];
    int32_t *out_sums; /* as result->left_out */
    int32_t *decided;  /* n_variables x QST_N_DECIDED, a variable's together */
    double *room;      /* of any method */
    ptrdiff_t loaded;  /* the group whose observed values are in rows and x, from 1; 0: none */
    qst__ticker ticker;
} worker;

typedef struct {
    const qst__plan *plan;
    const qst_ctx *ctx; /* the caller's */
    worker *workers;
    double *sums; /* mean and sum of squares of each task: 2 x n_variables x n_iterations a task */
    bool is_serial;
    atomic_bool stop;
} run;

void qst_impute_settings_default(qst_impute_settings *settings)
{
    *settings = (qst_impute_settings){.n_iterations = 10, .donors = 5, .n_imputations = 20};
}

/* ---- A visit ---- */

/* Codes, or the column of x if columns there are. */
static const double *values_of(const qst__plan *p, const worker *w, ptrdiff_t v)
{
    if (p->codes_of[v] >= 0) {
        return w->codes + p->codes_of[v] * p->n_rows_max;
    }
    return w->x != NULL && p->first_column[v] >= 0
               ? w->x + p->first_column[v] * qst__up_to_4(p->n_rows_max)
               : NULL;
}

static qst__visit visit_of(
    const qst__plan *p, worker *w, ptrdiff_t v, ptrdiff_t g, ptrdiff_t imputation)
{
    const qst_impute_variable *variable = &p->data->variables[v];
    const qst__share *s = qst__share_of(p, v, g);
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
    const ptrdiff_t ld = qst__up_to_4(p->n_rows_max), first = p->first_column[v];
    qst__visit visit = {.rows = {w->rows, n, p->n_columns, qst__up_to_8(p->n_columns)},
        .x = {w->x, n, p->n_columns, ld},
        .columns = p->columns[v],
        .n_columns = p->n_predicting[v],
        .gram = {w->gram, p->n_columns, p->n_columns, p->n_columns},
        .panel = {w->panel, qst__up_to_4(s->n_missing), p->n_columns, qst__up_to_4(s->n_missing)},
        .own = qst__is_factor(variable) ? -1 : first,
        .first = first,
        .outcome = p->outcomes != NULL && p->is_modelled[v] ? &p->outcomes[g] : NULL,
        .centre = s->centre,
        .n_levels = qst__is_factor(variable) ? variable->column.n_levels : 0,
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
    if (w->rows != NULL) {
        visit.y = values_of(p, w, v);
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

static void put(const qst__plan *p, worker *w, ptrdiff_t row, ptrdiff_t column, double value)
{
    w->rows[row * qst__up_to_8(p->n_columns) + column] = value;
    if (w->x != NULL) {
        w->x[row + column * qst__up_to_4(p->n_rows_max)] = value;
    }
}

/* The missing rows of a column become w->fresh, the cross-products follow: x'c changes by x'(new -
 * old), c'c by (new - old)'(new + old). Where next to nothing of c'c is left, its digits went with
 * a large value, and all are formed anew. */
static void replace_column(const qst__plan *p, worker *w, const qst__visit *visit, ptrdiff_t column)
{
    const ptrdiff_t n_columns = p->n_columns;
    double own = 0.0;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        w->change[k] = w->fresh[k] - w->rows[visit->missing[k] * visit->rows.stride + column];
        own += w->change[k] * w->fresh[k];
    }
    qst__dot_rows(visit->rows, visit->missing, visit->n_missing, w->change, w->cross);
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        w->gram[j + column * n_columns] += w->cross[j];
        w->gram[column + j * n_columns] = w->gram[j + column * n_columns];
    }
    const double before = w->gram[column + column * n_columns] - w->cross[column];
    w->gram[column + column * n_columns] += own;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        put(p, w, visit->missing[k], column, w->fresh[k]);
    }
    if (w->gram[column + column * n_columns] < TOL_LOSS * before) {
        qst__gram_rows(visit->rows, w->gram);
    }
}

/* A score is its parts, less what they are centred at. */
static double score_row(
    const qst__plan *p, const worker *w, const qst_impute_variable *score, ptrdiff_t row)
{
    const double *x = w->rows + row * qst__up_to_8(p->n_columns);
    double sum = 0.0;
    for (int32_t k = 0; k < score->n_parts; k++) {
        sum += score->part_weights[k] * x[p->first_column[score->parts[k]]];
    }
    return sum;
}

static void replace_scores(const qst__plan *p, worker *w, const qst__visit *visit, ptrdiff_t v)
{
    for (ptrdiff_t k = 0; k < p->data->n_variables; k++) {
        const qst_impute_variable *score = &p->data->variables[k];
        if (p->first_column[k] < 0 || !qst__holds_part(score, v)) {
            continue;
        }
        for (ptrdiff_t i = 0; i < visit->n_missing; i++) {
            w->fresh[i] = score_row(p, w, score, visit->missing[i]);
        }
        replace_column(p, w, visit, p->first_column[k]);
    }
}

/* What was drawn enters x. */
static void replace_values(const qst__plan *p, worker *w, const qst__visit *visit, ptrdiff_t v)
{
    const ptrdiff_t n = visit->n_missing;
    if (visit->own >= 0) {
        for (ptrdiff_t k = 0; k < n; k++) {
            w->fresh[k] = w->drawn[k] - visit->centre;
        }
        replace_column(p, w, visit, visit->own);
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
        replace_column(p, w, visit, p->first_column[v] + c);
    }
}

/* ---- What is reported ---- */

/* Mean and sum of squares about it of what was drawn, kept task by task. */
static void note_trace(const run *r, ptrdiff_t task, const qst__visit *visit, int32_t iteration)
{
    const qst__plan *p = r->plan;
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

static void store_values(const qst__plan *p, const qst__visit *visit, ptrdiff_t g)
{
    const ptrdiff_t v = visit->variable_index;
    const ptrdiff_t imputation = (ptrdiff_t)visit->imputation - p->settings->first_imputation;
    double *out = p->result->imputed[v] + imputation * p->n_missing[v];
    const qst__share *s = qst__share_of(p, v, g);
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
static void note_left_out(const qst__plan *p, worker *w, const qst__visit *visit)
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

static bool is_drawn_once(const qst__plan *p, ptrdiff_t v, ptrdiff_t g)
{
    return qst__method_of(p, v).draw == NULL || qst__share_of(p, v, g)->is_constant;
}

/* Random observed values, or what QST_IMPUTE_MEAN and QST_IMPUTE_MEDIAN say. */
static void draw_first(const qst__plan *p, worker *w, const qst__visit *visit, ptrdiff_t g)
{
    const qst__share *s = qst__share_of(p, visit->variable_index, g);
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
            w->drawn[k] = qst__value_at(visit->variable, visit->row_numbers[w->observed[from]]);
        }
    }
}

/* Number or code of row i of group g, in all columns of the variable. */
static void put_value(
    const qst__plan *p, worker *w, ptrdiff_t v, ptrdiff_t g, ptrdiff_t i, double value)
{
    const ptrdiff_t first = p->first_column[v];
    if (p->codes_of[v] >= 0) {
        w->codes[i + p->codes_of[v] * p->n_rows_max] = value;
    }
    if (!qst__is_factor(&p->data->variables[v])) {
        put(p, w, i, first, value - qst__share_of(p, v, g)->centre);
        return;
    }
    for (ptrdiff_t c = 0; c < p->column_count[v]; c++) {
        put(p, w, i, first + c, value == (double)(c + 2));
    }
}

static bool has_values(const qst__plan *p, ptrdiff_t v)
{
    const bool is_kept = p->first_column[v] >= 0 || p->codes_of[v] >= 0;
    return is_kept && !qst__is_score(&p->data->variables[v]);
}

static void load_rows(const qst__plan *p, worker *w, ptrdiff_t g, ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t *rows = p->rows + p->group_starts[g];
    for (ptrdiff_t i = begin; i < end; i++) {
        put(p, w, i, 0, 1.0);
    }
    for (ptrdiff_t v = 0; v < p->data->n_variables; v++) {
        for (ptrdiff_t i = begin; i < end && has_values(p, v); i++) {
            const double value = qst__value_at(&p->data->variables[v], rows[i]);
            if (!isnan(value)) {
                put_value(p, w, v, g, i, value);
            }
        }
    }
}

/* The observed values, which stay from imputation to imputation: a few rows at a time, since they
 * come by columns. */
static void load_group(const qst__plan *p, worker *w, ptrdiff_t g)
{
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
    if (w->loaded == g + 1) {
        return;
    }
    for (ptrdiff_t i = 0; i < n; i += RUN) {
        load_rows(p, w, g, i, qst__min(i + RUN, n));
    }
    for (ptrdiff_t j = 0; j < p->n_columns && w->x != NULL; j++) {
        for (ptrdiff_t i = n; i < qst__up_to_4(n); i++) {
            w->x[i + j * qst__up_to_4(p->n_rows_max)] = 0.0;
        }
    }
    w->loaded = g + 1;
}

static void start_variable(const run *r, ptrdiff_t task, worker *w, const qst__visit *visit)
{
    const qst__plan *p = r->plan;
    const ptrdiff_t v = visit->variable_index, g = visit->group;
    draw_first(p, w, visit, g);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        put_value(p, w, v, g, visit->missing[k], w->drawn[k]);
    }
    if (!is_drawn_once(p, v, g)) {
        return;
    }
    for (int32_t t = 0; t < p->settings->n_iterations; t++) {
        note_trace(r, task, visit, t);
    }
    store_values(p, visit, g);
    if (qst__method_of(p, v).draw != NULL) {
        w->decided[QST_DECIDED_ONE_VALUE + v * QST_N_DECIDED] += p->settings->n_iterations;
    }
}

static void start_scores(const qst__plan *p, worker *w, ptrdiff_t n)
{
    for (ptrdiff_t v = 0; v < p->data->n_variables; v++) {
        const qst_impute_variable *score = &p->data->variables[v];
        const bool is_used = p->first_column[v] >= 0 && qst__is_score(score);
        for (ptrdiff_t i = 0; i < n && is_used; i++) {
            put(p, w, i, p->first_column[v], score_row(p, w, score, i));
        }
    }
}

static void start_group(const run *r, ptrdiff_t task, worker *w, ptrdiff_t g, ptrdiff_t imputation)
{
    const qst__plan *p = r->plan;
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
    load_group(p, w, g);
    for (ptrdiff_t v = 0; v < p->data->n_variables; v++) {
        if (has_values(p, v) && qst__share_of(p, v, g)->n_missing > 0) {
            const qst__visit visit = visit_of(p, w, v, g, imputation);
            start_variable(r, task, w, &visit);
        }
    }
    start_scores(p, w, n);
    if (w->states != NULL) {
        const ptrdiff_t size = (ptrdiff_t)p->data->n_variables * (p->data->n_clusters + 2);
        memset(w->states, 0, (size_t)size * sizeof *w->states);
    }
}

/* ---- Cycles ---- */

static qst_status visit_variable(
    const run *r, ptrdiff_t task, worker *w, ptrdiff_t v, int32_t iteration, qst_err *err)
{
    const qst__plan *p = r->plan;
    const ptrdiff_t g = task % p->data->n_groups;
    const ptrdiff_t imputation = p->settings->first_imputation + task / p->data->n_groups;
    if (qst__share_of(p, v, g)->n_missing == 0 || is_drawn_once(p, v, g)) {
        return QST_OK;
    }
    qst__visit visit = visit_of(p, w, v, g, imputation);
    visit.iteration = (uint32_t)iteration + 1;
    const qst__method method = qst__method_of(p, v);
    if (method.needs_observed) {
        list_observed(&visit, w->observed);
    }
    if (method.needs_columns) {
        gather_panel(&visit, w->panel);
    }
    memset(w->left_out, 0, (size_t)p->n_columns * sizeof *w->left_out);
    memset(w->decided_now, 0, sizeof w->decided_now);
    const qst_status status = method.draw(&visit, err);
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
    if (atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        return qst__fail(err, QST_ECANCEL, "stopped as asked");
    }
    return r->is_serial ? qst__tick(&w->ticker, err) : QST_OK;
}

static qst_status complete_group(void *data, ptrdiff_t task, int number, qst_err *err)
{
    const run *r = data;
    const qst__plan *p = r->plan;
    worker *w = &r->workers[number];
    const ptrdiff_t g = task % p->data->n_groups;
    const ptrdiff_t n = p->group_starts[g + 1] - p->group_starts[g];
    if (n == 0) {
        return QST_OK;
    }
    start_group(r, task, w, g, p->settings->first_imputation + task / p->data->n_groups);
    const qst__rows rows = {w->rows, n, p->n_columns, qst__up_to_8(p->n_columns)};
    qst_status status = QST_OK;
    for (int32_t t = 0; t < p->settings->n_iterations && status == QST_OK; t++) {
        qst__gram_rows(rows, w->gram);
        for (int32_t k = 0; k < p->data->n_visits && status == QST_OK; k++) {
            status = visit_variable(r, task, w, p->data->visits[k], t, err);
            status = status == QST_OK ? may_go_on(r, w, err) : status;
        }
    }
    return status;
}

/* ---- The run ---- */

/* Room of the hungriest method. */
static ptrdiff_t most_room(const qst__plan *p)
{
    worker none = {.rows = NULL};
    ptrdiff_t most = 0;
    for (int32_t k = 0; k < p->data->n_visits; k++) {
        const qst__method method = qst__method_of(p, p->data->visits[k]);
        for (ptrdiff_t g = 0; g < p->data->n_groups && method.room != NULL; g++) {
            const qst__visit shape = visit_of(p, &none, p->data->visits[k], g, 0);
            most = qst__max(most, method.room(&shape));
        }
    }
    return most;
}

static qst_status make_worker(
    const run *r, worker *w, ptrdiff_t room, qst__arena *arena, qst_err *err)
{
    const qst__plan *p = r->plan;
    const qst_impute_data *d = p->data;
    const ptrdiff_t n = qst__up_to_4(p->n_rows_max), n_missing = qst__up_to_4(p->n_missing_max);
    const ptrdiff_t k = p->n_columns, stride = qst__up_to_8(k), n_variables = d->n_variables;
    qst_status status = QST__MAKE(w->rows, n * stride);
    if (p->has_columns) {
        status = status == QST_OK ? QST__MAKE(w->x, n * k) : status;
        status = status == QST_OK ? QST__MAKE(w->panel, n_missing * k) : status;
    }
    status = status == QST_OK ? QST__MAKE(w->gram, k * k) : status;
    status = status == QST_OK ? QST__MAKE(w->codes, p->n_rows_max * p->n_coded) : status;
    status = status == QST_OK ? QST__MAKE(w->drawn, n_missing) : status;
    status = status == QST_OK ? QST__MAKE(w->fresh, n_missing) : status;
    status = status == QST_OK ? QST__MAKE(w->change, n_missing) : status;
    status = status == QST_OK ? QST__MAKE(w->cross, stride) : status;
    status = status == QST_OK ? QST__MAKE(w->observed, p->n_rows_max) : status;
    status = status == QST_OK ? QST__MAKE(w->left_out, k) : status;
    status = status == QST_OK ? QST__MAKE(w->out_sums, n_variables * n_variables) : status;
    status = status == QST_OK ? QST__MAKE(w->decided, n_variables * QST_N_DECIDED) : status;
    status = status == QST_OK ? QST__MAKE(w->room, room) : status;
    if (status == QST_OK && d->cluster != NULL) {
        status = QST__MAKE(w->states, n_variables * (d->n_clusters + 2));
    }
    qst__ticker_init(&w->ticker, r->ctx);
    return status;
}

/* Mean and SD over all groups from those of each. */
static void join_groups(const run *r, ptrdiff_t v, ptrdiff_t iteration, ptrdiff_t imputation)
{
    const qst__plan *p = r->plan;
    const ptrdiff_t n_iterations = p->settings->n_iterations, n_variables = p->data->n_variables;
    double n = 0.0, mean = 0.0, ss = 0.0;
    for (ptrdiff_t g = 0; g < p->data->n_groups; g++) {
        const double more = (double)qst__share_of(p, v, g)->n_missing;
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
    const qst__plan *p = r->plan;
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
    run *r = data;
    const bool stop = r->ctx->poll(r->ctx->poll_data);
    if (stop) {
        atomic_store_explicit(&r->stop, true, memory_order_relaxed);
    }
    return stop;
}

static qst_status work(run *r, ptrdiff_t n_tasks, qst_err *err)
{
    if (r->ctx == NULL || r->ctx->poll == NULL) {
        return qst_par_for(r->ctx, n_tasks, complete_group, r, err);
    }
    qst_ctx ctx = *r->ctx;
    ctx.poll = poll_and_tell;
    ctx.poll_data = r;
    return qst_par_for(&ctx, n_tasks, complete_group, r, err);
}

static qst_status run_plan(const qst_ctx *ctx, const qst__plan *p, qst__arena *arena, qst_err *err)
{
    const ptrdiff_t n_tasks = (ptrdiff_t)p->settings->n_imputations * p->data->n_groups;
    const int n_workers = qst_par_workers(ctx, n_tasks);
    run r = {.plan = p, .ctx = ctx, .is_serial = n_workers == 1};
    atomic_init(&r.stop, false);
    const ptrdiff_t room = most_room(p);
    qst_status status = QST__MAKE(r.workers, n_workers);
    if (status == QST_OK) {
        status = QST__MAKE(r.sums, 2 * n_tasks * p->settings->n_iterations * p->data->n_variables);
    }
    for (int k = 0; k < n_workers && status == QST_OK; k++) {
        status = make_worker(&r, &r.workers[k], room, arena, err);
    }
    status = status == QST_OK ? work(&r, n_tasks, err) : status;
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
    qst__plan p = {.settings = settings, .data = data, .result = result};
    qst_status status = qst__impute_check(settings, data, err);
    status = status == QST_OK ? qst__plan_make(&p, &arena, err) : status;
    status = status == QST_OK ? run_plan(ctx, &p, &arena, err) : status;
    qst__arena_free(&arena);
    return status;
}
