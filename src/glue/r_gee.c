#include "glue/glue.h"

#include <R.h>
#include <string.h>

/* NULL or a double vector of length n, element `k` of a list. */
static const double *optional_element(SEXP list, int k, ptrdiff_t n, const char *argument)
{
    SEXP x = VECTOR_ELT(list, k);
    return x == R_NilValue ? NULL : qstr_doubles(x, n, argument);
}

static qst_corstr read_corstr(SEXP x)
{
    static const char *names[] = {"independence", "exchangeable", "ar1", "unstructured"};
    for (int k = 0; k < 4 && Rf_isString(x) && XLENGTH(x) == 1; k++) {
        if (strcmp(CHAR(STRING_ELT(x, 0)), names[k]) == 0) {
            return (qst_corstr)k;
        }
    }
    qstr_refuse("`corstr` is none of the four there are.");
}

/* rows = list(y, weights, offset, cluster, time); counts = c(n_clusters, n_times). `model` must
 * live as long as the result. */
static qst_gee read_gee(const qst_model *model, SEXP family, SEXP rows, SEXP corstr, SEXP counts)
{
    if (TYPEOF(rows) != VECSXP || XLENGTH(rows) != 5) {
        qstr_refuse("`rows` must be a list of five.");
    }
    const ptrdiff_t n = model->n_rows;
    const qstr_family f = qstr_read_family(family);
    const int *n_codes = qstr_ints(counts, 2, "counts");
    qst_gee gee = {.model = model,
        .family = f.family,
        .link = f.link,
        .theta = f.theta,
        .y = qstr_doubles(VECTOR_ELT(rows, 0), n, "y"),
        .weights = optional_element(rows, 1, n, "weights"),
        .offset = optional_element(rows, 2, n, "offset"),
        .cluster = qstr_ints(VECTOR_ELT(rows, 3), n, "cluster"),
        .n_clusters = n_codes[0],
        .corstr = read_corstr(corstr),
        .n_times = n_codes[1]};
    if (gee.corstr == QST_CORSTR_AR1 || gee.corstr == QST_CORSTR_UNSTRUCTURED) {
        gee.time = qstr_ints(VECTOR_ELT(rows, 4), n, "time");
    }
    if (gee.n_clusters < 0 || gee.n_times < 0) {
        qstr_refuse("`counts` must be two numbers from 0.");
    }
    return gee;
}

static const bool *read_flags(SEXP x, ptrdiff_t n, const char *argument)
{
    if (TYPEOF(x) != LGLSXP || XLENGTH(x) != n) {
        qstr_refuse("`%s` must be a logical vector of length %td.", argument, n);
    }
    bool *flags = (bool *)R_alloc((size_t)n, sizeof *flags);
    for (ptrdiff_t k = 0; k < n; k++) {
        flags[k] = LOGICAL(x)[k] == TRUE;
    }
    return flags;
}

static SEXP make_result(ptrdiff_t n, ptrdiff_t p, ptrdiff_t n_correlations, qst_gee_result *result)
{
    static const char *names[] = {
        "coefficients", "bread", "correlation", "linear", "phi", "iterations", "converged", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, p));
    SET_VECTOR_ELT(list, 1, Rf_allocMatrix(REALSXP, (int)p, (int)p));
    SET_VECTOR_ELT(list, 2, Rf_allocVector(REALSXP, n_correlations));
    SET_VECTOR_ELT(list, 3, Rf_allocVector(REALSXP, n));
    *result = (qst_gee_result){
        .coefficients = REAL(VECTOR_ELT(list, 0)),
        .bread = {REAL(VECTOR_ELT(list, 1)), p, p, p},
        .correlation = REAL(VECTOR_ELT(list, 2)),
        .eta = REAL(VECTOR_ELT(list, 3)),
    };
    UNPROTECT(1);
    return list;
}

/* control = c(tol, max_iterations). */
static qst_gee_settings read_settings(SEXP control)
{
    const double *values = qstr_doubles(control, 2, "control");
    return (qst_gee_settings){.tol = values[0], .max_iterations = (int32_t)values[1]};
}

SEXP qstr_gee_fit(SEXP model_sexp, SEXP family_sexp, SEXP rows_sexp, SEXP corstr_sexp,
    SEXP counts_sexp, SEXP start_sexp, SEXP aliased_sexp, SEXP control_sexp, SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const ptrdiff_t n = model.n_rows, p = qst_model_cols(&model);
    const qst_gee gee = read_gee(&model, family_sexp, rows_sexp, corstr_sexp, counts_sexp);
    const double *start = qstr_doubles(start_sexp, n, "start");
    const bool *aliased = read_flags(aliased_sexp, p, "aliased");
    const qst_gee_settings settings = read_settings(control_sexp);
    qst_gee_result result;
    SEXP list = PROTECT(make_result(n, p, qst_gee_correlations(&gee), &result));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    qst_gee_info info = {0};
    const qst_status status =
        qst_gee_fit(&call.ctx, &gee, &settings, start, aliased, &result, &info, &call.err);
    qstr_done(&call, status);
    SET_VECTOR_ELT(list, 4, Rf_ScalarReal(info.phi));
    SET_VECTOR_ELT(list, 5, Rf_ScalarInteger((int)info.iterations));
    SET_VECTOR_ELT(list, 6, Rf_ScalarLogical(info.converged));
    UNPROTECT(2);
    return list;
}

/* estimate = list(coefficients, correlation); correction: 0 none, 1 KC, 2 MD, 3 FG; the contrasts
 * are a matrix of p columns. */
SEXP qstr_gee_sandwich(SEXP model_sexp, SEXP family_sexp, SEXP rows_sexp, SEXP corstr_sexp,
    SEXP counts_sexp, SEXP estimate_sexp, SEXP correction_sexp, SEXP contrasts_sexp,
    SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const ptrdiff_t p = qst_model_cols(&model);
    const qst_gee gee = read_gee(&model, family_sexp, rows_sexp, corstr_sexp, counts_sexp);
    if (TYPEOF(estimate_sexp) != VECSXP || XLENGTH(estimate_sexp) != 2) {
        qstr_refuse("`estimate` must be a list of two.");
    }
    const qst_gee_estimate estimate = {
        .coefficients = qstr_doubles(VECTOR_ELT(estimate_sexp, 0), p, "coefficients"),
        .correlation =
            qstr_doubles(VECTOR_ELT(estimate_sexp, 1), qst_gee_correlations(&gee), "correlation")};
    const qst_cmat contrasts = qstr_cmat(contrasts_sexp, "contrasts");
    const int correction = qstr_int(correction_sexp, "correction");
    if (contrasts.n_cols != p) {
        qstr_refuse("`contrasts` must have a column for each coefficient.");
    }
    static const char *names[] = {"covariance", "df", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocMatrix(REALSXP, (int)p, (int)p));
    SET_VECTOR_ELT(list, 1, Rf_allocVector(REALSXP, contrasts.n_rows));
    const qst_mat covariance = {REAL(VECTOR_ELT(list, 0)), p, p, p};
    double *df = REAL(VECTOR_ELT(list, 1));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_gee_sandwich(&call.ctx, &gee, &estimate,
        (qst_gee_correction)correction, contrasts, covariance, df, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}
