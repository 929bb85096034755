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

#include "pg/column.h"
#include "pg/conninfo.h"

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

/* Fills in what the environment and its service say, where `info` says nothing. QST_EARGUMENT: a
 * keyword that this libpq does not know yet. */
QST_MUST_USE qst_status qst_pg_defaults(qst_conninfo *info, qst_err *err);

/* Opens a session with settings that have been judged (qst_conninfo_check), which belong to it
 * then. It must stand within connect_timeout seconds, 10 if nothing says otherwise.
 * QST_ECONNECTION: refused or no answer. */
QST_MUST_USE qst_status qst_pg_open(
    const qst_ctx *ctx, qst_conninfo *info, qst_pg **pg_out, qst_err *err);

/* Ends the session and frees it. Rows that are still being read end with it. NULL: nothing. */
void qst_pg_close(qst_pg *pg);

/* Gives up the result that is being read, if there is one: the next statement cancels it first, and
 * to fetch more of its rows is QST_EARGUMENT. */
void qst_pg_abandon(qst_pg *pg);

/* Cancels what was given up or left unread, so that the session's transaction can be told. Takes
 * seconds at most. */
void qst_pg_settle(qst_pg *pg);

/* Not lost, and of this process. Asks nothing of the server. */
bool qst_pg_is_usable(const qst_pg *pg);

/* What the last failure was; never NULL. */
const qst_pg_failure *qst_pg_last_failure(const qst_pg *pg);

/* The server's own words since the last call (notices and warnings), as "SEVERITY: text" one a
 * line; "" if there are none. They are forgotten by the next call. */
const char *qst_pg_notices(qst_pg *pg);

/* What the session is and where, asked of libpq, not of the server. Texts live as long as it. */
typedef struct {
    const char *host, *port, *database, *user;
    int server_version; /* 150018 */
    int32_t backend;    /* process id of the server's side */
    bool is_encrypted;  /* by TLS */
    char transaction;   /* 'I' idle, 'T' in one, 'E' in a failed one, 'A' active, 'X' unknown */
} qst_pg_info;
qst_pg_info qst_pg_describe(const qst_pg *pg);

/* ---- Statements: statement.c, rows.c ---- */

/* Values bound to $1 ... $n, in text format as the server reads it; NULL is SQL's NULL. */
typedef struct {
    const char *const *values;
    ptrdiff_t n;
} qst_pg_params;

/* Runs one statement (several if it has no parameters) and throws its rows away. *n_rows_out: how
 * many rows it touched, -1 where that means nothing. QST_ESERVER: the server refused it. */
QST_MUST_USE qst_status qst_pg_run(const qst_ctx *ctx, qst_pg *pg, const char *sql,
    const qst_pg_params *params, int64_t *n_rows_out, qst_err *err);

/* Parses a statement and asks what it takes and gives. It stays prepared until the next qst_pg_run
 * with parameters or qst_pg_prepare. */
QST_MUST_USE qst_status qst_pg_prepare(
    const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err);

/* What the prepared statement gives, a field a column, and what it takes. */
typedef struct {
    const char *name;
    uint32_t oid; /* of its type */
    int32_t typmod;
    uint32_t table_oid; /* 0: not a table's column */
    int32_t table_column;
} qst_pg_field;
ptrdiff_t qst_pg_n_fields(const qst_pg *pg);
qst_pg_field qst_pg_field_at(const qst_pg *pg, ptrdiff_t j);
ptrdiff_t qst_pg_n_params(const qst_pg *pg);
uint32_t qst_pg_param_oid(const qst_pg *pg, ptrdiff_t k);

/*
 * The rows of a prepared statement on their way, in binary and one after the
 * other: the server's side never waits in memory. A session reads one result
 * at a time; another statement meanwhile is QST_EARGUMENT.
 */
typedef struct qst_pg_rows qst_pg_rows;

/* Sends the prepared statement off. A rule for each field; they are copied. */
QST_MUST_USE qst_status qst_pg_start(const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err);

/*
 * The same by COPY, which takes no parameters and costs libpq less a row: `copy_sql` is "COPY (...)
 * TO STDOUT (FORMAT binary)" around the prepared statement, whose columns the rules are for.
 */
QST_MUST_USE qst_status qst_pg_start_copy(const qst_ctx *ctx, qst_pg *pg, const char *copy_sql,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err);

/* Rows of no session, read to their end already: the columns a statement would give. */
QST_MUST_USE qst_status qst_pg_rows_none(const qst_ctx *ctx, const qst_pg_rule *rules,
    ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err);

/*
 * Reads up to n_max rows more (-1: all) into columns made anew. A value that
 * cannot be held is named by err->row, counted from the first row of the
 * result, and err->column; the statement is then cancelled and the rows end.
 */
QST_MUST_USE qst_status qst_pg_fetch(
    const qst_ctx *ctx, qst_pg_rows *rows, ptrdiff_t n_max, qst_err *err);

/* The j-th column of the rows fetched last, and how many columns there are. */
qst_pg_column *qst_pg_rows_column(qst_pg_rows *rows, ptrdiff_t j);
ptrdiff_t qst_pg_rows_n_columns(const qst_pg_rows *rows);

/* Gives the memory of a column back; it must not be asked for again. */
void qst_pg_rows_drop(qst_pg_rows *rows, ptrdiff_t j);

/* All rows have been read, or will never be; how many in all; how many the statement touched, -1
 * if that is not known or means nothing. */
bool qst_pg_rows_at_end(const qst_pg_rows *rows);
ptrdiff_t qst_pg_rows_fetched(const qst_pg_rows *rows);
int64_t qst_pg_rows_touched(const qst_pg_rows *rows);

/* Ends a result: what is unread is cancelled and drained. */
QST_MUST_USE qst_status qst_pg_rows_stop(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err);

/* Frees it without a word to the server: what is unread is cancelled before the next statement of
 * the session, which may be closed already. NULL: nothing. */
void qst_pg_rows_free(qst_pg_rows *rows);

#endif
