/* Sums, percentages and tests of counts against R's chisq.test() and fisher.test() and against slow
 * versions that follow the definitions. */
#include "check_case.h"

/* ---- Bounds ---- */

static qst_finding bounded(const char *target, double low, double high)
{
    audit_case c;
    case_init(&c, QST_CHECK_BOUNDS, target);
    c.check.par[0] = low;
    c.check.par[1] = high;
    return case_audit(&c);
}

static void test_bounds(void **state)
{
    (void)state;
    qst_finding found = bounded("112.5", 0, 100);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    assert_close(found.value, 100, 0, 0);
    assert_close(found.spread, 0.1 / sqrt(12), 1e-12, 0);
    found = bounded("-0.1", 0, (double)INFINITY);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    assert_close(found.value, 0, 0, 0);
    assert_int_equal(bounded("0.0", 0, 1).verdict, QST_VERDICT_EXACT);
    assert_int_equal(bounded("<0.001", 0, 1).verdict, QST_VERDICT_EXACT);
    assert_int_equal(bounded(">0.99", 0, 1).verdict, QST_VERDICT_EXACT);
    assert_int_equal(bounded("", 0, 1).verdict, QST_VERDICT_NONE);
}

/* ---- Sums ---- */

static qst_finding sum_of(const char *target, const char *inputs, int n_added)
{
    audit_case c;
    case_init(&c, QST_CHECK_SUM, target);
    case_add_texts(&c, inputs);
    c.check.par[0] = n_added;
    return case_audit(&c);
}

static void test_sums(void **state)
{
    (void)state;
    qst_finding found = sum_of("392", "362 17 13", 3);
    assert_close(found.value, 392, 0, 0);
    assert_int_equal(found.verdict, QST_VERDICT_EXACT);
    found = sum_of("391", "362 17 13", 3);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    found = sum_of("2.6", "110.2 107.5", 1);
    assert_close(found.value, 2.7, 1e-12, 0);
    assert_close(found.low, 2.6, 1e-12, 0);
    assert_close(found.high, 2.8, 1e-12, 0);
    assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
    found = sum_of("2.3", "110.2 107.5", 1);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    found = sum_of("12", "7 <5", 2);
    assert_close(found.low, 7, 0, 0);
    assert_close(found.high, 12, 0, 0);
    assert_int_equal(sum_of("0", "", 0).verdict, QST_VERDICT_EXACT);
    assert_int_equal(sum_of("12", "7 -", 2).verdict, QST_VERDICT_NONE);
}

/* ---- Percentages ---- */

static qst_finding percent_of(const char *target, const char *inputs, bool of_all)
{
    audit_case c;
    case_init(&c, QST_CHECK_PERCENT, target);
    case_add_texts(&c, inputs);
    c.check.par[0] = of_all;
    return case_audit(&c);
}

static void test_percentages(void **state)
{
    (void)state;
    qst_finding found = percent_of("35.9", "42 117", false);
    assert_close(found.value, 100.0 * 42 / 117, 1e-15, 0);
    assert_int_equal(found.verdict, QST_VERDICT_EXACT);
    assert_int_equal(percent_of("36.0", "42 117", false).verdict, QST_VERDICT_INCONSISTENT);
    found = percent_of("35.9", "42 75", true);
    assert_close(found.value, 100.0 * 42 / 117, 1e-15, 0);
    assert_close(percent_of("25", "50 100 50 50", false).value, 25, 1e-15, 0);
    assert_close(percent_of("0.0", "0 7", true).value, 0, 0, 0);
    assert_close(percent_of("100.0", "7 0", true).value, 100, 0, 0);
    /* "12.5" may be printed as 12 or as 13. */
    assert_int_equal(percent_of("12.", "1 8", false).verdict, QST_VERDICT_EXACT);
    assert_int_equal(percent_of("13.", "1 8", false).verdict, QST_VERDICT_EXACT);
}

/* Counts that are hidden below 5: the share is lowest where the part is low and the rest high. */
static void test_percentages_of_hidden_counts(void **state)
{
    (void)state;
    qst_finding found = percent_of("30.0", "<5 8", true);
    assert_close(found.low, 0, 0, 0);
    assert_close(found.high, 100.0 * 5 / 13, 1e-15, 0);
    assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
    found = percent_of("80.0", "8 <5", true);
    assert_close(found.low, 100.0 * 8 / 13, 1e-15, 0);
    assert_close(found.high, 100, 0, 0);
    found = percent_of("10.0", "<5 40", false);
    assert_close(found.high, 12.5, 1e-15, 0);
}

static void test_percentages_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(percent_of("0.0", "0 0", false).verdict, QST_VERDICT_NONE);
    assert_int_equal(percent_of("0.0", "0 0", true).verdict, QST_VERDICT_NONE);
    assert_int_equal(percent_of("5.0", "3", true).verdict, QST_VERDICT_NONE);
    assert_int_equal(percent_of("5.0", "- 3", true).verdict, QST_VERDICT_NONE);
    assert_int_equal(percent_of("5.0", "3 -", false).verdict, QST_VERDICT_NONE);
    assert_int_equal(percent_of("5.0", "-3 60", false).verdict, QST_VERDICT_NONE);
}

/* ---- Chi-square ---- */

static qst_finding of_table(
    int32_t kind, const char *target, const int *counts, int n_rows, int n_cols)
{
    audit_case c;
    case_init(&c, kind, target);
    case_add_table(&c, counts, n_rows, n_cols);
    return case_audit(&c);
}

static const int specialty[] = {24, 16, 27, 82, 94, 79, 11, 15, 14};
static const int sex[] = {53, 72, 54, 66};

/* R 4.2: chisq.test(matrix(c(24, 16, 27, 82, 94, 79, 11, 15, 14), 3, byrow = TRUE)) */
static void test_chi_square_as_in_r(void **state)
{
    (void)state;
    qst_finding found = of_table(QST_CHECK_CHISQ, "5.596", specialty, 3, 3);
    assert_close(found.value, 4.68448847717171, 1e-13, 0);
    assert_int_equal(found.verdict, QST_VERDICT_INCONSISTENT);
    found = of_table(QST_CHECK_CHISQ_P, "0.23", specialty, 3, 3);
    assert_close(found.value, 0.321228770334168, 1e-12, 0);
    assert_close(of_table(QST_CHECK_CHISQ_DF, "4", specialty, 3, 3).value, 4, 0, 0);
}

/* chisq.test(rbind(c(53, 72), c(54, 66))), correct = FALSE and TRUE. */
static void test_either_correction_of_2_by_2(void **state)
{
    (void)state;
    const double plain = 0.168244616009752, corrected = 0.0791515700483088;
    assert_close(of_table(QST_CHECK_CHISQ, "0.168", sex, 2, 2).value, plain, 1e-12, 0);
    assert_close(of_table(QST_CHECK_CHISQ, "0.079", sex, 2, 2).value, corrected, 1e-12, 0);
    /* Nearer to one of them, but neither. */
    assert_close(of_table(QST_CHECK_CHISQ, "0.130", sex, 2, 2).value, plain, 1e-12, 0);
    assert_close(of_table(QST_CHECK_CHISQ, "0.090", sex, 2, 2).value, corrected, 1e-12, 0);
    assert_close(of_table(QST_CHECK_CHISQ, "", sex, 2, 2).value, plain, 1e-12, 0);
    assert_close(of_table(QST_CHECK_CHISQ_P, "0.78", sex, 2, 2).value, 0.77845048579291, 1e-12, 0);
    static const int level[] = {5, 5, 5, 6};
    assert_close(of_table(QST_CHECK_CHISQ, "0.00", level, 2, 2).value, 0, 0, 0);
}

/* The P of a printed statistic: of its whole interval, unless the counts say which number it was.
 */
static qst_finding p_of(const char *p, const char *statistic, const int *counts, int n)
{
    audit_case c;
    case_init(&c, QST_CHECK_CHISQ_P, p);
    case_add_table(&c, counts, n, n);
    case_add(&c, printed(statistic));
    return case_audit(&c);
}

static void test_p_of_a_statistic(void **state)
{
    (void)state;
    qst_finding found = p_of("0.23", "5.596", specialty, 3);
    assert_close(found.value, qst_tail_chisq(5.596, 4), 1e-15, 0);
    assert_close(found.low, qst_tail_chisq(5.5965, 4), 1e-15, 0);
    assert_close(found.high, qst_tail_chisq(5.5955, 4), 1e-15, 0);
    assert_int_equal(found.verdict, QST_VERDICT_EXACT);
    found = p_of("0.32", "4.7", specialty, 3);
    assert_close(found.value, 0.321228770334168, 1e-12, 0);
    assert_close(found.high - found.low, 0, 0, 0);
    found = p_of("0.78", "0.1", sex, 2);
    assert_close(found.value, 0.77845048579291, 1e-12, 0);
    assert_int_equal(p_of("0.68", "0.1", sex, 2).verdict, QST_VERDICT_INCONSISTENT);
    assert_close(p_of("1.00", "0.0", specialty, 3).high, 1, 0, 0);
    assert_int_equal(p_of("0.23", "", specialty, 3).verdict, QST_VERDICT_NONE);
}

/* Those who are not in the rows above are the last row. */
static void test_rows_that_follow_from_totals(void **state)
{
    (void)state;
    static const int lost[] = {8, 5, 4, 131, 130, 131}, whole[] = {8, 5, 4, 123, 125, 127};
    audit_case c;
    for (int kind = QST_CHECK_CHISQ; kind <= QST_CHECK_FISHER; kind++) {
        case_init(&c, kind, "1.585");
        case_add_table(&c, lost, 2, 3);
        c.check.par[0] = 1;
        assert_close(case_audit(&c).value, of_table(kind, "1.585", whole, 2, 3).value, 1e-15, 0);
    }
    static const int too_many[] = {8, 5, 4, 7, 130, 131};
    case_init(&c, QST_CHECK_CHISQ, "1.585");
    case_add_table(&c, too_many, 2, 3);
    c.check.par[0] = 1;
    assert_int_equal(case_audit(&c).verdict, QST_VERDICT_NONE);
}

/* All levels but the first are one. */
static void test_a_level_against_the_others(void **state)
{
    (void)state;
    static const int levels[] = {8, 5, 4, 100, 90, 80, 23, 35, 47};
    static const int two[] = {8, 5, 4, 123, 125, 127};
    audit_case c;
    for (int kind = QST_CHECK_CHISQ; kind <= QST_CHECK_FISHER; kind++) {
        case_init(&c, kind, "1.585");
        case_add_table(&c, levels, 3, 3);
        c.check.par[0] = 2;
        assert_close(case_audit(&c).value, of_table(kind, "1.585", two, 2, 3).value, 1e-15, 0);
    }
    case_init(&c, QST_CHECK_CHISQ, "1.585");
    case_add_table(&c, levels, 1, 3);
    c.check.par[0] = 2;
    assert_int_equal(case_audit(&c).verdict, QST_VERDICT_NONE);
}

static void test_lines_that_hold_nobody(void **state)
{
    (void)state;
    static const int holes[] = {24, 0, 16, 27, 0, 0, 0, 0, 82, 0, 94, 79, 11, 0, 15, 14};
    assert_close(of_table(QST_CHECK_CHISQ, "1", holes, 4, 4).value, 4.68448847717171, 1e-13, 0);
    assert_close(of_table(QST_CHECK_CHISQ_DF, "4", holes, 4, 4).value, 4, 0, 0);
    static const int one[] = {3, 4, 0, 0};
    for (int kind = QST_CHECK_CHISQ; kind <= QST_CHECK_FISHER; kind++) {
        assert_int_equal(of_table(kind, "1", one, 2, 2).verdict, QST_VERDICT_NONE);
        assert_int_equal(of_table(kind, "1", NULL, 0, 0).verdict, QST_VERDICT_NONE);
    }
}

/* Rounded, hidden, negative and missing counts are none; nor is a table of a thousand. */
static void test_tables_that_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"3 4 5 2.5", "3 4 5 <2", "3 4 5 -2", "3 4 5 -"};
    static int many[30 * 30];
    for (int k = 0; k < 900; k++) {
        many[k] = 1;
    }
    audit_case c;
    for (int kind = QST_CHECK_CHISQ; kind <= QST_CHECK_FISHER; kind++) {
        for (int t = 0; t < 4; t++) {
            case_init(&c, kind, "1.0");
            case_add_texts(&c, texts[t]);
            c.check.n_rows = c.check.n_cols = 2;
            assert_int_equal(case_audit(&c).verdict, QST_VERDICT_NONE);
        }
        assert_int_equal(of_table(kind, "1", many, 30, 30).verdict, QST_VERDICT_NONE);
        assert_int_equal(of_table(kind, "1", many, 1, 65).verdict, QST_VERDICT_NONE);
    }
}

/* ---- Fisher's exact test ---- */

/* P of fisher.test() of R 4.2. */
static void test_fisher_as_in_r(void **state)
{
    (void)state;
    static const struct {
        int n_rows, n_cols, counts[12];
        double p;
    } cases[] = {{2, 2, {3, 1, 1, 3}, 0.485714285714286},
        {2, 2, {0, 10, 12, 2}, 6.73038093956119e-05},
        {2, 2, {700, 811, 655, 902}, 0.0181276470247731},
        {2, 3, {12, 5, 0, 3, 9, 4}, 0.00326562722308817},
        {2, 3, {110, 115, 107, 7, 10, 13}, 0.410308715279515},
        {3, 4, {1, 0, 4, 2, 3, 5, 0, 1, 2, 2, 2, 0}, 0.0433292608039295},
        {3, 3, {24, 16, 27, 82, 94, 79, 11, 15, 14}, 0.303176117821015}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_close(
            of_table(QST_CHECK_FISHER, "1.0", cases[k].counts, cases[k].n_rows, cases[k].n_cols)
                .value,
            cases[k].p, 1e-9, 0);
    }
}

/* Every table with the margins of one of 3 x 3, each with its probability by the definition. */
static double factorial(int n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

static double weight_3_by_3(const int *n)
{
    double product = 1;
    for (int k = 0; k < 9; k++) {
        product *= n[k] < 0 ? (double)INFINITY : factorial(n[k]);
    }
    return 1 / product;
}

static void complete(int *n, const int *row, const int *col)
{
    n[2] = row[0] - n[0] - n[1];
    n[5] = row[1] - n[3] - n[4];
    for (int j = 0; j < 3; j++) {
        n[6 + j] = col[j] - n[j] - n[3 + j];
    }
}

static double slow_fisher(const int *counts)
{
    int row[3], col[3], n[9];
    for (int i = 0; i < 3; i++) {
        row[i] = counts[3 * i] + counts[3 * i + 1] + counts[3 * i + 2];
        col[i] = counts[i] + counts[3 + i] + counts[6 + i];
    }
    const double printed_weight = weight_3_by_3(counts);
    double all = 0, extreme = 0;
    for (n[0] = 0; n[0] <= col[0]; n[0]++) {
        for (n[1] = 0; n[1] <= col[1]; n[1]++) {
            for (n[3] = 0; n[3] <= col[0]; n[3]++) {
                for (n[4] = 0; n[4] <= col[1]; n[4]++) {
                    complete(n, row, col);
                    const double weight = weight_3_by_3(n);
                    all += weight;
                    extreme += weight <= printed_weight * (1 + 1e-7) ? weight : 0;
                }
            }
        }
    }
    return extreme / all;
}

static void test_fisher_against_all_tables(void **state)
{
    (void)state;
    uint64_t seed = 20;
    for (int repeat = 0; repeat < 20; repeat++) {
        int counts[9];
        for (int k = 0; k < 9; k++) {
            counts[k] = 1 + (int)(5 * test_uniform(&seed));
        }
        assert_close(
            of_table(QST_CHECK_FISHER, "1.0", counts, 3, 3).value, slow_fisher(counts), 1e-10, 0);
    }
}

/* The order of lines says nothing. */
static void test_fisher_turned_round(void **state)
{
    (void)state;
    static const int there[] = {2, 9, 1, 14, 3, 6}, back[] = {6, 1, 3, 9, 14, 2};
    assert_close(of_table(QST_CHECK_FISHER, "1.0", there, 2, 3).value,
        of_table(QST_CHECK_FISHER, "1.0", back, 3, 2).value, 1e-12, 0);
}

/* 10 x 10 with 30 in each cell: no verdict, and soon. */
static void test_fisher_gives_up(void **state)
{
    (void)state;
    int counts[100];
    for (int k = 0; k < 100; k++) {
        counts[k] = 30 + k % 7;
    }
    const qst_finding found = of_table(QST_CHECK_FISHER, "1.0", counts, 10, 10);
    assert_int_equal(found.verdict, QST_VERDICT_NONE);
    assert_true(isnan(found.value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_percentages),
        cmocka_unit_test(test_percentages_of_hidden_counts),
        cmocka_unit_test(test_percentages_that_are_none),
        cmocka_unit_test(test_chi_square_as_in_r),
        cmocka_unit_test(test_either_correction_of_2_by_2),
        cmocka_unit_test(test_p_of_a_statistic),
        cmocka_unit_test(test_rows_that_follow_from_totals),
        cmocka_unit_test(test_a_level_against_the_others),
        cmocka_unit_test(test_lines_that_hold_nobody),
        cmocka_unit_test(test_tables_that_are_none),
        cmocka_unit_test(test_fisher_as_in_r),
        cmocka_unit_test(test_fisher_against_all_tables),
        cmocka_unit_test(test_fisher_turned_round),
        cmocka_unit_test(test_fisher_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
