#include "glue/glue.h"

#include <R.h>

/* ---- Arguments ---- */

const qst_printed *qstr_cells(SEXP cells_sexp, ptrdiff_t n)
{
    const double *digits = qstr_doubles(qstr_element(cells_sexp, "digits"), n, "digits");
    const int *decimals = qstr_ints(qstr_element(cells_sexp, "decimals"), n, "decimals");
    const int *kind = qstr_ints(qstr_element(cells_sexp, "kind"), n, "kind");
    qst_printed *cells = (qst_printed *)R_alloc((size_t)n, sizeof *cells);
    for (ptrdiff_t i = 0; i < n; i++) {
        if (!(digits[i] > -1e15 && digits[i] < 1e15)) {
            qstr_refuse("`digits` must lie within 1e15.");
        }
        cells[i] = (qst_printed){(int64_t)digits[i], decimals[i], kind[i]};
    }
    return cells;
}

static int32_t kind_of(SEXP kinds_sexp, ptrdiff_t i)
{
    const char *name = CHAR(STRING_ELT(kinds_sexp, i));
    const int32_t kind = qst_check_kind_of(name);
    if (kind < 0) {
        qstr_refuse("There is no check \"%s\".", name);
    }
    return kind;
}

/* A data frame kind (text), target, first, n, n_rows, n_cols, without_sign, par1, par2, par3; a row
 * a check. Cells are counted from 0. */
static const qst_check *read_checks(SEXP checks_sexp, ptrdiff_t n)
{
    SEXP kinds = qstr_element(checks_sexp, "kind");
    static const char *const int_names[] = {"target", "first", "n", "n_rows", "n_cols"};
    static const char *const par_names[] = {"par1", "par2", "par3"};
    const int *ints[5];
    const double *pars[3];
    for (int k = 0; k < 5; k++) {
        ints[k] = qstr_ints(qstr_element(checks_sexp, int_names[k]), n, int_names[k]);
    }
    for (int k = 0; k < 3; k++) {
        pars[k] = qstr_doubles(qstr_element(checks_sexp, par_names[k]), n, par_names[k]);
    }
    SEXP without_sign = qstr_element(checks_sexp, "without_sign");
    if (TYPEOF(without_sign) != LGLSXP || XLENGTH(without_sign) != n || TYPEOF(kinds) != STRSXP) {
        qstr_refuse("`checks` must have a text `kind` and a logical `without_sign`.");
    }
    qst_check *checks = (qst_check *)R_alloc((size_t)n, sizeof *checks);
    for (ptrdiff_t i = 0; i < n; i++) {
        checks[i] = (qst_check){kind_of(kinds, i), ints[0][i], ints[1][i], ints[2][i], ints[3][i],
            ints[4][i], LOGICAL_RO(without_sign)[i] == TRUE, {pars[0][i], pars[1][i], pars[2][i]}};
    }
    return checks;
}

/* A list of integer matrices of cells, level by column; a column count alone for the arms. */
static const qst_margin *read_margins(SEXP margins_sexp)
{
    const ptrdiff_t n = XLENGTH(margins_sexp);
    qst_margin *margins = (qst_margin *)R_alloc((size_t)n, sizeof *margins);
    for (ptrdiff_t i = 0; i < n; i++) {
        SEXP margin = VECTOR_ELT(margins_sexp, i);
        if (!Rf_isMatrix(margin)) {
            const int n_arms = qstr_int(margin, "margins");
            margins[i] = (qst_margin){n_arms, n_arms, NULL};
            continue;
        }
        /* R's matrices go down their columns: ours are levels within columns, so transposed. */
        margins[i] = (qst_margin){
            Rf_ncols(margin), Rf_nrows(margin), qstr_ints(margin, XLENGTH(margin), "margins")};
    }
    return margins;
}

qst_tables qstr_tables(SEXP tables_sexp)
{
    SEXP cells = qstr_element(tables_sexp, "cells");
    SEXP checks = qstr_element(tables_sexp, "checks");
    SEXP inputs = qstr_element(tables_sexp, "inputs");
    SEXP margins = qstr_element(tables_sexp, "margins");
    const ptrdiff_t n_cells = XLENGTH(qstr_element(cells, "digits"));
    const ptrdiff_t n_checks = XLENGTH(qstr_element(checks, "target"));
    return (qst_tables){.n_cells = n_cells,
        .n_checks = n_checks,
        .n_inputs = XLENGTH(inputs),
        .cells = qstr_cells(cells, n_cells),
        .checks = read_checks(checks, n_checks),
        .inputs = qstr_ints(inputs, -1, "inputs"),
        .margins = read_margins(margins),
        .n_margins = (int32_t)XLENGTH(margins),
        .truncated = qstr_flag(qstr_element(tables_sexp, "truncated"), "truncated")};
}

/* ---- Entry ---- */

/* list(value, low, high, spread, verdict), one of each a check. */
SEXP qstr_audit(SEXP tables_sexp)
{
    const qst_tables tables = qstr_tables(tables_sexp);
    qst_finding *findings = (qst_finding *)R_alloc((size_t)tables.n_checks, sizeof *findings);
    const char *names[] = {"value", "low", "high", "spread", "verdict", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    for (int k = 0; k < 5; k++) {
        SET_VECTOR_ELT(result, k, Rf_allocVector(k < 4 ? REALSXP : INTSXP, tables.n_checks));
    }
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_audit(&call.ctx, &tables, findings, &call.err);
    qstr_done(&call, status);
    for (ptrdiff_t i = 0; i < tables.n_checks; i++) {
        REAL(VECTOR_ELT(result, 0))[i] = findings[i].value;
        REAL(VECTOR_ELT(result, 1))[i] = findings[i].low;
        REAL(VECTOR_ELT(result, 2))[i] = findings[i].high;
        REAL(VECTOR_ELT(result, 3))[i] = findings[i].spread;
        INTEGER(VECTOR_ELT(result, 4))[i] = findings[i].verdict;
    }
    UNPROTECT(2);
    return result;
}

/* Means, and SDs or NULL, as cells; n and step a row. A logical vector. */
SEXP qstr_grim(SEXP mean_sexp, SEXP sd_sexp, SEXP n_sexp, SEXP step_sexp, SEXP truncated_sexp)
{
    const ptrdiff_t n_rows = XLENGTH(n_sexp);
    const qst_grim_rows rows = {.n_rows = n_rows,
        .mean = qstr_cells(mean_sexp, n_rows),
        .sd = Rf_isNull(sd_sexp) ? NULL : qstr_cells(sd_sexp, n_rows),
        .n = qstr_doubles(n_sexp, n_rows, "n"),
        .step = qstr_doubles(step_sexp, n_rows, "step"),
        .truncated = qstr_flag(truncated_sexp, "truncated")};
    SEXP result = PROTECT(Rf_allocVector(LGLSXP, n_rows));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_grim(&call.ctx, &rows, LOGICAL(result), &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
