#include "pg/column.h"
#include "qst_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Help: columns, big-endian bytes ---- */

static qst_pg_column *column_by(qst_pg_rule rule)
{
    qst_pg_column *column;
    assert_status(qst_pg_column_new(NULL, &rule, &column, NULL), QST_OK, NULL);
    return column;
}

static qst_pg_column *column_of(qst_pg_format format)
{
    return column_by((qst_pg_rule){.format = format});
}

static void put_big(unsigned char *bytes, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        bytes[i] = (unsigned char)(value >> 8 * (n - 1 - i));
    }
}

static void add_big(qst_pg_column *column, uint64_t value, int n)
{
    unsigned char bytes[8];
    put_big(bytes, value, n);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_column_add(column, bytes, n, &err), QST_OK, &err);
}

/* Refused with that status and text, and the column is as before. */
static void assert_refused(
    qst_pg_column *column, const void *bytes, ptrdiff_t n_bytes, qst_status want, const char *part)
{
    const ptrdiff_t n_rows = qst_pg_column_rows(column);
    const ptrdiff_t n_texts = qst_pg_column_n_texts(column);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_column_add(column, bytes, n_bytes, &err), want, &err);
    assert_text(&err, part);
    assert_int_equal(err.row, n_rows);
    assert_int_equal(qst_pg_column_rows(column), n_rows);
    assert_int_equal(qst_pg_column_n_texts(column), n_texts);
}

static void add_missing(qst_pg_column *column)
{
    assert_status(qst_pg_column_add(column, NULL, -1, NULL), QST_OK, NULL);
}

static void assert_refuses_big(
    qst_pg_column *column, uint64_t value, int n, qst_status want, const char *part)
{
    unsigned char bytes[8];
    put_big(bytes, value, n);
    assert_refused(column, bytes, n, want, part);
}

static void assert_ints(qst_pg_column *column, const int32_t *want, ptrdiff_t n)
{
    int32_t got[32];
    assert_int_equal(qst_pg_column_rows(column), n);
    qst_pg_column_take(column, got);
    assert_int_equal(qst_pg_column_rows(column), 0);
    for (ptrdiff_t i = 0; i < n; i++) {
        assert_int_equal(got[i], want[i]);
    }
    qst_pg_column_free(column);
}

static void assert_doubles(qst_pg_column *column, const double *want, ptrdiff_t n)
{
    double got[32];
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_DOUBLE);
    assert_int_equal(qst_pg_column_rows(column), n);
    qst_pg_column_take(column, got);
    for (ptrdiff_t i = 0; i < n; i++) {
        assert_close(got[i], want[i], 0, 0);
    }
    qst_pg_column_free(column);
}

/* ---- Whole numbers ---- */

static void test_bool(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_BOOL);
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_LOGICAL);
    add_big(column, 1, 1);
    add_missing(column);
    add_big(column, 0, 1);
    assert_refuses_big(column, 2, 1, QST_EPROTOCOL, "2 for a boolean");
    assert_refused(column, "", 0, QST_EPROTOCOL, "0 bytes");
    assert_ints(column, (int32_t[]){1, QST_NA_INT, 0}, 3);
}

static void test_int4(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_INT4);
    add_big(column, 7, 4);
    add_big(column, 0x80000001, 4);
    add_missing(column);
    add_big(column, 0x7fffffff, 4);
    assert_refuses_big(column, 0x80000000, 4, QST_ERANGE, "-2147483648");
    assert_refuses_big(column, 1, 8, QST_EPROTOCOL, "8 bytes, which is no value of type int4");
    assert_ints(column, (int32_t[]){7, -INT32_MAX, QST_NA_INT, INT32_MAX}, 4);
}

static void test_int2(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_INT2);
    add_big(column, 0x8000, 2);
    add_big(column, 0x7fff, 2);
    add_missing(column);
    assert_ints(column, (int32_t[]){-32768, 32767, QST_NA_INT}, 3);
}

/* ---- Doubles ---- */

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A NaN with R's payload, as a column written from R may have it, is not NA. */
static void test_float8(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_FLOAT8);
    add_big(column, bits_of(0.1), 8);
    add_big(column, bits_of(qst_na_real()), 8);
    add_missing(column);
    add_big(column, bits_of((double)-INFINITY), 8);
    add_big(column, bits_of(DBL_TRUE_MIN), 8);
    const double want[] = {0.1, (double)NAN, qst_na_real(), (double)-INFINITY, DBL_TRUE_MIN};
    assert_doubles(column, want, 5);
}

static void test_float4_is_widened_exactly(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_FLOAT4);
    add_big(column, 0x3dcccccd, 4);
    add_big(column, 0x7fc00000, 4);
    add_big(column, 0x7f800000, 4);
    assert_doubles(
        column, (double[]){0.100000001490116119384765625, (double)NAN, (double)INFINITY}, 3);
}

static void test_oid(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_OID);
    add_big(column, 3000000000, 4);
    add_missing(column);
    assert_doubles(column, (double[]){3e9, qst_na_real()}, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_int4),
        cmocka_unit_test(test_int2),
        cmocka_unit_test(test_float8),
        cmocka_unit_test(test_float4_is_widened_exactly),
        cmocka_unit_test(test_oid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
