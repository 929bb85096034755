#include "glue/glue.h"

#include <math.h>

static const char *names[] = {"b", "vcov", "robust", "df", "weights", "between", "within", "logLik",
    "Q", "typical", "iterations", "outcome", ""};

static SEXP allocate_result(R_xlen_t k, R_xlen_t p)
{
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, p));
    SET_VECTOR_ELT(list, 1, Rf_allocMatrix(REALSXP, (int)p, (int)p));
    SET_VECTOR_ELT(list, 2, Rf_allocMatrix(REALSXP, (int)p, (int)p));
    SET_VECTOR_ELT(list, 3, Rf_allocVector(REALSXP, p));
    SET_VECTOR_ELT(list, 4, Rf_allocVector(REALSXP, k));
    for (int i = 5; i < 10; i++) {
        SET_VECTOR_ELT(list, i, Rf_allocVector(REALSXP, 1));
    }
    SET_VECTOR_ELT(list, 10, Rf_allocVector(INTSXP, 1));
    SET_VECTOR_ELT(list, 11, Rf_allocVector(INTSXP, 1));
    UNPROTECT(1);
    return list;
}

static void write_info(SEXP list, const qst_meta_cluster_info *info)
{
    const double numbers[] = {
        info->between, info->within, info->log_lik, info->q, info->typical_variance};
    for (int i = 0; i < 5; i++) {
        REAL(VECTOR_ELT(list, i + 5))[0] = isnan(numbers[i]) ? NA_REAL : numbers[i];
    }
    INTEGER(VECTOR_ELT(list, 10))[0] = info->n_iterations;
    INTEGER(VECTOR_ELT(list, 11))[0] = (int)info->outcome;
}

/* y, v: k doubles; x: k x p or NULL; cluster: k codes; settings: c(n_clusters, ml, max_iterations);
 * rho: a number; covariance: k x k or NULL. */
SEXP qstr_meta_cluster(SEXP y_sexp, SEXP v_sexp, SEXP x_sexp, SEXP cluster_sexp, SEXP settings_sexp,
    SEXP rho_sexp, SEXP covariance_sexp)
{
    const R_xlen_t k = Rf_xlength(y_sexp);
    const int *given = qstr_ints(settings_sexp, 3, "settings");
    qst_meta_clusters data = {.y = qstr_doubles(y_sexp, k, "yi"),
        .v = qstr_doubles(v_sexp, k, "vi"),
        .k = k,
        .cluster = qstr_ints(cluster_sexp, k, "cluster"),
        .n_clusters = given[0],
        .rho = qstr_double(rho_sexp, "rho")};
    if (x_sexp != R_NilValue) {
        data.x = qstr_cmat(x_sexp, "moderators");
    }
    if (covariance_sexp != R_NilValue) {
        data.covariance = qstr_cmat(covariance_sexp, "vi");
    }
    const qst_meta_cluster_settings settings = {.ml = given[1] != 0, .max_iterations = given[2]};
    SEXP list = PROTECT(allocate_result(k, x_sexp == R_NilValue ? 1 : data.x.n_cols));
    qst_meta_cluster_info info;
    const qst_meta_cluster_fit fit = {.b_out = REAL(VECTOR_ELT(list, 0)),
        .vcov_out = REAL(VECTOR_ELT(list, 1)),
        .robust_out = REAL(VECTOR_ELT(list, 2)),
        .df_out = REAL(VECTOR_ELT(list, 3)),
        .weights_out = REAL(VECTOR_ELT(list, 4)),
        .info_out = &info};
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_meta_cluster_fits(&call.ctx, &data, &settings, &fit, &call.err);
    qstr_done(&call, status);
    write_info(list, &info);
    UNPROTECT(2);
    return list;
}
