#include "levels_case.h"

static const double cut_two[] = {4.2}, cut_three[] = {2.0, 6.1};

static test_visit *two_levels(void)
{
    test_visit *t = make_case(2);
    cut_case(t, cut_two);
    test_visit_finish(t, qst__draw_logistic_room);
    return t;
}

static test_visit *three_levels(void)
{
    test_visit *t = make_case(3);
    cut_case(t, cut_three);
    test_visit_finish(t, qst__draw_logistic_room);
    return t;
}

/* Estimates and covariances of effects of standardised columns, back on the columns' scale: the
 * change is linear. */
static void unscale_covariance(const qst__levels *levels, double *covariance_out)
{
    const ptrdiff_t n = levels->n, p = levels->n_columns;
    double inverse[36], half[36];
    const qst_mat a = {levels->information, n, n, n};
    double pivots[6];
    qst__cholesky(a, 0.0, pivots);
    qst__inverse_gram(qst__view(a), (qst_mat){inverse, n, n, n});
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t k = 0; k < n; k += p) {
            unscale(levels, inverse + j * n + k, half + j * n + k);
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        double row[6], out[6];
        for (ptrdiff_t j = 0; j < n; j++) {
            row[j] = half[i + j * n];
        }
        for (ptrdiff_t k = 0; k < n; k += p) {
            unscale(levels, row + k, out + k);
        }
        memcpy(covariance_out + i * n, out, (size_t)n * sizeof *out);
    }
}

/* R: glm(..., weights, binomial) of the rows with those added by hand, epsilon 1e-14. */
static void test_two_levels_as_glm(void **state)
{
    (void)state;
    test_visit *t = two_levels();
    qst__levels levels;
    qst__levels_fit(&t->visit, &qst__logistic, &levels);
    const double want[] = {1.952713311283, 0.483877259687, -0.805812385337};
    const double want_covariance[] = {0.6964186220525, 0.0589341719147, -0.2623832388061,
        0.0589341719147, 0.0244203539679, -0.0272170480096, -0.2623832388061, -0.0272170480096,
        0.1259154300049};
    double estimate[3], covariance[9];
    unscale(&levels, levels.at, estimate);
    unscale_covariance(&levels, covariance);
    for (int k = 0; k < 9; k++) {
        assert_close(estimate[k % 3], want[k % 3], 1e-8, 0);
        assert_close(covariance[k], want_covariance[k], 1e-7, 0);
    }
    assert_int_equal(t->decided[QST_DECIDED_NOT_CONVERGED], 0);
    test_visit_free(t);
}

/* R: nnet::multinom(..., weights, reltol = 1e-16) of the same; its standard errors. */
static void test_three_levels_as_multinom(void **state)
{
    (void)state;
    test_visit *t = three_levels();
    qst__levels levels;
    qst__levels_fit(&t->visit, &qst__logistic, &levels);
    const double want[] = {5.01473065266, 0.865970321502, -2.93882462475, 4.16025901944,
        0.992731526356, -1.73292478096};
    const double variance[] = {
        3.380881652, 0.1222448423, 0.795107052, 3.354546785, 0.1055344403, 0.517036384};
    double estimate[6], covariance[36];
    unscale(&levels, levels.at, estimate);
    unscale(&levels, levels.at + 3, estimate + 3);
    unscale_covariance(&levels, covariance);
    for (int k = 0; k < 6; k++) {
        assert_close(estimate[k], want[k], 1e-6, 0);
        assert_close(covariance[k + 6 * k], variance[k], 1e-5, 0);
    }
    test_visit_free(t);
}

static void test_derivatives(void **state)
{
    (void)state;
    test_visit *cases[] = {two_levels(), three_levels()};
    for (int k = 0; k < 2; k++) {
        qst__levels levels;
        qst__levels_fit(&cases[k]->visit, &qst__logistic, &levels);
        assert_derivatives(&levels);
        test_visit_free(cases[k]);
    }
}

#define DRAWS 4000

/* Mean and covariance of drawn parameters, within 5 Monte Carlo standard errors. */
static void test_parameters_have_the_posterior_s_moments(void **state)
{
    (void)state;
    test_visit *t = three_levels();
    qst__levels levels;
    double mean[6] = {0}, products[36] = {0}, mode[6], information[36];
    for (uint32_t m = 0; m < DRAWS; m++) {
        t->visit.imputation = m;
        qst__levels_fit(&t->visit, &qst__logistic, &levels);
        memcpy(mode, levels.at, sizeof mode);
        memcpy(information, levels.information, sizeof information);
        levels.model->draw(&levels);
        for (int i = 0; i < 36; i++) {
            products[i] +=
                (levels.drawn[i % 6] - mode[i % 6]) * (levels.drawn[i / 6] - mode[i / 6]) / DRAWS;
            mean[i % 6] += i < 6 ? levels.drawn[i] / DRAWS : 0.0;
        }
    }
    double inverse[36], pivots[6];
    const qst_mat a = {information, 6, 6, 6};
    qst__cholesky(a, 0.0, pivots);
    qst__inverse_gram(qst__view(a), (qst_mat){inverse, 6, 6, 6});
    for (int i = 0; i < 36; i++) {
        const double v = inverse[i], vi = inverse[i % 6 * 7], vj = inverse[i / 6 * 7];
        assert_close(mean[i % 6], mode[i % 6], 0, 5.0 * sqrt(vi / DRAWS));
        assert_close(products[i], v, 0, 5.0 * sqrt((vi * vj + v * v) / DRAWS));
    }
    test_visit_free(t);
}

/* 600 rows in two halves by an indicator; level 2 of 2 in shares 1/4 and 3/4, the last two rows
 * missing. */
static test_visit *shares_by_half(int32_t n_levels)
{
    test_visit *t = test_visit_make(602, 2, n_levels);
    for (int i = 0; i < 602; i++) {
        t->x[602 + i] = i % 2;
        t->y[i] = i / 2 % 4 < (i % 2 == 0 ? 1 : 3) ? n_levels : 1.0;
    }
    t->y[600] = t->y[601] = (double)NAN;
    test_visit_finish(t, qst__draw_logistic_room);
    return t;
}

/* Added rows draw the shares by less than 0.005 to the middle. */
static void test_levels_are_as_frequent_as_observed(void **state)
{
    (void)state;
    test_visit *t = shares_by_half(2);
    const double bound = 0.005 + 4.0 * sqrt(0.1875 / DRAWS);
    assert_close(share_of(t, qst__draw_logistic, 2.0, 0, DRAWS), 0.25, 0, bound);
    assert_close(share_of(t, qst__draw_logistic, 2.0, 1, DRAWS), 0.75, 0, bound);
    assert_int_equal(t->decided[QST_DECIDED_SEPARATED], 0);
    test_visit_free(t);
}

static void test_unused_levels_are_never_drawn(void **state)
{
    (void)state;
    test_visit *t = shares_by_half(4);
    const double n_first = share_of(t, qst__draw_logistic, 1.0, 0, 200);
    const double n_last = share_of(t, qst__draw_logistic, 4.0, 0, 200);
    assert_close(n_first + n_last, 1.0, 1e-14, 0);
    test_visit_free(t);
}

static void test_one_level_is_imputed(void **state)
{
    (void)state;
    test_visit *t = make_case(3);
    for (int i = 0; i < N; i++) {
        t->y[i] = 2.0;
    }
    test_visit_finish(t, qst__draw_logistic_room);
    test_visit_draw(t, qst__draw_logistic);
    assert_close(t->drawn[0], 2.0, 0, 0);
    assert_int_equal(t->decided[QST_DECIDED_ONE_VALUE], 1);
    test_visit_free(t);
}

/* `is_separated` as decided for y = 1 + [x > cut], where some rows may be changed. */
static void assert_separated(test_visit *t, int want)
{
    test_visit_finish(t, qst__draw_logistic_room);
    for (uint32_t m = 0; m < 50; m++) {
        t->visit.imputation = m;
        test_visit_draw(t, qst__draw_logistic);
        assert_true(t->drawn[0] >= 1.0 && t->drawn[0] <= t->visit.n_levels);
        assert_int_equal(t->decided[QST_DECIDED_SEPARATED], want);
        assert_int_equal(t->decided[QST_DECIDED_NOT_CONVERGED], 0);
    }
    test_visit_free(t);
}

static test_visit *cut_by_x(void)
{
    test_visit *t = make_case(2);
    for (int i = 0; i < N; i++) {
        t->y[i] = t->x[i + N + 1] > 0.0 ? 2.0 : 1.0;
    }
    return t;
}

static void test_complete_separation(void **state)
{
    (void)state;
    assert_separated(cut_by_x(), 1);
}

/* One row on the wrong side, far out: there is a maximum. */
static void test_overlap_of_one_row(void **state)
{
    (void)state;
    test_visit *t = cut_by_x();
    for (int i = 0; i < N; i++) {
        t->y[i] = t->x[i + N + 1] == 5.5 && i < 20 ? 1.0 : t->y[i];
    }
    assert_separated(t, 0);
}

/* Both levels on one side only: quasi-complete. */
static void test_quasi_complete_separation(void **state)
{
    (void)state;
    test_visit *t = make_case(2);
    for (int i = 0; i < N; i++) {
        t->x[i + N + 1] = i < 20;
        t->y[i] = i >= 20 && i % 2 == 0 ? 2.0 : 1.0;
    }
    assert_separated(t, 1);
}

/* Of three levels one is parted from the others. */
static void test_one_of_three_levels_separated(void **state)
{
    (void)state;
    test_visit *t = make_case(3);
    for (int i = 0; i < N; i++) {
        t->y[i] = t->x[i + N + 1] > 3.0 ? 3.0 : 1.0 + (i % 3 == 0);
    }
    assert_separated(t, 1);
}

static void test_predictors_of_any_size(void **state)
{
    (void)state;
    test_visit *t = two_levels(), *large = make_case(2);
    cut_case(large, cut_two);
    for (int i = 0; i < N; i++) {
        large->x[i + N + 1] = 1e140 * large->x[i + N + 1];
        large->x[i + 2 * (N + 1)] = 1e-140 * large->x[i + 2 * (N + 1)];
    }
    test_visit_finish(large, qst__draw_logistic_room);
    for (uint32_t m = 0; m < 100; m++) {
        t->visit.imputation = large->visit.imputation = m;
        test_visit_draw(t, qst__draw_logistic);
        test_visit_draw(large, qst__draw_logistic);
        assert_int_equal(large->left_out[1] + large->left_out[2], 0);
        assert_close(large->drawn[0], t->drawn[0], 0, 0);
    }
    test_visit_free(t);
    test_visit_free(large);
}

static void test_intercept_only(void **state)
{
    (void)state;
    test_visit *t = shares_by_half(2);
    t->visit.n_columns = 1;
    const double bound = 4.0 * sqrt(0.25 / DRAWS);
    assert_close(share_of(t, qst__draw_logistic, 2.0, 0, DRAWS), 0.5, 0, bound);
    test_visit_free(t);
}

static void test_few_rows(void **state)
{
    (void)state;
    test_visit *t = test_visit_make(4, 30, 3);
    uint64_t seed = 3;
    for (int i = 4; i < 120; i++) {
        t->x[i] = test_normal(&seed);
    }
    const double y[] = {3.0, 1.0, 2.0, (double)NAN};
    memcpy(t->y, y, sizeof y);
    test_visit_finish(t, qst__draw_logistic_room);
    test_visit_draw(t, qst__draw_logistic);
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 1);
    assert_true(t->drawn[0] >= 1.0 && t->drawn[0] <= 3.0);
    test_visit_free(t);
}

/* More levels than a model can have. */
static void test_levels_without_number(void **state)
{
    (void)state;
    test_visit *t = test_visit_make(3000, 2, 5000);
    for (int i = 0; i < 3000; i++) {
        t->x[3000 + i] = i;
        t->y[i] = i + 1.0;
    }
    t->y[7] = (double)NAN;
    test_visit_finish(t, qst__draw_logistic_room);
    test_visit_draw(t, qst__draw_logistic);
    assert_true(t->drawn[0] >= 1.0 && t->drawn[0] <= 3000.0 && t->drawn[0] != 8.0);
    assert_int_equal(t->decided[QST_DECIDED_FEW_ROWS], 1);
    assert_int_equal(t->left_out[1], 1);
    test_visit_free(t);
}

/* More rows than a panel; the stream of a row is its own, so leaving rows out changes no other. */
static void test_rows_have_streams_of_their_own(void **state)
{
    (void)state;
    test_visit *t = test_visit_make(500, 3, 2);
    uint64_t seed = 11;
    for (int i = 0; i < 500; i++) {
        t->x[500 + i] = test_normal(&seed);
        t->x[1000 + i] = test_normal(&seed);
        t->y[i] = 1.0 + (t->x[500 + i] + test_normal(&seed) > 0.0);
        t->y[i] = i % 2 == 1 ? (double)NAN : t->y[i];
    }
    test_visit_finish(t, qst__draw_logistic_room);
    test_visit_draw(t, qst__draw_logistic);
    double first[250];
    memcpy(first, t->drawn, sizeof first);
    t->visit.missing += 100;
    t->visit.n_missing -= 100;
    test_visit_draw(t, qst__draw_logistic);
    assert_memory_equal(t->drawn, first + 100, 150 * sizeof *first);
    test_visit_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_levels_as_glm),
        cmocka_unit_test(test_three_levels_as_multinom),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_parameters_have_the_posterior_s_moments),
        cmocka_unit_test(test_levels_are_as_frequent_as_observed),
        cmocka_unit_test(test_unused_levels_are_never_drawn),
        cmocka_unit_test(test_one_level_is_imputed),
        cmocka_unit_test(test_complete_separation),
        cmocka_unit_test(test_overlap_of_one_row),
        cmocka_unit_test(test_quasi_complete_separation),
        cmocka_unit_test(test_one_of_three_levels_separated),
        cmocka_unit_test(test_predictors_of_any_size),
        cmocka_unit_test(test_intercept_only),
        cmocka_unit_test(test_few_rows),
        cmocka_unit_test(test_levels_without_number),
        cmocka_unit_test(test_rows_have_streams_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
