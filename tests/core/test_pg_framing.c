/* The rows of a binary COPY, written here by hand as COPY's manual page says. */
#include "pg/framing.h"
#include "qst_test.h"

#include <string.h>

enum { N_COLUMNS = 2, ROOM = 256 };

typedef struct {
    unsigned char bytes[ROOM];
    ptrdiff_t n;
} message;

static void put(message *m, const void *bytes, size_t n)
{
    memcpy(m->bytes + m->n, bytes, n);
    m->n += (ptrdiff_t)n;
}

static void put_u32(message *m, uint32_t x)
{
    const unsigned char b[] = {(unsigned char)(x >> 24), (unsigned char)(x >> 16),
        (unsigned char)(x >> 8), (unsigned char)x};
    put(m, b, 4);
}

static void put_count(message *m, int count)
{
    const unsigned char b[] = {(unsigned char)((unsigned)count >> 8), (unsigned char)count};
    put(m, b, 2);
}

static void put_header(message *m, uint32_t flags, uint32_t n_extension)
{
    put(m, "PGCOPY\n\377\r\n\0", 11);
    put_u32(m, flags);
    put_u32(m, n_extension);
}

/* A whole number and a text. */
static void put_row(message *m, uint32_t number, const char *text)
{
    put_count(m, N_COLUMNS);
    put_u32(m, 4);
    put_u32(m, number);
    put_u32(m, (uint32_t)strlen(text));
    put(m, text, strlen(text));
}

static qst__row_bytes all_of(const message *m)
{
    return (qst__row_bytes){m->bytes, m->bytes + m->n};
}

typedef struct {
    qst_pg_column *columns[N_COLUMNS];
} table;

static table new_table(const qst_ctx *ctx)
{
    table t;
    const qst_pg_rule rules[N_COLUMNS] = {{.format = QST_PG_INT4}, {.format = QST_PG_TEXT}};
    for (int j = 0; j < N_COLUMNS; j++) {
        assert_int_equal(qst_pg_column_new(ctx, &rules[j], &t.columns[j], NULL), QST_OK);
    }
    return t;
}

static void free_table(table *t)
{
    for (int j = 0; j < N_COLUMNS; j++) {
        qst_pg_column_free(t->columns[j]);
    }
}

static void rows_are_read_up_to_their_mark(void **state)
{
    (void)state;
    message m = {{0}, 0};
    qst_err err;
    bool is_end = false;
    table t = new_table(NULL);
    put_header(&m, 0, 3);
    put(&m, "new", 3);
    put_row(&m, 7, "one");
    put_count(&m, N_COLUMNS);
    put_u32(&m, UINT32_MAX);
    put_u32(&m, 0);
    put_count(&m, -1);
    qst__row_bytes bytes = all_of(&m);
    qst_err_init(&err);
    assert_status(qst__row_bytes_begin(&bytes, &err), QST_OK, &err);
    for (int i = 0; i < 2; i++) {
        assert_status(
            qst__row_bytes_add(&bytes, t.columns, N_COLUMNS, &is_end, &err), QST_OK, &err);
        assert_false(is_end);
    }
    assert_status(qst__row_bytes_add(&bytes, t.columns, N_COLUMNS, &is_end, &err), QST_OK, &err);
    assert_true(is_end);
    assert_true(bytes.at == bytes.end);
    int32_t numbers[2], codes[2];
    qst_pg_column_take(t.columns[0], numbers);
    qst_pg_column_take(t.columns[1], codes);
    assert_int_equal(numbers[0], 7);
    assert_int_equal(numbers[1], QST_NA_INT);
    ptrdiff_t n;
    assert_memory_equal(qst_pg_column_text(t.columns[1], codes[0], &n), "one", 3);
    (void)qst_pg_column_text(t.columns[1], codes[1], &n);
    assert_int_equal(n, 0);
    free_table(&t);
}

static void a_header_that_is_none_is_refused(void **state)
{
    (void)state;
    const struct {
        uint32_t flags, n_extension;
        ptrdiff_t cut;
        const char *text;
    } cases[] = {{0x10000, 0, 0, "flags"}, {0, 1, 0, "extension"}, {0, UINT32_MAX, 0, "extension"},
        {0, 0, 1, "signature"}, {0, 0, 19, "signature"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        message m = {{0}, 0};
        qst_err err;
        qst_err_init(&err);
        put_header(&m, cases[k].flags, cases[k].n_extension);
        m.n -= cases[k].cut;
        qst__row_bytes bytes = all_of(&m);
        assert_status(qst__row_bytes_begin(&bytes, &err), QST_EPROTOCOL, &err);
        assert_text(&err, cases[k].text);
    }
    message m = {{0}, 0};
    put_header(&m, 0, 0);
    m.bytes[5] ^= 0x20;
    qst__row_bytes bytes = all_of(&m);
    assert_int_equal(qst__row_bytes_begin(&bytes, NULL), QST_EPROTOCOL);
}

static void a_row_cut_anywhere_is_refused(void **state)
{
    (void)state;
    message m = {{0}, 0};
    put_row(&m, 7, "one");
    for (ptrdiff_t n = 0; n < m.n; n++) {
        table t = new_table(NULL);
        bool is_end;
        qst_err err;
        qst_err_init(&err);
        qst__row_bytes bytes = {m.bytes, m.bytes + n};
        assert_status(
            qst__row_bytes_add(&bytes, t.columns, N_COLUMNS, &is_end, &err), QST_EPROTOCOL, &err);
        assert_text(&err, "cut short");
        free_table(&t);
    }
}

static void a_row_of_other_columns_or_lengths_is_refused(void **state)
{
    (void)state;
    const int counts[] = {-2, 0, 1, 3};
    bool is_end;
    qst_err err;
    table t = new_table(NULL);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        message m = {{0}, 0};
        put_count(&m, counts[k]);
        put_u32(&m, 4);
        qst__row_bytes bytes = all_of(&m);
        qst_err_init(&err);
        assert_status(
            qst__row_bytes_add(&bytes, t.columns, N_COLUMNS, &is_end, &err), QST_EPROTOCOL, &err);
        assert_text(&err, "another number");
    }
    const uint32_t lengths[] = {(uint32_t)-2, INT32_MAX, 0x80000000u, 5};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        message m = {{0}, 0};
        put_count(&m, N_COLUMNS);
        put_u32(&m, lengths[k]);
        put_u32(&m, 7);
        qst__row_bytes bytes = all_of(&m);
        qst_err_init(&err);
        assert_status(
            qst__row_bytes_add(&bytes, t.columns, N_COLUMNS, &is_end, &err), QST_EPROTOCOL, &err);
    }
    free_table(&t);
}

static void a_value_that_fails_names_its_column(void **state)
{
    (void)state;
    bool is_end;
    qst_err err;
    qst_err_init(&err);
    table t = new_table(NULL);
    message m = {{0}, 0};
    put_row(&m, 7, "\377");
    qst__row_bytes bytes = all_of(&m);
    assert_int_not_equal(qst__row_bytes_add(&bytes, t.columns, N_COLUMNS, &is_end, &err), QST_OK);
    assert_int_equal(err.column, 1);
    free_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_up_to_their_mark),
        cmocka_unit_test(a_header_that_is_none_is_refused),
        cmocka_unit_test(a_row_cut_anywhere_is_refused),
        cmocka_unit_test(a_row_of_other_columns_or_lengths_is_refused),
        cmocka_unit_test(a_value_that_fails_names_its_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
