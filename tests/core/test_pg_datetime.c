#include "pg_case.h"

#include <stdlib.h>

static const int64_t second = 1000000;
static const int64_t hour = INT64_C(3600000000);

static void add_micros(qst_pg_column *column, int64_t microseconds)
{
    add_big(column, (uint64_t)microseconds, 8);
}

/* ---- Dates ---- */

static void test_dates(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_DATE);
    add_big(column, 0, 4);
    add_missing(column);
    add_big(column, (uint64_t)-10957, 4);
    add_big(column, 2921940, 4);           /* 10000-01-01 */
    add_big(column, (uint64_t)-746414, 4); /* 44-03-15 BC, by a proleptic calendar */
    add_big(column, 2145031948, 4);        /* 5874897-12-31, the last one */
    assert_refuses_big(column, 0x7fffffff, 4, QST_ERANGE, "the date is infinity");
    assert_refuses_big(column, 0x80000000, 4, QST_ERANGE, "the date is -infinity");
    const double want[] = {10957, qst_na_real(), 0, 2932897, -735457, 2145042905};
    assert_doubles(column, want, 6);
}

static void test_infinite_dates(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const qst_pg_infinity rule = k == 0 ? QST_PG_INFINITY_KEEP : QST_PG_INFINITY_NA;
        qst_pg_column *column = column_by((qst_pg_rule){.format = QST_PG_DATE, .infinity = rule});
        add_missing(column);
        add_big(column, 0x7fffffff, 4);
        add_big(column, 0x80000000, 4);
        const qst_pg_counts counts = qst_pg_column_counts(column);
        assert_int_equal(counts.n_infinite, 2);
        assert_int_equal(counts.first_infinite, 1);
        assert_int_equal(counts.n_rounded, 0);
        assert_int_equal(counts.first_rounded, -1);
        const double kept[] = {qst_na_real(), (double)INFINITY, (double)-INFINITY};
        const double missing[] = {qst_na_real(), qst_na_real(), qst_na_real()};
        assert_doubles(column, k == 0 ? kept : missing, 3);
    }
}

/* ---- Time stamps ---- */

static void test_timestamps(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_TIMESTAMP);
    add_micros(column, 0);
    add_micros(column, 1);
    add_micros(column, -1);
    add_micros(column, -946684800 * second); /* 1970 */
    add_missing(column);
    add_micros(column, INT64_C(9223371331200) * second); /* 294277-01-01, beyond the last one */
    assert_refuses_big(column, INT64_MAX, 8, QST_ERANGE, "the time stamp is infinity");
    assert_refuses_big(column, (uint64_t)INT64_MIN, 8, QST_ERANGE, "-infinity");
    const double want[] = {
        946684800, 946684800.000001, 946684799.999999, 0, qst_na_real(), 9224318016000};
    assert_int_equal(qst_pg_column_counts(column).n_rounded, 0);
    assert_doubles(column, want, 6);
}

/* Until 2242 a double gives every microsecond back; after that those that it does not give are
 * counted: in the year 3000 the doubles are 2^-18 s = 3.8 microseconds apart. */
static void test_microseconds_that_are_lost(void **state)
{
    (void)state;
    const int64_t year_3000 = INT64_C(31556995200) * second; /* since 2000 */
    qst_pg_column *column = column_of(QST_PG_TIMESTAMP);
    add_micros(column, year_3000);
    add_micros(column, year_3000 + 500000);
    add_micros(column, year_3000 + 1);
    add_micros(column, year_3000 + 999999);
    const qst_pg_counts counts = qst_pg_column_counts(column);
    assert_int_equal(counts.n_rounded, 2);
    assert_int_equal(counts.first_rounded, 2);
    qst_pg_column_free(column);
}

/* Against the definition: the double is the nearest, and gives the microseconds back by rounding,
 * or it is counted. */
static void test_random_timestamps(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int i = 0; i < 3000; i++) {
        const double size = pow(10, 6 + 12 * test_uniform(&seed));
        const int64_t microseconds = (int64_t)((2 * test_uniform(&seed) - 1) * size);
        qst_pg_column *column = column_of(QST_PG_TIMESTAMP);
        add_micros(column, microseconds);
        double seconds;
        const bool is_counted = qst_pg_column_counts(column).n_rounded == 1;
        qst_pg_column_take(column, &seconds);
        qst_pg_column_free(column);
        const double whole = floor(seconds);
        const int64_t back =
            ((int64_t)whole - 946684800) * second + (int64_t)nearbyint((seconds - whole) * 1e6);
        assert_int_equal(is_counted, back != microseconds);
        assert_true(llabs(back - microseconds) <= (int64_t)(ldexp(fabs(seconds), -53) * 1e6) + 1);
    }
}

/* ---- Times of day ---- */

static void test_times(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_TIME);
    add_micros(column, 0);
    add_micros(column, 24 * hour);
    add_micros(column, 1);
    add_missing(column);
    assert_refuses_big(column, (uint64_t)(24 * hour + 1), 8, QST_EPROTOCOL, "24 hours");
    assert_refuses_big(column, (uint64_t)-1, 8, QST_EPROTOCOL, "24 hours");
    assert_doubles(column, (double[]){0, 86400, 1e-6, qst_na_real()}, 4);
}

static void add_timetz(qst_pg_column *column, int64_t microseconds, int32_t zone)
{
    unsigned char bytes[12];
    put_big(bytes, (uint64_t)microseconds, 8);
    put_big(bytes + 8, (uint64_t)zone, 4);
    add_bytes(column, bytes, 12);
}

static void test_timetz(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_TIMETZ);
    add_timetz(column, 12 * hour, -7200);
    add_timetz(column, 24 * hour, 0);
    add_timetz(column, hour + 2 * second + 30, 12600);
    add_timetz(column, 500000, -(15 * 3600 + 59 * 60 + 59));
    add_missing(column);
    unsigned char bytes[12] = {0};
    put_big(bytes + 8, 16 * 3600, 4);
    assert_refused(column, bytes, 12, QST_EPROTOCOL, "16 hours");
    put_big(bytes + 8, (uint64_t)INT32_MIN, 4);
    assert_refused(column, bytes, 12, QST_EPROTOCOL, "16 hours");
    put_big(bytes, UINT64_MAX, 8);
    assert_refused(column, bytes, 12, QST_EPROTOCOL, "24 hours");
    const char *const want[] = {
        "12:00:00+02", "24:00:00+00", "01:00:02.00003-03:30", "00:00:00.5+15:59:59", NULL};
    assert_strings(column, want, 5);
}

/* ---- Intervals: what the server's iso_8601 style prints ---- */

static void add_interval(qst_pg_column *column, int64_t microseconds, int32_t days, int32_t months)
{
    unsigned char bytes[16];
    put_big(bytes, (uint64_t)microseconds, 8);
    put_big(bytes + 8, (uint64_t)days, 4);
    put_big(bytes + 12, (uint64_t)months, 4);
    add_bytes(column, bytes, 16);
}

static void test_intervals(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_INTERVAL);
    add_interval(column, 0, 0, 0);
    add_interval(column, 4 * hour + 5 * 60 * second + 6789000, -3, 14);
    add_interval(column, -1, 0, 0);
    add_interval(column, -hour, 1, -14);
    add_interval(column, INT64_MIN, INT32_MIN, INT32_MAX);
    add_missing(column);
    const char *const want[] = {"PT0S", "P1Y2M-3DT4H5M6.789S", "PT-0.000001S", "P-1Y-2M1DT-1H",
        "P178956970Y7M-2147483648DT-2562047788H-54.775808S", NULL};
    assert_strings(column, want, 6);
}

static void test_infinite_intervals(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        qst_pg_column *column =
            column_by((qst_pg_rule){.format = QST_PG_INTERVAL, .infinity = (qst_pg_infinity)k});
        unsigned char bytes[16];
        put_big(bytes, INT64_MAX, 8);
        put_big(bytes + 8, INT32_MAX, 4);
        put_big(bytes + 12, INT32_MAX, 4);
        if (k == QST_PG_INFINITY_FAIL) {
            assert_refused(column, bytes, 16, QST_ERANGE, "interval is infinity");
            qst_pg_column_free(column);
            continue;
        }
        add_bytes(column, bytes, 16);
        add_interval(column, INT64_MIN, INT32_MIN, INT32_MIN);
        assert_int_equal(qst_pg_column_counts(column).n_infinite, 2);
        const char *const kept[] = {"infinity", "-infinity"};
        const char *const missing[] = {NULL, NULL};
        assert_strings(column, k == QST_PG_INFINITY_KEEP ? kept : missing, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_infinite_dates),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_microseconds_that_are_lost),
        cmocka_unit_test(test_random_timestamps),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_timetz),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_infinite_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
