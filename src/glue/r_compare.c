#include "glue/glue.h"

#include <R.h>
#include <string.h>

#define N_MOMENTS 3

/* Moments as an R matrix with one column a group: n, mean, ss, as in qst_moments. */
static const qst_moments *moments_arg(SEXP x, ptrdiff_t *k_out)
{
    const qst_cmat m = qstr_cmat(x, "moments");
    if (m.n_rows != N_MOMENTS) {
        qstr_refuse("`moments` must have 3 rows.");
    }
    *k_out = m.n_cols;
    qst_moments *moments = (qst_moments *)R_alloc((size_t)m.n_cols, sizeof *moments);
    for (ptrdiff_t g = 0; g < m.n_cols; g++) {
        const double *column = m.data + g * m.ld;
        moments[g] = (qst_moments){column[0], column[1], column[2]};
    }
    return moments;
}

SEXP qstr_compare_moments(SEXP x_sexp, SEXP group_sexp)
{
    const ptrdiff_t n = XLENGTH(x_sexp);
    const double *x = qstr_doubles(x_sexp, -1, "x");
    const int *group = qstr_ints(group_sexp, n, "group");
    const int n_groups = Rf_nlevels(group_sexp);
    static const char *names[] = {"moments", "shift", "n_left_out", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, Rf_allocMatrix(REALSXP, N_MOMENTS, n_groups));
    SET_VECTOR_ELT(list, 1, Rf_allocVector(REALSXP, 1));
    SET_VECTOR_ELT(list, 2, Rf_allocVector(REALSXP, 1));
    qst_moments *moments = (qst_moments *)R_alloc((size_t)n_groups, sizeof *moments);
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    ptrdiff_t n_left_out = 0;
    const qst_status status = qst_moments_by_group(&call.ctx, x, group, n, n_groups, moments,
        REAL(VECTOR_ELT(list, 1)), &n_left_out, &call.err);
    qstr_done(&call, status);
    for (int g = 0; g < n_groups; g++) {
        double *column = REAL(VECTOR_ELT(list, 0)) + g * N_MOMENTS;
        column[0] = moments[g].n;
        column[1] = moments[g].mean;
        column[2] = moments[g].ss;
    }
    REAL(VECTOR_ELT(list, 2))[0] = (double)n_left_out;
    UNPROTECT(2);
    return list;
}

static SEXP test_result(const qst_test *test)
{
    static const char *names[] = {"estimate", "std.error", "statistic", "df", "df.residual", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    const double values[] = {
        test->estimate, test->std_error, test->statistic, test->df, test->df_residual};
    for (int k = 0; k < 5; k++) {
        SET_VECTOR_ELT(list, k, Rf_ScalarReal(ISNAN(values[k]) ? NA_REAL : values[k]));
    }
    UNPROTECT(1);
    return list;
}

/* The test named "student", "welch" (two columns), "anova" or "welch.anova" of moments. */
SEXP qstr_compare_means(SEXP moments_sexp, SEXP test_sexp)
{
    ptrdiff_t k = 0;
    const qst_moments *groups = moments_arg(moments_sexp, &k);
    const char *name = CHAR(Rf_asChar(test_sexp));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    qst_test test;
    qst_status status;
    if (strcmp(name, "anova") == 0) {
        status = qst_test_anova(groups, k, &test, &call.err);
    } else if (strcmp(name, "welch.anova") == 0) {
        status = qst_test_welch_anova(groups, k, &test, &call.err);
    } else if (k != 2) {
        qstr_refuse("`moments` must have 2 columns.");
    } else if (strcmp(name, "welch") == 0) {
        status = qst_test_welch(&groups[0], &groups[1], &test, &call.err);
    } else {
        status = qst_test_student(&groups[0], &groups[1], &test, &call.err);
    }
    qstr_done(&call, status);
    UNPROTECT(1);
    return test_result(&test);
}

SEXP qstr_compare_chisq(SEXP counts_sexp, SEXP correct_sexp)
{
    const qst_cmat counts = qstr_cmat(counts_sexp, "counts");
    const bool correct = qstr_flag(correct_sexp, "correct");
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    qst_test test;
    ptrdiff_t n_low = 0;
    const qst_status status = qst_test_chisq(counts, correct, &test, &n_low, &call.err);
    qstr_done(&call, status);
    SEXP list = PROTECT(test_result(&test));
    Rf_setAttrib(list, Rf_install("n_low"), Rf_ScalarReal((double)n_low));
    UNPROTECT(2);
    return list;
}
