#include "glue/glue.h"

/* list(outcomes, covariates, arm, n_arms, reference, kept, by_arm) */
static qst_reference_data data_arg(SEXP data)
{
    const qst_cmat outcomes = qstr_cmat(VECTOR_ELT(data, 0), "outcomes");
    return (qst_reference_data){.outcomes = outcomes,
        .covariates = qstr_cmat(VECTOR_ELT(data, 1), "covariates"),
        .arm = qstr_ints(VECTOR_ELT(data, 2), outcomes.n_rows, "arm"),
        .n_arms = qstr_int(VECTOR_ELT(data, 3), "n_arms"),
        .reference = qstr_int(VECTOR_ELT(data, 4), "reference"),
        .kept = qstr_ints(VECTOR_ELT(data, 5), outcomes.n_rows, "kept"),
        .by_arm = qstr_flag(VECTOR_ELT(data, 6), "by_arm")};
}

/* list(method, iterations, first, n, seed), the method from 0 in the order of the core */
static qst_reference_settings settings_arg(SEXP settings)
{
    return (qst_reference_settings){
        .method = (qst_reference_method)qstr_int(VECTOR_ELT(settings, 0), "method"),
        .iterations = qstr_int(VECTOR_ELT(settings, 1), "iterations"),
        .first = qstr_int(VECTOR_ELT(settings, 2), "first"),
        .n_imputations = qstr_int(VECTOR_ELT(settings, 3), "m"),
        .seed = qstr_seed(VECTOR_ELT(settings, 4))};
}

/* n_missing x m: the missing outcomes, visit by visit. */
SEXP qstr_reference_impute(
    SEXP data_sexp, SEXP settings_sexp, SEXP n_missing_sexp, SEXP threads_sexp)
{
    const qst_reference_data data = data_arg(data_sexp);
    const qst_reference_settings settings = settings_arg(settings_sexp);
    SEXP imputed = PROTECT(
        Rf_allocMatrix(REALSXP, qstr_int(n_missing_sexp, "n_missing"), settings.n_imputations));
    const qst_reference_result result = {.imputed = REAL(imputed)};
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_reference_impute(&call.ctx, &settings, &data, &result, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return imputed;
}
