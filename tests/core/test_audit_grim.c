#include "audit_case.h"

#define MOST 7 /* whole numbers from 0 */

/* All samples of n whole numbers, n digits to the base MOST + 1. */
static void sample_sums(int number, int n, int *sum_out, int *squares_out)
{
    *sum_out = 0;
    *squares_out = 0;
    for (int k = 0; k < n; k++) {
        const int x = number % (MOST + 1);
        number /= MOST + 1;
        *sum_out += x;
        *squares_out += x * x;
    }
}

/* Does a mean and an SD that is not printed exist exactly where a sample has that sum and that sum
 * of squares? SDs so small that no number lies outside 0 .. MOST. */
static void samples_are_all_there_are(void **state)
{
    (void)state;
    static bool has[6][6 * MOST + 1][6 * MOST * MOST + 1];
    for (int n = 2; n <= 5; n++) {
        int samples = 1;
        for (int k = 0; k < n; k++) {
            samples *= MOST + 1;
        }
        for (int number = 0; number < samples; number++) {
            int sum, squares;
            sample_sums(number, n, &sum, &squares);
            has[n][sum][squares] = true;
        }
        for (int sum = 3 * n; sum <= 4 * n; sum++) {
            const double mean = (double)sum / n, far = 3.0 - 1.0 / n;
            const int low = (int)ceil(mean * sum - 1e-9);
            for (int squares = low; squares - mean * sum <= far * far; squares++) {
                const double sd = sqrt(fmax(squares - mean * sum, 0.0) / (n - 1));
                const qst__interval means = {mean - 1e-9, mean + 1e-9};
                const qst__interval sds = {sd - 1e-9, sd + 1e-9};
                double nearest;
                assert_int_equal(qst__grimmer(means, sds, n, 1.0, &nearest), has[n][sum][squares]);
            }
        }
    }
}

typedef struct {
    qst_grim_rows rows;
    int32_t *possible;
} grim_case;

static qst_status run_grim(const qst_ctx *ctx, void *data, qst_err *err)
{
    const grim_case *grim = data;
    return qst_grim(ctx, &grim->rows, grim->possible, err);
}

static void rows_have_answers_or_none(void **state)
{
    (void)state;
    const qst_printed mean[] = {{519, 2, QST_CELL_NUMBER}, {518, 2, QST_CELL_NUMBER},
        {518, 2, QST_CELL_EMPTY}, {518, 2, QST_CELL_NUMBER}, {518, 2, QST_CELL_NUMBER},
        {518, 2, QST_CELL_NUMBER}, {518, 2, QST_CELL_NUMBER}, {-241, 2, QST_CELL_NUMBER},
        {518, 2, QST_CELL_NUMBER}};
    const double nan = (double)NAN;
    const double n[] = {28, 28, 28, 2.5, 0, nan, 2e9, 14, 28};
    const double step[] = {1, 1, 1, 1, 1, 1, 1, 20.0 / 19.0, 0};
    const int32_t want[] = {
        0, 1, QST_NA_INT, QST_NA_INT, QST_NA_INT, QST_NA_INT, QST_NA_INT, 1, QST_NA_INT};
    int32_t possible[9];
    grim_case grim = {{9, mean, NULL, n, step, false}, possible};
    qst_err err;
    qst_err_init(&err);
    assert_status(run_grim(NULL, &grim, &err), QST_OK, &err);
    assert_memory_equal(possible, want, sizeof want);
    grim.rows.n_rows = 0;
    assert_status(run_grim(NULL, &grim, &err), QST_OK, &err);
}

/* Of one person there is no SD. */
static void an_sd_needs_two(void **state)
{
    (void)state;
    const qst_printed mean = {5, 0, QST_CELL_NUMBER}, sd = {0, 0, QST_CELL_NUMBER};
    const double n = 1.0, step = 1.0;
    int32_t possible = 7;
    grim_case grim = {{1, &mean, &sd, &n, &step, false}, &possible};
    qst_err err;
    qst_err_init(&err);
    assert_status(run_grim(NULL, &grim, &err), QST_OK, &err);
    assert_int_equal(possible, QST_NA_INT);
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    enum { ROWS = 4096 };
    static qst_printed mean[ROWS], sd[ROWS];
    static double n[ROWS], step[ROWS];
    static int32_t possible[ROWS];
    for (int i = 0; i < ROWS; i++) {
        mean[i] = (qst_printed){12345 + i, 3, QST_CELL_NUMBER};
        sd[i] = (qst_printed){2345, 3, QST_CELL_NUMBER};
        n[i] = 12;
        step[i] = 1.0;
    }
    grim_case grim = {{ROWS, mean, sd, n, step, false}, possible};
    assert_cancels(run_grim, &grim, 1);
}

/* The nearest mean and SD are what the checks recompute. */
static void checks_name_the_nearest(void **state)
{
    (void)state;
    const double par[3] = {1.0, 0.0, 0.0};
    audit_case c;
    case_start(&c);
    case_input(&c, case_count(&c, 28));
    const qst_finding mean = case_audit(&c, QST_CHECK_GRIM, case_number(&c, "5.19"), 0, par, false);
    assert_int_equal(mean.verdict, QST_VERDICT_INCONSISTENT);
    assert_close(mean.value, 145.0 / 28.0, 1e-12, 0);
    case_input(&c, case_number(&c, "5.18"));
    const qst_finding sd =
        case_audit(&c, QST_CHECK_GRIMMER, case_number(&c, "0.01"), 0, par, false);
    assert_int_equal(sd.verdict, QST_VERDICT_INCONSISTENT);
    assert_close(sd.value, sqrt(5.0 * 23.0 / 28.0 / 27.0), 1e-12, 0); /* 5 of 28 are one higher */
    c.inputs[1] = case_number(&c, "5.19");
    assert_int_equal(
        case_audit(&c, QST_CHECK_GRIMMER, case_number(&c, "1.0"), 0, par, false).verdict,
        QST_VERDICT_NONE);
    c.inputs[0] = 0;
    assert_int_equal(case_audit(&c, QST_CHECK_GRIM, case_number(&c, "1.0"), 0, par, false).verdict,
        QST_VERDICT_NONE);
    c.n_inputs = 0;
    assert_int_equal(case_audit(&c, QST_CHECK_GRIM, case_number(&c, "1.0"), 0, par, false).verdict,
        QST_VERDICT_NONE);
    assert_int_equal(
        case_audit(&c, QST_CHECK_GRIMMER, case_number(&c, "1.0"), 0, par, false).verdict,
        QST_VERDICT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_all_there_are),
        cmocka_unit_test(rows_have_answers_or_none),
        cmocka_unit_test(an_sd_needs_two),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(checks_name_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
