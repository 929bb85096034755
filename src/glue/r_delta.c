#include "glue/glue.h"

/* Integer matrix of 0 and 1 as `second_sexp`, n_values x n_imputations, like the others; the
 * variable is a number from 1. */
SEXP qstr_delta_shift(
    SEXP second_sexp, SEXP probability_sexp, SEXP delta_sexp, SEXP variable_sexp, SEXP seed_sexp)
{
    const qst_cmat probability = qstr_cmat(probability_sexp, "probability");
    const ptrdiff_t n = probability.n_rows * probability.n_cols;
    const qst_delta values = {.n_values = probability.n_rows,
        .n_imputations = probability.n_cols,
        .variable = qstr_int(variable_sexp, "variable") - 1,
        .second = qstr_ints(second_sexp, n, "second"),
        .probability = probability.data,
        .delta = qstr_doubles(delta_sexp, n, "delta")};
    const uint64_t seed = qstr_seed(seed_sexp);
    SEXP result = PROTECT(Rf_allocMatrix(INTSXP, (int)probability.n_rows, (int)probability.n_cols));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_delta_shift(&values, seed, INTEGER(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
