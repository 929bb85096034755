#include "stat/family.h"
#include "stat/glm.h"

#include <math.h>
#include <string.h>

/* Newton steps correct what rounding did to the Gram matrix, so only the covariance needs its
 * digits: above this condition the columns are made orthogonal first. */
#define MAX_CONDITION 1e7
/* A step is halved at most this often. */
#define MAX_HALVINGS 40
/* Steps after convergence end when they are below TINY_STEP standard errors, or shrink no more than
 * rounding would: Newton's, of canonical links, by half; other scoring steps may shrink slowly to
 * the end, as a Gamma's with log link do where residuals are large. */
#define MAX_POLISH 100
#define TINY_STEP 1e-11
#define NEWTON_SHRINKS 0.5
#define SCORING_SHRINKS 0.95
/* A step that is still above this has not met a maximum. */
#define OPEN_STEP 1e-8
/* Squared share of a direction that may lie the wrong way, by rounding. */
#define WRONG_WAY 1e-6
/* A coefficient that grows by less than this share of itself a step is settled. */
#define SETTLED 1e-3
/* A coefficient of 0 that moves by less than this share of the others only shows rounding. */
#define ROUNDING 1e-9

#define THETA_STEPS 50
#define THETA_END 1e7 /* the variance is that of a Poisson to seven digits of mu */
#define FEW_COUNTS 32

/* What the means of a pass come from: the responses, their common mean, or coefficients. */
typedef enum { FROM_DATA, FROM_MEAN, FROM_B } source;

enum { SUM_DEVIANCE, SUM_INVALID, SUM_PEARSON, SUM_WEIGHTS, SUM_Y, N_SUMS };

/* `b` are the caller's coefficients. */
typedef struct {
    qst__fit *f;
    qst_family family;
    qst_link link;
    double theta;
    source from;
    double mean;
    bool has_b;        /* objective, scores and Gram matrix are those of coefficients */
    bool keeps;        /* passes write the rows of the result */
    double *quadratic; /* Firth: x'(X'WX)^-1 x, n; else NULL */
    bool is_penalised; /* this pass reads it */
    bool *aliased;     /* p */
    double *b, *b_old, *step;
    double sums[N_SUMS];
    double objective; /* deviance, less log |X'WX| if penalised */
    double step_size; /* of `step` in standard errors */
} irls;

/* ---- Rows ---- */

typedef struct {
    double eta[QST__BLOCK], mu[QST__BLOCK], slope[QST__BLOCK], variance[QST__BLOCK];
} block;

static void set_eta(const irls *it, ptrdiff_t start, ptrdiff_t n, const double *of_b, double *eta)
{
    const qst_glm_data *data = it->f->data;
    const double *weights = data->weights != NULL ? data->weights + start : NULL;
    if (it->from == FROM_DATA) {
        double mu[QST__BLOCK];
        qst__start_block(it->family, data->y + start, weights, n, mu);
        qst__link_block(it->link, mu, n, eta);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        eta[i] = of_b[i] + qst__offset_at(it->f, start + i);
    }
    if (it->from == FROM_MEAN) {
        double at_mean;
        qst__link_block(it->link, &it->mean, 1, &at_mean);
        for (ptrdiff_t i = 0; i < n; i++) {
            eta[i] = at_mean;
        }
    }
}

/* Means, slopes and variances at rows->eta; slopes are the variances where they are the same
 * function. False if a row that counts is out of range. */
static bool fill_block(const irls *it, ptrdiff_t start, ptrdiff_t n, block *rows)
{
    const double *weights = it->f->data->weights != NULL ? it->f->data->weights + start : NULL;
    qst__mean_block(it->link, rows->eta, n, rows->mu, rows->slope);
    if (qst__is_canonical(it->family, it->link)) {
        memcpy(rows->variance, rows->slope, (size_t)n * sizeof(double));
    } else {
        qst__variance_block(it->family, it->theta, rows->mu, n, rows->variance);
    }
    return qst__eta_is_valid(it->link, rows->eta, weights, n) &&
           qst__mu_is_valid(it->family, rows->mu, weights, n);
}

static void keep_rows(const irls *it, ptrdiff_t start, ptrdiff_t n, const block *rows)
{
    const qst_glm_result *result = it->f->result;
    const double *y = it->f->data->y + start;
    for (ptrdiff_t i = 0; i < n; i++) {
        result->fitted[start + i] = rows->mu[i];
        result->residuals[start + i] = (y[i] - rows->mu[i]) / rows->slope[i];
    }
    if (result->linear != NULL) {
        memcpy(result->linear + start, rows->eta, (size_t)n * sizeof(double));
    }
}

QST__LOOP void weigh_loop(const double *restrict y, const block *restrict rows, ptrdiff_t n,
    double *restrict weights, double *restrict scores)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const double ratio = rows->slope[i] / rows->variance[i];
        weights[i] = rows->slope[i] * ratio;
        scores[i] = (y[i] - rows->mu[i]) * ratio;
    }
}

QST__WIDE void weigh_wide(const double *y, const block *rows, double *weights, double *scores)
{
    weigh_loop(y, rows, QST__BLOCK, weights, scores);
}

/*
 * Weights w mu'^2 / V and scores w (y - mu) mu' / V (McCullagh & Nelder 1989,
 * sec. 2.5). Before there are coefficients, weights times the working response
 * less the offset take the place of the scores: eta + (y - mu) / mu', or eta
 * alone when all means are the same.
 */
static void weigh(const irls *it, ptrdiff_t start, ptrdiff_t n, const block *rows, double *weights,
    double *scores)
{
    const qst_glm_data *data = it->f->data;
    if (n == QST__BLOCK && QST__IS_WIDE) {
        weigh_wide(data->y + start, rows, weights, scores);
    } else {
        weigh_loop(data->y + start, rows, n, weights, scores);
    }
    for (ptrdiff_t i = 0; i < n && it->from != FROM_B; i++) {
        const double linear = rows->eta[i] - qst__offset_at(it->f, start + i);
        scores[i] = (it->from == FROM_MEAN ? 0.0 : scores[i]) + weights[i] * linear;
    }
    for (ptrdiff_t i = 0; i < n && data->weights != NULL; i++) {
        const double prior = data->weights[start + i];
        weights[i] = prior > 0.0 ? prior * weights[i] : 0.0;
        scores[i] = prior > 0.0 ? prior * scores[i] : 0.0;
    }
}

static double pearson_of(const irls *it, ptrdiff_t start, ptrdiff_t n, const block *rows)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double prior = qst__weight_at(it->f, start + i);
        const double error = it->f->data->y[start + i] - rows->mu[i];
        sum += prior > 0.0 ? prior * error * error / rows->variance[i] : 0.0;
    }
    return sum;
}

/* Firth's (1993, Biometrika 80:27-38) change of the score: leverage times (1/2 - mu). */
static void penalise_scores(const irls *it, ptrdiff_t start, ptrdiff_t n, const block *rows,
    const double *weights, double *scores)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        scores[i] += weights[i] * it->quadratic[start + i] * (0.5 - rows->mu[i]);
    }
}

static double deviance_of(const irls *it, ptrdiff_t start, ptrdiff_t n, const block *rows)
{
    const qst_glm_data *data = it->f->data;
    const double *weights = data->weights != NULL ? data->weights + start : NULL;
    return qst__deviance_sum(it->family, it->theta, data->y + start, rows->mu, weights, n);
}

static void add_responses(const irls *it, ptrdiff_t start, ptrdiff_t n, qst__dd *sums)
{
    double weights = 0.0, sum = 0.0;
    for (ptrdiff_t i = start; i < start + n; i++) {
        weights += qst__weight_at(it->f, i);
        sum += qst__weight_at(it->f, i) * it->f->data->y[i];
    }
    sums[SUM_WEIGHTS] = qst__dd_add(sums[SUM_WEIGHTS], weights);
    sums[SUM_Y] = qst__dd_add(sums[SUM_Y], sum);
}

static qst_status step_rows(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)err;
    const irls *it = data;
    block rows;
    double own_weights[QST__BLOCK];
    double *weights = weights_out != NULL ? weights_out : own_weights;
    set_eta(it, start, n, eta, rows.eta);
    const bool is_valid = fill_block(it, start, n, &rows);
    if (it->from == FROM_DATA) {
        add_responses(it, start, n, sums);
    }
    if (!is_valid) {
        sums[SUM_INVALID] = qst__dd_add(sums[SUM_INVALID], 1.0);
        memset(weights, 0, (size_t)n * sizeof(double));
        memset(residuals_out, 0, (size_t)n * sizeof(double));
        return QST_OK;
    }
    weigh(it, start, n, &rows, weights, residuals_out);
    if (it->is_penalised) {
        penalise_scores(it, start, n, &rows, weights, residuals_out);
    }
    sums[SUM_DEVIANCE] = qst__dd_add(sums[SUM_DEVIANCE], deviance_of(it, start, n, &rows));
    if (it->keeps) {
        sums[SUM_PEARSON] = qst__dd_add(sums[SUM_PEARSON], pearson_of(it, start, n, &rows));
        keep_rows(it, start, n, &rows);
    }
    return QST_OK;
}

/* ---- Passes ---- */

static bool is_good(const irls *it)
{
    return it->sums[SUM_INVALID] == 0.0 && isfinite(it->sums[SUM_DEVIANCE]);
}

static qst_status run_pass(irls *it, double *gram_out, qst_err *err)
{
    const qst__pass pass = {.b = it->from == FROM_B ? it->b : NULL,
        .step = step_rows,
        .data = it,
        .n_sums = N_SUMS,
        .gram_out = gram_out,
        .cross_out = it->f->work->cross,
        .sums_out = it->sums};
    return qst__design_pass(it->f->ctx, it->f->design, &pass, err);
}

/* Aliased columns were found at the start, where no weight is tiny, and stay out. */
static void factor(const irls *it)
{
    qst__fit *f = it->f;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        for (ptrdiff_t i = 0; i < f->p; i++) {
            if (it->aliased[i] || it->aliased[j]) {
                f->gram.data[i + j * f->p] = 0.0;
            }
        }
    }
    const ptrdiff_t rank = f->info->rank;
    (void)qst__glm_factor(f, 0.0, MAX_CONDITION);
    f->info->rank = rank;
}

static double log_determinant(const qst__fit *f)
{
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const double root = f->factor.data[j + j * f->p];
        sum += root > 0.0 ? 2.0 * log(root) : 0.0;
    }
    return sum;
}

/* Gram matrix, scores, sums and objective at the means of it->from. Firth's scores need the
 * leverages, and so a second pass. */
static qst_status look(irls *it, qst_err *err)
{
    qst__fit *f = it->f;
    qst_status status = run_pass(it, f->gram.data, err);
    it->objective = it->sums[SUM_DEVIANCE];
    if (status != QST_OK || it->quadratic == NULL || it->from != FROM_B || !is_good(it)) {
        return status;
    }
    factor(it);
    it->objective -= log_determinant(f);
    status = qst__design_quadratic(f->ctx, f->design, f->inverse.data, it->quadratic, err);
    if (status == QST_OK) {
        it->is_penalised = true;
        status = run_pass(it, NULL, err);
        it->is_penalised = false;
    }
    return status;
}

/* step = (X'WX)^-1 times the scores. */
static void solve(irls *it)
{
    const qst__fit *f = it->f;
    factor(it);
    memcpy(it->step, f->work->cross, (size_t)f->p * sizeof(double));
    qst__solve_upper_transposed(qst__view(f->factor), it->step);
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        sum += it->step[j] * it->step[j];
    }
    it->step_size = sqrt(sum);
    qst__solve_upper(qst__view(f->factor), it->step);
}

static void take_step(irls *it)
{
    solve(it);
    for (ptrdiff_t j = 0; j < it->f->p; j++) {
        it->b_old[j] = it->b[j];
        it->b[j] += it->step[j];
    }
}

/* ---- Starts ---- */

static qst_status no_start(const irls *it, qst_err *err)
{
    return qst__fail_at(err, QST_ENOTCONV, -1, -1, it->mean,
        "no coefficients were found whose means are all in the range of family and link");
}

/* b_out = coefficients whose means are all near the mean response. */
static qst_status start_at_mean(irls *it, double *b_out, qst_err *err)
{
    it->from = FROM_MEAN;
    qst_status status = run_pass(it, it->f->gram.data, err);
    it->from = FROM_B;
    if (status == QST_OK && !is_good(it)) {
        return no_start(it, err);
    }
    if (status == QST_OK) {
        solve(it);
        memcpy(b_out, it->step, (size_t)it->f->p * sizeof(double));
    }
    return status;
}

/* Columns less those of the model before them, by QR: work->x = X R^-1. */
static void make_orthogonal(const qst__fit *f, qst_cmat r)
{
    double *x = f->work->x.data;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const double root = r.data[j + j * r.ld];
        for (ptrdiff_t k = 0; k < j; k++) {
            for (ptrdiff_t i = 0; i < f->n; i++) {
                x[i + j * f->n] -= r.data[k + j * r.ld] * x[i + k * f->n];
            }
        }
        for (ptrdiff_t i = 0; i < f->n; i++) {
            x[i + j * f->n] = root != 0.0 ? x[i + j * f->n] / root : 0.0;
        }
    }
}

/* An ill-conditioned design is replaced by one with columns orthogonal under the prior weights,
 * X = Q R; `r_out` (p x p) is left for what goes back to the columns as they are. */
typedef struct {
    qst_part part;
    qst_term term;
    qst_model model;
    qst_mat r;
    bool is_used;
} rotation;

static qst_status rotate(irls *it, qst__arena *arena, rotation *turn, qst_err *err)
{
    qst__fit *f = it->f;
    qst_status status = qst__mat_make(arena, f->p, f->p, &turn->r, err);
    if (status == QST_OK) {
        status = qst__glm_qr_make(f, err);
    }
    for (ptrdiff_t i = 0; i < f->n && status == QST_OK; i++) {
        f->work->response[i] = 0.0;
        f->work->root_weights[i] = sqrt(qst__weight_at(f, i));
    }
    if (status == QST_OK) {
        status = qst__glm_qr_solve(f, err);
    }
    if (status != QST_OK) {
        return status;
    }
    memcpy(turn->r.data, f->factor.data, (size_t)(f->p * f->p) * sizeof(double));
    make_orthogonal(f, qst__view(turn->r));
    turn->part = (qst_part){.x = f->work->x.data, .n_cols = f->p};
    turn->term = (qst_term){&turn->part, 1};
    turn->model = (qst_model){&turn->term, 1, f->n};
    turn->is_used = true;
    return qst__design_make(f->ctx, arena, &turn->model, &f->design, err);
}

static void turn_back(const qst__fit *f, const rotation *turn, double *direction)
{
    const qst_cmat r = qst__view(turn->r);
    const qst_mat v = f->inverse;
    qst__solve_upper(r, f->result->coefficients);
    qst__solve_upper(r, direction);
    for (ptrdiff_t j = 0; j < f->p; j++) {
        qst__solve_upper(r, v.data + j * f->p);
    }
    for (ptrdiff_t j = 0; j < f->p; j++) {
        for (ptrdiff_t i = 0; i < j; i++) {
            const double swapped = v.data[i + j * f->p];
            v.data[i + j * f->p] = v.data[j + i * f->p];
            v.data[j + i * f->p] = swapped;
        }
    }
    for (ptrdiff_t j = 0; j < f->p; j++) {
        qst__solve_upper(r, v.data + j * f->p);
    }
    f->info->condition = (double)NAN;
    f->info->method = QST_GLM_BY_QR;
}

static void note_aliased(const irls *it)
{
    for (ptrdiff_t j = 0; j < it->f->p; j++) {
        it->aliased[j] = it->f->factor.data[j + j * it->f->p] == 0.0;
    }
}

/* The Gram matrix at the first means, and which columns are aliased; with other columns if these
 * are ill-conditioned. Where R would find no starting values, all means are the mean response. */
static qst_status start(irls *it, qst__arena *arena, rotation *turn, qst_err *err)
{
    qst__fit *f = it->f;
    qst_status status = look(it, err);
    it->mean = it->sums[SUM_Y] / it->sums[SUM_WEIGHTS];
    bool at_mean = false;
    if (status == QST_OK && !is_good(it)) {
        at_mean = true;
        it->from = FROM_MEAN;
        status = look(it, err);
    }
    if (status == QST_OK && !is_good(it)) {
        status = no_start(it, err);
    }
    if (status != QST_OK) {
        return status;
    }
    if (!qst__glm_factor(f, QST__GRAM_FLOOR, MAX_CONDITION)) {
        status = rotate(it, arena, turn, err);
        if (status == QST_OK) {
            status = look(it, err);
        }
        if (status == QST_OK) {
            (void)qst__glm_factor(f, QST__GRAM_FLOOR, MAX_CONDITION);
        }
    }
    if (status == QST_OK) {
        note_aliased(it);
        it->from = FROM_B;
    }
    if (status == QST_OK && at_mean) {
        it->has_b = true;
        take_step(it);
        status = look(it, err);
        if (status == QST_OK && !is_good(it)) {
            status = no_start(it, err);
        }
    }
    return status;
}

/* ---- Steps ---- */

static double relative_change(const irls *it, double before)
{
    return (it->objective - before) / (fabs(it->objective) + 0.1);
}

/* Halves a step until all means are in range and the objective has not grown beyond `before`
 * (NaN: there is none). A step that only grows ends where it began. */
static qst_status shorten(irls *it, double before, qst_err *err)
{
    const ptrdiff_t p = it->f->p;
    qst_status status = QST_OK;
    bool has_old = !isnan(before);
    for (int k = 0; k <= MAX_HALVINGS && status == QST_OK; k++) {
        const bool grew = relative_change(it, before) > it->f->settings->tol_deviance;
        if (is_good(it) && !grew) {
            return QST_OK;
        }
        it->f->info->is_boundary = it->f->info->is_boundary || !is_good(it);
        if (!has_old) {
            status = start_at_mean(it, it->b_old, err);
            has_old = true;
        }
        const double share = k < MAX_HALVINGS ? 0.5 : 0.0;
        for (ptrdiff_t j = 0; j < p; j++) {
            it->b[j] = it->b_old[j] + share * (it->b[j] - it->b_old[j]);
        }
        if (status == QST_OK) {
            status = look(it, err);
        }
    }
    return status == QST_OK && !is_good(it) ? no_start(it, err) : status;
}

/* Steps until the objective changes by less than the tolerance. */
static qst_status iterate(irls *it, qst_err *err)
{
    const qst_glm_settings *settings = it->f->settings;
    qst_glm_info *info = it->f->info;
    info->is_converged = false;
    for (int32_t k = 1; k <= settings->n_steps_max && !info->is_converged; k++) {
        const double before = it->objective;
        take_step(it);
        qst_status status = look(it, err);
        if (status == QST_OK) {
            status = shorten(it, it->has_b ? before : (double)NAN, err);
        }
        if (status != QST_OK) {
            return status;
        }
        it->has_b = true;
        info->n_steps = k;
        info->is_converged = fabs(relative_change(it, before)) < settings->tol_deviance;
    }
    return QST_OK;
}

/* Steps to the last digit, and the rows of the result. At least one is taken: the deviance is so
 * flat that it shows half the digits of the coefficients only. */
static qst_status polish(irls *it, qst_err *err)
{
    it->keeps = true;
    const bool is_newton = qst__is_canonical(it->family, it->link);
    const double shrinks = is_newton ? NEWTON_SHRINKS : SCORING_SHRINKS;
    double last = (double)INFINITY;
    qst_status status = QST_OK;
    if (!it->f->info->is_converged) {
        status = look(it, err);
        solve(it);
        return status;
    }
    for (int k = 0; k < MAX_POLISH && status == QST_OK; k++) {
        solve(it);
        if (k > 0 && (it->step_size <= TINY_STEP || !(it->step_size < shrinks * last))) {
            break;
        }
        last = it->step_size;
        const double before = it->objective;
        take_step(it);
        status = look(it, err);
        if (status == QST_OK) {
            status = shorten(it, before, err);
        }
    }
    return status;
}

/* ---- Theta of negative binomials ---- */

/* Sums over k = 0 .. y - 1 of 1 / (theta + k) and its square, which are differences of digamma and
 * trigamma. */
static void rising(double theta, double y, double *first, double *second)
{
    *first = *second = 0.0;
    if (y == floor(y) && y < FEW_COUNTS) {
        for (double k = 0.0; k < y; k += 1.0) {
            const double inverse = 1.0 / (theta + k);
            *first += inverse;
            *second += inverse * inverse;
        }
        return;
    }
    *first = qst__digamma(theta + y) - qst__digamma(theta);
    *second = qst__trigamma(theta) - qst__trigamma(theta + y);
}

enum { THETA_SCORE, THETA_INFORMATION, THETA_SPREAD, N_THETA_SUMS };

/* First and negative second derivative of the log likelihood in theta (Lawless 1987, Can. J.
 * Statist. 15:209-225), and sum of w (y / mu - 1)^2. */
static qst_status theta_rows(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)weights_out;
    (void)residuals_out;
    (void)err;
    const irls *it = data;
    const double theta = it->theta;
    block rows;
    double score = 0.0, information = 0.0, spread = 0.0;
    set_eta(it, start, n, eta, rows.eta);
    qst__mean_block(it->link, rows.eta, n, rows.mu, rows.slope);
    for (ptrdiff_t i = 0; i < n; i++) {
        const double weight = qst__weight_at(it->f, start + i);
        const double y = it->f->data->y[start + i], mu = rows.mu[i];
        const double sum = theta + mu, share = (y - mu) / sum;
        double first, second;
        if (weight == 0.0) {
            continue;
        }
        rising(theta, y, &first, &second);
        score += weight * (first - log1p(mu / theta) - share);
        information += weight * (second - (mu / theta + share) / sum);
        spread += weight * (y / mu - 1.0) * (y / mu - 1.0);
    }
    sums[THETA_SCORE] = qst__dd_add(sums[THETA_SCORE], score);
    sums[THETA_INFORMATION] = qst__dd_add(sums[THETA_INFORMATION], information);
    sums[THETA_SPREAD] = qst__dd_add(sums[THETA_SPREAD], spread);
    return QST_OK;
}

static qst_status theta_pass(irls *it, double sums_out[N_THETA_SUMS], qst_err *err)
{
    const qst__pass pass = {
        .b = it->b, .step = theta_rows, .data = it, .n_sums = N_THETA_SUMS, .sums_out = sums_out};
    return qst__design_pass(it->f->ctx, it->f->design, &pass, err);
}

/* The theta that is likeliest given the means, by Newton's method within a factor of ten a step. */
static qst_status find_theta(irls *it, qst_err *err)
{
    double sums[N_THETA_SUMS], change = 1.0;
    for (int k = 0; k < THETA_STEPS && fabs(change) > 1e-9 && it->theta < THETA_END; k++) {
        const qst_status status = theta_pass(it, sums, err);
        if (status != QST_OK) {
            return status;
        }
        const double information = sums[THETA_INFORMATION];
        const double newton = sums[THETA_SCORE] / information / it->theta;
        const double uphill = sums[THETA_SCORE] > 0.0 ? 9.0 : -0.9;
        change = information > 0.0 ? fmax(-0.9, fmin(9.0, newton)) : uphill;
        it->theta *= 1.0 + change;
        it->f->info->theta_se = 1.0 / sqrt(information);
    }
    it->theta = fmin(it->theta, THETA_END);
    return QST_OK;
}

/* From Poisson means, theta and coefficients in turn, as they are independent at the maximum. */
static qst_status iterate_theta(irls *it, qst_err *err)
{
    double sums[N_THETA_SUMS];
    it->theta = 1.0;
    qst_status status = theta_pass(it, sums, err);
    it->theta = fmin(1e4, fmax(1e-4, it->sums[SUM_WEIGHTS] / sums[THETA_SPREAD]));
    it->family = QST_FAMILY_NEGATIVE_BINOMIAL;
    double change = 1.0;
    int32_t n_steps = 0;
    for (int k = 0; k < THETA_STEPS && status == QST_OK && fabs(change) > 1e-11; k++) {
        const double before = it->theta;
        status = find_theta(it, err);
        change = it->theta / before - 1.0;
        if (status == QST_OK) {
            status = look(it, err);
        }
        if (status == QST_OK) {
            status = iterate(it, err);
        }
        n_steps += it->f->info->n_steps;
    }
    it->f->info->n_steps = n_steps;
    it->f->info->is_converged = it->f->info->is_converged && it->theta < THETA_END;
    return status;
}

/* ---- Separation ---- */

enum { ALONG, ASTRAY, N_WAYS };

/* Squared changes of the linear predictors when coefficients go in the direction: towards the ends
 * the responses are at, and otherwise. */
static qst_status way_rows(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)weights_out;
    (void)residuals_out;
    (void)err;
    const irls *it = data;
    double along = 0.0, astray = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const int end = qst__open_end(it->family, it->link, it->f->data->y[start + i]);
        if (qst__weight_at(it->f, start + i) > 0.0) {
            *(end * eta[i] > 0.0 ? &along : &astray) += eta[i] * eta[i];
        }
    }
    sums[ALONG] = qst__dd_add(sums[ALONG], along);
    sums[ASTRAY] = qst__dd_add(sums[ASTRAY], astray);
    return QST_OK;
}

static qst_status separates(
    irls *it, const double *direction, double tol, bool *separates_out, qst_err *err)
{
    double ways[N_WAYS];
    const qst__pass pass = {
        .b = direction, .step = way_rows, .data = it, .n_sums = N_WAYS, .sums_out = ways};
    const qst_status status = qst__design_pass(it->f->ctx, it->f->design, &pass, err);
    *separates_out = status == QST_OK && ways[ALONG] > 0.0 && ways[ASTRAY] <= tol * ways[ALONG];
    return status;
}

/*
 * The likelihood has no maximum if some direction of the coefficients moves
 * linear predictors only towards the end of the scale where the response is,
 * and none the other way (Albert & Anderson 1984, Biometrika 71:1-10). Under
 * separation the steps never shrink and become such a direction; if answers
 * are all told apart, the coefficients are one themselves. `step` becomes the
 * direction, zeros if there is none.
 */
static qst_status find_separation(irls *it, qst_err *err)
{
    bool found = false;
    qst_status status = QST_OK;
    if (it->step_size > OPEN_STEP && it->quadratic == NULL) {
        status = separates(it, it->step, WRONG_WAY, &found, err);
        if (status == QST_OK && !found) {
            memcpy(it->step, it->b, (size_t)it->f->p * sizeof(double));
            status = separates(it, it->step, 0.0, &found, err);
        }
    }
    it->f->info->is_separated = found;
    if (!found) {
        memset(it->step, 0, (size_t)it->f->p * sizeof(double));
    }
    return status;
}

/* ---- The result ---- */

/* R b + R'^-1 scores, which is Q'W^(1/2) z of the last step. */
static void set_effects(const irls *it)
{
    const qst__fit *f = it->f;
    double *effects = f->result->effects;
    memcpy(effects, f->work->cross, (size_t)f->p * sizeof(double));
    qst__solve_upper_transposed(qst__view(f->factor), effects);
    for (ptrdiff_t j = 0; j < f->p; j++) {
        for (ptrdiff_t k = j; k < f->p; k++) {
            effects[j] += f->factor.data[j + k * f->p] * it->b[k];
        }
    }
}

/* To the columns as they are. */
static void go_back(irls *it, const rotation *turn)
{
    const qst__fit *f = it->f;
    if (turn->is_used) {
        turn_back(f, turn, it->step);
    } else if (qst__design_constant(f->design) != 0.0) {
        double *low = f->work->change;
        memset(low, 0, (size_t)f->p * sizeof(double));
        qst__design_uncentre(f->design, it->b, low, f->inverse.data);
        memset(low, 0, (size_t)f->p * sizeof(double));
        qst__design_uncentre(f->design, it->step, low, NULL);
    }
    double largest = 0.0;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        largest = fmax(largest, fabs(it->step[j]));
    }
    for (ptrdiff_t j = 0; j < f->p && f->result->separated != NULL; j++) {
        const double step = fabs(it->step[j]);
        f->result->separated[j] = step > SETTLED * fabs(it->b[j]) && step > ROUNDING * largest;
    }
}

static qst_status finish(irls *it, const rotation *turn, qst_err *err)
{
    const qst__fit *f = it->f;
    factor(it);
    set_effects(it);
    f->info->deviance = it->sums[SUM_DEVIANCE];
    f->info->pearson = it->sums[SUM_PEARSON];
    if (it->family == QST_FAMILY_NEGATIVE_BINOMIAL) {
        f->info->theta = it->theta;
    }
    if (it->quadratic != NULL) {
        f->info->log_det = log_determinant(f);
    }
    const qst_status status = find_separation(it, err);
    go_back(it, turn);
    return status;
}

static qst_status make_rooms(irls *it, qst__arena *arena, qst_err *err)
{
    const qst__fit *f = it->f;
    qst_status status = qst__arena_array(arena, f->p, sizeof(double), &it->b_old, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, f->p, sizeof(double), &it->step, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, f->p, sizeof(bool), &it->aliased, err);
    }
    if (status == QST_OK && f->settings->firth) {
        status = qst__arena_array(arena, f->n, sizeof(double), &it->quadratic, err);
    }
    memset(f->result->coefficients, 0, (size_t)f->p * sizeof(double));
    return status;
}

static qst_status fit(irls *it, qst__arena *arena, qst_err *err)
{
    const qst_glm_settings *settings = it->f->settings;
    rotation turn = {.is_used = false};
    qst_status status = start(it, arena, &turn, err);
    if (status == QST_OK) {
        status = iterate(it, err);
    }
    if (status == QST_OK && settings->estimate_theta) {
        status = iterate_theta(it, err);
    }
    if (status == QST_OK) {
        status = polish(it, err);
    }
    return status == QST_OK ? finish(it, &turn, err) : status;
}

qst_status qst__glm_irls(qst__fit *f, qst_err *err)
{
    const qst_glm_settings *settings = f->settings;
    irls it = {.f = f,
        .family = settings->estimate_theta ? QST_FAMILY_POISSON : settings->family,
        .link = settings->link,
        .theta = settings->theta,
        .from = FROM_DATA,
        .b = f->result->coefficients};
    qst__arena arena;
    qst__arena_init(&arena, f->ctx);
    qst_status status = qst__response_check(settings->family, f->data->y, f->n, err);
    if (status == QST_OK) {
        status = qst__design_centre(f->ctx, f->design, f->data->weights, err);
    }
    if (status == QST_OK) {
        status = make_rooms(&it, &arena, err);
    }
    if (status == QST_OK) {
        status = fit(&it, &arena, err);
    }
    qst__arena_free(&arena);
    return status;
}
