/* Standard errors of models fitted here against what audits say from group sizes. */
#include "audit_linear_case.h"

static qst_finding error_of(linear_tables *t, const linear_trial *trial, int row, double q)
{
    audit_case *c = &t->tables;
    const int32_t first = c->n_inputs;
    for (int arm = 0; arm < LINEAR_ARMS; arm++) {
        case_input(c, t->n[arm]);
    }
    for (int arm = 0; arm < LINEAR_ARMS; arm++) {
        case_input(c, t->sd[arm]);
    }
    for (int k = 1; k < trial->n_columns; k++) {
        const bool is_age = t->level[k] == 0;
        case_input(c, t->estimate[k]);
        case_input(c, t->level[k]);
        case_input(c, t->reference[k]);
        for (int arm = 0; arm < LINEAR_ARMS; arm++) {
            case_input(c, is_age ? t->age_sd[arm] : 0);
        }
        for (int arm = 0; arm < LINEAR_ARMS; arm++) {
            case_input(c, is_age ? t->age_mean[arm] : 0);
        }
    }
    const double par[] = {row - 1, LINEAR_ARMS, q};
    return q > 0.0 ? case_audit(c, QST_CHECK_OLS_LIMIT,
                         case_rounded(c, trial->b[row] + q * trial->se[row], 3), first, par, false)
                   : case_audit(c, QST_CHECK_OLS_ERROR, t->error[row], first, par, false);
}

/* Whatever covariates have to do with one another. */
static void test_rounded_models_hold(void **state)
{
    (void)state;
    uint64_t stream = 11;
    for (int k = 0; k < 400; k++) {
        linear_trial trial;
        linear_tables t;
        linear_draw(&trial, &stream, (const bool[]){k % 2, k % 3 > 0, k % 5 > 1}, 0.2 * (k % 5));
        linear_print(&trial, k % 4, &t);
        for (int row = 0; row < trial.n_columns; row++) {
            assert_in_range(error_of(&t, &trial, row, 0.0).verdict, 1, 2);
            if (row > 0) {
                assert_in_range(error_of(&t, &trial, row, 1.98).verdict, 1, 2);
            }
        }
    }
}

/* With one covariate or none everything is known: the range is the error. */
static void test_one_covariate_is_exact(void **state)
{
    (void)state;
    uint64_t stream = 12;
    for (int k = 0; k < 4; k++) {
        linear_trial trial;
        linear_tables t;
        linear_draw(&trial, &stream, (const bool[]){k == 0, k == 1, k == 2}, 0.6);
        linear_print(&trial, 9, &t);
        /* The constant of a covariate that may be centred has a bound only. */
        for (int row = k == 2; row < trial.n_columns; row++) {
            const qst_finding found = error_of(&t, &trial, row, 0.0);
            assert_close(found.value, trial.se[row], 1e-7, 0);
            assert_close(found.low, trial.se[row], 1e-7, 0);
            assert_close(found.high, trial.se[row], 1e-7, 0);
        }
    }
}

/* Independent covariates: the value is close. The bound lies below, and has no upper end. */
static void test_value_is_usual(void **state)
{
    (void)state;
    uint64_t stream = 13;
    for (int k = 0; k < 50; k++) {
        linear_trial trial;
        linear_tables t;
        linear_draw(&trial, &stream, (const bool[]){true, true, true}, 0.0);
        linear_print(&trial, 4, &t);
        for (int row = 0; row < trial.n_columns; row++) {
            const qst_finding found = error_of(&t, &trial, row, 0.0);
            assert_close(found.value, trial.se[row], 0.2, 0);
            assert_close(found.spread, 0.1 * found.value, 1e-12, 0);
            assert_true(found.low <= found.value && isinf(found.high));
        }
    }
}

/* The error of a small group beside that of a large one. */
static void test_wrong_groups(void **state)
{
    (void)state;
    audit_case c;
    case_start(&c);
    const int32_t n = case_count(&c, 100), sd = case_number(&c, "10.0");
    const int32_t arms = case_margin(&c, 2, 2, NULL);
    const int32_t site = case_margin(&c, 3, 2, (const int[]){45, 45, 45, 45, 10, 10});
    const int32_t large = case_label(&c, 1, site), small = case_label(&c, 2, site);
    const int32_t levels[] = {case_label(&c, 1, arms), large, small};
    const int32_t references[] = {case_label(&c, 0, arms), case_label(&c, 0, site)};
    case_input(&c, n);
    case_input(&c, n);
    case_input(&c, sd);
    case_input(&c, sd);
    for (int k = 0; k < 3; k++) {
        case_input(&c, case_number(&c, "1.0"));
        case_input(&c, levels[k]);
        case_input(&c, references[k > 0]);
        for (int arm = 0; arm < 4; arm++) {
            case_input(&c, 0);
        }
    }
    const int32_t error = case_number(&c, "1.5");
    const double of_large[] = {1, 2, 0}, of_small[] = {2, 2, 0};
    const double want = 10.0 * sqrt(1.0 / 90 + 1.0 / 90);
    assert_close(
        case_audit(&c, QST_CHECK_OLS_ERROR, error, 0, of_large, false).value, want, 0.01, 0);
    assert_int_equal(
        case_audit(&c, QST_CHECK_OLS_ERROR, error, 0, of_large, false).verdict, QST_VERDICT_EXACT);
    assert_int_equal(case_audit(&c, QST_CHECK_OLS_ERROR, error, 0, of_small, false).verdict,
        QST_VERDICT_INCONSISTENT);
    c.cells[large].digits = 2;
    assert_int_equal(
        case_audit(&c, QST_CHECK_OLS_ERROR, error, 0, of_small, false).verdict, QST_VERDICT_NONE);
}

static void test_nonsense(void **state)
{
    (void)state;
    audit_case c;
    case_start(&c);
    const int32_t cell = case_number(&c, "1.0");
    for (int k = 0; k < 9; k++) {
        case_input(&c, cell);
    }
    const double pars[][3] = {{0, 0, 2}, {1, 2, 2}, {0, 2, 2}, {5, 1, 2}, {0, -2, 2}, {-1, 2, 2}};
    for (size_t k = 0; k < sizeof pars / sizeof *pars; k++) {
        for (int32_t first = 0; first < 4; first++) {
            assert_int_equal(
                case_audit(&c, QST_CHECK_OLS_ERROR, cell, first, pars[k], false).verdict,
                QST_VERDICT_NONE);
            assert_int_equal(
                case_audit(&c, QST_CHECK_OLS_LIMIT, cell, first, pars[k], false).verdict,
                QST_VERDICT_NONE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounded_models_hold),
        cmocka_unit_test(test_one_covariate_is_exact),
        cmocka_unit_test(test_value_is_usual),
        cmocka_unit_test(test_wrong_groups),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
