#include "impute_case.h"

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    return run_case(ctx, data, err);
}

static void assert_runs(impute_case *c)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(run_case(NULL, c, &err), QST_OK, &err);
}

/* ---- The slow version: everything formed anew for every variable ---- */

#define SLOW_P 16

/* One imputation as it goes: numbers, codes or scores, a column a variable. */
typedef struct {
    const impute_case *c;
    double *values[CASE_MAX];
    uint32_t imputation, iteration;
} slow;

static int32_t group_of(const impute_case *c, ptrdiff_t row)
{
    return c->data.group != NULL ? c->data.group[row] : 1;
}

static qst_rng slow_stream(
    const slow *s, uint32_t purpose, int variable, int32_t group, ptrdiff_t row)
{
    const qst_rng_address address = {.purpose = purpose,
        .replicate = s->imputation,
        .variable = (uint32_t)variable,
        .iteration = (uint32_t)(group - 1) << 16 | s->iteration,
        .row = (uint32_t)row};
    qst_rng rng;
    assert_status(qst_rng_init(&rng, s->c->settings.seed, &address, NULL), QST_OK, NULL);
    return rng;
}

static void slow_scores(const slow *s)
{
    for (int v = 0; v < s->c->data.n_variables; v++) {
        const qst_impute_variable *score = &s->c->variables[v];
        for (ptrdiff_t i = 0; i < s->c->n && score->method == QST_IMPUTE_SCORE; i++) {
            s->values[v][i] = score->constant;
            for (int k = 0; k < score->n_parts; k++) {
                s->values[v][i] += score->part_weights[k] * s->values[score->parts[k]][i];
            }
        }
    }
}

/* 1, then the predictors: numbers as they stand, factors as indicators. Returns how many. */
static int slow_row(const slow *s, int variable, ptrdiff_t i, double *x)
{
    const qst_impute_variable *v = &s->c->variables[variable];
    int n = 0;
    x[n++] = 1.0;
    for (int k = 0; k < v->n_predictors; k++) {
        const qst_impute_variable *predictor = &s->c->variables[v->predictors[k]];
        const double value = s->values[v->predictors[k]][i];
        if (predictor->method == QST_IMPUTE_SCORE || predictor->column.type != QST_COL_FACTOR) {
            x[n++] = value;
        }
        for (int l = 2; predictor->column.type == QST_COL_FACTOR && l <= predictor->column.n_levels;
             l++) {
            x[n++] = value == l;
        }
    }
    return n;
}

/* Centres of the numbers and scores in a group, at the means of the observed; 0 for indicators. */
static void slow_centres(const slow *s, int variable, int32_t group, double *out)
{
    const qst_impute_variable *v = &s->c->variables[variable];
    int n = 0;
    out[n++] = 0.0;
    for (int k = 0; k <= v->n_predictors; k++) {
        const int p = k < v->n_predictors ? v->predictors[k] : variable;
        const qst_impute_variable *predictor = &s->c->variables[p];
        const bool is_score = predictor->method == QST_IMPUTE_SCORE;
        const int n_parts = is_score ? predictor->n_parts : 1;
        double centre = is_score ? predictor->constant : 0.0;
        for (int q = 0; q < n_parts; q++) {
            const int part = is_score ? predictor->parts[q] : p;
            double sum = 0.0, count = 0.0;
            for (ptrdiff_t i = 0; i < s->c->n; i++) {
                if (group_of(s->c, i) == group && !case_misses(s->c, part, i)) {
                    sum += s->values[part][i];
                    count += 1.0;
                }
            }
            centre += (is_score ? predictor->part_weights[q] : 1.0) * sum / count;
        }
        const bool is_factor = !is_score && predictor->column.type == QST_COL_FACTOR;
        for (int l = 0; l < (is_factor ? predictor->column.n_levels - 1 : 1); l++) {
            out[n++] = is_factor ? 0.0 : centre;
        }
    }
}

/* R of the Cholesky factor of the n x n matrix a, in place. */
static void slow_cholesky(double a[SLOW_P][SLOW_P], int n)
{
    for (int j = 0; j < n; j++) {
        for (int i = 0; i <= j; i++) {
            for (int k = 0; k < i; k++) {
                a[i][j] -= a[k][i] * a[k][j];
            }
            a[i][j] = i == j ? sqrt(a[j][j]) : a[i][j] / a[i][i];
        }
    }
}

/* Bayesian regression of the group's observed rows, then its missing rows. */
static void slow_norm(slow *s, int variable, int32_t group)
{
    const impute_case *c = s->c;
    double a[SLOW_P][SLOW_P] = {{0.0}}, x[SLOW_P], centre[SLOW_P], b[SLOW_P];
    int p = 0, n_observed = 0;
    slow_centres(s, variable, group, centre);
    for (ptrdiff_t i = 0; i < c->n; i++) {
        if (group_of(c, i) != group || case_misses(c, variable, i)) {
            continue;
        }
        p = slow_row(s, variable, i, x);
        x[p] = s->values[variable][i];
        n_observed++;
        for (int j = 0; j <= p; j++) {
            for (int k = j; k <= p; k++) {
                a[j][k] += (x[j] - centre[j]) * (x[k] - centre[k]);
            }
        }
    }
    slow_cholesky(a, p + 1);
    qst_rng rng = slow_stream(s, QST__DRAW_VARIANCE, variable, group, 0);
    const double sigma = a[p][p] / sqrt(qst_rng_chi_square(&rng, n_observed - p));
    rng = slow_stream(s, QST__DRAW_PARAMETERS, variable, group, 0);
    for (int j = 0; j < p; j++) {
        b[j] = a[j][p] + sigma * qst_rng_normal(&rng);
    }
    for (int j = p - 1; j >= 0; j--) {
        for (int k = j + 1; k < p; k++) {
            b[j] -= a[j][k] * b[k];
        }
        b[j] /= a[j][j];
    }
    for (ptrdiff_t i = 0; i < c->n; i++) {
        if (group_of(c, i) != group || !case_misses(c, variable, i)) {
            continue;
        }
        slow_row(s, variable, i, x);
        rng = slow_stream(s, QST__DRAW_VALUE, variable, group, i);
        double value = centre[p] + sigma * qst_rng_normal(&rng);
        for (int j = 0; j < p; j++) {
            value += (x[j] - centre[j]) * b[j];
        }
        s->values[variable][i] = value;
    }
}

/* The observed row that a missing one starts with: uniform among those of its group. */
static void slow_start(slow *s, int variable)
{
    const impute_case *c = s->c;
    const qst_impute_variable *v = &c->variables[variable];
    for (ptrdiff_t i = 0; i < c->n && v->method != QST_IMPUTE_SCORE; i++) {
        const bool is_factor = v->column.type == QST_COL_FACTOR;
        ptrdiff_t from = i;
        if (case_misses(c, variable, i)) {
            uint32_t n_observed = 0;
            for (ptrdiff_t k = 0; k < c->n; k++) {
                n_observed += group_of(c, k) == group_of(c, i) && !case_misses(c, variable, k);
            }
            qst_rng rng = slow_stream(s, QST__DRAW_START, variable, group_of(c, i), i);
            const uint32_t chosen = qst_rng_below(&rng, n_observed);
            uint32_t n_before = 0;
            for (from = 0;; from++) {
                const bool counts =
                    group_of(c, from) == group_of(c, i) && !case_misses(c, variable, from);
                if (counts && n_before++ == chosen) {
                    break;
                }
            }
        }
        s->values[variable][i] = is_factor ? c->codes[variable][from] : c->values[variable][from];
    }
}

static void assert_as_slow(impute_case *c)
{
    assert_runs(c);
    slow s = {.c = c};
    for (int v = 0; v < c->data.n_variables; v++) {
        s.values[v] = make_array(c->n, sizeof(double));
    }
    for (int m = 0; m < c->settings.n_imputations; m++) {
        s.imputation = (uint32_t)(c->settings.first_imputation + m);
        s.iteration = 0;
        for (int v = 0; v < c->data.n_variables; v++) {
            slow_start(&s, v);
        }
        for (int t = 1; t <= c->settings.n_iterations; t++) {
            s.iteration = (uint32_t)t;
            for (int k = 0; k < c->data.n_visits; k++) {
                for (int32_t g = 1; g <= c->data.n_groups; g++) {
                    slow_scores(&s);
                    slow_norm(&s, c->visits[k], g);
                }
            }
        }
        for (int k = 0; k < c->data.n_visits; k++) {
            const int v = c->visits[k];
            ptrdiff_t at = m * count_case(c, v);
            for (ptrdiff_t i = 0; i < c->n; i++) {
                if (case_misses(c, v, i)) {
                    assert_close(c->imputed[v][at++], s.values[v][i], 1e-9, 1e-9);
                }
            }
        }
    }
    for (int v = 0; v < c->data.n_variables; v++) {
        free(s.values[v]);
    }
}

static void numbers_are_drawn_as_by_the_slow_version(void **state)
{
    (void)state;
    const double shares[] = {0.05, 0.3, 0.7};
    for (int k = 0; k < 3; k++) {
        impute_case c;
        make_case(&c, 120, 6, 5, shares[k]);
        c.settings.n_imputations = 2;
        c.settings.first_imputation = 3;
        assert_as_slow(&c);
        free_case(&c);
    }
}

/* Variable `at` becomes a factor without missing values. */
static void add_factor(impute_case *c, int at, int32_t n_levels)
{
    c->codes[at] = make_array(c->n, sizeof(int32_t));
    for (ptrdiff_t i = 0; i < c->n; i++) {
        c->codes[at][i] = 1 + (int32_t)((i + i / 7) % n_levels);
    }
    c->variables[at].column = (qst_col){QST_COL_FACTOR, c->codes[at], c->n, n_levels};
}

static void factors_scores_and_groups_as_by_the_slow_version(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 150, 8, 5, 0.2);
    add_factor(&c, 5, 3);
    static const int32_t parts[] = {0, 1, 2}, of_0[] = {3, 4, 5, 1}, of_3[] = {5, 6, 4, 7};
    static const double weights[] = {1.0, -0.5, 2.0};
    c.variables[6] = (qst_impute_variable){.method = QST_IMPUTE_SCORE,
        .constant = 3.0,
        .parts = parts,
        .part_weights = weights,
        .n_parts = 3};
    for (int v = 0; v < 3; v++) { /* parts cannot be predicted by their score */
        c.variables[v].predictors = of_0 + (v == 1);
        c.variables[v].n_predictors = v == 1 ? 2 : 4;
    }
    for (int v = 3; v < 5; v++) {
        c.variables[v].predictors = of_3;
        c.variables[v].n_predictors = v == 3 ? 4 : 2;
    }
    assert_as_slow(&c);
    int32_t group[150];
    for (int i = 0; i < 150; i++) {
        group[i] = 1 + (i % 7 < 3) + (i % 5 == 0);
    }
    c.data.group = group;
    c.data.n_groups = 3;
    assert_as_slow(&c);
    free_case(&c);
}

/* A value so large that what is left when it is gone has no digits. */
static void large_values_may_come_and_go(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 80, 4, 3, 0.3);
    ptrdiff_t row = 0;
    while (isnan(c.values[0][row])) {
        row++;
    }
    c.values[0][row] = 1e11;
    static const int32_t last = 3;
    c.variables[0].method = QST_IMPUTE_SAMPLE;
    for (int v = 0; v < 3; v++) {
        c.variables[v].predictors = v == 0 ? &last : c.predictors[v];
    }
    c.variables[0].n_predictors = 1;
    assert_runs(&c);
    for (int v = 1; v < 3; v++) {
        for (ptrdiff_t k = 0; k < 4 * count_case(&c, v); k++) {
            assert_true(fabs(c.imputed[v][k] - 10.0 * v) < 20.0);
        }
    }
    free_case(&c);
}

/* ---- Methods that need no model ---- */

static void simple_methods_take_the_observed(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 41, 4, 3, 0.3);
    c.variables[0].method = QST_IMPUTE_MEAN;
    c.variables[1].method = QST_IMPUTE_MEDIAN;
    c.variables[2].method = QST_IMPUTE_SAMPLE;
    assert_runs(&c);
    double sum = 0.0, count = 0.0;
    for (ptrdiff_t i = 0; i < 41; i++) {
        sum += isnan(c.values[0][i]) ? 0.0 : c.values[0][i];
        count += !isnan(c.values[0][i]);
    }
    for (ptrdiff_t k = 0; k < 4 * count_case(&c, 0); k++) {
        assert_close(c.imputed[0][k], sum / count, 1e-14, 0);
    }
    for (ptrdiff_t k = 0; k < 4 * count_case(&c, 1); k++) {
        int n_below = 0, n_above = 0;
        for (ptrdiff_t i = 0; i < 41; i++) {
            n_below += c.values[1][i] < c.imputed[1][k];
            n_above += c.values[1][i] > c.imputed[1][k];
        }
        assert_int_equal(n_below, n_above);
    }
    const ptrdiff_t n = count_case(&c, 2);
    bool differs = false;
    for (ptrdiff_t k = 0; k < 4 * n; k++) {
        bool is_there = false;
        for (ptrdiff_t i = 0; i < 41; i++) {
            is_there = is_there || c.values[2][i] == c.imputed[2][k];
        }
        assert_true(is_there);
        differs = differs || c.imputed[2][k] != c.imputed[2][k % n];
    }
    assert_true(differs);
    for (int k = 0; k < QST_N_DECIDED; k++) {
        assert_int_equal(c.decided[k * 4], 0);
    }
    free_case(&c);
}

/* One observed row, or all observed values the same: in all cycles. */
static void a_single_value_is_imputed(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 30, 4, 3, 0.2);
    for (ptrdiff_t i = 0; i < 30; i++) {
        c.values[0][i] = i == 11 ? 2.5 : (double)NAN;
        c.values[1][i] = isnan(c.values[1][i]) ? (double)NAN : 7.0;
    }
    c.variables[1].method = QST_IMPUTE_PMM;
    assert_runs(&c);
    for (ptrdiff_t k = 0; k < 4 * 29; k++) {
        assert_close(c.imputed[0][k], 2.5, 0, 0);
    }
    for (ptrdiff_t k = 0; k < 4 * count_case(&c, 1); k++) {
        assert_close(c.imputed[1][k], 7.0, 0, 0);
    }
    assert_int_equal(c.decided[0 + 4 * QST_DECIDED_ONE_VALUE], 12);
    assert_int_equal(c.decided[1 + 4 * QST_DECIDED_ONE_VALUE], 12);
    assert_int_equal(c.decided[2 + 4 * QST_DECIDED_ONE_VALUE], 0);
    /* To the third both are constant, in each of 4 x 3 visits. */
    assert_int_equal(c.left_out[2 + 4 * 0], 12);
    assert_int_equal(c.left_out[2 + 4 * 1], 12);
    assert_int_equal(c.left_out[2 + 4 * 3], 0);
    free_case(&c);
}

static void duplicated_columns_are_left_out_in_order(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 50, 4, 1, 0.2);
    memcpy(c.values[3], c.values[1], 50 * sizeof(double));
    assert_runs(&c);
    assert_int_equal(c.left_out[0 + 4 * 1], 0);
    assert_int_equal(c.left_out[0 + 4 * 3], 12);
    free_case(&c);
}

/* ---- Traces ---- */

static void traces_end_with_the_moments_of_what_is_imputed(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 90, 3, 2, 0.3);
    int32_t group[90];
    for (int i = 0; i < 90; i++) {
        group[i] = 1 + i % 3;
    }
    c.data.group = group;
    c.data.n_groups = 4; /* one is empty */
    assert_runs(&c);
    for (int v = 0; v < 2; v++) {
        const ptrdiff_t n = count_case(&c, v);
        for (int m = 0; m < 4; m++) {
            double sum = 0.0, ss = 0.0;
            for (ptrdiff_t k = 0; k < n; k++) {
                sum += c.imputed[v][k + m * n];
            }
            for (ptrdiff_t k = 0; k < n; k++) {
                const double apart = c.imputed[v][k + m * n] - sum / (double)n;
                ss += apart * apart;
            }
            const ptrdiff_t at = v + 3 * (2 + 3 * m);
            assert_close(c.mean[at], sum / (double)n, 1e-12, 0);
            assert_close(c.sd[at], sqrt(ss / ((double)n - 1.0)), 1e-12, 0);
        }
    }
    assert_close(c.mean[2], qst_na_real(), 0, 0);
    free_case(&c);
}

static void ranges_and_steps_are_kept(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 60, 4, 3, 0.3);
    c.variables[0].min = -0.5;
    c.variables[0].max = 0.5;
    c.variables[1].step = 0.5;
    c.variables[2].method = QST_IMPUTE_PREDICT;
    c.variables[2].max = 20.0;
    assert_runs(&c);
    for (ptrdiff_t k = 0; k < 4 * count_case(&c, 0); k++) {
        assert_true(c.imputed[0][k] >= -0.5 && c.imputed[0][k] <= 0.5);
    }
    for (ptrdiff_t k = 0; k < 4 * count_case(&c, 1); k++) {
        assert_close(c.imputed[1][k], 0.5 * nearbyint(2.0 * c.imputed[1][k]), 0, 0);
    }
    for (ptrdiff_t k = 0; k < 4 * count_case(&c, 2); k++) {
        assert_true(c.imputed[2][k] <= 20.0);
    }
    free_case(&c);
}

/* ---- Bits ---- */

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    impute_case c, other;
    make_case(&c, 60, 5, 4, 0.2);
    make_case(&other, 60, 5, 4, 0.2);
    assert_runs(&c);
    const int threads[] = {2, 7};
    for (int t = 0; t < 2; t++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, threads[t]);
        assert_status(run_case(&ctx, &other, NULL), QST_OK, NULL);
        assert_int_equal(memory.n_live, 0);
        for (int j = 0; j < 4; j++) {
            assert_memory_equal(
                c.imputed[j], other.imputed[j], (size_t)count_case(&c, j) * 4 * sizeof(double));
        }
        assert_memory_equal(c.mean, other.mean, 60 * sizeof(double));
        assert_memory_equal(c.decided, other.decided, sizeof c.decided);
    }
    free_case(&c);
    free_case(&other);
}

static void one_imputation_alone_is_the_same(void **state)
{
    (void)state;
    impute_case c, other;
    make_case(&c, 60, 5, 4, 0.2);
    make_case(&other, 60, 5, 4, 0.2);
    assert_runs(&c);
    other.settings.first_imputation = 2;
    other.settings.n_imputations = 1;
    assert_runs(&other);
    for (int j = 0; j < 4; j++) {
        const ptrdiff_t n = count_case(&c, j);
        assert_memory_equal(c.imputed[j] + 2 * n, other.imputed[j], (size_t)n * sizeof(double));
    }
    free_case(&c);
    free_case(&other);
}

static void ends_of_memory_and_cancelling_leave_nothing(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 60, 4, 3, 0.2);
    assert_true(assert_survives_no_memory(run, &c) > 10);
    assert_cancels(run, &c, 1);
    c.settings.n_iterations = 2000;
    assert_cancels(run, &c, 2);
    free_case(&c);
}

/* ---- What cannot be ---- */

typedef void (*spoil)(impute_case *c);

static void refuses(spoil how, qst_status status, const char *text)
{
    impute_case c;
    make_case(&c, 20, 4, 3, 0.3);
    how(&c);
    qst_err err;
    qst_err_init(&err);
    assert_status(run_case(NULL, &c, &err), status, &err);
    assert_text(&err, text);
    assert_status(run_case(NULL, &c, NULL), status, NULL);
    free_case(&c);
}

#define SPOIL(name, what)                                                                          \
    static void name(impute_case *c)                                                               \
    {                                                                                              \
        what;                                                                                      \
    }
static const int32_t strange[] = {7}, itself[] = {1}, twice[] = {1, 1, 0}, last[] = {3};
static const double heavy[] = {(double)INFINITY}, one[] = {1.0};
static const int32_t sixes[20] = {6, 6, 6}, fives[20] = {1, 1, 1, 1, 5};

SPOIL(no_imputation, c->settings.n_imputations = 0)
SPOIL(no_iteration, c->settings.n_iterations = 0)
SPOIL(no_donor, c->settings.donors = 0)
SPOIL(too_many_imputations, c->settings.first_imputation = 4095)
SPOIL(too_many_iterations, c->settings.n_iterations = 65536)
SPOIL(no_rows, c->data.n_rows = 0)
SPOIL(no_variables, c->data.n_variables = 0)
SPOIL(no_groups, c->data.n_groups = 2)
SPOIL(infinite, c->values[1][3] = -(double)INFINITY)
SPOIL(huge, c->values[3][3] = 1e101)
SPOIL(other_length, c->variables[2].column.n = 19)
SPOIL(wrong_method, c->variables[0].method = QST_IMPUTE_LOGREG)
SPOIL(no_method, c->variables[0].method = (qst_impute_method)77)
SPOIL(limits_crossed, c->variables[0].min = 3.0; c->variables[0].max = 2.0)
SPOIL(step_of_zero, c->variables[0].step = 0.0)
SPOIL(strange_predictor, c->variables[1].predictors = strange; c->variables[1].n_predictors = 1)
SPOIL(own_predictor, c->variables[1].predictors = itself; c->variables[1].n_predictors = 1)
SPOIL(predicted_twice, c->variables[2].predictors = twice; c->variables[2].n_predictors = 2)
SPOIL(visited_twice, c->data.visits = twice)
SPOIL(visited_without_method, c->data.visits = last; c->data.n_visits = 1)
SPOIL(not_visited, c->data.n_visits = 2)
SPOIL(group_outside, c->data.group = fives; c->data.n_groups = 4)
SPOIL(cluster_outside, c->data.cluster = sixes; c->data.n_clusters = 3)
SPOIL(score_without_parts, c->variables[3].method = QST_IMPUTE_SCORE)
SPOIL(score_of_infinite_weight,
    c->variables[3] = ((qst_impute_variable){
        .method = QST_IMPUTE_SCORE, .parts = itself, .part_weights = heavy, .n_parts = 1}))
SPOIL(score_of_own_part,
    c->variables[3] = ((qst_impute_variable){
        .method = QST_IMPUTE_SCORE, .parts = itself, .part_weights = one, .n_parts = 1}))
SPOIL(no_level, c->codes[3] = make_array(20, sizeof(int32_t));
      c->variables[3].column = ((qst_col){QST_COL_FACTOR, c->codes[3], 20, 2}))

static void all_missing(impute_case *c)
{
    for (ptrdiff_t i = 0; i < 20; i++) {
        c->values[2][i] = (double)NAN;
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuses(no_imputation, QST_EARGUMENT, "imputations (0)");
    refuses(no_iteration, QST_EARGUMENT, "iterations (0)");
    refuses(no_donor, QST_EARGUMENT, "donors (0)");
    refuses(too_many_imputations, QST_ERANGE, "4096");
    refuses(too_many_iterations, QST_ERANGE, "65535");
    refuses(no_rows, QST_ENODATA, "no rows");
    refuses(no_variables, QST_ENODATA, "variables");
    refuses(no_groups, QST_EARGUMENT, "2 groups");
    refuses(infinite, QST_ERANGE, "row 3, variable 1");
    refuses(huge, QST_ERANGE, "row 3, variable 3");
    refuses(other_length, QST_EDIMENSION, "19 rows");
    refuses(wrong_method, QST_EARGUMENT, "variable 0 cannot have method");
    refuses(no_method, QST_EARGUMENT, "method 77");
    refuses(limits_crossed, QST_EARGUMENT, "minimum 3");
    refuses(step_of_zero, QST_EARGUMENT, "step 0");
    refuses(strange_predictor, QST_EARGUMENT, "predicted by 7");
    refuses(own_predictor, QST_EARGUMENT, "predicted by 1");
    refuses(predicted_twice, QST_EARGUMENT, "variable 2 is predicted by 1 twice");
    refuses(visited_twice, QST_EARGUMENT, "variable 1 cannot be visited");
    refuses(visited_without_method, QST_EARGUMENT, "variable 3 cannot be visited");
    refuses(not_visited, QST_EARGUMENT, "is not completed itself");
    refuses(group_outside, QST_EARGUMENT, "group 5");
    refuses(cluster_outside, QST_EARGUMENT, "cluster 6");
    refuses(score_without_parts, QST_EARGUMENT, "a score");
    refuses(score_of_infinite_weight, QST_EARGUMENT, "a score");
    refuses(score_of_own_part, QST_EARGUMENT, "a score of it");
    refuses(no_level, QST_EARGUMENT, "code 0");
    refuses(all_missing, QST_ENODATA, "variable 2 has no observed value");
}

/* ---- Any shape at all ---- */

static int below(uint64_t *seed, int n)
{
    return (int)(test_uniform(seed) * n);
}

/* Numbers and factors of any kind: rounded, constant, in proportion, nearly all missing, with more
 * predictors than rows; each variable by a random method and random predictors. */
static void make_anything(impute_case *c, uint64_t *seed)
{
    static const qst_impute_method of_numbers[] = {QST_IMPUTE_NORM, QST_IMPUTE_PMM,
        QST_IMPUTE_PREDICT, QST_IMPUTE_MEAN, QST_IMPUTE_MEDIAN, QST_IMPUTE_SAMPLE};
    const ptrdiff_t n = 2 + below(seed, below(seed, 2) == 0 ? 12 : 60);
    const int k = 1 + below(seed, CASE_MAX);
    make_case(c, n, k, k, 0.0);
    for (int v = 0; v < k; v++) {
        const int kind = below(seed, 7);
        const double share = below(seed, 4) == 0 ? 0.9 : 0.3 * test_uniform(seed);
        qst_impute_variable *variable = &c->variables[v];
        variable->method = of_numbers[below(seed, 6)];
        variable->n_predictors = below(seed, k);
        if (kind < 3) {
            const int32_t n_levels = kind == 0 ? 2 : 3 + kind;
            add_factor(c, v, n_levels);
            variable->method = kind == 0   ? QST_IMPUTE_LOGREG
                               : kind == 1 ? QST_IMPUTE_POLYREG
                                           : QST_IMPUTE_POLR;
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            double *x = &c->values[v][i];
            *x = kind == 3 ? 4.0 : kind == 4 ? 1e6 * c->values[0][i] : kind == 5 ? round(*x) : *x;
            if (i > 0 && test_uniform(seed) < share) {
                *x = (double)NAN;
                if (kind < 3) {
                    c->codes[v][i] = QST_NA_INT;
                }
            }
        }
    }
}

static void assert_complete(const impute_case *c)
{
    for (int v = 0; v < c->data.n_variables; v++) {
        const qst_impute_variable *variable = &c->variables[v];
        for (ptrdiff_t k = 0; k < c->settings.n_imputations * count_case(c, v); k++) {
            const double value = c->imputed[v][k];
            assert_true(isfinite(value));
            assert_true(
                variable->column.type != QST_COL_FACTOR ||
                (value == floor(value) && value >= 1.0 && value <= variable->column.n_levels));
        }
    }
}

static void any_shape_is_completed(void **state)
{
    (void)state;
    uint64_t seed = 2024;
    for (int round = 0; round < 400; round++) {
        impute_case c;
        make_anything(&c, &seed);
        c.settings.seed = (uint64_t)round;
        c.settings.n_imputations = 2;
        int32_t cluster[80];
        for (int i = 0; i < 80; i++) {
            cluster[i] = i % 11 == 0 ? QST_NA_INT : 1 + i % 5;
        }
        if (round % 3 == 0) {
            c.data.cluster = cluster;
            c.data.n_clusters = 5;
        }
        assert_runs(&c);
        assert_complete(&c);
        free_case(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_drawn_as_by_the_slow_version),
        cmocka_unit_test(factors_scores_and_groups_as_by_the_slow_version),
        cmocka_unit_test(large_values_may_come_and_go),
        cmocka_unit_test(simple_methods_take_the_observed),
        cmocka_unit_test(a_single_value_is_imputed),
        cmocka_unit_test(duplicated_columns_are_left_out_in_order),
        cmocka_unit_test(traces_end_with_the_moments_of_what_is_imputed),
        cmocka_unit_test(ranges_and_steps_are_kept),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(one_imputation_alone_is_the_same),
        cmocka_unit_test(ends_of_memory_and_cancelling_leave_nothing),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(any_shape_is_completed),
    };
    return cmocka_run_group_tests_name("impute", tests, NULL, NULL);
}
