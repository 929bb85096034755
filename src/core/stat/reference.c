#include "la/la.h"

#include <math.h>
#include <string.h>

/* What random numbers are for; `variable` is the model, `iteration` the cycle. */
enum {
    DRAW_PARAMETERS = 46, /* row: the diagonal element of Bartlett's factor, n_visits: normals */
    DRAW_FIT = 47,        /* row: values that the next parameters rest on */
    DRAW_VALUE = 48       /* row: values of the result */
};

/*
 * The rows that inform one set of parameters: those with at least one outcome
 * that may be used, the whole ones first. One model of all arms, or one an arm.
 */
typedef struct {
    ptrdiff_t *rows, n_rows, n_whole;
    double *root; /* of Z'Z, p x p */
    double *zy;   /* Z'Y of the whole rows, p x k */
    double *yy;   /* Y'Y of the whole rows, k x k */
} model_rows;

typedef struct {
    const qst_reference_data *data;
    const qst_reference_settings *settings;
    const qst_reference_result *result;
    ptrdiff_t n, k, q, p; /* rows, visits, covariates, coefficients of a model and visit */
    ptrdiff_t n_models;
    double *y, *x;               /* by row: k outcomes, q covariates, centred; 0 where missing */
    double *y_centre, *x_centre; /* k, q */
    bool *seen, *usable;         /* by row: k; there at all, and for the parameters */
    ptrdiff_t *place;            /* by row: k; where a missing value goes */
    ptrdiff_t n_missing;
    model_rows *models;
    double *scratch; /* a worker */
    ptrdiff_t n_scratch;
} problem;

/* One worker's memory. */
typedef struct {
    double *y;          /* n x k, completed */
    double *b;          /* n_models of p x k */
    double *covariance; /* n_models of k x k */
    double *zy, *s, *bartlett, *m, *noise, *factor;
    double *z, *centre, *own, *reference, *pivots;
} work;

/* ---- Shapes ---- */

static ptrdiff_t model_of(const problem *prob, ptrdiff_t row)
{
    return prob->data->by_arm ? prob->data->arm[row] - 1 : 0;
}

/* The place of an arm's intercept among the coefficients of its model; covariates follow. */
static ptrdiff_t intercept_of(const problem *prob, int32_t arm)
{
    return prob->data->by_arm ? 0 : arm - 1;
}

static ptrdiff_t n_intercepts(const problem *prob)
{
    return prob->p - prob->q;
}

/* Visits of a row before the assumption holds. */
static ptrdiff_t kept_of(const problem *prob, ptrdiff_t row)
{
    const bool is_plain = prob->settings->method == QST_REFERENCE_MAR ||
                          prob->data->arm[row] == prob->data->reference;
    return is_plain ? prob->k : prob->data->kept[row];
}

static work work_of(const problem *prob, double *scratch)
{
    const ptrdiff_t n = prob->n, k = prob->k, p = prob->p, models = prob->n_models;
    work w;
    w.y = scratch;
    w.b = w.y + n * k;
    w.covariance = w.b + models * p * k;
    w.zy = w.covariance + models * k * k;
    w.s = w.zy + p * k;
    w.bartlett = w.s + k * k;
    w.m = w.bartlett + k * k;
    w.noise = w.m + k * k;
    w.factor = w.noise + p * k;
    w.z = w.factor + k * k;
    w.centre = w.z + qst__max(p, k);
    w.own = w.centre + k;
    w.reference = w.own + k;
    w.pivots = w.reference + k;
    return w;
}

static ptrdiff_t scratch_size(const problem *prob)
{
    const ptrdiff_t k = prob->k, p = prob->p;
    return prob->n * k + prob->n_models * (p * k + k * k) + 2 * p * k + 4 * k * k + qst__max(p, k) +
           3 * k + qst__max(p, k);
}

/* ---- Sums of a model ---- */

static void design_row(const problem *prob, ptrdiff_t row, double *z_out)
{
    const ptrdiff_t n_first = n_intercepts(prob);
    memset(z_out, 0, (size_t)n_first * sizeof *z_out);
    z_out[intercept_of(prob, prob->data->arm[row])] = 1.0;
    for (ptrdiff_t j = 0; j < prob->q; j++) {
        z_out[n_first + j] = prob->x[row * prob->q + j];
    }
}

/* gram += z z', upper triangle. */
static void add_square(const double *z, ptrdiff_t p, double *gram)
{
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t i = 0; i <= j; i++) {
            gram[i + j * p] += z[i] * z[j];
        }
    }
}

static void add_row(const problem *prob, const double *z, const double *y, double *zy, double *yy)
{
    const ptrdiff_t p = prob->p, k = prob->k;
    for (ptrdiff_t v = 0; v < k; v++) {
        for (ptrdiff_t i = 0; i < p; i++) {
            zy[i + v * p] += z[i] * y[v];
        }
    }
    add_square(y, k, yy);
}

/* centre_out = the k means of a person in `arm` with the covariates of `row`. */
static void means_of(
    const problem *prob, const double *b_all, int32_t arm, ptrdiff_t row, double *means_out)
{
    const ptrdiff_t p = prob->p, n_first = n_intercepts(prob);
    const double *b = b_all + (prob->data->by_arm ? arm - 1 : 0) * p * prob->k;
    const double *x = prob->x + row * prob->q;
    for (ptrdiff_t v = 0; v < prob->k; v++) {
        double sum = b[intercept_of(prob, arm) + v * p];
        for (ptrdiff_t j = 0; j < prob->q; j++) {
            sum += x[j] * b[n_first + j + v * p];
        }
        means_out[v] = sum;
    }
}

/* ---- Values given others ---- */

/* factor'factor = covariance with rows and columns in `order`; the first n of them. */
static void factor_in_order(const problem *prob, const double *covariance, const ptrdiff_t *order,
    ptrdiff_t n, double *factor, double *pivots)
{
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            factor[i + j * n] = covariance[order[i] + order[j] * prob->k];
        }
    }
    (void)qst__cholesky((qst_mat){factor, n, n, n}, 0.0, pivots);
}

/* Draws y at order[n_given .. n - 1] from the normal with mean `centre` and covariance
 * factor'factor, given y at order[0 .. n_given - 1]. */
static void draw_given(const double *factor, const ptrdiff_t *order, ptrdiff_t n_given, ptrdiff_t n,
    const double *centre, qst_rng *rng, double *z, double *y)
{
    for (ptrdiff_t i = 0; i < n_given; i++) {
        z[i] = y[order[i]] - centre[order[i]];
    }
    qst__solve_upper_transposed((qst_cmat){factor, n_given, n_given, n}, z);
    for (ptrdiff_t j = n_given; j < n; j++) {
        z[j] = qst_rng_normal(rng);
        double sum = centre[order[j]];
        for (ptrdiff_t i = 0; i <= j; i++) {
            sum += factor[i + j * n] * z[i];
        }
        y[order[j]] = sum;
    }
}

/* order_out = those of the first n visits that are there, then the others; returns how many are. */
static ptrdiff_t split_visits(const bool *there, ptrdiff_t n, ptrdiff_t *order_out)
{
    ptrdiff_t n_given = 0;
    for (ptrdiff_t v = 0; v < n; v++) {
        if (there[v]) {
            order_out[n_given++] = v;
        }
    }
    ptrdiff_t at = n_given;
    for (ptrdiff_t v = 0; v < n; v++) {
        if (!there[v]) {
            order_out[at++] = v;
        }
    }
    return n_given;
}

static qst_status stream_of(const problem *prob, ptrdiff_t imputation, uint32_t purpose,
    ptrdiff_t model, ptrdiff_t cycle, ptrdiff_t row, qst_rng *rng_out, qst_err *err)
{
    const qst_rng_address address = {.purpose = purpose,
        .replicate = (uint32_t)imputation,
        .variable = (uint32_t)model,
        .iteration = (uint32_t)cycle,
        .row = (uint32_t)row};
    return qst_rng_init(rng_out, prob->settings->seed, &address, err);
}

/* ---- Data augmentation (Schafer 1997, Analysis of Incomplete Multivariate Data, 5.4) ---- */

/* Of every `step`-th element of a with b. */
static double dot(const double *a, ptrdiff_t step, const double *b, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += a[i * step] * b[i];
    }
    return sum;
}

/* Upper triangular U with A A' ~ Wishart(df, I) for A = U': Bartlett's decomposition, roots of
 * chi-squares with df, df - 1, ... in the diagonal and normals above it. */
static qst_status draw_bartlett(const problem *prob, ptrdiff_t imputation, ptrdiff_t model,
    ptrdiff_t cycle, double df, qst_rng *normals, double *u_out, qst_err *err)
{
    const ptrdiff_t k = prob->k;
    memset(u_out, 0, (size_t)(k * k) * sizeof *u_out);
    for (ptrdiff_t j = 0; j < k; j++) {
        qst_rng rng;
        const qst_status status =
            stream_of(prob, imputation, DRAW_PARAMETERS, model, cycle, j, &rng, err);
        if (status != QST_OK) {
            return status;
        }
        u_out[j + j * k] = sqrt(qst_rng_chi_square(&rng, df - (double)j));
    }
    for (ptrdiff_t j = 1; j < k; j++) {
        for (ptrdiff_t i = 0; i < j; i++) {
            u_out[i + j * k] = qst_rng_normal(normals);
        }
    }
    return QST_OK;
}

/* s = Y'Y becomes R, upper triangular, of R'R = Y'Y - B'Z'Z B with the least-squares B, and zy
 * becomes root'^-1 Z'Y. `pivots` has k places. */
static qst_status factor_residuals(
    const problem *prob, const double *root, double *zy, double *s, double *pivots, qst_err *err)
{
    const ptrdiff_t p = prob->p, k = prob->k;
    bool is_spread = true;
    for (ptrdiff_t v = 0; v < k; v++) {
        qst__solve_upper_transposed((qst_cmat){root, p, p, p}, zy + v * p);
        const double whole = s[v + v * k];
        for (ptrdiff_t u = 0; u <= v; u++) {
            for (ptrdiff_t i = 0; i < p; i++) {
                s[u + v * k] -= zy[i + u * p] * zy[i + v * p];
            }
            s[v + u * k] = s[u + v * k];
        }
        is_spread = is_spread && s[v + v * k] > 1e-12 * whole;
    }
    if (!is_spread || qst__cholesky((qst_mat){s, k, k, k}, 1e-11, pivots) < k) {
        return qst__fail(err, QST_ESINGULAR,
            "the outcomes of the visits are linear functions of one another or of the covariates");
    }
    return QST_OK;
}

/* Sigma = M'M with M = U'^-1 R, and coefficients root^-1 (zy + E M) with standard normals E. */
static void combine_draws(const problem *prob, const work *w, ptrdiff_t model, qst_rng *normals)
{
    const ptrdiff_t p = prob->p, k = prob->k;
    const double *root = prob->models[model].root;
    double *b = w->b + model * p * k, *covariance = w->covariance + model * k * k;
    memcpy(w->m, w->s, (size_t)(k * k) * sizeof *w->m);
    for (ptrdiff_t v = 0; v < k; v++) {
        qst__solve_upper_transposed((qst_cmat){w->bartlett, k, k, k}, w->m + v * k);
    }
    for (ptrdiff_t j = 0; j < p * k; j++) {
        w->noise[j] = qst_rng_normal(normals);
    }
    for (ptrdiff_t v = 0; v < k; v++) {
        const double *m = w->m + v * k;
        for (ptrdiff_t u = 0; u < k; u++) {
            covariance[u + v * k] = dot(w->m + u * k, 1, m, k);
        }
        for (ptrdiff_t j = 0; j < p; j++) {
            b[j + v * p] = w->zy[j + v * p] + dot(w->noise + j, p, m, k);
        }
        qst__solve_upper((qst_cmat){root, p, p, p}, b + v * p);
    }
}

/*
 * Parameters given completed outcomes and the prior |Sigma|^-(k + 1) / 2:
 * Sigma is inverse Wishart with n - p degrees of freedom and scale R'R, the
 * coefficients normal about least squares with covariance Sigma (x) (Z'Z)^-1.
 */
static qst_status draw_parameters(const problem *prob, const work *w, ptrdiff_t imputation,
    ptrdiff_t model, ptrdiff_t cycle, qst_err *err)
{
    const model_rows *rows = &prob->models[model];
    const double df = (double)(rows->n_rows - prob->p);
    qst_rng normals;
    qst_status status =
        stream_of(prob, imputation, DRAW_PARAMETERS, model, cycle, prob->k, &normals, err);
    if (status == QST_OK) {
        status = factor_residuals(prob, rows->root, w->zy, w->s, w->pivots, err);
    }
    if (status == QST_OK) {
        status = draw_bartlett(prob, imputation, model, cycle, df, &normals, w->bartlett, err);
    }
    if (status == QST_OK) {
        combine_draws(prob, w, model, &normals);
    }
    return status;
}

/* Missing values of the model's rows given those that may be used, at random. */
static qst_status draw_missing(const problem *prob, const work *w, ptrdiff_t imputation,
    ptrdiff_t model, ptrdiff_t cycle, ptrdiff_t *order, qst_err *err)
{
    const ptrdiff_t k = prob->k;
    const model_rows *rows = &prob->models[model];
    const double *covariance = w->covariance + model * k * k;
    const bool *before = NULL;
    ptrdiff_t n_given = 0;
    for (ptrdiff_t r = rows->n_whole; r < rows->n_rows; r++) {
        const ptrdiff_t row = rows->rows[r];
        const bool *there = prob->usable + row * k;
        if (before == NULL || memcmp(before, there, (size_t)k * sizeof *there) != 0) {
            n_given = split_visits(there, k, order);
            factor_in_order(prob, covariance, order, k, w->factor, w->pivots);
        }
        before = there;
        qst_rng rng;
        const qst_status status =
            stream_of(prob, imputation, DRAW_FIT, model, cycle, row, &rng, err);
        if (status != QST_OK) {
            return status;
        }
        means_of(prob, w->b, prob->data->arm[row], row, w->centre);
        draw_given(w->factor, order, n_given, k, w->centre, &rng, w->z, w->y + row * k);
    }
    return QST_OK;
}

static qst_status augment(const problem *prob, const work *w, ptrdiff_t imputation, ptrdiff_t model,
    ptrdiff_t *order, qst_err *err)
{
    const ptrdiff_t p = prob->p, k = prob->k;
    const model_rows *rows = &prob->models[model];
    const ptrdiff_t n_cycles = prob->settings->iterations;
    /* Without missing values the first draw is one from the posterior already. */
    const ptrdiff_t first = rows->n_whole < rows->n_rows ? 0 : n_cycles - 1;
    for (ptrdiff_t cycle = first; cycle < n_cycles; cycle++) {
        memcpy(w->zy, rows->zy, (size_t)(p * k) * sizeof *w->zy);
        memcpy(w->s, rows->yy, (size_t)(k * k) * sizeof *w->s);
        for (ptrdiff_t r = rows->n_whole; r < rows->n_rows; r++) {
            design_row(prob, rows->rows[r], w->z);
            add_row(prob, w->z, w->y + rows->rows[r] * k, w->zy, w->s);
        }
        qst_status status = draw_parameters(prob, w, imputation, model, cycle, err);
        if (status == QST_OK && cycle < n_cycles - 1) {
            status = draw_missing(prob, w, imputation, model, cycle, order, err);
        }
        if (status != QST_OK) {
            return status;
        }
    }
    return QST_OK;
}

/* ---- Values under the assumption ---- */

/*
 * Where the conditional distribution of the visits from `kept` on, given those
 * before, is centred (Carpenter, Roger & Kenward 2013, section 4): own means
 * before and the reference's after; the reference's throughout; own means
 * before, then the reference's changes since the last visit before.
 */
static void centre_on_reference(
    const problem *prob, ptrdiff_t kept, const double *own, const double *reference, double *centre)
{
    const bool is_copy = prob->settings->method == QST_REFERENCE_COPY;
    const bool adds = prob->settings->method == QST_REFERENCE_INCREMENTS && kept > 0;
    const double lead = adds ? own[kept - 1] - reference[kept - 1] : 0.0;
    for (ptrdiff_t v = 0; v < prob->k; v++) {
        centre[v] = v < kept && !is_copy ? own[v] : reference[v] + (v >= kept ? lead : 0.0);
    }
}

static qst_status complete_row(const problem *prob, const work *w, ptrdiff_t imputation,
    ptrdiff_t row, ptrdiff_t *order, qst_err *err)
{
    const ptrdiff_t k = prob->k, kept = kept_of(prob, row);
    const int32_t arm = prob->data->arm[row], reference = prob->data->reference;
    const bool *seen = prob->seen + row * k;
    double *y = w->y + row * k;
    qst_rng rng;
    const qst_status status = stream_of(prob, imputation, DRAW_VALUE, 0, 0, row, &rng, err);
    if (status != QST_OK) {
        return status;
    }
    memcpy(y, prob->y + row * k, (size_t)k * sizeof *y);
    means_of(prob, w->b, arm, row, w->own);
    ptrdiff_t n_given = split_visits(seen, kept, order);
    factor_in_order(
        prob, w->covariance + model_of(prob, row) * k * k, order, kept, w->factor, w->pivots);
    draw_given(w->factor, order, n_given, kept, w->own, &rng, w->z, y);
    if (kept == k) {
        return QST_OK;
    }
    means_of(prob, w->b, reference, row, w->reference);
    centre_on_reference(prob, kept, w->own, w->reference, w->centre);
    n_given = kept + split_visits(seen + kept, k - kept, order + kept);
    for (ptrdiff_t v = 0; v < k; v++) {
        order[v] = v < kept ? v : order[v] + kept;
    }
    const ptrdiff_t model = prob->data->by_arm ? reference - 1 : 0;
    factor_in_order(prob, w->covariance + model * k * k, order, k, w->factor, w->pivots);
    draw_given(w->factor, order, n_given, k, w->centre, &rng, w->z, y);
    return QST_OK;
}

static void write_row(const problem *prob, const double *y, ptrdiff_t row, ptrdiff_t task)
{
    const ptrdiff_t *place = prob->place + row * prob->k;
    for (ptrdiff_t v = 0; v < prob->k; v++) {
        if (!prob->seen[row * prob->k + v]) {
            prob->result->imputed[task * prob->n_missing + place[v]] = y[v] + prob->y_centre[v];
        }
    }
}

/* The parameters of uncentred columns. */
static void write_parameters(const problem *prob, const work *w, ptrdiff_t task)
{
    const ptrdiff_t p = prob->p, k = prob->k, n_first = n_intercepts(prob);
    const ptrdiff_t n_b = prob->n_models * p * k, n_s = prob->n_models * k * k;
    double *b_out = prob->result->coefficients + task * n_b;
    memcpy(b_out, w->b, (size_t)n_b * sizeof *b_out);
    memcpy(prob->result->covariance + task * n_s, w->covariance, (size_t)n_s * sizeof *b_out);
    for (ptrdiff_t column = 0; column < prob->n_models * k; column++) {
        double *b = b_out + column * p;
        double shift = prob->y_centre[column % k];
        for (ptrdiff_t j = 0; j < prob->q; j++) {
            shift -= b[n_first + j] * prob->x_centre[j];
        }
        for (ptrdiff_t i = 0; i < n_first; i++) {
            b[i] += shift;
        }
    }
}

static bool any_missing(const problem *prob, ptrdiff_t row)
{
    const bool *seen = prob->seen + row * prob->k;
    return memchr(seen, 0, (size_t)prob->k * sizeof *seen) != NULL;
}

static qst_status impute_once(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const problem *prob = data;
    double *scratch = prob->scratch + worker * prob->n_scratch;
    const work w = work_of(prob, scratch);
    ptrdiff_t *order = prob->place + prob->n * prob->k + worker * prob->k;
    const ptrdiff_t imputation = prob->settings->first + task;
    memcpy(w.y, prob->y, (size_t)(prob->n * prob->k) * sizeof *w.y);
    qst_status status = QST_OK;
    for (ptrdiff_t model = 0; model < prob->n_models && status == QST_OK; model++) {
        status = augment(prob, &w, imputation, model, order, err);
    }
    for (ptrdiff_t row = 0; row < prob->n && status == QST_OK; row++) {
        if (any_missing(prob, row)) {
            status = complete_row(prob, &w, imputation, row, order, err);
            write_row(prob, w.y + row * prob->k, row, task);
        }
    }
    if (status == QST_OK && prob->result->coefficients != NULL) {
        write_parameters(prob, &w, task);
    }
    return status;
}

/* ---- Preparing ---- */

static qst_status check_settings(
    const qst_reference_settings *settings, const qst_reference_data *data, qst_err *err)
{
    if (settings->method < 0 || settings->method >= QST_N_REFERENCE || settings->iterations < 1 ||
        settings->first < 0 || settings->n_imputations < 1) {
        return qst__fail(err, QST_EARGUMENT,
            "method %d with %d iterations, %d imputations from %d on; 0 .. %d, 1, 1, 0 are the "
            "least",
            (int)settings->method, (int)settings->iterations, (int)settings->n_imputations,
            (int)settings->first, QST_N_REFERENCE - 1);
    }
    if (data->outcomes.n_cols < 1 || data->covariates.n_rows != data->outcomes.n_rows) {
        return qst__fail(err, QST_EDIMENSION, "%td rows of %td outcomes, %td rows of covariates",
            data->outcomes.n_rows, data->outcomes.n_cols, data->covariates.n_rows);
    }
    if (data->reference < 1 || data->reference > data->n_arms) {
        return qst__fail(err, QST_EARGUMENT, "the reference is arm %d of %d", (int)data->reference,
            (int)data->n_arms);
    }
    return QST_OK;
}

static qst_status check_rows(const qst_reference_data *data, qst_err *err)
{
    for (ptrdiff_t i = 0; i < data->outcomes.n_rows; i++) {
        if (data->arm[i] < 1 || data->arm[i] > data->n_arms) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, data->arm[i],
                "arm %d of row %td is not one of %d", (int)data->arm[i], i + 1, (int)data->n_arms);
        }
        if (data->kept[i] < 0 || data->kept[i] > data->outcomes.n_cols) {
            return qst__fail_at(err, QST_ERANGE, i, -1, data->kept[i],
                "row %td keeps %d visits of %td", i + 1, (int)data->kept[i], data->outcomes.n_cols);
        }
    }
    return QST_OK;
}

static qst_status check_finite(qst_cmat m, bool may_miss, const char *what, qst_err *err)
{
    for (ptrdiff_t j = 0; j < m.n_cols; j++) {
        for (ptrdiff_t i = 0; i < m.n_rows; i++) {
            const double x = m.data[i + j * m.ld];
            if (isinf(x) || (isnan(x) && !may_miss)) {
                return qst__fail_at(err, QST_ERANGE, i, j, x, "%s %td of row %td is not a number",
                    what, j + 1, i + 1);
            }
        }
    }
    return QST_OK;
}

/* by_row_out = the columns by row, less the mean of what is there; missing ones 0. */
static void centre_columns(qst_cmat m, double *centre_out, double *by_row_out)
{
    for (ptrdiff_t j = 0; j < m.n_cols; j++) {
        const double *column = m.data + j * m.ld;
        double sum = 0.0;
        ptrdiff_t n = 0;
        for (ptrdiff_t i = 0; i < m.n_rows; i++) {
            sum += isnan(column[i]) ? 0.0 : column[i];
            n += !isnan(column[i]);
        }
        centre_out[j] = n > 0 ? sum / (double)n : 0.0;
        for (ptrdiff_t i = 0; i < m.n_rows; i++) {
            by_row_out[i * m.n_cols + j] = isnan(column[i]) ? 0.0 : column[i] - centre_out[j];
        }
    }
}

static void note_missing(problem *prob)
{
    const qst_cmat m = prob->data->outcomes;
    for (ptrdiff_t v = 0; v < prob->k; v++) {
        for (ptrdiff_t i = 0; i < prob->n; i++) {
            const ptrdiff_t at = i * prob->k + v;
            prob->seen[at] = !isnan(m.data[i + v * m.ld]);
            prob->usable[at] = prob->seen[at] && v < kept_of(prob, i);
            if (!prob->seen[at]) {
                prob->place[at] = prob->n_missing++;
            }
        }
    }
}

static ptrdiff_t n_usable(const problem *prob, ptrdiff_t row)
{
    ptrdiff_t count = 0;
    for (ptrdiff_t v = 0; v < prob->k; v++) {
        count += prob->usable[row * prob->k + v];
    }
    return count;
}

/* Whole rows first; in each part in the order of the data. */
static void list_rows(const problem *prob, ptrdiff_t model, model_rows *out)
{
    for (int part = 0; part < 2; part++) {
        for (ptrdiff_t i = 0; i < prob->n; i++) {
            const ptrdiff_t count = model_of(prob, i) == model ? n_usable(prob, i) : 0;
            if (part == 0 ? count == prob->k : count > 0 && count < prob->k) {
                out->rows[out->n_rows++] = i;
            }
        }
        out->n_whole = part == 0 ? out->n_rows : out->n_whole;
    }
}

/* Each pair of visits must be there together often enough for a proper posterior. */
static qst_status check_pairs(const problem *prob, const model_rows *rows, qst_err *err)
{
    const ptrdiff_t k = prob->k, least = prob->p + k;
    for (ptrdiff_t u = 0; u < k; u++) {
        for (ptrdiff_t v = u; v < k; v++) {
            ptrdiff_t count = 0;
            for (ptrdiff_t r = 0; r < rows->n_rows; r++) {
                const bool *there = prob->usable + rows->rows[r] * k;
                count += there[u] && there[v];
            }
            if (count < least) {
                return qst__fail_at(err, QST_ENODATA, -1, v, (double)count,
                    "visits %td and %td have %td rows with both outcomes; %td coefficients need "
                    "%td",
                    u + 1, v + 1, count, prob->p, least);
            }
        }
    }
    return QST_OK;
}

/* Arms and covariates must be told apart by the rows with an outcome at each visit. */
static qst_status check_ranks(
    const problem *prob, const model_rows *rows, double *gram, double *z, qst_err *err)
{
    const ptrdiff_t p = prob->p;
    double *pivots = z + p;
    for (ptrdiff_t v = 0; v < prob->k; v++) {
        memset(gram, 0, (size_t)(p * p) * sizeof *gram);
        for (ptrdiff_t r = 0; r < rows->n_rows; r++) {
            if (prob->usable[rows->rows[r] * prob->k + v]) {
                design_row(prob, rows->rows[r], z);
                add_square(z, p, gram);
            }
        }
        if (qst__cholesky((qst_mat){gram, p, p, p}, 1e-10, pivots) < p) {
            return qst__fail_at(err, QST_ESINGULAR, -1, v, (double)p,
                "the rows with an outcome at visit %td do not tell arms and covariates apart",
                v + 1);
        }
    }
    return QST_OK;
}

/* Whole rows decide whether the outcomes are collinear: drawn values would hide it. With fewer of
 * them than coefficients and visits it cannot be told. `room` has p x (p + k) + k x k places. */
static qst_status check_outcomes(
    const problem *prob, const model_rows *rows, double *room, double *z, qst_err *err)
{
    const ptrdiff_t p = prob->p, k = prob->k;
    double *gram = room, *zy = gram + p * p, *yy = zy + p * k;
    if (rows->n_whole < p + k) {
        return QST_OK;
    }
    memset(room, 0, (size_t)(p * p) * sizeof *room);
    for (ptrdiff_t r = 0; r < rows->n_whole; r++) {
        design_row(prob, rows->rows[r], z);
        add_square(z, p, gram);
    }
    memcpy(zy, rows->zy, (size_t)(p * k + k * k) * sizeof *zy);
    (void)qst__cholesky((qst_mat){gram, p, p, p}, 1e-13, z + p);
    return factor_residuals(prob, gram, zy, yy, z + p, err);
}

static void sum_model(const problem *prob, model_rows *rows, double *z)
{
    const ptrdiff_t p = prob->p;
    memset(rows->root, 0, (size_t)(p * p) * sizeof *rows->root);
    for (ptrdiff_t r = 0; r < rows->n_rows; r++) {
        design_row(prob, rows->rows[r], z);
        add_square(z, p, rows->root);
        if (r < rows->n_whole) {
            add_row(prob, z, prob->y + rows->rows[r] * prob->k, rows->zy, rows->yy);
        }
    }
    (void)qst__cholesky((qst_mat){rows->root, p, p, p}, 0.0, z + p);
}

static qst_status make_models(qst__arena *arena, problem *prob, qst_err *err)
{
    const ptrdiff_t p = prob->p, k = prob->k;
    double *z;
    qst_status status =
        qst__arena_array(arena, p + qst__max(p, k) + p * (p + k) + k * k, sizeof *z, &z, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, prob->n_models, sizeof *prob->models, &prob->models, err);
    }
    for (ptrdiff_t model = 0; model < prob->n_models && status == QST_OK; model++) {
        model_rows *rows = &prob->models[model];
        status = qst__arena_array(arena, p * p + p * k + k * k, sizeof(double), &rows->root, err);
        if (status == QST_OK) {
            status = qst__arena_array(arena, prob->n, sizeof *rows->rows, &rows->rows, err);
        }
        if (status != QST_OK) {
            break;
        }
        rows->zy = rows->root + p * p;
        rows->yy = rows->zy + p * k;
        list_rows(prob, model, rows);
        status = check_pairs(prob, rows, err);
        if (status == QST_OK) {
            status = check_ranks(prob, rows, rows->root, z, err);
        }
        if (status == QST_OK) {
            sum_model(prob, rows, z);
            status = check_outcomes(prob, rows, z + p + qst__max(p, k), z, err);
        }
    }
    return status;
}

static qst_status make_room(const qst_ctx *ctx, qst__arena *arena, problem *prob, qst_err *err)
{
    const ptrdiff_t n = prob->n, k = prob->k, q = prob->q;
    const int n_workers = qst_par_workers(ctx, prob->settings->n_imputations);
    prob->n_scratch = scratch_size(prob);
    qst_status status =
        qst__arena_array(arena, n * (k + q) + k + q, sizeof *prob->y, &prob->y, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, 2 * n * k, sizeof *prob->seen, &prob->seen, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, (n + n_workers) * k, sizeof *prob->place, &prob->place, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, n_workers * prob->n_scratch, sizeof *prob->scratch, &prob->scratch, err);
    }
    if (status == QST_OK) {
        prob->x = prob->y + n * k;
        prob->y_centre = prob->x + n * q;
        prob->x_centre = prob->y_centre + k;
        prob->usable = prob->seen + n * k;
    }
    return status;
}

qst_status qst_reference_impute(const qst_ctx *ctx, const qst_reference_settings *settings,
    const qst_reference_data *data, const qst_reference_result *result, qst_err *err)
{
    qst_status status = check_settings(settings, data, err);
    if (status == QST_OK) {
        status = check_rows(data, err);
    }
    if (status == QST_OK) {
        status = check_finite(data->outcomes, true, "outcome", err);
    }
    if (status == QST_OK) {
        status = check_finite(data->covariates, false, "covariate", err);
    }
    if (status != QST_OK) {
        return status;
    }
    problem prob = {.data = data,
        .settings = settings,
        .result = result,
        .n = data->outcomes.n_rows,
        .k = data->outcomes.n_cols,
        .q = data->covariates.n_cols,
        .p = data->covariates.n_cols + (data->by_arm ? 1 : data->n_arms),
        .n_models = data->by_arm ? data->n_arms : 1};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    status = make_room(ctx, &arena, &prob, err);
    if (status == QST_OK) {
        centre_columns(data->outcomes, prob.y_centre, prob.y);
        centre_columns(data->covariates, prob.x_centre, prob.x);
        note_missing(&prob);
        status = make_models(&arena, &prob, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, settings->n_imputations, impute_once, &prob, err);
    }
    qst__arena_free(&arena);
    return status;
}
