#include "glue/glue.h"
#include "glue/r_pg.h"

#include <string.h>

enum { LARGE_RESULT = 1 << 25 }; /* bytes: half of what R's vectors may hold at first */

/* ---- Preparing ---- */

static SEXP describe_fields(const qst_pg *pg)
{
    const char *names[] = {"name", "oid", "typmod", "table", "column", "params", ""};
    const ptrdiff_t n = qst_pg_n_fields(pg), n_params = qst_pg_n_params(pg);
    SEXP shape = PROTECT(Rf_mkNamed(VECSXP, names));
    const SEXPTYPE types[] = {STRSXP, REALSXP, INTSXP, REALSXP, INTSXP};
    for (int k = 0; k < 5; k++) {
        SET_VECTOR_ELT(shape, k, Rf_allocVector(types[k], n));
    }
    SET_VECTOR_ELT(shape, 5, Rf_allocVector(REALSXP, n_params));
    for (ptrdiff_t j = 0; j < n; j++) {
        const qst_pg_field field = qst_pg_field_at(pg, j);
        SET_STRING_ELT(VECTOR_ELT(shape, 0), j, Rf_mkCharCE(field.name, CE_UTF8));
        REAL(VECTOR_ELT(shape, 1))[j] = field.oid;
        INTEGER(VECTOR_ELT(shape, 2))[j] = field.typmod;
        REAL(VECTOR_ELT(shape, 3))[j] = field.table_oid;
        INTEGER(VECTOR_ELT(shape, 4))[j] = field.table_column;
    }
    for (ptrdiff_t k = 0; k < n_params; k++) {
        REAL(VECTOR_ELT(shape, 5))[k] = qst_pg_param_oid(pg, k);
    }
    UNPROTECT(1);
    return shape;
}

/* list(name, oid, typmod, table, column, params): a value for each column of the statement, and
 * the type oid of each parameter. */
SEXP qstr_pg_prepare(SEXP handle_sexp, SEXP sql_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    const char *sql = qstr_text(sql_sexp, "sql");
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_pg_prepare(&call.ctx, pg, sql, &call.err);
    qstr_done(&call, status);
    SEXP shape = describe_fields(pg);
    UNPROTECT(1);
    return shape;
}

/* ---- Rules ---- */

static const qstr_named bigints[] = {{"integer64", QST_PG_BIGINT_INT64},
    {"numeric", QST_PG_BIGINT_DOUBLE}, {"integer", QST_PG_BIGINT_INT},
    {"character", QST_PG_BIGINT_TEXT}};

static const qstr_named numerics[] = {
    {"double", QST_PG_NUMERIC_DOUBLE}, {"character", QST_PG_NUMERIC_TEXT}};

static const qstr_named infinities[] = {
    {"error", QST_PG_INFINITY_FAIL}, {"Inf", QST_PG_INFINITY_KEEP}, {"NA", QST_PG_INFINITY_NA}};

#define LOOK_UP(known, x, argument) qstr_look_up(known, sizeof known / sizeof known[0], x, argument)

static const int *flags_of(SEXP rules, const char *name, ptrdiff_t n)
{
    SEXP flags = qstr_element(rules, name);
    if (TYPEOF(flags) != LGLSXP || XLENGTH(flags) != n) {
        qstr_refuse("`%s` must be a flag for each column.", name);
    }
    return LOGICAL_RO(flags);
}

static qst_pg_format format_named(const char *name)
{
    const qst_pg_format format = qst_pg_format_named(name == NULL ? "" : name);
    if (format == QST_PG_N_FORMATS) {
        qstr_refuse("`format`: there is no \"%s\".", name == NULL ? "NA" : name);
    }
    return format;
}

/* What column_rules() of R/pg-types.R says: for each column its format, whether it is an array and
 * of elements of which oid; and what the caller chose for all of them. */
static qst_pg_rule *read_rules(SEXP rules, ptrdiff_t *n_out)
{
    ptrdiff_t n;
    const char *const *format = qstr_texts(qstr_element(rules, "format"), "format", &n);
    const int *is_array = flags_of(rules, "is_array", n);
    const double *element = qstr_doubles(qstr_element(rules, "element_oid"), n, "element_oid");
    const int bigint = LOOK_UP(bigints, qstr_element(rules, "bigint"), "bigint");
    const int numeric = LOOK_UP(numerics, qstr_element(rules, "numeric"), "numeric");
    const int infinity = LOOK_UP(infinities, qstr_element(rules, "infinity"), "infinity");
    qst_pg_rule *read = (qst_pg_rule *)R_alloc((size_t)n, sizeof *read);
    for (ptrdiff_t j = 0; j < n; j++) {
        read[j] = (qst_pg_rule){.format = format_named(format[j]),
            .is_array = is_array[j] != 0,
            .element_oid = (uint32_t)element[j],
            .bigint = (qst_pg_bigint)bigint,
            .numeric = (qst_pg_numeric)numeric,
            .infinity = (qst_pg_infinity)infinity};
    }
    *n_out = n;
    return read;
}

/* ---- Rows ---- */

static void finalize_rows(SEXP handle)
{
    qst_pg_rows_free(R_ExternalPtrAddr(handle));
    R_ClearExternalPtr(handle);
}

static qst_pg_rows *rows_of(SEXP handle)
{
    qst_pg_rows *rows = TYPEOF(handle) == EXTPTRSXP ? R_ExternalPtrAddr(handle) : NULL;
    if (rows == NULL) {
        qstr_refuse("the result was ended.");
    }
    return rows;
}

/* Whether texts are to become codes, a flag a column: kept as the tag of the rows' handle. */
static SEXP as_codes_of(SEXP rules)
{
    SEXP as_codes = qstr_element(rules, "as_codes");
    flags_of(rules, "as_codes", Rf_xlength(as_codes));
    return as_codes;
}

/* A handle on rows to come, which keeps the session's alive. */
static SEXP new_handle(SEXP rules, SEXP session)
{
    SEXP handle = PROTECT(R_MakeExternalPtr(NULL, as_codes_of(rules), session));
    R_RegisterCFinalizer(handle, finalize_rows);
    UNPROTECT(1);
    return handle;
}

/* The result of a statement that gives no rows, with the columns it would have. */
SEXP qstr_pg_no_rows(SEXP rules_sexp)
{
    ptrdiff_t n_rules;
    const qst_pg_rule *rules = read_rules(rules_sexp, &n_rules);
    SEXP handle = PROTECT(new_handle(rules_sexp, R_NilValue));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    qst_pg_rows *rows;
    const qst_status status = qst_pg_rows_none(&call.ctx, rules, n_rules, &rows, &call.err);
    qstr_done(&call, status);
    R_SetExternalPtrAddr(handle, rows);
    UNPROTECT(2);
    return handle;
}

/* Sends the prepared statement off, by the COPY around it where that is given: a handle on its
 * rows. */
SEXP qstr_pg_start(SEXP handle_sexp, SEXP params_sexp, SEXP copy_sexp, SEXP rules_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    const qst_pg_params params = qstr_params(params_sexp);
    const char *copy = copy_sexp == R_NilValue ? NULL : qstr_text(copy_sexp, "copy");
    ptrdiff_t n_rules;
    const qst_pg_rule *rules = read_rules(rules_sexp, &n_rules);
    SEXP handle = PROTECT(new_handle(rules_sexp, handle_sexp));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    qst_pg_rows *rows;
    const qst_status status =
        copy == NULL ? qst_pg_start(&call.ctx, pg, &params, rules, n_rules, &rows, &call.err)
                     : qst_pg_start_copy(&call.ctx, pg, copy, rules, n_rules, &rows, &call.err);
    qstr_done(&call, status);
    R_SetExternalPtrAddr(handle, rows);
    UNPROTECT(2);
    return handle;
}

/* ---- Columns ---- */

/* The distinct texts of a column. */
static SEXP distinct_texts(qst_pg_column *column)
{
    const ptrdiff_t n_texts = qst_pg_column_n_texts(column);
    SEXP texts = PROTECT(Rf_allocVector(STRSXP, n_texts));
    for (ptrdiff_t k = 0; k < n_texts; k++) {
        ptrdiff_t n_bytes;
        const char *text = qst_pg_column_text(column, k, &n_bytes);
        SET_STRING_ELT(texts, k, Rf_mkCharLenCE(text, (int)n_bytes, CE_UTF8));
    }
    UNPROTECT(1);
    return texts;
}

static SEXP text_codes(qst_pg_column *column)
{
    SEXP codes = Rf_allocVector(INTSXP, qst_pg_column_rows(column));
    qst_pg_column_take(column, INTEGER(codes));
    return codes;
}

/* Codes from 1, with the texts as an attribute. */
static SEXP coded_vector(qst_pg_column *column)
{
    SEXP codes = PROTECT(text_codes(column));
    int *code = INTEGER(codes);
    for (R_xlen_t i = 0; i < XLENGTH(codes); i++) {
        code[i] += code[i] != NA_INTEGER;
    }
    SEXP texts = PROTECT(distinct_texts(column));
    Rf_setAttrib(codes, Rf_install("texts"), texts);
    UNPROTECT(2);
    return codes;
}

static SEXP text_vector(qst_pg_column *column)
{
    SEXP texts = PROTECT(distinct_texts(column));
    SEXP codes = PROTECT(text_codes(column));
    const R_xlen_t n = XLENGTH(codes);
    SEXP out = PROTECT(Rf_allocVector(STRSXP, n));
    const int *code = INTEGER_RO(codes);
    for (R_xlen_t i = 0; i < n; i++) {
        SET_STRING_ELT(out, i, code[i] == NA_INTEGER ? NA_STRING : STRING_ELT(texts, code[i]));
    }
    UNPROTECT(3);
    return out;
}

static SEXP bytes_vector(qst_pg_column *column)
{
    const ptrdiff_t n = qst_pg_column_rows(column);
    SEXP out = PROTECT(Rf_allocVector(VECSXP, n));
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t n_bytes;
        const unsigned char *bytes = qst_pg_column_bytes(column, i, &n_bytes);
        if (bytes != NULL) {
            SET_VECTOR_ELT(out, i, Rf_allocVector(RAWSXP, n_bytes));
            if (n_bytes > 0) {
                memcpy(RAW(VECTOR_ELT(out, i)), bytes, (size_t)n_bytes);
            }
        }
    }
    UNPROTECT(1);
    return out;
}

/* What is not an array: 64-bit integers stand in the bits of doubles. */
static SEXP plain_vector(qst_pg_column *column, bool as_codes)
{
    const ptrdiff_t n = qst_pg_column_rows(column);
    SEXP out = R_NilValue;
    switch (qst_pg_column_kind(column)) {
    case QST_PG_AS_LOGICAL:
        out = PROTECT(Rf_allocVector(LGLSXP, n));
        qst_pg_column_take(column, LOGICAL(out));
        break;
    case QST_PG_AS_INT:
        out = PROTECT(Rf_allocVector(INTSXP, n));
        qst_pg_column_take(column, INTEGER(out));
        break;
    case QST_PG_AS_DOUBLE:
    case QST_PG_AS_INT64:
        out = PROTECT(Rf_allocVector(REALSXP, n));
        qst_pg_column_take(column, REAL(out));
        break;
    case QST_PG_AS_TEXT:
        out = PROTECT(as_codes ? coded_vector(column) : text_vector(column));
        break;
    default:
        out = PROTECT(bytes_vector(column));
    }
    UNPROTECT(1);
    return out;
}

static void copy_element(SEXP to, R_xlen_t at, SEXP from, R_xlen_t i)
{
    switch (TYPEOF(from)) {
    case LGLSXP:
        LOGICAL(to)[at] = LOGICAL(from)[i];
        break;
    case INTSXP:
        INTEGER(to)[at] = INTEGER(from)[i];
        break;
    case REALSXP:
        REAL(to)[at] = REAL(from)[i];
        break;
    case STRSXP:
        SET_STRING_ELT(to, at, STRING_ELT(from, i));
        break;
    default:
        SET_VECTOR_ELT(to, at, VECTOR_ELT(from, i));
    }
}

/* Where the i-th element of an array of the server, whose last index runs fastest, stands in R's,
 * whose first does. */
static R_xlen_t place_of(R_xlen_t i, const int32_t *dims, int n_dims)
{
    R_xlen_t stride = 1, at = 0;
    for (int k = 0; k < n_dims; k++) {
        stride *= dims[k];
    }
    for (int k = n_dims - 1; k >= 0; k--) {
        stride /= dims[k];
        at += (i % dims[k]) * stride;
        i /= dims[k];
    }
    return at;
}

/* One row's array: a vector, or with more dimensions than one an array of R. */
static SEXP array_of(SEXP elements, R_xlen_t first, const int32_t *dims, int n_dims)
{
    R_xlen_t n = n_dims == 0 ? 0 : 1;
    for (int k = 0; k < n_dims; k++) {
        n *= dims[k];
    }
    SEXP out = PROTECT(Rf_allocVector((SEXPTYPE)TYPEOF(elements), n));
    for (R_xlen_t i = 0; i < n; i++) {
        copy_element(out, place_of(i, dims, n_dims), elements, first + i);
    }
    if (n_dims > 1) {
        SEXP dim = PROTECT(Rf_allocVector(INTSXP, n_dims));
        memcpy(INTEGER(dim), dims, (size_t)n_dims * sizeof *dims);
        Rf_setAttrib(out, R_DimSymbol, dim);
        UNPROTECT(1);
    }
    UNPROTECT(1);
    return out;
}

/* A list with a vector a row; NULL where it is missing. */
static SEXP list_vector(qst_pg_column *column, bool as_codes)
{
    const ptrdiff_t n = qst_pg_column_rows(column);
    SEXP elements = PROTECT(plain_vector(qst_pg_column_elements(column), as_codes));
    SEXP out = PROTECT(Rf_allocVector(VECSXP, n));
    R_xlen_t first = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const int32_t *dims;
        const int n_dims = qst_pg_column_dims(column, i, &dims);
        if (n_dims >= 0) {
            SET_VECTOR_ELT(out, i, array_of(elements, first, dims, n_dims));
            first += Rf_xlength(VECTOR_ELT(out, i));
        }
    }
    if (as_codes) {
        Rf_setAttrib(out, Rf_install("texts"), Rf_getAttrib(elements, Rf_install("texts")));
    }
    UNPROTECT(2);
    return out;
}

static SEXP column_vector(qst_pg_column *column, bool as_codes)
{
    return qst_pg_column_kind(column) == QST_PG_AS_LIST ? list_vector(column, as_codes)
                                                        : plain_vector(column, as_codes);
}

static void put_counts(SEXP counts, ptrdiff_t j, qst_pg_counts of_column)
{
    const ptrdiff_t values[] = {of_column.n_rounded, of_column.first_rounded + 1,
        of_column.n_infinite, of_column.first_infinite + 1};
    for (int k = 0; k < 4; k++) {
        REAL(counts)[4 * j + k] = (double)values[k];
    }
}

/* What the vector of a column takes, without its texts. */
static double vector_bytes(const qst_pg_column *column)
{
    const qst_pg_kind kind = qst_pg_column_kind(column);
    const bool is_int = kind == QST_PG_AS_LOGICAL || kind == QST_PG_AS_INT;
    return (double)qst_pg_column_rows(column) * (double)(is_int ? sizeof(int) : sizeof(double));
}

/* R looks through all it holds whenever its vectors have grown by a fifth, which for a large result
 * is several times. Asked for all of it at once, by a vector that is never touched and garbage at
 * once, it does so once. */
static void make_room(qst_pg_rows *rows)
{
    double n_bytes = 0;
    for (ptrdiff_t j = 0; j < qst_pg_rows_n_columns(rows); j++) {
        n_bytes += vector_bytes(qst_pg_rows_column(rows, j));
    }
    if (n_bytes >= LARGE_RESULT) {
        Rf_allocVector(RAWSXP, (R_xlen_t)n_bytes);
    }
}

/* Columns are made one after the other and each gives its memory back, so that no more than one is
 * held twice. */
static SEXP take_columns(qst_pg_rows *rows, const int *as_codes)
{
    const char *names[] = {"columns", "counts", ""};
    const ptrdiff_t n = qst_pg_rows_n_columns(rows);
    SEXP taken = PROTECT(Rf_mkNamed(VECSXP, names));
    SEXP columns = Rf_allocVector(VECSXP, n);
    SET_VECTOR_ELT(taken, 0, columns);
    SEXP counts = Rf_allocMatrix(REALSXP, 4, (int)n);
    SET_VECTOR_ELT(taken, 1, counts);
    make_room(rows);
    for (ptrdiff_t j = 0; j < n; j++) {
        qst_pg_column *column = qst_pg_rows_column(rows, j);
        put_counts(counts, j, qst_pg_column_counts(column));
        SET_VECTOR_ELT(columns, j, column_vector(column, as_codes[j] != 0));
        qst_pg_rows_drop(rows, j);
    }
    UNPROTECT(1);
    return taken;
}

/* list(columns, counts): up to n rows more (all if below 0). A column of `counts` holds how many
 * values were rounded, the first such row (0: none), how many were infinite, the first of them. */
SEXP qstr_pg_fetch(SEXP rows_sexp, SEXP n_sexp)
{
    qst_pg_rows *rows = rows_of(rows_sexp);
    const double n_max = qstr_double(n_sexp, "n");
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status =
        qst_pg_fetch(&call.ctx, rows, n_max < 0 ? -1 : (ptrdiff_t)n_max, &call.err);
    qstr_done(&call, status);
    SEXP taken = take_columns(rows, LOGICAL_RO(R_ExternalPtrTag(rows_sexp)));
    UNPROTECT(1);
    return taken;
}

/* c(at end, rows fetched so far, rows the statement touched or NA). */
SEXP qstr_pg_progress(SEXP rows_sexp)
{
    const qst_pg_rows *rows = rows_of(rows_sexp);
    const int64_t touched = qst_pg_rows_touched(rows);
    SEXP progress = Rf_allocVector(REALSXP, 3);
    REAL(progress)[0] = qst_pg_rows_at_end(rows);
    REAL(progress)[1] = (double)qst_pg_rows_fetched(rows);
    REAL(progress)[2] = touched < 0 ? NA_REAL : (double)touched;
    return progress;
}

/* Ends a result at once: what the server still sends is cancelled. Twice does no harm. */
SEXP qstr_pg_stop(SEXP rows_sexp)
{
    qst_pg_rows *rows = TYPEOF(rows_sexp) == EXTPTRSXP ? R_ExternalPtrAddr(rows_sexp) : NULL;
    if (rows != NULL) {
        qstr_call call;
        PROTECT(qstr_begin(&call, 1));
        const qst_status status = qst_pg_rows_stop(&call.ctx, rows, &call.err);
        qstr_done(&call, status);
        UNPROTECT(1);
        finalize_rows(rows_sexp);
    }
    return R_NilValue;
}
