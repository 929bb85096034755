#include "stat/family.h"
#include "stat/glm.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A last step that moves a linear predictor by this much has not arrived. */
#define STILL_MOVING 0.1
/* Below this share of its coefficient no last step is looked at. */
#define SMALL_STEP 1e-4
#define MAX_HALVINGS 30
/* Steps end when they change no digit that a step more would keep. */
#define DIGITS 1e-9
#define SHRINKING 0.8

/* Sums of a pass. */
enum { DEVIANCE, PEARSON, N_INVALID, N_SUMS };

typedef struct {
    qst__fit *fit;
    double *b;     /* p, on the columns that passes work on */
    bool is_start; /* from the family's starting means instead of b */
    bool is_by_qr; /* rows go to work->response and root_weights */
    bool is_last;  /* rows go to the result */
    bool is_firth; /* residuals get the penalty, from work->leverage */
    double sums[N_SUMS];
    double deviance; /* penalised for Firth */
} irls;

/* ---- The rows of a pass ---- */

typedef struct {
    double linear[QST__BLOCK], mu[QST__BLOCK], slope[QST__BLOCK], variance[QST__BLOCK];
    double deviance[QST__BLOCK];
} block;

/* Linear predictor and what follows from it; false if it is none of the family's. */
static bool predict(const irls *it, ptrdiff_t start, ptrdiff_t n, const double *eta, block *rows)
{
    const qst__fit *f = it->fit;
    const qst_glm_settings *set = f->settings;
    const double *y = f->data->y + start;
    const double *weights = f->data->weights != NULL ? f->data->weights + start : NULL;
    if (it->is_start) {
        qst__start_block(set->family, y, weights, n, rows->mu);
        qst__link_block(set->link, rows->mu, n, rows->linear);
    } else {
        for (ptrdiff_t i = 0; i < n; i++) {
            rows->linear[i] = eta[i] + qst__offset_at(f, start + i);
        }
    }
    qst__mean_block(set->link, rows->linear, n, rows->mu, rows->slope);
    qst__variance_block(set->family, set->theta, rows->mu, n, rows->variance);
    qst__deviance_block(set->family, set->theta, y, rows->mu, weights, n, rows->deviance);
    return qst__eta_is_valid(set->link, rows->linear, n) &&
           qst__mu_is_valid(set->family, rows->mu, n);
}

/* d mu / d eta over the variance; 1 for canonical links, without rounding. */
static void slope_ratios(const qst__fit *f, const block *rows, ptrdiff_t n, double *ratio_out)
{
    const bool is_canonical = qst__is_canonical(f->settings->family, f->settings->link);
    for (ptrdiff_t i = 0; i < n; i++) {
        ratio_out[i] = is_canonical ? 1.0 : rows->slope[i] / rows->variance[i];
    }
}

static void keep_rows(const irls *it, ptrdiff_t start, ptrdiff_t n, const block *rows)
{
    const qst__fit *f = it->fit;
    for (ptrdiff_t i = 0; i < n; i++) {
        f->result->residuals[start + i] = (f->data->y[start + i] - rows->mu[i]) / rows->slope[i];
        f->result->fitted[start + i] = rows->mu[i];
    }
    if (f->result->linear != NULL) {
        memcpy(f->result->linear + start, rows->linear, (size_t)n * sizeof(double));
    }
}

/* The working response: from the start whole, later what the step has to add. */
static double working_response(const irls *it, ptrdiff_t start, ptrdiff_t i, const block *rows)
{
    const double error = it->fit->data->y[start + i] - rows->mu[i];
    const double change = error != 0.0 ? error / rows->slope[i] : 0.0;
    return it->is_start ? rows->linear[i] - qst__offset_at(it->fit, start + i) + change : change;
}

static qst_status irls_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)err;
    const irls *it = data;
    const qst__fit *f = it->fit;
    block rows;
    double ratio[QST__BLOCK];
    const bool is_valid = predict(it, start, n, eta, &rows);
    slope_ratios(f, &rows, n, ratio);
    double deviance = 0.0, pearson = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double prior = qst__weight_at(f, start + i);
        const double error = f->data->y[start + i] - rows.mu[i];
        const double weight = prior > 0.0 ? prior * rows.slope[i] * ratio[i] : 0.0;
        deviance += prior > 0.0 ? rows.deviance[i] : 0.0;
        pearson += prior > 0.0 ? prior * error * error / rows.variance[i] : 0.0;
        if (weights_out != NULL) {
            weights_out[i] = weight;
        }
        if (residuals_out != NULL) {
            const double score = prior > 0.0 ? prior * error * ratio[i] : 0.0;
            const double penalty =
                it->is_firth ? weight * f->work->leverage[start + i] * (0.5 - rows.mu[i]) : 0.0;
            residuals_out[i] =
                it->is_start && weight > 0.0
                    ? weight * (rows.linear[i] - qst__offset_at(f, start + i)) + score
                    : score + penalty;
        }
        if (it->is_by_qr) {
            f->work->root_weights[start + i] = sqrt(weight);
            f->work->response[start + i] =
                weight > 0.0 ? working_response(it, start, i, &rows) : 0.0;
        }
    }
    if (it->is_last) {
        keep_rows(it, start, n, &rows);
    }
    sums[DEVIANCE] = qst__dd_add(sums[DEVIANCE], deviance);
    sums[PEARSON] = qst__dd_add(sums[PEARSON], pearson);
    sums[N_INVALID] = qst__dd_add(sums[N_INVALID], is_valid ? 0.0 : 1.0);
    return QST_OK;
}

/* ---- One pass ---- */

static qst_status run_pass(irls *it, bool with_gram, bool with_cross, qst_err *err)
{
    const qst__fit *f = it->fit;
    const qst__pass pass = {.b = it->is_start ? NULL : it->b,
        .step = irls_step,
        .data = it,
        .n_sums = N_SUMS,
        .gram_out = with_gram ? f->gram.data : NULL,
        .cross_out = with_cross ? f->work->cross : NULL,
        .sums_out = it->sums};
    return qst__design_pass(f->ctx, f->design, &pass, err);
}

/* The determinant of X'WX is that of the columns as they are: centring is a unit triangle. */
static double log_determinant(const qst__fit *f)
{
    double sum = 0.0;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const double diagonal = fabs(f->factor.data[j + j * f->p]);
        sum += diagonal > 0.0 ? 2.0 * log(diagonal) : 0.0;
    }
    return sum;
}

/* Firth's penalty: to the score w (y - mu) comes h (1/2 - mu), to the deviance -log det X'WX. */
static qst_status penalise(irls *it, qst_err *err)
{
    qst__fit *f = it->fit;
    (void)qst__glm_factor(f);
    f->info->log_det = log_determinant(f);
    qst_status status =
        qst__design_quadratic(f->ctx, f->design, f->inverse.data, f->work->leverage, err);
    if (status == QST_OK) {
        it->is_firth = true;
        status = run_pass(it, false, true, err);
        it->is_firth = false;
    }
    it->deviance -= f->info->log_det;
    return status;
}

/* The deviance at b, infinite outside the family, and what a step from there needs. */
static qst_status evaluate(irls *it, qst_err *err)
{
    const bool with_gram = !it->is_by_qr && !it->is_last;
    qst_status status = run_pass(it, with_gram, with_gram, err);
    const bool is_inside = it->sums[N_INVALID] == 0.0 && isfinite(it->sums[DEVIANCE]);
    it->deviance = is_inside ? it->sums[DEVIANCE] : (double)INFINITY;
    if (status == QST_OK && is_inside && it->fit->settings->firth && !it->is_start &&
        !it->is_last) {
        status = penalise(it, err);
    }
    return status;
}

/* ---- Steps ---- */

static qst_status switch_to_qr(irls *it, qst_err *err)
{
    qst__fit *f = it->fit;
    memset(f->work->change, 0, (size_t)f->p * sizeof(double));
    qst__design_uncentre(f->design, it->b, f->work->change, NULL);
    const qst_status status = qst__glm_qr_make(f, err);
    it->is_by_qr = true;
    return status == QST_OK ? run_pass(it, false, false, err) : status;
}

/* work->solution = the coefficients from the start, later what the step adds to them. */
static qst_status solve(irls *it, qst_err *err)
{
    qst__fit *f = it->fit;
    const bool is_firth = f->settings->firth;
    if (!it->is_by_qr && !qst__glm_factor(f) && !is_firth) {
        const qst_status status = switch_to_qr(it, err);
        if (status != QST_OK) {
            return status;
        }
    }
    if (it->is_by_qr) {
        return qst__glm_qr_solve(f, err);
    }
    memcpy(f->work->solution, f->work->cross, (size_t)f->p * sizeof(double));
    qst__solve_upper_transposed(qst__view(f->factor), f->work->solution);
    qst__solve_upper(qst__view(f->factor), f->work->solution);
    return QST_OK;
}

static void add_step(irls *it)
{
    const qst__fit *f = it->fit;
    memcpy(f->work->before, it->b, (size_t)f->p * sizeof(double));
    for (ptrdiff_t j = 0; j < f->p; j++) {
        it->b[j] += f->work->solution[j];
    }
}

/* Coefficients of the mean alone, where the first column is constant: inside every family. */
static void retreat_to_mean(const irls *it, double constant)
{
    const qst__fit *f = it->fit;
    double weights = 0.0, sum = 0.0, offsets = 0.0;
    for (ptrdiff_t i = 0; i < f->n; i++) {
        weights += qst__weight_at(f, i);
        sum += qst__weight_at(f, i) * f->data->y[i];
        offsets += qst__weight_at(f, i) * qst__offset_at(f, i);
    }
    memset(f->work->before, 0, (size_t)f->p * sizeof(double));
    if (constant != 0.0) {
        const double mean = sum / weights;
        double eta;
        qst__link_block(f->settings->link, &mean, 1, &eta);
        f->work->before[0] = (eta - offsets / weights) / constant;
    }
}

/* Evaluates at b, halving the way to work->before while that is outside the family or, beyond
 * `deviance_max`, goes uphill (Marschner 2011, R Journal 3/2:12-15). */
static qst_status evaluate_inside(irls *it, double deviance_max, qst_err *err)
{
    qst__fit *f = it->fit;
    qst_status status = evaluate(it, err);
    for (int k = 0; status == QST_OK && !(it->deviance <= deviance_max) && k < MAX_HALVINGS; k++) {
        f->info->is_boundary = f->info->is_boundary || !isfinite(it->deviance);
        for (ptrdiff_t j = 0; j < f->p; j++) {
            it->b[j] = 0.5 * (it->b[j] + f->work->before[j]);
        }
        status = evaluate(it, err);
    }
    if (status == QST_OK && !isfinite(it->deviance)) {
        err = err != NULL ? err : &(qst_err){QST_OK, -1, -1, -1, (double)NAN, ""};
        status = qst__fail(err, QST_ENOTCONV,
            "no coefficients with means inside the family were found in step %d",
            (int)f->info->n_steps);
        err->iteration = f->info->n_steps;
    }
    return status;
}

static double tolerance(const irls *it, double deviance)
{
    return it->fit->settings->tol_deviance * (fabs(deviance) + 0.1);
}

static qst_status iterate(irls *it, qst_err *err)
{
    qst__fit *f = it->fit;
    const double constant = qst__design_constant(f->design);
    it->is_start = true;
    qst_status status = evaluate(it, err);
    double before = it->deviance;
    if (status == QST_OK) {
        status = solve(it, err);
    }
    it->is_start = false;
    memset(it->b, 0, (size_t)f->p * sizeof(double));
    add_step(it);
    retreat_to_mean(it, constant);
    double highest = DBL_MAX;
    for (int32_t k = 1; k <= f->settings->n_steps_max && status == QST_OK; k++) {
        f->info->n_steps = k;
        status = evaluate_inside(it, highest, err);
        f->info->is_converged = fabs(it->deviance - before) < tolerance(it, it->deviance);
        if (status != QST_OK || f->info->is_converged || k == f->settings->n_steps_max) {
            return status;
        }
        before = it->deviance;
        highest = before + tolerance(it, before);
        status = solve(it, err);
        if (status == QST_OK) {
            add_step(it);
        }
    }
    return status;
}

/* ---- The end ---- */

typedef struct {
    const qst__fit *fit;
} watcher;

/* sums[0] = rows at an open end of the family that `eta`, a step, still moves. */
static qst_status moving_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)weights_out;
    (void)residuals_out;
    (void)err;
    const qst__fit *f = ((const watcher *)data)->fit;
    double n_moving = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const int end =
            qst__open_end(f->settings->family, f->settings->link, f->data->y[start + i]);
        const bool is_moving = end * eta[i] > STILL_MOVING;
        n_moving += is_moving && qst__weight_at(f, start + i) > 0.0 ? 1.0 : 0.0;
    }
    sums[0] = qst__dd_add(sums[0], n_moving);
    return QST_OK;
}

static qst_status count_moving(const qst__fit *f, const double *step, double *n_out, qst_err *err)
{
    watcher data = {f};
    const qst__pass pass = {
        .b = step, .step = moving_step, .data = &data, .n_sums = 1, .sums_out = n_out};
    return qst__design_pass(f->ctx, f->design, &pass, err);
}

/* Which columns alone still move rows to an end; the constant only if no other does. */
static qst_status mark_separated(const qst__fit *f, qst_err *err)
{
    double *alone = f->work->before;
    memset(alone, 0, (size_t)f->p * sizeof(double));
    bool is_marked = false;
    for (ptrdiff_t j = f->p - 1; j >= 0; j--) {
        double n_moving = 0.0;
        alone[j] = f->work->solution[j];
        const qst_status status = count_moving(f, alone, &n_moving, err);
        alone[j] = 0.0;
        if (status != QST_OK) {
            return status;
        }
        f->result->separated[j] = n_moving > 0.0 && !(j == 0 && is_marked);
        is_marked = is_marked || n_moving > 0.0;
    }
    return QST_OK;
}

static qst_status look_for_separation(const irls *it, qst_err *err)
{
    const qst__fit *f = it->fit;
    bool is_small = true;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        is_small = is_small && fabs(f->work->solution[j]) <= SMALL_STEP * fabs(it->b[j]);
    }
    double n_moving = 0.0;
    qst_status status = is_small ? QST_OK : count_moving(f, f->work->solution, &n_moving, err);
    f->info->is_separated = n_moving > 0.0;
    if (status == QST_OK && f->info->is_separated && f->result->separated != NULL) {
        status = mark_separated(f, err);
    }
    return status;
}

/* The largest share of its coefficient that the next step changes. */
static double relative_step(const irls *it)
{
    const qst__fit *f = it->fit;
    double largest = 0.0;
    for (ptrdiff_t j = 0; j < f->p; j++) {
        const double step = fabs(f->work->solution[j]);
        largest = step > largest * fabs(it->b[j]) ? step / fabs(it->b[j]) : largest;
    }
    return largest;
}

/* Steps beyond the rule for the deviance, whose error is the square of that of coefficients, as
 * long as they get smaller. Leaves a last one in work->solution. */
static qst_status polish(irls *it, qst_err *err)
{
    qst_status status = solve(it, err);
    double step = relative_step(it), before = (double)INFINITY;
    while (status == QST_OK && step > DIGITS && step < SHRINKING * before) {
        before = step;
        add_step(it);
        status = evaluate_inside(it, DBL_MAX, err);
        if (status == QST_OK) {
            status = solve(it, err);
            step = relative_step(it);
        }
    }
    return status;
}

/* The last step, which is not taken if it leads outside, and the rows at its end. */
static qst_status take_last_step(irls *it, qst_err *err)
{
    qst__fit *f = it->fit;
    add_step(it);
    it->is_last = true;
    qst_status status = evaluate(it, err);
    if (status == QST_OK && !isfinite(it->deviance)) {
        memcpy(it->b, f->work->before, (size_t)f->p * sizeof(double));
        status = evaluate(it, err);
    }
    f->info->deviance = it->sums[DEVIANCE];
    f->info->pearson = it->sums[PEARSON];
    return status;
}

/* Effects are R b, and centring changes neither. */
static void finish(const irls *it)
{
    const qst__fit *f = it->fit;
    for (ptrdiff_t i = 0; i < f->p; i++) {
        double sum = 0.0;
        for (ptrdiff_t j = i; j < f->p; j++) {
            sum += f->factor.data[i + j * f->p] * it->b[j];
        }
        f->result->effects[i] = sum;
    }
    if (!it->is_by_qr) {
        memset(f->work->change, 0, (size_t)f->p * sizeof(double));
        qst__design_uncentre(f->design, it->b, f->work->change, f->inverse.data);
    }
}

static qst_status make_leverage(qst_glm_work *work, qst_err *err)
{
    if (work->leverage != NULL) {
        return QST_OK;
    }
    return qst__arena_array(&work->arena, work->n_rows, sizeof(double), &work->leverage, err);
}

qst_status qst__glm_irls(qst__fit *f, qst_err *err)
{
    irls it = {.fit = f, .b = f->result->coefficients};
    qst_status status = qst__response_check(f->settings->family, f->data->y, f->n, err);
    if (status == QST_OK && f->settings->firth) {
        status = make_leverage(f->work, err);
    }
    if (status == QST_OK) {
        status = qst__design_centre(f->ctx, f->design, f->data->weights, err);
    }
    if (status == QST_OK) {
        status = iterate(&it, err);
    }
    if (status == QST_OK) {
        status = polish(&it, err);
    }
    if (status == QST_OK && !f->settings->firth) {
        status = look_for_separation(&it, err);
    }
    if (status == QST_OK) {
        status = take_last_step(&it, err);
    }
    if (status == QST_OK) {
        finish(&it);
    }
    return status;
}
