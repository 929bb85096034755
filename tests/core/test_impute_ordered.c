#include "levels_case.h"

static const double cuts[] = {2.0, 6.1}, five[] = {-1.0, 2.0, 4.0, 6.1};

static test_visit *levels_by(int32_t n_levels, const double *by)
{
    test_visit *t = make_case(n_levels);
    cut_case(t, by);
    test_visit_finish(t, qst__draw_ordered_room);
    return t;
}

/* R: MASS::polr(..., weights, reltol = 1e-16) of the rows with those added by hand. */
static void test_three_levels_as_polr(void **state)
{
    (void)state;
    test_visit *t = levels_by(3, cuts);
    qst__levels levels;
    qst__levels_fit(&t->visit, &qst__ordered, &levels);
    const double shift =
        levels.at[2] * levels.mean[1] / levels.sd[1] + levels.at[3] * levels.mean[2] / levels.sd[2];
    assert_close(levels.at[2] / levels.sd[1], 0.561352329773, 1e-6, 0);
    assert_close(levels.at[3] / levels.sd[2], -0.569414009833, 1e-6, 0);
    assert_close(levels.at[0] + shift, -1.670188295086, 1e-6, 0);
    assert_close(levels.at[1] + shift, -0.345089166578, 1e-6, 0);
    double inverse[16], pivots[4];
    const qst_mat a = {levels.information, 4, 4, 4};
    qst__cholesky(a, 0.0, pivots);
    qst__inverse_gram(qst__view(a), (qst_mat){inverse, 4, 4, 4});
    assert_close(inverse[10] / (levels.sd[1] * levels.sd[1]), 0.0203945321, 1e-5, 0);
    assert_close(inverse[11] / (levels.sd[1] * levels.sd[2]), -0.0149824916, 1e-5, 0);
    assert_close(inverse[15] / (levels.sd[2] * levels.sd[2]), 0.0802749333, 1e-5, 0);
    test_visit_free(t);
}

static void test_derivatives(void **state)
{
    (void)state;
    test_visit *cases[] = {levels_by(3, cuts), levels_by(5, five)};
    for (int k = 0; k < 2; k++) {
        qst__levels levels;
        qst__levels_fit(&cases[k]->visit, &qst__ordered, &levels);
        assert_derivatives(&levels);
        test_visit_free(cases[k]);
    }
}

/* The value as it is defined, with differences of cumulative probabilities. */
static void test_likelihood(void **state)
{
    (void)state;
    test_visit *t = levels_by(5, five);
    qst__levels levels;
    qst__levels_fit(&t->visit, &qst__ordered, &levels);
    const double got = levels.model->evaluate(&levels, levels.at, 0);
    double want = 0.0;
    for (ptrdiff_t i = 0; i < levels.n_rows; i++) {
        const double *x = qst__levels_panel(&levels, i / QST__BLOCK) + i % QST__BLOCK;
        const double eta = x[QST__BLOCK] * levels.at[4] + x[2 * QST__BLOCK] * levels.at[5];
        const int k = (int)levels.level[i];
        const double up = k < 4 ? 1.0 / (1.0 + exp(eta - levels.at[k])) : 1.0;
        const double low = k > 0 ? 1.0 / (1.0 + exp(eta - levels.at[k - 1])) : 0.0;
        want += levels.weight[i] * log(up - low);
    }
    assert_close(got, want, 1e-13, 0);
    test_visit_free(t);
}

#define DRAWS 4000

/* The drawn (theta_1, log gaps, effects): moments within 5 Monte Carlo standard errors of the mode
 * and of the inverse of the information, here by numerical derivatives of the likelihood in these
 * parameters. */
static void to_thresholds(const double *changed, double *out)
{
    memcpy(out, changed, 6 * sizeof *out);
    for (int k = 1; k < 4; k++) {
        out[k] = out[k - 1] + exp(changed[k]);
    }
}

static void numerical_covariance(const qst__levels *levels, const double *mode, double *out)
{
    double information[36], pivots[6];
    const double h = 1e-3;
    for (int k = 0; k < 36; k++) {
        const int i = k % 6, j = k / 6;
        double sum = 0.0;
        for (int s = 0; s < 4; s++) {
            double changed[6], at[6];
            memcpy(changed, mode, sizeof changed);
            changed[i] += s % 2 == 0 ? h : -h;
            changed[j] += s / 2 == 0 ? h : -h;
            to_thresholds(changed, at);
            sum += (s == 0 || s == 3 ? 1.0 : -1.0) * levels->model->evaluate(levels, at, 0);
        }
        information[k] = -sum / (4.0 * h * h);
    }
    const qst_mat a = {information, 6, 6, 6};
    qst__cholesky(a, 0.0, pivots);
    qst__inverse_gram(qst__view(a), (qst_mat){out, 6, 6, 6});
}

static void test_parameters_have_the_posterior_s_moments(void **state)
{
    (void)state;
    test_visit *t = levels_by(5, five);
    qst__levels levels;
    double mean[6] = {0}, products[36] = {0}, mode[6] = {0};
    for (uint32_t m = 0; m < DRAWS; m++) {
        t->visit.imputation = m;
        qst__levels_fit(&t->visit, &qst__ordered, &levels);
        levels.model->draw(&levels);
        double drawn[6];
        for (int k = 0; k < 6; k++) {
            const bool is_gap = k > 0 && k < 4;
            drawn[k] = is_gap ? log(levels.drawn[k] - levels.drawn[k - 1]) : levels.drawn[k];
            mode[k] = is_gap ? log(levels.at[k] - levels.at[k - 1]) : levels.at[k];
            mean[k] += drawn[k] / DRAWS;
        }
        for (int i = 0; i < 36; i++) {
            products[i] += (drawn[i % 6] - mode[i % 6]) * (drawn[i / 6] - mode[i / 6]) / DRAWS;
        }
    }
    double covariance[36];
    numerical_covariance(&levels, mode, covariance);
    for (int i = 0; i < 36; i++) {
        const double v = covariance[i], vi = covariance[i % 6 * 7], vj = covariance[i / 6 * 7];
        assert_close(mean[i % 6], mode[i % 6], 0, 5.0 * sqrt(vi / DRAWS));
        assert_close(products[i], v, 0, 5.0 * sqrt((vi * vj + v * v) / DRAWS));
    }
    test_visit_free(t);
}

/* 1 200 rows; levels 1, 3 and 4 of four in shares 1/2, 1/3 and 1/6 whatever x is. */
static void test_levels_are_as_frequent_as_observed(void **state)
{
    (void)state;
    test_visit *t = test_visit_make(1201, 2, 4);
    const double of_six[] = {1, 1, 1, 3, 3, 4};
    for (int i = 0; i < 1201; i++) {
        t->x[1201 + i] = i / 6 % 2;
        t->y[i] = of_six[i % 6];
    }
    t->y[1200] = (double)NAN;
    test_visit_finish(t, qst__draw_ordered_room);
    const double bound = 4.0 * sqrt(0.25 / DRAWS) + 0.002;
    assert_close(share_of(t, qst__draw_ordered, 1.0, 0, DRAWS), 1.0 / 2.0, 0, bound);
    assert_close(share_of(t, qst__draw_ordered, 3.0, 0, DRAWS), 1.0 / 3.0, 0, bound);
    assert_close(share_of(t, qst__draw_ordered, 4.0, 0, DRAWS), 1.0 / 6.0, 0, bound);
    assert_int_equal(t->decided[QST_DECIDED_SEPARATED], 0);
    test_visit_free(t);
}

static void assert_separated(test_visit *t, int want)
{
    for (uint32_t m = 0; m < 50; m++) {
        t->visit.imputation = m;
        test_visit_draw(t, qst__draw_ordered);
        assert_true(t->drawn[0] >= 1.0 && t->drawn[0] <= t->visit.n_levels);
        assert_int_equal(t->decided[QST_DECIDED_SEPARATED], want);
        assert_int_equal(t->decided[QST_DECIDED_NOT_CONVERGED], 0);
    }
    test_visit_free(t);
}

static void test_separation(void **state)
{
    (void)state;
    test_visit *t = make_case(3);
    for (int i = 0; i < N; i++) {
        t->y[i] = t->x[i + N + 1]; /* levels are cut from a predictor */
    }
    cut_case(t, cuts);
    test_visit_finish(t, qst__draw_ordered_room);
    assert_separated(t, 1);
    assert_separated(levels_by(3, cuts), 0);
}

/* Thresholds of draws are in order, also where levels have one row each. */
static void test_thresholds_stay_in_order(void **state)
{
    (void)state;
    test_visit *t = make_case(9);
    for (int i = 0; i < N; i++) {
        t->y[i] = i < 8 ? i + 1.0 : 9.0;
    }
    test_visit_finish(t, qst__draw_ordered_room);
    for (uint32_t m = 0; m < 200; m++) {
        qst__levels levels;
        t->visit.imputation = m;
        qst__levels_fit(&t->visit, &qst__ordered, &levels);
        levels.model->draw(&levels);
        for (int k = 1; k < 8; k++) {
            assert_true(levels.drawn[k] > levels.drawn[k - 1]);
        }
    }
    test_visit_free(t);
}

/* Two levels are those of logistic regression. */
static void test_two_levels_are_logistic(void **state)
{
    (void)state;
    test_visit *t = levels_by(2, cuts), *other = make_case(2);
    cut_case(other, cuts);
    test_visit_finish(other, qst__draw_logistic_room);
    qst__levels ordered, logistic;
    qst__levels_fit(&t->visit, &qst__ordered, &ordered);
    qst__levels_fit(&other->visit, &qst__logistic, &logistic);
    for (int k = 0; k < 3; k++) {
        assert_close(ordered.at[k], k == 0 ? -logistic.at[0] : logistic.at[k], 1e-8, 0);
    }
    test_visit_free(t);
    test_visit_free(other);
}

static void test_one_level_and_intercept_only(void **state)
{
    (void)state;
    test_visit *t = levels_by(3, cuts);
    t->visit.n_columns = 1;
    assert_close(
        share_of(t, qst__draw_ordered, 1.0, 0, DRAWS), 14.0 / 40.0, 0, 5.0 * sqrt(0.25 / DRAWS));
    for (int i = 0; i < N; i++) {
        t->y[i] = 3.0;
    }
    test_visit_draw(t, qst__draw_ordered);
    assert_close(t->drawn[0], 3.0, 0, 0);
    assert_int_equal(t->decided[QST_DECIDED_ONE_VALUE], 1);
    test_visit_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_levels_as_polr),
        cmocka_unit_test(test_derivatives),
        cmocka_unit_test(test_likelihood),
        cmocka_unit_test(test_parameters_have_the_posterior_s_moments),
        cmocka_unit_test(test_levels_are_as_frequent_as_observed),
        cmocka_unit_test(test_separation),
        cmocka_unit_test(test_thresholds_stay_in_order),
        cmocka_unit_test(test_two_levels_are_logistic),
        cmocka_unit_test(test_one_level_and_intercept_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
