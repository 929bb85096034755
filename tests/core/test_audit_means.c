/* Two groups against a slow second opinion: every corner of the box of means and SDs, and a grid in
 * it. */
#include "audit_case.h"

#define STEPS 5 /* along each of four axes; odd, so that the middle is one */

typedef struct {
    double n_a, n_b, mean_a, sd_a, mean_b, sd_b;
} point;

typedef double figure(const point *p, const double par[3]);

static double pooled_error(const point *p)
{
    const double df = p->n_a + p->n_b - 2.0;
    const double v = ((p->n_a - 1) * p->sd_a * p->sd_a + (p->n_b - 1) * p->sd_b * p->sd_b) / df;
    return sqrt(v / p->n_a + v / p->n_b);
}

static double welch_error(const point *p)
{
    return sqrt(p->sd_a * p->sd_a / p->n_a + p->sd_b * p->sd_b / p->n_b);
}

static double welch_df(const point *p, const double par[3])
{
    (void)par;
    const double a = p->sd_a * p->sd_a / p->n_a, b = p->sd_b * p->sd_b / p->n_b;
    return (a + b) * (a + b) / (a * a / (p->n_a - 1.0) + b * b / (p->n_b - 1.0));
}

static double student(const point *p, const double par[3])
{
    (void)par;
    return (p->mean_a - p->mean_b) / pooled_error(p);
}

static double student_p(const point *p, const double par[3])
{
    return qst_tail_t(student(p, par), p->n_a + p->n_b - 2.0);
}

static double student_limit(const point *p, const double par[3])
{
    const double q = qst_tail_t_quantile(1.0 - par[0], p->n_a + p->n_b - 2.0);
    return p->mean_a - p->mean_b + par[1] * q * pooled_error(p);
}

static double welch(const point *p, const double par[3])
{
    (void)par;
    return (p->mean_a - p->mean_b) / welch_error(p);
}

static double welch_p(const point *p, const double par[3])
{
    return qst_tail_t(welch(p, par), welch_df(p, par));
}

static double welch_limit(const point *p, const double par[3])
{
    const double q = qst_tail_t_quantile(1.0 - par[0], welch_df(p, par));
    return p->mean_a - p->mean_b + par[1] * q * welch_error(p);
}

/* n, mean and SD of two groups as printed, and an empty target. */
static void print_groups(audit_case *c, const char *const text[6])
{
    case_start(c);
    for (int k = 0; k < 6; k++) {
        case_input(c, k % 3 == 0 ? case_count(c, atoi(text[k])) : case_number(c, text[k]));
    }
}

static double along(const audit_case *c, int input, int step)
{
    const qst__interval x = qst__printed_interval(&c->cells[c->inputs[input]], false);
    return x.low + (x.high - x.low) * step / (STEPS - 1);
}

static point point_at(const audit_case *c, int number)
{
    int at[4];
    for (int k = 0; k < 4; k++) {
        at[k] = number % STEPS;
        number /= STEPS;
    }
    return (point){along(c, 0, 0), along(c, 3, 0), along(c, 1, at[0]), along(c, 2, at[1]),
        along(c, 4, at[2]), along(c, 5, at[3])};
}

static void assert_box(
    const audit_case *c, qst_check_kind kind, figure *of, const double par[3], double slack)
{
    const qst_finding found = case_audit(c, kind, 0, 0, par, false);
    double low = (double)INFINITY, high = -(double)INFINITY;
    for (int number = 0; number < STEPS * STEPS * STEPS * STEPS; number++) {
        const point p = point_at(c, number);
        low = fmin(low, of(&p, par));
        high = fmax(high, of(&p, par));
    }
    const point middle = point_at(c, (STEPS * STEPS * STEPS * STEPS) / 2);
    const double hair = 1e-9 * fmax(fabs(low), fabs(high));
    assert_close(found.value, of(&middle, par), 1e-9, 0);
    assert_true(found.low <= low + hair && found.high >= high - hair);
    assert_close(found.low, low, 1e-9, slack * (high - low));
    assert_close(found.high, high, 1e-9, slack * (high - low));
    assert_int_equal(found.verdict, QST_VERDICT_NONE);
}

static const char *const groups[][6] = {
    {"125", "0.27", "8.00", "117", "-2.36", "11.41"},
    {"40", "5.1", "1.2", "55", "5.1", "2.9"},
    {"31", "-3", "2", "28", "-4", "3"},
    {"300", "0.001", "0.020", "21", "0.004", "0.021"},
};

static void ranges_are_the_boxes(void **state)
{
    (void)state;
    const double lower[3] = {0.95, -1.0, 0.0}, upper[3] = {0.9, 1.0, 0.0};
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
        audit_case c;
        print_groups(&c, groups[k]);
        assert_box(&c, QST_CHECK_STUDENT, student, lower, 0.0);
        assert_box(&c, QST_CHECK_STUDENT_P, student_p, lower, 0.0);
        assert_box(&c, QST_CHECK_STUDENT_LIMIT, student_limit, lower, 0.0);
        assert_box(&c, QST_CHECK_STUDENT_LIMIT, student_limit, upper, 0.0);
        assert_box(&c, QST_CHECK_WELCH, welch, lower, 0.0);
        assert_box(&c, QST_CHECK_WELCH_P, welch_p, lower, 0.0);
        assert_box(&c, QST_CHECK_WELCH_LIMIT, welch_limit, lower, 0.0);
        assert_box(&c, QST_CHECK_WELCH_LIMIT, welch_limit, upper, 0.0);
    }
}

/* Its top may lie between the points of the grid. */
static void welch_df_is_the_box(void **state)
{
    (void)state;
    const double none[3] = {0.0, 0.0, 0.0};
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
        audit_case c;
        print_groups(&c, groups[k]);
        const int32_t target = case_number(&c, "1.0");
        const qst_finding found = case_audit(&c, QST_CHECK_WELCH_DF, target, 0, none, false);
        double low = (double)INFINITY, high = 0.0;
        for (int i = 0; i <= 400; i++) {
            point p = point_at(&c, 0);
            const qst__interval a = qst__printed_interval(&c.cells[c.inputs[2]], false);
            const qst__interval b = qst__printed_interval(&c.cells[c.inputs[5]], false);
            p.sd_a = i < 200 ? a.low + (a.high - a.low) * i / 199 : a.high;
            p.sd_b = i < 200 ? b.high : b.high - (b.high - b.low) * (i - 200) / 200;
            low = fmin(low, welch_df(&p, none));
            high = fmax(high, welch_df(&p, none));
        }
        assert_close(found.low, low, 1e-12, 0);
        assert_close(found.high, high, 1e-4, 0);
        assert_true(found.high >= high * (1 - 1e-12));
    }
}

/* So few people that t's quantile weighs more than the error: bounds, not exact, but never short.
 */
static void tiny_groups_are_bounded(void **state)
{
    (void)state;
    const char *const tiny[6] = {"2", "1.5", "0.2", "3", "0.5", "0.4"};
    const double par[3] = {0.95, 1.0, 0.0};
    audit_case c;
    print_groups(&c, tiny);
    const qst_finding p_value = case_audit(&c, QST_CHECK_WELCH_P, 0, 0, par, false);
    const qst_finding limit = case_audit(&c, QST_CHECK_WELCH_LIMIT, 0, 0, par, false);
    for (int number = 0; number < STEPS * STEPS * STEPS * STEPS; number++) {
        const point p = point_at(&c, number);
        assert_true(welch_p(&p, par) >= p_value.low && welch_p(&p, par) <= p_value.high);
        assert_true(welch_limit(&p, par) >= limit.low && welch_limit(&p, par) <= limit.high);
    }
}

/* Lemogne et al. (2020): t and limits of three contrasts, and what is no longer t. */
static void published_contrasts_are_found(void **state)
{
    (void)state;
    const double par[3] = {0.95, -1.0, 0.0};
    audit_case c;
    print_groups(&c, groups[0]);
    const int32_t right = case_number(&c, "2.086"), wrong = case_number(&c, "2.098");
    const int32_t negative = case_number(&c, "-2.086"), limit = case_number(&c, "0.15");
    const qst_finding t = case_audit(&c, QST_CHECK_STUDENT, right, 0, par, false);
    assert_int_equal(t.verdict, QST_VERDICT_ROUNDING);
    assert_close(t.value, 2.0868, 1e-4, 0);
    assert_int_equal(
        case_audit(&c, QST_CHECK_STUDENT, wrong, 0, par, false).verdict, QST_VERDICT_INCONSISTENT);
    assert_int_equal(case_audit(&c, QST_CHECK_STUDENT, negative, 0, par, false).verdict,
        QST_VERDICT_INCONSISTENT);
    assert_int_equal(
        case_audit(&c, QST_CHECK_STUDENT_LIMIT, limit, 0, par, false).verdict, QST_VERDICT_EXACT);
}

/* A printed difference narrows the centre; one that the means exclude takes their place. */
static void a_printed_difference_counts(void **state)
{
    (void)state;
    const double par[3] = {0.95, -1.0, 0.0};
    audit_case c;
    print_groups(&c, groups[1]);
    const qst_finding wide = case_audit(&c, QST_CHECK_STUDENT, 0, 0, par, false);
    case_input(&c, case_number(&c, "0.06"));
    const qst_finding narrow = case_audit(&c, QST_CHECK_STUDENT, 0, 0, par, false);
    assert_true(narrow.low > wide.low && narrow.high < wide.high);
    assert_close(narrow.high / wide.high, 0.065 / 0.1, 1e-9, 0);
    c.inputs[6] = case_number(&c, "3.00");
    const qst_finding moved = case_audit(&c, QST_CHECK_STUDENT, 0, 0, par, false);
    assert_true(moved.low > wide.high);
    assert_close(moved.high / wide.high, 3.005 / 0.1, 1e-9, 0);
}

/* A df without decimals may be rounded or cut off. */
static void welch_df_may_be_cut_off(void **state)
{
    (void)state;
    const double none[3] = {0.0, 0.0, 0.0};
    const char *const text[] = {"206", "207", "206.4", "205", "208"};
    static const int want[] = {true, true, true, false, false};
    for (int k = 0; k < 5; k++) {
        audit_case c;
        print_groups(&c, groups[0]);
        const int32_t target = case_number(&c, text[k]);
        const qst_finding found = case_audit(&c, QST_CHECK_WELCH_DF, target, 0, none, false);
        assert_int_equal(found.verdict != QST_VERDICT_INCONSISTENT, want[k]);
    }
}

static void measurement_error_is_exact(void **state)
{
    (void)state;
    const double none[3] = {0.0, 0.0, 0.0};
    audit_case c;
    case_start(&c);
    case_input(&c, case_number(&c, "10.15"));
    case_input(&c, case_number(&c, "0.77"));
    const qst_finding found = case_audit(&c, QST_CHECK_SEM, 0, 0, none, false);
    assert_close(found.value, 10.15 * sqrt(0.23), 1e-12, 0);
    assert_close(found.low, 10.145 * sqrt(0.225), 1e-12, 0);
    assert_close(found.high, 10.155 * sqrt(0.235), 1e-12, 0);
    c.inputs[1] = case_number(&c, "1.20");
    assert_int_equal(case_audit(&c, QST_CHECK_SEM, case_number(&c, "1"), 0, none, false).verdict,
        QST_VERDICT_NONE);
}

static void degrees_of_freedom_are_counted(void **state)
{
    (void)state;
    const double par[3] = {-2.0, 0.0, 0.0};
    audit_case c;
    case_start(&c);
    case_input(&c, case_count(&c, 125));
    case_input(&c, case_count(&c, 117));
    assert_int_equal(case_audit(&c, QST_CHECK_DF, case_count(&c, 240), 0, par, false).verdict,
        QST_VERDICT_EXACT);
    assert_int_equal(case_audit(&c, QST_CHECK_DF, case_count(&c, 241), 0, par, false).verdict,
        QST_VERDICT_INCONSISTENT);
}

static const qst_check_kind two_group_kinds[] = {QST_CHECK_STUDENT, QST_CHECK_STUDENT_P,
    QST_CHECK_STUDENT_LIMIT, QST_CHECK_WELCH, QST_CHECK_WELCH_P, QST_CHECK_WELCH_LIMIT,
    QST_CHECK_WELCH_DF, QST_CHECK_SEM};

static void assert_no_verdict(audit_case *c)
{
    const double par[3] = {0.95, -1.0, 0.0};
    const int32_t target = case_number(c, "1.0");
    for (size_t k = 0; k < sizeof two_group_kinds / sizeof *two_group_kinds; k++) {
        const qst_finding found = case_audit(c, two_group_kinds[k], target, 0, par, false);
        assert_int_equal(found.verdict, QST_VERDICT_NONE);
    }
}

/* Inputs that are empty, too few, of one person, without any spread. */
static void nonsense_has_no_verdict(void **state)
{
    (void)state;
    audit_case c;
    case_start(&c);
    assert_no_verdict(&c);
    for (int k = 0; k < 6; k++) {
        case_input(&c, 0);
    }
    assert_no_verdict(&c);
    print_groups(&c, groups[1]);
    c.inputs[2] = 0;
    assert_no_verdict(&c);
    const char *const alone[6] = {"1", "2.0", "", "1", "2.0", ""};
    print_groups(&c, alone);
    for (int k = 2; k < 6; k += 3) {
        c.cells[c.inputs[k]].kind = QST_CELL_EMPTY;
    }
    c.n_inputs = 6;
    const double par[3] = {0.95, -1.0, 0.0};
    assert_int_equal(
        case_audit(&c, QST_CHECK_STUDENT, case_number(&c, "1.0"), 0, par, false).verdict,
        QST_VERDICT_NONE);
    const char *const constant[6] = {"9", "2.0", "0.0", "9", "3.0", "0.0"};
    print_groups(&c, constant);
    const int32_t target = case_number(&c, "-50.0");
    assert_int_equal(
        case_audit(&c, QST_CHECK_STUDENT, target, 0, par, false).verdict, QST_VERDICT_ROUNDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_the_boxes),
        cmocka_unit_test(welch_df_is_the_box),
        cmocka_unit_test(tiny_groups_are_bounded),
        cmocka_unit_test(published_contrasts_are_found),
        cmocka_unit_test(a_printed_difference_counts),
        cmocka_unit_test(welch_df_may_be_cut_off),
        cmocka_unit_test(measurement_error_is_exact),
        cmocka_unit_test(degrees_of_freedom_are_counted),
        cmocka_unit_test(nonsense_has_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
