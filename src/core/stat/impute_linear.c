#include "stat/impute.h"

#include <math.h>
#include <string.h>

/* Taking the missing rows off must not leave less than this of a sum of squares: below it the
 * difference has lost too many digits, and the observed rows are summed themselves. */
#define TOL_DIFFERENCE 1e-6

/* With fewer residual degrees of freedom than QST__MIN_DF predictors are left out, and where none
 * is left the variance is drawn as if there were so many. */

#define AHEAD 8

/* Observed rows that are summed together. */
#define RUN 64

/* A fit of y on the columns; the last row and column of all that follows are y's. */
typedef struct {
    ptrdiff_t size;           /* n_columns + 1 */
    ptrdiff_t stride;         /* size, up to a multiple of 8 */
    ptrdiff_t *which;         /* size: columns of x */
    double *panel;            /* these columns of the missing rows, rows of `stride` */
    double *run;              /* of RUN observed rows */
    double *gram, *other;     /* size x size */
    double *factor;           /* stride x size: lower triangle L, a column an upper row of R */
    double *estimate, *drawn; /* stride, filled up with 0 */
    ptrdiff_t *blocks;        /* a quarter of the stride of x */
    double *eta;              /* n_missing */
    double *spread;           /* the stride of x */
    ptrdiff_t rank;
    double df, sigma; /* of the residuals */
} fit;

/* Doubles of the fit, in the order of make_fit(). */
static ptrdiff_t fit_room(const qst__visit *shape)
{
    const ptrdiff_t size = shape->n_columns + 1, stride = qst__up_to_8(size);
    return size + (shape->n_missing + RUN) * stride + 2 * size * size + stride * size + 2 * stride +
           2 * shape->rows.stride + shape->n_missing;
}

/* The fit; predictions of all rows, those of the observed among them; matching. */
ptrdiff_t qst__draw_linear_room(const qst__visit *shape)
{
    const ptrdiff_t n = shape->rows.n_rows;
    return fit_room(shape) + n + qst__match_room(n);
}

/* Returns the room behind it. */
static double *make_fit(const qst__visit *visit, fit *f)
{
    const ptrdiff_t size = visit->n_columns + 1, stride = qst__up_to_8(size);
    double *room = visit->room;
    *f = (fit){.size = size, .stride = stride};
    f->which = (ptrdiff_t *)(void *)qst__take(&room, size);
    f->panel = qst__take(&room, visit->n_missing * stride);
    f->run = qst__take(&room, RUN * stride);
    f->gram = qst__take(&room, size * size);
    f->other = qst__take(&room, size * size);
    f->factor = qst__take(&room, stride * size);
    f->estimate = qst__take(&room, stride);
    f->drawn = qst__take(&room, stride);
    f->blocks = (ptrdiff_t *)(void *)qst__take(&room, visit->rows.stride);
    f->spread = qst__take(&room, visit->rows.stride);
    f->eta = qst__take(&room, visit->n_missing);
    memset(f->estimate, 0, (size_t)stride * sizeof *f->estimate);
    memset(f->drawn, 0, (size_t)stride * sizeof *f->drawn);
    for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
        f->which[j] = visit->columns[j];
    }
    f->which[size - 1] = visit->own;
    return room;
}

/* ---- Normal equations of the observed rows ---- */

static void copy_row(const qst__visit *visit, const fit *f, ptrdiff_t row, double *out)
{
    const double *from = visit->rows.data + row * visit->rows.stride;
    for (ptrdiff_t j = 0; j < f->size; j++) {
        out[j] = from[f->which[j]];
    }
    for (ptrdiff_t j = f->size; j < f->stride; j++) {
        out[j] = 0.0;
    }
}

static void add_run(fit *f, ptrdiff_t n)
{
    qst__gram_rows((qst__rows){f->run, n, f->size, f->stride}, f->other);
    for (ptrdiff_t k = 0; k < f->size * f->size; k++) {
        f->gram[k] += f->other[k];
    }
}

static void gram_of_observed(const qst__visit *visit, fit *f)
{
    memset(f->gram, 0, (size_t)(f->size * f->size) * sizeof *f->gram);
    ptrdiff_t n_passed = 0, n_held = 0;
    for (ptrdiff_t row = 0; row < visit->rows.n_rows; row++) {
        if (n_passed < visit->n_missing && visit->missing[n_passed] == row) {
            n_passed++;
            continue;
        }
        copy_row(visit, f, row, f->run + n_held * f->stride);
        n_held++;
        if (n_held == RUN) {
            add_run(f, RUN);
            n_held = 0;
        }
    }
    add_run(f, n_held);
}

/* The whole less the missing rows; false where that would lose digits. */
static bool gram_by_difference(const qst__visit *visit, fit *f)
{
    qst__gram_rows((qst__rows){f->panel, visit->n_missing, f->size, f->stride}, f->other);
    bool is_exact = true;
    for (ptrdiff_t j = 0; j < f->size; j++) {
        const double *whole = visit->gram.data + f->which[j] * visit->gram.ld;
        for (ptrdiff_t i = 0; i < f->size; i++) {
            f->gram[i + j * f->size] = whole[f->which[i]] - f->other[i + j * f->size];
        }
        const double left = f->gram[j + j * f->size], all = whole[f->which[j]];
        is_exact = is_exact && left >= TOL_DIFFERENCE * all;
    }
    return is_exact;
}

/* The missing rows lie apart, and the processor does not guess where: it is told AHEAD rows before
 * they are copied. */
static void copy_missing(const qst__visit *visit, fit *f)
{
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        const ptrdiff_t next = visit->missing[qst__min(k + AHEAD, visit->n_missing - 1)];
        const double *soon = visit->rows.data + next * visit->rows.stride;
        for (ptrdiff_t j = 0; j < visit->rows.stride; j += 8) {
            QST__PREFETCH(soon + j);
        }
        copy_row(visit, f, visit->missing[k], f->panel + k * f->stride);
    }
}

static void form_gram(const qst__visit *visit, fit *f)
{
    copy_missing(visit, f);
    if (visit->n_observed < visit->n_missing || !gram_by_difference(visit, f)) {
        gram_of_observed(visit, f);
    }
}

/* ---- Too few rows ---- */

/* Squared correlation of column j with y, given the intercept. */
static double correlation(const fit *f, ptrdiff_t j)
{
    const ptrdiff_t y = f->size - 1;
    const double n = f->gram[0];
    const double *of_j = f->gram + j * f->size, *of_y = f->gram + y * f->size;
    const double xx = of_j[j] - of_j[0] * of_j[0] / n;
    const double xy = of_j[y] - of_j[0] * of_y[0] / n;
    return xx > QST__TOL_ALIASED * of_j[j] ? xy * xy / xx : 0.0;
}

/* Of the predictors only those n_kept stay that correlate most with y (the first of equals); the
 * others become columns of 0. */
static void keep_best(const qst__visit *visit, fit *f, ptrdiff_t n_kept)
{
    double *r = f->estimate;
    for (ptrdiff_t j = 1; j < visit->n_columns; j++) {
        r[j] = correlation(f, j);
    }
    for (ptrdiff_t j = 1; j < visit->n_columns; j++) {
        ptrdiff_t n_better = 0;
        for (ptrdiff_t i = 1; i < visit->n_columns; i++) {
            n_better += r[i] > r[j] || (i < j && r[i] >= r[j]);
        }
        for (ptrdiff_t i = 0; i < f->size && n_better >= n_kept; i++) {
            f->gram[i + j * f->size] = 0.0;
            f->gram[j + i * f->size] = 0.0;
        }
    }
}

/* ---- The factor ---- */

/* L L' of the Gram matrix by columns, y's last: an aliased column becomes 0. Whole vectors are
 * taken off, also a little above L, where nothing is read. */
QST__LOOP void factor_loop(const qst__visit *visit, fit *f)
{
    const ptrdiff_t stride = f->stride;
    for (ptrdiff_t k = 0; k < visit->n_columns; k++) {
        double *column = f->factor + k * stride;
        const bool is_kept = column[k] > QST__TOL_ALIASED * f->gram[k + k * f->size];
        const double scale = is_kept ? 1.0 / sqrt(column[k]) : 0.0;
        visit->left_out[k] = !is_kept;
        f->rank += is_kept;
        for (ptrdiff_t i = 0; i < stride; i += 4) {
            *(qst__four *)(column + i) *= scale;
        }
        for (ptrdiff_t j = k + 1; j < f->size && is_kept; j++) {
            double *other = f->factor + j * stride;
            const double share = column[j];
            for (ptrdiff_t i = j & ~(ptrdiff_t)3; i < stride; i += 4) {
                *(qst__four *)(other + i) -= share * *(const qst__four *)(column + i);
            }
        }
    }
}

QST__WIDE void factor_wide(const qst__visit *visit, fit *f)
{
    factor_loop(visit, f);
}

static void factor_gram(const qst__visit *visit, fit *f)
{
    for (ptrdiff_t j = 0; j < f->size; j++) {
        double *column = f->factor + j * f->stride;
        memcpy(column, f->gram + j * f->size, (size_t)f->size * sizeof *column);
        memset(column + f->size, 0, (size_t)(f->stride - f->size) * sizeof *column);
    }
    if (QST__IS_WIDE) {
        factor_wide(visit, f);
    } else {
        factor_loop(visit, f);
    }
}

/* R b = u, aliased columns 0. */
static void solve(const fit *f, double *b)
{
    for (ptrdiff_t j = f->size - 2; j >= 0; j--) {
        const double *row = f->factor + j * f->stride;
        double sum = b[j];
        for (ptrdiff_t i = j + 1; i < f->size - 1; i++) {
            sum -= row[i] * b[i];
        }
        b[j] = row[j] != 0.0 ? sum / row[j] : 0.0;
    }
}

/* Where next to nothing is left of y's sum of squares its difference has no digits, and residuals
 * are summed. */
static double residual_ss(const qst__visit *visit, const fit *f)
{
    const ptrdiff_t y = f->size - 1;
    const double left = f->factor[y + y * f->stride];
    if (left > TOL_DIFFERENCE * f->gram[y + y * f->size]) {
        return left;
    }
    double sum = 0.0;
    ptrdiff_t n_passed = 0;
    for (ptrdiff_t i = 0; i < visit->rows.n_rows; i++) {
        if (n_passed < visit->n_missing && visit->missing[n_passed] == i) {
            n_passed++;
            continue;
        }
        const double *row = visit->rows.data + i * visit->rows.stride;
        double residual = row[visit->own];
        for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
            residual -= f->estimate[j] * row[visit->columns[j]];
        }
        sum += residual * residual;
    }
    return sum;
}

static void estimate(const qst__visit *visit, fit *f)
{
    form_gram(visit, f);
    if (visit->n_observed < visit->n_columns + QST__MIN_DF) {
        visit->decided_out[QST_DECIDED_FEW_ROWS] = 1;
        keep_best(visit, f, qst__max(0, visit->n_observed / 3 - 1));
    }
    factor_gram(visit, f);
    for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
        f->estimate[j] = f->factor[f->size - 1 + j * f->stride];
        f->drawn[j] = f->estimate[j];
    }
    solve(f, f->estimate);
    f->df = (double)(visit->n_observed - f->rank);
    f->sigma = f->df > 0.0 ? sqrt(residual_ss(visit, f) / f->df) : 0.0;
}

/* sigma*^2 = RSS / chi-square, b* = b^ + sigma* R^-1 z (Rubin 1987, p. 167; `drawn` holds R b^). */
static void draw_parameters(const qst__visit *visit, fit *f)
{
    qst_rng rng = qst__visit_stream(visit, QST__DRAW_VARIANCE, 0);
    const double df = fmax(f->df, QST__MIN_DF);
    f->sigma *= sqrt(df / qst_rng_chi_square(&rng, df));
    rng = qst__visit_stream(visit, QST__DRAW_PARAMETERS, 0);
    for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
        f->drawn[j] += f->sigma * qst_rng_normal(&rng);
    }
    solve(f, f->drawn);
}

/* ---- Predictions ---- */

double qst__put_in_range(const qst_impute_variable *variable, double value)
{
    const bool has_min = !isnan(variable->min), has_max = !isnan(variable->max);
    if (!isnan(variable->step)) {
        const double origin = has_min ? variable->min : 0.0;
        value = origin + variable->step * nearbyint((value - origin) / variable->step);
        if (has_max && value > variable->max) {
            value = origin + variable->step * floor((variable->max - origin) / variable->step);
        }
    } else if (has_max && value > variable->max) {
        value = variable->max;
    }
    return has_min && value < variable->min ? variable->min : value;
}

static void predict_panel(const qst__visit *visit, const fit *f, const double *b)
{
    const qst__rows panel = {f->panel, visit->n_missing, f->size, f->stride};
    qst__weigh_rows(panel, b, f->blocks, f->eta);
}

static void predict_all(const qst__visit *visit, const fit *f, double *eta)
{
    memset(f->spread, 0, (size_t)visit->rows.stride * sizeof *f->spread);
    for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
        f->spread[visit->columns[j]] += f->estimate[j];
    }
    qst__weigh_rows(visit->rows, f->spread, f->blocks, eta);
}

/* ---- Methods ---- */

static void put_values(const qst__visit *visit, const fit *f)
{
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        visit->drawn_out[k] = qst__put_in_range(visit->variable, f->eta[k] + visit->centre);
    }
}

static void add_errors(const qst__visit *visit, const fit *f)
{
    qst__visit_normals(visit, visit->drawn_out);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        f->eta[k] += f->sigma * visit->drawn_out[k];
    }
}

/* Type 1 matching (van Buuren 2018, section 3.4.2): the observed by the estimate, the missing by
 * the draw. */
static void match(const qst__visit *visit, const fit *f, double *room)
{
    double *eta = room;
    predict_all(visit, f, eta);
    for (ptrdiff_t k = 0; k < visit->n_observed; k++) {
        eta[k] = eta[visit->observed[k]];
    }
    qst__match(visit, eta, f->eta, room + visit->rows.n_rows);
}

qst_status qst__draw_linear(const qst__visit *visit, qst_err *err)
{
    (void)err; /* nothing can fail */
    fit f;
    double *room = make_fit(visit, &f);
    estimate(visit, &f);
    if (visit->variable->method == QST_IMPUTE_PREDICT) {
        predict_panel(visit, &f, f.estimate);
        put_values(visit, &f);
        return QST_OK;
    }
    draw_parameters(visit, &f);
    predict_panel(visit, &f, f.drawn);
    if (visit->variable->method == QST_IMPUTE_PMM) {
        match(visit, &f, room);
    } else {
        add_errors(visit, &f);
        put_values(visit, &f);
    }
    return QST_OK;
}
