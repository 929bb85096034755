/*
 * copy.h - rows to a server: COPY ... FROM STDIN (FORMAT binary).
 *
 * Between begin and end the session takes nothing but rows. Whatever goes
 * wrong in between, or if the end never comes, the next statement of the
 * session (the caller's ROLLBACK) first ends the COPY in vain: no row stays.
 */
#ifndef QST_PG_COPY_H
#define QST_PG_COPY_H

#include "pg/encode.h"
#include "pg/pg.h"

/* `sql` is the COPY statement. QST_ESERVER: the server refused it; QST_EARGUMENT: it is none. */
QST_MUST_USE qst_status qst_pg_copy_begin(
    const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err);

/* Encodes and sends the first n_rows rows of the columns: see qst_pg_encode_rows(). */
QST_MUST_USE qst_status qst_pg_copy_rows(const qst_ctx *ctx, qst_pg *pg,
    const qst_pg_encoded *columns, ptrdiff_t n_columns, ptrdiff_t n_rows, qst_err *err);

/* Ends it. *n_rows_out: how many rows the server took. Only now does it say whether it takes them:
 * QST_ESERVER if not. */
QST_MUST_USE qst_status qst_pg_copy_end(
    const qst_ctx *ctx, qst_pg *pg, int64_t *n_rows_out, qst_err *err);

#endif
