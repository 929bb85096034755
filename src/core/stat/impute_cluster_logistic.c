/*
 * Two levels by logistic regression with a random intercept for each cluster:
 *     log odds of row i = x_i'b + u_c(i),   u ~ N(0, t2),
 * rows without a cluster, and the rows added against separation, having
 * u = 0. (b, u) are drawn together from the normal approximation of their
 * posterior given t2, then t2 given u; a visit does so a few times, beginning
 * where the last one of this variable and imputation ended.
 *
 * The information of (b, u) is
 *     X'WX   C'
 *     C      D + I / t2      (C: by cluster the sums of w x, D: those of w)
 * with a diagonal block, so that u is eliminated cluster by cluster. Prior: t
 * is half-Cauchy with scale 1, as in impute_cluster.c, drawn as a mixture of
 * inverse gamma distributions (Makalic & Schmidt 2016, IEEE Signal Process.
 * Lett. 23:179-182).
 */
#include "stat/impute_levels.h"

#include <math.h>
#include <string.h>

#define FIRST_UPDATES 12
#define UPDATES 3
#define TOLERANCE 1e-5
#define MOST_STEPS 30
#define MOST_HALVINGS 30
#define SLACK 1e-10
#define SHARE_LEFT 1e-13
/* Effects beyond are rounding error or certainty: a variance stays within. */
#define LEAST_VARIANCE 1e-8
#define MOST_VARIANCE 1e4

typedef struct {
    qst__levels levels;
    ptrdiff_t n_clusters;
    double *place;  /* of rows of panels: their cluster from 0, -1 for none */
    double *effect; /* n_clusters, as the next */
    double *step, *gradient, *weight;
    double *cross;    /* n_columns x n_clusters */
    double precision; /* 1 / t2 */
} mixed;

ptrdiff_t qst__draw_cluster_logistic_room(const qst__visit *shape)
{
    return qst__levels_room(shape, &qst__logistic) + shape->x.n_rows + QST__BLOCK +
           2 * shape->n_columns + shape->n_clusters * (shape->n_columns + 4);
}

static void lay_out(mixed *m)
{
    const qst__visit *visit = m->levels.visit;
    const ptrdiff_t n = m->n_clusters = visit->n_clusters;
    double *room = visit->room + qst__levels_room(visit, &qst__logistic);
    m->place = qst__take(&room, visit->x.n_rows + QST__BLOCK + 2 * visit->n_columns);
    m->effect = qst__take(&room, n);
    m->step = qst__take(&room, n);
    m->gradient = qst__take(&room, n);
    m->weight = qst__take(&room, n);
    m->cross = qst__take(&room, n * visit->n_columns);
    for (ptrdiff_t i = 0; i < m->levels.n_blocks * QST__BLOCK; i++) {
        const int32_t code =
            i < visit->n_observed ? visit->cluster[visit->observed[i]] : QST_NA_INT;
        m->place[i] = code == QST_NA_INT ? -1.0 : (double)(code - 1);
    }
    memcpy(m->effect, visit->state + 2, (size_t)n * sizeof(double));
}

/* In how many clusters some row is observed. */
static ptrdiff_t count_seen(const qst__visit *visit)
{
    ptrdiff_t n_seen = 0, first = -1;
    for (ptrdiff_t i = 0; i < visit->n_observed && n_seen < 2; i++) {
        const int32_t code = visit->cluster[visit->observed[i]];
        if (code != QST_NA_INT && code != first) {
            first = code;
            n_seen++;
        }
    }
    return n_seen;
}

/* ---- The log posterior given the variance ---- */

static void add_effects(const mixed *m, ptrdiff_t first, double *eta)
{
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        const double place = m->place[first + i];
        eta[i] += place >= 0.0 ? m->effect[(ptrdiff_t)place] : 0.0;
    }
}

/* From linear predictors weighted residuals (in their place) and weights p (1 - p); the block's log
 * likelihood. */
static double find_residuals(
    const qst__levels *levels, ptrdiff_t first, double *eta, double *weight)
{
    double small[QST__BLOCK], total[QST__BLOCK], value = 0.0;
    for (int i = 0; i < QST__BLOCK; i++) {
        small[i] = -fabs(eta[i]);
    }
    qst__exp_block(small, QST__BLOCK, small);
    for (int i = 0; i < QST__BLOCK; i++) {
        total[i] = 1.0 + small[i];
    }
    qst__log_block(total, QST__BLOCK, total);
    for (int i = 0; i < QST__BLOCK; i++) {
        const double level = levels->level[first + i], w = levels->weight[first + i];
        const double y = level < 0.0 ? levels->frequency[1] : level;
        const double p = (eta[i] < 0.0 ? small[i] : 1.0) / (1.0 + small[i]);
        value += w * (y * eta[i] - fmax(eta[i], 0.0) - total[i]);
        eta[i] = w * (y - p);
        weight[i] = w * p * (1.0 - p);
    }
    return value;
}

static void add_clusters(const mixed *m, ptrdiff_t first, const double *panel,
    const double *residual, const double *weight)
{
    const ptrdiff_t p = m->levels.n_columns;
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        if (m->place[first + i] >= 0.0) {
            const ptrdiff_t place = (ptrdiff_t)m->place[first + i];
            double *cross = m->cross + place * p;
            m->gradient[place] += residual[i];
            m->weight[place] += weight[i];
            for (ptrdiff_t k = 0; k < p; k++) {
                cross[k] += weight[i] * panel[i + k * QST__BLOCK];
            }
        }
    }
}

/* At levels->at and m->effect: fills gradients, X'WX, C and D. */
static double evaluate(const mixed *m)
{
    const qst__levels *levels = &m->levels;
    const ptrdiff_t p = levels->n_columns;
    double *eta = levels->block, *weight = eta + QST__BLOCK, value = 0.0;
    memset(levels->sums, 0, (size_t)(p + p * (p + 1) / 2) * sizeof *levels->sums);
    memset(m->cross, 0, (size_t)(p * m->n_clusters) * sizeof(double));
    memset(m->weight, 0, (size_t)m->n_clusters * sizeof(double));
    for (ptrdiff_t j = 0; j < m->n_clusters; j++) {
        m->gradient[j] = -m->precision * m->effect[j];
        value -= 0.5 * m->precision * m->effect[j] * m->effect[j];
    }
    for (ptrdiff_t block = 0; block < levels->n_blocks; block++) {
        const double *panel = qst__levels_panel(levels, block);
        const ptrdiff_t first = block * QST__BLOCK;
        qst__predict_block(panel, p, levels->at, eta);
        add_effects(m, first, eta);
        value += find_residuals(levels, first, eta, weight);
        qst__cross_block(panel, p, eta, levels->sums);
        qst__gram_block(panel, p, weight, levels->sums + p);
        add_clusters(m, first, panel, eta, weight);
    }
    for (ptrdiff_t k = 0; k < p; k++) {
        levels->gradient[k] = qst__dd_value(levels->sums[k]);
    }
    qst__spread_triangle(levels->sums + p, p, levels->information);
    return value;
}

/* Takes the effects out of gradient and information of b. */
static void eliminate(const mixed *m)
{
    const ptrdiff_t p = m->levels.n_columns;
    for (ptrdiff_t j = 0; j < m->n_clusters; j++) {
        const double *c = m->cross + j * p, share = 1.0 / (m->weight[j] + m->precision);
        for (ptrdiff_t k = 0; k < p && m->weight[j] > 0.0; k++) {
            m->levels.gradient[k] -= share * c[k] * m->gradient[j];
            for (ptrdiff_t i = 0; i <= k; i++) {
                m->levels.information[i + k * p] -= share * c[i] * c[k];
            }
        }
    }
}

static qst_mat information(const mixed *m)
{
    const ptrdiff_t p = m->levels.n_columns;
    return (qst_mat){m->levels.information, p, p, p};
}

/* What a change of b makes of cluster j's effect. */
static double follow(const mixed *m, ptrdiff_t j, const double *change)
{
    const ptrdiff_t p = m->levels.n_columns;
    double sum = 0.0;
    for (ptrdiff_t k = 0; k < p; k++) {
        sum += m->cross[k + j * p] * change[k];
    }
    return -sum / (m->weight[j] + m->precision);
}

/* Newton's step, and its squared length in standard errors. */
static double find_step(const mixed *m)
{
    const qst_mat a = information(m);
    double *step = m->levels.step, length = 0.0;
    eliminate(m);
    qst__cholesky(a, SHARE_LEFT, m->levels.scratch);
    memcpy(step, m->levels.gradient, (size_t)a.n_cols * sizeof *step);
    qst__solve_upper_transposed(qst__view(a), step);
    for (ptrdiff_t k = 0; k < a.n_cols; k++) {
        length += step[k] * step[k];
    }
    qst__solve_upper(qst__view(a), step);
    for (ptrdiff_t j = 0; j < m->n_clusters; j++) {
        const double own = m->gradient[j] / (m->weight[j] + m->precision);
        length += own * m->gradient[j];
        m->step[j] = own + follow(m, j, step);
    }
    return length;
}

static void move(const mixed *m, double share)
{
    for (ptrdiff_t k = 0; k < m->levels.n_columns; k++) {
        m->levels.at[k] += share * m->levels.step[k];
    }
    for (ptrdiff_t j = 0; j < m->n_clusters; j++) {
        m->effect[j] += share * m->step[j];
    }
}

static bool find_mode(const mixed *m)
{
    double value = evaluate(m);
    for (int i = 0; i < MOST_STEPS; i++) {
        const double length = find_step(m), least = value - SLACK * (1.0 + fabs(value));
        double share = 1.0;
        move(m, share);
        value = evaluate(m);
        for (int k = 0; k < MOST_HALVINGS && !(value >= least); k++) {
            share /= 2.0;
            move(m, -share);
            value = evaluate(m);
        }
        if (length <= TOLERANCE) {
            return true;
        }
    }
    return false;
}

/* ---- Draws ---- */

/* b and u, from the mode on; leaves them where the next search begins. */
static void draw_parameters(const mixed *m, ptrdiff_t update)
{
    const qst__levels *levels = &m->levels;
    const qst_mat a = information(m);
    double *change = levels->step;
    qst_rng rng = qst__visit_stream(levels->visit, QST__DRAW_PARAMETERS, update);
    for (ptrdiff_t k = 0; k < a.n_cols; k++) {
        change[k] = qst_rng_normal(&rng);
    }
    eliminate(m);
    qst__cholesky(a, SHARE_LEFT, levels->scratch);
    qst__solve_upper(qst__view(a), change);
    for (ptrdiff_t k = 0; k < a.n_cols; k++) {
        levels->at[k] += change[k];
    }
    for (ptrdiff_t j = 0; j < m->n_clusters; j++) {
        rng = qst__visit_stream(levels->visit, QST__DRAW_EFFECT, j + update * m->n_clusters);
        m->effect[j] +=
            follow(m, j, change) + qst_rng_normal(&rng) / sqrt(m->weight[j] + m->precision);
    }
}

/* t2 given the effects of observed clusters and a, the scale's own variance given t2: both inverse
 * gamma. */
static double draw_variance(const mixed *m, double variance, qst_rng *rng)
{
    double ss = 0.0, n_seen = 0.0;
    for (ptrdiff_t j = 0; j < m->n_clusters; j++) {
        const bool is_seen = m->weight[j] > 0.0;
        ss += is_seen ? m->effect[j] * m->effect[j] : 0.0;
        n_seen += is_seen;
    }
    const double scale = 2.0 * (1.0 + 1.0 / variance) / qst_rng_chi_square(rng, 2.0);
    const double drawn = (ss + 2.0 / scale) / qst_rng_chi_square(rng, n_seen + 1.0);
    return fmin(fmax(drawn, LEAST_VARIANCE), MOST_VARIANCE);
}

static void draw_all(mixed *m)
{
    const qst__visit *visit = m->levels.visit;
    const bool is_first = !(visit->state[1] > 0.0);
    double variance = is_first ? 1.0 : visit->state[1];
    qst_rng rng = qst__visit_stream(visit, QST__DRAW_VARIANCE, 1);
    for (ptrdiff_t update = 0; update < (is_first ? FIRST_UPDATES : UPDATES); update++) {
        m->precision = 1.0 / variance;
        visit->decided_out[QST_DECIDED_NOT_CONVERGED] |= !find_mode(m);
        draw_parameters(m, update);
        variance = draw_variance(m, variance, &rng);
    }
    visit->state[1] = variance;
    memcpy(visit->state + 2, m->effect, (size_t)m->n_clusters * sizeof(double));
}

static void draw_rows(const mixed *m)
{
    const qst__levels *levels = &m->levels;
    const qst__visit *visit = levels->visit;
    double *eta = levels->block;
    for (ptrdiff_t first = 0; first < visit->n_missing; first += QST__BLOCK) {
        const ptrdiff_t n = qst__min(visit->n_missing - first, QST__BLOCK);
        qst__levels_gather(levels, visit->missing + first, n, levels->panels);
        qst__predict_block(levels->panels, levels->n_columns, levels->at, eta);
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t row = visit->missing[first + i];
            const int32_t code = visit->cluster[row];
            const double log_odds = eta[i] + (code == QST_NA_INT ? 0.0 : m->effect[code - 1]);
            qst_rng rng = qst__visit_stream(visit, QST__DRAW_VALUE, visit->row_numbers[row]);
            const double u = qst_rng_uniform(&rng);
            visit->drawn_out[first + i] = levels->code[log(u / (1.0 - u)) < log_odds];
        }
    }
}

qst_status qst__draw_cluster_logistic(const qst__visit *visit, qst_err *err)
{
    mixed m;
    qst__levels_fit(visit, &qst__logistic, &m.levels);
    if (m.levels.n_levels != 2 || count_seen(visit) < 2) {
        visit->decided_out[QST_DECIDED_NO_EFFECTS] = 1;
        return qst__draw_logistic(visit, err);
    }
    qst__levels_keep_mode(&m.levels);
    memcpy(m.levels.drawn, m.levels.at, (size_t)m.levels.n * sizeof(double));
    qst__levels_decide_separated(&m.levels);
    memcpy(m.levels.at, m.levels.drawn, (size_t)m.levels.n * sizeof(double));
    qst__levels_weigh(&m.levels, 1.0, 1.0);
    lay_out(&m);
    draw_all(&m);
    draw_rows(&m);
    return QST_OK;
}
