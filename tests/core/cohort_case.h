/*
 * A small invented trial for the tests of reconstruct*.c: two arms, two
 * covariates, ages if asked for, a scale of ten items from 1 to 5; and a slow
 * analysis of it,
 * person by person in doubles, that shares nothing with the search.
 */
#ifndef COHORT_CASE_H
#define COHORT_CASE_H

#include "qst_test.h"

#include <math.h>
#include <string.h>

#define CASE_N 64
#define CASE_ARMS 2
#define CASE_COVARIATES 2 /* sex: 2 levels, in the model; site: 3 levels, second arm only */
#define CASE_AGE 2        /* the numeric covariate, if there is one */
#define CASE_FIGURES 27
#define CASE_MAX_COLUMNS 6

typedef struct {
    qst_cohort_plan plan;
    qst_cohort people;
    int32_t arm_size[CASE_ARMS], n_levels[CASE_COVARIATES];
    int32_t level[CASE_N * (CASE_COVARIATES + 1)];
    int32_t answered[2][CASE_N], total[2][CASE_N];
    double baseline_mean[2], baseline_sd[2], change_mean[2], change_sd[2], skip[2];
    qst_cohort_term terms[3];
    double estimate[4], se[4], se_low[4], se_high[4];
    qst_figure figures[CASE_FIGURES];
} cohort_case;

static inline int case_arm(const cohort_case *c, int i)
{
    return i < c->arm_size[0] ? 0 : 1;
}

static inline int case_level(const cohort_case *c, int i, int covariate)
{
    return covariate < 0 ? 0 : c->level[covariate * CASE_N + i];
}

/* ---- The slow analysis ---- */

static inline double case_score(const cohort_case *c, int visit, int i)
{
    return c->plan.score_items * c->total[visit][i] / c->answered[visit][i];
}

static inline double case_baseline(const cohort_case *c, int i)
{
    double sum = 0;
    int n = 0;
    for (int k = 0; k < CASE_N; k++) {
        if (c->answered[0][k] > 0) {
            sum += case_score(c, 0, k);
            n++;
        }
    }
    return c->answered[0][i] > 0 ? case_score(c, 0, i) : sum / n;
}

static inline double case_outcome(const cohort_case *c, int outcome, int i)
{
    if (outcome == QST_OUTCOME_BASELINE) {
        return case_baseline(c, i);
    }
    const double after = case_score(c, 1, i);
    return outcome == QST_OUTCOME_FOLLOWUP ? after : after - case_baseline(c, i);
}

/* Least squares by Gauss-Jordan elimination of [X'X | X'y | I]; returns the residual sum of squares
 * and, where asked, coefficients and the diagonal of the inverse. */
static inline double case_least_squares(int n, int p, double x[][CASE_MAX_COLUMNS], const double *y,
    double *coef_out, double *diagonal_out)
{
    double a[CASE_MAX_COLUMNS][2 * CASE_MAX_COLUMNS + 1];
    memset(a, 0, sizeof a);
    for (int j = 0; j < p; j++) {
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < p; k++) {
                a[j][k] += x[i][j] * x[i][k];
            }
            a[j][p] += x[i][j] * y[i];
        }
        a[j][p + 1 + j] = 1;
    }
    for (int j = 0; j < p; j++) {
        const double pivot = a[j][j];
        for (int k = 0; k <= 2 * p; k++) {
            a[j][k] /= pivot;
        }
        for (int r = 0; r < p; r++) {
            const double times = a[r][j];
            for (int k = 0; r != j && k <= 2 * p; k++) {
                a[r][k] -= times * a[j][k];
            }
        }
    }
    double rss = 0;
    for (int i = 0; i < n; i++) {
        double left = y[i];
        for (int j = 0; j < p; j++) {
            left -= x[i][j] * a[j][p];
        }
        rss += left * left;
    }
    for (int j = 0; coef_out != NULL && j < p; j++) {
        coef_out[j] = a[j][p];
        diagonal_out[j] = a[j][p + 1 + j];
    }
    return rss;
}

/* The outcome of those a figure speaks of; `arm` < 0: all. */
static inline int case_pick(
    const cohort_case *c, int outcome, int arm, int covariate, int level, double *y_out)
{
    int n = 0;
    for (int i = 0; i < CASE_N; i++) {
        if ((arm < 0 || case_arm(c, i) == arm) &&
            (covariate < 0 || case_level(c, i, covariate) == level)) {
            y_out[n++] = case_outcome(c, outcome, i);
        }
    }
    return n;
}

static inline double case_mean(const double *y, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += y[i];
    }
    return sum / n;
}

static inline double case_ss(const double *y, int n)
{
    const double mean = case_mean(y, n);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (y[i] - mean) * (y[i] - mean);
    }
    return sum;
}

/* One-way F of groups that stand one after the other in y. */
static inline double case_one_way(const double *y, const int *sizes, int k)
{
    int n = 0;
    double within = 0;
    for (int g = 0; g < k; g++) {
        within += case_ss(y + n, sizes[g]);
        n += sizes[g];
    }
    return ((case_ss(y, n) - within) / (k - 1)) / (within / (n - k));
}

static inline double case_t(const cohort_case *c, const qst_figure *f)
{
    double a[CASE_N], b[CASE_N];
    const int na = case_pick(c, f->outcome, f->arm, f->covariate, f->level, a);
    const int nb = case_pick(c, f->outcome, f->reference, f->covariate, f->level, b);
    const double variance = (case_ss(a, na) + case_ss(b, nb)) / (na + nb - 2);
    return (case_mean(a, na) - case_mean(b, nb)) / sqrt(variance * (1.0 / na + 1.0 / nb));
}

static inline double case_f(const cohort_case *c, const qst_figure *f)
{
    const bool arms = f->kind == QST_FIGURE_F_ARMS;
    const int k = arms ? CASE_ARMS : c->n_levels[f->covariate];
    double y[CASE_N];
    int sizes[3];
    int n = 0;
    for (int g = 0; g < k; g++) {
        sizes[g] =
            case_pick(c, f->outcome, arms ? g : f->arm, f->covariate, arms ? f->level : g, y + n);
        n += sizes[g];
    }
    return case_one_way(y, sizes, k);
}

static inline double case_interaction(const cohort_case *c, const qst_figure *f)
{
    double x[CASE_N][CASE_MAX_COLUMNS], y[CASE_N];
    for (int i = 0; i < CASE_N; i++) {
        const double arm = case_arm(c, i);
        const double level = case_level(c, i, f->covariate);
        y[i] = case_outcome(c, f->outcome, i);
        x[i][0] = 1;
        x[i][1] = arm;
        x[i][2] = level;
        x[i][3] = arm * level;
    }
    const double full = case_least_squares(CASE_N, 4, x, y, NULL, NULL);
    const double additive = case_least_squares(CASE_N, 3, x, y, NULL, NULL);
    return (additive - full) / (full / (CASE_N - 4));
}

static inline double case_model(const cohort_case *c, const qst_figure *f)
{
    double x[CASE_N][CASE_MAX_COLUMNS], y[CASE_N], coef[4], diagonal[4];
    const int p = c->plan.n_terms + 1;
    for (int i = 0; i < CASE_N; i++) {
        y[i] = case_outcome(c, QST_OUTCOME_CHANGE, i);
        x[i][0] = 1;
        x[i][1] = case_arm(c, i);
        x[i][2] = case_level(c, i, 0);
        x[i][3] = p > 3 ? case_level(c, i, CASE_AGE) : 0;
    }
    const double rss = case_least_squares(CASE_N, p, x, y, coef, diagonal);
    const double b = coef[f->level];
    const double se = sqrt(rss / (CASE_N - p) * diagonal[f->level]);
    const double values[] = {
        b, se, b / se, b - c->plan.t_quantile * se, b + c->plan.t_quantile * se};
    return values[f->kind - QST_FIGURE_ESTIMATE];
}

static inline double case_value(const cohort_case *c, const qst_figure *f)
{
    double y[CASE_N];
    const int n =
        f->kind <= QST_FIGURE_SD ? case_pick(c, f->outcome, f->arm, f->covariate, f->level, y) : 0;
    switch (f->kind) {
    case QST_FIGURE_MEAN:
        return case_mean(y, n);
    case QST_FIGURE_SD:
        return sqrt(case_ss(y, n) / (n - 1));
    case QST_FIGURE_T:
        return case_t(c, f);
    case QST_FIGURE_F_INTERACTION:
        return case_interaction(c, f);
    case QST_FIGURE_F_ARMS:
    case QST_FIGURE_F_LEVELS:
        return case_f(c, f);
    default:
        return case_model(c, f);
    }
}

/* The first figure that the search values differently, or -1. */
static inline int case_first_difference(const cohort_case *c, const double *values)
{
    for (int k = 0; k < c->plan.n_figures; k++) {
        const double slow = case_value(c, &c->figures[k]);
        if (!(fabs(values[k] - slow) <= 1e-9 * (1 + fabs(slow)))) {
            return k;
        }
    }
    return -1;
}

/* ---- The case ---- */

/* The people whose figures are printed: scores around 35 of 50, some items skipped, the last two
 * people of each arm without baseline. */
static inline void case_draw_people(cohort_case *c, uint64_t seed)
{
    uint64_t state = seed;
    for (int i = 0; i < CASE_N; i++) {
        c->level[i] = test_uniform(&state) < 0.4;
        c->level[CASE_N + i] = case_arm(c, i) == 0 ? -1 : (int32_t)(3 * test_uniform(&state));
        const double before = 3.5 + 0.5 * test_normal(&state);
        const double after = before + 0.2 * case_arm(c, i) + 0.3 * test_normal(&state);
        for (int v = 0; v < 2; v++) {
            const int answered = 10 - (test_uniform(&state) < 0.3) - (test_uniform(&state) < 0.1);
            const double mean = fmin(4.6, fmax(1.4, v == 0 ? before : after));
            c->answered[v][i] = answered;
            c->total[v][i] = (int32_t)(mean * answered + 0.5);
        }
    }
    for (int i = CASE_N - 3; i < CASE_N; i++) {
        c->answered[0][i] = c->total[0][i] = 0;
    }
}

static inline void case_print(cohort_case *c, qst_figure figure, double half)
{
    const double unit = 2 * half;
    const double printed = floor(case_value(c, &figure) / unit + 0.5) * unit;
    figure.low = printed - half;
    figure.high = printed + half;
    c->figures[c->plan.n_figures++] = figure;
}

static inline void case_print_figures(cohort_case *c)
{
    for (int arm = 0; arm < CASE_ARMS; arm++) {
        for (int outcome = 0; outcome < 3; outcome += 2) {
            case_print(c, (qst_figure){QST_FIGURE_MEAN, outcome, arm, -1, -1, 0, 0, 0}, 0.05);
            case_print(c, (qst_figure){QST_FIGURE_SD, outcome, arm, -1, -1, 0, 0, 0}, 0.05);
        }
        case_print(c, (qst_figure){QST_FIGURE_MEAN, 0, arm, -1, 0, 1, 0, 0}, 0.05);
        case_print(c, (qst_figure){QST_FIGURE_SD, 1, arm, -1, -1, 0, 0, 0}, 0.05);
    }
    case_print(c, (qst_figure){QST_FIGURE_F_ARMS, 0, -1, -1, 0, 1, 0, 0}, 0.05);
    case_print(c, (qst_figure){QST_FIGURE_F_LEVELS, 2, 1, -1, 1, 0, 0, 0}, 0.05);
    case_print(c, (qst_figure){QST_FIGURE_T, 2, 1, 0, -1, 0, 0, 0}, 0.05);
    case_print(c, (qst_figure){QST_FIGURE_F_INTERACTION, 2, -1, -1, 0, 0, 0, 0}, 0.05);
    for (int j = 0; j < 3; j++) {
        case_print(c, (qst_figure){QST_FIGURE_ESTIMATE, 2, -1, -1, -1, j, 0, 0}, 0.05);
        case_print(c, (qst_figure){QST_FIGURE_SE, 2, -1, -1, -1, j, 0, 0}, 0.02);
    }
    case_print(c, (qst_figure){QST_FIGURE_RATIO, 2, -1, -1, -1, 1, 0, 0}, 0.05);
    case_print(c, (qst_figure){QST_FIGURE_LOW, 2, -1, -1, -1, 1, 0, 0}, 0.05);
    case_print(c, (qst_figure){QST_FIGURE_HIGH, 2, -1, -1, -1, 1, 0, 0}, 0.05);
}

/* Ranges the design search needs, from the printed figures. */
static inline void case_set_model(cohort_case *c)
{
    for (int k = 0; k < c->plan.n_figures; k++) {
        const qst_figure *f = &c->figures[k];
        if (f->kind == QST_FIGURE_ESTIMATE) {
            c->estimate[f->level] = (f->low + f->high) / 2;
        } else if (f->kind == QST_FIGURE_SE) {
            c->se[f->level] = (f->low + f->high) / 2;
            c->se_low[f->level] = f->low;
            c->se_high[f->level] = f->high;
        }
    }
    double y[CASE_N];
    double ss = 0;
    for (int arm = 0; arm < CASE_ARMS; arm++) {
        ss += case_ss(y, case_pick(c, QST_OUTCOME_CHANGE, arm, -1, 0, y));
    }
    c->plan.ss = ss;
    c->plan.ss_low = 0.98 * ss;
    c->plan.ss_high = 1.02 * ss;
}

static inline void case_make(cohort_case *c, uint64_t seed)
{
    *c = (cohort_case){.arm_size = {30, 34},
        .n_levels = {2, 3},
        .skip = {0.25, 0.1},
        .terms = {{-1, 1}, {0, 1}},
        .baseline_mean = {35, 35},
        .baseline_sd = {5, 5},
        .change_mean = {0, 2},
        .change_sd = {3, 3}};
    c->people =
        (qst_cohort){c->level, {c->answered[0], c->answered[1]}, {c->total[0], c->total[1]}};
    c->plan = (qst_cohort_plan){.n_people = CASE_N,
        .n_arms = CASE_ARMS,
        .n_covariates = CASE_COVARIATES,
        .arm_size = c->arm_size,
        .n_levels = c->n_levels,
        .n_items = 10,
        .min = 1,
        .max = 5,
        .score_items = 10,
        .skip = c->skip,
        .n_skips = 2,
        .n_lone = 3,
        .baseline_mean = c->baseline_mean,
        .baseline_sd = c->baseline_sd,
        .change_mean = c->change_mean,
        .change_sd = c->change_sd,
        .correlation = -0.3,
        .figures = c->figures,
        .model_outcome = QST_OUTCOME_CHANGE,
        .n_terms = 2,
        .terms = c->terms,
        .estimate = c->estimate,
        .se = c->se,
        .se_low = c->se_low,
        .se_high = c->se_high,
        .t_quantile = 1.9996,
        .seed = seed,
        .n_attempts = 3};
    case_draw_people(c, seed);
    case_print_figures(c);
    case_set_model(c);
}

/* Gives people ages, which the model then holds too. */
static inline void case_add_ages(cohort_case *c, uint64_t seed)
{
    uint64_t state = seed + 1000;
    for (int i = 0; i < CASE_N; i++) {
        c->level[CASE_AGE * CASE_N + i] = (int32_t)(45 + 11 * test_normal(&state));
    }
    c->plan.n_numeric = 1;
    c->terms[c->plan.n_terms++] = (qst_cohort_term){CASE_AGE, 0};
    c->plan.n_figures = 0;
    case_print_figures(c);
    case_print(c, (qst_figure){QST_FIGURE_ESTIMATE, 2, -1, -1, -1, 3, 0, 0}, 0.005);
    case_print(c, (qst_figure){QST_FIGURE_SE, 2, -1, -1, -1, 3, 0, 0}, 0.001);
    case_set_model(c);
}

/* Prints the same figures again in ranges so many times narrower. */
static inline void case_print_finer(cohort_case *c, double times)
{
    const int n = c->plan.n_figures;
    c->plan.n_figures = 0;
    for (int k = 0; k < n; k++) {
        const qst_figure f = c->figures[k];
        case_print(c, f, (f.high - f.low) / 2 / times);
    }
    case_set_model(c);
}

/* The same with few figures and no model, so that a search ends soon. */
static inline void case_make_easy(cohort_case *c, uint64_t seed)
{
    case_make(c, seed);
    c->plan.n_figures = 4;
    c->plan.n_terms = 0;
}

#endif
