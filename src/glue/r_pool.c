#include "glue/glue.h"

static qst_mat square_of(SEXP x)
{
    const int n = Rf_nrows(x);
    return (qst_mat){REAL(x), n, n, n > 0 ? n : 1};
}

/* Estimates p x m, covariances p^2 x m. */
SEXP qstr_pool(SEXP estimates_sexp, SEXP covariances_sexp)
{
    const qst_cmat estimates = qstr_cmat(estimates_sexp, "estimates");
    const qst_cmat covariances = qstr_cmat(covariances_sexp, "covariances");
    const int p = (int)estimates.n_rows;
    static const char *names[] = {"estimate", "within", "between", "total", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, p));
    for (int k = 1; k < 4; k++) {
        SET_VECTOR_ELT(list, k, Rf_allocMatrix(REALSXP, p, p));
    }
    const qst_pooled pooled = {
        .estimate_out = REAL(VECTOR_ELT(list, 0)),
        .within_out = square_of(VECTOR_ELT(list, 1)),
        .between_out = square_of(VECTOR_ELT(list, 2)),
        .total_out = square_of(VECTOR_ELT(list, 3)),
    };
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_pool(&call.ctx, estimates, covariances, &pooled, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}

/* Of each of n estimates. */
SEXP qstr_pool_fractions(SEXP within_sexp, SEXP between_sexp, SEXP m_sexp, SEXP df_complete_sexp)
{
    const R_xlen_t n = XLENGTH(within_sexp);
    const double *within = qstr_doubles(within_sexp, n, "within");
    const double *between = qstr_doubles(between_sexp, n, "between");
    const double *df_complete = qstr_doubles(df_complete_sexp, n, "df.complete");
    const int m = qstr_int(m_sexp, "m");
    static const char *names[] = {"riv", "lambda", "df", "fmi", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    for (int k = 0; k < 4; k++) {
        SET_VECTOR_ELT(list, k, Rf_allocVector(REALSXP, n));
    }
    for (R_xlen_t i = 0; i < n; i++) {
        const qst_pool_loss loss = qst_pool_fractions(within[i], between[i], m, df_complete[i]);
        REAL(VECTOR_ELT(list, 0))[i] = loss.riv;
        REAL(VECTOR_ELT(list, 1))[i] = loss.lambda;
        REAL(VECTOR_ELT(list, 2))[i] = loss.df;
        REAL(VECTOR_ELT(list, 3))[i] = loss.fmi;
    }
    UNPROTECT(1);
    return list;
}

SEXP qstr_pool_joint(
    SEXP estimate_sexp, SEXP within_sexp, SEXP between_sexp, SEXP m_sexp, SEXP df_complete_sexp)
{
    const qst_cmat within = qstr_cmat(within_sexp, "within");
    const qst_cmat between = qstr_cmat(between_sexp, "between");
    const double *estimate = qstr_doubles(estimate_sexp, within.n_cols, "estimate");
    const int m = qstr_int(m_sexp, "m");
    const double df_complete = qstr_doubles(df_complete_sexp, 1, "df.complete")[0];
    static const char *names[] = {"statistic", "riv", "df.residual", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    for (int k = 0; k < 3; k++) {
        SET_VECTOR_ELT(list, k, Rf_allocVector(REALSXP, 1));
    }
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    qst_pool_test test;
    const qst_status status =
        qst_pool_joint(&call.ctx, estimate, within, between, m, df_complete, &test, &call.err);
    qstr_done(&call, status);
    REAL(VECTOR_ELT(list, 0))[0] = test.statistic;
    REAL(VECTOR_ELT(list, 1))[0] = test.riv;
    REAL(VECTOR_ELT(list, 2))[0] = test.df_residual;
    UNPROTECT(2);
    return list;
}
