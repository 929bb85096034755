/* P from printed statistics: its ends are those of the statistic's interval. */
#include "audit_case.h"

static const double none[3] = {0.0, 0.0, 0.0};

static qst_finding audit_p(
    audit_case *c, qst_check_kind kind, const char *statistic, const char *df1, const char *df2)
{
    case_start(c);
    case_input(c, case_number(c, statistic));
    const char *const dfs[] = {df1, df2};
    for (int k = 0; k < 2; k++) {
        if (dfs[k] != NULL) {
            const bool is_count = strchr(dfs[k], '.') == NULL;
            case_input(c, is_count ? case_count(c, atoi(dfs[k])) : case_number(c, dfs[k]));
        }
    }
    return case_audit(c, kind, 0, 0, none, false);
}

static void assert_ends(qst_finding found, double value, double low, double high)
{
    assert_close(found.value, value, 1e-12, 0);
    assert_close(found.low, low, 1e-12, 0);
    assert_close(found.high, high, 1e-12, 0);
}

static void ends_are_those_of_the_statistic(void **state)
{
    (void)state;
    audit_case c;
    assert_ends(audit_p(&c, QST_CHECK_P_T, "-2.09", "240", NULL), qst_tail_t(2.09, 240),
        qst_tail_t(2.095, 240), qst_tail_t(2.085, 240));
    assert_ends(audit_p(&c, QST_CHECK_P_T, "0.00", "9", NULL), 1.0, qst_tail_t(0.005, 9), 1.0);
    assert_ends(audit_p(&c, QST_CHECK_P_T, "2.1", "20.4", NULL), qst_tail_t(2.1, 20.4),
        qst_tail_t(2.15, 20.45), qst_tail_t(2.05, 20.35));
    assert_ends(audit_p(&c, QST_CHECK_P_NORMAL, "1.96", NULL, NULL), qst_tail_normal(1.96),
        qst_tail_normal(1.965), qst_tail_normal(1.955));
    assert_ends(audit_p(&c, QST_CHECK_P_CHISQ, "9.493", "4", NULL), qst_tail_chisq(9.493, 4),
        qst_tail_chisq(9.4935, 4), qst_tail_chisq(9.4925, 4));
    assert_ends(audit_p(&c, QST_CHECK_P_F, "0.993", "2", "122"), qst_tail_f(0.993, 2, 122),
        qst_tail_f(0.9935, 2, 122), qst_tail_f(0.9925, 2, 122));
}

/* Welch's df cut off to a whole number. */
static void a_whole_welch_df_may_be_cut_off(void **state)
{
    (void)state;
    audit_case c;
    case_start(&c);
    case_input(&c, case_number(&c, "2.10"));
    case_input(&c, case_number(&c, "7"));
    assert_ends(case_audit(&c, QST_CHECK_P_T, 0, 0, none, false), qst_tail_t(2.1, 7),
        qst_tail_t(2.105, 8), qst_tail_t(2.095, 6.5));
}

/* The tail of F below 1 with many df1 rises with df2 and that above it falls. */
static void fractional_df2_is_searched(void **state)
{
    (void)state;
    static const char *const statistics[] = {"0.4", "0.9", "1.0", "1.1", "2.5"};
    for (int k = 0; k < 5; k++) {
        audit_case c;
        const qst_finding found = audit_p(&c, QST_CHECK_P_F, statistics[k], "6", "3.5");
        const double f = atof(statistics[k]);
        for (int i = 0; i <= 100; i++) {
            for (int j = 0; j <= 100; j++) {
                const double p = qst_tail_f(f - 0.05 + 0.001 * i, 6, 3.45 + 0.001 * j);
                assert_true(p >= found.low - 1e-6 && p <= found.high + 1e-6);
            }
        }
    }
}

/* "P < .001" and "F < 1". */
static void bounds_are_intervals(void **state)
{
    (void)state;
    audit_case c;
    audit_p(&c, QST_CHECK_P_T, "4.2", "60", NULL);
    const int32_t below = case_cell(&c, 1, 3, QST_CELL_BELOW);
    assert_int_not_equal(
        case_audit(&c, QST_CHECK_P_T, below, 0, none, false).verdict, QST_VERDICT_INCONSISTENT);
    audit_p(&c, QST_CHECK_P_T, "2.2", "60", NULL);
    const int32_t again = case_cell(&c, 1, 3, QST_CELL_BELOW);
    assert_int_equal(
        case_audit(&c, QST_CHECK_P_T, again, 0, none, false).verdict, QST_VERDICT_INCONSISTENT);
    audit_p(&c, QST_CHECK_P_F, "1", "2", "50");
    c.cells[c.inputs[0]].kind = QST_CELL_BELOW;
    const qst_finding found = case_audit(&c, QST_CHECK_P_F, 0, 0, none, false);
    assert_ends(found, qst_tail_f(1, 2, 50), qst_tail_f(1, 2, 50), 1.0);
}

/* P of z = 6.00 lies within 1.9e-9 to 2.1e-9. */
static void small_p_are_judged(void **state)
{
    (void)state;
    static const char *const p[] = {"0.0000000020", "0.0000000040"};
    static const int32_t verdict[] = {QST_VERDICT_EXACT, QST_VERDICT_INCONSISTENT};
    for (int k = 0; k < 2; k++) {
        audit_case c;
        case_start(&c);
        case_input(&c, case_number(&c, "6.00"));
        const int32_t target = case_number(&c, p[k]);
        assert_int_equal(
            case_audit(&c, QST_CHECK_P_NORMAL, target, 0, none, false).verdict, verdict[k]);
    }
}

static void nonsense_has_no_verdict(void **state)
{
    (void)state;
    static const qst_check_kind kinds[] = {
        QST_CHECK_P_T, QST_CHECK_P_F, QST_CHECK_P_CHISQ, QST_CHECK_P_NORMAL};
    for (int k = 0; k < 4; k++) {
        audit_case c;
        case_start(&c);
        const int32_t target = case_number(&c, "0.5");
        assert_int_equal(
            case_audit(&c, kinds[k], target, 0, none, false).verdict, QST_VERDICT_NONE);
        for (int i = 0; i < 3; i++) {
            case_input(&c, 0);
        }
        assert_int_equal(
            case_audit(&c, kinds[k], target, 0, none, false).verdict, QST_VERDICT_NONE);
        c.inputs[0] = case_number(&c, "1.0");
        c.inputs[1] = case_count(&c, 0);
        if (kinds[k] != QST_CHECK_P_NORMAL) {
            assert_int_equal(
                case_audit(&c, kinds[k], target, 0, none, false).verdict, QST_VERDICT_NONE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_are_those_of_the_statistic),
        cmocka_unit_test(a_whole_welch_df_may_be_cut_off),
        cmocka_unit_test(fractional_df2_is_searched),
        cmocka_unit_test(bounds_are_intervals),
        cmocka_unit_test(small_p_are_judged),
        cmocka_unit_test(nonsense_has_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
