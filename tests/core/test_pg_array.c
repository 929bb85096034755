#include "pg_case.h"

/* ---- Arrays as the server sends them ---- */

typedef struct {
    unsigned char bytes[1024];
    ptrdiff_t n;
} message;

static void put(message *m, uint64_t value, int n)
{
    put_big(m->bytes + m->n, value, n);
    m->n += n;
}

static message head_of(int n_dims, const int32_t *dims, uint32_t element_oid)
{
    message m = {.n = 0};
    put(&m, (uint64_t)n_dims, 4);
    put(&m, 0, 4);
    put(&m, element_oid, 4);
    for (int k = 0; k < n_dims; k++) {
        put(&m, (uint64_t)dims[k], 4);
        put(&m, 1, 4);
    }
    return m;
}

static void put_int4(message *m, int32_t value)
{
    put(m, 4, 4);
    put(m, (uint64_t)value, 4);
}

static void put_null(message *m)
{
    put(m, UINT64_MAX, 4);
}

static void put_string(message *m, const char *text)
{
    put(m, strlen(text), 4);
    memcpy(m->bytes + m->n, text, strlen(text));
    m->n += (ptrdiff_t)strlen(text);
}

static message ints_from(int n_dims, const int32_t *dims, int n, int32_t first)
{
    message m = head_of(n_dims, dims, 23);
    for (int k = 0; k < n; k++) {
        put_int4(&m, first + k);
    }
    return m;
}

static qst_pg_column *arrays_of(qst_pg_format format, uint32_t element_oid)
{
    return column_by((qst_pg_rule){.format = format, .is_array = true, .element_oid = element_oid});
}

static void assert_dims(const qst_pg_column *column, ptrdiff_t row, int n, const int32_t *want)
{
    const int32_t *dims;
    assert_int_equal(qst_pg_column_dims(column, row, &dims), n);
    for (int k = 0; k < n; k++) {
        assert_int_equal(dims[k], want[k]);
    }
}

/* ---- Tests ---- */

static void test_arrays(void **state)
{
    (void)state;
    qst_pg_column *column = arrays_of(QST_PG_INT4, 23);
    const int32_t four[] = {4}, two_by_three[] = {2, 3}, ones[] = {1, 1, 1, 1, 1, 1};
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_LIST);
    const message vector = ints_from(1, four, 4, 1);
    const message matrix = ints_from(2, two_by_three, 6, 10);
    const message empty = ints_from(0, NULL, 0, 0);
    const message deep = ints_from(6, ones, 1, 20);
    add_bytes(column, vector.bytes, vector.n);
    add_bytes(column, empty.bytes, empty.n);
    add_missing(column);
    add_bytes(column, matrix.bytes, matrix.n);
    add_bytes(column, deep.bytes, deep.n);
    assert_int_equal(qst_pg_column_rows(column), 5);
    assert_dims(column, 0, 1, four);
    assert_dims(column, 1, 0, NULL);
    assert_dims(column, 2, -1, NULL);
    assert_dims(column, 3, 2, two_by_three);
    assert_dims(column, 4, 6, ones);
    int32_t got[11];
    const int32_t want[] = {1, 2, 3, 4, 10, 11, 12, 13, 14, 15, 20};
    qst_pg_column *elements = qst_pg_column_elements(column);
    assert_int_equal(qst_pg_column_rows(elements), 11);
    qst_pg_column_take(elements, got);
    assert_memory_equal(got, want, sizeof want);
    qst_pg_column_free(column);
}

static void test_missing_elements(void **state)
{
    (void)state;
    qst_pg_column *column = arrays_of(QST_PG_TEXT, 25);
    message m = head_of(1, (int32_t[]){3}, 25);
    put_string(&m, "a");
    put_null(&m);
    put_string(&m, "");
    add_bytes(column, m.bytes, m.n);
    int32_t got[3];
    qst_pg_column_take(qst_pg_column_elements(column), got);
    assert_memory_equal(got, ((int32_t[]){0, QST_NA_INT, 1}), sizeof got);
    qst_pg_column_free(column);
}

/* What fails in the middle leaves nothing behind, over several blocks of elements and with texts
 * that were new; afterwards the same texts get the same codes. */
static void test_a_failure_leaves_nothing(void **state)
{
    (void)state;
    qst_pg_column *column = arrays_of(QST_PG_TEXT, 25);
    qst_pg_column *elements = qst_pg_column_elements(column);
    message good = head_of(1, (int32_t[]){2}, 25), bad = head_of(1, (int32_t[]){100}, 25);
    put_string(&good, "x");
    put_string(&good, "y");
    for (int k = 0; k < 99; k++) {
        put_string(&bad, (char[]){(char)(33 + k % 90), k < 90 ? '\0' : '!', '\0'});
    }
    put_string(&bad, "\xff");
    add_bytes(column, good.bytes, good.n);
    assert_refused(column, bad.bytes, bad.n, QST_EPROTOCOL, "byte 1 of a text");
    assert_int_equal(qst_pg_column_n_texts(elements), 2);
    add_bytes(column, good.bytes, good.n);
    assert_int_equal(qst_pg_column_n_texts(elements), 2);
    int32_t got[4];
    qst_pg_column_take(elements, got);
    assert_memory_equal(got, ((int32_t[]){0, 1, 0, 1}), sizeof got);
    qst_pg_column_free(column);
}

/* Counts of elements go to the row of their array, and only if it is kept. */
static void test_counts(void **state)
{
    (void)state;
    qst_pg_column *column = column_by((qst_pg_rule){.format = QST_PG_DATE,
        .is_array = true,
        .element_oid = 1082,
        .infinity = QST_PG_INFINITY_KEEP});
    message two = head_of(1, (int32_t[]){2}, 1082);
    put_int4(&two, INT32_MAX);
    put_int4(&two, INT32_MIN);
    message cut = two;
    cut.n -= 1;
    assert_refused(column, cut.bytes, cut.n, QST_EPROTOCOL, "do not fit its length");
    assert_int_equal(qst_pg_column_counts(column).n_infinite, 0);
    add_missing(column);
    add_bytes(column, two.bytes, two.n);
    assert_int_equal(qst_pg_column_counts(column).n_infinite, 2);
    assert_int_equal(qst_pg_column_counts(column).first_infinite, 1);
    qst_pg_column_free(column);
}

static void test_counts_of_rounded(void **state)
{
    (void)state;
    /* 9007199254740993 lies between two doubles */
    const unsigned char number[] = {
        0, 4, 0, 3, 0, 0, 0, 0, 0x23, 0x2f, 0x07, 0xc8, 0x15, 0x62, 0x03, 0xe1};
    qst_pg_column *column = arrays_of(QST_PG_NUMERIC, 1700);
    message m = head_of(1, (int32_t[]){1}, 1700);
    put(&m, sizeof number, 4);
    memcpy(m.bytes + m.n, number, sizeof number);
    m.n += (ptrdiff_t)sizeof number;
    add_bytes(column, m.bytes, m.n);
    double got;
    assert_int_equal(qst_pg_column_counts(column).n_rounded, 1);
    assert_int_equal(qst_pg_column_counts(column).first_rounded, 0);
    qst_pg_column_take(qst_pg_column_elements(column), &got);
    assert_close(got, 9007199254740992.0, 0, 0);
    qst_pg_column_free(column);
}

/* A table of texts made anew after a failure finds all of them again. */
static void test_many_texts_after_a_failure(void **state)
{
    (void)state;
    enum { N = 120 };
    qst_pg_column *column = arrays_of(QST_PG_TEXT, 25);
    message good = head_of(1, (int32_t[]){N}, 25), bad = head_of(1, (int32_t[]){2}, 25);
    for (int k = 0; k < N; k++) {
        put_string(&good, (char[]){(char)('a' + k / 26), (char)('a' + k % 26), '\0'});
    }
    put_string(&bad, "new");
    put_string(&bad, "\xff");
    add_bytes(column, good.bytes, good.n);
    assert_refused(column, bad.bytes, bad.n, QST_EPROTOCOL, "of a text");
    add_bytes(column, good.bytes, good.n);
    int32_t got[2 * N];
    qst_pg_column_take(qst_pg_column_elements(column), got);
    for (int k = 0; k < 2 * N; k++) {
        assert_int_equal(got[k], k % N);
    }
    qst_pg_column_free(column);
}

/* Every prefix of an array is refused, and so is one with a byte more. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    qst_pg_column *column = arrays_of(QST_PG_INT4, 23);
    message m = ints_from(2, (int32_t[]){1, 2}, 2, 5);
    for (ptrdiff_t n = 0; n < m.n; n++) {
        assert_refused(column, m.bytes, n, QST_EPROTOCOL, "an array");
    }
    assert_refused(column, m.bytes, m.n + 1, QST_EPROTOCOL, "after its last element");
    add_bytes(column, m.bytes, m.n);
    qst_pg_column_free(column);
}

/* The header's words: dimensions, flags, type, lengths and lower bounds. */
static void test_wrong_headers(void **state)
{
    (void)state;
    const struct {
        int at;
        uint64_t value;
        const char *text;
    } cases[] = {{0, 7, "wrong header"}, {0, UINT32_MAX, "wrong header"}, {4, 2, "wrong header"},
        {8, 25, "another type"}, {12, 0, "dimensions"}, {12, 3, "elements do not fit"},
        {12, 5, "dimensions"}, {12, UINT32_MAX, "dimensions"}, {12, INT32_MAX, "dimensions"},
        {20, (uint64_t)-2, "elements do not fit"}, {20, 5, "which is no value of type int4"},
        {20, INT32_MAX, "elements do not fit"}};
    qst_pg_column *column = arrays_of(QST_PG_INT4, 23);
    const message good = ints_from(1, (int32_t[]){2}, 2, 5);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        message m = good;
        put_big(m.bytes + cases[k].at, cases[k].value, 4);
        assert_refused(column, m.bytes, m.n, QST_EPROTOCOL, cases[k].text);
    }
    message from_zero = good;
    put_big(from_zero.bytes + 16, 0, 4);
    assert_refused(column, from_zero.bytes, from_zero.n, QST_ERANGE, "counts from 0");
    qst_pg_column_free(column);
}

/* 2^16 * 2^16 * 2^16 elements would overflow what they are counted in. */
static void test_huge_dimensions(void **state)
{
    (void)state;
    qst_pg_column *column = arrays_of(QST_PG_INT4, 23);
    const message m =
        ints_from(6, (int32_t[]){1 << 16, 1 << 16, 1 << 16, 1 << 16, 1 << 16, 1 << 16}, 1, 5);
    assert_refused(column, m.bytes, m.n, QST_EPROTOCOL, "dimensions");
    qst_pg_column_free(column);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_missing_elements),
        cmocka_unit_test(test_a_failure_leaves_nothing),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_counts_of_rounded),
        cmocka_unit_test(test_many_texts_after_a_failure),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_wrong_headers),
        cmocka_unit_test(test_huge_dimensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
