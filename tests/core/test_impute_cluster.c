/* Draws with a random intercept a cluster, against the posterior by quadrature over the whole
 * covariance matrix of the observed rows. */
#include "visit.h"

#define MOST_ROWS 64
#define MOST_COLUMNS 6

/* A visit with clusters. */
typedef struct {
    test_visit *t;
    const qst__visit *visit;
    int32_t cluster[MOST_ROWS];
    double state[2 + MOST_ROWS];
} fixture;

/* What the tests fill: column 1 of x varies within and between clusters, column 2 (if any) between
 * only, column 3 (if any) is their sum; y depends on x, its cluster mean and an effect. Each third
 * row is missing, and of the last cluster every row; n_alone rows stand on their own. */
static void fill(fixture *f, int32_t n_clusters, int32_t size, double ratio)
{
    uint64_t random = 11;
    double u = 0.0, x_of_cluster = 0.0;
    for (ptrdiff_t row = 0; row < f->visit->x.n_rows; row++) {
        const bool is_alone = row >= n_clusters * size;
        if (row % size == 0 || is_alone) {
            u = is_alone ? 0.0 : sqrt(ratio) * test_normal(&random);
            x_of_cluster = test_normal(&random);
        }
        const double x = x_of_cluster + test_normal(&random);
        const double columns[] = {1.0, x, is_alone ? -0.3 : x_of_cluster, x + x_of_cluster};
        for (ptrdiff_t j = 0; j < f->visit->n_columns; j++) {
            f->t->x[row + j * f->visit->x.ld] = columns[j];
        }
        f->cluster[row] = is_alone ? QST_NA_INT : (int32_t)(row / size + 1);
        f->t->y[row] = 0.5 * x + 0.7 * x_of_cluster + u + test_normal(&random);
    }
}

static void make_case(fixture *f, ptrdiff_t n_columns, int32_t n_clusters, int32_t size,
    ptrdiff_t n_alone, double ratio)
{
    memset(f, 0, sizeof *f);
    f->t = test_visit_make(n_clusters * size + n_alone, n_columns + 1, 0);
    f->visit = &f->t->visit;
    f->t->visit.n_columns = f->t->visit.own = n_columns;
    fill(f, n_clusters, size, ratio);
    for (ptrdiff_t row = 0; row < f->visit->x.n_rows; row++) {
        if (row % 3 == 1 || f->cluster[row] == n_clusters) {
            f->t->y[row] = (double)NAN;
        }
    }
    f->t->variable = (qst_impute_variable){
        .method = QST_IMPUTE_NORM, .min = (double)NAN, .max = (double)NAN, .step = (double)NAN};
    f->t->visit.cluster = f->cluster;
    f->t->visit.n_clusters = n_clusters;
    f->t->visit.state = f->state;
}

/* y is a column of x too, as the plain method wants it. */
static void finish(fixture *f)
{
    const qst_cmat x = f->visit->x;
    for (ptrdiff_t row = 0; row < x.n_rows; row++) {
        const double y = f->t->y[row];
        f->t->x[row + f->visit->own * x.ld] = isnan(y) ? 0.0 : y;
    }
    test_visit_finish(f->t, qst__draw_cluster_room);
}

static void draw(fixture *f, uint32_t iteration)
{
    f->t->visit.iteration = iteration;
    test_visit_draw(f->t, qst__draw_cluster);
}

static void free_case(fixture *f)
{
    test_visit_free(f->t);
}

/* ---- The slow version ---- */

/* Solves a b = b in place for n x n_right by elimination (a positive definite); returns log |a|. */
static double eliminate(double *a, ptrdiff_t n, double *b, ptrdiff_t n_right)
{
    double log_det = 0.0;
    for (ptrdiff_t k = 0; k < n; k++) {
        log_det += log(a[k + k * n]);
        for (ptrdiff_t i = 0; i < n; i++) {
            const double factor = i == k ? 0.0 : a[i + k * n] / a[k + k * n];
            for (ptrdiff_t j = 0; j < n; j++) {
                a[i + j * n] -= factor * a[k + j * n];
            }
            for (ptrdiff_t j = 0; j < n_right; j++) {
                b[i + j * n] -= factor * b[k + j * n];
            }
        }
    }
    for (ptrdiff_t i = 0; i < n * n_right; i++) {
        b[i] /= a[i % n + i % n * n];
    }
    return log_det;
}

/* The predictors, MOST_ROWS apart. */
static void copy_design(const fixture *f, double *design_out)
{
    const qst_cmat x = f->visit->x;
    memset(design_out, 0, MOST_ROWS * MOST_COLUMNS * sizeof *design_out);
    for (ptrdiff_t j = 0; j < f->visit->n_columns; j++) {
        memcpy(design_out + j * MOST_ROWS, x.data + j * x.ld, (size_t)x.n_rows * sizeof(double));
    }
}

/* What is wanted of the posterior: moments of phi and s2, mean of each missing value. */
typedef struct {
    double phi, phi_2, s2, values[MOST_ROWS];
} posterior;

static bool share_cluster(const fixture *f, ptrdiff_t i, ptrdiff_t j)
{
    return f->cluster[i] == f->cluster[j] && f->cluster[i] != QST_NA_INT;
}

/* Conditional on phi: expectations to `given`, the log density returned. `design` has n rows a
 * column of k. */
static double condition(
    const fixture *f, const double *design, ptrdiff_t k, double phi, posterior *given)
{
    static double v[MOST_ROWS * MOST_ROWS], solved[MOST_ROWS * (2 * MOST_COLUMNS + 1)];
    const ptrdiff_t n = f->visit->n_observed;
    const double ratio = tan(phi) * tan(phi), *y = f->visit->y;
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t row = f->visit->observed[i];
        for (ptrdiff_t j = 0; j < n; j++) {
            v[i + j * n] = (i == j) + ratio * share_cluster(f, row, f->visit->observed[j]);
        }
        for (ptrdiff_t c = 0; c < k; c++) {
            solved[i + c * n] = design[row + c * MOST_ROWS];
        }
        solved[i + k * n] = y[row];
    }
    double log_dets = eliminate(v, n, solved, k + 1);
    double a[4 * MOST_COLUMNS * MOST_COLUMNS], b[2 * MOST_COLUMNS];
    for (ptrdiff_t c = 0; c < k; c++) {
        b[c] = 0.0;
        for (ptrdiff_t i = 0; i < n; i++) {
            b[c] += solved[i + c * n] * y[f->visit->observed[i]];
        }
        for (ptrdiff_t d = 0; d < k; d++) {
            a[c + d * k] = 0.0;
            for (ptrdiff_t i = 0; i < n; i++) {
                a[c + d * k] += solved[i + c * n] * design[f->visit->observed[i] + d * MOST_ROWS];
            }
        }
    }
    log_dets += eliminate(a, k, b, 1);
    double rss = 0.0, residual[MOST_ROWS];
    for (ptrdiff_t i = 0; i < n; i++) {
        double fitted = 0.0;
        residual[i] = solved[i + k * n];
        for (ptrdiff_t c = 0; c < k; c++) {
            residual[i] -= b[c] * solved[i + c * n];
            fitted += b[c] * design[f->visit->observed[i] + c * MOST_ROWS];
        }
        rss += residual[i] * (y[f->visit->observed[i]] - fitted);
    }
    *given = (posterior){.phi = phi, .phi_2 = phi * phi, .s2 = rss / (double)(n - k - 2)};
    for (ptrdiff_t i = 0; i < f->visit->n_missing; i++) {
        const ptrdiff_t row = f->visit->missing[i];
        for (ptrdiff_t c = 0; c < k; c++) {
            given->values[i] += b[c] * design[row + c * MOST_ROWS];
        }
        for (ptrdiff_t j = 0; j < n; j++) {
            given->values[i] += ratio * share_cluster(f, row, f->visit->observed[j]) * residual[j];
        }
    }
    return -0.5 * log_dets - 0.5 * (double)(n - k) * log(rss);
}

/* The sum of both with weight w for the second; all fields are doubles. */
static void add_posterior(posterior *sum, const posterior *part, double w)
{
    sum->phi += w * part->phi;
    sum->phi_2 += w * part->phi_2;
    sum->s2 += w * part->s2;
    for (int i = 0; i < MOST_ROWS; i++) {
        sum->values[i] += w * part->values[i];
    }
}

#define N_GRID 400

static posterior integrate(const fixture *f, const double *design, ptrdiff_t k)
{
    static posterior at[N_GRID];
    double log_p[N_GRID], most = -(double)INFINITY, total = 0.0;
    for (int i = 0; i < N_GRID; i++) {
        log_p[i] = condition(f, design, k, (i + 0.5) / N_GRID * 1.5707963267948966, &at[i]);
        most = fmax(most, log_p[i]);
    }
    posterior mean = {0};
    for (int i = 0; i < N_GRID; i++) {
        total += exp(log_p[i] - most);
    }
    for (int i = 0; i < N_GRID; i++) {
        add_posterior(&mean, &at[i], exp(log_p[i] - most) / total);
    }
    return mean;
}

/* Mean and squares of something over many visits. */
typedef struct {
    double n, sum, squares;
} tally;

static void count(tally *t, double value)
{
    t->n++;
    t->sum += value;
    t->squares += value * value;
}

/* Within 4.5 standard errors; visits are nearly independent, 1.3 is for what is left. */
static void assert_mean(const tally *t, double want)
{
    const double mean = t->sum / t->n;
    const double se = sqrt((t->squares / t->n - mean * mean) / t->n);
    assert_close(mean, want, 0, 4.5 * 1.3 * se);
}

static void assert_posterior(fixture *f, const double *design, ptrdiff_t k)
{
    const posterior want = integrate(f, design, k);
    tally phi = {0}, phi_2 = {0}, s2 = {0}, values[MOST_ROWS] = {{0}};
    for (uint32_t i = 0; i < 20000; i++) {
        draw(f, i);
        const double at = atan(sqrt(f->state[1] / f->state[0]));
        count(&phi, at);
        count(&phi_2, at * at);
        count(&s2, f->state[0]);
        for (ptrdiff_t j = 0; j < f->visit->n_missing; j++) {
            count(&values[j], f->t->drawn[j]);
        }
    }
    assert_mean(&phi, want.phi);
    assert_mean(&phi_2, want.phi_2);
    assert_mean(&s2, want.s2);
    for (ptrdiff_t j = 0; j < f->visit->n_missing; j++) {
        assert_mean(&values[j], want.values[j]);
    }
}

static void test_few_clusters(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 3, 5, 7, 6, 0.6);
    finish(&f);
    double design[MOST_ROWS * MOST_COLUMNS];
    copy_design(&f, design);
    assert_posterior(&f, design, 3);
    free_case(&f);
}

/* With ten observed clusters and more the mean of x enters; the predictor that is constant within
 * clusters is its own mean already. */
static void test_cluster_means(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 3, 13, 4, 5, 0.4);
    finish(&f);
    double design[MOST_ROWS * MOST_COLUMNS];
    copy_design(&f, design);
    for (ptrdiff_t row = 0; row < f.visit->x.n_rows; row++) {
        double sum = 0.0;
        for (ptrdiff_t other = 0; other < f.visit->x.n_rows; other++) {
            sum += share_cluster(&f, row, other) * design[other + MOST_ROWS];
        }
        design[row + 3 * MOST_ROWS] = sum / 4;
    }
    assert_posterior(&f, design, 4);
    free_case(&f);
}

/* Nobody is observed in the last cluster: its effect has the variance between clusters, whatever
 * that is in this draw. */
static void test_a_cluster_not_observed(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 2, 6, 5, 0, 1.0);
    finish(&f);
    tally squares = {0};
    for (uint32_t i = 0; i < 5000; i++) {
        draw(&f, i);
        const double effect = f.state[2 + 5];
        count(&squares, effect * effect / f.state[1]);
    }
    assert_mean(&squares, 1.0);
    free_case(&f);
}

/* Variances are drawn anew from where they stood: the same visit gives the same bits. */
static void test_same_bits(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 3, 5, 6, 4, 0.5);
    finish(&f);
    draw(&f, 0);
    double before[MOST_ROWS + 2], first[MOST_ROWS];
    const size_t n = (size_t)f.visit->n_missing * sizeof(double);
    memcpy(before, f.state, sizeof before);
    draw(&f, 1);
    memcpy(first, f.t->drawn, n);
    memcpy(f.state, before, sizeof before);
    draw(&f, 1);
    assert_memory_equal(f.t->drawn, first, n);
    memcpy(f.state, before, sizeof before);
    draw(&f, 2);
    assert_memory_not_equal(f.t->drawn, first, n);
    free_case(&f);
}

/* One observed cluster, none, or hardly more rows than columns: the plain method, to the bit. */
static void assert_plain(fixture *f)
{
    double clustered[MOST_ROWS];
    const size_t n = (size_t)f->visit->n_missing * sizeof(double);
    finish(f);
    draw(f, 3);
    assert_int_equal(f->t->decided[QST_DECIDED_NO_EFFECTS], 1);
    memcpy(clustered, f->t->drawn, n);
    test_visit_draw(f->t, qst__draw_linear);
    assert_int_equal(f->t->decided[QST_DECIDED_NO_EFFECTS], 0);
    assert_memory_equal(f->t->drawn, clustered, n);
    free_case(f);
}

static void test_no_effects(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 2, 2, 10, 15, 0.5);
    assert_plain(&f);
    make_case(&f, 2, 1, 10, 15, 0.5);
    assert_plain(&f);
    make_case(&f, 4, 3, 5, 0, 0.5);
    f.t->y[0] = f.t->y[2] = (double)NAN;
    assert_plain(&f);
}

static void test_collinear_columns_are_left_out(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 4, 5, 8, 0, 0.5);
    finish(&f);
    draw(&f, 0);
    const int32_t want[] = {0, 0, 0, 1};
    assert_memory_equal(f.t->left_out, want, sizeof want);
    assert_int_equal(f.t->decided[QST_DECIDED_NO_EFFECTS], 0);
    free_case(&f);
}

/* What is the same for a whole cluster is imputed as that. */
static void test_a_property_of_clusters(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 2, 6, 8, 0, 0.5);
    for (ptrdiff_t row = 0; row < f.visit->x.n_rows; row++) {
        f.t->y[row] = isnan(f.t->y[row]) ? f.t->y[row] : f.cluster[row] * f.cluster[row];
    }
    finish(&f);
    for (uint32_t i = 0; i < 20; i++) {
        draw(&f, i);
    }
    for (ptrdiff_t i = 0; i < f.visit->n_missing; i++) {
        const int32_t cluster = f.cluster[f.visit->missing[i]];
        assert_true(isfinite(f.t->drawn[i]));
        if (cluster < 6) {
            assert_close(f.t->drawn[i], cluster * cluster, 0, 0.1);
        }
    }
    free_case(&f);
}

static void test_limits(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 2, 6, 8, 0, 0.5);
    finish(&f);
    f.t->variable.min = -1.0;
    f.t->variable.max = 0.75;
    f.t->variable.step = 0.25;
    draw(&f, 0);
    for (ptrdiff_t i = 0; i < f.visit->n_missing; i++) {
        const double value = f.t->drawn[i];
        assert_true(value >= -1.0 && value <= 0.75 && value * 4.0 == nearbyint(value * 4.0));
    }
    free_case(&f);
}

/* Effects twenty residual SDs apart: donors are of the same cluster or its like. */
static void test_matching(void **state)
{
    (void)state;
    fixture f;
    make_case(&f, 2, 4, 12, 8, 0.0);
    for (ptrdiff_t row = 0; row < 48; row++) {
        f.t->y[row] += 20.0 * f.cluster[row];
    }
    finish(&f);
    f.t->variable.method = QST_IMPUTE_PMM;
    f.t->variable.column =
        (qst_col){.type = QST_COL_DOUBLE, .data = f.t->y, .n = f.visit->x.n_rows};
    draw(&f, 0);
    draw(&f, 1);
    for (ptrdiff_t i = 0; i < f.visit->n_missing; i++) {
        const int32_t cluster = f.cluster[f.visit->missing[i]];
        bool is_donor = false;
        for (ptrdiff_t k = 0; k < f.visit->n_observed; k++) {
            const ptrdiff_t row = f.visit->observed[k];
            is_donor |= f.t->y[row] == f.t->drawn[i] && (f.cluster[row] == cluster || cluster == 4);
        }
        assert_true(is_donor);
    }
    free_case(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_clusters),
        cmocka_unit_test(test_cluster_means),
        cmocka_unit_test(test_a_cluster_not_observed),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_no_effects),
        cmocka_unit_test(test_collinear_columns_are_left_out),
        cmocka_unit_test(test_a_property_of_clusters),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_matching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
