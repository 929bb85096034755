#include "glue/glue.h"

/* The parts of the result in the order of qst_quality_out. */
static const char *const names[] = {
    "answered", "longest_run", "variability", "even_odd", "distance", "distance_df", ""};

static SEXP quality_list(R_xlen_t n_rows)
{
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, (const char **)names));
    const SEXPTYPE types[] = {INTSXP, INTSXP, REALSXP, REALSXP, REALSXP, INTSXP};
    for (int k = 0; k < 6; k++) {
        SET_VECTOR_ELT(result, k, Rf_allocVector(types[k], n_rows));
    }
    UNPROTECT(1);
    return result;
}

/* A list of vectors, one value a row. */
SEXP qstr_answer_quality(SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp, SEXP half_sexp,
    SEXP n_halves_sexp, SEXP threads_sexp)
{
    const qst_scale scale = qstr_scale(columns_sexp, reversed_sexp, range_sexp);
    const int *half = qstr_ints(half_sexp, scale.n_items, "half");
    const int n_halves = qstr_int(n_halves_sexp, "n_halves");
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    SEXP result = PROTECT(quality_list(scale.n_rows));
    const qst_quality_out out = {.answered = INTEGER(VECTOR_ELT(result, 0)),
        .longest_run = INTEGER(VECTOR_ELT(result, 1)),
        .variability = REAL(VECTOR_ELT(result, 2)),
        .even_odd = REAL(VECTOR_ELT(result, 3)),
        .distance = REAL(VECTOR_ELT(result, 4)),
        .distance_df = INTEGER(VECTOR_ELT(result, 5))};
    const qst_status status =
        qst_answer_quality(&call.ctx, &scale, half, n_halves, &out, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}

/* How many other rows have the same answers, for each row. */
SEXP qstr_duplicate_rows(SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp)
{
    const qst_scale scale = qstr_scale(columns_sexp, reversed_sexp, range_sexp);
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    SEXP result = PROTECT(Rf_allocVector(INTSXP, scale.n_rows));
    const qst_status status = qst_duplicate_rows(&call.ctx, &scale, INTEGER(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
