#include "glue/glue.h"

/* Where the columns of `table` stand: those that `whole` names are integer. */
static qst_wide_col *wide_columns(SEXP table, const int *whole)
{
    const R_xlen_t n = XLENGTH(table);
    qst_wide_col *columns = (qst_wide_col *)R_alloc((size_t)n, sizeof *columns);
    for (R_xlen_t j = 0; j < n; j++) {
        SEXP column = VECTOR_ELT(table, j);
        columns[j] = whole[j] ? (qst_wide_col){.ints = INTEGER(column)}
                              : (qst_wide_col){.doubles = REAL(column)};
    }
    return columns;
}

/* A list of columns of n_rows each, a column for each element of `whole`: integer where it is not
 * 0, else double. `row` and `column` count from 1. */
SEXP qstr_pivot(SEXP row_sexp, SEXP column_sexp, SEXP value_sexp, SEXP n_rows_sexp, SEXP whole_sexp)
{
    const ptrdiff_t n = (ptrdiff_t)XLENGTH(value_sexp);
    const qst_long cells = {.row = qstr_ints(row_sexp, n, "row"),
        .column = qstr_ints(column_sexp, n, "column"),
        .value = qstr_doubles(value_sexp, n, "value"),
        .n = n};
    const int n_rows = qstr_int(n_rows_sexp, "n_rows");
    const R_xlen_t n_cols = XLENGTH(whole_sexp);
    const int *whole = qstr_ints(whole_sexp, n_cols, "whole");
    SEXP result = PROTECT(Rf_allocVector(VECSXP, n_cols));
    for (R_xlen_t j = 0; j < n_cols; j++) {
        SET_VECTOR_ELT(result, j, Rf_allocVector(whole[j] ? INTSXP : REALSXP, n_rows));
    }
    const qst_wide wide = {
        .columns = wide_columns(result, whole), .n_cols = n_cols, .n_rows = n_rows};
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_pivot(&call.ctx, &cells, &wide, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
