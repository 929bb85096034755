#include "la/la.h"
#include "stat/audit.h"

/*
 * Standard errors of a linear model with arms as a factor, against group sizes and standard
 * deviations.
 *
 * Let M take arm means off. Residuals e are orthogonal to all columns and Me = e, so with the
 * contributions c_f = M X_f b_f of the other variables f
 *     RSS = |My|^2 - |sum of c_f|^2,   |My|^2 = sum of (n_a - 1) s_a^2,
 * where |c_f| follows from the counts of f by arm (or its standard deviations), but the angles
 * between the c_f do not: |sum of c_f| lies between max over f of |c_f| - (the other |c_g|) and
 * the sum of all |c_f| (triangle inequality).
 *
 * The variance of a coefficient of f is sigma^2 times an element of (X'X)^-1, which is least where
 * arms and f are all there is: more columns never lower it (Schur complement). For those,
 * S_f = X_f' M X_f is known from the counts, and
 *     var(b_fj) >= sigma^2 (S_f^-1)_jj,
 *     var(arm a less r) >= sigma^2 (1/n_a + 1/n_r + d' S_f^-1 d), d the difference of mean columns,
 *     var(constant) >= sigma^2 (1/n_r + m' S_f^-1 m), m the mean columns of the reference arm,
 * for each f; equal with at most one f. The value takes variables for independent within arms:
 * then |c_f|^2 add, and so do the terms in d and m.
 */

#define MAX_DUMMIES 24

/* par: the coefficient, a row counted from 0 or -1 for the constant; the number of arms; for a
 * limit the quantile. Inputs: people in each arm, standard deviation of the outcome in each arm,
 * then for each coefficient itself, its level, its reference, and for a numeric covariate its
 * standard deviation and then its mean in each arm. */
typedef struct {
    const qst__audit *audit;
    const qst_check *check;
    int target, n_arms, n_rows;
} model;

typedef struct {
    double value, low, high;
} triple;

static triple input(const model *m, int k)
{
    const qst__interval x = qst__input_interval(m->audit, m->check, k);
    return (triple){qst__input_value(m->audit, m->check, k), x.low, x.high};
}

static triple square(triple x)
{
    const double a = x.low * x.low, b = x.high * x.high;
    const bool has_zero = x.low <= 0.0 && x.high >= 0.0;
    return (triple){x.value * x.value, has_zero ? 0.0 : fmin(a, b), fmax(a, b)};
}

static int row_input(const model *m, int row)
{
    return 2 * m->n_arms + row * (3 + 2 * m->n_arms);
}

static double people(const model *m, int arm)
{
    return qst__input_value(m->audit, m->check, arm);
}

static const qst_margin *row_margin(const model *m, int row)
{
    return qst__input_margin(m->audit, m->check, row_input(m, row) + 1);
}

static bool is_arm_row(const model *m, int row)
{
    const qst_margin *margin = row_margin(m, row);
    return margin != NULL && margin->count == NULL;
}

static int level_of_row(const model *m, int row)
{
    return qst__input_level(m->audit, m->check, row_input(m, row) + 1);
}

static int reference_of_row(const model *m, int row)
{
    return qst__input_level(m->audit, m->check, row_input(m, row) + 2);
}

/* ---- Arms that the target compares ---- */

typedef struct {
    int arm, reference; /* -1: none */
} contrast;

static contrast target_arms(const model *m)
{
    for (int row = 0; row < m->n_rows; row++) {
        if (is_arm_row(m, row) && (m->target < 0 || row == m->target)) {
            return (contrast){m->target < 0 ? -1 : level_of_row(m, row), reference_of_row(m, row)};
        }
    }
    return (contrast){-1, -1};
}

/* Of the arms alone; 0 for a coefficient within arms. */
static double arm_variance(const model *m, contrast arms)
{
    double variance = arms.arm >= 0 ? 1.0 / people(m, arms.arm) : 0.0;
    variance += arms.reference >= 0 ? 1.0 / people(m, arms.reference) : 0.0;
    return variance;
}

/* ---- One variable ---- */

/* |c_f| and the variable's part of the target's variance, in sigma^2. */
typedef struct {
    triple norm, variance;
} part;

/* The dummies of a factor: rows, levels, S and then its factor R, and the vector of the target. */
typedef struct {
    const qst_margin *margin;
    int n, row[MAX_DUMMIES], level[MAX_DUMMIES];
    double s[MAX_DUMMIES * MAX_DUMMIES], v[MAX_DUMMIES];
} factor;

static double count(const model *m, const factor *f, int k, int arm)
{
    return qst__level_count(m->audit, f->margin, f->level[k], arm);
}

/* Rows of the factor that begins at `first`; false where they cannot be dummies of one factor. */
static bool find_dummies(const model *m, int first, factor *f)
{
    f->margin = row_margin(m, first);
    f->n = 0;
    for (int row = first; row < m->n_rows; row++) {
        if (row_margin(m, row) != f->margin) {
            continue;
        }
        const int level = level_of_row(m, row);
        for (int k = 0; k < f->n; k++) {
            if (f->level[k] == level) {
                return false;
            }
        }
        if (f->n == MAX_DUMMIES || level == reference_of_row(m, row)) {
            return false;
        }
        f->row[f->n] = row;
        f->level[f->n++] = level;
    }
    return true;
}

/* Are the levels of the people in the means? */
static bool has_all_people(const model *m, const factor *f)
{
    for (int arm = 0; arm < m->n_arms; arm++) {
        double n = 0.0;
        for (int32_t level = 0; level < f->margin->n_levels; level++) {
            n += qst__level_count(m->audit, f->margin, level, arm);
        }
        if (!(n == people(m, arm) && n > 0.0)) {
            return false;
        }
    }
    return true;
}

static void cross_products(const model *m, factor *f)
{
    for (int i = 0; i < f->n; i++) {
        for (int j = 0; j < f->n; j++) {
            double sum = 0.0;
            for (int arm = 0; arm < m->n_arms; arm++) {
                const double n_i = count(m, f, i, arm), n_j = count(m, f, j, arm);
                sum += (i == j ? n_i : 0.0) - n_i * n_j / people(m, arm);
            }
            f->s[i + j * f->n] = sum;
        }
    }
}

/* |c_f| at the coefficients printed; those within half a unit of them change it by at most the
 * norms of that change. */
static triple factor_norm(const model *m, const factor *f)
{
    double sum = 0.0, change = 0.0;
    for (int i = 0; i < f->n; i++) {
        const triple b_i = input(m, row_input(m, f->row[i]));
        for (int j = 0; j < f->n; j++) {
            sum += b_i.value * f->s[i + j * f->n] *
                   qst__input_value(m->audit, m->check, row_input(m, f->row[j]));
        }
        change += fmax(b_i.high - b_i.value, b_i.value - b_i.low) * sqrt(f->s[i + i * f->n]);
    }
    const double norm = sqrt(fmax(sum, 0.0));
    return (triple){norm, fmax(norm - change, 0.0), norm + change};
}

/* The target is v' b_f, and an arm's mean. */
static void target_vector(const model *m, factor *f, contrast arms)
{
    for (int k = 0; k < f->n; k++) {
        f->v[k] = f->row[k] == m->target ? 1.0 : 0.0;
        f->v[k] += arms.arm >= 0 ? count(m, f, k, arms.arm) / people(m, arms.arm) : 0.0;
        f->v[k] -=
            arms.reference >= 0 ? count(m, f, k, arms.reference) / people(m, arms.reference) : 0.0;
    }
}

static bool factor_part(const model *m, int first, contrast arms, part *out)
{
    factor f;
    if (!find_dummies(m, first, &f) || !has_all_people(m, &f)) {
        return false;
    }
    cross_products(m, &f);
    out->norm = factor_norm(m, &f);
    target_vector(m, &f, arms);
    double pivots[MAX_DUMMIES];
    const qst_mat s = {f.s, f.n, f.n, f.n};
    if (qst__cholesky(s, 1e-12, pivots) < f.n) {
        return false;
    }
    qst__solve_upper_transposed(qst__view(s), f.v);
    double variance = 0.0;
    for (int k = 0; k < f.n; k++) {
        variance += f.v[k] * f.v[k];
    }
    out->variance = (triple){variance, variance, variance};
    return true;
}

static triple numeric_mean(const model *m, int row, int arm)
{
    return arm < 0 ? (triple){0.0, 0.0, 0.0} : input(m, row_input(m, row) + 3 + m->n_arms + arm);
}

static void numeric_part(const model *m, int row, contrast arms, part *out)
{
    triple s = {0.0, 0.0, 0.0};
    for (int arm = 0; arm < m->n_arms; arm++) {
        const triple sd = square(input(m, row_input(m, row) + 3 + arm));
        const double df = people(m, arm) - 1.0;
        s = (triple){s.value + df * sd.value, s.low + df * sd.low, s.high + df * sd.high};
    }
    const triple b = square(input(m, row_input(m, row)));
    out->norm = (triple){sqrt(b.value * s.value), sqrt(b.low * s.low), sqrt(b.high * s.high)};
    const triple x = numeric_mean(m, row, arms.arm), y = numeric_mean(m, row, arms.reference);
    const triple d = row == m->target
                         ? (triple){1.0, 1.0, 1.0}
                         : square((triple){x.value - y.value, x.low - y.high, x.high - y.low});
    out->variance = (triple){d.value / s.value, d.low / s.high, d.high / s.low};
    if (m->target < 0) {
        /* Of a covariate that may be centred the constant's mean column is not known. */
        out->variance.low = 0.0;
        out->variance.high = (double)INFINITY;
    }
}

/* ---- The whole model ---- */

/* Sums over the variables: |c_f|, their greatest and the squares of their values; parts of the
 * variance, the greatest for `low`. */
typedef struct {
    int n_variables;
    double longest_low, rest_high, norms_high, squares;
    triple variance;
} totals;

static void add_part(totals *sum, const part *p)
{
    if (p->norm.low > sum->longest_low || sum->n_variables == 0) {
        sum->longest_low = p->norm.low;
        sum->rest_high = sum->norms_high;
    } else {
        sum->rest_high += p->norm.high;
    }
    sum->n_variables++;
    sum->norms_high += p->norm.high;
    sum->squares += p->norm.value * p->norm.value;
    sum->variance.value += p->variance.value;
    sum->variance.low = fmax(sum->variance.low, p->variance.low);
    sum->variance.high += p->variance.high;
}

static bool is_first_of_factor(const model *m, int row)
{
    for (int k = 0; k < row; k++) {
        if (row_margin(m, k) == row_margin(m, row)) {
            return false;
        }
    }
    return true;
}

static bool add_variables(const model *m, contrast arms, totals *sum)
{
    for (int row = 0; row < m->n_rows; row++) {
        part p;
        if (row_margin(m, row) == NULL) {
            numeric_part(m, row, arms, &p);
        } else if (is_arm_row(m, row) || !is_first_of_factor(m, row)) {
            continue;
        } else if (!factor_part(m, row, arms, &p)) {
            return false;
        }
        add_part(sum, &p);
    }
    return true;
}

static triple sum_of_squares(const model *m, double *n_out)
{
    triple sum = {0.0, 0.0, 0.0};
    *n_out = 0.0;
    for (int arm = 0; arm < m->n_arms; arm++) {
        const triple sd = square(input(m, m->n_arms + arm));
        const double df = people(m, arm) - 1.0;
        sum = (triple){sum.value + df * sd.value, sum.low + df * sd.low, sum.high + df * sd.high};
        *n_out += people(m, arm);
    }
    return sum;
}

static bool read_model(const qst__audit *audit, const qst_check *check, model *m)
{
    *m = (model){audit, check, (int)check->par[0], (int)check->par[1], 0};
    if (m->n_arms < 1) {
        return false;
    }
    m->n_rows = (check->n - 2 * m->n_arms) / (3 + 2 * m->n_arms);
    return m->n_rows > 0 && check->n == row_input(m, m->n_rows) && m->target < m->n_rows;
}

static bool standard_error(const qst__audit *audit, const qst_check *check, triple *error_out)
{
    model m;
    if (!read_model(audit, check, &m)) {
        return false;
    }
    const contrast arms = target_arms(&m);
    totals sum = {0, 0.0, 0.0, 0.0, 0.0, {0.0, 0.0, 0.0}};
    double n;
    const triple ss = sum_of_squares(&m, &n);
    const double df = n - m.n_rows - 1.0, alone = arm_variance(&m, arms);
    if (!(df > 0.0) || !add_variables(&m, arms, &sum)) {
        return false;
    }
    const double least = fmax(sum.longest_low - sum.rest_high, 0.0);
    const triple rss = {fmax(ss.value - sum.squares, 0.0),
        fmax(ss.low - sum.norms_high * sum.norms_high, 0.0), fmax(ss.high - least * least, 0.0)};
    const bool is_bound = sum.n_variables > 1;
    error_out->value = sqrt(rss.value / df * (alone + sum.variance.value));
    error_out->low = sqrt(rss.low / df * (alone + sum.variance.low));
    error_out->high =
        is_bound ? (double)INFINITY : sqrt(rss.high / df * (alone + sum.variance.high));
    return true;
}

/* What correlations within arms usually add to an error, as a share of it. */
#define USUAL_SHARE 0.1

bool qst__range_ols_error(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    triple e;
    if (!standard_error(audit, check, &e)) {
        return false;
    }
    const double spread = isinf(e.high) ? USUAL_SHARE * e.value : (double)NAN;
    *range_out = (qst__range){e.value, e.low, e.high, spread};
    return true;
}

/* The upper limit, b + q s. */
bool qst__range_ols_limit(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    model m;
    triple e;
    if (!read_model(audit, check, &m) || m.target < 0 || !standard_error(audit, check, &e)) {
        return false;
    }
    const triple b = input(&m, row_input(&m, m.target));
    const double q = check->par[2],
                 spread = isinf(e.high) ? q * USUAL_SHARE * e.value : (double)NAN;
    *range_out =
        (qst__range){b.value + q * e.value, b.low + q * e.low, b.high + q * e.high, spread};
    return true;
}
