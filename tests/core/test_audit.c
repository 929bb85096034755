/* What all checks have in common: what a printed number may stand for, verdicts, labels, margins,
 * tables that are not valid. The kind "sum" of one input hands it on as it is. */
#include "check_case.h"

static qst_finding compare(const char *target, const char *input, bool truncated, bool without_sign)
{
    audit_case c;
    case_init(&c, QST_CHECK_SUM, target);
    case_add_texts(&c, input);
    c.check.par[0] = c.check.n;
    c.check.without_sign = without_sign;
    c.tables.truncated = truncated;
    return case_audit(&c);
}

static void assert_range(const qst_finding *found, double value, double low, double high)
{
    assert_close(found->value, value, 1e-14, 0);
    assert_close(found->low, low, 1e-14, 0);
    assert_close(found->high, high, 1e-14, 0);
}

/* ---- Printed numbers ---- */

static void test_what_a_number_stands_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value, low, high;
    } cases[] = {{"2.36", 2.36, 2.355, 2.365}, {"-2.36", -2.36, -2.365, -2.355},
        {"0.00", 0, -0.005, 0.005}, {"7.", 7, 6.5, 7.5}, {"7", 7, 7, 7},
        {"<0.001", 0.001, 0, 0.001}, {">0.99", 0.99, 0.99, (double)INFINITY},
        {"<-1.5", -1.5, -(double)INFINITY, -1.5}, {"0.000000000000001", 1e-15, 0.5e-15, 1.5e-15},
        {"999999999999999", 1e15 - 1, 1e15 - 1, 1e15 - 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const qst_finding found = compare("", cases[k].text, false, false);
        assert_range(&found, cases[k].value, cases[k].low, cases[k].high);
        assert_int_equal(found.verdict, QST_VERDICT_NONE);
    }
}

/* Cut off, a number lies further from 0 than what is printed; a 0 may have been on either side. */
static void test_what_a_number_cut_off_stands_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value, low, high;
    } cases[] = {{"2.36", 2.36, 2.36, 2.37}, {"-2.36", -2.36, -2.37, -2.36}, {"0.0", 0, -0.1, 0.1},
        {"7", 7, 7, 7}, {"<0.001", 0.001, 0, 0.001}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const qst_finding found = compare("", cases[k].text, true, false);
        assert_range(&found, cases[k].value, cases[k].low, cases[k].high);
    }
}

/* ---- Verdicts ---- */

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *target, *input;
        int32_t verdict;
    } cases[] = {{"2.36", "2.36", QST_VERDICT_EXACT}, {"2.4", "2.36", QST_VERDICT_EXACT},
        {"2.36", "2.4", QST_VERDICT_ROUNDING}, {"2.35", "2.4", QST_VERDICT_ROUNDING},
        {"2.34", "2.4", QST_VERDICT_INCONSISTENT}, {"2.46", "2.4", QST_VERDICT_INCONSISTENT},
        {"2.3", "2.35", QST_VERDICT_EXACT}, {"2.4", "2.35", QST_VERDICT_EXACT},
        {"<0.001", "0.0004", QST_VERDICT_EXACT}, {"<0.001", "0.001", QST_VERDICT_EXACT},
        {"<0.001", "0.0012", QST_VERDICT_INCONSISTENT}, {"<0.05", "<0.1", QST_VERDICT_ROUNDING},
        {">0.9", "0.95", QST_VERDICT_EXACT}, {">0.9", "0.8", QST_VERDICT_INCONSISTENT},
        {"3", "3", QST_VERDICT_EXACT}, {"3", "4", QST_VERDICT_INCONSISTENT},
        {"", "4", QST_VERDICT_NONE}, {"4", "-", QST_VERDICT_NONE}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_int_equal(
            compare(cases[k].target, cases[k].input, false, false).verdict, cases[k].verdict);
    }
}

static void test_numbers_cut_off_have_other_verdicts(void **state)
{
    (void)state;
    assert_int_equal(compare("2.3", "2.39", true, false).verdict, QST_VERDICT_EXACT);
    assert_int_equal(compare("2.3", "2.39", false, false).verdict, QST_VERDICT_INCONSISTENT);
    assert_int_equal(compare("-2.3", "-2.39", true, false).verdict, QST_VERDICT_EXACT);
    assert_int_equal(compare("2.4", "2.38", true, false).verdict, QST_VERDICT_INCONSISTENT);
}

static void test_targets_without_sign(void **state)
{
    (void)state;
    qst_finding found = compare("2.36", "-2.4", false, true);
    assert_range(&found, 2.4, 2.35, 2.45);
    assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
    assert_int_equal(compare("2.36", "-2.4", false, false).verdict, QST_VERDICT_INCONSISTENT);
    found = compare("0.2", "-0.", false, true);
    assert_range(&found, 0, 0, 0.5);
    found = compare("0.2", "0. -0.5", false, true);
    assert_range(&found, 0.5, 0, 1.05);
}

/* Of two uniform errors, one on either side. */
static void test_how_much_rounding_explains(void **state)
{
    (void)state;
    assert_close(compare("2.36", "2.4", false, false).spread, sqrt((1e-4 + 1e-2) / 12), 1e-12, 0);
    assert_close(compare("3", "3", false, false).spread, 0, 0, 0);
    assert_true(isnan(compare("2.36", "-", false, false).spread));
    assert_true(isnan(compare("", "2.4", false, false).spread));
}

/* ---- Names ---- */

static void test_names_of_kinds(void **state)
{
    (void)state;
    for (int32_t kind = 0; kind < QST_N_CHECKS; kind++) {
        assert_int_equal(qst_check_kind_of(qst_check_name(kind)), kind);
    }
    assert_string_equal(qst_check_name(QST_CHECK_SUM), "sum");
    assert_null(qst_check_name(-1));
    assert_null(qst_check_name(QST_N_CHECKS));
    assert_int_equal(qst_check_kind_of("son"), -1);
    assert_int_equal(qst_check_kind_of(""), -1);
}

/* Whatever the inputs are, empty ones or too few or all labels, no kind comes to a verdict of its
 * own making, and none reads beyond them. */
static void test_every_kind_survives_any_input(void **state)
{
    (void)state;
    static const int32_t count[4] = {0};
    static const qst_margin margins[] = {{2, 2, NULL}, {2, 2, count}};
    static const qst_printed fill[] = {{0, 0, QST_CELL_EMPTY}, {0, 0, QST_CELL_COUNT},
        {1, 1, QST_CELL_LABEL}, {-7, 1, QST_CELL_NUMBER}, {5, 0, QST_CELL_BELOW},
        {1, 2, QST_CELL_ABOVE}, {999999999, 0, QST_CELL_COUNT}};
    audit_case c;
    for (int32_t kind = 0; kind < QST_N_CHECKS; kind++) {
        for (size_t f = 0; f < sizeof fill / sizeof *fill; f++) {
            for (int n = 0; n <= 12; n++) {
                case_init(&c, kind, "1.0");
                for (int k = 0; k < n; k++) {
                    case_add(&c, fill[f]);
                }
                c.check.n_rows = c.check.n_cols = n >= 4 ? 2 : 0;
                c.tables.margins = margins;
                c.tables.n_margins = 2;
                const qst_finding found = case_audit(&c);
                assert_true(found.verdict == QST_VERDICT_NONE || f > 0 || n == 0);
                assert_true(!(found.low > found.high + 1e-9 * fmax(1, fabs(found.high))));
            }
        }
    }
}

/* ---- Tables that are not valid ---- */

typedef struct {
    qst_printed cells[4];
    qst_check check;
    int32_t inputs[3], count[4];
    qst_margin margin;
    qst_tables tables;
} small;

static void small_init(small *s)
{
    memset(s, 0, sizeof *s);
    s->cells[3] = (qst_printed){1, 0, QST_CELL_LABEL};
    s->check = (qst_check){.kind = QST_CHECK_SUM, .target = 0, .first = 0, .n = 3};
    s->inputs[1] = 1;
    s->inputs[2] = 3;
    s->count[3] = 2;
    s->margin = (qst_margin){2, 2, s->count};
    s->tables = (qst_tables){.n_cells = 4,
        .n_checks = 1,
        .n_inputs = 3,
        .cells = s->cells,
        .checks = &s->check,
        .inputs = s->inputs,
        .margins = &s->margin,
        .n_margins = 1};
}

static void assert_refused(const small *s, const char *text, ptrdiff_t row)
{
    qst_finding finding;
    qst_err err = {0};
    assert_status(qst_audit(NULL, &s->tables, &finding, &err), QST_EARGUMENT, &err);
    assert_text(&err, text);
    assert_int_equal(err.row, row);
}

#define REFUSES(change, text, row)                                                                 \
    do {                                                                                           \
        small s;                                                                                   \
        small_init(&s);                                                                            \
        change;                                                                                    \
        assert_refused(&s, text, row);                                                             \
    } while (0)

static void test_tables_that_are_not_valid(void **state)
{
    (void)state;
    small valid;
    qst_finding finding;
    small_init(&valid);
    assert_status(qst_audit(NULL, &valid.tables, &finding, NULL), QST_OK, NULL);

    REFUSES(s.cells[2].kind = -1, "cell 3 of the printed tables is not valid", 2);
    REFUSES(s.cells[2].kind = QST_CELL_EMPTY + 1, "cell 3", 2);
    REFUSES(s.cells[1].decimals = -1, "cell 2", 1);
    REFUSES(s.cells[1].decimals = 16, "cell 2", 1);
    REFUSES(s.cells[1].digits = 1000000000000000, "cell 2", 1);
    REFUSES(s.cells[1].digits = INT64_MIN, "cell 2", 1);
    REFUSES(s.cells[3].decimals = 1, "cell 4", 3);
    REFUSES(s.cells[3].digits = 2, "cell 4", 3);
    REFUSES(s.cells[3].digits = -1, "cell 4", 3);
    REFUSES(s.inputs[2] = 4, "input 3", 2);
    REFUSES(s.inputs[1] = -1, "input 2", 1);
    REFUSES(s.check.kind = QST_N_CHECKS, "check 1", 0);
    REFUSES(s.check.kind = -1, "check 1", 0);
    REFUSES(s.check.target = 4, "check 1", 0);
    REFUSES(s.check.target = -1, "check 1", 0);
    REFUSES(s.check.first = -1, "check 1", 0);
    REFUSES(s.check.first = 1, "check 1", 0);
    REFUSES(s.check.n = -1, "check 1", 0);
    REFUSES((s.check.first = INT32_MAX, s.check.n = INT32_MAX), "check 1", 0);
    REFUSES((s.check.n_rows = 2, s.check.n_cols = 2), "check 1", 0);
    REFUSES((s.check.n_rows = -1, s.check.n_cols = -1), "check 1", 0);
    REFUSES((s.check.n_rows = INT32_MAX, s.check.n_cols = INT32_MAX), "check 1", 0);
    REFUSES(s.margin.n_levels = 0, "margin 1", 0);
    REFUSES(s.margin.n_columns = 0, "margin 1", 0);
    REFUSES((s.margin.count = NULL, s.margin.n_levels = 3), "margin 1", 0);
    REFUSES(s.count[3] = 4, "margin 1", 0);
}

static void test_no_tables(void **state)
{
    (void)state;
    const qst_tables nothing = {0};
    qst_finding finding;
    assert_status(qst_audit(NULL, &nothing, &finding, NULL), QST_OK, NULL);
}

/* ---- Many checks: stopped on the way, without memory ---- */

enum { N_MANY = 300 };

typedef struct {
    qst_tables tables;
    qst_finding *findings;
} run_data;

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    const run_data *r = data;
    return qst_audit(ctx, &r->tables, r->findings, err);
}

static void test_many_checks(void **state)
{
    (void)state;
    static qst_check checks[N_MANY];
    static qst_finding findings[N_MANY];
    small s;
    small_init(&s);
    for (int k = 0; k < N_MANY; k++) {
        checks[k] = s.check;
        checks[k].n = 2;
    }
    run_data data = {s.tables, findings};
    data.tables.checks = checks;
    data.tables.n_checks = N_MANY;
    assert_cancels(run, &data, 1);
    assert_int_equal(assert_survives_no_memory(run, &data), 0);
    for (int k = 0; k < N_MANY; k++) {
        assert_int_equal(findings[k].verdict, QST_VERDICT_EXACT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_number_stands_for),
        cmocka_unit_test(test_what_a_number_cut_off_stands_for),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_numbers_cut_off_have_other_verdicts),
        cmocka_unit_test(test_targets_without_sign),
        cmocka_unit_test(test_how_much_rounding_explains),
        cmocka_unit_test(test_names_of_kinds),
        cmocka_unit_test(test_every_kind_survives_any_input),
        cmocka_unit_test(test_tables_that_are_not_valid),
        cmocka_unit_test(test_no_tables),
        cmocka_unit_test(test_many_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
