#include "glue/glue.h"

#include <R.h>

/* NULL or a double vector of length n. */
static const double *optional_doubles(SEXP x, ptrdiff_t n, const char *argument)
{
    return x == R_NilValue ? NULL : qstr_doubles(x, n, argument);
}

/* list(firth, tol_alias, tol_deviance, n_steps_max). */
static void read_control(SEXP control_sexp, qst_glm_settings *settings)
{
    settings->firth = qstr_flag(VECTOR_ELT(control_sexp, 0), "firth");
    settings->tol_alias = qstr_double(VECTOR_ELT(control_sexp, 1), "tol_alias");
    settings->tol_deviance = qstr_double(VECTOR_ELT(control_sexp, 2), "tol_deviance");
    settings->n_steps_max = qstr_int(VECTOR_ELT(control_sexp, 3), "n_steps_max");
}

/* Linear models need no linear predictor beside their fitted values. */
static bool is_linear(const qst_glm_settings *settings)
{
    return settings->family == QST_FAMILY_GAUSSIAN && settings->link == QST_LINK_IDENTITY;
}

static SEXP make_result(ptrdiff_t n, ptrdiff_t p, bool with_linear, qst_glm_result *result)
{
    static const char *names[] = {"coefficients", "effects", "residuals", "fitted", "linear",
        "covariance", "separated", "rank", "n_used", "deviance", "pearson", "info", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    const R_xlen_t lengths[] = {p, p, n, n, with_linear ? n : 0};
    for (int k = 0; k < 5; k++) {
        SET_VECTOR_ELT(list, k, Rf_allocVector(REALSXP, lengths[k]));
    }
    SET_VECTOR_ELT(list, 5, Rf_allocMatrix(REALSXP, (int)p, (int)p));
    *result = (qst_glm_result){
        .coefficients = REAL(VECTOR_ELT(list, 0)),
        .effects = REAL(VECTOR_ELT(list, 1)),
        .residuals = REAL(VECTOR_ELT(list, 2)),
        .fitted = REAL(VECTOR_ELT(list, 3)),
        .linear = with_linear ? REAL(VECTOR_ELT(list, 4)) : NULL,
        .covariance = {REAL(VECTOR_ELT(list, 5)), p, p, p},
        .separated = (bool *)R_alloc((size_t)p, sizeof(bool)),
    };
    UNPROTECT(1);
    return list;
}

static SEXP make_info(const qst_glm_info *info)
{
    static const char *names[] = {"method", "condition", "iterations", "converged", "boundary",
        "log_det", "theta", "theta_se", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_mkString(info->method == QST_GLM_BY_QR ? "QR" : "Gram"));
    SET_VECTOR_ELT(list, 1, Rf_ScalarReal(info->condition));
    SET_VECTOR_ELT(list, 2, Rf_ScalarInteger(info->n_steps));
    SET_VECTOR_ELT(list, 3, Rf_ScalarLogical(info->is_converged));
    SET_VECTOR_ELT(list, 4, Rf_ScalarLogical(info->is_boundary));
    SET_VECTOR_ELT(list, 5, Rf_ScalarReal(info->log_det));
    SET_VECTOR_ELT(list, 6, Rf_ScalarReal(info->theta));
    SET_VECTOR_ELT(list, 7, Rf_ScalarReal(info->theta_se));
    UNPROTECT(1);
    return list;
}

static void set_results(
    SEXP list, const qst_glm_info *info, const qst_glm_result *result, ptrdiff_t p)
{
    SEXP separated = Rf_allocVector(LGLSXP, p);
    SET_VECTOR_ELT(list, 6, separated);
    for (ptrdiff_t j = 0; j < p; j++) {
        LOGICAL(separated)[j] = info->is_separated && result->separated[j];
    }
    SET_VECTOR_ELT(list, 7, Rf_ScalarInteger((int)info->rank));
    SET_VECTOR_ELT(list, 8, Rf_ScalarReal((double)info->n_used));
    SET_VECTOR_ELT(list, 9, Rf_ScalarReal(info->deviance));
    SET_VECTOR_ELT(list, 10, Rf_ScalarReal(info->pearson));
    SET_VECTOR_ELT(list, 11, make_info(info));
}

SEXP qstr_glm_fit(SEXP model_sexp, SEXP y_sexp, SEXP weights_sexp, SEXP offset_sexp,
    SEXP family_sexp, SEXP control_sexp, SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const ptrdiff_t n = model.n_rows, p = qst_model_cols(&model);
    qst_glm_data data = {.model = &model};
    data.y = qstr_doubles(y_sexp, n, "y");
    data.weights = optional_doubles(weights_sexp, n, "weights");
    data.offset = optional_doubles(offset_sexp, n, "offset");
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    const qstr_family family = qstr_read_family(family_sexp);
    settings.family = family.family;
    settings.link = family.link;
    settings.theta = family.theta;
    settings.estimate_theta = family.family == QST_FAMILY_NEGATIVE_BINOMIAL && family.theta == 0.0;
    read_control(control_sexp, &settings);
    qst_glm_result result;
    SEXP list = PROTECT(make_result(n, p, !is_linear(&settings), &result));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    qst_glm_work *work = NULL;
    qst_glm_info info;
    qst_status status = qst_glm_work_new(&call.ctx, n, p, &work, &call.err);
    if (status == QST_OK) {
        status = qst_glm_fit(&call.ctx, &settings, &data, work, &result, &info, &call.err);
    }
    qst_glm_work_free(work);
    qstr_done(&call, status);
    set_results(list, &info, &result, p);
    UNPROTECT(2);
    return list;
}

/* A number: the deviance at the means mu, or NULL for the weighted mean. */
SEXP qstr_glm_deviance(
    SEXP y_sexp, SEXP weights_sexp, SEXP mu_sexp, SEXP family_sexp, SEXP threads_sexp)
{
    const double *y = qstr_doubles(y_sexp, -1, "y");
    const ptrdiff_t n = XLENGTH(y_sexp);
    const double *weights = optional_doubles(weights_sexp, n, "weights");
    const double *mu = optional_doubles(mu_sexp, n, "mu");
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    const qstr_family family = qstr_read_family(family_sexp);
    settings.family = family.family;
    settings.link = family.link;
    settings.theta = family.theta;
    double deviance = 0.0;
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status =
        qst_glm_deviance(&call.ctx, &settings, y, weights, mu, n, &deviance, &call.err);
    qstr_done(&call, status);
    UNPROTECT(1);
    return Rf_ScalarReal(deviance);
}
