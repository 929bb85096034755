/* Answers to levels, against one cell at a time. */
#include "qst_test.h"

#include "stat/answers.h"

#include <math.h>
#include <stdlib.h>

#define N (QST__RUN + 37)

static int32_t slow_level(const qst_range *range, bool reversed, double x)
{
    if (isnan(x)) {
        return QST__NO_LEVEL;
    }
    const int32_t level = (int32_t)lround((x - range->min) / range->step);
    return reversed ? range->n_steps - level : level;
}

static void check_column(const qst_col *column, qst_range range, const double *want)
{
    for (int r = 0; r < 2; r++) {
        const bool reversed = r == 1;
        const qst_scale scale = {column, &reversed, 1, N, range};
        for (ptrdiff_t start = 0; start < N; start += QST__RUN) {
            int32_t levels[QST__RUN];
            assert_true(qst__levels(&scale, 0, start, levels));
            for (ptrdiff_t i = 0; i < QST__RUN; i++) {
                const double x = start + i < N ? want[start + i] : (double)NAN;
                assert_int_equal(levels[i], slow_level(&range, reversed, x));
            }
        }
    }
}

static void test_levels(void **state)
{
    (void)state;
    const qst_range ranges[] = {
        {1, 1, 6}, {0, 1, 3}, {-3, 1, 6}, {0, 0.1, 1000}, {1, 0.5, 12}, {-1.5, 0.25, 9}, {0, 1, 1}};
    static double doubles[N];
    static int32_t ints[N];
    static double from_ints[N];
    for (size_t k = 0; k < sizeof ranges / sizeof ranges[0]; k++) {
        uint64_t stream = k + 1;
        for (ptrdiff_t i = 0; i < N; i++) {
            const double u = test_uniform(&stream);
            const double level = floor(test_uniform(&stream) * (ranges[k].n_steps + 1));
            doubles[i] = u < 0.1 ? (u < 0.05 ? (double)NAN : qst_na_real())
                                 : ranges[k].min + level * ranges[k].step;
            const bool whole = !isnan(doubles[i]) && doubles[i] == floor(doubles[i]);
            ints[i] = whole ? (int32_t)doubles[i] : QST_NA_INT;
            from_ints[i] = whole ? doubles[i] : (double)NAN;
        }
        check_column(&(qst_col){QST_COL_DOUBLE, doubles, N, 0}, ranges[k], doubles);
        check_column(&(qst_col){QST_COL_INT, ints, N, 0}, ranges[k], from_ints);
    }
}

static void test_negative_zero(void **state)
{
    (void)state;
    const double x[] = {-0.0, 0.0, 1.0};
    const qst_col column = {QST_COL_DOUBLE, x, 3, 0};
    const qst_scale scale = {&column, NULL, 1, 3, {0, 1, 3}};
    int32_t levels[QST__RUN];
    assert_true(qst__levels(&scale, 0, 0, levels));
    assert_int_equal(levels[0], 0);
    assert_int_equal(levels[2], 1);
}

/* Each of these among good answers is found, with its place. */
static void test_faults(void **state)
{
    (void)state;
    const double wrong[] = {0, 8, 9, 99, -1, 3.5, 1.001, 6.9999, (double)INFINITY,
        -(double)INFINITY, 1e300, -1e300, 16777217.0, -25165824.0, -25165823.0, 2147483648.0,
        -2147483648.0, 4294967297.0, 1e-300};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        for (ptrdiff_t row = 0; row < N; row += N - 1) {
            static double x[2 * N];
            for (ptrdiff_t i = 0; i < 2 * N; i++) {
                x[i] = i % 50 == 0 ? (double)NAN : (double)(1 + i % 7);
            }
            x[N + row] = wrong[k];
            const qst_col columns[] = {{QST_COL_DOUBLE, x, N, 0}, {QST_COL_DOUBLE, x + N, N, 0}};
            const qst_scale scale = {columns, NULL, 2, N, {1, 1, 6}};
            const ptrdiff_t start = row / QST__RUN * QST__RUN;
            int32_t levels[QST__RUN];
            assert_false(qst__levels(&scale, 1, start, levels));
            qst_err err;
            qst_err_init(&err);
            assert_status(qst__levels_fault(&scale, start, &err), QST_ERANGE, &err);
            assert_int_equal(err.row, row);
            assert_int_equal(err.column, 1);
            assert_close(err.value, wrong[k], 0, 0);
            assert_text(&err, "is not one of 1, 2, ..., 7");
        }
    }
}

static void test_int_faults(void **state)
{
    (void)state;
    const int32_t wrong[] = {0, 8, INT32_MAX, INT32_MIN + 1, -7};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        const int32_t x[] = {1, QST_NA_INT, 7, wrong[k]};
        const qst_col column = {QST_COL_INT, x, 4, 0};
        const qst_scale scale = {&column, NULL, 1, 4, {1, 1, 6}};
        int32_t levels[QST__RUN];
        assert_false(qst__levels(&scale, 0, 0, levels));
        qst_err err;
        qst_err_init(&err);
        assert_status(qst__levels_fault(&scale, 0, &err), QST_ERANGE, &err);
        assert_int_equal(err.row, 3);
        assert_close(err.value, wrong[k], 0, 0);
    }
}

static void test_first_row_wins(void **state)
{
    (void)state;
    const double a[] = {1, 2, 9};
    const double b[] = {1, 9, 1};
    const qst_col columns[] = {{QST_COL_DOUBLE, a, 3, 0}, {QST_COL_DOUBLE, b, 3, 0}};
    const qst_scale scale = {columns, NULL, 2, 3, {1, 1, 6}};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst__levels_fault(&scale, 0, &err), QST_ERANGE, &err);
    assert_int_equal(err.row, 1);
    assert_int_equal(err.column, 1);
}

static void refused(qst_scale scale, qst_status want, const char *part)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst__scale_check(&scale, &err), want, &err);
    assert_text(&err, part);
}

static void test_check(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3};
    const qst_col columns[] = {{QST_COL_DOUBLE, x, 3, 0}, {QST_COL_DOUBLE, x, 2, 0}};
    const qst_col factor = {QST_COL_FACTOR, x, 3, 2};
    const qst_range range = {1, 1, 6};
    qst_err err;
    qst_err_init(&err);
    assert_status(qst__scale_check(&(qst_scale){columns, NULL, 1, 3, range}, &err), QST_OK, &err);
    refused((qst_scale){columns, NULL, 2, 3, range}, QST_EDIMENSION, "2 rows");
    refused((qst_scale){&factor, NULL, 1, 3, range}, QST_EARGUMENT, "factor");
    refused((qst_scale){columns, NULL, 1, 0, range}, QST_ENODATA, "0 rows");
    refused((qst_scale){columns, NULL, 0, 3, range}, QST_ENODATA, "0 items");
    refused((qst_scale){columns, NULL, 1, 3, {(double)NAN, 1, 6}}, QST_EARGUMENT, "finite");
    refused((qst_scale){columns, NULL, 1, 3, {1, 0, 6}}, QST_EARGUMENT, "step");
    refused((qst_scale){columns, NULL, 1, 3, {1, (double)INFINITY, 6}}, QST_EARGUMENT, "step");
    refused((qst_scale){columns, NULL, 1, 3, {-1e159, 7.5, 52}}, QST_EARGUMENT, "are lost");
    refused((qst_scale){columns, NULL, 1, 3, {1, 1, 0}}, QST_EARGUMENT, "0 steps");
    refused((qst_scale){columns, NULL, 1, 3, {1, 1, 1 << 21}}, QST_EARGUMENT, "steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_negative_zero),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_int_faults),
        cmocka_unit_test(test_first_row_wins),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
