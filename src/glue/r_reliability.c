#include "glue/glue.h"

#include <R.h>

/* The core's flags to R's. */
static SEXP flags(const bool *is, int n)
{
    SEXP result = Rf_allocVector(LGLSXP, n);
    for (int j = 0; j < n; j++) {
        LOGICAL(result)[j] = is[j];
    }
    return result;
}

/* A list: is_answered, n and cov (matrices), mean. */
SEXP qstr_item_moments(
    SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp, SEXP pairwise_sexp, SEXP threads_sexp)
{
    const qst_scale scale = qstr_scale(columns_sexp, reversed_sexp, range_sexp);
    const qst_missing missing = qstr_flag(pairwise_sexp, "pairwise") ? QST_PAIRWISE : QST_LISTWISE;
    const int k = (int)scale.n_items;
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const char *names[] = {"is_answered", "n", "mean", "cov", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    bool *is_answered = (bool *)R_alloc((size_t)k, sizeof *is_answered);
    SET_VECTOR_ELT(result, 1, Rf_allocMatrix(REALSXP, k, k));
    SET_VECTOR_ELT(result, 2, Rf_allocVector(REALSXP, k));
    SET_VECTOR_ELT(result, 3, Rf_allocMatrix(REALSXP, k, k));
    const qst_item_moments_out out = {.is_answered = is_answered,
        .n = REAL(VECTOR_ELT(result, 1)),
        .mean = REAL(VECTOR_ELT(result, 2)),
        .cov = REAL(VECTOR_ELT(result, 3))};
    const qst_status status = qst_item_moments(&call.ctx, &scale, missing, &out, &call.err);
    qstr_done(&call, status);
    SET_VECTOR_ELT(result, 0, flags(is_answered, k));
    UNPROTECT(2);
    return result;
}

static void write_coefficients(SEXP list, const qst_reliability *r)
{
    SET_VECTOR_ELT(list, 0, Rf_ScalarReal(r->total_variance));
    SET_VECTOR_ELT(list, 1, Rf_ScalarReal(r->alpha));
    SET_VECTOR_ELT(list, 2, Rf_ScalarReal(r->alpha_standardised));
    SET_VECTOR_ELT(list, 3, Rf_ScalarReal(r->omega));
    SET_VECTOR_ELT(list, 4, Rf_ScalarReal(r->omega_standardised));
    SET_VECTOR_ELT(list, 5, Rf_ScalarLogical(r->omega_converged));
    SET_VECTOR_ELT(list, 6, Rf_ScalarInteger(r->heywood < 0 ? NA_INTEGER : (int)r->heywood + 1));
    SET_VECTOR_ELT(list, 7, Rf_ScalarReal(r->half_correlation));
    SET_VECTOR_ELT(list, 8, Rf_ScalarReal(r->spearman_brown));
    SET_VECTOR_ELT(list, 9, Rf_ScalarReal(r->guttman));
}

/* A list: the fields of qst_reliability, then item_rest and alpha_dropped. */
SEXP qstr_reliability_fit(SEXP cov_sexp)
{
    const qst_cmat cov = qstr_cmat(cov_sexp, "cov");
    if (cov.n_rows != cov.n_cols) {
        qstr_refuse("`cov` must be square.");
    }
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const char *names[] = {"total_variance", "alpha", "alpha_standardised", "omega",
        "omega_standardised", "omega_converged", "heywood", "half_correlation", "spearman_brown",
        "guttman", "item_rest", "alpha_dropped", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(result, 10, Rf_allocVector(REALSXP, cov.n_rows));
    SET_VECTOR_ELT(result, 11, Rf_allocVector(REALSXP, cov.n_rows));
    qst_reliability coefficients;
    const qst_status status = qst_reliability_fit(&call.ctx, cov.data, cov.n_rows, &coefficients,
        REAL(VECTOR_ELT(result, 10)), REAL(VECTOR_ELT(result, 11)), &call.err);
    qstr_done(&call, status);
    write_coefficients(result, &coefficients);
    UNPROTECT(2);
    return result;
}
