/*
 * pg.h - the PostgreSQL connector: the manual. libpq without R.
 *
 * Conventions of qst.h hold: status and `err`, context, missing values. Every
 * wait polls the context; where the caller asks to stop, the server is told to
 * cancel, what it still sends is drained, and QST_ECANCEL is returned with the
 * session usable. Bytes of a server are hostile: they are checked before use.
 * Without libpq (QST_HAVE_LIBPQ not defined) every entry of a session fails
 * with QST_ECONNECTION; columns, encoders and conninfo checks are there always.
 */
#ifndef QST_PG_H
#define QST_PG_H

#include "qst.h"

/* libpq's version as 150018, or 0 if this build has no libpq. */
int qst_pg_version(void);

/* ---- Sessions: session.c ---- */

/*
 * One session with a server, from open to close or loss. A lost session stays
 * lost: every later call fails with QST_ECONNECTION and nothing connects again.
 * A session belongs to the process that opened it: in a forked child every call
 * fails and closing does nothing to the server.
 */
typedef struct qst_pg qst_pg;

/* What went wrong on the server's side at the last failure of a session; "" where it says nothing.
 * The texts live until the next call on the session, are UTF-8 made valid, and hold no secret. */
typedef struct {
    const char *sqlstate; /* five characters; "" if the failure is not the server's */
    const char *message, *detail, *hint, *where;
    const char *schema, *table, *column, *constraint;
    int32_t position; /* character of the statement, from 1; 0: none */
    bool is_lost;     /* the session is gone */
} qst_pg_failure;

/* Opens a session from n_settings keywords and values as PQconnectdbParams takes them.
 * QST_ECONNECTION: refused or no answer. */
QST_MUST_USE qst_status qst_pg_open(const qst_ctx *ctx, const char *const *keywords,
    const char *const *values, ptrdiff_t n_settings, qst_pg **pg_out, qst_err *err);

void qst_pg_close(qst_pg *pg); /* NULL: nothing */

/* ---- Statements: statement.c ---- */

/* Values bound to $1 ... $n, in text format as the server reads it; NULL is SQL's NULL. */
typedef struct {
    const char *const *values;
    ptrdiff_t n;
} qst_pg_params;

/* Runs one statement (several if it has no parameters) and throws its rows away. *n_rows_out: how
 * many rows it touched, -1 where that means nothing. QST_ESERVER: the server refused it. */
QST_MUST_USE qst_status qst_pg_run(const qst_ctx *ctx, qst_pg *pg, const char *sql,
    const qst_pg_params *params, int64_t *n_rows_out, qst_err *err);

#endif
