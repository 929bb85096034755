#include "pg/framing.h"
#include "pg/session.h"

#ifdef QST_HAVE_LIBPQ

#include "base/base.h"

#include <math.h>
#include <string.h>

enum { ROWS_PER_TICK = 1024, CHUNK_ROWS = 256 };

struct qst_pg_rows {
    qst_pg *pg; /* NULL: the session was closed */
    qst_allocator allocator;
    ptrdiff_t n_columns;
    qst_pg_rule *rules;
    qst_pg_column **columns; /* of the last fetch; NULL where dropped */
    bool is_copy;
    /* What libpq has given and is not decoded yet: a result of a few rows, or a message of COPY. */
    PGresult *piece;
    int next_in_piece;
    char *message;
    qst__row_bytes bytes;
    bool has_begun; /* the header of COPY was read */
    ptrdiff_t n_fetched;
    int64_t n_touched;
    bool at_end;
};

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

/* Before a statement is sent: the session is free, and the rules are those of its columns. */
static qst_status begin_rows(const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params,
    const qst_pg_rule *rules, ptrdiff_t n_rules, int *n_params_out, qst_pg_rows **rows_out,
    qst_err *err)
{
    *rows_out = NULL;
    qst_status status = qst__pg_begin_with(ctx, pg, params, n_params_out, err);
    if (status == QST_OK && n_rules != PQnfields(pg->shape)) {
        status = qst__fail(err, QST_EDIMENSION, "%td rules for the %d columns of the statement",
            n_rules, PQnfields(pg->shape));
    }
    return status == QST_OK ? new_rows(ctx, pg, rules, n_rules, rows_out, err) : status;
}

/* After it: the session reads them, or they are no more. */
static qst_status keep_rows(qst_pg_rows **rows, qst_status status)
{
    if (status == QST_OK) {
        (*rows)->pg->rows = *rows;
    } else if (*rows != NULL) {
        (*rows)->at_end = true;
        qst_pg_rows_free(*rows);
        *rows = NULL;
    }
    return status;
}

qst_status qst_pg_start(const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err)
{
    int n;
    qst_status status = begin_rows(ctx, pg, params, rules, n_rules, &n, rows_out, err);
    if (status == QST_OK) {
        const char *const *values = n > 0 ? params->values : NULL;
        const int ok = PQsendQueryPrepared(pg->conn, "", n, values, NULL, NULL, 1);
        status = qst__pg_sent(ctx, pg, ok == 1 ? ask_for_pieces(pg->conn) : ok, err);
    }
    return keep_rows(rows_out, status);
}

/* The server's answer to a COPY: it begins, or fails. */
static qst_status begin_copy(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    PGresult *result;
    qst_status status = qst__pg_result(ctx, rows->pg, &result, err);
    if (status == QST_ECANCEL) {
        qst__pg_cancel(rows->pg);
    }
    if (status != QST_OK) {
        return status;
    }
    if (PQresultStatus(result) != PGRES_COPY_OUT) {
        status = qst__pg_finish(ctx, rows->pg, result, NULL, err);
        return status != QST_OK ? status : qst__fail(err, QST_EPROTOCOL, "COPY did not begin");
    }
    if (PQnfields(result) != rows->n_columns || PQbinaryTuples(result) != 1) {
        qst__pg_cancel(rows->pg);
        status = qst__fail(err, QST_EPROTOCOL, "COPY began with other columns than announced");
    }
    PQclear(result);
    return status;
}

qst_status qst_pg_start_copy(const qst_ctx *ctx, qst_pg *pg, const char *copy_sql,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err)
{
    int n;
    qst_status status = begin_rows(ctx, pg, NULL, rules, n_rules, &n, rows_out, err);
    if (status == QST_OK) {
        (*rows_out)->is_copy = true;
        status = qst__pg_sent(ctx, pg, PQsendQuery(pg->conn, copy_sql), err);
    }
    if (status == QST_OK) {
        status = begin_copy(ctx, *rows_out, err);
    }
    return keep_rows(rows_out, status);
}

/* ---- Fetching ---- */

static void drop_piece(qst_pg_rows *rows)
{
    PQclear(rows->piece);
    PQfreemem(rows->message);
    rows->piece = NULL;
    rows->message = NULL;
    rows->next_in_piece = 0;
    rows->bytes = (qst__row_bytes){NULL, NULL};
}

static void finish_rows(qst_pg_rows *rows)
{
    rows->at_end = true;
    drop_piece(rows);
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

/* The statement has ended: `result`, which may be NULL, is its last or the failure. */
static qst_status end_rows(const qst_ctx *ctx, qst_pg_rows *rows, PGresult *result, qst_err *err)
{
    PGresult *last;
    const qst_status status = qst__pg_finish(ctx, rows->pg, result, &last, err);
    rows->n_touched = qst__pg_touched(last);
    PQclear(last);
    finish_rows(rows);
    return status;
}

/* The next piece that has rows, or the end. */
static qst_status next_piece(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    PGresult *result;
    drop_piece(rows);
    const qst_status status = qst__pg_result(ctx, rows->pg, &result, err);
    if (status != QST_OK) {
        return status;
    }
    if (result == NULL || !has_rows(result)) {
        return end_rows(ctx, rows, result, err);
    }
    rows->piece = result;
    return check_piece(rows, result, err);
}

static qst_status add_row(qst_pg_rows *rows, qst_err *err)
{
    const PGresult *piece = rows->piece;
    const int row = rows->next_in_piece;
    for (int j = 0; j < (int)rows->n_columns; j++) {
        const int n_bytes = PQgetisnull(piece, row, j) != 0 ? -1 : PQgetlength(piece, row, j);
        const qst_status status = qst_pg_column_add(
            rows->columns[j], (const unsigned char *)PQgetvalue(piece, row, j), n_bytes, err);
        if (status != QST_OK) {
            if (err != NULL) {
                err->column = j;
            }
            return status;
        }
    }
    rows->next_in_piece++;
    return QST_OK;
}

static qst_status next_of_pieces(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    qst_status status = QST_OK;
    if (rows->piece == NULL || rows->next_in_piece == PQntuples(rows->piece)) {
        status = next_piece(ctx, rows, err);
    }
    return status != QST_OK || rows->at_end ? status : add_row(rows, err);
}

/* ---- COPY ---- */

/* The next message, or the end; the first begins with a header. */
static qst_status next_message(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    int n;
    drop_piece(rows);
    while ((n = PQgetCopyData(rows->pg->conn, &rows->message, 1)) == 0) {
        const qst_status status = qst__pg_receive(ctx, rows->pg, err);
        if (status != QST_OK) {
            return status;
        }
    }
    if (n == -2) {
        return qst__pg_broken(rows->pg, err);
    }
    if (n == -1) {
        return end_rows(ctx, rows, NULL, err);
    }
    const unsigned char *at = (const unsigned char *)rows->message;
    rows->bytes = (qst__row_bytes){at, at + n};
    if (!rows->has_begun) {
        rows->has_begun = true;
        return qst__row_bytes_begin(&rows->bytes, err);
    }
    return QST_OK;
}

/* The mark that ends all rows is followed by nothing but the end. */
static qst_status next_of_copy(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    qst_status status = QST_OK;
    bool is_mark = true;
    while (status == QST_OK && is_mark && !rows->at_end) {
        while (status == QST_OK && rows->bytes.at == rows->bytes.end && !rows->at_end) {
            status = next_message(ctx, rows, err);
        }
        if (status == QST_OK && !rows->at_end) {
            status =
                qst__row_bytes_add(&rows->bytes, rows->columns, rows->n_columns, &is_mark, err);
        }
    }
    return status;
}

/* ---- Either ---- */

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
        status = rows->is_copy ? next_of_copy(ctx, rows, err) : next_of_pieces(ctx, rows, err);
        if (rows->at_end) {
            return status;
        }
        if (status != QST_OK && err != NULL && err->column >= 0) {
            err->row = rows->n_fetched;
        }
        rows->n_fetched += status == QST_OK;
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

/* More can be read, and by this process. */
static qst_status check_reader(const qst_pg_rows *rows, qst_err *err)
{
    if (rows->pg == NULL) {
        return qst__fail(err, QST_EARGUMENT,
            "These rows were given up when their transaction or session ended. Run the query "
            "again.");
    }
    return qst__pg_check_owner(rows->pg, err);
}

qst_status qst_pg_fetch(const qst_ctx *ctx, qst_pg_rows *rows, ptrdiff_t n_max, qst_err *err)
{
    qst_status status = new_columns(ctx, rows, err);
    if (status == QST_OK && !rows->at_end) {
        status = check_reader(rows, err);
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
        rows->at_end = false; /* who fetches on must not take what there was for all */
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
