#include "glue/glue.h"

#include <R.h>

/* NULL or a double vector of length n. */
static const double *optional_doubles(SEXP x, ptrdiff_t n, const char *argument)
{
    return x == R_NilValue ? NULL : qstr_doubles(x, n, argument);
}

static SEXP make_result(ptrdiff_t n, ptrdiff_t p, bool with_leverage, qst_glm_result *result)
{
    static const char *names[] = {"coefficients", "effects", "covariance", "residuals", "fitted",
        "leverage", "rank", "n_used", "deviance", "condition", "method", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    const R_xlen_t lengths[] = {p, p, -1, n, n, with_leverage ? n : 0};
    for (int k = 0; k < 6; k++) {
        SET_VECTOR_ELT(list, k,
            k == 2 ? Rf_allocMatrix(REALSXP, (int)p, (int)p) : Rf_allocVector(REALSXP, lengths[k]));
    }
    *result = (qst_glm_result){
        .coefficients = REAL(VECTOR_ELT(list, 0)),
        .effects = REAL(VECTOR_ELT(list, 1)),
        .covariance = {REAL(VECTOR_ELT(list, 2)), p, p, p},
        .residuals = REAL(VECTOR_ELT(list, 3)),
        .fitted = REAL(VECTOR_ELT(list, 4)),
        .leverage = with_leverage ? REAL(VECTOR_ELT(list, 5)) : NULL,
    };
    UNPROTECT(1);
    return list;
}

static void set_info(SEXP list, const qst_glm_info *info)
{
    SET_VECTOR_ELT(list, 6, Rf_ScalarInteger((int)info->rank));
    SET_VECTOR_ELT(list, 7, Rf_ScalarReal((double)info->n_used));
    SET_VECTOR_ELT(list, 8, Rf_ScalarReal(info->deviance));
    SET_VECTOR_ELT(list, 9, Rf_ScalarReal(info->condition));
    SET_VECTOR_ELT(list, 10, Rf_mkString(info->method == QST_GLM_BY_QR ? "QR" : "Gram"));
}

SEXP qstr_glm_fit(SEXP model_sexp, SEXP y_sexp, SEXP weights_sexp, SEXP offset_sexp, SEXP tol_sexp,
    SEXP leverage_sexp, SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const ptrdiff_t n = model.n_rows, p = qst_model_cols(&model);
    qst_glm_data data = {.model = &model};
    data.y = qstr_doubles(y_sexp, n, "y");
    data.weights = optional_doubles(weights_sexp, n, "weights");
    data.offset = optional_doubles(offset_sexp, n, "offset");
    qst_glm_settings settings;
    qst_glm_settings_default(&settings);
    settings.tol_alias = qstr_double(tol_sexp, "tol");
    qst_glm_result result;
    SEXP list = PROTECT(make_result(n, p, qstr_flag(leverage_sexp, "leverage"), &result));
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
    set_info(list, &info);
    UNPROTECT(2);
    return list;
}
