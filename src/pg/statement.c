#include "pg/session.h"

#ifdef QST_HAVE_LIBPQ

#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_TICK = 1024, CHUNK_ROWS = 256 };

struct qst_pg_rows {
    qst_pg *pg; /* NULL: the session was closed */
    qst_allocator allocator;
    ptrdiff_t n_columns;
    qst_pg_rule *rules;
    qst_pg_column **columns; /* of the last fetch; NULL where dropped */
    PGresult *piece;         /* rows that libpq has given and that are not decoded yet */
    int next_in_piece;
    ptrdiff_t n_fetched;
    int64_t n_touched;
    bool at_end;
};

/* ---- Statements without rows ---- */

static int64_t touched(PGresult *result)
{
    const char *count = result == NULL ? "" : PQcmdTuples(result);
    return count[0] == '\0' ? -1 : (int64_t)strtoll(count, NULL, 10);
}

static qst_status sent(const qst_ctx *ctx, qst_pg *pg, int ok, qst_err *err)
{
    return ok == 1 ? qst__pg_flush(ctx, pg, err) : qst__pg_broken(pg, err);
}

/* What was half sent when the caller stopped is still the server's. */
static qst_status end_stopped(qst_pg *pg, qst_status status)
{
    if (status == QST_ECANCEL) {
        qst__pg_cancel(pg);
    }
    return status;
}

static qst_status check_params(const qst_pg_params *params, qst_err *err)
{
    if (params != NULL && params->n > UINT16_MAX) {
        return qst__fail(
            err, QST_EARGUMENT, "%td parameters, more than the 65535 a statement takes", params->n);
    }
    return QST_OK;
}

qst_status qst_pg_run(const qst_ctx *ctx, qst_pg *pg, const char *sql, const qst_pg_params *params,
    int64_t *n_rows_out, qst_err *err)
{
    const int n = params == NULL ? 0 : (int)qst__min(params->n, UINT16_MAX);
    PGresult *last = NULL;
    *n_rows_out = -1;
    qst_status status = check_params(params, err);
    if (status == QST_OK) {
        status = qst__pg_begin(ctx, pg, err);
    }
    if (status != QST_OK) {
        return status;
    }
    const int ok = n == 0
                       ? PQsendQuery(pg->conn, sql)
                       : PQsendQueryParams(pg->conn, sql, n, NULL, params->values, NULL, NULL, 0);
    status = end_stopped(pg, sent(ctx, pg, ok, err));
    if (status == QST_OK) {
        status = qst__pg_finish(ctx, pg, NULL, &last, err);
    }
    *n_rows_out = touched(last);
    PQclear(last);
    return status;
}

/* ---- Preparing ---- */

qst_status qst_pg_prepare(const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err)
{
    PGresult *shape = NULL;
    qst_status status = qst__pg_begin(ctx, pg, err);
    if (status != QST_OK) {
        return status;
    }
    PQclear(pg->shape);
    pg->shape = NULL;
    status = end_stopped(pg, sent(ctx, pg, PQsendPrepare(pg->conn, "", sql, 0, NULL), err));
    if (status == QST_OK) {
        status = qst__pg_finish(ctx, pg, NULL, NULL, err);
    }
    if (status == QST_OK) {
        status = end_stopped(pg, sent(ctx, pg, PQsendDescribePrepared(pg->conn, ""), err));
    }
    if (status == QST_OK) {
        status = qst__pg_finish(ctx, pg, NULL, &shape, err);
    }
    pg->shape = shape;
    return status;
}

ptrdiff_t qst_pg_n_fields(const qst_pg *pg)
{
    return PQnfields(pg->shape);
}

qst_pg_field qst_pg_field_at(const qst_pg *pg, ptrdiff_t j)
{
    const int at = (int)j;
    return (qst_pg_field){.name = PQfname(pg->shape, at),
        .oid = PQftype(pg->shape, at),
        .typmod = PQfmod(pg->shape, at),
        .table_oid = PQftable(pg->shape, at),
        .table_column = PQftablecol(pg->shape, at)};
}

ptrdiff_t qst_pg_n_params(const qst_pg *pg)
{
    return PQnparams(pg->shape);
}

uint32_t qst_pg_param_oid(const qst_pg *pg, ptrdiff_t k)
{
    return PQparamtype(pg->shape, (int)k);
}

/* ---- Starting ---- */

static qst_status new_rows(const qst_ctx *ctx, qst_pg *pg, const qst_pg_rule *rules,
    ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err)
{
    qst_ctx usual;
    qst_ctx_init(&usual);
    const qst_allocator allocator = ctx != NULL ? ctx->allocator : usual.allocator;
    const size_t n = (size_t)n_rules;
    const size_t lists = n * (sizeof *rules + sizeof(qst_pg_column *));
    /* One block: the struct, then the pointers, then the rules. */
    qst_pg_rows *rows = allocator.get(allocator.data, sizeof *rows + lists);
    if (rows == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a result");
    }
    qst_pg_column **columns = (qst_pg_column **)(void *)(rows + 1);
    *rows = (qst_pg_rows){.pg = pg,
        .allocator = allocator,
        .n_columns = n_rules,
        .columns = columns,
        .rules = (qst_pg_rule *)(void *)(columns + n),
        .n_touched = -1};
    for (size_t j = 0; j < n; j++) {
        rows->columns[j] = NULL;
        rows->rules[j] = rules[j];
    }
    *rows_out = rows;
    return QST_OK;
}

qst_status qst_pg_rows_none(const qst_ctx *ctx, const qst_pg_rule *rules, ptrdiff_t n_rules,
    qst_pg_rows **rows_out, qst_err *err)
{
    *rows_out = NULL;
    const qst_status status = new_rows(ctx, NULL, rules, n_rules, rows_out, err);
    if (status == QST_OK) {
        (*rows_out)->at_end = true;
    }
    return status;
}

static int ask_for_pieces(PGconn *conn)
{
#ifdef LIBPQ_HAS_CHUNK_MODE
    return PQsetChunkedRowsMode(conn, CHUNK_ROWS);
#else
    return PQsetSingleRowMode(conn);
#endif
}

qst_status qst_pg_start(const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err)
{
    const int n_params = params == NULL ? 0 : (int)qst__min(params->n, UINT16_MAX);
    qst_pg_rows *rows = NULL;
    *rows_out = NULL;
    qst_status status = check_params(params, err);
    if (status == QST_OK) {
        status = qst__pg_begin(ctx, pg, err);
    }
    if (status == QST_OK && n_rules != PQnfields(pg->shape)) {
        status = qst__fail(err, QST_EDIMENSION, "%td rules for the %d columns of the statement",
            n_rules, PQnfields(pg->shape));
    }
    if (status == QST_OK) {
        status = new_rows(ctx, pg, rules, n_rules, &rows, err);
    }
    if (status != QST_OK) {
        return status;
    }
    const int ok = PQsendQueryPrepared(
        pg->conn, "", n_params, n_params > 0 ? params->values : NULL, NULL, NULL, 1);
    if (ok == 1 && ask_for_pieces(pg->conn) == 1) {
        status = end_stopped(pg, qst__pg_flush(ctx, pg, err));
    } else {
        status = qst__pg_broken(pg, err);
    }
    if (status == QST_OK) {
        pg->rows = rows;
        *rows_out = rows;
    } else {
        qst_pg_rows_free(rows);
    }
    return status;
}

/* ---- Fetching ---- */

static void finish_rows(qst_pg_rows *rows)
{
    rows->at_end = true;
    PQclear(rows->piece);
    rows->piece = NULL;
    if (rows->pg != NULL && rows->pg->rows == rows) {
        rows->pg->rows = NULL;
    }
}

static bool has_rows(const PGresult *result)
{
    const ExecStatusType kind = PQresultStatus(result);
#ifdef LIBPQ_HAS_CHUNK_MODE
    return kind == PGRES_SINGLE_TUPLE || kind == PGRES_TUPLES_CHUNK;
#else
    return kind == PGRES_SINGLE_TUPLE;
#endif
}

/* Each piece says again what its columns are; a server could lie. */
static qst_status check_piece(const qst_pg_rows *rows, const PGresult *piece, qst_err *err)
{
    if (PQnfields(piece) != rows->n_columns) {
        return qst__fail(err, QST_EPROTOCOL, "a row of %d columns among rows of %td",
            PQnfields(piece), rows->n_columns);
    }
    for (int j = 0; rows->n_fetched == 0 && j < PQnfields(piece); j++) {
        if (PQfformat(piece, j) != 1 || PQftype(piece, j) != PQftype(rows->pg->shape, j)) {
            return qst__fail_at(err, QST_EPROTOCOL, -1, j, (double)NAN,
                "a column came as another type than the server had announced");
        }
    }
    return QST_OK;
}

/* The next piece that has rows, or the end. */
static qst_status next_piece(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    PGresult *result, *last;
    PQclear(rows->piece);
    rows->piece = NULL;
    rows->next_in_piece = 0;
    qst_status status = qst__pg_result(ctx, rows->pg, &result, err);
    if (status != QST_OK) {
        return status;
    }
    if (result != NULL && has_rows(result)) {
        rows->piece = result;
        return check_piece(rows, result, err);
    }
    status = qst__pg_finish(ctx, rows->pg, result, &last, err);
    rows->n_touched = touched(last);
    PQclear(last);
    finish_rows(rows);
    return status;
}

static qst_status add_row(qst_pg_rows *rows, qst_err *err)
{
    const PGresult *piece = rows->piece;
    const int row = rows->next_in_piece;
    for (int j = 0; j < (int)rows->n_columns; j++) {
        int n_bytes = PQgetlength(piece, row, j);
        if (n_bytes == 0 && PQgetisnull(piece, row, j) != 0) {
            n_bytes = -1; /* libpq says 0 of NULL: one call for most values, not two */
        }
        const qst_status status = qst_pg_column_add(
            rows->columns[j], (const unsigned char *)PQgetvalue(piece, row, j), n_bytes, err);
        if (status != QST_OK) {
            if (err != NULL) {
                err->row = rows->n_fetched;
                err->column = j;
            }
            return status;
        }
    }
    rows->next_in_piece++;
    rows->n_fetched++;
    return QST_OK;
}

static void drop_columns(qst_pg_rows *rows)
{
    for (ptrdiff_t j = 0; j < rows->n_columns; j++) {
        qst_pg_rows_drop(rows, j);
    }
}

static qst_status new_columns(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    qst_status status = QST_OK;
    drop_columns(rows);
    for (ptrdiff_t j = 0; j < rows->n_columns && status == QST_OK; j++) {
        status = qst_pg_column_new(ctx, &rows->rules[j], &rows->columns[j], err);
    }
    return status;
}

static qst_status add_rows(const qst_ctx *ctx, qst_pg_rows *rows, ptrdiff_t n_max, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    qst_status status = QST_OK;
    for (ptrdiff_t n = 0; n != n_max && status == QST_OK; n++) {
        if (rows->piece == NULL || rows->next_in_piece == PQntuples(rows->piece)) {
            status = next_piece(ctx, rows, err);
            if (rows->at_end) {
                return status;
            }
        }
        if (status == QST_OK) {
            status = add_row(rows, err);
        }
        if (status == QST_OK && n % ROWS_PER_TICK == 0) {
            status = qst__tick(&ticker, err);
        }
    }
    return status;
}

/* After a value that cannot be held, or a wish to stop, the session is to be usable again. */
static void give_up(qst_pg_rows *rows)
{
    if (!rows->at_end) {
        qst_pg *pg = rows->pg;
        finish_rows(rows);
        if (pg != NULL && !pg->is_lost) {
            qst__pg_cancel(pg);
        }
    }
}

qst_status qst_pg_fetch(const qst_ctx *ctx, qst_pg_rows *rows, ptrdiff_t n_max, qst_err *err)
{
    qst_status status = new_columns(ctx, rows, err);
    if (status == QST_OK && !rows->at_end && rows->pg == NULL) {
        status = qst__fail(err, QST_ECONNECTION, "the session of these rows was closed");
    }
    if (status == QST_OK && !rows->at_end) {
        status = add_rows(ctx, rows, n_max, err);
    }
    if (status != QST_OK) {
        give_up(rows);
    }
    return status;
}

/* ---- What was fetched ---- */

qst_pg_column *qst_pg_rows_column(qst_pg_rows *rows, ptrdiff_t j)
{
    return rows->columns[j];
}

ptrdiff_t qst_pg_rows_n_columns(const qst_pg_rows *rows)
{
    return rows->n_columns;
}

void qst_pg_rows_drop(qst_pg_rows *rows, ptrdiff_t j)
{
    qst_pg_column_free(rows->columns[j]);
    rows->columns[j] = NULL;
}

bool qst_pg_rows_at_end(const qst_pg_rows *rows)
{
    return rows->at_end;
}

ptrdiff_t qst_pg_rows_fetched(const qst_pg_rows *rows)
{
    return rows->n_fetched;
}

int64_t qst_pg_rows_touched(const qst_pg_rows *rows)
{
    return rows->n_touched;
}

/* ---- Ending ---- */

void qst_pg_abandon(qst_pg *pg)
{
    qst_pg_rows *rows = pg->rows;
    if (rows != NULL) {
        pg->is_dirty = true;
        finish_rows(rows);
        rows->pg = NULL;
    }
}

qst_status qst_pg_rows_stop(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    (void)ctx;
    qst_pg *pg = rows->pg;
    give_up(rows);
    if (pg != NULL && pg->is_lost) {
        return qst__fail(err, QST_ECONNECTION, "the session was lost while a result was ended");
    }
    return QST_OK;
}

void qst_pg_rows_free(qst_pg_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    const qst_allocator allocator = rows->allocator;
    if (!rows->at_end && rows->pg != NULL) {
        qst_pg_abandon(rows->pg);
    }
    drop_columns(rows);
    allocator.release(allocator.data, rows);
}

#endif
