/* Means of arms from coefficients, of models fitted here. */
#include "audit_linear_case.h"

/* The mean of arm `column` (-1: all) from the constant or from the mean of arm `base`. */
static qst_finding mean_from(linear_tables *t, int n_columns, int column, int base)
{
    audit_case *c = &t->tables;
    const int32_t first = c->n_inputs;
    const int target = column < 0 ? LINEAR_ARMS : column;
    for (int arm = 0; arm < LINEAR_ARMS; arm++) {
        case_input(c, t->n[arm]);
    }
    case_input(c, base < 0 ? t->estimate[0] : t->mean[base]);
    for (int row = 1; row < n_columns; row++) {
        const bool is_age = t->level[row] == 0;
        case_input(c, t->estimate[row]);
        case_input(c, is_age ? t->age_mean[target] : t->level[row]);
        case_input(c, !is_age ? t->reference[row] : base < 0 ? 0 : t->age_mean[base]);
    }
    return case_audit(c, QST_CHECK_OLS_MEAN, t->mean[target], first,
        (const double[3]){column, LINEAR_ARMS, base}, false);
}

static const bool whole[] = {true, true, true};

static void test_rounded_models_hold(void **state)
{
    (void)state;
    uint64_t stream = 3;
    for (int k = 0; k < 300; k++) {
        linear_trial trial;
        linear_tables t;
        linear_draw(&trial, &stream, (const bool[]){k % 2, k % 3 > 0, k % 5 > 1}, 0.2 * (k % 4));
        linear_print(&trial, k % 4, &t);
        for (int arm = -1; arm < LINEAR_ARMS; arm++) {
            const int32_t verdict = mean_from(&t, trial.n_columns, arm, -1).verdict;
            assert_true(verdict == QST_VERDICT_EXACT || verdict == QST_VERDICT_ROUNDING);
        }
        assert_in_range(mean_from(&t, trial.n_columns, 1, 0).verdict, 1, 2);
        assert_in_range(mean_from(&t, trial.n_columns, 0, 2).verdict, 1, 2);
    }
}

/* With nine decimals printed hardly anything is left open, and the value is the mean. */
static void test_ranges_are_tight(void **state)
{
    (void)state;
    uint64_t stream = 4;
    linear_trial trial;
    linear_tables t;
    linear_draw(&trial, &stream, whole, 0.5);
    linear_print(&trial, 9, &t);
    for (int arm = -1; arm < LINEAR_ARMS; arm++) {
        double moments[3];
        linear_moments(&trial, trial.y, arm, moments);
        const qst_finding found = mean_from(&t, trial.n_columns, arm, -1);
        assert_close(found.value, moments[1], 0, 1e-7);
        assert_true(found.high - found.low < 1e-7 && found.low <= moments[1] + 1e-9);
    }
}

/* Each estimate counts with its share: half a unit of 0.1, times 1 + 1 + 1/2 + 1/4. */
static void test_width(void **state)
{
    (void)state;
    audit_case c;
    case_start(&c);
    const int32_t n = case_count(&c, 8), arms = case_margin(&c, 2, 2, NULL);
    const int32_t sex = case_margin(&c, 2, 2, (const int[]){4, 4, 4, 4});
    const int32_t site = case_margin(&c, 2, 2, (const int[]){6, 6, 2, 2});
    const int32_t mean = case_number(&c, "5.0");
    const int32_t b[] = {case_number(&c, "1.0"), case_number(&c, "2.0"), case_number(&c, "-4.0"),
        case_number(&c, "8.0")};
    const int32_t margins[] = {0, arms, sex, site};
    case_input(&c, n);
    case_input(&c, n);
    case_input(&c, b[0]);
    for (int k = 1; k < 4; k++) {
        case_input(&c, b[k]);
        case_input(&c, case_label(&c, 1, margins[k]));
        case_input(&c, case_label(&c, 0, margins[k]));
    }
    const qst_finding found =
        case_audit(&c, QST_CHECK_OLS_MEAN, mean, 0, (const double[]){1, 2, -1}, false);
    assert_close(found.value, 1.0 + 2.0 - 2.0 + 2.0, 1e-14, 0);
    assert_close(found.high - found.low, 0.1 * 2.75, 1e-12, 0);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    /* A count that is not of the people in the mean: no verdict. */
    c.cells[c.counts[1]].digits++;
    assert_int_equal(
        case_audit(&c, QST_CHECK_OLS_MEAN, mean, 0, (const double[]){1, 2, -1}, false).verdict,
        QST_VERDICT_NONE);
}

/* Exchanged labels, another reference: some mean is off. */
static void test_wrong_labels(void **state)
{
    (void)state;
    uint64_t stream = 5;
    linear_trial trial;
    linear_tables t;
    linear_draw(&trial, &stream, whole, 0.0);
    linear_print(&trial, 3, &t);
    const int school = linear_first[LINEAR_SCHOOL];
    qst_printed *cells = t.tables.cells;
    cells[t.level[school]].digits = 2;
    cells[t.level[school + 1]].digits = 1;
    int n_off = 0;
    for (int arm = 0; arm < LINEAR_ARMS; arm++) {
        n_off += mean_from(&t, trial.n_columns, arm, -1).verdict == QST_VERDICT_INCONSISTENT;
    }
    assert_int_equal(n_off, LINEAR_ARMS);
    /* The same label twice, or the reference's: no dummies of one factor. */
    cells[t.level[school + 1]].digits = 2;
    assert_int_equal(mean_from(&t, trial.n_columns, 0, -1).verdict, QST_VERDICT_NONE);
    cells[t.level[school + 1]].digits = 0;
    assert_int_equal(mean_from(&t, trial.n_columns, 0, -1).verdict, QST_VERDICT_NONE);
}

static void test_nonsense(void **state)
{
    (void)state;
    audit_case c;
    case_start(&c);
    const int32_t cell = case_number(&c, "1.0");
    for (int k = 0; k < 4; k++) {
        case_input(&c, cell);
    }
    const double pars[][3] = {{0, 0, -1}, {2, 2, -1}, {0, 1, 1}, {0, 2, -1}, {0, -3, -1}};
    for (size_t k = 0; k < sizeof pars / sizeof *pars; k++) {
        assert_int_equal(
            case_audit(&c, QST_CHECK_OLS_MEAN, cell, 0, pars[k], false).verdict, QST_VERDICT_NONE);
    }
    c.n_inputs = 3;
    assert_int_equal(
        case_audit(&c, QST_CHECK_OLS_MEAN, cell, 3, (const double[]){0, 1, -1}, false).verdict,
        QST_VERDICT_NONE);
    /* Only a constant: the mean of everybody. */
    assert_int_equal(
        case_audit(&c, QST_CHECK_OLS_MEAN, cell, 1, (const double[]){-1, 1, -1}, false).verdict,
        QST_VERDICT_EXACT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounded_models_hold),
        cmocka_unit_test(test_ranges_are_tight),
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_wrong_labels),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
