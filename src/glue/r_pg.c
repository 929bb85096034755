#include "glue/r_pg.h"

#include "glue/glue.h"
#include "glue/r_pg_conninfo.h"

SEXP qstr_pg_version(void)
{
    return Rf_ScalarInteger(qst_pg_version());
}

/* ---- Handles ---- */

static void finalize_session(SEXP handle)
{
    qst_pg_close(R_ExternalPtrAddr(handle));
    R_ClearExternalPtr(handle);
}

qst_pg *qstr_session(SEXP handle)
{
    qst_pg *pg = TYPEOF(handle) == EXTPTRSXP ? R_ExternalPtrAddr(handle) : NULL;
    if (pg == NULL) {
        qstr_refuse("the connection is closed.");
    }
    return pg;
}

const char *qstr_text(SEXP x, const char *argument)
{
    if (TYPEOF(x) != STRSXP || XLENGTH(x) != 1 || STRING_ELT(x, 0) == NA_STRING) {
        qstr_refuse("`%s` must be a single text.", argument);
    }
    return CHAR(STRING_ELT(x, 0));
}

const char *const *qstr_texts(SEXP x, const char *argument, ptrdiff_t *n_out)
{
    if (TYPEOF(x) != STRSXP) {
        qstr_refuse("`%s` must be a character vector.", argument);
    }
    *n_out = XLENGTH(x);
    const char **texts = (const char **)R_alloc((size_t)*n_out, sizeof *texts);
    for (ptrdiff_t k = 0; k < *n_out; k++) {
        SEXP text = STRING_ELT(x, k);
        texts[k] = text == NA_STRING ? NULL : CHAR(text);
    }
    return texts;
}

qst_pg_params qstr_params(SEXP params)
{
    qst_pg_params read = {NULL, 0};
    if (params != R_NilValue) {
        read.values = qstr_texts(params, "params", &read.n);
    }
    return read;
}

/* ---- Sessions ---- */

/* `settings`: of qstr_pg_conninfo(); they are the session's then. */
SEXP qstr_pg_open(SEXP settings_sexp)
{
    qst_conninfo *info = qstr_conninfo(settings_sexp);
    SEXP handle = PROTECT(R_MakeExternalPtr(NULL, R_NilValue, R_NilValue));
    R_RegisterCFinalizerEx(handle, finalize_session, TRUE);
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    qst_pg *pg;
    const qst_status status = qst_pg_open(&call.ctx, info, &pg, &call.err);
    qstr_done(&call, status);
    R_SetExternalPtrAddr(handle, pg);
    qstr_conninfo_given(settings_sexp);
    UNPROTECT(2);
    return handle;
}

SEXP qstr_pg_close(SEXP handle_sexp)
{
    if (TYPEOF(handle_sexp) == EXTPTRSXP) {
        finalize_session(handle_sexp);
    }
    return R_NilValue;
}

/* Gives up the result that is being read, if there is one. */
SEXP qstr_pg_abandon(SEXP handle_sexp)
{
    qst_pg_abandon(qstr_session(handle_sexp));
    return R_NilValue;
}

SEXP qstr_pg_is_usable(SEXP handle_sexp)
{
    const qst_pg *pg = TYPEOF(handle_sexp) == EXTPTRSXP ? R_ExternalPtrAddr(handle_sexp) : NULL;
    return Rf_ScalarLogical(pg != NULL && qst_pg_is_usable(pg));
}

static void set_text(SEXP list, int at, const char *text)
{
    SET_VECTOR_ELT(list, at, Rf_ScalarString(Rf_mkCharCE(text, CE_UTF8)));
}

SEXP qstr_pg_info(SEXP handle_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    qst_pg_settle(pg);
    const qst_pg_info info = qst_pg_describe(pg);
    const char *names[] = {
        "host", "port", "dbname", "user", "server", "backend", "encrypted", "transaction", ""};
    const char transaction[] = {info.transaction, '\0'};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    set_text(list, 0, info.host);
    set_text(list, 1, info.port);
    set_text(list, 2, info.database);
    set_text(list, 3, info.user);
    SET_VECTOR_ELT(list, 4, Rf_ScalarInteger(info.server_version));
    SET_VECTOR_ELT(list, 5, Rf_ScalarInteger(info.backend));
    SET_VECTOR_ELT(list, 6, Rf_ScalarLogical(info.is_encrypted));
    set_text(list, 7, transaction);
    UNPROTECT(1);
    return list;
}

/* What the server said when the last call of this session failed. */
SEXP qstr_pg_failure(SEXP handle_sexp)
{
    const qst_pg_failure *failure = qst_pg_last_failure(qstr_session(handle_sexp));
    const char *names[] = {"sqlstate", "message", "detail", "hint", "where", "schema", "table",
        "column", "constraint", "position", "is_lost", ""};
    const char *const texts[] = {failure->sqlstate, failure->message, failure->detail,
        failure->hint, failure->where, failure->schema, failure->table, failure->column,
        failure->constraint};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    for (int k = 0; k < 9; k++) {
        set_text(list, k, texts[k]);
    }
    SET_VECTOR_ELT(list, 9, Rf_ScalarInteger(failure->position));
    SET_VECTOR_ELT(list, 10, Rf_ScalarLogical(failure->is_lost));
    UNPROTECT(1);
    return list;
}

/* The server's notices since the last call, one text; "" if there are none. */
SEXP qstr_pg_notices(SEXP handle_sexp)
{
    return Rf_ScalarString(Rf_mkCharCE(qst_pg_notices(qstr_session(handle_sexp)), CE_UTF8));
}

/* ---- Statements without rows ---- */

/* How many rows the statement touched; NA where that means nothing. */
SEXP qstr_pg_run(SEXP handle_sexp, SEXP sql_sexp, SEXP params_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    const char *sql = qstr_text(sql_sexp, "sql");
    const qst_pg_params params = qstr_params(params_sexp);
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    int64_t n_rows;
    const qst_status status = qst_pg_run(&call.ctx, pg, sql, &params, &n_rows, &call.err);
    qstr_done(&call, status);
    UNPROTECT(1);
    return Rf_ScalarReal(n_rows < 0 ? NA_REAL : (double)n_rows);
}
