#include "glue/glue.h"
#include "glue/r_pg.h"
#include "pg/copy.h"

#include <string.h>

/* ---- Cells ---- */

static void check_type(bool is_right, SEXP x, ptrdiff_t j)
{
    if (!is_right) {
        qstr_refuse("column %td is of type %s.", j + 1, Rf_type2char((SEXPTYPE)TYPEOF(x)));
    }
}

/* Texts that are not marked as Latin-1 go as they are: the core checks that they are UTF-8. */
static qst_pg_text text_of(SEXP string)
{
    if (string == NA_STRING) {
        return (qst_pg_text){NULL, -1};
    }
    if (Rf_getCharCE(string) == CE_LATIN1) {
        const char *text = Rf_translateCharUTF8(string);
        return (qst_pg_text){text, (ptrdiff_t)strlen(text)};
    }
    return (qst_pg_text){CHAR(string), XLENGTH(string)};
}

static qst_pg_text raw_of(SEXP x, ptrdiff_t j)
{
    if (x == R_NilValue) {
        return (qst_pg_text){NULL, -1};
    }
    check_type(TYPEOF(x) == RAWSXP, x, j);
    return (qst_pg_text){(const char *)RAW_RO(x), XLENGTH(x)};
}

/* Of a character vector, a factor, or a list of raw vectors. */
static const qst_pg_text *texts_of(SEXP x, ptrdiff_t first, ptrdiff_t n, ptrdiff_t j)
{
    const bool is_factor = Rf_isFactor(x);
    check_type(is_factor || TYPEOF(x) == STRSXP || TYPEOF(x) == VECSXP, x, j);
    qst_pg_text *texts = (qst_pg_text *)R_alloc((size_t)n, sizeof *texts);
    SEXP levels = is_factor ? Rf_getAttrib(x, R_LevelsSymbol) : R_NilValue;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (is_factor) {
            const int code = INTEGER_RO(x)[first + i];
            check_type(code == NA_INTEGER || (code >= 1 && code <= Rf_xlength(levels)), x, j);
            texts[i] = text_of(code == NA_INTEGER ? NA_STRING : STRING_ELT(levels, code - 1));
        } else if (TYPEOF(x) == STRSXP) {
            texts[i] = text_of(STRING_ELT(x, first + i));
        } else {
            texts[i] = raw_of(VECTOR_ELT(x, first + i), j);
        }
    }
    return texts;
}

static const void *int_cells(SEXP x, ptrdiff_t first, ptrdiff_t j)
{
    check_type(TYPEOF(x) == INTSXP || TYPEOF(x) == LGLSXP, x, j);
    return (TYPEOF(x) == INTSXP ? INTEGER_RO(x) : LOGICAL_RO(x)) + first;
}

static const void *double_cells(SEXP x, ptrdiff_t first, ptrdiff_t j)
{
    check_type(TYPEOF(x) == REALSXP, x, j);
    return REAL_RO(x) + first;
}

/* n rows from `first` of the j-th column. */
static qst_pg_cells plain_cells(
    SEXP x, qst_pg_source source, ptrdiff_t first, ptrdiff_t n, ptrdiff_t j)
{
    qst_pg_cells cells = {.source = source, .n = n};
    switch (source) {
    case QST_PG_FROM_INT:
        cells.data = int_cells(x, first, j);
        break;
    case QST_PG_FROM_BYTES:
        cells.data = texts_of(x, first, n, j);
        break;
    default: /* 64-bit integers stand in the bits of doubles */
        cells.data = double_cells(x, first, j);
    }
    return cells;
}

/* One row of a list column: a vector or an array of elements. */
static qst_pg_cells row_cells(SEXP x, qst_pg_source source, ptrdiff_t j)
{
    if (x == R_NilValue) {
        return (qst_pg_cells){.source = source, .n = -1};
    }
    qst_pg_cells cells = plain_cells(x, source, 0, XLENGTH(x), j);
    SEXP dims = Rf_getAttrib(x, R_DimSymbol);
    if (TYPEOF(dims) == INTSXP) {
        cells.dims = INTEGER_RO(dims);
        cells.n_dims = (int)XLENGTH(dims);
    }
    return cells;
}

static qst_pg_cells list_cells(
    SEXP x, qst_pg_source source, ptrdiff_t first, ptrdiff_t n, ptrdiff_t j)
{
    check_type(TYPEOF(x) == VECSXP, x, j);
    qst_pg_cells *rows = (qst_pg_cells *)R_alloc((size_t)n, sizeof *rows);
    for (ptrdiff_t i = 0; i < n; i++) {
        rows[i] = row_cells(VECTOR_ELT(x, first + i), source, j);
    }
    return (qst_pg_cells){.source = QST_PG_FROM_LIST, .data = rows, .n = n};
}

/* ---- Columns ---- */

static const qstr_named sources[] = {{"int", QST_PG_FROM_INT}, {"double", QST_PG_FROM_DOUBLE},
    {"int64", QST_PG_FROM_INT64}, {"bytes", QST_PG_FROM_BYTES}};

/* What copy_targets() of R/pg-write.R says of a column: `source` (of the elements where the target
 * is an array), `format`, `is_array`, `element_oid` and `limit`. */
static qst_pg_encoded read_column(SEXP x, SEXP target, ptrdiff_t first, ptrdiff_t n, ptrdiff_t j)
{
    const qst_pg_source source = (qst_pg_source)qstr_look_up(
        sources, sizeof sources / sizeof *sources, qstr_element(target, "source"), "source");
    const char *format = qstr_text(qstr_element(target, "format"), "format");
    SEXP limit = qstr_element(target, "limit");
    const qst_pg_target to = {.format = qst_pg_format_named(format),
        .is_array = qstr_flag(qstr_element(target, "is_array"), "is_array"),
        .element_oid = (uint32_t)qstr_double(qstr_element(target, "element_oid"), "element_oid"),
        .limit = *qstr_ints(limit, 1, "limit")};
    if (XLENGTH(x) < first + n) {
        qstr_refuse("column %td has %td rows.", j + 1, (ptrdiff_t)XLENGTH(x));
    }
    return (qst_pg_encoded){
        to.is_array ? list_cells(x, source, first, n, j) : plain_cells(x, source, first, n, j), to};
}

/* ---- Entries ---- */

SEXP qstr_pg_copy_begin(SEXP handle_sexp, SEXP sql_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    const char *sql = qstr_text(sql_sexp, "sql");
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_pg_copy_begin(&call.ctx, pg, sql, &call.err);
    qstr_done(&call, status);
    UNPROTECT(1);
    return R_NilValue;
}

/* `first`, from 0, and `n`: which rows of `columns` go now. */
SEXP qstr_pg_copy_rows(
    SEXP handle_sexp, SEXP columns_sexp, SEXP targets_sexp, SEXP first_sexp, SEXP n_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    const ptrdiff_t first = (ptrdiff_t)qstr_double(first_sexp, "first");
    const ptrdiff_t n = (ptrdiff_t)qstr_double(n_sexp, "n");
    const ptrdiff_t n_columns = XLENGTH(columns_sexp);
    if (first < 0 || n < 0 || XLENGTH(targets_sexp) != n_columns) {
        qstr_refuse("`first`, `n` or `targets` do not fit the columns.");
    }
    qst_pg_encoded *columns = (qst_pg_encoded *)R_alloc((size_t)n_columns, sizeof *columns);
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        columns[j] =
            read_column(VECTOR_ELT(columns_sexp, j), VECTOR_ELT(targets_sexp, j), first, n, j);
    }
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_pg_copy_rows(&call.ctx, pg, columns, n_columns, n, &call.err);
    call.err.row += call.err.row >= 0 ? first : 0;
    qstr_done(&call, status);
    UNPROTECT(1);
    return R_NilValue;
}

/* How many rows the server took. */
SEXP qstr_pg_copy_end(SEXP handle_sexp)
{
    qst_pg *pg = qstr_session(handle_sexp);
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    int64_t n_rows;
    const qst_status status = qst_pg_copy_end(&call.ctx, pg, &n_rows, &call.err);
    qstr_done(&call, status);
    UNPROTECT(1);
    return Rf_ScalarReal((double)n_rows);
}
