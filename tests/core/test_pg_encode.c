#include "qst_test.h"

#include "pg/encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one row of a column is encoded to, as hexadecimal digits: "" where it is refused. */
typedef struct {
    qst_status status;
    qst_err err;
    char hex[1024];
} encoded;

static encoded encode_at(qst_pg_cells cells, qst_pg_target target, ptrdiff_t row)
{
    const qst_pg_encoded column = {cells, target};
    qst_pg_bytes out;
    ptrdiff_t next = -1;
    encoded result = {.hex = ""};
    qst_pg_bytes_init(&out, NULL);
    qst_err_init(&result.err);
    result.status =
        qst_pg_encode_rows(&column, 1, row, row + 1, SIZE_MAX, &out, &next, &result.err);
    if (result.status == QST_OK) {
        assert_int_equal(next, row + 1);
        assert_memory_equal(out.data, "\0\1", 2); /* one column */
        for (size_t i = 2; i < out.n && 2 * i + 1 < sizeof result.hex; i++) {
            snprintf(result.hex + 2 * (i - 2), 3, "%02x", out.data[i]);
        }
    } else {
        assert_int_equal(result.err.row, row);
        assert_int_equal(result.err.column, 0);
    }
    qst_pg_bytes_free(&out);
    return result;
}

static const qst_pg_target any = {.limit = QST_NA_INT};

static qst_pg_target target_of(qst_pg_format format)
{
    qst_pg_target target = any;
    target.format = format;
    return target;
}

static encoded of_int(int32_t x, qst_pg_target target)
{
    return encode_at((qst_pg_cells){.source = QST_PG_FROM_INT, .data = &x, .n = 1}, target, 0);
}

static encoded of_double(double x, qst_pg_target target)
{
    return encode_at((qst_pg_cells){.source = QST_PG_FROM_DOUBLE, .data = &x, .n = 1}, target, 0);
}

static encoded of_int64(int64_t x, qst_pg_target target)
{
    return encode_at((qst_pg_cells){.source = QST_PG_FROM_INT64, .data = &x, .n = 1}, target, 0);
}

static encoded of_bytes(const char *bytes, ptrdiff_t n_bytes, qst_pg_target target)
{
    const qst_pg_text text = {bytes, n_bytes};
    return encode_at((qst_pg_cells){.source = QST_PG_FROM_BYTES, .data = &text, .n = 1}, target, 0);
}

static encoded of_text(const char *text, qst_pg_target target)
{
    return of_bytes(text, (ptrdiff_t)strlen(text), target);
}

#define assert_hex(result, want)                                                                   \
    do {                                                                                           \
        encoded assert_it = (result);                                                              \
        assert_status(assert_it.status, QST_OK, &assert_it.err);                                   \
        assert_string_equal(assert_it.hex, want);                                                  \
    } while (0)

#define assert_refused(result, why)                                                                \
    do {                                                                                           \
        encoded assert_it = (result);                                                              \
        assert_status(assert_it.status, QST_ERANGE, &assert_it.err);                               \
        assert_text(&assert_it.err, why);                                                          \
    } while (0)

#define MISSING "ffffffff"

/* ---- Numbers ---- */

static void test_whole_numbers(void **state)
{
    (void)state;
    const qst_pg_target int2 = target_of(QST_PG_INT2), int4 = target_of(QST_PG_INT4),
                        int8 = target_of(QST_PG_INT8), logical = target_of(QST_PG_BOOL);
    assert_hex(of_int(0, logical), "0000000100");
    assert_hex(of_int(1, logical), "0000000101");
    assert_hex(of_int(QST_NA_INT, logical), MISSING);
    assert_refused(of_int(2, logical), "0 to 1");
    assert_hex(of_int(-2, int2), "00000002fffe");
    assert_hex(of_double(32767, int2), "000000027fff");
    assert_refused(of_int(32768, int2), "-32768 to 32767");
    assert_refused(of_double(-32769, int2), "-32768 to 32767");
    assert_hex(of_int(-1, int4), "00000004ffffffff");
    assert_hex(of_double(-2147483648.0, int4), "0000000480000000");
    assert_refused(of_double(2147483648.0, int4), "-2147483648 to 2147483647");
    assert_hex(of_int64(INT64_MAX, int8), "000000087fffffffffffffff");
    assert_hex(of_int64(INT64_MIN, int8), MISSING);
    assert_hex(of_double(-0x1p63, int8), "000000088000000000000000");
    assert_hex(of_double(0x1p53 + 2, int8), "000000080020000000000002");
    assert_refused(of_double(0x1p63, int8), "beyond");
    assert_refused(of_double((double)INFINITY, int8), "beyond");
    assert_refused(of_double(0.5, int4), "not whole");
    assert_refused(of_double((double)NAN, int4), "NaN");
    assert_hex(of_double(qst_na_real(), int4), MISSING);
}

static void test_doubles_keep_their_bits(void **state)
{
    (void)state;
    const qst_pg_target float8 = target_of(QST_PG_FLOAT8);
    assert_hex(of_double(-0.0, float8), "000000088000000000000000");
    assert_hex(of_double(0x1p-1074, float8), "000000080000000000000001");
    assert_hex(of_double((double)INFINITY, float8), "000000087ff0000000000000");
    assert_hex(of_double(qst_na_real(), float8), MISSING);
    assert_hex(of_int(3, float8), "000000084008000000000000");
    const uint64_t odd_nan = UINT64_C(0xFFF8000000000123);
    double nan;
    memcpy(&nan, &odd_nan, sizeof nan);
    assert_hex(of_double(nan, float8), "00000008fff8000000000123");
    assert_hex(of_int64(INT64_C(1) << 53, float8), "000000084340000000000000");
    assert_refused(of_int64((INT64_C(1) << 53) + 1, float8), "all its digits");
    assert_refused(of_int64(INT64_MAX, float8), "all its digits");
}

static void test_single_precision_only_where_exact(void **state)
{
    (void)state;
    const qst_pg_target float4 = target_of(QST_PG_FLOAT4);
    assert_hex(of_double(0.5, float4), "000000043f000000");
    assert_hex(of_double((double)-INFINITY, float4), "00000004ff800000");
    assert_hex(of_double(0x1.fffffep127, float4), "000000047f7fffff");
    assert_hex(of_double((double)NAN, float4), "000000047fc00000");
    assert_refused(of_double(0.1, float4), "single precision");
    assert_refused(of_double(1e300, float4), "single precision");
    assert_refused(of_double(0x1p-1074, float4), "single precision");
    assert_refused(of_int(16777217, float4), "single precision");
}

/* haven's tagged_na("a"), which is.na() but is not NA. */
static void test_tagged_missing_values(void **state)
{
    (void)state;
    const uint64_t bits = UINT64_C(0x7FF00061000007A2), quiet = UINT64_C(0x7FF80000000007A2);
    double tagged, after_arithmetic;
    memcpy(&tagged, &bits, sizeof tagged);
    memcpy(&after_arithmetic, &quiet, sizeof after_arithmetic);
    assert_refused(of_double(tagged, target_of(QST_PG_FLOAT8)), "tag \"a\"");
    assert_refused(of_double(tagged, target_of(QST_PG_INT4)), "tag \"a\"");
    assert_hex(of_double(after_arithmetic, target_of(QST_PG_FLOAT8)), MISSING);
}

/* Bytes as numeric_send() of a server has them. */
static void test_numeric(void **state)
{
    (void)state;
    const qst_pg_target numeric = target_of(QST_PG_NUMERIC);
    assert_hex(of_text("0", numeric), "000000080000000000000000");
    assert_hex(of_text("0.00", numeric), "000000080000000000000002");
    assert_hex(of_text("1", numeric), "0000000a00010000000000000001");
    assert_hex(of_int(-1, numeric), "0000000a00010000400000000001");
    assert_hex(of_double(10000, numeric), "0000000a00010001000000000001");
    assert_hex(of_text("+123.45", numeric), "0000000c0002000000000002007b1194");
    assert_hex(of_double(123.45, numeric), "0000000c0002000000000002007b1194");
    assert_hex(of_text("0.00012345", numeric), "0000000c0002ffff0000000800010929");
    assert_hex(of_text("12.345e-5", numeric), "0000000c0002ffff0000000800010929");
    assert_hex(of_double(0.00012345, numeric), "0000000c0002ffff0000000800010929");
    assert_hex(of_double(1e20, numeric), "0000000a00010005000000000001");
    assert_hex(of_text("1E+20", numeric), "0000000a00010005000000000001");
    assert_hex(of_text("12345678901234567890.123456789", numeric),
        "00000018000800040000000904d2162e23340d801ed204d2162e2328");
    assert_hex(of_double(1.5e-10, numeric), "0000000a0001fffd0000000b0096");
    assert_hex(of_int64(100000000, numeric), "0000000a00010002000000000001");
    assert_hex(of_double(0.1, numeric), "0000000a0001ffff0000000103e8");
    assert_hex(of_text("NaN", numeric), "0000000800000000c0000000");
    assert_hex(of_double((double)NAN, numeric), "0000000800000000c0000000");
    assert_hex(of_double((double)INFINITY, numeric), "0000000800000000d0000000");
    assert_hex(of_text("-inf", numeric), "0000000800000000f0000000");
    assert_hex(of_text("Infinity", numeric), "0000000800000000d0000000");
    assert_hex(of_double(-0.0, numeric), "000000080000000000000000");
    /* 17 digits: 0.1 + 0.2 */
    assert_hex(
        of_double(0.30000000000000004, numeric), "000000120005ffff000000110bb80000000000000fa0");
}

static void test_numeric_refuses(void **state)
{
    (void)state;
    const qst_pg_target numeric = target_of(QST_PG_NUMERIC);
    qst_pg_target cents = numeric, hundreds = numeric;
    cents.limit = 2;
    hundreds.limit = -2;
    const char *const bad[] = {"", "-", ".", "1.2.3", "1e", "1e+", " 1", "1 ", "0x1", "nano", "na",
        "e5", "--1", "infinit", "1e5x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_refused(of_text(bad[i], numeric), "decimal number");
    }
    assert_hex(of_text("1.500", cents), "0000000c00020000000000030001"
                                        "1388");
    assert_hex(of_double(3.3, cents), "0000000c00020000000000010003"
                                      "0bb8");
    assert_refused(of_double(1.1 * 3, cents), "2 digits");
    assert_refused(of_text("0.001", cents), "2 digits");
    assert_hex(of_int(1200, hundreds), "0000000a000100000000000004b0");
    assert_refused(of_int(1250, hundreds), "-2 digits");
    assert_refused(of_double((double)INFINITY, cents), "infinity");
    assert_hex(of_double((double)NAN, cents), "0000000800000000c0000000");
    assert_refused(of_text("1e131072", numeric), "131072 digits");
    assert_refused(of_text("1e-16384", numeric), "131072 digits");
    assert_refused(of_text("1e99999999999999999999", numeric), "131072 digits");
    assert_refused(of_text("0e-16384", numeric), "131072 digits");
    assert_int_equal(of_text("1e131071", numeric).status, QST_OK);
}

static double value_of(const char *hex)
{
    /* Length, digits, weight, sign and scale are 4, 2, 2, 2 and 2 bytes. */
    unsigned n = 0, weight = 0, sign = 0;
    sscanf(hex + 8, "%4x%4x%4x", &n, &weight, &sign);
    char text[512];
    size_t at = (size_t)snprintf(text, sizeof text, "%s0", sign == 0x4000 ? "-" : "");
    for (unsigned k = 0; k < n; k++) {
        unsigned digit = 0;
        sscanf(hex + 24 + 4 * k, "%4x", &digit);
        assert_true(digit < 10000);
        at += (size_t)snprintf(text + at, sizeof text - at, "%04u", digit);
    }
    snprintf(text + at, sizeof text - at, "e%d", 4 * ((int16_t)weight - (int)n + 1));
    return strtod(text, NULL);
}

/* Doubles of all sizes, and the kind that people have: every one comes back by libc's strtod. */
static void test_numeric_gives_doubles_back(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 5000; i++) {
        const double u = test_uniform(&seed);
        const double x[] = {(u - 0.5) * exp(1400 * (test_uniform(&seed) - 0.5)),
            nearbyint(u * 1e6) / 100, u, nearbyint(u * 1e15) / 1e10};
        for (size_t k = 0; k < 4; k++) {
            const encoded got = of_double(x[k], target_of(QST_PG_NUMERIC));
            assert_int_equal(got.status, QST_OK);
            assert_true(value_of(got.hex) == x[k]);
        }
    }
}

/* ---- Days and times ---- */

static void test_dates(void **state)
{
    (void)state;
    const qst_pg_target date = target_of(QST_PG_DATE);
    assert_hex(of_int(0, date), "00000004ffffd533");
    assert_hex(of_double(10957, date), "0000000400000000");
    assert_hex(of_double(19782, date), "0000000400002279");
    assert_hex(of_double(-2440588, date), "00000004ffda97a7");
    assert_hex(of_double(2145042905, date), "000000047fda970c");
    assert_refused(of_double(-2440589, date), "BC");
    assert_refused(of_double(2145042906, date), "BC");
    assert_hex(of_double((double)INFINITY, date), "000000047fffffff");
    assert_hex(of_double((double)-INFINITY, date), "0000000480000000");
    assert_hex(of_double(qst_na_real(), date), MISSING);
    assert_refused(of_double((double)NAN, date), "NaN");
    assert_refused(of_double(0.25, date), "whole day");
}

static void test_timestamps(void **state)
{
    (void)state;
    const qst_pg_target timestamp = target_of(QST_PG_TIMESTAMP);
    assert_hex(of_int(0, timestamp), "00000008fffca2fec4c82000");
    assert_hex(of_double(946684800, timestamp), "000000080000000000000000");
    assert_hex(of_double(1700000000.123456, timestamp), "000000080002ad22dce84240");
    assert_hex(of_double(-0.000001, timestamp), "00000008fffca2fec4c81fff");
    assert_hex(of_double(-210866803200.0, timestamp), "00000008fd0f7cc1411fa000");
    assert_refused(of_double(-210866803201.0, timestamp), "BC");
    assert_hex(of_double((double)INFINITY, timestamp), "000000087fffffffffffffff");
    assert_hex(of_double((double)-INFINITY, timestamp), "000000088000000000000000");
    assert_refused(of_double(9224318016000.0, timestamp), "294276");
    assert_refused(of_double(1e300, timestamp), "294276");
    assert_refused(of_double((double)NAN, timestamp), "NaN");
}

/* A clock's time has the 22 or so binary digits after the point that a double has there. */
static void test_times_of_a_clock_pass(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 10000; i++) {
        const double x = 1.7e9 + 1e8 * test_uniform(&seed);
        const encoded got = of_double(x, target_of(QST_PG_TIMESTAMP));
        assert_int_equal(got.status, QST_OK);
        const int64_t microseconds = (int64_t)strtoull(got.hex + 8, NULL, 16);
        assert_true(fabs((double)microseconds / 1e6 + 946684800.0 - x) < 6e-7);
    }
    assert_refused(of_double(1.0 / 3, target_of(QST_PG_TIMESTAMP)), "microseconds");
    assert_refused(of_double(1e8 / 3, target_of(QST_PG_TIMESTAMP)), "microseconds");
    assert_refused(of_double(-1e-30, target_of(QST_PG_TIMESTAMP)), "microseconds");
}

static void test_times_of_day(void **state)
{
    (void)state;
    qst_pg_target time = target_of(QST_PG_TIME);
    assert_hex(of_int(0, time), "000000080000000000000000");
    assert_hex(of_double(86400, time), "00000008000000141dd76000");
    assert_hex(of_double(45296.789012, time), "000000080000000a8be62614");
    assert_hex(of_double(0.1 + 0.2, time), "0000000800000000000493e0");
    assert_refused(of_double(86400.000001, time), "86400");
    assert_refused(of_double(-1, time), "86400");
    assert_refused(of_double((double)INFINITY, time), "86400");
    assert_refused(of_double(1.0 / 3, time), "microseconds");
    time.limit = 3;
    assert_hex(of_double(1.5, time), "00000008000000000016e360");
    assert_refused(of_double(0.0001, time), "fewer digits");
}

/* ---- Texts and bytes ---- */

static void test_texts(void **state)
{
    (void)state;
    qst_pg_target text = target_of(QST_PG_TEXT);
    assert_hex(of_text("", text), "00000000");
    assert_hex(of_text("a\xc3\xbc", text), "0000000361c3bc");
    assert_hex(of_bytes(NULL, -1, text), MISSING);
    assert_refused(of_text("caf\xe9", text), "byte 4 (0xe9)");
    assert_refused(of_bytes("a\0b", 3, text), "byte 2 is NUL");
    assert_refused(of_text("\xed\xa0\x80", text), "UTF-8");
    text.limit = 2;
    assert_hex(of_text("\xc3\xbc\xc3\xbc", text), "00000004c3bcc3bc");
    assert_refused(of_text("abc", text), "3 characters");
    assert_refused(of_text("ab ", text), "3 characters");
    assert_hex(of_text("{}", target_of(QST_PG_JSONB)), "00000003017b7d");
    assert_hex(of_bytes("a\0b", 3, target_of(QST_PG_BYTEA)), "00000003610062");
    assert_hex(of_bytes("", 0, target_of(QST_PG_BYTEA)), "00000000");
}

static void test_uuid(void **state)
{
    (void)state;
    const qst_pg_target uuid = target_of(QST_PG_UUID);
    const char *const bytes = "00000010a0eebc999c0b4ef8bb6d6bb9bd380a11";
    assert_hex(of_text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", uuid), bytes);
    assert_hex(of_text("A0EEBC999C0B4EF8BB6D6BB9BD380A11", uuid), bytes);
    const char *const bad[] = {"", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
        "a0eebc99+9c0b+4ef8+bb6d+6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a1-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_refused(of_text(bad[i], uuid), "UUID");
    }
}

/* ---- Arrays: bytes as array_send() has them ---- */

static encoded of_list(qst_pg_cells row, qst_pg_target target)
{
    const qst_pg_cells list = {.source = QST_PG_FROM_LIST, .data = &row, .n = 1};
    return encode_at(list, target, 0);
}

static void test_arrays(void **state)
{
    (void)state;
    const qst_pg_target int4s = {
        .format = QST_PG_INT4, .is_array = true, .element_oid = 23, .limit = QST_NA_INT};
    const int32_t x[] = {1, QST_NA_INT, 3};
    qst_pg_cells row = {.source = QST_PG_FROM_INT, .data = x, .n = 3};
    assert_hex(of_list(row, int4s), "00000028"
                                    "00000001"
                                    "00000001"
                                    "00000017"
                                    "00000003"
                                    "00000001"
                                    "00000004"
                                    "00000001"
                                    "ffffffff"
                                    "00000004"
                                    "00000003");
    row.n = 0;
    assert_hex(of_list(row, int4s), "0000000c000000000000000000000017");
    row.n = -1;
    assert_hex(of_list(row, int4s), MISSING);
    const int32_t by_column[] = {1, 4, 2, 5, 3, 6}, dims[] = {2, 3};
    const qst_pg_cells matrix = {
        .source = QST_PG_FROM_INT, .data = by_column, .n = 6, .dims = dims, .n_dims = 2};
    assert_hex(of_list(matrix, int4s),
        "0000004c0000000200000000000000170000000200000001000000030000000100000004000000010000000400"
        "00000200000004000000030000000400000004000000040000000500000004"
        "00000006");
    const qst_pg_text texts[] = {{"a", 1}, {NULL, -1}, {"\xc3\xbc", 2}};
    const qst_pg_target text_array = {
        .format = QST_PG_TEXT, .is_array = true, .element_oid = 25, .limit = QST_NA_INT};
    row = (qst_pg_cells){.source = QST_PG_FROM_BYTES, .data = texts, .n = 3};
    assert_hex(of_list(row, text_array), "00000023000000010000000100000019000000030000000100000001"
                                         "61ffffffff00000002c3bc");
}

static void test_arrays_refuse(void **state)
{
    (void)state;
    const qst_pg_target int2s = {
        .format = QST_PG_INT2, .is_array = true, .element_oid = 21, .limit = QST_NA_INT};
    const int32_t x[] = {1, 40000};
    const int32_t dims[] = {1, 1, 1, 1, 1, 1, 2};
    qst_pg_cells row = {.source = QST_PG_FROM_INT, .data = x, .n = 2};
    const encoded got = of_list(row, int2s);
    assert_refused(got, "32767");
    assert_int_equal(got.err.iteration, 1);
    row.dims = dims;
    row.n_dims = 7;
    assert_refused(of_list(row, int2s), "6 dimensions");
    const qst_pg_text text = {"a", 1};
    row = (qst_pg_cells){.source = QST_PG_FROM_BYTES, .data = &text, .n = 1};
    assert_refused(of_list(row, int2s), "another type");
}

/* ---- Rows ---- */

static void test_begin_and_end(void **state)
{
    (void)state;
    qst_pg_bytes out;
    qst_pg_bytes_init(&out, NULL);
    assert_int_equal(qst_pg_encode_begin(&out, NULL), QST_OK);
    assert_int_equal(qst_pg_encode_end(&out, NULL), QST_OK);
    assert_int_equal(out.n, 21);
    assert_memory_equal(out.data, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\377\377", 21);
    qst_pg_bytes_free(&out);
}

enum { N_ROWS = 500 };

static qst_status encode_many(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_pg_encoded *columns = data;
    qst_pg_bytes out;
    ptrdiff_t next;
    qst_pg_bytes_init(&out, ctx);
    qst_status status = qst_pg_encode_begin(&out, err);
    if (status == QST_OK) {
        status = qst_pg_encode_rows(columns, 2, 0, N_ROWS, SIZE_MAX, &out, &next, err);
    }
    qst_pg_bytes_free(&out);
    return status;
}

static void test_pieces_are_the_whole(void **state)
{
    (void)state;
    double x[N_ROWS];
    qst_pg_text texts[N_ROWS];
    uint64_t seed = 5;
    for (int i = 0; i < N_ROWS; i++) {
        x[i] = test_normal(&seed);
        texts[i] = (qst_pg_text){"some words", i % 11 - 1};
    }
    qst_pg_encoded columns[] = {
        {{.source = QST_PG_FROM_DOUBLE, .data = x, .n = N_ROWS}, target_of(QST_PG_FLOAT8)},
        {{.source = QST_PG_FROM_BYTES, .data = texts, .n = N_ROWS}, target_of(QST_PG_TEXT)}};
    qst_pg_bytes whole, piece;
    qst_pg_bytes_init(&whole, NULL);
    ptrdiff_t next;
    assert_int_equal(
        qst_pg_encode_rows(columns, 2, 0, N_ROWS, SIZE_MAX, &whole, &next, NULL), QST_OK);
    size_t at = 0;
    for (next = 0; next < N_ROWS;) {
        qst_pg_bytes_init(&piece, NULL);
        assert_int_equal(
            qst_pg_encode_rows(columns, 2, next, N_ROWS, 100, &piece, &next, NULL), QST_OK);
        assert_true(piece.n < 200);
        assert_memory_equal(piece.data, whole.data + at, piece.n);
        at += piece.n;
        qst_pg_bytes_free(&piece);
    }
    assert_int_equal(at, whole.n);
    qst_pg_bytes_free(&whole);
    assert_true(assert_survives_no_memory(encode_many, columns) > 3);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    const int32_t x = 1;
    qst_pg_encoded column = {
        {.source = QST_PG_FROM_INT, .data = &x, .n = 1}, target_of(QST_PG_TEXT)};
    qst_pg_bytes out;
    qst_pg_bytes_init(&out, NULL);
    qst_err err;
    qst_err_init(&err);
    ptrdiff_t next;
    assert_status(
        qst_pg_encode_rows(&column, 1, 0, 1, SIZE_MAX, &out, &next, &err), QST_EARGUMENT, &err);
    qst_err_init(&err);
    column.target = target_of(QST_PG_INT4);
    assert_status(
        qst_pg_encode_rows(&column, 1, 0, 2, SIZE_MAX, &out, &next, &err), QST_EDIMENSION, &err);
    qst_err_init(&err);
    assert_status(qst_pg_encode_rows(&column, 40000, 0, 1, SIZE_MAX, &out, &next, &err),
        QST_EDIMENSION, &err);
    qst_err_init(&err);
    assert_status(qst_pg_encode_rows(NULL, 0, 0, 1, SIZE_MAX, &out, &next, &err), QST_OK, &err);
    assert_int_equal(out.n, 2);
    qst_pg_bytes_free(&out);
}

/* Every pair of source and format: what the manual lists and nothing else. */
static void test_pairs(void **state)
{
    (void)state;
    const char *const takes[] = {[QST_PG_BOOL] = "i",
        [QST_PG_INT2] = "id6",
        [QST_PG_INT4] = "id6",
        [QST_PG_INT8] = "id6",
        [QST_PG_FLOAT4] = "id6",
        [QST_PG_FLOAT8] = "id6",
        [QST_PG_NUMERIC] = "id6b",
        [QST_PG_DATE] = "id",
        [QST_PG_TIME] = "id",
        [QST_PG_TIMESTAMP] = "id",
        [QST_PG_TEXT] = "b",
        [QST_PG_JSONB] = "b",
        [QST_PG_UUID] = "b",
        [QST_PG_BYTEA] = "b",
        [QST_PG_VOID] = ""};
    for (int format = 0; format <= QST_PG_VOID; format++) {
        const bool is_known = takes[format] != NULL && takes[format][0] != '\0';
        for (int source = 0; source <= QST_PG_FROM_LIST; source++) {
            qst_pg_target target = target_of((qst_pg_format)format);
            const char letter = "id6bl"[source];
            const bool listed = is_known && strchr(takes[format], letter) != NULL;
            assert_int_equal(qst_pg_can_encode((qst_pg_source)source, &target), listed);
            target.is_array = true;
            assert_int_equal(qst_pg_can_encode((qst_pg_source)source, &target),
                source == QST_PG_FROM_LIST && is_known);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_doubles_keep_their_bits),
        cmocka_unit_test(test_single_precision_only_where_exact),
        cmocka_unit_test(test_tagged_missing_values),
        cmocka_unit_test(test_numeric),
        cmocka_unit_test(test_numeric_refuses),
        cmocka_unit_test(test_numeric_gives_doubles_back),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_times_of_a_clock_pass),
        cmocka_unit_test(test_times_of_day),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_arrays_refuse),
        cmocka_unit_test(test_begin_and_end),
        cmocka_unit_test(test_pieces_are_the_whole),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
