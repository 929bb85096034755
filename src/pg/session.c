/* clock_gettime() and getpid() under -std=c11. */
#define _POSIX_C_SOURCE 200809L

#include "pg/session.h"

#ifdef QST_HAVE_LIBPQ

#include "base/base.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_TIMEOUT_S = 10,
    DRAIN_MS = 5000,
    CANCEL_S = 2,
    DEFAULT_POLL_MS = 50,
    MAX_NOTICES = 65536
};

/* ---- Waiting ---- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static qst_status asked_to_stop(const qst_ctx *ctx, qst_err *err)
{
    if (ctx != NULL && ctx->poll != NULL && ctx->poll(ctx->poll_data)) {
        return qst__fail(err, QST_ECANCEL, "stopped as asked");
    }
    return QST_OK;
}

/* Until the socket can be read or written as `events` say, asking the caller now and then; a signal
 * asks at once. *ready_out: which of them, 0 after one turn without. */
static qst_status wait_a_turn(
    const qst_ctx *ctx, PGconn *conn, short events, short *ready_out, qst_err *err)
{
    struct pollfd watched = {.fd = PQsocket(conn), .events = events};
    *ready_out = 0;
    if (watched.fd < 0) {
        return QST_OK;
    }
    const int n = poll(&watched, 1, ctx != NULL ? ctx->poll_ms : DEFAULT_POLL_MS);
    if (n > 0) {
        *ready_out = watched.revents;
        return QST_OK;
    }
    return asked_to_stop(ctx, err);
}

static qst_status wait_for(
    const qst_ctx *ctx, qst_pg *pg, short events, short *ready_out, qst_err *err)
{
    qst_status status = QST_OK;
    *ready_out = 0;
    while (status == QST_OK && *ready_out == 0) {
        if (PQsocket(pg->conn) < 0) {
            return qst__pg_broken(pg, err);
        }
        status = wait_a_turn(ctx, pg->conn, events, ready_out, err);
    }
    return status;
}

/* Where bytes come without a pause nothing is waited for, so the caller is asked by the clock. */
static qst_status ask_in_time(const qst_ctx *ctx, qst_pg *pg, qst_err *err)
{
    const double now = now_ms();
    if (ctx == NULL || now - pg->asked_ms < ctx->poll_ms) {
        return QST_OK;
    }
    pg->asked_ms = now;
    return asked_to_stop(ctx, err);
}

qst_status qst__pg_receive(const qst_ctx *ctx, qst_pg *pg, qst_err *err)
{
    short ready;
    qst_status status = wait_for(ctx, pg, POLLIN, &ready, err);
    if (status == QST_OK) {
        status = ask_in_time(ctx, pg, err);
    }
    if (status == QST_OK && PQconsumeInput(pg->conn) == 0) {
        return qst__pg_broken(pg, err);
    }
    return status;
}

/* A server that sends while we send must be read, or both wait for ever. */
qst_status qst__pg_flush(const qst_ctx *ctx, qst_pg *pg, qst_err *err)
{
    int left;
    while ((left = PQflush(pg->conn)) == 1) {
        short ready;
        const qst_status status = wait_for(ctx, pg, POLLIN | POLLOUT, &ready, err);
        if (status != QST_OK) {
            return status;
        }
        if ((ready & POLLIN) != 0 && PQconsumeInput(pg->conn) == 0) {
            return qst__pg_broken(pg, err);
        }
    }
    return left == 0 ? QST_OK : qst__pg_broken(pg, err);
}

qst_status qst__pg_result(const qst_ctx *ctx, qst_pg *pg, PGresult **result_out, qst_err *err)
{
    *result_out = NULL;
    while (PQisBusy(pg->conn) != 0) {
        const qst_status status = qst__pg_receive(ctx, pg, err);
        if (status != QST_OK) {
            return status;
        }
    }
    *result_out = PQgetResult(pg->conn);
    return QST_OK;
}

/* ---- Failures ---- */

/* Bytes that are no UTF-8 become '?', in place: a server may send anything. */
static void make_valid(char *text)
{
    unsigned char *at = (unsigned char *)text;
    while (*at != '\0') {
        const int more = *at < 0x80 ? 0 : *at >= 0xC2 && *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3;
        bool ok = *at < 0x80 || (*at >= 0xC2 && *at <= 0xF4);
        for (int k = 1; ok && k <= more; k++) {
            ok = (at[k] & 0xC0) == 0x80;
        }
        ok = ok && !(*at == 0xE0 && at[1] < 0xA0) && !(*at == 0xED && at[1] > 0x9F) &&
             !(*at == 0xF0 && at[1] < 0x90) && !(*at == 0xF4 && at[1] > 0x8F);
        if (!ok) {
            *at = '?';
        }
        at += ok ? more + 1 : 1;
    }
}

/* Valid and without secrets, in place. */
static const char *tidy_text(const qst_conninfo *info, char *text)
{
    if (text == NULL) {
        return "";
    }
    make_valid(text);
    qst_conninfo_scrub(info, text);
    return text;
}

static const char *field_text(const qst_pg *pg, const PGresult *result, int field)
{
    return tidy_text(pg->info, PQresultErrorField(result, field));
}

/* Fails with what libpq says. A password may be of a password file, and a server that was told it
 * in clear can send it back. */
static qst_status libpq_failed(qst_conninfo *info, PGconn *conn, qst_err *err)
{
    const char *password = PQpass(conn), *words = PQerrorMessage(conn);
    char *copy = malloc(strlen(words) + 1);
    qst_status status = copy != NULL ? QST_OK : QST_ENOMEM;
    if (status == QST_OK && password != NULL) {
        status = qst_conninfo_default(info, "password", password, err);
    }
    if (status == QST_OK) {
        strcpy(copy, words);
        status = qst__fail(err, QST_ECONNECTION, "%s", tidy_text(info, copy));
    } else {
        status = qst__fail(err, QST_ENOMEM, "no memory for what libpq says");
    }
    free(copy);
    return status;
}

static void forget_failure(qst_pg *pg)
{
    PQclear(pg->refusal);
    pg->refusal = NULL;
    pg->failure = (qst_pg_failure){"", "", "", "", "", "", "", "", "", 0, pg->is_lost};
}

/* After FATAL the server closes the session, which libpq only sees when it reads on. */
static bool ends_session(const qst_pg *pg, const PGresult *result)
{
    const char *severity = field_text(pg, result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

static void note_loss(qst_pg *pg)
{
    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        pg->is_lost = true;
    }
    pg->failure.is_lost = pg->is_lost;
}

qst_status qst__pg_refused(qst_pg *pg, PGresult *result, qst_err *err)
{
    forget_failure(pg);
    pg->refusal = result;
    const char *position = field_text(pg, result, PG_DIAG_STATEMENT_POSITION);
    const char *message = field_text(pg, result, PG_DIAG_MESSAGE_PRIMARY);
    if (message[0] == '\0') {
        message = tidy_text(pg->info, PQresultErrorMessage(result));
    }
    pg->failure = (qst_pg_failure){.sqlstate = field_text(pg, result, PG_DIAG_SQLSTATE),
        .message = message,
        .detail = field_text(pg, result, PG_DIAG_MESSAGE_DETAIL),
        .hint = field_text(pg, result, PG_DIAG_MESSAGE_HINT),
        .where = field_text(pg, result, PG_DIAG_CONTEXT),
        .schema = field_text(pg, result, PG_DIAG_SCHEMA_NAME),
        .table = field_text(pg, result, PG_DIAG_TABLE_NAME),
        .column = field_text(pg, result, PG_DIAG_COLUMN_NAME),
        .constraint = field_text(pg, result, PG_DIAG_CONSTRAINT_NAME),
        .position = (int32_t)strtol(position, NULL, 10)};
    pg->is_lost = pg->is_lost || ends_session(pg, result);
    note_loss(pg);
    return qst__fail(err, pg->is_lost ? QST_ECONNECTION : QST_ESERVER, "%s", message);
}

qst_status qst__pg_broken(qst_pg *pg, qst_err *err)
{
    note_loss(pg);
    return libpq_failed(pg->info, pg->conn, err);
}

const qst_pg_failure *qst_pg_last_failure(const qst_pg *pg)
{
    return &pg->failure;
}

/* ---- Notices ---- */

static bool make_room(qst_pg *pg, size_t n)
{
    if (pg->n_notices + n > MAX_NOTICES) {
        return false;
    }
    if (pg->n_notices + n > pg->notices_size) {
        const size_t size = 2 * (pg->n_notices + n);
        char *grown = pg->notices == NULL
                          ? pg->allocator.get(pg->allocator.data, size)
                          : pg->allocator.resize(pg->allocator.data, pg->notices, size);
        if (grown == NULL) {
            return false;
        }
        pg->notices = grown;
        pg->notices_size = size;
    }
    return true;
}

static void append_notice(qst_pg *pg, const char *text)
{
    const size_t n = strlen(text);
    memcpy(pg->notices + pg->n_notices, text, n + 1);
    pg->n_notices += n;
}

/* Before there is a session to keep them: libpq would print them. */
static void drop_notice(void *data, const PGresult *result)
{
    (void)data;
    (void)result;
}

/* Those beyond a limit are dropped: a loop on the server may raise millions. */
static void keep_notice(void *data, const PGresult *result)
{
    qst_pg *pg = data;
    const char *severity = field_text(pg, result, PG_DIAG_SEVERITY);
    const char *message = field_text(pg, result, PG_DIAG_MESSAGE_PRIMARY);
    if (message[0] != '\0' && make_room(pg, strlen(severity) + strlen(message) + 4)) {
        append_notice(pg, severity);
        append_notice(pg, ": ");
        append_notice(pg, message);
        append_notice(pg, "\n");
    }
}

static void forget_notices(qst_pg *pg)
{
    pg->n_notices = 0;
    if (pg->notices != NULL) {
        pg->notices[0] = '\0';
    }
}

const char *qst_pg_notices(qst_pg *pg)
{
    return pg->notices == NULL ? "" : pg->notices;
}

/* ---- Opening ---- */

static double timeout_ms(const qst_conninfo *info)
{
    const char *given = qst_conninfo_get(info, "connect_timeout");
    const bool is_given = given != NULL && given[0] != '\0';
    const double seconds = is_given ? (double)strtol(given, NULL, 10) : DEFAULT_TIMEOUT_S;
    return seconds > 0 ? seconds * 1e3 : (double)INFINITY;
}

/* PQconnectPoll() until the session stands; libpq's own timeout does not count here. */
static qst_status dial(const qst_ctx *ctx, qst_conninfo *info, PGconn *conn, qst_err *err)
{
    const double limit_ms = timeout_ms(info), start = now_ms();
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED) {
            return libpq_failed(info, conn, err);
        }
        if (now_ms() - start > limit_ms) {
            return qst__fail(err, QST_ECONNECTION,
                "no answer from the server within %g s (connect_timeout)", limit_ms / 1e3);
        }
        short ready;
        const qst_status status =
            wait_a_turn(ctx, conn, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, &ready, err);
        if (status != QST_OK) {
            return status;
        }
        if (ready != 0) {
            state = PQconnectPoll(conn);
        }
    }
    return QST_OK;
}

/* A database's name is never read as a connection string: `info` has been judged. */
static qst_status connect(const qst_ctx *ctx, qst_conninfo *info, PGconn **conn_out, qst_err *err)
{
    const char *keywords[QST_CONNINFO_MAX + 1], *values[QST_CONNINFO_MAX + 1];
    const ptrdiff_t n = qst_conninfo_list(info, keywords, values);
    keywords[n] = values[n] = NULL;
    PGconn *conn = PQconnectStartParams(keywords, values, 0);
    if (conn == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a session");
    }
    PQsetNoticeReceiver(conn, drop_notice, NULL);
    /* A server's refusal has no field for its SQLSTATE yet; verbose words hold it. */
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    qst_status status = PQstatus(conn) == CONNECTION_BAD ? libpq_failed(info, conn, err)
                                                         : dial(ctx, info, conn, err);
    if (status == QST_OK && PQsetnonblocking(conn, 1) != 0) {
        status = libpq_failed(info, conn, err);
    }
    if (status == QST_OK && PQpass(conn) != NULL) {
        status = qst_conninfo_default(info, "password", PQpass(conn), err);
    }
    if (status != QST_OK) {
        PQfinish(conn);
        conn = NULL;
    } else {
        PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    }
    *conn_out = conn;
    return status;
}

qst_status qst_pg_open(const qst_ctx *ctx, qst_conninfo *info, qst_pg **pg_out, qst_err *err)
{
    qst_ctx usual;
    qst_ctx_init(&usual);
    const qst_allocator allocator = ctx != NULL ? ctx->allocator : usual.allocator;
    PGconn *conn = NULL;
    *pg_out = NULL;
    qst_pg *pg = allocator.get(allocator.data, sizeof *pg);
    if (pg == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a session");
    }
    qst_status status = qst_conninfo_default(info, "fallback_application_name", "questrial", err);
    if (status == QST_OK) {
        status = qst_conninfo_default(info, "client_encoding", "UTF8", err);
    }
    if (status == QST_OK) {
        status = connect(ctx, info, &conn, err);
    }
    if (status == QST_OK) {
        *pg = (qst_pg){.conn = conn, .info = info, .allocator = allocator, .owner = (long)getpid()};
        forget_failure(pg);
        PQsetNoticeReceiver(conn, keep_notice, pg);
        *pg_out = pg;
    } else {
        allocator.release(allocator.data, pg);
    }
    return status;
}

static bool is_ours(const qst_pg *pg)
{
    return pg->owner == (long)getpid();
}

qst_status qst__pg_check_owner(const qst_pg *pg, qst_err *err)
{
    return is_ours(pg) ? QST_OK
                       : qst__fail(err, QST_ECONNECTION,
                             "The session belongs to the process that this one was forked from");
}

/* In a forked child the socket is still the parent's: ending the session there would end it for
 * both, so only memory of our own is freed. */
void qst_pg_close(qst_pg *pg)
{
    if (pg == NULL) {
        return;
    }
    const qst_allocator allocator = pg->allocator;
    qst_pg_abandon(pg);
    PQclear(pg->shape);
    PQclear(pg->refusal);
    if (is_ours(pg)) {
        PQfinish(pg->conn);
    }
    qst_conninfo_free(pg->info);
    if (pg->notices != NULL) {
        allocator.release(allocator.data, pg->notices);
    }
    allocator.release(allocator.data, pg);
}

bool qst_pg_is_usable(const qst_pg *pg)
{
    return is_ours(pg) && !pg->is_lost && PQstatus(pg->conn) == CONNECTION_OK;
}

static char transaction_letter(PGTransactionStatusType state)
{
    switch (state) {
    case PQTRANS_IDLE:
        return 'I';
    case PQTRANS_ACTIVE:
        return 'A';
    case PQTRANS_INTRANS:
        return 'T';
    case PQTRANS_INERROR:
        return 'E';
    default:
        return 'X';
    }
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

qst_pg_info qst_pg_describe(const qst_pg *pg)
{
    return (qst_pg_info){.host = or_empty(PQhost(pg->conn)),
        .port = or_empty(PQport(pg->conn)),
        .database = or_empty(PQdb(pg->conn)),
        .user = or_empty(PQuser(pg->conn)),
        .server_version = PQserverVersion(pg->conn),
        .backend = (int32_t)PQbackendPID(pg->conn),
        .is_encrypted = PQsslInUse(pg->conn) != 0,
        .transaction = transaction_letter(PQtransactionStatus(pg->conn))};
}

/* ---- Before and after a statement ---- */

qst_status qst__pg_begin(const qst_ctx *ctx, qst_pg *pg, qst_err *err)
{
    (void)ctx;
    const qst_status status = qst__pg_check_owner(pg, err);
    if (status != QST_OK) {
        return status;
    }
    if (pg->rows != NULL && !qst_pg_rows_at_end(pg->rows)) {
        return qst__fail(err, QST_EARGUMENT,
            "The session is still reading another result. Read it to its end, or open a second "
            "one.");
    }
    qst_pg_settle(pg);
    forget_failure(pg);
    forget_notices(pg);
    if (pg->is_lost) {
        return qst__fail(err, QST_ECONNECTION,
            "The session was lost, and with it its transaction, its settings and its locks");
    }
    return QST_OK;
}

/* A result that failed, or a COPY, which has nobody to feed or to hear it here. */
static qst_status check_result(qst_pg *pg, PGresult *result, qst_err *err)
{
    switch (PQresultStatus(result)) {
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        return qst__pg_refused(pg, result, err);
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        PQclear(result);
        qst__pg_cancel(pg);
        return qst__fail(err, QST_EARGUMENT,
            "COPY from or to the client cannot be run as a statement. Use pg_write() or "
            "pg_read().");
    default:
        return QST_OK;
    }
}

qst_status qst__pg_finish(
    const qst_ctx *ctx, qst_pg *pg, PGresult *first, PGresult **last_out, qst_err *err)
{
    PGresult *last = NULL, *next = first;
    qst_status failed = QST_OK;
    qst_status status = first == NULL ? qst__pg_result(ctx, pg, &next, err) : QST_OK;
    while (status == QST_OK && next != NULL) {
        if (failed != QST_OK) {
            PQclear(next);
        } else {
            PQclear(last);
            failed = check_result(pg, next, err);
            last = failed == QST_OK ? next : NULL;
        }
        status = qst__pg_result(ctx, pg, &next, err);
    }
    if (status == QST_ECANCEL) {
        qst__pg_cancel(pg);
    }
    status = failed != QST_OK ? failed : status;
    if (status != QST_OK || last_out == NULL) {
        PQclear(last);
        last = NULL;
    }
    if (last_out != NULL) {
        *last_out = last;
    }
    return status;
}

/* ---- Cancelling ---- */

/* BUSY: nothing can be done before the server has read or sent something. */
typedef enum { DRAINED, MORE, BUSY, BROKEN } drain_state;

/* Ends a COPY that nobody feeds, empties one that nobody reads. One that libpq cannot read (no
 * memory, or bytes that are no message) it would give us again for ever. */
static drain_state end_copy(PGconn *conn, ExecStatusType kind)
{
    int n;
    if (kind == PGRES_COPY_OUT) {
        char *bytes = NULL;
        n = PQgetCopyData(conn, &bytes, 1);
        PQfreemem(bytes);
        return n == -2 ? BROKEN : n == 0 ? BUSY : MORE;
    }
    n = PQputCopyEnd(conn, "the statement was stopped");
    return n < 0 ? BROKEN : n == 0 ? BUSY : MORE;
}

static drain_state drop_one(PGconn *conn)
{
    if (PQisBusy(conn) != 0) {
        return BUSY;
    }
    PGresult *result = PQgetResult(conn);
    if (result == NULL) {
        return DRAINED;
    }
    const ExecStatusType kind = PQresultStatus(result);
    PQclear(result);
    const bool is_copy = kind == PGRES_COPY_IN || kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH;
    return is_copy ? end_copy(conn, kind) : MORE;
}

/* One wait for the server, which may still have to take what we sent. False: the session is gone.
 */
static bool wait_in_drain(PGconn *conn)
{
    const int unsent = PQflush(conn);
    short ready;
    qst_status status = unsent < 0 ? QST_ECONNECTION : QST_OK;
    if (status == QST_OK) {
        status =
            wait_a_turn(NULL, conn, (short)(unsent == 1 ? POLLIN | POLLOUT : POLLIN), &ready, NULL);
    }
    return status == QST_OK && PQconsumeInput(conn) != 0;
}

static void lose(qst_pg *pg)
{
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->is_lost = true;
    pg->failure.is_lost = true;
}

void qst__pg_cancel(qst_pg *pg)
{
    if (!is_ours(pg)) {
        return;
    }
    const double limit_ms = now_ms() + DRAIN_MS;
    qst__pg_ask_to_cancel(pg->conn, CANCEL_S);
    pg->is_dirty = false;
    drain_state state = MORE;
    while (state != DRAINED) {
        state = drop_one(pg->conn);
        if (state == BROKEN ||
            (state == BUSY && (now_ms() > limit_ms || !wait_in_drain(pg->conn)))) {
            lose(pg);
            return;
        }
    }
    note_loss(pg);
}

void qst_pg_settle(qst_pg *pg)
{
    if (pg->is_dirty && !pg->is_lost) {
        qst__pg_cancel(pg);
    }
}

#endif
