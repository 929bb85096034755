#include "glue/glue.h"

/* kind, multiply and n_missing_max, as R/score.R puts them together. */
static qst_score_rule read_rule(SEXP rule_sexp)
{
    const double *rule = qstr_doubles(rule_sexp, 3, "rule");
    return (qst_score_rule){.kind = (qst_score_kind)(int)rule[0],
        .multiply = rule[1],
        .n_missing_max = (ptrdiff_t)rule[2]};
}

/* A list of the scores and, if asked for, how many items each row answered. */
SEXP qstr_scale_score(SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp, SEXP rule_sexp,
    SEXP count_sexp, SEXP threads_sexp)
{
    const qst_scale scale = qstr_scale(columns_sexp, reversed_sexp, range_sexp);
    const qst_score_rule rule = read_rule(rule_sexp);
    const bool count = qstr_flag(count_sexp, "count");
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const char *names[] = {"score", "answered", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(result, 0, Rf_allocVector(REALSXP, scale.n_rows));
    if (count) {
        SET_VECTOR_ELT(result, 1, Rf_allocVector(INTSXP, scale.n_rows));
    }
    const qst_status status = qst_scale_score(&call.ctx, &scale, &rule, REAL(VECTOR_ELT(result, 0)),
        count ? INTEGER(VECTOR_ELT(result, 1)) : NULL, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
