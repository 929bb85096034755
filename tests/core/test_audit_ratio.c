/* Models with arms alone against what 2 x 2 tables and counts of events say, written out. */
#include "audit_case.h"

typedef struct {
    audit_case tables;
    int32_t first[2], second[2], level, reference;
} two_arms;

static void start(two_arms *t, const char *const first[2], const int second[2])
{
    case_start(&t->tables);
    const int32_t arms = case_margin(&t->tables, 2, 2, NULL);
    t->level = case_label(&t->tables, 1, arms);
    t->reference = case_label(&t->tables, 0, arms);
    for (int arm = 0; arm < 2; arm++) {
        t->first[arm] = strchr(first[arm], '.') == NULL ? case_count(&t->tables, atoi(first[arm]))
                                                        : case_number(&t->tables, first[arm]);
        t->second[arm] = case_count(&t->tables, second[arm]);
    }
}

static qst_finding figure(
    two_arms *t, qst_check_kind kind, int32_t level, bool is_ratio, const char *printed)
{
    audit_case *c = &t->tables;
    const int32_t at = c->n_inputs, target = case_number(c, printed);
    case_input(c, level);
    case_input(c, t->reference);
    case_input(c, t->first[0]);
    case_input(c, t->first[1]);
    case_input(c, t->second[0]);
    case_input(c, t->second[1]);
    return case_audit(c, kind, target, at, (const double[]){2, is_ratio, 1.96}, false);
}

/* 10 of 40 and 24 of 60. */
static void test_odds(void **state)
{
    (void)state;
    two_arms t;
    start(&t, (const char *const[]){"10", "24"}, (const int[]){30, 36});
    const double odds = 24.0 / 36.0 / (10.0 / 30.0);
    const double error = sqrt(1.0 / 24 + 1.0 / 36 + 1.0 / 10 + 1.0 / 30);
    qst_finding found = figure(&t, QST_CHECK_LOG_ODDS, t.level, true, "2.00");
    assert_close(found.value, odds, 1e-14, 0);
    assert_close(found.high - found.low, 0, 0, 1e-14);
    assert_int_equal(found.verdict, QST_VERDICT_EXACT);
    assert_close(figure(&t, QST_CHECK_LOG_ODDS, t.level, false, "0.7").value, log(odds), 1e-14, 0);
    assert_close(
        figure(&t, QST_CHECK_LOG_ODDS_ERROR, t.level, false, "0.4").value, error, 1e-14, 0);
    found = figure(&t, QST_CHECK_LOG_ODDS_LIMIT, t.level, true, "4.83");
    assert_close(found.value, odds * exp(1.96 * error), 1e-14, 0);
    assert_int_equal(found.verdict, QST_VERDICT_EXACT);
    /* The constant: the reference arm's own odds. */
    assert_close(
        figure(&t, QST_CHECK_LOG_ODDS, t.reference, true, "0.33").value, 1.0 / 3, 1e-14, 0);
    assert_close(figure(&t, QST_CHECK_LOG_ODDS_ERROR, t.reference, false, "0.4").value,
        sqrt(1.0 / 10 + 1.0 / 30), 1e-14, 0);
}

/* Means 1.5 of 40 and 2.0 of 60: 1.45 to 1.55 and 1.95 to 2.05. */
static void test_rates(void **state)
{
    (void)state;
    two_arms t;
    start(&t, (const char *const[]){"1.5", "2.0"}, (const int[]){40, 60});
    qst_finding found = figure(&t, QST_CHECK_LOG_RATE, t.level, true, "1.30");
    assert_close(found.value, 2.0 / 1.5, 1e-14, 0);
    assert_close(found.low, 1.95 / 1.55, 1e-14, 0);
    assert_close(found.high, 2.05 / 1.45, 1e-14, 0);
    assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
    found = figure(&t, QST_CHECK_LOG_RATE_ERROR, t.level, false, "0.20");
    /* Programmes stop a step early: down to 2e-3 less of its square. */
    assert_close(found.low, sqrt(0.998 * (1 / (60 * 2.05) + 1 / (40 * 1.55))), 1e-14, 0);
    assert_close(found.high, sqrt(1 / (60 * 1.95) + 1 / (40 * 1.45)), 1e-14, 0);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    found = figure(&t, QST_CHECK_LOG_RATE_LIMIT, t.level, false, "0.61");
    assert_close(found.value, log(2 / 1.5) + 1.96 * sqrt(1 / 120.0 + 1 / 60.0), 1e-14, 0);
    assert_true(found.low < found.value && found.value < found.high);
    assert_close(
        figure(&t, QST_CHECK_LOG_RATE, t.reference, false, "0.4").low, log(1.45), 1e-14, 0);
}

static void test_nothing_to_take_logarithms_of(void **state)
{
    (void)state;
    two_arms t;
    start(&t, (const char *const[]){"0", "24"}, (const int[]){30, 36});
    assert_int_equal(
        figure(&t, QST_CHECK_LOG_ODDS, t.level, true, "1.0").verdict, QST_VERDICT_NONE);
    start(&t, (const char *const[]){"0.0", "2.0"}, (const int[]){30, 36});
    assert_int_equal(
        figure(&t, QST_CHECK_LOG_RATE, t.level, true, "1.0").verdict, QST_VERDICT_NONE);
    /* A mean that may be 0 leaves one side open. */
    start(&t, (const char *const[]){"0.04", "2.00"}, (const int[]){30, 36});
    t.tables.cells[t.first[0]] = (qst_printed){1, 0, QST_CELL_BELOW};
    const qst_finding found = figure(&t, QST_CHECK_LOG_RATE, t.level, true, "9.0");
    assert_true(isinf(found.high));
    assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
}

static void test_nonsense(void **state)
{
    (void)state;
    two_arms t;
    start(&t, (const char *const[]){"10", "24"}, (const int[]){30, 36});
    const qst_check_kind kinds[] = {QST_CHECK_LOG_ODDS, QST_CHECK_LOG_ODDS_ERROR,
        QST_CHECK_LOG_ODDS_LIMIT, QST_CHECK_LOG_RATE, QST_CHECK_LOG_RATE_ERROR,
        QST_CHECK_LOG_RATE_LIMIT};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        audit_case *c = &t.tables;
        assert_int_equal(figure(&t, kinds[k], t.first[0], false, "1.0").verdict, QST_VERDICT_NONE);
        for (int n_arms = -1; n_arms < 4; n_arms += 1 + (n_arms == 1)) {
            const double par[] = {n_arms, 0, 2};
            assert_int_equal(
                case_audit(c, kinds[k], t.first[0], c->n_inputs - 6, par, false).verdict,
                QST_VERDICT_NONE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odds),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_nothing_to_take_logarithms_of),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
