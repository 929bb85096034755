/*
 * framing.h - the rows of a binary COPY. Pure functions over bytes: no server,
 * no libpq. Bytes are hostile.
 */
#ifndef QST_PG_FRAMING_H
#define QST_PG_FRAMING_H

#include "pg/column.h"

/* A message of the server, read from its front; a message holds whole rows. */
typedef struct {
    const unsigned char *at, *end;
} qst__row_bytes;

/* Reads what stands before the first row. QST_EPROTOCOL: not a binary COPY. */
QST_MUST_USE qst_status qst__row_bytes_begin(qst__row_bytes *bytes, qst_err *err);

/* Adds a row to the columns, or sets *is_end_out at the mark that ends all rows. Where a value
 * fails err->column says which one; the columns before it have it then. */
QST_MUST_USE qst_status qst__row_bytes_add(qst__row_bytes *bytes, qst_pg_column *const *columns,
    ptrdiff_t n_columns, bool *is_end_out, qst_err *err);

#endif
