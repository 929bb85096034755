#include "glue/glue.h"

#include <R.h>

/* list(missing = <logical, one a column>, seen = <logical, one a level of each factor>). */
static SEXP scan_list(const bool *missing, ptrdiff_t n_cols, const bool *seen, ptrdiff_t n_levels)
{
    static const char *names[] = {"missing", "seen", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(LGLSXP, n_cols));
    SET_VECTOR_ELT(list, 1, Rf_allocVector(LGLSXP, n_levels));
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        LOGICAL(VECTOR_ELT(list, 0))[j] = missing[j];
    }
    for (ptrdiff_t k = 0; k < n_levels; k++) {
        LOGICAL(VECTOR_ELT(list, 1))[k] = seen[k];
    }
    UNPROTECT(1);
    return list;
}

/* Columns that are numbers, logical or factors, of any lengths. */
SEXP qstr_columns_scan(SEXP columns_sexp, SEXP threads_sexp)
{
    if (TYPEOF(columns_sexp) != VECSXP) {
        qstr_refuse("`columns` must be a list.");
    }
    const ptrdiff_t n_cols = XLENGTH(columns_sexp);
    qst_col *columns = (qst_col *)R_alloc((size_t)n_cols, sizeof *columns);
    ptrdiff_t n_levels = 0;
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        columns[j] = qstr_col(VECTOR_ELT(columns_sexp, j), "columns");
        n_levels += columns[j].n_levels;
    }
    bool *missing = (bool *)R_alloc((size_t)n_cols, sizeof *missing);
    bool *seen = (bool *)R_alloc((size_t)n_levels, sizeof *seen);
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status =
        qst_columns_scan(&call.ctx, columns, n_cols, missing, seen, &call.err);
    qstr_done(&call, status);
    SEXP list = scan_list(missing, n_cols, seen, n_levels);
    UNPROTECT(1);
    return list;
}
