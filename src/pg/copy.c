#include "pg/copy.h"

#include "base/base.h"

#ifdef QST_HAVE_LIBPQ

#include "pg/session.h"

#include <stdlib.h>

/* Encoded, then sent: little enough that the server works on one piece while the next is encoded.
 * Rows may be larger, and then go in several messages. */
enum { PIECE_BYTES = 1 << 16, MOST_BYTES = 1 << 24 };

/* libpq counts in int; a session that is gone takes bytes as if it were not. */
static qst_status send_part(
    const qst_ctx *ctx, qst_pg *pg, const unsigned char *bytes, size_t n_bytes, qst_err *err)
{
    int queued;
    qst_status status = QST_OK;
    do {
        queued = PQputCopyData(pg->conn, (const char *)bytes, (int)n_bytes);
        status = queued < 0 || PQstatus(pg->conn) == CONNECTION_BAD ? qst__pg_broken(pg, err)
                                                                    : qst__pg_flush(ctx, pg, err);
    } while (status == QST_OK && queued == 0);
    return status;
}

static qst_status send_bytes(
    const qst_ctx *ctx, qst_pg *pg, const qst_pg_bytes *bytes, qst_err *err)
{
    qst_status status = QST_OK;
    for (size_t at = 0; status == QST_OK && at < bytes->n; at += MOST_BYTES) {
        const size_t n_left = bytes->n - at;
        status =
            send_part(ctx, pg, bytes->data + at, n_left < MOST_BYTES ? n_left : MOST_BYTES, err);
    }
    return status;
}

/* What stands before or after all rows. */
static qst_status send_mark(const qst_ctx *ctx, qst_pg *pg,
    qst_status (*encode)(qst_pg_bytes *out, qst_err *err), qst_err *err)
{
    qst_pg_bytes mark;
    qst_pg_bytes_init(&mark, ctx);
    qst_status status = encode(&mark, err);
    if (status == QST_OK) {
        status = send_bytes(ctx, pg, &mark, err);
    }
    qst_pg_bytes_free(&mark);
    return status;
}

qst_status qst_pg_copy_begin(const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err)
{
    PGresult *result = NULL;
    qst_status status = qst__pg_begin(ctx, pg, err);
    if (status != QST_OK) {
        return status;
    }
    pg->is_dirty = true;
    status =
        PQsendQuery(pg->conn, sql) != 0 ? qst__pg_flush(ctx, pg, err) : qst__pg_broken(pg, err);
    if (status == QST_OK) {
        status = qst__pg_result(ctx, pg, &result, err);
    }
    if (status != QST_OK) {
        return status;
    }
    if (PQresultStatus(result) != PGRES_COPY_IN) {
        status = qst__pg_finish(ctx, pg, result, NULL, err);
        pg->is_dirty = false;
        return status != QST_OK ? status
                                : qst__fail(err, QST_EARGUMENT, "this is not a COPY FROM STDIN");
    }
    PQclear(result);
    return send_mark(ctx, pg, qst_pg_encode_begin, err);
}

qst_status qst_pg_copy_rows(const qst_ctx *ctx, qst_pg *pg, const qst_pg_encoded *columns,
    ptrdiff_t n_columns, ptrdiff_t n_rows, qst_err *err)
{
    qst_pg_bytes piece;
    qst_pg_bytes_init(&piece, ctx);
    qst_status status = qst__pg_check_owner(pg, err);
    for (ptrdiff_t next = 0; status == QST_OK && next < n_rows;) {
        piece.n = 0;
        status =
            qst_pg_encode_rows(columns, n_columns, next, n_rows, PIECE_BYTES, &piece, &next, err);
        if (status == QST_OK) {
            status = send_bytes(ctx, pg, &piece, err);
        }
    }
    qst_pg_bytes_free(&piece);
    return status;
}

/* An end that libpq could not take for want of room is given again once some has gone out. */
static qst_status send_end(const qst_ctx *ctx, qst_pg *pg, qst_err *err)
{
    int queued;
    qst_status status = QST_OK;
    do {
        queued = PQputCopyEnd(pg->conn, NULL);
        status = queued < 0 ? qst__pg_broken(pg, err) : qst__pg_flush(ctx, pg, err);
    } while (status == QST_OK && queued == 0);
    return status;
}

qst_status qst_pg_copy_end(const qst_ctx *ctx, qst_pg *pg, int64_t *n_rows_out, qst_err *err)
{
    PGresult *last = NULL;
    *n_rows_out = 0;
    qst_status status = qst__pg_check_owner(pg, err);
    if (status == QST_OK) {
        status = send_mark(ctx, pg, qst_pg_encode_end, err);
    }
    if (status == QST_OK) {
        status = send_end(ctx, pg, err);
    }
    if (status != QST_OK) {
        return status;
    }
    status = qst__pg_finish(ctx, pg, NULL, &last, err);
    pg->is_dirty = false;
    if (status == QST_OK && last != NULL) {
        *n_rows_out = (int64_t)strtoll(PQcmdTuples(last), NULL, 10);
    }
    PQclear(last);
    return status;
}

#else

qst_status qst_pg_copy_begin(const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err)
{
    (void)ctx, (void)pg, (void)sql;
    return qst__fail(err, QST_ECONNECTION, "this build has no libpq");
}

qst_status qst_pg_copy_rows(const qst_ctx *ctx, qst_pg *pg, const qst_pg_encoded *columns,
    ptrdiff_t n_columns, ptrdiff_t n_rows, qst_err *err)
{
    (void)columns, (void)n_columns, (void)n_rows;
    return qst_pg_copy_begin(ctx, pg, NULL, err);
}

qst_status qst_pg_copy_end(const qst_ctx *ctx, qst_pg *pg, int64_t *n_rows_out, qst_err *err)
{
    *n_rows_out = 0;
    return qst_pg_copy_begin(ctx, pg, NULL, err);
}

#endif
