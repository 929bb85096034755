/* What the files of the connector share about a session; not for callers of the library. */
#ifndef QST_PG_SESSION_H
#define QST_PG_SESSION_H

#include "pg/pg.h"

#ifdef QST_HAVE_LIBPQ

#include <libpq-fe.h>

struct qst_pg {
    PGconn *conn;
    qst_conninfo *info; /* its secrets are kept out of every text */
    qst_allocator allocator;
    long owner;      /* the process that opened it */
    double asked_ms; /* when the caller was last asked whether to go on */
    bool is_lost;
    bool is_dirty;     /* a result was left unread: cancel and drain before anything else */
    qst_pg_rows *rows; /* the result being read; NULL if none */
    PGresult *shape;   /* of the prepared statement */
    PGresult *refusal; /* whose texts `failure` shows */
    qst_pg_failure failure;
    char *notices; /* a text that grows */
    size_t n_notices, notices_size;
};

/* QST_ECONNECTION in a forked child, which must not touch the socket of its parent. */
QST_MUST_USE qst_status qst__pg_check_owner(const qst_pg *pg, qst_err *err);

/* Refuses what cannot be used: lost, of another process, or busy with a result. Cancels what was
 * left unread and forgets the last failure and notices. Every statement begins with it. */
QST_MUST_USE qst_status qst__pg_begin(const qst_ctx *ctx, qst_pg *pg, qst_err *err);

/* qst__pg_begin() for a statement with parameters; *n_params_out: their number for libpq. */
QST_MUST_USE qst_status qst__pg_begin_with(
    const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params, int *n_params_out, qst_err *err);

/* After a PQsend...() that returned `ok`: sees to it that all goes out, or that nothing stays. */
QST_MUST_USE qst_status qst__pg_sent(const qst_ctx *ctx, qst_pg *pg, int ok, qst_err *err);

/* How many rows the statement of a result touched, -1 where that means nothing. NULL: -1. */
int64_t qst__pg_touched(PGresult *result);

/* Waits until all that was given to libpq has gone out. */
QST_MUST_USE qst_status qst__pg_flush(const qst_ctx *ctx, qst_pg *pg, qst_err *err);

/* Waits for bytes of the server and hands them to libpq. */
QST_MUST_USE qst_status qst__pg_receive(const qst_ctx *ctx, qst_pg *pg, qst_err *err);

/* The next result of what was sent, which the caller must clear; NULL after the last. */
QST_MUST_USE qst_status qst__pg_result(
    const qst_ctx *ctx, qst_pg *pg, PGresult **result_out, qst_err *err);

/* All results up to the last, beginning with `first` if that is not NULL. The first that failed
 * decides; else *last_out (where asked for; NULL after none) is the last one, for the caller to
 * clear. */
QST_MUST_USE qst_status qst__pg_finish(
    const qst_ctx *ctx, qst_pg *pg, PGresult *first, PGresult **last_out, qst_err *err);

/* Keeps the server's words of a failed result, which becomes the session's, and returns
 * QST_ESERVER, or QST_ECONNECTION where the session is gone. */
qst_status qst__pg_refused(qst_pg *pg, PGresult *result, qst_err *err);

/* What libpq says without a result: the session is gone if its socket is. */
qst_status qst__pg_broken(qst_pg *pg, qst_err *err);

/* Asks the server to stop what it does for `conn`, for so many seconds at most. */
void qst__pg_ask_to_cancel(PGconn *conn, int limit_s);

/* Tells the server to stop, and throws away what it still sends. A server that does not answer
 * for seconds, or sends what is no message, costs the session. In a forked child: nothing. */
void qst__pg_cancel(qst_pg *pg);

#endif

#endif
