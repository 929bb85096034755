/*
 * Fuzzes the rows of a binary COPY: messages of any bytes, each in memory of
 * exactly its length, for columns of any formats. Whatever comes is refused
 * with a text and status of bytes that are no rows, or is held in full:
 *   - reading never passes the end of a message, and always moves on;
 *   - a row adds one value to each column, a mark or a refused count none;
 *   - a value that fails is named by its column, and those before it are there;
 *   - the rows taken, written out by hand from the message, take as much room.
 */
#include "pg/framing.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 8, MAX_ROWS = 64 };

static void insist(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* ---- The table that rows are for ---- */

typedef struct {
    qst_pg_column *columns[MAX_COLUMNS];
    ptrdiff_t n;
} table;

static table new_table(const uint8_t *formats, ptrdiff_t n)
{
    table t = {.n = n};
    for (ptrdiff_t j = 0; j < n; j++) {
        const qst_pg_rule rule = {.format = (qst_pg_format)(formats[j] % QST_PG_N_FORMATS)};
        insist(qst_pg_column_new(NULL, &rule, &t.columns[j], NULL) == QST_OK);
    }
    return t;
}

static void free_table(table *t)
{
    for (ptrdiff_t j = 0; j < t->n; j++) {
        qst_pg_column_free(t->columns[j]);
    }
}

/* Columns up to `n_more` have a value more than `n_rows`, the others have not. */
static void check_rows(const table *t, ptrdiff_t n_rows, ptrdiff_t n_more)
{
    for (ptrdiff_t j = 0; j < t->n; j++) {
        insist(qst_pg_column_rows(t->columns[j]) == n_rows + (j < n_more));
    }
}

/* ---- Messages ---- */

static void check_fault(qst_status status, const qst_err *err)
{
    insist(status == QST_EPROTOCOL || status == QST_ERANGE);
    insist(err->text[0] != '\0');
}

/* Bytes of a row that was taken: its count, and of each value its length and so many. */
static ptrdiff_t row_size(const unsigned char *at, ptrdiff_t n_columns)
{
    const unsigned char *const start = at;
    at += 2;
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        const uint32_t n =
            (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        at += 4 + (n == UINT32_MAX ? 0 : n);
    }
    return at - start;
}

/* False: nothing comes after this row. */
static bool read_row(qst__row_bytes *bytes, table *t, ptrdiff_t n_rows)
{
    const unsigned char *const before = bytes->at;
    bool is_end;
    qst_err err;
    qst_err_init(&err);
    const qst_status status = qst__row_bytes_add(bytes, t->columns, t->n, &is_end, &err);
    insist(bytes->at >= before && bytes->at <= bytes->end);
    if (status != QST_OK) {
        check_fault(status, &err);
        insist(!is_end && err.column < t->n);
        if (err.column >= 0) {
            check_rows(t, n_rows, err.column);
        }
        return false;
    }
    check_rows(t, n_rows, is_end ? 0 : t->n);
    insist(bytes->at - before == (is_end ? 2 : row_size(before, t->n)));
    return !is_end;
}

static void read_message(qst__row_bytes bytes, table *t)
{
    qst_err err;
    qst_err_init(&err);
    const qst_status status = qst__row_bytes_begin(&bytes, &err);
    if (status != QST_OK) {
        check_fault(status, &err);
        return;
    }
    ptrdiff_t n_rows = 0;
    while (bytes.at < bytes.end && n_rows < MAX_ROWS && read_row(&bytes, t, n_rows)) {
        n_rows++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A number of columns, a format for each, and the message. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const ptrdiff_t n_columns = size > 0 ? bytes[0] % (MAX_COLUMNS + 1) : 0;
    if (size < 2 + (size_t)n_columns) {
        return -1;
    }
    const size_t n_message = size - 1 - (size_t)n_columns;
    unsigned char *message = malloc(n_message);
    insist(message != NULL);
    memcpy(message, bytes + 1 + n_columns, n_message);
    table t = new_table(bytes + 1, n_columns);
    read_message((qst__row_bytes){message, message + n_message}, &t);
    free_table(&t);
    free(message);
    return 0;
}
