/* Several groups against a slow second opinion: random points of the box, and a climb from the best
 * of them. */
#include "audit_case.h"

#define MAX_K 24

typedef struct {
    int k;
    double n[MAX_K], low[2 * MAX_K], high[2 * MAX_K]; /* means, then SDs */
} box;

typedef double figure(const box *b, const double *x);

static double total(const box *b)
{
    double n = 0.0;
    for (int i = 0; i < b->k; i++) {
        n += b->n[i];
    }
    return n;
}

static double grand_mean(const box *b, const double *x)
{
    double sum = 0.0;
    for (int i = 0; i < b->k; i++) {
        sum += b->n[i] * x[i];
    }
    return sum / total(b);
}

static double between(const box *b, const double *x)
{
    const double mean = grand_mean(b, x);
    double squares = 0.0;
    for (int i = 0; i < b->k; i++) {
        squares += b->n[i] * (x[i] - mean) * (x[i] - mean);
    }
    return squares;
}

static double within(const box *b, const double *x)
{
    double squares = 0.0;
    for (int i = 0; i < b->k; i++) {
        squares += (b->n[i] - 1.0) * x[b->k + i] * x[b->k + i];
    }
    return squares;
}

static double anova(const box *b, const double *x)
{
    return between(b, x) / (b->k - 1) / (within(b, x) / (total(b) - b->k));
}

static double anova_p(const box *b, const double *x)
{
    return qst_tail_f(anova(b, x), b->k - 1, total(b) - b->k);
}

static double pooled_sd(const box *b, const double *x)
{
    return sqrt((between(b, x) + within(b, x)) / (total(b) - 1.0));
}

/* Groups whose means lie `apart` units of the last digit from one another. */
static void random_groups(audit_case *c, box *b, int k, int decimals, double apart, uint64_t *seed)
{
    case_start(c);
    b->k = k;
    for (int i = 0; i < k; i++) {
        b->n[i] = floor(2.0 + 60.0 * test_uniform(seed));
        const double unit = pow(10.0, -decimals);
        case_input(c, case_count(c, (int64_t)b->n[i]));
        case_input(c, case_rounded(c, 5.0 + apart * unit * test_uniform(seed), decimals));
        case_input(c, case_rounded(c, 1.0 + 3.0 * test_uniform(seed), decimals));
        for (int j = 0; j < 2; j++) {
            const int cell = c->inputs[3 * i + 1 + j];
            const qst__interval x = qst__printed_interval(&c->cells[cell], false);
            b->low[j * k + i] = x.low;
            b->high[j * k + i] = x.high;
        }
    }
}

/* The most of sign * figure: from a random point one coordinate at a time to the best of 5 places,
 * until nothing gets better. */
static double climb(const box *b, figure *of, double sign, uint64_t *seed)
{
    double x[2 * MAX_K];
    for (int i = 0; i < 2 * b->k; i++) {
        x[i] = b->low[i] + (b->high[i] - b->low[i]) * test_uniform(seed);
    }
    double best = sign * of(b, x);
    for (int round = 0; round < 60; round++) {
        const double before = best;
        for (int i = 0; i < 2 * b->k; i++) {
            const double old = x[i], step = 0.25 * pow(0.8, round) * (b->high[i] - b->low[i]);
            const double places[] = {
                b->low[i], b->high[i], fmax(old - step, b->low[i]), fmin(old + step, b->high[i])};
            double kept = old;
            for (int j = 0; j < 4; j++) {
                x[i] = places[j];
                if (sign * of(b, x) > best) {
                    best = sign * of(b, x);
                    kept = places[j];
                }
            }
            x[i] = kept;
        }
        if (best <= before && round > 30) {
            break;
        }
    }
    return best;
}

static void assert_box(audit_case *c, const box *b, qst_check_kind kind, figure *of, uint64_t *seed)
{
    const double none[3] = {0.0, 0.0, 0.0};
    const qst_finding found = case_audit(c, kind, 0, 0, none, false);
    double most = -(double)INFINITY, least = -(double)INFINITY;
    for (int start = 0; start < 12; start++) {
        most = fmax(most, climb(b, of, 1.0, seed));
        least = fmax(least, climb(b, of, -1.0, seed));
    }
    assert_true(found.low <= -least + 1e-9 && found.high >= most - 1e-9);
    assert_close(found.low, -least, 1e-3, 1e-4);
    assert_close(found.high, most, 1e-6, 1e-9);
}

static void ranges_are_the_boxes(void **state)
{
    (void)state;
    static const double aparts[] = {0.5, 1.5, 4.0, 30.0};
    uint64_t seed = 3;
    for (int trial = 0; trial < 24; trial++) {
        audit_case c;
        box b;
        random_groups(&c, &b, 2 + trial % 4, 1, aparts[trial % 4 ^ trial / 4 % 4], &seed);
        assert_box(&c, &b, QST_CHECK_ANOVA, anova, &seed);
        assert_box(&c, &b, QST_CHECK_ANOVA_P, anova_p, &seed);
        assert_box(&c, &b, QST_CHECK_POOLED_SD, pooled_sd, &seed);
    }
}

/* So many groups of one printed mean that not every corner is tried: a bound, hardly too wide. */
static void many_groups_are_bounded(void **state)
{
    (void)state;
    uint64_t seed = 5;
    audit_case c;
    box b;
    random_groups(&c, &b, MAX_K, 1, 0.5, &seed);
    const double none[3] = {0.0, 0.0, 0.0};
    const qst_finding found = case_audit(&c, QST_CHECK_ANOVA, 0, 0, none, false);
    double most = 0.0;
    for (int start = 0; start < 20; start++) {
        most = fmax(most, climb(&b, anova, 1.0, &seed));
    }
    assert_true(found.high >= most);
    assert_close(found.high, most, 1e-2, 0);
    assert_close(found.low, 0.0, 0, 0);
}

/* Lemogne et al. (2020): baseline by arm and change by absences, with the ranges that rounding
 * leaves. */
static void published_f_are_found(void **state)
{
    (void)state;
    static const char *const baseline[] = {
        "117", "110.1", "11.9", "125", "111.0", "9.1", "120", "110.7", "9.3"};
    static const char *const change[] = {
        "69", "0.88", "7.67", "42", "0.15", "8.42", "14", "-2.41", "8.28"};
    const double none[3] = {0.0, 0.0, 0.0};
    for (int which = 0; which < 2; which++) {
        audit_case c;
        case_start(&c);
        for (int k = 0; k < 9; k++) {
            const char *text = which == 0 ? baseline[k] : change[k];
            case_input(&c, k % 3 == 0 ? case_count(&c, atoi(text)) : case_number(&c, text));
        }
        const int32_t target = case_number(&c, which == 0 ? "0.277" : "0.993");
        const qst_finding found = case_audit(&c, QST_CHECK_ANOVA, target, 0, none, false);
        assert_int_equal(found.verdict, QST_VERDICT_ROUNDING);
        assert_close(found.value, which == 0 ? 0.2447 : 0.9921, 0, 5e-5);
        assert_close(found.low, which == 0 ? 0.189 : 0.984, 0, 5e-4);
        assert_close(found.high, which == 0 ? 0.309 : 1.000, 0, 5e-4);
        const qst_finding p = case_audit(&c, QST_CHECK_ANOVA_P, 0, 0, none, false);
        assert_close(p.value, which == 0 ? 0.7831 : 0.3738, 0, 5e-5);
    }
}

/* Strata of Lemogne et al. (2020) give the arm's figures; the SDs' ranges are those of the data. */
static void strata_make_totals(void **state)
{
    (void)state;
    static const char *const strata[] = {"75", "111.8", "11.8", "42", "107.0", "11.5"};
    const double none[3] = {0.0, 0.0, 0.0};
    audit_case c;
    case_start(&c);
    for (int k = 0; k < 6; k++) {
        case_input(&c, k % 3 == 0 ? case_count(&c, atoi(strata[k])) : case_number(&c, strata[k]));
    }
    const int32_t mean = case_number(&c, "110.1"), sd = case_number(&c, "11.9");
    const qst_finding means = case_audit(&c, QST_CHECK_POOLED_MEAN, mean, 0, none, false);
    assert_int_equal(means.verdict, QST_VERDICT_EXACT);
    assert_close(means.value, (75 * 111.8 + 42 * 107.0) / 117, 1e-12, 0);
    assert_close(means.high - means.low, 0.1, 1e-9, 0);
    const qst_finding sds = case_audit(&c, QST_CHECK_POOLED_SD, sd, 0, none, false);
    assert_int_equal(sds.verdict, QST_VERDICT_EXACT);
    c.inputs[2] = 0; /* a mean needs no SDs */
    c.inputs[5] = 0;
    assert_int_equal(
        case_audit(&c, QST_CHECK_POOLED_MEAN, mean, 0, none, false).verdict, QST_VERDICT_EXACT);
    assert_int_equal(
        case_audit(&c, QST_CHECK_POOLED_SD, sd, 0, none, false).verdict, QST_VERDICT_NONE);
}

static void nonsense_has_no_verdict(void **state)
{
    (void)state;
    static const qst_check_kind kinds[] = {
        QST_CHECK_ANOVA, QST_CHECK_ANOVA_P, QST_CHECK_POOLED_MEAN, QST_CHECK_POOLED_SD};
    const double none[3] = {0.0, 0.0, 0.0};
    uint64_t seed = 1;
    for (int k = 0; k < 4; k++) {
        audit_case c;
        box b;
        case_start(&c);
        const int32_t target = case_number(&c, "1.0");
        assert_int_equal(
            case_audit(&c, kinds[k], target, 0, none, false).verdict, QST_VERDICT_NONE);
        random_groups(&c, &b, 3, 1, 3.0, &seed);
        c.n_inputs = 3;
        assert_int_equal(case_audit(&c, kinds[k], 1, 0, none, false).verdict, QST_VERDICT_NONE);
        c.n_inputs = 9;
        c.inputs[4] = 0;
        assert_int_equal(case_audit(&c, kinds[k], 1, 0, none, false).verdict, QST_VERDICT_NONE);
        c.inputs[0] = case_count(&c, 0);
        assert_int_equal(case_audit(&c, kinds[k], 1, 0, none, false).verdict, QST_VERDICT_NONE);
        c.n_inputs = 3 * 65;
        assert_int_equal(case_audit(&c, kinds[k], 1, 0, none, false).verdict, QST_VERDICT_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_the_boxes),
        cmocka_unit_test(many_groups_are_bounded),
        cmocka_unit_test(published_f_are_found),
        cmocka_unit_test(strata_make_totals),
        cmocka_unit_test(nonsense_has_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
