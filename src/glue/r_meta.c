#include "glue/glue.h"

#include <math.h>

static const char *names[] = {"b", "vcov", "k", "iterations", "outcome", "bounded", "tau2",
    "se.tau2", "tau2.low", "tau2.high", "Q", "typical", "scale", "logLik", "logLik.reml", ""};

static SEXP allocate_result(R_xlen_t p, R_xlen_t n)
{
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocMatrix(REALSXP, (int)p, (int)n));
    SET_VECTOR_ELT(list, 1, Rf_allocMatrix(REALSXP, (int)(p * p), (int)n));
    for (int i = 2; i < 5; i++) {
        SET_VECTOR_ELT(list, i, Rf_allocVector(INTSXP, n));
    }
    SET_VECTOR_ELT(list, 5, Rf_allocVector(LGLSXP, n));
    for (int i = 6; names[i][0] != '\0'; i++) {
        SET_VECTOR_ELT(list, i, Rf_allocVector(REALSXP, n));
    }
    UNPROTECT(1);
    return list;
}

static void write_info(SEXP list, R_xlen_t set, const qst_meta_info *info)
{
    INTEGER(VECTOR_ELT(list, 2))[set] = info->k;
    INTEGER(VECTOR_ELT(list, 3))[set] = info->n_iterations;
    INTEGER(VECTOR_ELT(list, 4))[set] = (int)info->outcome;
    LOGICAL(VECTOR_ELT(list, 5))[set] = info->bounded;
    const double numbers[] = {info->tau2, info->se_tau2, info->tau2_low, info->tau2_high, info->q,
        info->typical_variance, info->scale, info->log_lik, info->log_lik_restricted};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        REAL(VECTOR_ELT(list, (R_xlen_t)i + 6))[set] = isnan(numbers[i]) ? NA_REAL : numbers[i];
    }
}

/* c(method, test, max_iterations) as the enums count; `chisq` a matrix of two columns or NULL. */
static qst_meta_settings read_settings(SEXP settings_sexp, SEXP chisq_sexp, ptrdiff_t k)
{
    const int *given = qstr_ints(settings_sexp, 3, "settings");
    qst_meta_settings settings = {.method = (qst_meta_method)given[0],
        .test = (qst_meta_test)given[1],
        .max_iterations = given[2]};
    if (chisq_sexp != R_NilValue) {
        const double *chisq = qstr_doubles(chisq_sexp, 2 * k, "chisq");
        settings.chisq_low = chisq;
        settings.chisq_high = chisq + k;
    }
    return settings;
}

/* y k x n, v k x n or k x 1, x k x p or NULL; chisq: quantiles for 1 .. k df, k x 2, or NULL. */
SEXP qstr_meta_fits(
    SEXP y_sexp, SEXP v_sexp, SEXP x_sexp, SEXP settings_sexp, SEXP chisq_sexp, SEXP threads_sexp)
{
    qst_meta_sets sets = {.y = qstr_cmat(y_sexp, "yi"), .v = qstr_cmat(v_sexp, "vi")};
    if (x_sexp != R_NilValue) {
        sets.x = qstr_cmat(x_sexp, "moderators");
    }
    const qst_meta_settings settings = read_settings(settings_sexp, chisq_sexp, sets.y.n_rows);
    const ptrdiff_t p = x_sexp == R_NilValue ? 1 : sets.x.n_cols, n = sets.y.n_cols;
    SEXP list = PROTECT(allocate_result(p, n));
    const qst_meta_fitted fitted = {.b_out = REAL(VECTOR_ELT(list, 0)),
        .vcov_out = REAL(VECTOR_ELT(list, 1)),
        .info_out = (qst_meta_info *)R_alloc((size_t)n, sizeof(qst_meta_info))};
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_meta_fits(&call.ctx, &sets, &settings, &fitted, &call.err);
    qstr_done(&call, status);
    for (R_xlen_t set = 0; set < n; set++) {
        write_info(list, set, &fitted.info_out[set]);
    }
    UNPROTECT(2);
    return list;
}

/* Events and people of k studies; method as the enum counts. */
SEXP qstr_meta_tables(
    SEXP events1_sexp, SEXP n1_sexp, SEXP events2_sexp, SEXP n2_sexp, SEXP method_sexp)
{
    const R_xlen_t k = XLENGTH(events1_sexp);
    const qst_meta_tables tables = {k, qstr_doubles(events1_sexp, k, "events1"),
        qstr_doubles(n1_sexp, k, "n1"), qstr_doubles(events2_sexp, k, "events2"),
        qstr_doubles(n2_sexp, k, "n2")};
    const qst_meta_table_method method = (qst_meta_table_method)qstr_int(method_sexp, "method");
    static const char *table_names[] = {"weight", "estimate", "variance", "Q", "k", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, table_names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, k));
    for (int i = 1; i < 5; i++) {
        SET_VECTOR_ELT(list, i, Rf_allocVector(REALSXP, 1));
    }
    qst_meta_pooled pooled;
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status =
        qst_meta_pool_tables(&tables, method, REAL(VECTOR_ELT(list, 0)), &pooled, &call.err);
    qstr_done(&call, status);
    const double numbers[] = {
        pooled.estimate, pooled.variance, pooled.q, (double)pooled.n_informative};
    for (int i = 0; i < 4; i++) {
        REAL(VECTOR_ELT(list, i + 1))[0] = numbers[i];
    }
    UNPROTECT(2);
    return list;
}

/* c(P(Q <= q), P(Q > q)) of sum lambda_i chi2_1. */
SEXP qstr_quadratic_form(SEXP lambda_sexp, SEXP q_sexp)
{
    const R_xlen_t n = XLENGTH(lambda_sexp);
    const double *lambda = qstr_doubles(lambda_sexp, n, "lambda");
    SEXP tails = PROTECT(Rf_allocVector(REALSXP, 2));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_quadratic_form(
        lambda, n, qstr_doubles(q_sexp, 1, "q")[0], REAL(tails), REAL(tails) + 1, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return tails;
}
