#include "stat/impute.h"

#include <math.h>
#include <string.h>

/* A column is left out if the columns before it leave this share of its sum of squares. */
#define TOL_ALIAS 1e-8

/* Taking the missing rows off must not leave less than this of a sum of squares: below it the
 * difference has lost too many digits, and the observed rows are summed themselves. */
#define TOL_DIFFERENCE 1e-6

/* With fewer residual degrees of freedom than QST__MIN_DF predictors are left out, and where none
 * is left the variance is drawn as if there were so many. */

/* A fit of y on the columns; the last row and column of all that follows are y's. */
typedef struct {
    ptrdiff_t size;       /* n_columns + 1 */
    ptrdiff_t stride;     /* size, up to a multiple of 4 */
    ptrdiff_t *which;     /* size: columns of x */
    double *gram, *other; /* size x size */
    double *factor;       /* stride x size: lower triangle L, a column an upper row of R */
    double *estimate, *drawn;
    ptrdiff_t rank;
    double df, sigma; /* of the residuals */
} fit;

static ptrdiff_t fit_room(ptrdiff_t n_columns)
{
    const ptrdiff_t size = n_columns + 1;
    return size + 2 * size * size + qst__up_to_4(size) * size + 2 * size;
}

/* The fit; predictions of all rows, those of the observed among them; of the missing; matching. */
ptrdiff_t qst__draw_linear_room(const qst__visit *shape)
{
    const ptrdiff_t n = qst__up_to_4(shape->x.n_rows);
    return fit_room(shape->n_columns) + 2 * n + qst__match_room(n);
}

/* Returns the room behind it. */
static double *make_fit(const qst__visit *visit, fit *f)
{
    const ptrdiff_t size = visit->n_columns + 1;
    double *room = visit->room;
    *f = (fit){.size = size, .stride = qst__up_to_4(size), .which = (ptrdiff_t *)(void *)room};
    for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
        f->which[j] = visit->columns[j];
    }
    f->which[size - 1] = visit->own;
    f->gram = room + size;
    f->other = f->gram + size * size;
    f->factor = f->other + size * size;
    f->estimate = f->factor + f->stride * size;
    f->drawn = f->estimate + size;
    return f->drawn + size;
}

/* ---- Normal equations of the observed rows ---- */

/* Row by row, straight from x. */
static void gram_of_observed(const qst__visit *visit, fit *f)
{
    memset(f->gram, 0, (size_t)(f->size * f->size) * sizeof *f->gram);
    for (ptrdiff_t k = 0; k < visit->n_observed; k++) {
        const double *row = visit->x.data + visit->observed[k];
        for (ptrdiff_t j = 0; j < f->size; j++) {
            const double value = row[f->which[j] * visit->x.ld];
            for (ptrdiff_t i = 0; i <= j; i++) {
                f->gram[i + j * f->size] += value * row[f->which[i] * visit->x.ld];
            }
        }
    }
    for (ptrdiff_t j = 0; j < f->size; j++) {
        for (ptrdiff_t i = 0; i < j; i++) {
            f->gram[j + i * f->size] = f->gram[i + j * f->size];
        }
    }
}

/* The whole less the missing rows; false where that would lose digits. */
static bool gram_by_difference(const qst__visit *visit, fit *f)
{
    qst__gram_columns(visit->panel, f->which, f->size, f->other);
    bool is_exact = true;
    for (ptrdiff_t j = 0; j < f->size; j++) {
        const double *whole = visit->gram.data + f->which[j] * visit->gram.ld;
        for (ptrdiff_t i = 0; i < f->size; i++) {
            f->gram[i + j * f->size] = whole[f->which[i]] - f->other[i + j * f->size];
        }
        const double left = f->gram[j + j * f->size], all = whole[f->which[j]];
        is_exact = is_exact && (left >= TOL_DIFFERENCE * all || left == 0.0);
    }
    return is_exact;
}

static void form_gram(const qst__visit *visit, fit *f)
{
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
    return xx > TOL_ALIAS * of_j[j] ? xy * xy / xx : 0.0;
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

/* to -= factor from, from element `first` on or a little before: what stands above L is not used.
 */
static void take_off(
    double *restrict to, const double *restrict from, double factor, ptrdiff_t first, ptrdiff_t n)
{
    for (ptrdiff_t i = first & ~(ptrdiff_t)3; i < n; i += 4) {
        for (int k = 0; k < 4; k++) {
            to[i + k] -= factor * from[i + k];
        }
    }
}

/* L L' of the Gram matrix by columns, y's last: an aliased column becomes 0. */
static void factor_gram(const qst__visit *visit, fit *f)
{
    const ptrdiff_t stride = f->stride;
    for (ptrdiff_t j = 0; j < f->size; j++) {
        double *column = f->factor + j * stride;
        memcpy(column, f->gram + j * f->size, (size_t)f->size * sizeof *column);
        memset(column + f->size, 0, (size_t)(stride - f->size) * sizeof *column);
    }
    for (ptrdiff_t k = 0; k < visit->n_columns; k++) {
        double *column = f->factor + k * stride;
        const bool is_kept = column[k] > TOL_ALIAS * f->gram[k + k * f->size];
        const double scale = is_kept ? 1.0 / sqrt(column[k]) : 0.0;
        visit->left_out[k] = !is_kept;
        f->rank += is_kept;
        for (ptrdiff_t i = 0; i < stride; i++) {
            column[i] *= scale;
        }
        for (ptrdiff_t j = k + 1; j < f->size && is_kept; j++) {
            take_off(f->factor + j * stride, column, column[j], j, stride);
        }
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
    for (ptrdiff_t k = 0; k < visit->n_observed; k++) {
        const double *row = visit->x.data + visit->observed[k];
        double residual = row[visit->own * visit->x.ld];
        for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
            residual -= f->estimate[j] * row[visit->columns[j] * visit->x.ld];
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

/* The panel ends in rows of 0, for which drawn_out has no place. */
static void predict_missing(const qst__visit *visit, const double *b, double sd, double *eta)
{
    qst__combine_columns(visit->panel, visit->columns, visit->n_columns, b, eta);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        double value = eta[k] + visit->centre;
        if (sd > 0.0) {
            qst_rng rng =
                qst__visit_stream(visit, QST__DRAW_VALUE, visit->row_numbers[visit->missing[k]]);
            value += sd * qst_rng_normal(&rng);
        }
        visit->drawn_out[k] = qst__put_in_range(visit->variable, value);
    }
}

/* ---- Methods ---- */

/* Type 1 matching (van Buuren 2018, section 3.4.2): the observed by the estimate, the missing by
 * the draw. */
static void match(const qst__visit *visit, const fit *f, double *room)
{
    const ptrdiff_t n = qst__up_to_4(visit->x.n_rows);
    const qst_cmat all = {visit->x.data, n, visit->x.n_cols, visit->x.ld};
    double *eta = room, *of_missing = room + n;
    qst__combine_columns(all, visit->columns, visit->n_columns, f->estimate, eta);
    for (ptrdiff_t k = 0; k < visit->n_observed; k++) {
        eta[k] = eta[visit->observed[k]];
    }
    qst__combine_columns(visit->panel, visit->columns, visit->n_columns, f->drawn, of_missing);
    qst__match(visit, eta, of_missing, of_missing + n);
}

qst_status qst__draw_linear(const qst__visit *visit, qst_err *err)
{
    fit f;
    double *room = make_fit(visit, &f);
    estimate(visit, &f);
    (void)err;
    if (visit->variable->method == QST_IMPUTE_PREDICT) {
        predict_missing(visit, f.estimate, 0.0, room);
        return QST_OK;
    }
    draw_parameters(visit, &f);
    if (visit->variable->method == QST_IMPUTE_PMM) {
        match(visit, &f, room);
    } else {
        predict_missing(visit, f.drawn, f.sigma, room);
    }
    return QST_OK;
}
