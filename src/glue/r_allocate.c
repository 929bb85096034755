#include "glue/glue.h"

/* list(arm, block) of one stratum; `list` and `stratum` number the independent lists of a seed. */
SEXP qstr_allocate_list(SEXP n_sexp, SEXP ratio_sexp, SEXP sizes_sexp, SEXP seed_sexp,
    SEXP list_sexp, SEXP stratum_sexp)
{
    const qst_allocation plan = {.n = qstr_int(n_sexp, "n"),
        .ratio = qstr_ints(ratio_sexp, -1, "ratio"),
        .n_arms = Rf_length(ratio_sexp),
        .sizes = qstr_ints(sizes_sexp, -1, "block"),
        .n_sizes = Rf_length(sizes_sexp),
        .seed = qstr_seed(seed_sexp),
        .list = (uint32_t)qstr_int(list_sexp, "list"),
        .stratum = (uint32_t)qstr_int(stratum_sexp, "stratum")};
    if (plan.n < 0) {
        qstr_refuse("`n` must not be negative.");
    }
    const char *names[] = {"arm", "block", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(result, 0, Rf_allocVector(INTSXP, plan.n));
    SET_VECTOR_ELT(result, 1, Rf_allocVector(INTSXP, plan.n));
    int *arm_out = INTEGER(VECTOR_ELT(result, 0));
    int *block_out = INTEGER(VECTOR_ELT(result, 1));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_allocate(&call.ctx, &plan, arm_out, block_out, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
