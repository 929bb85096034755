#include "stat/glm.h"
#include "stat/family.h"

#include <math.h>
#include <string.h>

/* Condition of the scaled Gram matrix above which it may cost more than four of sixteen digits. */
#define MAX_CONDITION 1e4
/* Squared norms that fall below this share are left to QR to judge. */
#define GRAM_DOUBT 1e-10
/* A change of all linear predictors by this share of the response is within what rounding does. */
#define ROUNDING 1e-14

void qst_glm_settings_default(qst_glm_settings *settings)
{
    *settings = (qst_glm_settings){.family = QST_FAMILY_GAUSSIAN,
        .link = QST_LINK_IDENTITY,
        .theta = 1.0,
        .tol_alias = 1e-7,
        .tol_deviance = 1e-8,
        .n_steps_max = 25};
}

/* ---- Workspace ---- */

static qst_status make_rooms(qst_glm_work *work, qst_err *err)
{
    const ptrdiff_t p = work->n_cols;
    const struct {
        double **room;
        ptrdiff_t n;
    } rooms[] = {{&work->pivots, p}, {&work->scales, p}, {&work->cross, p}, {&work->change, p},
        {&work->solution, p}, {&work->gram, p * p}, {&work->factor, p * p},
        {&work->inverse, p * p}};
    qst_status status = QST_OK;
    for (size_t k = 0; k < sizeof rooms / sizeof *rooms && status == QST_OK; k++) {
        status = qst__arena_array(&work->arena, rooms[k].n, sizeof(double), rooms[k].room, err);
    }
    return status;
}

qst_status qst_glm_work_new(
    const qst_ctx *ctx, ptrdiff_t n_rows, ptrdiff_t n_cols, qst_glm_work **work_out, qst_err *err)
{
    *work_out = NULL;
    if (n_rows < 0 || n_cols < 1 || n_cols > INT32_MAX) {
        return qst__fail(err, QST_EDIMENSION,
            "a model of %td rows and %td columns cannot be fitted", n_rows, n_cols);
    }
    /* The workspace lives in its own arena, so that one call frees all. */
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_glm_work *work = NULL;
    qst_status status = qst__arena_array(&arena, 1, sizeof *work, &work, err);
    if (status == QST_OK) {
        *work = (qst_glm_work){.arena = arena, .n_rows = n_rows, .n_cols = n_cols};
        status = make_rooms(work, err);
        arena = work->arena;
    }
    if (status != QST_OK) {
        qst__arena_free(&arena);
        return status;
    }
    *work_out = work;
    return QST_OK;
}

void qst_glm_work_free(qst_glm_work *work)
{
    if (work != NULL) {
        qst__arena arena = work->arena;
        qst__arena_free(&arena);
    }
}

/* ---- Checks ---- */

/* Constant variance and no link: one weighted least squares. */
static bool is_linear(const qst_glm_settings *settings)
{
    return settings->link == QST_LINK_IDENTITY && settings->family == QST_FAMILY_GAUSSIAN;
}

static qst_status check_settings(const qst_glm_settings *settings, qst_err *err)
{
    if (!(settings->tol_alias > 0.0 && settings->tol_alias < 1.0)) {
        return qst__fail(
            err, QST_EARGUMENT, "tolerance %g is not between 0 and 1", settings->tol_alias);
    }
    if (!(settings->tol_deviance > 0.0 && settings->n_steps_max > 0)) {
        return qst__fail(err, QST_EARGUMENT, "tolerance %g or %d steps are not above 0",
            settings->tol_deviance, (int)settings->n_steps_max);
    }
    if (settings->family == QST_FAMILY_NEGATIVE_BINOMIAL && !settings->estimate_theta &&
        !(settings->theta > 0.0 && isfinite(settings->theta))) {
        return qst__fail(err, QST_EARGUMENT, "theta %g is not above 0", settings->theta);
    }
    if (settings->firth &&
        !(settings->family == QST_FAMILY_BINOMIAL && settings->link == QST_LINK_LOGIT)) {
        return qst__fail(
            err, QST_EARGUMENT, "Firth's penalty is for binomial models with logit link");
    }
    return QST_OK;
}

static qst_status check_shape(const qst__fit *f, qst_err *err)
{
    if (f->p > f->work->n_cols || f->n > f->work->n_rows) {
        return qst__fail(err, QST_EDIMENSION, "%td x %td do not fit a workspace for %td x %td",
            f->n, f->p, f->work->n_rows, f->work->n_cols);
    }
    return QST_OK;
}

static qst_status count_used(const qst_glm_data *data, ptrdiff_t *n_used_out, qst_err *err)
{
    *n_used_out = data->model->n_rows;
    for (ptrdiff_t i = 0; data->weights != NULL && i < data->model->n_rows; i++) {
        if (!(data->weights[i] >= 0.0 && isfinite(data->weights[i]))) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, data->weights[i],
                "weight %g in row %td is not a number from 0", data->weights[i], i + 1);
        }
        *n_used_out -= data->weights[i] == 0.0;
    }
    return *n_used_out > 0 ? QST_OK : qst__fail(err, QST_ENODATA, "no row has a weight above 0");
}

/* ---- The response ---- */

/* What is regressed on the columns. */
static double response_at(const qst__fit *f, ptrdiff_t i)
{
    return f->data->offset != NULL ? f->data->y[i] - f->data->offset[i] : f->data->y[i];
}

/* sums = weights, and weights times the response. */
static qst_status mean_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)eta;
    (void)weights_out;
    (void)residuals_out;
    const qst__fit *f = data;
    double weights = 0.0, sum = 0.0;
    for (ptrdiff_t i = start; i < start + n; i++) {
        const double y = response_at(f, i);
        if (!isfinite(y)) {
            return qst__fail_at(err, QST_EARGUMENT, i, f->p, y,
                "value %g in row %td, column %td is not finite", y, i + 1, f->p + 1);
        }
        weights += qst__weight_at(f, i);
        sum += qst__weight_at(f, i) * y;
    }
    sums[0] = qst__dd_add(sums[0], weights);
    sums[1] = qst__dd_add(sums[1], sum);
    return QST_OK;
}

/* Checks the response, and sets its shift: about its mean, or its value if all are equal. */
static qst_status choose_shift(qst__fit *f, qst_err *err)
{
    double sums[2];
    const qst__pass pass = {.step = mean_step, .data = f, .n_sums = 2, .sums_out = sums};
    const qst_status status = qst__design_pass(f->ctx, f->design, &pass, err);
    if (status != QST_OK) {
        return status;
    }
    ptrdiff_t first = 0;
    while (qst__weight_at(f, first) == 0.0) {
        first++;
    }
    const double value = response_at(f, first);
    ptrdiff_t i = first;
    while (i < f->n && (response_at(f, i) == value || qst__weight_at(f, i) == 0.0)) {
        i++;
    }
    f->shift = i == f->n ? value : sums[1] / sums[0];
    return QST_OK;
}

/* ---- By the Gram matrix ---- */

static double *diagonal(qst_mat m, ptrdiff_t j)
{
    return m.data + j + j * m.ld;
}

/* factor = the Gram matrix of the columns with unit diagonal; scales = what they are divided
 * by. */
static void scale_gram(const qst__fit *f)
{
    const ptrdiff_t p = f->p;
    double *scales = f->work->scales;
    for (ptrdiff_t j = 0; j < p; j++) {
        const double norm = sqrt(*diagonal(f->gram, j));
        scales[j] = norm > 0.0 ? norm : 1.0;
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t i = 0; i < p; i++) {
            f->factor.data[i + j * p] = f->gram.data[i + j * f->gram.ld] / scales[i] / scales[j];
        }
    }
}

/* Is it beyond doubt, for every column, whether lm would alias it? lm measures a column by its
 * norm before centring. */
static bool is_alias_clear(const qst__fit *f)
{
    const double tol_squared = f->settings->tol_alias * f->settings->tol_alias;
    const double doubt = fmax(GRAM_DOUBT, 1e4 * tol_squared);
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const double centred = *diagonal(f->gram, j);
        const double of_mean = qst__design_multiple(f->design, j);
        const double raw = centred + *diagonal(f->gram, 0) * of_mean * of_mean;
        const double pivot = f->work->pivots[j];
        const bool is_gone = pivot <= QST__GRAM_FLOOR && QST__GRAM_FLOOR < tol_squared;
        if (!is_gone && pivot * centred <= doubt * raw) {
            return false;
        }
    }
    return true;
}

/* From unit diagonal to the columns as they are, centred. */
static void unscale(const qst__fit *f)
{
    const ptrdiff_t p = f->p;
    const double *scales = f->work->scales;
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t i = 0; i < p; i++) {
            f->factor.data[i + j * p] *= scales[j];
            f->inverse.data[i + j * p] /= scales[i] * scales[j];
        }
    }
}

bool qst__glm_factor(qst__fit *f, double tol_rel, double max_condition)
{
    scale_gram(f);
    const double norm = qst__norm_1(qst__view(f->factor));
    f->info->rank = qst__cholesky(f->factor, tol_rel, f->work->pivots);
    qst__inverse_gram(qst__view(f->factor), f->inverse);
    f->info->condition = norm * qst__norm_1(qst__view(f->inverse));
    f->info->method = QST_GLM_BY_GRAM;
    unscale(f);
    return f->info->condition <= max_condition && is_alias_clear(f);
}

static void residuals_at(
    const qst__fit *f, ptrdiff_t start, ptrdiff_t n, const double *eta, double *out)
{
    const double *y = f->data->y + start;
    if (f->data->offset == NULL) {
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] = y[i] - f->shift - eta[i];
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        out[i] = response_at(f, start + i) - f->shift - eta[i];
    }
}

static void keep_rows(const qst__fit *f, ptrdiff_t start, ptrdiff_t n, const double *residuals)
{
    const double *y = f->data->y + start;
    memcpy(f->result->residuals + start, residuals, (size_t)n * sizeof(double));
    for (ptrdiff_t i = 0; i < n; i++) {
        f->result->fitted[start + i] = y[i] - residuals[i];
    }
}

/* Weights, and weighted residuals of the centred response, of which sums[0] is the weighted sum of
 * squares. Passes that ask for no weights keep residuals and fitted values. */
static qst_status gaussian_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)err;
    const qst__fit *f = data;
    double residuals[QST__BLOCK], sum = 0.0;
    residuals_at(f, start, n, eta, residuals);
    if (weights_out == NULL) {
        keep_rows(f, start, n, residuals);
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const double weight = qst__weight_at(f, start + i);
        sum += weight * residuals[i] * residuals[i];
        residuals[i] *= weight;
        if (weights_out != NULL) {
            weights_out[i] = weight;
        }
    }
    if (residuals_out != NULL) {
        memcpy(residuals_out, residuals, (size_t)n * sizeof(double));
    }
    *sums = qst__dd_add(*sums, sum);
    return QST_OK;
}

/* Cross-products of the residuals at `b`, and the Gram matrix; without both, the last pass. */
static qst_status gaussian_pass(
    qst__fit *f, const double *b, double *gram_out, double *cross_out, qst_err *err)
{
    const qst__pass pass = {.b = b,
        .step = gaussian_step,
        .data = f,
        .n_sums = 1,
        .gram_out = gram_out,
        .cross_out = cross_out,
        .sums_out = &f->info->deviance};
    return qst__design_pass(f->ctx, f->design, &pass, err);
}

static double sum_of_squares(const double *x, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    return sum;
}

/*
 * Coefficients of the centred columns, corrected once; residuals and deviance
 * with them. What they do not hold of the correction stays in work->change.
 * R'^-1 X'r is as long as the correction makes the linear predictors: below
 * the rounding of residuals they need no pass more, nor does the deviance, to
 * which its square would be added.
 */
static qst_status solve_gram(qst__fit *f, qst_err *err)
{
    qst_glm_work *work = f->work;
    const qst_glm_result *result = f->result;
    const qst_cmat r = qst__view(f->factor);
    qst__solve_upper_transposed(r, work->cross);
    for (ptrdiff_t j = 0; j < f->p; j++) {
        result->effects[j] = work->cross[j];
        result->coefficients[j] = work->cross[j];
    }
    qst__solve_upper(r, result->coefficients);
    const qst_status status = gaussian_pass(f, result->coefficients, NULL, work->cross, err);
    if (status != QST_OK) {
        return status;
    }
    const double total = sum_of_squares(result->effects, f->p) + f->info->deviance;
    qst__solve_upper_transposed(r, work->cross);
    const double change = sum_of_squares(work->cross, f->p);
    qst__solve_upper(r, work->cross);
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const qst__dd sum = qst__two_sum(result->coefficients[j], work->cross[j]);
        result->coefficients[j] = sum.high;
        work->change[j] = sum.low;
    }
    if (change <= ROUNDING * ROUNDING * total) {
        return QST_OK;
    }
    return gaussian_pass(f, result->coefficients, NULL, NULL, err);
}

/* To columns as they are, the response's shift going to the constant. */
static void uncentre(const qst__fit *f)
{
    double *b = f->result->coefficients, *b_low = f->work->change;
    const double of_response = f->shift / qst__design_constant(f->design);
    const qst__dd constant = qst__dd_add((qst__dd){b[0], b_low[0]}, of_response);
    b[0] = constant.high;
    b_low[0] = constant.low;
    qst__design_uncentre(f->design, b, b_low, f->inverse.data);
    f->result->effects[0] += f->factor.data[0] * of_response;
}

static qst_status fit_by_gram(qst__fit *f, bool *is_done_out, qst_err *err)
{
    *is_done_out = false;
    qst_status status = qst__design_centre(f->ctx, f->design, f->data->weights, err);
    const bool is_centred = status == QST_OK && qst__design_constant(f->design) != 0.0;
    if (!is_centred) {
        f->shift = 0.0;
    }
    if (status == QST_OK) {
        status = gaussian_pass(f, NULL, f->gram.data, f->work->cross, err);
    }
    if (status != QST_OK || !qst__glm_factor(f, QST__GRAM_FLOOR, MAX_CONDITION)) {
        return status;
    }
    status = solve_gram(f, err);
    if (status == QST_OK && is_centred) {
        uncentre(f);
    }
    *is_done_out = status == QST_OK;
    return status;
}

/* ---- By QR ---- */

static qst_status fit_by_qr(qst__fit *f, qst_err *err)
{
    qst_status status = qst__glm_qr_make(f, err);
    if (status != QST_OK) {
        return status;
    }
    for (ptrdiff_t i = 0; i < f->n; i++) {
        f->work->response[i] = response_at(f, i);
        f->work->root_weights[i] = sqrt(qst__weight_at(f, i));
    }
    status = qst__glm_qr_solve(f, err);
    if (status != QST_OK) {
        return status;
    }
    qst__glm_qr_residuals(f, f->result->residuals, &f->info->deviance);
    for (ptrdiff_t i = 0; i < f->n; i++) {
        f->result->fitted[i] = f->data->y[i] - f->result->residuals[i];
    }
    for (ptrdiff_t j = 0; j < f->p; j++) {
        f->result->coefficients[j] = f->work->solution[j];
    }
    return QST_OK;
}

/* Weighted least squares: the deviance is Pearson's statistic too. */
static qst_status fit_linear(qst__fit *f, qst_err *err)
{
    bool is_done = false;
    qst_status status = choose_shift(f, err);
    if (status == QST_OK) {
        status = fit_by_gram(f, &is_done, err);
    }
    if (status == QST_OK && !is_done) {
        status = fit_by_qr(f, err);
    }
    f->info->pearson = f->info->deviance;
    f->info->n_steps = 1;
    f->info->is_converged = true;
    if (f->result->linear != NULL && status == QST_OK) {
        memcpy(f->result->linear, f->result->fitted, (size_t)f->n * sizeof(double));
    }
    return status;
}

/* ---- The fit ---- */

/* The covariance, and NA for what is aliased. */
static void finish(const qst__fit *f)
{
    const qst_glm_result *result = f->result;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const bool j_aliased = *diagonal(f->factor, j) == 0.0;
        result->coefficients[j] = j_aliased ? qst_na_real() : result->coefficients[j];
        for (ptrdiff_t i = 0; i < f->p; i++) {
            const bool aliased = j_aliased || *diagonal(f->factor, i) == 0.0;
            result->covariance.data[i + j * result->covariance.ld] =
                aliased ? qst_na_real() : f->inverse.data[i + j * f->p];
        }
    }
}

static qst_status fit_design(qst__fit *f, qst_err *err)
{
    const ptrdiff_t p = qst__design_cols(f->design);
    f->n = qst__design_rows(f->design);
    f->p = p;
    f->gram = (qst_mat){f->work->gram, p, p, p};
    f->factor = (qst_mat){f->work->factor, p, p, p};
    f->inverse = (qst_mat){f->work->inverse, p, p, p};
    for (ptrdiff_t j = 0; j < p && f->result->separated != NULL; j++) {
        f->result->separated[j] = false;
    }
    qst_status status = check_shape(f, err);
    if (status == QST_OK) {
        status = is_linear(f->settings) ? fit_linear(f, err) : qst__glm_irls(f, err);
    }
    if (status == QST_OK) {
        finish(f);
    }
    return status;
}

qst_status qst_glm_fit(const qst_ctx *ctx, const qst_glm_settings *settings,
    const qst_glm_data *data, qst_glm_work *work, const qst_glm_result *result,
    qst_glm_info *info_out, qst_err *err)
{
    qst_status status = check_settings(settings, err);
    if (status == QST_OK) {
        status = count_used(data, &info_out->n_used, err);
    }
    if (status != QST_OK) {
        return status;
    }
    *info_out = (qst_glm_info){.n_used = info_out->n_used,
        .log_det = (double)NAN,
        .theta = (double)NAN,
        .theta_se = (double)NAN};
    qst__fit f = {.ctx = ctx,
        .settings = settings,
        .work = work,
        .result = result,
        .info = info_out,
        .data = data};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    status = qst__design_make(ctx, &arena, data->model, &f.design, err);
    if (status == QST_OK) {
        status = fit_design(&f, err);
    }
    qst__arena_free(&arena);
    return status;
}
