/*
 * Ordered levels by proportional odds: the log odds of level k or lower are
 * theta_k - x'b (McCullagh 1980, J. R. Stat. Soc. B 42:109-142). A row of
 * level k has the probability
 *     F(theta_k - x'b) F(x'b - theta_(k-1)) (1 - exp(theta_(k-1) - theta_k)),
 * F the logistic distribution function: two sides as in logistic regression,
 * of which the outer levels lack one, and a factor of the thresholds alone. So
 * there is no difference of nearly equal numbers, and the matrix of second
 * derivatives is a sum of positive terms. Parameters: thresholds, then effects.
 *
 * Parameters are drawn as (theta_1, logs of the gaps between thresholds, b)
 * from the normal approximation of their posterior: thresholds stay in order.
 * (mice draws levels at the estimates.)
 */
#include "stat/impute_levels.h"

#include <math.h>
#include <string.h>

/* The side that outer levels lack: its probability is 1. */
#define NO_SIDE 1e3

static ptrdiff_t n_parameters(ptrdiff_t n_levels, ptrdiff_t n_columns)
{
    return n_levels - 1 + n_columns - 1;
}

static ptrdiff_t n_thresholds(const qst__levels *levels)
{
    return levels->n_levels - 1;
}

static void start(const qst__levels *levels, double *at_out)
{
    memset(at_out, 0, (size_t)levels->n * sizeof *at_out);
    double above = 0.0; /* into at_out, from the last level down, then over what is below */
    for (ptrdiff_t k = n_thresholds(levels) - 1; k >= 0; k--) {
        above += levels->frequency[k + 1];
        at_out[k] = above;
    }
    double below = 0.0;
    for (ptrdiff_t k = 0; k < n_thresholds(levels); k++) {
        below += levels->frequency[k];
        at_out[k] = log(below / at_out[k]);
    }
}

/* x'b of a block's rows. */
static void find_predictors(
    const qst__levels *levels, const double *at, const double *panel, double *eta_out)
{
    qst__predict_block(
        panel + QST__BLOCK, levels->n_columns - 1, at + n_thresholds(levels), eta_out);
}

/* ---- The likelihood ---- */

/* theta_k - x'b of each row, then x'b - theta_(k-1). */
static void find_sides(
    const qst__levels *levels, const double *at, ptrdiff_t first, const double *eta, double *out)
{
    const ptrdiff_t last = n_thresholds(levels);
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        const ptrdiff_t level = (ptrdiff_t)levels->level[first + i];
        out[i] = level < last ? at[level] - eta[i] : NO_SIDE;
        out[i + QST__BLOCK] = level > 0 ? eta[i] - at[level - 1] : NO_SIDE;
    }
}

/* e^-|x| and 1 + e^-|x| of both sides. */
static void find_exponentials(
    const double *restrict side, double *restrict small_out, double *restrict total_out)
{
    for (int i = 0; i < 2 * QST__BLOCK; i++) {
        small_out[i] = -fabs(side[i]);
    }
    qst__exp_block(small_out, 2 * QST__BLOCK, small_out);
    for (int i = 0; i < 2 * QST__BLOCK; i++) {
        total_out[i] = 1.0 + small_out[i];
    }
}

/* The sum of weights times log F(side); sides become residuals 1 - F(side). */
static double find_residuals(
    const double *weight, double *restrict side, double *restrict small, double *restrict total)
{
    find_exponentials(side, small, total);
    double value = 0.0;
    for (int i = 0; i < 2 * QST__BLOCK; i++) {
        const double x = side[i];
        side[i] = (x < 0.0 ? 1.0 : small[i]) / total[i];
        value += weight[i % QST__BLOCK] * (x < 0.0 ? x : 0.0);
    }
    qst__log_block(total, 2 * QST__BLOCK, total);
    for (int i = 0; i < 2 * QST__BLOCK; i++) {
        value -= weight[i % QST__BLOCK] * total[i];
    }
    return value;
}

/* What thresholds get from their rows. `density` = weight F (1 - F). */
static void add_thresholds(
    const qst__levels *levels, ptrdiff_t first, const double *residual, const double *density)
{
    const ptrdiff_t n = levels->n, last = n_thresholds(levels);
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        const ptrdiff_t level = (ptrdiff_t)levels->level[first + i];
        const double weight = levels->weight[first + i];
        if (level < last) {
            levels->gradient[level] += weight * residual[i];
            levels->information[level * (n + 1)] += density[i];
        }
        if (level > 0) {
            levels->gradient[level - 1] -= weight * residual[i + QST__BLOCK];
            levels->information[(level - 1) * (n + 1)] += density[i + QST__BLOCK];
        }
    }
}

/* Sums: gradient of effects, their triangle, then thresholds by effects. */
static void add_effects(const qst__levels *levels, ptrdiff_t first, const double *panel,
    const double *residual, const double *density)
{
    const ptrdiff_t n_effects = levels->n_columns - 1;
    const double *restrict weight = levels->weight + first, *x = panel + QST__BLOCK;
    double part[QST__BLOCK];
    for (int i = 0; i < QST__BLOCK; i++) {
        part[i] = weight[i] * (residual[i + QST__BLOCK] - residual[i]);
    }
    qst__dd *sums = levels->sums;
    qst__cross_block(x, n_effects, part, sums);
    sums += n_effects;
    for (int i = 0; i < QST__BLOCK; i++) {
        part[i] = density[i] + density[i + QST__BLOCK];
    }
    qst__gram_block(x, n_effects, part, sums);
    sums += n_effects * (n_effects + 1) / 2;
    for (ptrdiff_t k = 0; k < n_thresholds(levels); k++, sums += n_effects) {
        const double here = (double)k, next = (double)(k + 1), *level = levels->level + first;
        for (int i = 0; i < QST__BLOCK; i++) {
            const double lower = level[i] == next ? density[i + QST__BLOCK] : 0.0;
            part[i] = level[i] == here ? density[i] : lower;
        }
        qst__cross_block(x, n_effects, part, sums);
    }
}

static double add_block(const qst__levels *levels, const double *at, ptrdiff_t block)
{
    const ptrdiff_t first = block * QST__BLOCK;
    const double *panel = qst__levels_panel(levels, block), *weight = levels->weight + first;
    double *side = levels->block, *density = side + 2 * QST__BLOCK;
    find_predictors(levels, at, panel, density);
    find_sides(levels, at, first, density, side);
    const double value = find_residuals(weight, side, density, levels->probability);
    for (int i = 0; i < 2 * QST__BLOCK; i++) {
        density[i] = weight[i % QST__BLOCK] * side[i] * (1.0 - side[i]);
    }
    add_thresholds(levels, first, side, density);
    add_effects(levels, first, panel, side, density);
    return value;
}

/* The factor of the gap below threshold k, for rows of a total weight. */
static double add_gap(const qst__levels *levels, const double *at, ptrdiff_t k, double weight)
{
    const double gap = at[k] - at[k - 1];
    if (!(gap > 0.0)) {
        return -(double)INFINITY;
    }
    const double odds = 1.0 / expm1(gap), curvature = weight * odds * (1.0 + odds);
    const ptrdiff_t n = levels->n;
    levels->gradient[k] += weight * odds;
    levels->gradient[k - 1] -= weight * odds;
    levels->information[k * (n + 1)] += curvature;
    levels->information[(k - 1) * (n + 1)] += curvature;
    levels->information[k - 1 + k * n] -= curvature;
    return weight * log(-expm1(-gap));
}

/* Rows' weights by level, in levels->probability. */
static const double *weights_of_levels(const qst__levels *levels)
{
    double *sum = levels->probability;
    memset(sum, 0, (size_t)levels->n_levels * sizeof *sum);
    for (ptrdiff_t i = 0; i < levels->n_rows; i++) {
        sum[(ptrdiff_t)levels->level[i]] += levels->weight[i];
    }
    return sum;
}

static double add_gaps(const qst__levels *levels, const double *at)
{
    const double *weight = weights_of_levels(levels);
    double value = 0.0;
    for (ptrdiff_t k = 1; k < n_thresholds(levels); k++) {
        value += add_gap(levels, at, k, weight[k]);
    }
    return value;
}

static void spread(const qst__levels *levels)
{
    const ptrdiff_t n = levels->n, first = n_thresholds(levels), n_effects = n - first;
    const qst__dd *sum = levels->sums;
    for (ptrdiff_t j = first; j < n; j++) {
        levels->gradient[j] = qst__dd_value(*sum++);
    }
    for (ptrdiff_t j = first; j < n; j++) {
        for (ptrdiff_t i = first; i <= j; i++) {
            levels->information[i + j * n] = qst__dd_value(*sum++);
        }
    }
    for (ptrdiff_t k = 0; k < first; k++) {
        for (ptrdiff_t j = 0; j < n_effects; j++) {
            levels->information[k + (first + j) * n] = -qst__dd_value(*sum++);
        }
    }
}

static double evaluate(const qst__levels *levels, const double *at, ptrdiff_t first_block)
{
    const ptrdiff_t n = levels->n, k = n_thresholds(levels), n_effects = n - k;
    const ptrdiff_t n_sums = n_effects + n_effects * (n_effects + 1) / 2 + k * n_effects;
    memset(levels->sums, 0, (size_t)n_sums * sizeof *levels->sums);
    memset(levels->gradient, 0, (size_t)n * sizeof(double));
    memset(levels->information, 0, (size_t)(n * n) * sizeof(double));
    double value = add_gaps(levels, at);
    for (ptrdiff_t block = first_block; block < levels->n_blocks && value > -(double)INFINITY;
         block++) {
        value += add_block(levels, at, block);
    }
    spread(levels);
    return value;
}

static double largest_change(const qst__levels *levels, const double *at, const double *step)
{
    double largest = 0.0;
    for (ptrdiff_t k = 1; k < n_thresholds(levels); k++) {
        const double share = (step[k] - step[k - 1]) / -expm1(at[k - 1] - at[k]);
        largest = fmax(largest, fabs(share));
    }
    double *side = levels->block, *eta = side + 2 * QST__BLOCK;
    for (ptrdiff_t first = 0; first < levels->n_data; first += QST__BLOCK) {
        find_predictors(levels, step, qst__levels_panel(levels, first / QST__BLOCK), eta);
        find_sides(levels, step, first, eta, side);
        const ptrdiff_t n = qst__min(levels->n_data - first, QST__BLOCK);
        for (ptrdiff_t i = 0; i < n; i++) {
            const double up = side[i], low = side[i + QST__BLOCK];
            largest = fmax(largest, up != NO_SIDE ? fabs(up) : 0.0);
            largest = fmax(largest, low != NO_SIDE ? fabs(low) : 0.0);
        }
    }
    return largest;
}

/* ---- Draws ---- */

/* The information of (theta_1, log gaps, b): theta_k is the sum of theta_1 and the gaps up to k, so
 * the derivative by the log of a gap is that gap times the sum of those by the thresholds from it
 * on. The gradient being 0, there is no other term. */
static void change_information(const qst__levels *levels)
{
    const ptrdiff_t n = levels->n, last = n_thresholds(levels) - 1;
    double *a = levels->information;
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t i = 0; i < j; i++) {
            a[j + i * n] = a[i + j * n];
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t k = last - 1; k >= 0; k--) {
            a[i + k * n] += a[i + (k + 1) * n];
        }
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t k = last - 1; k >= 0; k--) {
            a[k + j * n] += a[k + 1 + j * n];
        }
    }
    for (ptrdiff_t k = 1; k <= last; k++) {
        const double gap = levels->at[k] - levels->at[k - 1];
        for (ptrdiff_t i = 0; i < n; i++) {
            a[i + k * n] *= gap;
            a[k + i * n] *= gap;
        }
    }
}

static void draw(const qst__levels *levels)
{
    const ptrdiff_t n_gaps = n_thresholds(levels);
    change_information(levels);
    double *mode = levels->step;
    memcpy(mode, levels->at, (size_t)levels->n * sizeof *mode);
    for (ptrdiff_t k = 1; k < n_gaps; k++) {
        mode[k] = log(levels->at[k] - levels->at[k - 1]);
    }
    qst__levels_draw_normal(levels, mode, levels->drawn);
    for (ptrdiff_t k = 1; k < n_gaps; k++) {
        levels->drawn[k] = levels->drawn[k - 1] + exp(levels->drawn[k]);
    }
}

/* Level k or lower, for each k but the last. */
static void find_cumulative(const double *eta, double theta, double *restrict out)
{
    double small[QST__BLOCK];
    for (int i = 0; i < QST__BLOCK; i++) {
        small[i] = -fabs(theta - eta[i]);
    }
    qst__exp_block(small, QST__BLOCK, small);
    for (int i = 0; i < QST__BLOCK; i++) {
        out[i] = (theta < eta[i] ? small[i] : 1.0) / (1.0 + small[i]);
    }
}

static void predict(const qst__levels *levels, const double *at, const double *panel)
{
    double *eta = levels->block, *p = levels->probability;
    const ptrdiff_t last = n_thresholds(levels);
    find_predictors(levels, at, panel, eta);
    for (ptrdiff_t k = 0; k < last; k++) {
        find_cumulative(eta, at[k], p + k * QST__BLOCK);
    }
    for (int i = 0; i < QST__BLOCK; i++) {
        p[i + last * QST__BLOCK] = 1.0;
        for (ptrdiff_t k = last; k > 0; k--) {
            p[i + k * QST__BLOCK] -= p[i + (k - 1) * QST__BLOCK];
        }
    }
}

const qst__level_model qst__ordered = {
    n_parameters, start, evaluate, largest_change, draw, predict, true};

ptrdiff_t qst__draw_ordered_room(const qst__visit *shape)
{
    return qst__levels_room(shape, &qst__ordered);
}

qst_status qst__draw_ordered(const qst__visit *visit, qst_err *err)
{
    (void)err;
    qst__levels_draw(visit, &qst__ordered);
    return QST_OK;
}
