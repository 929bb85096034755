/* A small trial with its linear model, fitted the slow way, and its tables as printed: for the
 * tests of what audits say of models. */
#ifndef AUDIT_LINEAR_CASE_H
#define AUDIT_LINEAR_CASE_H

#include "audit_case.h"

#define LINEAR_ARMS 3
#define LINEAR_PEOPLE 120
#define LINEAR_COLUMNS 7 /* constant, two arms, sex, two of three schools, age */

/* Variables: arm, sex, school, age; columns first[v] to first[v + 1] - 1. */
enum { LINEAR_ARM, LINEAR_SEX, LINEAR_SCHOOL, LINEAR_AGE, LINEAR_VARIABLES };
static const int linear_first[] = {1, 3, 4, 6, 7};
static const int linear_levels[] = {3, 2, 3, 0};

typedef struct {
    bool has[LINEAR_VARIABLES];
    int n, n_columns, level[LINEAR_VARIABLES][LINEAR_PEOPLE];
    int column[LINEAR_COLUMNS]; /* which of the columns the coefficients belong to */
    double age[LINEAR_PEOPLE], y[LINEAR_PEOPLE];
    double b[LINEAR_COLUMNS], se[LINEAR_COLUMNS];
} linear_trial;

static inline double linear_x(const linear_trial *t, int person, int column)
{
    if (column == 0) {
        return 1.0;
    }
    if (column == linear_first[LINEAR_AGE]) {
        return t->age[person];
    }
    const int v = column >= linear_first[2]   ? LINEAR_SCHOOL
                  : column >= linear_first[1] ? LINEAR_SEX
                                              : LINEAR_ARM;
    return t->level[v][person] == column - linear_first[v] + 1 ? 1.0 : 0.0;
}

/* Gauss and Jordan: `a` (n x 2n) is A and the unit matrix, then the unit matrix and A^-1. */
static inline void linear_invert(int n, double a[LINEAR_COLUMNS][2 * LINEAR_COLUMNS])
{
    for (int k = 0; k < n; k++) {
        const double pivot = a[k][k];
        for (int j = 0; j < 2 * n; j++) {
            a[k][j] /= pivot;
        }
        for (int i = 0; i < n; i++) {
            const double factor = a[i][k];
            for (int j = 0; j < 2 * n && i != k; j++) {
                a[i][j] -= factor * a[k][j];
            }
        }
    }
}

static inline void linear_fit(linear_trial *t)
{
    const int p = t->n_columns;
    double a[LINEAR_COLUMNS][2 * LINEAR_COLUMNS] = {{0.0}}, xy[LINEAR_COLUMNS] = {0.0}, rss = 0.0;
    for (int i = 0; i < p; i++) {
        a[i][p + i] = 1.0;
        for (int k = 0; k < t->n; k++) {
            xy[i] += linear_x(t, k, t->column[i]) * t->y[k];
            for (int j = 0; j < p; j++) {
                a[i][j] += linear_x(t, k, t->column[i]) * linear_x(t, k, t->column[j]);
            }
        }
    }
    linear_invert(p, a);
    for (int i = 0; i < p; i++) {
        t->b[i] = 0.0;
        for (int j = 0; j < p; j++) {
            t->b[i] += a[i][p + j] * xy[j];
        }
    }
    for (int k = 0; k < t->n; k++) {
        double residual = t->y[k];
        for (int i = 0; i < p; i++) {
            residual -= t->b[i] * linear_x(t, k, t->column[i]);
        }
        rss += residual * residual;
    }
    for (int i = 0; i < p; i++) {
        t->se[i] = sqrt(rss / (t->n - p) * a[i][p + i]);
    }
}

/* has: sex, school, age (arms always). Covariates depend on one another by `tie` in [0, 1). */
static inline void linear_draw(linear_trial *t, uint64_t *stream, const bool has[3], double tie)
{
    memset(t, 0, sizeof *t);
    t->n = LINEAR_PEOPLE - (int)(60.0 * test_uniform(stream));
    for (int v = 0; v < LINEAR_VARIABLES; v++) {
        t->has[v] = v == LINEAR_ARM || has[v - 1];
    }
    t->n_columns = 0;
    t->column[t->n_columns++] = 0;
    for (int v = 0; v < LINEAR_VARIABLES; v++) {
        for (int j = linear_first[v]; j < linear_first[v + 1] && t->has[v]; j++) {
            t->column[t->n_columns++] = j;
        }
    }
    for (int k = 0; k < t->n; k++) {
        const double own = test_uniform(stream);
        for (int v = 0; v < LINEAR_AGE; v++) {
            const double u = test_uniform(stream) < tie ? own : test_uniform(stream);
            t->level[v][k] = k < 6 ? k % linear_levels[v] : (int)(u * u * linear_levels[v]);
        }
        t->age[k] = 40.0 + 10.0 * (test_normal(stream) + 3.0 * tie * own);
        t->y[k] =
            4.0 * test_normal(stream) + t->level[1][k] - 3.0 * t->level[2][k] + 0.1 * t->age[k];
    }
    linear_fit(t);
}

/* ---- As printed ---- */

typedef struct {
    audit_case tables;
    int32_t n[LINEAR_ARMS], mean[LINEAR_ARMS + 1], sd[LINEAR_ARMS];
    int32_t age_mean[LINEAR_ARMS + 1], age_sd[LINEAR_ARMS];
    int32_t estimate[LINEAR_COLUMNS], error[LINEAR_COLUMNS];
    int32_t level[LINEAR_COLUMNS], reference[LINEAR_COLUMNS];
} linear_tables;

/* n, mean and SD of x in an arm, everybody in arm -1. */
static inline void linear_moments(const linear_trial *t, const double *x, int arm, double out[3])
{
    double n = 0.0, sum = 0.0, squares = 0.0;
    for (int k = 0; k < t->n; k++) {
        if (arm < 0 || t->level[LINEAR_ARM][k] == arm) {
            n += 1.0;
            sum += x[k];
        }
    }
    for (int k = 0; k < t->n; k++) {
        if (arm < 0 || t->level[LINEAR_ARM][k] == arm) {
            squares += (x[k] - sum / n) * (x[k] - sum / n);
        }
    }
    out[0] = n;
    out[1] = sum / n;
    out[2] = sqrt(squares / (n - 1.0));
}

static inline int32_t linear_margin(audit_case *c, const linear_trial *t, int v)
{
    int counts[9] = {0};
    for (int k = 0; k < t->n; k++) {
        counts[t->level[v][k] * LINEAR_ARMS + t->level[LINEAR_ARM][k]]++;
    }
    return case_margin(c, linear_levels[v], LINEAR_ARMS, v == LINEAR_ARM ? NULL : counts);
}

static inline void linear_print(const linear_trial *t, int decimals, linear_tables *out)
{
    audit_case *c = &out->tables;
    memset(out, 0, sizeof *out);
    case_start(c);
    for (int arm = 0; arm <= LINEAR_ARMS; arm++) {
        double y[3], age[3];
        linear_moments(t, t->y, arm < LINEAR_ARMS ? arm : -1, y);
        linear_moments(t, t->age, arm < LINEAR_ARMS ? arm : -1, age);
        out->mean[arm] = case_rounded(c, y[1], decimals);
        out->age_mean[arm] = case_rounded(c, age[1], decimals);
        if (arm < LINEAR_ARMS) {
            out->n[arm] = case_count(c, (int64_t)y[0]);
            out->sd[arm] = case_rounded(c, y[2], decimals);
            out->age_sd[arm] = case_rounded(c, age[2], decimals);
        }
    }
    int row = 1;
    for (int v = 0; v < LINEAR_VARIABLES; v++) {
        const int32_t margin = v == LINEAR_AGE || !t->has[v] ? 0 : linear_margin(c, t, v);
        const int32_t reference = case_label(c, 0, margin);
        for (int j = linear_first[v]; j < linear_first[v + 1] && t->has[v]; j++, row++) {
            out->level[row] = v == LINEAR_AGE ? 0 : case_label(c, j - linear_first[v] + 1, margin);
            out->reference[row] = v == LINEAR_AGE ? 0 : reference;
        }
    }
    for (int i = 0; i < t->n_columns; i++) {
        out->estimate[i] = case_rounded(c, t->b[i], decimals);
        out->error[i] = case_rounded(c, t->se[i], decimals);
    }
}

#endif
