/*
 * Covariates that are compatible with the model of an outcome (Bartlett,
 * Seaman, White & Carpenter 2015, Stat. Methods Med. Res. 24:462-487). With
 * squares or interactions in that model no regression of a covariate on the
 * outcome is right; so a covariate x is drawn from what is proportional to
 *     f(x | other covariates) f(y | x, other covariates),
 * the second being the model. Parameters of both are drawn anew at each visit:
 * those of the first given all rows as they stand, those of the second given
 * the rows where the outcome is observed. (In the other rows x is drawn from
 * the first alone, and the outcome from the model at its own visit: the
 * outcomes that are missing are integrated out.)
 */
#include "stat/impute_levels.h"

#include <math.h>
#include <string.h>

/* Proposals for a value before it is left to a chain of them. */
#define MOST_PROPOSALS 1000
/* The outcome's parameters are drawn from streams of their own. */
#define OUTCOME_STREAMS QST__MOST_COMPATIBLE

typedef struct {
    const qst__visit *visit;
    const qst__outcome *model;
    ptrdiff_t n_used;  /* rows where the outcome is observed */
    ptrdiff_t *rows;   /* 0 .. n_rows - 1 */
    ptrdiff_t *places; /* 0 .. n_columns of the design: it and y */
    bool *is_used;     /* n_rows */
    qst_cmat design;   /* n_used rows; y in its last column */
    double *cells;     /* of the design */
    double *b;         /* drawn parameters of the outcome's model, and its residual SD */
    double sigma;
    double *effects;       /* of the covariate's own model */
    double *gram, *pivots; /* of either */
    double *codes;         /* of the outcome */
    double *own, *weight;  /* n_levels of a factor */
    int32_t *ignored;      /* what the outcome's model leaves out and decides */
    double *room;          /* of qst__levels_fit() */
} work;

static ptrdiff_t larger_model(const qst__visit *visit)
{
    return qst__max(visit->n_columns, visit->outcome->n_columns);
}

/* The visit as if it were to the outcome, given the design. If it is, the decisions are its own. */
static qst__visit visit_outcome(const qst__visit *visit, const work *w)
{
    qst__visit outcome = *visit;
    outcome.x = w->design;
    outcome.columns = w->places;
    outcome.n_columns = visit->outcome->n_columns;
    outcome.y = w->codes;
    outcome.n_levels = 2;
    outcome.observed = w->rows;
    outcome.n_observed = w->n_used;
    outcome.n_missing = 0;
    outcome.variable_index += OUTCOME_STREAMS;
    outcome.room = w->room;
    outcome.left_out = w->ignored;
    if (visit->first != visit->outcome->y) {
        outcome.decided_out = w->ignored + outcome.n_columns;
    }
    return outcome;
}

ptrdiff_t qst__draw_compatible_room(const qst__visit *shape)
{
    const ptrdiff_t n = qst__up_to_4(shape->x.n_rows), k = shape->outcome->n_columns;
    const ptrdiff_t largest = larger_model(shape) + 1, n_levels = qst__max(shape->n_levels, 2);
    qst__visit both = *shape;
    both.n_columns = largest;
    both.n_levels = (int32_t)n_levels;
    return n * (k + 1) + 3 * n + 2 * (k + 1) + largest * largest + 2 * largest + 2 * n_levels +
           (k + QST_N_DECIDED) + qst__levels_room(&both, &qst__logistic);
}

static void lay_out(work *w)
{
    const qst__visit *visit = w->visit;
    const ptrdiff_t n = qst__up_to_4(visit->x.n_rows), k = w->model->n_columns;
    const ptrdiff_t largest = larger_model(visit) + 1, n_levels = qst__max(visit->n_levels, 2);
    double *room = visit->room;
    w->cells = qst__take(&room, n * (k + 1));
    w->codes = qst__take(&room, n);
    w->rows = (ptrdiff_t *)(void *)qst__take(&room, n);
    w->is_used = (bool *)(void *)qst__take(&room, n);
    w->places = (ptrdiff_t *)(void *)qst__take(&room, k + 1);
    w->b = qst__take(&room, k + 1);
    w->gram = qst__take(&room, largest * largest);
    w->pivots = qst__take(&room, largest);
    w->effects = qst__take(&room, largest);
    w->own = qst__take(&room, n_levels);
    w->weight = qst__take(&room, n_levels);
    w->ignored = (int32_t *)(void *)qst__take(&room, k + QST_N_DECIDED);
    w->room = room;
}

/* ---- The outcome's model ---- */

/* Column c of the design in a row; the variable's own columns of x are replaced, unless n_own is 0.
 */
static double cell(const work *w, ptrdiff_t c, ptrdiff_t row, const double *own, ptrdiff_t n_own)
{
    const qst__outcome *m = w->model;
    const qst_cmat x = w->visit->x;
    double product = 1.0;
    for (ptrdiff_t k = m->starts[c]; k < m->starts[c + 1]; k++) {
        const ptrdiff_t at = m->factors[k] - w->visit->first;
        product *= at >= 0 && at < n_own ? own[at] : x.data[row + m->factors[k] * x.ld];
    }
    return product;
}

/* What the model predicts for a row. */
static double predict(const work *w, ptrdiff_t row, const double *own, ptrdiff_t n_own)
{
    double sum = 0.0;
    for (ptrdiff_t c = 0; c < w->model->n_columns; c++) {
        sum += w->b[c] != 0.0 ? w->b[c] * cell(w, c, row, own, n_own) : 0.0;
    }
    return sum;
}

/* Rows where the outcome is observed, with y behind them. */
static void fill_design(work *w)
{
    const qst__visit *visit = w->visit;
    const qst__outcome *m = w->model;
    const double *y = visit->x.data + m->y * visit->x.ld;
    for (ptrdiff_t row = 0; row < visit->x.n_rows; row++) {
        w->is_used[row] = true;
        w->rows[row] = row;
    }
    for (ptrdiff_t k = 0; k < m->n_missing; k++) {
        w->is_used[m->missing[k]] = false;
    }
    w->n_used = visit->x.n_rows - m->n_missing;
    const ptrdiff_t ld = w->n_used;
    w->design = (qst_cmat){w->cells, w->n_used, m->n_columns + 1, ld};
    ptrdiff_t at = 0;
    for (ptrdiff_t row = 0; row < visit->x.n_rows; row++) {
        for (ptrdiff_t c = 0; c < m->n_columns && w->is_used[row]; c++) {
            w->cells[at + c * ld] = cell(w, c, row, NULL, 0);
        }
        if (w->is_used[row]) {
            w->cells[at + m->n_columns * ld] = y[row];
            w->codes[at++] = y[row] + 1.0;
        }
    }
    for (ptrdiff_t c = 0; c <= m->n_columns; c++) {
        w->places[c] = c;
    }
}

/* Coefficients into b_out and the residual SD from their posterior (Rubin 1987, p. 167) given the
 * cross-products of n columns and y; aliased columns get 0. The variance as in impute_linear.c:
 * with fewer than QST__MIN_DF degrees of freedom the estimate is taken to have so many. */
static double draw_linear(
    const work *w, const qst__visit *visit, ptrdiff_t n, ptrdiff_t n_rows, double *b_out)
{
    const qst_mat gram = {w->gram, n + 1, n + 1, n + 1};
    const double *of_y = w->gram + n * (n + 1);
    qst__cholesky(gram, QST__TOL_ALIASED, w->pivots);
    ptrdiff_t rank = 0;
    for (ptrdiff_t k = 0; k < n; k++) {
        visit->left_out[k] = w->gram[k + k * (n + 1)] == 0.0;
        rank += !visit->left_out[k];
    }
    const double left = (double)qst__max(n_rows - rank, 1), df = fmax(left, QST__MIN_DF);
    visit->decided_out[QST_DECIDED_FEW_ROWS] = left < QST__MIN_DF;
    qst_rng rng = qst__visit_stream(visit, QST__DRAW_VARIANCE, 0);
    const double estimate = fmax(of_y[n], 1e-150) / sqrt(left);
    const double sigma = estimate * sqrt(df / qst_rng_chi_square(&rng, df));
    rng = qst__visit_stream(visit, QST__DRAW_PARAMETERS, 0);
    for (ptrdiff_t k = 0; k < n; k++) {
        b_out[k] = of_y[k] + sigma * qst_rng_normal(&rng);
    }
    qst__solve_upper((qst_cmat){w->gram, n, n, n + 1}, b_out);
    return sigma;
}

/* What was drawn for standardised columns, for columns as they are: `b_out` has n_all of them. */
static void unstandardise(
    const qst__levels *levels, const double *drawn, ptrdiff_t n_all, double *b_out)
{
    memset(b_out, 0, (size_t)n_all * sizeof *b_out);
    for (ptrdiff_t k = 0; k < levels->n_columns; k++) {
        const double slope = drawn[k] / levels->sd[k];
        b_out[levels->column[k]] += slope;
        b_out[0] -= slope * levels->mean[k];
    }
}

/* Cross-products of the design and y; the upper triangle is read. */
static void gram_of_design(const work *w)
{
    const qst_cmat d = w->design;
    for (ptrdiff_t j = 0; j < d.n_cols; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            double sum = 0.0;
            for (ptrdiff_t row = 0; row < d.n_rows; row++) {
                sum += d.data[row + i * d.ld] * d.data[row + j * d.ld];
            }
            w->gram[i + j * d.n_cols] = sum;
        }
    }
}

static void draw_outcome_model(work *w)
{
    const ptrdiff_t n = w->model->n_columns;
    const qst__visit outcome = visit_outcome(w->visit, w);
    if (!w->model->is_binary) {
        gram_of_design(w);
        w->sigma = draw_linear(w, &outcome, n, w->n_used, w->b);
        return;
    }
    qst__levels levels;
    qst__levels_fit(&outcome, &qst__logistic, &levels);
    qst__logistic.draw(&levels);
    unstandardise(&levels, levels.drawn, n, w->b);
}

/* Log density of a row's outcome, less its largest value. */
static double log_likelihood(const work *w, ptrdiff_t row, const double *own, ptrdiff_t n_own)
{
    const double y = w->visit->x.data[row + w->model->y * w->visit->x.ld];
    const double eta = predict(w, row, own, n_own);
    if (w->model->is_binary) {
        const double against = y > 0.5 ? -eta : eta;
        return -fmax(against, 0.0) - log1p(exp(-fabs(against)));
    }
    const double z = (y - eta) / w->sigma;
    return -0.5 * z * z;
}

/* ---- A number ---- */

/* Proposals are taken with the likelihood as probability. Where none of many is, the value is where
 * a Metropolis chain over the same proposals has come to from the present one. */
static double draw_value(const work *w, ptrdiff_t row, double mean, double sd, qst_rng *rng)
{
    double kept = w->visit->y[row];
    double log_kept = log_likelihood(w, row, &kept, 1);
    for (int i = 0; i < MOST_PROPOSALS; i++) {
        const double proposed = mean + sd * qst_rng_normal(rng);
        const double log_p = log_likelihood(w, row, &proposed, 1);
        const double level = log(qst_rng_uniform(rng));
        if (level < log_p) {
            return proposed;
        }
        if (level < log_p - log_kept) {
            kept = proposed;
            log_kept = log_p;
        }
    }
    return kept;
}

/* Cross-products of all rows: of the covariate's predictors and itself. */
static void gram_of_all(const work *w)
{
    const qst__visit *visit = w->visit;
    const ptrdiff_t n = visit->n_columns;
    for (ptrdiff_t j = 0; j <= n; j++) {
        const ptrdiff_t of_j = j < n ? visit->columns[j] : visit->own;
        for (ptrdiff_t i = 0; i <= n; i++) {
            const ptrdiff_t of_i = i < n ? visit->columns[i] : visit->own;
            w->gram[i + j * (n + 1)] = visit->gram.data[of_i + of_j * visit->gram.ld];
        }
    }
}

static void draw_numbers(const work *w)
{
    const qst__visit *visit = w->visit;
    gram_of_all(w);
    const double sd = draw_linear(w, visit, visit->n_columns, visit->x.n_rows, w->effects);
    qst__combine_columns(
        visit->panel, visit->columns, visit->n_columns, w->effects, visit->drawn_out);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        const ptrdiff_t row = visit->missing[k];
        const double mean = visit->drawn_out[k];
        qst_rng rng = qst__visit_stream(visit, QST__DRAW_ACCEPT, visit->row_numbers[row]);
        const double value =
            w->is_used[row] ? draw_value(w, row, mean, sd, &rng) : mean + sd * qst_rng_normal(&rng);
        visit->drawn_out[k] = qst__put_in_range(visit->variable, visit->centre + value);
    }
}

/* ---- A level ---- */

/* The log odds of level k against the first, given the other covariates. */
static double log_odds(const qst__levels *levels, ptrdiff_t k, ptrdiff_t row)
{
    const qst_cmat x = levels->visit->x;
    const double *drawn = levels->drawn + (k - 1) * levels->n_columns;
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < levels->n_columns && k > 0; j++) {
        const double value = x.data[row + levels->column[j] * x.ld];
        sum += drawn[j] * (value - levels->mean[j]) / levels->sd[j];
    }
    return sum;
}

/* Probabilities of the levels in proportion to their odds times the likelihood. */
static double draw_level(const work *w, const qst__levels *levels, ptrdiff_t row, double u)
{
    const ptrdiff_t n_own = w->visit->n_levels - 1;
    double largest = -(double)INFINITY, total = 0.0;
    for (ptrdiff_t k = 0; k < levels->n_levels; k++) {
        for (ptrdiff_t j = 0; j < n_own; j++) {
            w->own[j] = levels->code[k] == (double)(j + 2);
        }
        w->weight[k] = log_odds(levels, k, row) +
                       (w->is_used[row] ? log_likelihood(w, row, w->own, n_own) : 0.0);
        largest = fmax(largest, w->weight[k]);
    }
    for (ptrdiff_t k = 0; k < levels->n_levels; k++) {
        w->weight[k] = exp(w->weight[k] - largest);
        total += w->weight[k];
    }
    ptrdiff_t k = 0;
    for (u *= total; k < levels->n_levels - 1 && u > w->weight[k]; k++) {
        u -= w->weight[k];
    }
    return levels->code[k];
}

static void draw_levels(const work *w)
{
    qst__visit all = *w->visit;
    all.observed = w->rows;
    all.n_observed = all.x.n_rows;
    all.room = w->room;
    qst__levels levels;
    qst__levels_fit(&all, &qst__logistic, &levels);
    qst__logistic.draw(&levels);
    for (ptrdiff_t i = 0; i < all.n_missing; i++) {
        const ptrdiff_t row = all.missing[i];
        qst_rng rng = qst__visit_stream(&all, QST__DRAW_ACCEPT, all.row_numbers[row]);
        all.drawn_out[i] = draw_level(w, &levels, row, qst_rng_uniform(&rng));
    }
}

/* ---- The outcome itself ---- */

static void draw_outcome(const work *w)
{
    const qst__visit *visit = w->visit;
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        const ptrdiff_t row = visit->missing[k];
        const double eta = predict(w, row, NULL, 0);
        qst_rng rng = qst__visit_stream(visit, QST__DRAW_VALUE, visit->row_numbers[row]);
        if (w->model->is_binary) {
            visit->drawn_out[k] = qst_rng_uniform(&rng) * (1.0 + exp(-eta)) < 1.0 ? 2.0 : 1.0;
        } else {
            const double value = visit->centre + eta + w->sigma * qst_rng_normal(&rng);
            visit->drawn_out[k] = qst__put_in_range(visit->variable, value);
        }
    }
}

qst_status qst__draw_compatible(const qst__visit *visit, qst_err *err)
{
    (void)err;
    work w = {.visit = visit, .model = visit->outcome};
    lay_out(&w);
    fill_design(&w);
    draw_outcome_model(&w);
    if (visit->first == w.model->y) {
        draw_outcome(&w);
    } else if (visit->n_levels == 0) {
        draw_numbers(&w);
    } else {
        draw_levels(&w);
    }
    return QST_OK;
}
