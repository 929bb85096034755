#include "glue/glue.h"

static qst_boot_units units_arg(SEXP sizes)
{
    const int *size = qstr_ints(sizes, -1, "sizes");
    qst_boot_units units = {.stratum_size = size, .n_strata = Rf_length(sizes)};
    for (int k = 0; k < units.n_strata; k++) {
        units.n_units += size[k] > 0 ? size[k] : 0;
    }
    return units;
}

/* list(columns, unit, sorted), the last NULL but for the median. */
static qst_boot_data data_arg(SEXP data)
{
    const qst_cmat columns = qstr_cmat(VECTOR_ELT(data, 0), "columns");
    SEXP sorted = VECTOR_ELT(data, 2);
    return (qst_boot_data){.columns = columns,
        .unit = qstr_ints(VECTOR_ELT(data, 1), columns.n_rows, "unit"),
        .sorted = sorted == R_NilValue ? NULL : qstr_ints(sorted, columns.n_rows, "sorted")};
}

/* list(observed, replicates, jackknife); a result a row. `range` is the first replicate and how
 * many. */
SEXP qstr_boot(SEXP sizes_sexp, SEXP data_sexp, SEXP statistic_sexp, SEXP range_sexp,
    SEXP jackknife_sexp, SEXP seed_sexp, SEXP threads_sexp)
{
    const qst_boot_units units = units_arg(sizes_sexp);
    const qst_boot_data data = data_arg(data_sexp);
    const int statistic = qstr_int(statistic_sexp, "statistic");
    if (statistic < 0 || statistic >= QST_N_BOOT ||
        (statistic == QST_BOOT_MEDIAN && data.sorted == NULL)) {
        qstr_refuse("`statistic` is unknown, or has not what it needs.");
    }
    const double *range = qstr_doubles(range_sexp, 2, "range");
    const bool with_jackknife = qstr_flag(jackknife_sexp, "jackknife");
    const uint64_t seed = qstr_seed(seed_sexp);
    const int n_results =
        (int)qst_boot_n_results((qst_boot_statistic)statistic, data.columns.n_cols);
    static const char *names[] = {"observed", "replicates", "jackknife", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocVector(REALSXP, n_results));
    SET_VECTOR_ELT(list, 1, Rf_allocMatrix(REALSXP, n_results, (int)range[1]));
    SET_VECTOR_ELT(
        list, 2, Rf_allocMatrix(REALSXP, n_results, with_jackknife ? (int)units.n_units : 0));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_boot(&call.ctx, &units, &data, (qst_boot_statistic)statistic,
        (int64_t)range[0], (int64_t)range[1], seed, REAL(VECTOR_ELT(list, 0)),
        REAL(VECTOR_ELT(list, 1)), with_jackknife ? REAL(VECTOR_ELT(list, 2)) : NULL, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return list;
}

SEXP qstr_boot_draws(
    SEXP sizes_sexp, SEXP first_sexp, SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp)
{
    const qst_boot_units units = units_arg(sizes_sexp);
    const int64_t first = (int64_t)qstr_double(first_sexp, "first");
    const int n_replicates = qstr_int(replicates_sexp, "replicates");
    const uint64_t seed = qstr_seed(seed_sexp);
    SEXP result = PROTECT(Rf_allocMatrix(INTSXP, (int)units.n_units, n_replicates));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status =
        qst_boot_draws(&call.ctx, &units, first, n_replicates, seed, INTEGER(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
