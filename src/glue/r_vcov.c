#include "glue/glue.h"

#include <R.h>

static qst_sandwich read_fit(
    const qst_model *model, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp)
{
    const ptrdiff_t n = model->n_rows;
    return (qst_sandwich){
        .model = model,
        .weights = weights_sexp == R_NilValue ? NULL : qstr_doubles(weights_sexp, n, "weights"),
        .residuals = qstr_doubles(residuals_sexp, n, "residuals"),
        .bread = qstr_cmat(bread_sexp, "bread"),
    };
}

/* Codes of a factor, NA for rows that do not count. */
static qst_clusters read_clusters(SEXP codes_sexp, SEXP variances_sexp, ptrdiff_t n)
{
    return (qst_clusters){
        .codes = qstr_ints(codes_sexp, n, "cluster"),
        .n_clusters = Rf_nlevels(codes_sexp),
        .variances =
            variances_sexp == R_NilValue ? NULL : qstr_doubles(variances_sexp, n, "variances"),
    };
}

static qst_mat own_matrix(SEXP x)
{
    return (qst_mat){REAL(x), Rf_nrows(x), Rf_ncols(x), Rf_nrows(x) > 0 ? Rf_nrows(x) : 1};
}

SEXP qstr_vcov_rows(SEXP model_sexp, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp,
    SEXP type_sexp, SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const qst_sandwich fit = read_fit(&model, weights_sexp, residuals_sexp, bread_sexp);
    const int type = qstr_int(type_sexp, "type");
    static const char *names[] = {"covariance", "n_full", "first_full", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    const int p = (int)fit.bread.n_cols;
    SET_VECTOR_ELT(list, 0, Rf_allocMatrix(REALSXP, p, p));
    SET_VECTOR_ELT(list, 1, Rf_allocVector(REALSXP, 1));
    SET_VECTOR_ELT(list, 2, Rf_allocVector(REALSXP, 1));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    ptrdiff_t n_full = 0, first_full = -1;
    const qst_status status = qst_vcov_rows(&call.ctx, &fit, (qst_hc)type,
        own_matrix(VECTOR_ELT(list, 0)), &n_full, &first_full, &call.err);
    qstr_done(&call, status);
    REAL(VECTOR_ELT(list, 1))[0] = (double)n_full;
    REAL(VECTOR_ELT(list, 2))[0] = (double)first_full + 1.0;
    UNPROTECT(2);
    return list;
}

SEXP qstr_vcov_clusters(SEXP model_sexp, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp,
    SEXP codes_sexp, SEXP variances_sexp, SEXP type_sexp, SEXP contrasts_sexp, SEXP joint_sexp,
    SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const qst_sandwich fit = read_fit(&model, weights_sexp, residuals_sexp, bread_sexp);
    const qst_clusters clusters = read_clusters(codes_sexp, variances_sexp, model.n_rows);
    const int type = qstr_int(type_sexp, "type");
    qst_small_sample questions = {
        .contrasts = qstr_cmat(contrasts_sexp, "contrasts"),
        .is_joint = qstr_flag(joint_sexp, "joint"),
    };
    static const char *names[] = {"covariance", "trace", "variance", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    const int sides[] = {
        (int)fit.bread.n_cols, (int)questions.contrasts.n_rows, (int)questions.contrasts.n_rows};
    for (int k = 0; k < 3; k++) {
        SET_VECTOR_ELT(list, k, Rf_allocMatrix(REALSXP, sides[k], sides[k]));
    }
    questions.trace_out = REAL(VECTOR_ELT(list, 1));
    questions.variance_out = REAL(VECTOR_ELT(list, 2));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_vcov_clusters(&call.ctx, &fit, &clusters, (qst_cr)type,
        &questions, own_matrix(VECTOR_ELT(list, 0)), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}

/* A matrix of two columns, square and weight. */
SEXP qstr_vcov_nodes(SEXP low_sexp, SEXP high_sexp)
{
    qst_nodes nodes;
    qst_root_nodes(qstr_double(low_sexp, "low"), qstr_double(high_sexp, "high"), &nodes);
    SEXP result = PROTECT(Rf_allocMatrix(REALSXP, (int)nodes.n_nodes, 2));
    for (ptrdiff_t k = 0; k < nodes.n_nodes; k++) {
        REAL(result)[k] = nodes.square[k];
        REAL(result)[k + nodes.n_nodes] = nodes.weight[k];
    }
    UNPROTECT(1);
    return result;
}

/* Scores and shares, clusters by rank, and the direction. */
SEXP qstr_vcov_scores(SEXP model_sexp, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp,
    SEXP codes_sexp, SEXP contrast_sexp, SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const qst_sandwich fit = read_fit(&model, weights_sexp, residuals_sexp, bread_sexp);
    const qst_clusters clusters = read_clusters(codes_sexp, R_NilValue, model.n_rows);
    const double *contrast = qstr_doubles(contrast_sexp, fit.bread.n_cols, "contrast");
    int rank = 0;
    for (ptrdiff_t j = 0; j < fit.bread.n_cols; j++) {
        rank += !ISNAN(fit.bread.data[j + j * fit.bread.ld]);
    }
    static const char *names[] = {"scores", "shares", "direction", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocMatrix(REALSXP, clusters.n_clusters, rank));
    SET_VECTOR_ELT(list, 1, Rf_allocMatrix(REALSXP, clusters.n_clusters, rank));
    SET_VECTOR_ELT(list, 2, Rf_allocVector(REALSXP, rank));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_cluster_scores(&call.ctx, &fit, &clusters, contrast,
        REAL(VECTOR_ELT(list, 0)), REAL(VECTOR_ELT(list, 1)), REAL(VECTOR_ELT(list, 2)), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}

SEXP qstr_vcov_wild(SEXP scores_sexp, SEXP shares_sexp, SEXP direction_sexp, SEXP weights_sexp,
    SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp)
{
    qst_wild wild = {
        .scores = qstr_cmat(scores_sexp, "scores"),
        .shares = qstr_cmat(shares_sexp, "shares"),
        .weights = (qst_wild_weights)qstr_int(weights_sexp, "weights"),
        .n_replicates = (int64_t)qstr_double(replicates_sexp, "replicates"),
        .seed = qstr_seed(seed_sexp),
    };
    wild.direction = qstr_doubles(direction_sexp, wild.scores.n_cols, "direction");
    SEXP t = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)wild.n_replicates));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_wild_bootstrap(&call.ctx, &wild, REAL(t), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return t;
}
