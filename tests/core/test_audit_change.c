/* Before and after, the correlation not known: against all correlations and the corners of the box.
 */
#include "audit_case.h"

static const double level[3] = {0.95, -1.0, 0.0};

/* n, mean and SD; of the change, or before and after. */
static void print_visits(audit_case *c, const char *const *text, int n)
{
    case_start(c);
    for (int k = 0; k < n; k++) {
        case_input(c, k % 3 == 0 ? case_count(c, atoi(text[k])) : case_number(c, text[k]));
    }
}

static void a_printed_change_is_one_sample(void **state)
{
    (void)state;
    const char *const text[] = {"125", "0.27", "8.00"};
    audit_case c;
    print_visits(&c, text, 3);
    const double root = sqrt(125.0);
    const qst_finding t = case_audit(&c, QST_CHECK_PAIRED, 0, 0, level, false);
    assert_close(t.value, 0.27 / 8.0 * root, 1e-12, 0);
    assert_close(t.low, 0.265 / 8.005 * root, 1e-12, 0);
    assert_close(t.high, 0.275 / 7.995 * root, 1e-12, 0);
    const qst_finding p = case_audit(&c, QST_CHECK_PAIRED_P, 0, 0, level, false);
    assert_close(p.low, qst_tail_t(t.high, 124), 1e-12, 0);
    assert_close(p.high, qst_tail_t(t.low, 124), 1e-12, 0);
    const qst_finding limit = case_audit(&c, QST_CHECK_PAIRED_LIMIT, 0, 0, level, false);
    const double q = qst_tail_t_quantile(0.05, 124);
    assert_close(limit.low, 0.265 - q * 8.005 / root, 1e-12, 0);
    assert_close(limit.high, 0.275 - q * 7.995 / root, 1e-12, 0);
}

/* A trial of 2024 printed 92.55 (4.37) and 107.20 (2.16) for 20 people: t is 10.0 to 29.6, whatever
 * the correlation, and 7.26 was printed. */
static void two_visits_bound_t(void **state)
{
    (void)state;
    const char *const text[] = {"20", "92.55", "4.37", "20", "107.20", "2.16"};
    audit_case c;
    print_visits(&c, text, 6);
    const int32_t target = case_number(&c, "7.26");
    const qst_finding t = case_audit(&c, QST_CHECK_PAIRED, target, 0, level, false);
    assert_int_equal(t.verdict, QST_VERDICT_INCONSISTENT);
    assert_close(t.low, 14.64 * sqrt(20.0) / 6.54, 1e-9, 0);
    assert_close(t.high, 14.66 * sqrt(20.0) / 2.20, 1e-9, 0);
    for (int k = -100; k <= 100; k++) {
        const double sd = sqrt(4.37 * 4.37 + 2.16 * 2.16 - 2 * k / 100.0 * 4.37 * 2.16);
        const double here = 14.65 / sd * sqrt(20.0);
        assert_true(here >= t.low && here <= t.high);
    }
    assert_true(t.spread > 0.5 && t.spread < 10.0);
}

static void the_sd_of_change_is_bounded(void **state)
{
    (void)state;
    const char *const text[] = {"20", "92.55", "4.37", "20", "107.20", "2.16"};
    static const char *const sds[] = {"2.19", "2.20", "4.00", "6.54", "6.56"};
    static const bool possible[] = {false, true, true, true, false};
    for (int k = 0; k < 5; k++) {
        audit_case c;
        print_visits(&c, text, 6);
        const int32_t target = case_number(&c, sds[k]);
        const qst_finding found = case_audit(&c, QST_CHECK_CHANGE_SD, target, 0, level, false);
        assert_int_equal(found.verdict != QST_VERDICT_INCONSISTENT, possible[k]);
        assert_close(found.low, 2.20, 1e-12, 0);
        assert_close(found.high, 6.54, 1e-12, 0);
    }
    /* SDs that print the same may be the same: with a correlation of 1 the change has none. */
    const char *const same[] = {"20", "1.0", "4.4", "20", "2.0", "4.4"};
    audit_case c;
    print_visits(&c, same, 6);
    const qst_finding found = case_audit(&c, QST_CHECK_CHANGE_SD, 0, 0, level, false);
    assert_close(found.low, 0.0, 0, 0);
    assert_close(case_audit(&c, QST_CHECK_PAIRED, 0, 0, level, false).high, (double)INFINITY, 0, 0);
}

static void nonsense_has_no_verdict(void **state)
{
    (void)state;
    static const qst_check_kind kinds[] = {
        QST_CHECK_PAIRED, QST_CHECK_PAIRED_P, QST_CHECK_PAIRED_LIMIT, QST_CHECK_CHANGE_SD};
    const char *const alone[] = {"1", "2.0", "1.0"};
    for (int k = 0; k < 4; k++) {
        audit_case c;
        case_start(&c);
        const int32_t target = case_number(&c, "0.5");
        assert_int_equal(
            case_audit(&c, kinds[k], target, 0, level, false).verdict, QST_VERDICT_NONE);
        for (int i = 0; i < 6; i++) {
            case_input(&c, 0);
        }
        assert_int_equal(
            case_audit(&c, kinds[k], target, 0, level, false).verdict, QST_VERDICT_NONE);
        print_visits(&c, alone, 3);
        assert_int_equal(case_audit(&c, kinds[k], 1, 0, level, false).verdict, QST_VERDICT_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_printed_change_is_one_sample),
        cmocka_unit_test(two_visits_bound_t),
        cmocka_unit_test(the_sd_of_change_is_bounded),
        cmocka_unit_test(nonsense_has_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
