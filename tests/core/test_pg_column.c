#include "pg_case.h"

#include <float.h>
#include <stdlib.h>

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

/* ---- int8, by what becomes of it ---- */

static qst_pg_column *bigint_by(qst_pg_bigint bigint)
{
    return column_by((qst_pg_rule){.format = QST_PG_INT8, .bigint = bigint});
}

static void test_int8_as_int64(void **state)
{
    (void)state;
    qst_pg_column *column = bigint_by(QST_PG_BIGINT_INT64);
    int64_t got[4];
    add_big(column, (UINT64_C(1) << 53) + 1, 8);
    add_big(column, INT64_MAX, 8);
    add_missing(column);
    add_big(column, (uint64_t)INT64_MIN + 1, 8);
    assert_refuses_big(column, (uint64_t)INT64_MIN, 8, QST_ERANGE, "-9223372036854775808");
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_INT64);
    qst_pg_column_take(column, got);
    assert_true(got[0] == (INT64_C(1) << 53) + 1);
    assert_true(got[1] == INT64_MAX && got[2] == INT64_MIN && got[3] == INT64_MIN + 1);
    qst_pg_column_free(column);
}

/* Beyond 2^53 a double holds some whole numbers still. */
static void test_int8_as_double(void **state)
{
    (void)state;
    qst_pg_column *column = bigint_by(QST_PG_BIGINT_DOUBLE);
    add_big(column, UINT64_C(1) << 53, 8);
    add_big(column, (UINT64_C(1) << 53) + 2, 8);
    add_big(column, (uint64_t)INT64_MIN, 8);
    assert_refuses_big(column, (UINT64_C(1) << 53) + 1, 8, QST_ERANGE, "9007199254740993");
    assert_refuses_big(column, INT64_MAX, 8, QST_ERANGE, "bigint = \"integer64\"");
    assert_doubles(column, (double[]){0x1p53, 0x1p53 + 2, -0x1p63}, 3);
}

static void test_int8_as_int(void **state)
{
    (void)state;
    qst_pg_column *column = bigint_by(QST_PG_BIGINT_INT);
    add_big(column, INT32_MAX, 8);
    add_big(column, (uint64_t)(int64_t)-INT32_MAX, 8);
    assert_refuses_big(column, UINT64_C(1) << 31, 8, QST_ERANGE, "2147483648");
    assert_refuses_big(column, (uint64_t)(int64_t)INT32_MIN, 8, QST_ERANGE, "-2147483648");
    assert_ints(column, (int32_t[]){INT32_MAX, -INT32_MAX}, 2);
}

static void test_int8_as_text(void **state)
{
    (void)state;
    qst_pg_column *column = bigint_by(QST_PG_BIGINT_TEXT);
    add_big(column, 0, 8);
    add_big(column, (uint64_t)INT64_MIN, 8);
    add_big(column, INT64_MAX, 8);
    add_missing(column);
    const char *const want[] = {"0", "-9223372036854775808", "9223372036854775807", NULL};
    assert_strings(column, want, 4);
}

/* ---- Other clothes of text ---- */

static void test_jsonb(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_JSONB);
    add_string(column, "\1{\"a\": 1}");
    add_string(column, "\1");
    assert_refused(column, "\2{}", 3, QST_EPROTOCOL, "version");
    assert_refused(column, "", 0, QST_EPROTOCOL, "version");
    assert_strings(column, (const char *const[]){"{\"a\": 1}", ""}, 2);
}

static void test_char(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_CHAR);
    add_big(column, 'a', 1);
    add_big(column, 0, 1);
    add_big(column, 0xe9, 1);
    add_missing(column);
    assert_refused(column, "ab", 2, QST_EPROTOCOL, "2 bytes");
    assert_strings(column, (const char *const[]){"a", "", "\\351", NULL}, 4);
}

static void test_uuid(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_UUID);
    unsigned char bytes[16];
    for (int k = 0; k < 16; k++) {
        bytes[k] = (unsigned char)(k * 17);
    }
    add_bytes(column, bytes, 16);
    assert_refused(column, bytes, 15, QST_EPROTOCOL, "15 bytes");
    assert_strings(column, (const char *const[]){"00112233-4455-6677-8899-aabbccddeeff"}, 1);
}

static void test_bytea(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_BYTEA);
    ptrdiff_t n_bytes;
    for (int i = 0; i < 1000; i++) { /* several blocks of rows */
        add_bytes(column, "\0\1\2", 3);
        add_bytes(column, "", 0);
        add_missing(column);
    }
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_BYTES);
    for (ptrdiff_t row = 0; row < 3000; row += 3) {
        assert_memory_equal(qst_pg_column_bytes(column, row, &n_bytes), "\0\1\2", 3);
        assert_int_equal(n_bytes, 3);
        assert_non_null(qst_pg_column_bytes(column, row + 1, &n_bytes));
        assert_int_equal(n_bytes, 0);
        assert_null(qst_pg_column_bytes(column, row + 2, &n_bytes));
    }
    qst_pg_column_free(column);
}

static void test_void(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_VOID);
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_LOGICAL);
    add_string(column, "");
    add_missing(column);
    assert_refused(column, "x", 1, QST_EPROTOCOL, "1 bytes");
    assert_ints(column, (int32_t[]){QST_NA_INT, QST_NA_INT}, 2);
}

/* ---- Columns ---- */

/* Blocks are sewn together in order, and a column goes on after its rows were taken. */
static void test_many_rows(void **state)
{
    (void)state;
    enum { N = 150000 };
    qst_pg_column *column = column_of(QST_PG_INT4);
    int32_t *got = malloc(N * sizeof *got);
    for (int round = 0; round < 2; round++) {
        for (int32_t i = 0; i < N; i++) {
            add_big(column, (uint64_t)i, 4);
        }
        assert_int_equal(qst_pg_column_rows(column), N);
        qst_pg_column_take(column, got);
        for (int32_t i = 0; i < N; i++) {
            assert_int_equal(got[i], i);
        }
    }
    free(got);
    qst_pg_column_free(column);
}

static void test_no_rows(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_FLOAT8);
    double nothing = 7;
    assert_int_equal(qst_pg_column_rows(column), 0);
    qst_pg_column_take(column, &nothing);
    assert_close(nothing, 7, 0, 0);
    qst_pg_column_free(column);
    qst_pg_column_free(NULL);
}

static void test_formats_have_names(void **state)
{
    (void)state;
    for (int k = 0; k < QST_PG_N_FORMATS; k++) {
        const char *name = qst_pg_format_name((qst_pg_format)k);
        assert_int_equal(qst_pg_format_named(name), k);
    }
    assert_int_equal(qst_pg_format_named("money"), QST_PG_N_FORMATS);
    assert_string_equal(qst_pg_format_name(QST_PG_N_FORMATS), "unknown");
}

static void test_rules_are_checked(void **state)
{
    (void)state;
    const qst_pg_rule bad[] = {{.format = QST_PG_N_FORMATS}, {.format = (qst_pg_format)-1},
        {.bigint = (qst_pg_bigint)4}, {.numeric = (qst_pg_numeric)2},
        {.infinity = (qst_pg_infinity)3}, {.format = QST_PG_VOID, .is_array = true}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        qst_err err;
        qst_err_init(&err);
        qst_pg_column *column = NULL;
        assert_status(qst_pg_column_new(NULL, &bad[k], &column, &err), QST_EARGUMENT, &err);
        assert_text(&err, "no such rule");
        assert_null(column);
    }
}

/* ---- Memory ends ---- */

typedef struct {
    qst_pg_rule rule;
    const unsigned char *bytes;
    ptrdiff_t n_bytes;
} filling;

/* Adds until blocks, texts and their table have grown; each text is another one. */
static qst_status fill(const qst_ctx *ctx, void *data, qst_err *err)
{
    const filling *f = data;
    unsigned char bytes[64];
    qst_pg_column *column;
    qst_status status = qst_pg_column_new(ctx, &f->rule, &column, err);
    memcpy(bytes, f->bytes, (size_t)f->n_bytes);
    for (int i = 0; i < 300 && status == QST_OK; i++) {
        /* two printable letters, and as a digit of a numeric below 10000 */
        put_big(bytes + f->n_bytes - 2, (uint64_t)((0x20 + i % 7) << 8 | (0x20 + i / 7)), 2);
        status = qst_pg_column_add(column, bytes, f->n_bytes, err);
        if (status != QST_OK) {
            assert_int_equal(qst_pg_column_rows(column), i);
        }
    }
    qst_pg_column_free(column);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    const unsigned char number[] = {0, 2, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0};
    const unsigned char array[] = {
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, '0', '0'};
    const filling cases[] = {{{.format = QST_PG_INT2}, (const unsigned char *)"00", 2},
        {{.format = QST_PG_TEXT}, (const unsigned char *)"abc00", 5},
        {{.format = QST_PG_BYTEA}, (const unsigned char *)"abc00", 5},
        {{.format = QST_PG_NUMERIC}, number, sizeof number},
        {{.format = QST_PG_NUMERIC, .numeric = QST_PG_NUMERIC_TEXT}, number, sizeof number},
        {{.format = QST_PG_TEXT, .is_array = true, .element_oid = 25}, array, sizeof array}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        filling f = cases[k];
        assert_true(assert_survives_no_memory(fill, &f) >= 3);
    }
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
        cmocka_unit_test(test_int8_as_int64),
        cmocka_unit_test(test_int8_as_double),
        cmocka_unit_test(test_int8_as_int),
        cmocka_unit_test(test_int8_as_text),
        cmocka_unit_test(test_jsonb),
        cmocka_unit_test(test_char),
        cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_bytea),
        cmocka_unit_test(test_void),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_formats_have_names),
        cmocka_unit_test(test_rules_are_checked),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
