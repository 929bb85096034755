/*
 * Levels by logistic regression: log odds of each level but the first observed
 * are linear in the predictors. Parameters stand level by level, the intercept
 * first; they are drawn, as Rubin (1987, Multiple imputation for nonresponse
 * in surveys, p. 169) does for two levels, from the normal approximation of
 * their posterior, for more than two as well (mice draws levels at the
 * estimates there).
 */
#include "stat/impute_levels.h"

#include <math.h>
#include <string.h>

static ptrdiff_t n_parameters(ptrdiff_t n_levels, ptrdiff_t n_columns)
{
    return (n_levels - 1) * n_columns;
}

static void start(const qst__levels *levels, double *at_out)
{
    memset(at_out, 0, (size_t)levels->n * sizeof *at_out);
    for (ptrdiff_t k = 1; k < levels->n_levels; k++) {
        at_out[(k - 1) * levels->n_columns] = log(levels->frequency[k] / levels->frequency[0]);
    }
}

/* Linear predictors of all levels, 0 for the first. */
static void find_predictors(const qst__levels *levels, const double *at, const double *panel)
{
    memset(levels->probability, 0, QST__BLOCK * sizeof(double));
    for (ptrdiff_t k = 1; k < levels->n_levels; k++) {
        qst__predict_block(panel, levels->n_columns, at + (k - 1) * levels->n_columns,
            levels->probability + k * QST__BLOCK);
    }
}

/* The largest of a row's linear predictors, so that no exponential overflows. */
static void find_largest(const qst__levels *levels, double *restrict largest)
{
    memcpy(largest, levels->probability, QST__BLOCK * sizeof(double));
    for (ptrdiff_t k = 1; k < levels->n_levels; k++) {
        const double *restrict eta = levels->probability + k * QST__BLOCK;
        for (int i = 0; i < QST__BLOCK; i++) {
            largest[i] = eta[i] > largest[i] ? eta[i] : largest[i];
        }
    }
}

/* Predictors less the largest into probabilities; total_out are the sums they are divided by. */
static void find_probabilities(const qst__levels *levels, double *restrict total_out)
{
    double *p = levels->probability;
    qst__exp_block(p, levels->n_levels * QST__BLOCK, p);
    memset(total_out, 0, QST__BLOCK * sizeof(double));
    for (ptrdiff_t k = 0; k < levels->n_levels; k++) {
        for (int i = 0; i < QST__BLOCK; i++) {
            total_out[i] += p[i + k * QST__BLOCK];
        }
    }
    for (ptrdiff_t k = 0; k < levels->n_levels; k++) {
        for (int i = 0; i < QST__BLOCK; i++) {
            p[i + k * QST__BLOCK] /= total_out[i];
        }
    }
}

static void less_largest(const qst__levels *levels)
{
    double *largest = levels->block;
    find_largest(levels, largest);
    for (ptrdiff_t k = 0; k < levels->n_levels; k++) {
        double *restrict eta = levels->probability + k * QST__BLOCK;
        for (int i = 0; i < QST__BLOCK; i++) {
            eta[i] -= largest[i];
        }
    }
}

static void predict(const qst__levels *levels, const double *at, const double *panel)
{
    find_predictors(levels, at, panel);
    less_largest(levels);
    find_probabilities(levels, levels->block);
}

/* How much of row i is of level k. */
static double response(const qst__levels *levels, ptrdiff_t row, ptrdiff_t k)
{
    const double level = levels->level[row];
    return level < 0.0 ? levels->frequency[k] : level == (double)k ? 1.0 : 0.0;
}

/* Weights times responses times predictors. */
static double linear_part(const qst__levels *levels, ptrdiff_t first)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        const ptrdiff_t level = (ptrdiff_t)levels->level[first + i];
        double part = 0.0;
        if (level >= 0) {
            part = levels->probability[i + level * QST__BLOCK];
        } else {
            for (ptrdiff_t k = 0; k < levels->n_levels; k++) {
                part += levels->frequency[k] * levels->probability[i + k * QST__BLOCK];
            }
        }
        sum += levels->weight[first + i] * part;
    }
    return sum;
}

static double log_part(const double *weight, double *total)
{
    qst__log_block(total, QST__BLOCK, total);
    double sum = 0.0;
    for (int i = 0; i < QST__BLOCK; i++) {
        sum += weight[i] * total[i];
    }
    return sum;
}

static void add_gradient(const qst__levels *levels, ptrdiff_t first, const double *panel)
{
    const ptrdiff_t p = levels->n_columns;
    double *residual = levels->block;
    for (ptrdiff_t k = 1; k < levels->n_levels; k++) {
        const double *probability = levels->probability + k * QST__BLOCK;
        for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
            const double left = response(levels, first + i, k) - probability[i];
            residual[i] = levels->weight[first + i] * left;
        }
        qst__cross_block(panel, p, residual, levels->sums + (k - 1) * p);
    }
}

/* One triangle for each pair of levels l <= k. */
static void add_information(const qst__levels *levels, ptrdiff_t first, const double *panel)
{
    const ptrdiff_t p = levels->n_columns;
    const double *restrict weight = levels->weight + first;
    double *restrict product = levels->block;
    qst__dd *sums = levels->sums + levels->n;
    for (ptrdiff_t k = 1; k < levels->n_levels; k++) {
        for (ptrdiff_t l = 1; l <= k; l++) {
            const double *restrict of_k = levels->probability + k * QST__BLOCK;
            const double *restrict of_l = levels->probability + l * QST__BLOCK;
            const double same = k == l ? 1.0 : 0.0;
            for (int i = 0; i < QST__BLOCK; i++) {
                product[i] = weight[i] * of_k[i] * (same - of_l[i]);
            }
            qst__gram_block(panel, p, product, sums);
            sums += p * (p + 1) / 2;
        }
    }
}

/* Sums into gradient and information. */
static void spread(const qst__levels *levels)
{
    const ptrdiff_t p = levels->n_columns, n = levels->n;
    for (ptrdiff_t k = 0; k < n; k++) {
        levels->gradient[k] = qst__dd_value(levels->sums[k]);
    }
    const qst__dd *sum = levels->sums + n;
    for (ptrdiff_t k = 0; k < levels->n_levels - 1; k++) {
        for (ptrdiff_t l = 0; l <= k; l++) {
            double *corner = levels->information + l * p + k * p * n;
            for (ptrdiff_t j = 0; j < p; j++) {
                for (ptrdiff_t i = 0; i <= j; i++) {
                    corner[i + j * n] = corner[j + i * n] = qst__dd_value(*sum++);
                }
            }
        }
    }
}

static double evaluate(const qst__levels *levels, const double *at, ptrdiff_t first_block)
{
    const ptrdiff_t p = levels->n_columns, n_logits = levels->n_levels - 1;
    const ptrdiff_t n_sums = levels->n + n_logits * (n_logits + 1) / 2 * (p * (p + 1) / 2);
    memset(levels->sums, 0, (size_t)n_sums * sizeof *levels->sums);
    double value = 0.0;
    for (ptrdiff_t block = first_block; block < levels->n_blocks; block++) {
        const ptrdiff_t first = block * QST__BLOCK;
        const double *panel = qst__levels_panel(levels, block);
        find_predictors(levels, at, panel);
        less_largest(levels);
        value += linear_part(levels, first);
        find_probabilities(levels, levels->block);
        value -= log_part(levels->weight + first, levels->block);
        add_gradient(levels, first, panel);
        add_information(levels, first, panel);
    }
    spread(levels);
    return value;
}

static double largest_change(const qst__levels *levels, const double *at, const double *step)
{
    (void)at;
    double largest = 0.0;
    for (ptrdiff_t first = 0; first < levels->n_data; first += QST__BLOCK) {
        find_predictors(levels, step, qst__levels_panel(levels, first / QST__BLOCK));
        const ptrdiff_t n = qst__min(levels->n_data - first, QST__BLOCK);
        for (ptrdiff_t i = 0; i < n; i++) {
            double low = 0.0, high = 0.0;
            for (ptrdiff_t k = 1; k < levels->n_levels; k++) {
                const double change = levels->probability[i + k * QST__BLOCK];
                low = fmin(low, change);
                high = fmax(high, change);
            }
            largest = fmax(largest, high - low);
        }
    }
    return largest;
}

static void draw(const qst__levels *levels)
{
    qst__levels_draw_normal(levels, levels->at, levels->drawn);
}

const qst__level_model qst__logistic = {
    n_parameters, start, evaluate, largest_change, draw, predict, false};

ptrdiff_t qst__draw_logistic_room(const qst__visit *shape)
{
    return qst__levels_room(shape, &qst__logistic);
}

qst_status qst__draw_logistic(const qst__visit *visit, qst_err *err)
{
    (void)err;
    qst__levels_draw(visit, &qst__logistic);
    return QST_OK;
}
