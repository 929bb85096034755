/* Rows of regression tables against a slow second opinion: the box of estimate and error in many
 * small steps. */
#include "audit_case.h"

enum { B, S, LOW, HIGH, T, P, N };

static const qst_check_kind kinds[N] = {QST_N_CHECKS, QST_N_CHECKS, QST_CHECK_ROW_LOW,
    QST_CHECK_ROW_HIGH, QST_CHECK_ROW_STATISTIC, QST_CHECK_ROW_P};

typedef struct {
    audit_case tables;
    int32_t cell[N];
    double par[3];
} row;

static void start(row *r, double q, double df, int flags)
{
    case_start(&r->tables);
    memset(r->cell, 0, sizeof r->cell);
    r->par[0] = q;
    r->par[1] = df;
    r->par[2] = flags;
}

/* Figures as printed, NULL where none is. */
static void print_row(row *r, const char *const text[N])
{
    for (int k = 0; k < N; k++) {
        r->cell[k] = text[k] == NULL ? 0 : case_number(&r->tables, text[k]);
    }
}

/* A figure from those before it. */
static qst_finding recompute(row *r, int figure, bool is_unsigned)
{
    const int32_t first = r->tables.n_inputs;
    for (int k = 0; k < P; k++) {
        case_input(&r->tables, k < figure ? r->cell[k] : 0);
    }
    return case_audit(
        &r->tables, kinds[figure], r->cell[figure], first, r->par, is_unsigned && figure == T);
}

static void assert_verdict(row *r, int figure, int32_t verdict)
{
    assert_int_equal(recompute(r, figure, false).verdict, verdict);
}

static double figure_of(int figure, double b, double s, const row *r)
{
    switch (figure) {
    case LOW:
        return b - r->par[0] * s;
    case HIGH:
        return b + r->par[0] * s;
    case T:
        return b / s;
    default:
        return qst_tail_t(b / s, r->par[1]);
    }
}

static bool is_allowed(const row *r, int figure, double b, double s)
{
    for (int k = LOW; k < figure; k++) {
        const qst__interval x = qst__printed_interval(&r->tables.cells[r->cell[k]], false);
        const double own = figure_of(k, b, s, r);
        if (own < x.low || own > x.high) {
            return false;
        }
    }
    return true;
}

#define STEPS 200

/* Nothing allowed lies beyond the range, and its ends are near something allowed. */
static void assert_exact_range(row *r, int figure)
{
    const qst__interval b = qst__printed_interval(&r->tables.cells[r->cell[B]], false);
    const qst__interval s = qst__printed_interval(&r->tables.cells[r->cell[S]], false);
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int i = 0; i <= STEPS; i++) {
        for (int j = 0; j <= STEPS; j++) {
            const double b_i = b.low + (b.high - b.low) * i / STEPS;
            const double s_j = s.low + (s.high - s.low) * j / STEPS;
            if (is_allowed(r, figure, b_i, s_j)) {
                low = fmin(low, figure_of(figure, b_i, s_j, r));
                high = fmax(high, figure_of(figure, b_i, s_j, r));
            }
        }
    }
    const qst_finding found = recompute(r, figure, false);
    if (low <= high) {
        const double near = 0.05 * (high - low) + 1e-9;
        assert_true(found.low <= low + 1e-9 && found.high >= high - 1e-9);
        assert_true(found.low >= low - near && found.high <= high + near);
    }
}

static void print_true(row *r, double b, double s, int decimals)
{
    for (int k = 0; k < N; k++) {
        const double x = k == B ? b : k == S ? s : figure_of(k, b, s, r);
        r->cell[k] = case_rounded(&r->tables, x, k == P ? 3 : decimals);
    }
}

static void test_ranges_are_exact(void **state)
{
    (void)state;
    uint64_t stream = 1;
    row r;
    for (int k = 0; k < 12; k++) {
        start(&r, 1.98, 100, 0);
        print_true(&r, 3.0 * test_normal(&stream), 0.4 + test_uniform(&stream), 1 + k % 3);
        for (int figure = LOW; figure < T; figure++) {
            assert_exact_range(&r, figure);
        }
        assert_exact_range(&r, T);
    }
}

/* P has two sources, its statistic and the others: what both allow. */
static void test_p_is_exact(void **state)
{
    (void)state;
    row r;
    start(&r, 1.9667, 353, 0);
    print_row(&r, (const char *const[N]){"2.673", "1.228", NULL, NULL, "2.18", "0.030"});
    const qst_finding found = recompute(&r, P, false);
    assert_int_equal(found.verdict, QST_VERDICT_EXACT);
    assert_close(found.low, qst_tail_t(2.6735 / 1.2275, 353), 1e-12, 0);
    assert_close(found.high, qst_tail_t(2.6725 / 1.2285, 353), 1e-12, 0);
    print_row(&r, (const char *const[N]){NULL, NULL, NULL, NULL, "2.18", "0.030"});
    assert_close(recompute(&r, P, false).low, qst_tail_t(2.185, 353), 1e-12, 0);
    print_row(&r, (const char *const[N]){"2.673", "1.228", NULL, NULL, "3.18", "0.002"});
    assert_close(recompute(&r, P, false).high, qst_tail_t(3.175, 353), 1e-12, 0);
}

/* Rounded rows, of ratios too and with what is usual not to be printed, contradict nothing. */
static void test_rounded_rows_hold(void **state)
{
    (void)state;
    uint64_t stream = 7;
    for (int k = 0; k < 4000; k++) {
        row r;
        const bool is_ratio = k % 2 == 1, is_square = k % 3 == 0;
        const double df =
            k % 5 == 0 ? (double)INFINITY : 5.0 + floor(200.0 * test_uniform(&stream));
        start(&r, qst_tail_t_quantile(0.05, fmin(df, 1e9)), df, is_ratio + 4 * is_square);
        const double b = (k % 7 == 0 ? 0.01 : 1.0) * test_normal(&stream);
        const double s = 0.02 + test_uniform(&stream);
        print_true(&r, b, s, k % 4);
        for (int figure = LOW; figure < T; figure++) {
            const double x = figure_of(figure, b, s, &r);
            r.cell[figure] = case_rounded(&r.tables, is_ratio ? exp(x) : x, k % 4);
        }
        if (is_ratio) {
            r.cell[B] = case_rounded(&r.tables, exp(b), k % 4);
        }
        const double t = is_square ? b / s * b / s : fabs(b / s);
        r.cell[T] = case_rounded(&r.tables, t, 2);
        r.cell[S] = k % 11 < 5 ? 0 : r.cell[S];
        r.cell[HIGH] = k % 13 == 0 ? 0 : r.cell[HIGH];
        r.cell[T] = k % 17 < 5 ? 0 : r.cell[T];
        for (int figure = LOW; figure < N; figure++) {
            assert_int_not_equal(recompute(&r, figure, true).verdict, QST_VERDICT_INCONSISTENT);
        }
    }
}

/* An error of the ratio is the ratio times the logarithm's: 1.50 (0.30), z = log(1.5) / 0.2. */
static void test_errors_of_ratios(void **state)
{
    (void)state;
    row r;
    start(&r, 1.959964, (double)INFINITY, 1 + 2);
    print_row(&r, (const char *const[N]){"1.500", "0.300", "1.014", "2.220", "2.027", "0.043"});
    for (int figure = LOW; figure < N; figure++) {
        assert_int_not_equal(recompute(&r, figure, false).verdict, QST_VERDICT_INCONSISTENT);
    }
    r.par[2] = 1;
    assert_verdict(&r, LOW, QST_VERDICT_INCONSISTENT);
}

/* An estimate that is wrong contradicts what follows from it, and nothing that does not. */
static void test_misprints(void **state)
{
    (void)state;
    row r;
    start(&r, 1.96671, 353, 0);
    print_row(&r, (const char *const[N]){"2.763", "1.228", "0.258", "5.088", "2.176", "0.030"});
    assert_verdict(&r, LOW, QST_VERDICT_INCONSISTENT);
    assert_verdict(&r, HIGH, QST_VERDICT_INCONSISTENT);
    assert_verdict(&r, T, QST_VERDICT_INCONSISTENT);
    assert_verdict(&r, P, QST_VERDICT_EXACT);
    /* Each pair of figures agrees, all together do not: 2 b = low + high leaves no room. */
    start(&r, 2.0, 60, 0);
    print_row(&r, (const char *const[N]){"1.0", NULL, "0.8", "1.5", NULL, NULL});
    assert_verdict(&r, HIGH, QST_VERDICT_INCONSISTENT);
}

static void test_about_zero(void **state)
{
    (void)state;
    row r;
    start(&r, 2.0, 60, 0);
    print_row(&r, (const char *const[N]){"0.0", "0.0", "-0.1", NULL, "-7.0", "0.001"});
    assert_verdict(&r, LOW, QST_VERDICT_ROUNDING);
    const qst_finding found = recompute(&r, T, false);
    assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
    assert_true(isinf(found.low));
    /* A ratio printed as 0.00 has no lower end on the logarithmic scale. */
    start(&r, 2.0, 60, 1);
    print_row(&r, (const char *const[N]){"0.00", "2.0", "0.00", "0.20", NULL, NULL});
    assert_verdict(&r, LOW, QST_VERDICT_EXACT);
    assert_int_not_equal(recompute(&r, HIGH, false).verdict, QST_VERDICT_INCONSISTENT);
}

static void test_too_little(void **state)
{
    (void)state;
    row r;
    start(&r, 2.0, 60, 0);
    print_row(&r, (const char *const[N]){"1.0", NULL, "0.8", NULL, NULL, "0.001"});
    assert_verdict(&r, LOW, QST_VERDICT_NONE);
    assert_verdict(&r, P, QST_VERDICT_INCONSISTENT);
    print_row(&r, (const char *const[N]){"1.0", NULL, NULL, NULL, "2.0", "0.05"});
    assert_verdict(&r, T, QST_VERDICT_NONE);
    print_row(&r, (const char *const[N]){"1.0", NULL, NULL, NULL, NULL, "0.05"});
    assert_verdict(&r, P, QST_VERDICT_NONE);
    const int32_t first = r.tables.n_inputs;
    case_input(&r.tables, r.cell[B]);
    for (int figure = LOW; figure < N; figure++) {
        const qst_finding found =
            case_audit(&r.tables, kinds[figure], r.cell[B], first, r.par, false);
        assert_int_equal(found.verdict, QST_VERDICT_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_exact),
        cmocka_unit_test(test_p_is_exact),
        cmocka_unit_test(test_rounded_rows_hold),
        cmocka_unit_test(test_errors_of_ratios),
        cmocka_unit_test(test_misprints),
        cmocka_unit_test(test_about_zero),
        cmocka_unit_test(test_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
