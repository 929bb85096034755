#include "visit.h"

#define P 4 /* columns, the intercept among them */

/* Rows whose last n_missing lack y = 2 + x1 - 0.5 x2 + noise; y is the column behind the
 * predictors, which for missing rows holds some number. */
static test_visit *make_lines(ptrdiff_t n, ptrdiff_t n_missing, ptrdiff_t p, double noise)
{
    test_visit *t = test_visit_make(n, p + 1, 0);
    uint64_t seed = 21;
    for (ptrdiff_t i = 0; i < n; i++) {
        for (ptrdiff_t j = 1; j < p; j++) {
            t->x[i + j * n] = test_normal(&seed) + (double)j * 0.1;
        }
        const double second = p > 2 ? t->x[i + 2 * n] : 0.0;
        const double y = 2.0 + t->x[i + n] - 0.5 * second + noise * test_normal(&seed);
        t->x[i + p * n] = i < n - n_missing ? y : 0.25 * (double)(i % 7);
        t->y[i] = i < n - n_missing ? y : (double)NAN;
    }
    t->visit.n_columns = p;
    t->visit.own = p;
    t->visit.centre = 10.0;
    t->variable = (qst_impute_variable){
        .method = QST_IMPUTE_NORM, .min = (double)NAN, .max = (double)NAN, .step = (double)NAN};
    return t;
}

/* The slow way: inverse of the observed X'X by Gauss and Jordan, b, residual variance. */
typedef struct {
    double inverse[P][P], b[P], variance, df;
} slow_fit;

static slow_fit fit_slowly(const test_visit *t)
{
    const qst__visit *v = &t->visit;
    const ptrdiff_t n = v->x.n_rows;
    slow_fit f = {.df = (double)(v->n_observed - P)};
    double a[P][2 * P] = {{0.0}}, xy[P] = {0.0}, yy = 0.0;
    for (ptrdiff_t k = 0; k < v->n_observed; k++) {
        const ptrdiff_t i = v->observed[k];
        for (int j = 0; j < P; j++) {
            for (int l = 0; l < P; l++) {
                a[j][l] += t->x[i + j * n] * t->x[i + l * n];
            }
            xy[j] += t->x[i + j * n] * t->y[i];
        }
        yy += t->y[i] * t->y[i];
    }
    for (int j = 0; j < P; j++) {
        a[j][P + j] = 1.0;
    }
    for (int j = 0; j < P; j++) {
        const double pivot = a[j][j];
        for (int l = 0; l < 2 * P; l++) {
            a[j][l] /= pivot;
        }
        for (int i = 0; i < P; i++) {
            const double factor = i == j ? 0.0 : a[i][j];
            for (int l = 0; l < 2 * P; l++) {
                a[i][l] -= factor * a[j][l];
            }
        }
    }
    double explained = 0.0;
    for (int j = 0; j < P; j++) {
        for (int l = 0; l < P; l++) {
            f.inverse[j][l] = a[j][P + l];
            f.b[j] += a[j][P + l] * xy[l];
        }
        explained += f.b[j] * xy[j];
    }
    f.variance = (yy - explained) / f.df;
    return f;
}

/* x_i' M x_k of two missing rows. */
static double form(const test_visit *t, const slow_fit *f, ptrdiff_t i, ptrdiff_t k)
{
    const qst__visit *v = &t->visit;
    const ptrdiff_t n = v->x.n_rows;
    double sum = 0.0;
    for (int j = 0; j < P; j++) {
        for (int l = 0; l < P; l++) {
            sum += t->x[v->missing[i] + j * n] * f->inverse[j][l] * t->x[v->missing[k] + l * n];
        }
    }
    return sum;
}

static double line(const test_visit *t, const slow_fit *f, ptrdiff_t i)
{
    double sum = t->visit.centre;
    for (int j = 0; j < P; j++) {
        sum += f->b[j] * t->x[t->visit.missing[i] + j * t->visit.x.n_rows];
    }
    return sum;
}

/* By difference from the whole, and, where more is missing than observed, directly. */
static void test_lines_are_those_of_least_squares(void **state)
{
    (void)state;
    const ptrdiff_t n_missing[] = {1, 5, 40, 90, 130};
    for (int k = 0; k < 5; k++) {
        test_visit *t = make_lines(150, n_missing[k], P, 1.0);
        t->variable.method = QST_IMPUTE_PREDICT;
        test_visit_finish(t, qst__draw_linear_room);
        test_visit_draw(t, qst__draw_linear);
        const slow_fit f = fit_slowly(t);
        for (ptrdiff_t i = 0; i < t->visit.n_missing; i++) {
            assert_close(t->drawn[i], line(t, &f, i), 1e-12, 0);
        }
        test_visit_free(t);
    }
}

/* An enormous value in a missing row must not cost the digits of the others. */
static void test_what_is_missing_may_be_large(void **state)
{
    (void)state;
    test_visit *t = make_lines(60, 5, P, 1.0);
    t->variable.method = QST_IMPUTE_PREDICT;
    t->x[58 + 60] = 1e12;
    test_visit_finish(t, qst__draw_linear_room);
    test_visit_draw(t, qst__draw_linear);
    const slow_fit f = fit_slowly(t);
    for (ptrdiff_t i = 0; i < 5; i++) {
        assert_close(t->drawn[i], line(t, &f, i), 1e-11, 0);
    }
    test_visit_free(t);
}

/*
 * Over imputations the draws of missing rows i and k have mean x_i'b and
 * covariance s^2 df / (df - 2) (x_i'(X'X)^-1 x_k + [i = k]): a multivariate t.
 * Bounds are five standard errors of 4096 draws.
 */
static void test_draws_have_their_posterior_moments(void **state)
{
    (void)state;
    enum { N_MISSING = 3, M = 4096 };
    test_visit *t = make_lines(24, N_MISSING, P, 1.0);
    test_visit_finish(t, qst__draw_linear_room);
    const slow_fit f = fit_slowly(t);
    double sum[N_MISSING] = {0.0}, products[N_MISSING][N_MISSING] = {{0.0}};
    for (uint32_t m = 0; m < M; m++) {
        t->visit.imputation = m;
        test_visit_draw(t, qst__draw_linear);
        for (int i = 0; i < N_MISSING; i++) {
            sum[i] += t->drawn[i] - line(t, &f, i);
            for (int k = 0; k < N_MISSING; k++) {
                products[i][k] += (t->drawn[i] - line(t, &f, i)) * (t->drawn[k] - line(t, &f, k));
            }
        }
    }
    const double scale = f.variance * f.df / (f.df - 2.0);
    double variance[N_MISSING];
    for (int i = 0; i < N_MISSING; i++) {
        variance[i] = scale * (1.0 + form(t, &f, i, i));
        assert_close(sum[i] / M, 0.0, 0, 5.0 * sqrt(variance[i] / M));
    }
    for (int i = 0; i < N_MISSING; i++) {
        for (int k = 0; k < N_MISSING; k++) {
            const double want = i == k ? variance[i] : scale * form(t, &f, i, k);
            /* The kurtosis of t on 17 df makes the fourth moment 3.5, not 3, times the square. */
            const double error = sqrt(2.5 * variance[i] * variance[k] / M);
            assert_close(products[i][k] / M, want, 0, 5.0 * error);
        }
    }
    test_visit_free(t);
}

static void test_constant_and_collinear_columns_are_left_out(void **state)
{
    (void)state;
    test_visit *t = make_lines(40, 6, 7, 1.0);
    for (ptrdiff_t i = 0; i < 40; i++) {
        t->x[i + 3 * 40] = 5.0;                                         /* constant */
        t->x[i + 4 * 40] = t->x[i + 40];                                /* again */
        t->x[i + 5 * 40] = t->x[i + 40] - 3.0 * t->x[i + 2 * 40] + 1.0; /* a sum */
        t->x[i + 6 * 40] = i < 34 ? 0.0 : 1.0;                          /* only where y misses */
    }
    test_visit_finish(t, qst__draw_linear_room);
    test_visit_draw(t, qst__draw_linear);
    const int32_t want[] = {0, 0, 0, 1, 1, 1, 1};
    assert_memory_equal(t->left_out, want, sizeof want);
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 0);
    for (ptrdiff_t i = 0; i < 6; i++) {
        assert_true(fabs(t->drawn[i] - 12.0) < 20.0);
    }
    test_visit_free(t);
}

/* 14 rows observed, 30 columns: the three of the best correlation stay with the intercept. */
static void test_few_rows_keep_the_best_predictors(void **state)
{
    (void)state;
    test_visit *t = make_lines(20, 6, 30, 0.1);
    test_visit_finish(t, qst__draw_linear_room);
    test_visit_draw(t, qst__draw_linear);
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 1);
    int n_kept = 0;
    for (int j = 0; j < 30; j++) {
        n_kept += t->left_out[j] == 0;
    }
    assert_int_equal(n_kept, 4);
    assert_int_equal(t->left_out[0], 0);
    assert_int_equal(t->left_out[1], 0);
    for (uint32_t m = 0; m < 200; m++) {
        t->visit.imputation = m;
        test_visit_draw(t, qst__draw_linear);
        for (ptrdiff_t i = 0; i < 6; i++) {
            assert_true(fabs(t->drawn[i] - 12.0) < 30.0);
        }
    }
    test_visit_free(t);
}

/* Two values alone: their mean and, as if there were five degrees of freedom, their spread. */
static void test_two_observed_values(void **state)
{
    (void)state;
    test_visit *t = make_lines(10, 8, P, 1.0);
    test_visit_finish(t, qst__draw_linear_room);
    for (uint32_t m = 0; m < 1000; m++) {
        t->visit.imputation = m;
        test_visit_draw(t, qst__draw_linear);
        assert_true(isfinite(t->drawn[0]) && fabs(t->drawn[0] - 12.0) < 100.0);
    }
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 1);
    test_visit_free(t);
}

static void test_perfect_lines_have_no_noise(void **state)
{
    (void)state;
    test_visit *t = make_lines(50, 10, P, 0.0);
    test_visit_finish(t, qst__draw_linear_room);
    test_visit_draw(t, qst__draw_linear);
    for (ptrdiff_t i = 0; i < 10; i++) {
        const ptrdiff_t row = t->visit.missing[i];
        const double want = 12.0 + t->x[row + 50] - 0.5 * t->x[row + 2 * 50];
        assert_close(t->drawn[i], want, 1e-12, 0);
    }
    test_visit_free(t);
}

static void test_matching_gives_observed_values(void **state)
{
    (void)state;
    test_visit *t = make_lines(80, 30, P, 1.0);
    t->variable.method = QST_IMPUTE_PMM;
    t->variable.column = (qst_col){QST_COL_DOUBLE, t->y, 80, 0};
    test_visit_finish(t, qst__draw_linear_room);
    test_visit_draw(t, qst__draw_linear);
    double correlation = 0.0;
    for (ptrdiff_t i = 0; i < 30; i++) {
        bool is_there = false;
        for (ptrdiff_t k = 0; k < 50; k++) {
            is_there = is_there || t->y[k] == t->drawn[i];
        }
        assert_true(is_there);
        correlation += t->drawn[i] * t->x[t->visit.missing[i] + 80] / 30.0;
    }
    assert_true(correlation > 0.3);
    test_visit_free(t);
}

static void test_ranges(void **state)
{
    (void)state;
    const double na = (double)NAN;
    const double cases[][5] = {/* min, max, step, value, wanted */
        {na, na, na, 3.3, 3.3}, {0, na, na, -3.3, 0}, {na, 5, na, 7, 5}, {1, 5, 1, 2.4, 2},
        {1, 5, 1, 2.6, 3}, {1, 5, 1, 9.6, 5}, {1, 5, 1, -9.6, 1}, {1, 6, 2, 6.4, 5},
        {na, na, 0.5, 1.3, 1.5}, {na, 2, 0.5, 7, 2}, {0.5, na, 1, 1.9, 1.5}, {1, 5, na, 1e80, 5}};
    for (int k = 0; k < 12; k++) {
        const qst_impute_variable v = {.min = cases[k][0], .max = cases[k][1], .step = cases[k][2]};
        assert_close(qst__put_in_range(&v, cases[k][3]), cases[k][4], 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_those_of_least_squares),
        cmocka_unit_test(test_what_is_missing_may_be_large),
        cmocka_unit_test(test_draws_have_their_posterior_moments),
        cmocka_unit_test(test_constant_and_collinear_columns_are_left_out),
        cmocka_unit_test(test_few_rows_keep_the_best_predictors),
        cmocka_unit_test(test_two_observed_values),
        cmocka_unit_test(test_perfect_lines_have_no_noise),
        cmocka_unit_test(test_matching_gives_observed_values),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests_name("impute_linear", tests, NULL, NULL);
}
