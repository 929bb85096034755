/*
 * A number given its predictors and a random intercept for each cluster:
 *     y_i = x_i'b + u_c(i) + e_i,   e ~ N(0, s2),   u ~ N(0, s2 r),
 * rows without a cluster having u = 0. One visit draws from the joint
 * posterior of (r, s2, b, u): r by slice sampling from its margin, with b, s2
 * and u integrated out, the others in turn given those before. So there is
 * nothing to burn in but r, and a cycle needs no inner loop.
 *
 * Prior: flat in (b, log s2); the ratio tau / s of the standard deviations is
 * half-Cauchy with scale 1 (Gelman 2006, Bayesian Anal. 1:515-533; Polson &
 * Scott 2012, ibid. 7:887-902), that is, phi = atan(tau / s) is uniform on
 * (0, pi/2) and the intraclass correlation Beta(1/2, 1/2). It is proper with
 * any number of clusters, has no scale to be chosen, and with few of them
 * neither shuts the variance off at 0 nor blows it up.
 *
 * Given x with intercepts of its own, y depends on the cluster means of x too
 * (Resche-Rigon & White 2018, Stat. Methods Med. Res. 27:1634-1649; Grund,
 * Luedtke & Robitzsch 2018, Organ. Res. Methods 21:111-149). Means of all rows
 * as they stand enter for every predictor that varies within clusters, if
 * there are CLUSTERS_PER_MEAN observed clusters for each; with fewer they
 * would explain all there is between clusters, and nothing would be left to
 * tell the variance of u.
 *
 * Sums are those of clusters of equal size: with m_j the means of the n_j
 * observed rows of cluster j,
 *     X'V^-1 X s2 = within + sum over sizes n of (sum n m_j m_j') / (1 + n r),
 * so a new r costs no pass over rows or clusters.
 */
#include "stat/impute.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define CLUSTERS_PER_MEAN 10
/* tan(phi) stays below 1000: beyond, what is within clusters is rounding error. */
#define PHI_MAX 1.5697963271282298
#define TOL_ROUNDING 1e-14
#define FIRST_UPDATES 12
#define UPDATES 3

typedef struct {
    const qst__visit *visit;
    ptrdiff_t n_x;               /* predictors, the intercept first */
    ptrdiff_t n_means;           /* of them that enter with their cluster means */
    ptrdiff_t y;                 /* the place of y: predictors, cluster means, y */
    ptrdiff_t width;             /* from one cluster, or column, to the next */
    ptrdiff_t n_kept;            /* columns in the model, without y */
    ptrdiff_t n_sizes;           /* different numbers of observed rows, 0 not among them */
    double *n_observed, *n_rows; /* by cluster */
    double *means;               /* by cluster, `width` each */
    double *sizes, *n_of_size;
    double *within, *between; /* width x width, and n_sizes of them: upper triangles */
    double *factor, *pivots;
    double *estimate, *beta;   /* `width` each, 0 where left out */
    double *added_hat, *added; /* by cluster: what estimate and beta make of means and effects */
    double *predicted;         /* of all rows, then of observed ones */
    double *matching;
    ptrdiff_t *kept; /* columns in the model, then y */
} cluster_fit;

static ptrdiff_t most_sizes(const qst__visit *visit)
{
    /* 1 + 2 + ... + k <= n_rows */
    const ptrdiff_t k = (ptrdiff_t)sqrt(2.0 * (double)visit->x.n_rows) + 1;
    return qst__min(k, visit->n_clusters);
}

ptrdiff_t qst__draw_cluster_room(const qst__visit *shape)
{
    const ptrdiff_t width = 2 * shape->n_columns, n_sizes = most_sizes(shape);
    const ptrdiff_t room = shape->n_clusters * (width + 4) + n_sizes * (width * width + 2) +
                           2 * width * width + 4 * width + qst__up_to_4(shape->x.n_rows) +
                           qst__match_room(shape->x.n_rows);
    return qst__max(room, qst__draw_linear_room(shape));
}

static void lay_out(cluster_fit *fit)
{
    const qst__visit *visit = fit->visit;
    const ptrdiff_t n_clusters = visit->n_clusters, n_sizes = most_sizes(visit);
    const ptrdiff_t width = 2 * visit->n_columns;
    double *room = visit->room;
    fit->n_observed = qst__take(&room, n_clusters);
    fit->n_rows = qst__take(&room, n_clusters);
    fit->added = qst__take(&room, n_clusters);
    fit->added_hat = qst__take(&room, n_clusters);
    fit->means = qst__take(&room, n_clusters * width);
    fit->sizes = qst__take(&room, n_sizes);
    fit->n_of_size = qst__take(&room, n_sizes);
    fit->between = qst__take(&room, n_sizes * width * width);
    fit->within = qst__take(&room, width * width);
    fit->factor = qst__take(&room, width * width);
    fit->pivots = qst__take(&room, width);
    fit->estimate = qst__take(&room, width);
    fit->beta = qst__take(&room, width);
    fit->kept = (ptrdiff_t *)(void *)qst__take(&room, width);
    fit->predicted = qst__take(&room, qst__up_to_4(visit->x.n_rows));
    fit->matching = room;
}

/* ---- Clusters and their means ---- */

/* 0 for a row on its own, else the cluster. */
static int32_t cluster_of(const qst__visit *visit, ptrdiff_t row)
{
    const int32_t code = visit->cluster[row];
    return code == QST_NA_INT ? 0 : code;
}

static const double *predictor(const qst__visit *visit, ptrdiff_t k)
{
    return visit->x.data + visit->columns[k] * visit->x.ld;
}

/* By cluster, how many of its rows are observed, and how many there are. Returns in how many
 * clusters some are observed. */
static ptrdiff_t count_rows(cluster_fit *fit)
{
    const qst__visit *visit = fit->visit;
    memset(fit->n_observed, 0, (size_t)visit->n_clusters * sizeof(double));
    memset(fit->n_rows, 0, (size_t)visit->n_clusters * sizeof(double));
    for (ptrdiff_t i = 0; i < visit->n_observed; i++) {
        const int32_t code = cluster_of(visit, visit->observed[i]);
        if (code != 0) {
            fit->n_observed[code - 1]++;
        }
    }
    for (ptrdiff_t row = 0; row < visit->x.n_rows; row++) {
        const int32_t code = cluster_of(visit, row);
        if (code != 0) {
            fit->n_rows[code - 1]++;
        }
    }
    ptrdiff_t n_seen = 0;
    for (ptrdiff_t j = 0; j < visit->n_clusters; j++) {
        n_seen += fit->n_observed[j] > 0.0;
    }
    return n_seen;
}

/* Means by cluster of `column` over `rows` (NULL: the first n), 0 where there are none, to column
 * `place` of fit->means. */
static void mean_by_cluster(const cluster_fit *fit, const double *column, const ptrdiff_t *rows,
    ptrdiff_t n, const double *n_of_cluster, ptrdiff_t place)
{
    double *out = fit->means + place;
    for (ptrdiff_t j = 0; j < fit->visit->n_clusters; j++) {
        out[j * fit->width] = 0.0;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t row = rows != NULL ? rows[i] : i;
        const int32_t code = cluster_of(fit->visit, row);
        if (code != 0) {
            out[(code - 1) * fit->width] += column[row];
        }
    }
    for (ptrdiff_t j = 0; j < fit->visit->n_clusters; j++) {
        out[j * fit->width] /= fmax(n_of_cluster[j], 1.0);
    }
}

/* Does `column` differ from its cluster means in column `place`? */
static bool varies_within(const cluster_fit *fit, const double *column, ptrdiff_t place)
{
    double largest = 0.0, furthest = 0.0;
    for (ptrdiff_t row = 0; row < fit->visit->x.n_rows; row++) {
        const int32_t code = cluster_of(fit->visit, row);
        if (code != 0) {
            const double mean = fit->means[(code - 1) * fit->width + place];
            largest = fmax(largest, fabs(column[row]));
            furthest = fmax(furthest, fabs(column[row] - mean));
        }
    }
    return furthest > 1e-9 * largest;
}

/* Fills fit->means: observed means of the predictors, means of all rows for those that vary within
 * clusters, if clusters suffice, and observed means of y. */
static void find_means(cluster_fit *fit, ptrdiff_t n_seen)
{
    const qst__visit *visit = fit->visit;
    fit->n_x = visit->n_columns;
    fit->width = 2 * fit->n_x;
    ptrdiff_t place = fit->n_x;
    for (ptrdiff_t k = 1; k < fit->n_x; k++) {
        const double *x = predictor(visit, k);
        mean_by_cluster(fit, x, NULL, visit->x.n_rows, fit->n_rows, place);
        place += varies_within(fit, x, place);
    }
    const ptrdiff_t n_means = place - fit->n_x;
    const bool suffices = n_seen >= CLUSTERS_PER_MEAN * n_means &&
                          visit->n_observed >= fit->n_x + n_means + QST__MIN_DF;
    fit->n_means = suffices ? n_means : 0;
    for (ptrdiff_t k = 0; k < fit->n_x; k++) {
        mean_by_cluster(
            fit, predictor(visit, k), visit->observed, visit->n_observed, fit->n_observed, k);
    }
    fit->y = fit->n_x + fit->n_means;
    mean_by_cluster(fit, visit->y, visit->observed, visit->n_observed, fit->n_observed, fit->y);
}

/* ---- Sums of squares and products of observed rows ---- */

static double product(const double *a, const double *b, const ptrdiff_t *rows, ptrdiff_t n)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += a[rows[i]] * b[rows[i]];
    }
    return sum;
}

/* Of two predictors: summed, or from that of all rows if fewer are missing. */
static double product_of_predictors(const qst__visit *visit, ptrdiff_t j, ptrdiff_t k)
{
    const double *a = predictor(visit, j), *b = predictor(visit, k);
    if (visit->n_observed <= visit->n_missing) {
        return product(a, b, visit->observed, visit->n_observed);
    }
    const double all = visit->gram.data[visit->columns[j] + visit->columns[k] * visit->gram.ld];
    return all - product(a, b, visit->missing, visit->n_missing);
}

/* Fills fit->within, first with all sums of squares; cluster means have none within clusters. */
static void find_sums(cluster_fit *fit)
{
    const qst__visit *visit = fit->visit;
    memset(fit->within, 0, (size_t)(fit->width * fit->width) * sizeof(double));
    double *of_y = fit->within + fit->y * fit->width;
    for (ptrdiff_t k = 0; k < fit->n_x; k++) {
        for (ptrdiff_t j = 0; j <= k; j++) {
            fit->within[j + k * fit->width] = product_of_predictors(visit, j, k);
        }
        of_y[k] = product(predictor(visit, k), visit->y, visit->observed, visit->n_observed);
    }
    of_y[fit->y] = product(visit->y, visit->y, visit->observed, visit->n_observed);
}

/* Where clusters of `size` rows stand in fit->sizes, put there if they do not yet. */
static ptrdiff_t place_of_size(cluster_fit *fit, double size)
{
    ptrdiff_t place = 0;
    while (place < fit->n_sizes && fit->sizes[place] != size) {
        place++;
    }
    if (place == fit->n_sizes) {
        const size_t n = (size_t)(fit->width * fit->width);
        memset(fit->between + place * (ptrdiff_t)n, 0, n * sizeof(double));
        fit->sizes[place] = size;
        fit->n_of_size[place] = 0.0;
        fit->n_sizes++;
    }
    return place;
}

/* Is this column, or y, one of rows rather than of clusters? */
static bool is_of_rows(const cluster_fit *fit, ptrdiff_t k)
{
    return k < fit->n_x || k == fit->y;
}

/* Moves what is between clusters from fit->within to fit->between. */
static void part_sums(cluster_fit *fit)
{
    fit->n_sizes = 0;
    for (ptrdiff_t cluster = 0; cluster < fit->visit->n_clusters; cluster++) {
        const double size = fit->n_observed[cluster], *means = fit->means + cluster * fit->width;
        if (size == 0.0) {
            continue;
        }
        const ptrdiff_t place = place_of_size(fit, size);
        double *between = fit->between + place * fit->width * fit->width;
        fit->n_of_size[place]++;
        for (ptrdiff_t k = 0; k <= fit->y; k++) {
            for (ptrdiff_t j = 0; j <= k; j++) {
                const double part = size * means[j] * means[k];
                between[j + k * fit->width] += part;
                if (is_of_rows(fit, j) && is_of_rows(fit, k)) {
                    fit->within[j + k * fit->width] -= part;
                }
            }
        }
    }
}

/* ---- Which columns are in the model ---- */

/* Leaves n x n of the columns kept, close together. Each element moves towards the front. */
static void compact(const cluster_fit *fit, double *square)
{
    const ptrdiff_t n = fit->n_kept + 1;
    for (ptrdiff_t k = 0; k < n; k++) {
        for (ptrdiff_t j = 0; j <= k; j++) {
            square[j + k * n] = square[fit->kept[j] + fit->kept[k] * fit->width];
        }
    }
}

/* Factor of (X y)'V^-1 (X y) s2 at this ratio of variances, for n columns `stride` apart. */
static void factorise(
    const cluster_fit *fit, ptrdiff_t n, ptrdiff_t stride, double ratio, double tol_rel)
{
    double *factor = fit->factor;
    memcpy(factor, fit->within, (size_t)(n * stride) * sizeof *factor);
    for (ptrdiff_t d = 0; d < fit->n_sizes; d++) {
        const double *between = fit->between + d * fit->width * fit->width;
        const double share = 1.0 / (1.0 + fit->sizes[d] * ratio);
        for (ptrdiff_t i = 0; i < n * stride; i++) {
            factor[i] += share * between[i];
        }
    }
    qst__cholesky((qst_mat){factor, n, n, stride}, tol_rel, fit->pivots);
}

/* Columns that those before them do not explain. */
static void choose_columns(cluster_fit *fit)
{
    factorise(fit, fit->y + 1, fit->width, 0.0, QST__TOL_ALIASED);
    fit->n_kept = 0;
    for (ptrdiff_t k = 0; k < fit->y; k++) {
        if (fit->pivots[k] > QST__TOL_ALIASED) {
            fit->kept[fit->n_kept++] = k;
        } else if (k < fit->n_x) {
            fit->visit->left_out[k] = 1;
        }
    }
    fit->kept[fit->n_kept] = fit->y;
    compact(fit, fit->within);
    for (ptrdiff_t d = 0; d < fit->n_sizes; d++) {
        compact(fit, fit->between + d * fit->width * fit->width);
    }
}

/* ---- The posterior ---- */

/* Residual sum of squares that V leaves, as fit->factor has it; not less than rounding leaves. */
static double residual_ss(const cluster_fit *fit)
{
    const ptrdiff_t n = fit->n_kept + 1;
    const double *of_y = fit->factor + fit->n_kept * n;
    double all = 0.0;
    for (ptrdiff_t k = 0; k < n; k++) {
        all += of_y[k] * of_y[k];
    }
    const double left = of_y[fit->n_kept];
    return fmax(left * left, DBL_EPSILON * all + DBL_MIN);
}

static double degrees(const cluster_fit *fit)
{
    return (double)(fit->visit->n_observed - fit->n_kept);
}

static double ratio_at(double phi)
{
    return tan(phi) * tan(phi);
}

/* Log posterior density of phi, b and s2 integrated out (Harville 1974, Biometrika 61:383-385: the
 * restricted likelihood); leaves the factor there. */
static double log_density(const cluster_fit *fit, double phi)
{
    const double ratio = ratio_at(phi);
    const ptrdiff_t n = fit->n_kept + 1;
    factorise(fit, n, n, ratio, TOL_ROUNDING);
    double log_roots = 0.0;
    for (ptrdiff_t k = 0; k < fit->n_kept; k++) {
        log_roots += log(fit->factor[k + k * n]);
    }
    for (ptrdiff_t d = 0; d < fit->n_sizes; d++) {
        log_roots += 0.5 * fit->n_of_size[d] * log1p(fit->sizes[d] * ratio);
    }
    const double log_p = -log_roots - 0.5 * degrees(fit) * log(residual_ss(fit));
    return isfinite(log_p) ? log_p : -(double)INFINITY; /* rounding has aliased a column */
}

/* One update (Neal 2003, Ann. Stat. 31:705-767, fig. 5: the interval is all there is, and shrinks
 * about `phi`). Leaves the factor at what is returned. */
static double slice_update(const cluster_fit *fit, double phi, qst_rng *rng)
{
    const double level = log_density(fit, phi) + log(qst_rng_uniform(rng));
    double low = 0.0, high = PHI_MAX;
    for (;;) {
        const double proposed = low + qst_rng_uniform(rng) * (high - low);
        if (log_density(fit, proposed) >= level || high - low < 1e-12) {
            return proposed;
        }
        *(proposed < phi ? &low : &high) = proposed;
    }
}

/* tan(phi)^2 drawn from its posterior, starting from the last cycle's. */
static double draw_ratio(const cluster_fit *fit)
{
    const double *state = fit->visit->state;
    const bool is_first = !(state[0] > 0.0);
    double phi = is_first ? 0.5 * PHI_MAX : fmin(atan(sqrt(state[1] / state[0])), PHI_MAX);
    qst_rng rng = qst__visit_stream(fit->visit, QST__DRAW_VARIANCE, 1);
    for (int i = 0; i < (is_first ? FIRST_UPDATES : UPDATES); i++) {
        phi = slice_update(fit, phi, &rng);
    }
    return ratio_at(phi);
}

/* Writes fit->estimate and fit->beta, at the factor's ratio. */
static void draw_coefficients(cluster_fit *fit, double s)
{
    const ptrdiff_t n = fit->n_kept + 1;
    const qst_cmat r = {fit->factor, fit->n_kept, fit->n_kept, n};
    double *estimate = fit->factor + fit->n_kept * n, *noise = fit->pivots;
    qst_rng rng = qst__visit_stream(fit->visit, QST__DRAW_PARAMETERS, 0);
    for (ptrdiff_t k = 0; k < fit->n_kept; k++) {
        noise[k] = s * qst_rng_normal(&rng);
    }
    qst__solve_upper(r, estimate);
    qst__solve_upper(r, noise);
    memset(fit->estimate, 0, (size_t)fit->width * sizeof(double));
    memset(fit->beta, 0, (size_t)fit->width * sizeof(double));
    for (ptrdiff_t k = 0; k < fit->n_kept; k++) {
        fit->estimate[fit->kept[k]] = estimate[k];
        fit->beta[fit->kept[k]] = estimate[k] + noise[k];
    }
}

/* Columns from .. to - 1 of a cluster's means, times b. */
static double part_of_means(
    const cluster_fit *fit, ptrdiff_t cluster, const double *b, ptrdiff_t from, ptrdiff_t to)
{
    const double *means = fit->means + cluster * fit->width;
    double sum = 0.0;
    for (ptrdiff_t k = from; k < to; k++) {
        sum += means[k] * b[k];
    }
    return sum;
}

/* The mean of a cluster's effect given b: its residual mean, shrunk. */
static double effect_given(
    const cluster_fit *fit, ptrdiff_t cluster, const double *b, double shrink)
{
    const double mean = fit->means[cluster * fit->width + fit->y];
    return shrink * (mean - part_of_means(fit, cluster, b, 0, fit->y));
}

/* Effects given b and the variances, to the state; clusters nobody was observed in have none to
 * learn from. What they and the cluster means add to a row's prediction, to fit->added. */
static void draw_effects(cluster_fit *fit, double s, double ratio)
{
    const qst__visit *visit = fit->visit;
    double *effects = visit->state + 2;
    for (ptrdiff_t j = 0; j < visit->n_clusters; j++) {
        const double precision = 1.0 + fit->n_observed[j] * ratio;
        const double shrink = fit->n_observed[j] * ratio / precision;
        qst_rng rng = qst__visit_stream(visit, QST__DRAW_EFFECT, j);
        effects[j] = effect_given(fit, j, fit->beta, shrink) +
                     s * sqrt(ratio / precision) * qst_rng_normal(&rng);
        fit->added[j] = effects[j] + part_of_means(fit, j, fit->beta, fit->n_x, fit->y);
        fit->added_hat[j] = effect_given(fit, j, fit->estimate, shrink) +
                            part_of_means(fit, j, fit->estimate, fit->n_x, fit->y);
    }
}

/* ---- Values ---- */

/* Adds what a row has from its cluster. */
static void add_by_cluster(
    const qst__visit *visit, const ptrdiff_t *rows, ptrdiff_t n, const double *added, double *out)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const int32_t code = cluster_of(visit, rows[i]);
        out[i] += code != 0 ? added[code - 1] : 0.0;
    }
}

/* x'b of the observed rows, in their order, with what their clusters add: b and effects at their
 * posterior means. */
static void predict_observed(const cluster_fit *fit)
{
    const qst__visit *visit = fit->visit;
    qst_cmat x = visit->x;
    x.n_rows = qst__up_to_4(x.n_rows);
    qst__combine_columns(x, visit->columns, visit->n_columns, fit->estimate, fit->predicted);
    for (ptrdiff_t i = 0; i < visit->n_observed; i++) {
        fit->predicted[i] = fit->predicted[visit->observed[i]];
    }
    add_by_cluster(visit, visit->observed, visit->n_observed, fit->added_hat, fit->predicted);
}

static void add_residuals(const qst__visit *visit, double s)
{
    for (ptrdiff_t i = 0; i < visit->n_missing; i++) {
        const ptrdiff_t row = visit->row_numbers[visit->missing[i]];
        qst_rng rng = qst__visit_stream(visit, QST__DRAW_VALUE, row);
        const double value = visit->drawn_out[i] + visit->centre + s * qst_rng_normal(&rng);
        visit->drawn_out[i] = qst__put_in_range(visit->variable, value);
    }
}

/* Matching takes parameters drawn for the missing rows and their posterior means for the observed
 * ones, as without clusters (type 1 of van Buuren 2018, section 3.4.2). */
static void draw_values(const cluster_fit *fit, double s)
{
    const qst__visit *visit = fit->visit;
    qst__combine_columns(
        visit->panel, visit->columns, visit->n_columns, fit->beta, visit->drawn_out);
    add_by_cluster(visit, visit->missing, visit->n_missing, fit->added, visit->drawn_out);
    if (visit->variable->method == QST_IMPUTE_NORM) {
        add_residuals(visit, s);
        return;
    }
    predict_observed(fit);
    qst__match(visit, fit->predicted, visit->drawn_out, fit->matching);
}

qst_status qst__draw_cluster(const qst__visit *visit, qst_err *err)
{
    cluster_fit fit = {.visit = visit};
    lay_out(&fit);
    const ptrdiff_t n_seen = count_rows(&fit);
    if (n_seen < 2 || visit->n_observed < visit->n_columns + QST__MIN_DF) {
        visit->decided_out[QST_DECIDED_NO_EFFECTS] = 1;
        return qst__draw_linear(visit, err);
    }
    find_means(&fit, n_seen);
    find_sums(&fit);
    part_sums(&fit);
    choose_columns(&fit);
    const double ratio = draw_ratio(&fit);
    qst_rng rng = qst__visit_stream(visit, QST__DRAW_VARIANCE, 0);
    const double s = sqrt(residual_ss(&fit) / qst_rng_chi_square(&rng, degrees(&fit)));
    draw_coefficients(&fit, s);
    draw_effects(&fit, s, ratio);
    visit->state[0] = s * s;
    visit->state[1] = s * s * ratio;
    draw_values(&fit, s);
    return QST_OK;
}
