#include "qst_test.h"

#include <math.h>
#include <string.h>

enum { N = 20000 };

static int32_t second[N], drawn[N], larger[N];
static double probability[N], delta[N];

static qst_delta values_of(double p, double shift)
{
    uint64_t state = 4;
    for (int i = 0; i < N; i++) {
        probability[i] = p;
        delta[i] = shift;
        second[i] = test_uniform(&state) < p;
    }
    return (qst_delta){N / 4, 4, 0, second, probability, delta};
}

static void shift(const qst_delta *values, int32_t *out)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_delta_shift(values, 9, out, &err), QST_OK, &err);
}

static void no_shift_changes_nothing(void **state)
{
    (void)state;
    const qst_delta values = values_of(0.3, 0.0);
    shift(&values, drawn);
    assert_memory_equal(drawn, second, sizeof second);
}

/* The share of ones is expit(logit(p) + delta), within 4 of its standard errors. */
static void odds_are_multiplied(void **state)
{
    (void)state;
    static const double shifts[] = {-2.0, -0.5, 0.7, 3.0};
    for (int k = 0; k < 4; k++) {
        const qst_delta values = values_of(0.4, shifts[k]);
        shift(&values, drawn);
        const double odds = 0.4 / 0.6 * exp(shifts[k]), want = odds / (1 + odds);
        double sum = 0;
        for (int i = 0; i < N; i++) {
            sum += drawn[i];
        }
        assert_close(sum / N, want, 0, 4 * sqrt(want * (1 - want) / N));
    }
}

static void larger_shifts_keep_every_one(void **state)
{
    (void)state;
    qst_delta values = values_of(0.6, -0.4);
    shift(&values, drawn);
    values = values_of(0.6, -0.1);
    shift(&values, larger);
    int n_more = 0;
    for (int i = 0; i < N; i++) {
        assert_true(larger[i] >= drawn[i] && second[i] >= larger[i]);
        n_more += larger[i] - drawn[i];
    }
    assert_true(n_more > 0);
}

static void ends_stay_and_infinite_shifts_decide(void **state)
{
    (void)state;
    qst_delta values = values_of(0.5, (double)INFINITY);
    shift(&values, drawn);
    for (int i = 0; i < N; i++) {
        assert_int_equal(drawn[i], 1);
    }
    values = values_of(0.5, -(double)INFINITY);
    shift(&values, drawn);
    for (int i = 0; i < N; i++) {
        assert_int_equal(drawn[i], 0);
    }
    for (int end = 0; end < 2; end++) {
        values = values_of(end, -800.0);
        shift(&values, drawn);
        assert_memory_equal(drawn, second, sizeof second);
    }
}

static void imputations_rows_and_variables_have_streams_of_their_own(void **state)
{
    (void)state;
    qst_delta values = values_of(0.5, 0.5);
    memset(second, 0, sizeof second);
    shift(&values, drawn);
    assert_memory_not_equal(drawn, drawn + N / 4, sizeof(int32_t) * N / 4);
    values.n_imputations = 1;
    shift(&values, larger);
    assert_memory_equal(drawn, larger, sizeof(int32_t) * N / 4);
    values.variable = 1;
    shift(&values, larger);
    assert_memory_not_equal(drawn, larger, sizeof(int32_t) * N / 4);
}

static void assert_refused(const qst_delta *values, const char *text, ptrdiff_t row)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_delta_shift(values, 9, drawn, &err), QST_ERANGE, &err);
    assert_text(&err, text);
    assert_int_equal(err.row, row);
    assert_int_equal(qst_delta_shift(values, 9, drawn, NULL), QST_ERANGE);
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    qst_delta values = values_of(0.5, 0.5);
    probability[N / 4 + 7] = 1.5;
    assert_refused(&values, "probability 1.5", 7);
    probability[N / 4 + 7] = (double)NAN;
    assert_refused(&values, "probability", 7);
    values = values_of(0.5, 0.5);
    delta[3] = (double)NAN;
    assert_refused(&values, "missing", 3);
    values = values_of(0.5, 0.5);
    values.n_values = 1;
    values.n_imputations = 4097;
    assert_refused(&values, "replicate 4096", -1);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    const qst_delta values = {0, 5, 0, second, probability, delta};
    drawn[0] = -7;
    shift(&values, drawn);
    assert_int_equal(drawn[0], -7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_shift_changes_nothing),
        cmocka_unit_test(odds_are_multiplied),
        cmocka_unit_test(larger_shifts_keep_every_one),
        cmocka_unit_test(ends_stay_and_infinite_shifts_decide),
        cmocka_unit_test(imputations_rows_and_variables_have_streams_of_their_own),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(nothing_is_nothing),
    };
    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
