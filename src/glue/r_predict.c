#include "glue/glue.h"

/* list(eta, quadratic): X b, and x'A x of each row; NULL for b or A leaves its part empty. */
SEXP qstr_model_predict(SEXP model_sexp, SEXP b_sexp, SEXP a_sexp, SEXP threads_sexp)
{
    const qst_model model = qstr_model(model_sexp);
    const ptrdiff_t n = model.n_rows, p = qst_model_cols(&model);
    const bool with_b = b_sexp != R_NilValue, with_a = a_sexp != R_NilValue;
    const double *b = with_b ? qstr_doubles(b_sexp, p, "b") : NULL;
    const double *a = with_a ? qstr_doubles(a_sexp, p * p, "a") : NULL;
    static const char *names[] = {"eta", "quadratic", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, with_b ? n : 0));
    SET_VECTOR_ELT(list, 1, Rf_allocVector(REALSXP, with_a ? n : 0));
    double *eta = with_b ? REAL(VECTOR_ELT(list, 0)) : NULL;
    double *quadratic = with_a ? REAL(VECTOR_ELT(list, 1)) : NULL;
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_model_predict(&call.ctx, &model, b, a, eta, quadratic, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}
