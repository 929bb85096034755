/* What the tests of PostgreSQL's columns share: columns, values in the server's byte order. */
#ifndef PG_CASE_H
#define PG_CASE_H

#include "pg/column.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

static inline qst_pg_column *column_by(qst_pg_rule rule)
{
    qst_pg_column *column;
    assert_status(qst_pg_column_new(NULL, &rule, &column, NULL), QST_OK, NULL);
    return column;
}

static inline qst_pg_column *column_of(qst_pg_format format)
{
    return column_by((qst_pg_rule){.format = format});
}

static inline void put_big(unsigned char *bytes, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        bytes[i] = (unsigned char)(value >> 8 * (n - 1 - i));
    }
}

static inline void add_bytes(qst_pg_column *column, const void *bytes, ptrdiff_t n_bytes)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_column_add(column, bytes, n_bytes, &err), QST_OK, &err);
}

static inline void add_string(qst_pg_column *column, const char *text)
{
    add_bytes(column, text, (ptrdiff_t)strlen(text));
}

static inline void add_big(qst_pg_column *column, uint64_t value, int n)
{
    unsigned char bytes[8];
    put_big(bytes, value, n);
    add_bytes(column, bytes, n);
}

static inline void add_missing(qst_pg_column *column)
{
    add_bytes(column, NULL, -1);
}

/* Refused with that status and text, and the column is as before. */
static inline void assert_refused(
    qst_pg_column *column, const void *bytes, ptrdiff_t n_bytes, qst_status want, const char *part)
{
    qst_pg_column *elements = qst_pg_column_elements(column);
    const ptrdiff_t n_rows = qst_pg_column_rows(column);
    const ptrdiff_t n_texts = qst_pg_column_n_texts(column);
    const ptrdiff_t n_elements = elements == NULL ? 0 : qst_pg_column_rows(elements);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_column_add(column, bytes, n_bytes, &err), want, &err);
    assert_text(&err, part);
    assert_int_equal(err.row, n_rows);
    assert_int_equal(qst_pg_column_rows(column), n_rows);
    assert_int_equal(qst_pg_column_n_texts(column), n_texts);
    assert_int_equal(elements == NULL ? 0 : qst_pg_column_rows(elements), n_elements);
}

static inline void assert_refuses_big(
    qst_pg_column *column, uint64_t value, int n, qst_status want, const char *part)
{
    unsigned char bytes[8];
    put_big(bytes, value, n);
    assert_refused(column, bytes, n, want, part);
}

/* The column has these values; it is freed. */
static inline void assert_ints(qst_pg_column *column, const int32_t *want, ptrdiff_t n)
{
    int32_t got[64];
    assert_int_equal(qst_pg_column_rows(column), n);
    qst_pg_column_take(column, got);
    assert_int_equal(qst_pg_column_rows(column), 0);
    for (ptrdiff_t i = 0; i < n; i++) {
        assert_int_equal(got[i], want[i]);
    }
    qst_pg_column_free(column);
}

static inline void assert_doubles(qst_pg_column *column, const double *want, ptrdiff_t n)
{
    double got[64];
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_DOUBLE);
    assert_int_equal(qst_pg_column_rows(column), n);
    qst_pg_column_take(column, got);
    for (ptrdiff_t i = 0; i < n; i++) {
        assert_close(got[i], want[i], 0, 0);
    }
    qst_pg_column_free(column);
}

/* NULL: missing. */
static inline void assert_strings(qst_pg_column *column, const char *const *want, ptrdiff_t n)
{
    int32_t code[64];
    assert_int_equal(qst_pg_column_kind(column), QST_PG_AS_TEXT);
    assert_int_equal(qst_pg_column_rows(column), n);
    qst_pg_column_take(column, code);
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t n_bytes;
        assert_int_equal(code[i] == QST_NA_INT, want[i] == NULL);
        if (want[i] != NULL) {
            const char *text = qst_pg_column_text(column, code[i], &n_bytes);
            assert_int_equal(n_bytes, strlen(want[i]));
            assert_memory_equal(text, want[i], (size_t)n_bytes);
        }
    }
    qst_pg_column_free(column);
}

#endif
