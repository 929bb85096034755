#include "glue/glue.h"

#include <R.h>

/* Lists of strata: list(n, ratio, sizes, stratum), the sizes a list of a vector a stratum. */
static const qst_allocation *lists_arg(SEXP lists, int n_strata)
{
    if (lists == R_NilValue) {
        return NULL;
    }
    const int *n = qstr_ints(VECTOR_ELT(lists, 0), n_strata, "n");
    const int *ratio = qstr_ints(VECTOR_ELT(lists, 1), -1, "ratio");
    const int *stratum = qstr_ints(VECTOR_ELT(lists, 3), n_strata, "stratum");
    qst_allocation *plans = (qst_allocation *)R_alloc((size_t)n_strata, sizeof *plans);
    for (int k = 0; k < n_strata; k++) {
        SEXP sizes = VECTOR_ELT(VECTOR_ELT(lists, 2), k);
        plans[k] = (qst_allocation){.n = n[k],
            .ratio = ratio,
            .n_arms = Rf_length(VECTOR_ELT(lists, 1)),
            .sizes = qstr_ints(sizes, -1, "sizes"),
            .n_sizes = Rf_length(sizes),
            .stratum = (uint32_t)stratum[k]};
    }
    return plans;
}

/* list(arm, n_arms, stratum_size, lists) */
static qst_scheme scheme_arg(SEXP scheme)
{
    SEXP arm = VECTOR_ELT(scheme, 0), sizes = VECTOR_ELT(scheme, 2);
    const int n_strata = Rf_length(sizes);
    return (qst_scheme){.arm = qstr_ints(arm, -1, "arm"),
        .n_units = XLENGTH(arm),
        .n_arms = qstr_int(VECTOR_ELT(scheme, 1), "n_arms"),
        .stratum_size = qstr_ints(sizes, -1, "stratum_size"),
        .n_strata = n_strata,
        .lists = lists_arg(VECTOR_ELT(scheme, 3), n_strata)};
}

/* list(n, sum, squares), or list(answer, n_answers) for chi-square */
static qst_permuted permuted_arg(SEXP data, ptrdiff_t n_units)
{
    if (Rf_length(data) == 2) {
        return (qst_permuted){.answer = qstr_ints(VECTOR_ELT(data, 0), n_units, "answer"),
            .n_answers = qstr_int(VECTOR_ELT(data, 1), "n_answers")};
    }
    return (qst_permuted){.n = qstr_doubles(VECTOR_ELT(data, 0), n_units, "n"),
        .sum = qstr_doubles(VECTOR_ELT(data, 1), n_units, "sum"),
        .squares = qstr_doubles(VECTOR_ELT(data, 2), n_units, "squares")};
}

static qst_permute_statistic statistic_arg(SEXP statistic, SEXP data)
{
    const int number = qstr_int(statistic, "statistic");
    const bool fits = (number == QST_PERMUTE_CHISQ) == (Rf_length(data) == 2);
    if (number < 0 || number >= QST_N_PERMUTE || !fits) {
        qstr_refuse("`statistic` does not fit the data.");
    }
    return (qst_permute_statistic)number;
}

SEXP qstr_permute(SEXP scheme_sexp, SEXP data_sexp, SEXP statistic_sexp, SEXP given_sexp,
    SEXP first_sexp, SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp)
{
    const qst_scheme scheme = scheme_arg(scheme_sexp);
    const qst_permuted data = permuted_arg(data_sexp, scheme.n_units);
    const qst_permute_statistic statistic = statistic_arg(statistic_sexp, data_sexp);
    const int64_t first = (int64_t)qstr_double(first_sexp, "first");
    const int64_t n_replicates = (int64_t)qstr_double(replicates_sexp, "replicates");
    const int *given = NULL;
    if (given_sexp != R_NilValue) {
        given = qstr_ints(given_sexp, (ptrdiff_t)n_replicates * scheme.n_units, "given");
    }
    const uint64_t seed = qstr_seed(seed_sexp);
    SEXP result = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)n_replicates));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_permute(&call.ctx, &scheme, &data, statistic, given, first,
        n_replicates, seed, REAL(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}

SEXP qstr_permute_arms(
    SEXP scheme_sexp, SEXP first_sexp, SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp)
{
    const qst_scheme scheme = scheme_arg(scheme_sexp);
    const int64_t first = (int64_t)qstr_double(first_sexp, "first");
    const int n_replicates = qstr_int(replicates_sexp, "replicates");
    const uint64_t seed = qstr_seed(seed_sexp);
    SEXP result = PROTECT(Rf_allocMatrix(INTSXP, (int)scheme.n_units, n_replicates));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status =
        qst_permute_arms(&call.ctx, &scheme, first, n_replicates, seed, INTEGER(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}

SEXP qstr_permute_all(SEXP scheme_sexp, SEXP data_sexp, SEXP statistic_sexp, SEXP n_all_sexp)
{
    const qst_scheme scheme = scheme_arg(scheme_sexp);
    const qst_permuted data = permuted_arg(data_sexp, scheme.n_units);
    const qst_permute_statistic statistic = statistic_arg(statistic_sexp, data_sexp);
    const int64_t n_all = (int64_t)qstr_double(n_all_sexp, "n_all");
    SEXP result = PROTECT(Rf_allocVector(REALSXP, (R_xlen_t)n_all));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status =
        qst_permute_all(&call.ctx, &scheme, &data, statistic, n_all, REAL(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
