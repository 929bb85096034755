#include "glue/glue.h"

#include <R.h>
#include <math.h>

static qst_impute_method method_arg(SEXP method)
{
    static const qstr_named known[] = {{"none", QST_IMPUTE_NONE}, {"mean", QST_IMPUTE_MEAN},
        {"median", QST_IMPUTE_MEDIAN}, {"sample", QST_IMPUTE_SAMPLE},
        {"norm.predict", QST_IMPUTE_PREDICT}, {"norm", QST_IMPUTE_NORM}, {"pmm", QST_IMPUTE_PMM},
        {"logreg", QST_IMPUTE_LOGREG}, {"polyreg", QST_IMPUTE_POLYREG}, {"polr", QST_IMPUTE_POLR},
        {"score", QST_IMPUTE_SCORE}};
    return (qst_impute_method)qstr_look_up(known, sizeof known / sizeof *known, method, "method");
}

/* Indices of R, as variables of the core. */
static const int32_t *indices_arg(SEXP indices, int n_variables, const char *argument)
{
    const int *from = qstr_ints(indices, -1, argument);
    const R_xlen_t n = XLENGTH(indices);
    int32_t *out = (int32_t *)R_alloc((size_t)n, sizeof *out);
    for (R_xlen_t k = 0; k < n; k++) {
        if (from[k] == NA_INTEGER || from[k] < 1 || from[k] > n_variables) {
            qstr_refuse("`%s` must name variables by their number.", argument);
        }
        out[k] = from[k] - 1;
    }
    return out;
}

static qst_col column_arg(SEXP x, int n_levels)
{
    if (n_levels > 0) {
        return (qst_col){QST_COL_FACTOR, qstr_ints(x, -1, "x"), XLENGTH(x), n_levels};
    }
    return (qst_col){QST_COL_DOUBLE, qstr_doubles(x, -1, "x"), XLENGTH(x), 0};
}

static qst_impute_variable variable_arg(SEXP list, int n_variables)
{
    SEXP predictors = qstr_element(list, "predictors"), parts = qstr_element(list, "parts");
    const double *limits = qstr_doubles(qstr_element(list, "limits"), 3, "limits");
    qst_impute_variable v = {.method = method_arg(qstr_element(list, "method")),
        .predictors = indices_arg(predictors, n_variables, "predictors"),
        .n_predictors = Rf_length(predictors),
        .min = limits[0],
        .max = limits[1],
        .step = limits[2]};
    if (v.method == QST_IMPUTE_SCORE) {
        v.constant = qstr_double(qstr_element(list, "constant"), "constant");
        v.parts = indices_arg(parts, n_variables, "parts");
        v.n_parts = Rf_length(parts);
        v.part_weights = qstr_doubles(qstr_element(list, "weights"), v.n_parts, "weights");
    } else {
        const int n_levels = qstr_int(qstr_element(list, "n_levels"), "n_levels");
        v.column = column_arg(qstr_element(list, "x"), n_levels);
    }
    return v;
}

static int largest(const int *codes, R_xlen_t n)
{
    int out = 0;
    for (R_xlen_t i = 0; i < n; i++) {
        out = codes[i] > out ? codes[i] : out;
    }
    return out;
}

/* Codes 1 .. as many as there are, or NULL. */
static const int32_t *codes_arg(SEXP codes, ptrdiff_t n, const char *argument, int32_t *n_out)
{
    if (codes == R_NilValue) {
        return NULL;
    }
    const int *out = qstr_ints(codes, n, argument);
    *n_out = largest(out, n);
    return out;
}

/* list(variable, starts, factors, levels), or NULL */
static const qst_impute_outcome *outcome_arg(SEXP outcome, int n_variables)
{
    if (outcome == R_NilValue) {
        return NULL;
    }
    SEXP variable = qstr_element(outcome, "variable");
    SEXP starts = qstr_element(outcome, "starts"), factors = qstr_element(outcome, "factors");
    if (Rf_length(variable) != 1) {
        qstr_refuse("`variable` must be one number.");
    }
    qst_impute_outcome *out = (qst_impute_outcome *)R_alloc(1, sizeof *out);
    *out = (qst_impute_outcome){.variable = indices_arg(variable, n_variables, "variable")[0],
        .n_terms = Rf_length(starts) - 1,
        .starts = qstr_ints(starts, -1, "starts"),
        .factors = indices_arg(factors, n_variables, "factors"),
        .levels = qstr_ints(qstr_element(outcome, "levels"), Rf_length(factors), "levels")};
    if (out->n_terms < 1 || out->starts[out->n_terms] != Rf_length(factors)) {
        qstr_refuse("`starts` must end where `factors` do.");
    }
    return out;
}

static qst_impute_data data_arg(SEXP variables, SEXP data)
{
    if (TYPEOF(variables) != VECSXP) {
        qstr_refuse("`variables` must be a list.");
    }
    const int n = Rf_length(variables);
    qst_impute_variable *list = (qst_impute_variable *)R_alloc((size_t)n, sizeof *list);
    for (int k = 0; k < n; k++) {
        list[k] = variable_arg(VECTOR_ELT(variables, k), n);
    }
    SEXP visits = qstr_element(data, "visits");
    qst_impute_data out = {.variables = list,
        .n_variables = n,
        .n_rows = (ptrdiff_t)qstr_double(qstr_element(data, "n_rows"), "n_rows"),
        .visits = indices_arg(visits, n, "visits"),
        .n_visits = Rf_length(visits),
        .n_groups = 1};
    out.group = codes_arg(qstr_element(data, "group"), out.n_rows, "group", &out.n_groups);
    out.outcome = outcome_arg(qstr_element(data, "outcome"), n);
    out.cluster = codes_arg(qstr_element(data, "cluster"), out.n_rows, "cluster", &out.n_clusters);
    return out;
}

static qst_impute_settings settings_arg(SEXP settings)
{
    return (qst_impute_settings){
        .n_iterations = qstr_int(qstr_element(settings, "iterations"), "iterations"),
        .donors = qstr_int(qstr_element(settings, "donors"), "donors"),
        .first_imputation = qstr_int(qstr_element(settings, "first"), "first"),
        .n_imputations = qstr_int(qstr_element(settings, "n"), "n"),
        .seed = qstr_seed(qstr_element(settings, "seed"))};
}

static int count_missing(qst_col column)
{
    int n = 0;
    for (ptrdiff_t i = 0; i < column.n; i++) {
        n += column.type == QST_COL_FACTOR ? ((const int *)column.data)[i] == NA_INTEGER
                                           : isnan(((const double *)column.data)[i]) != 0;
    }
    return n;
}

/* Matrices of the variables to be completed, NULL for the others. */
static SEXP imputed_list(const qst_impute_data *data, int n_imputations, double **imputed)
{
    SEXP list = PROTECT(Rf_allocVector(VECSXP, data->n_variables));
    for (int k = 0; k < data->n_visits; k++) {
        const int v = data->visits[k];
        const int n = count_missing(data->variables[v].column);
        if (n > 0 && n_imputations > 0) {
            SET_VECTOR_ELT(list, v, Rf_allocMatrix(REALSXP, n, n_imputations));
            imputed[v] = REAL(VECTOR_ELT(list, v));
        }
    }
    UNPROTECT(1);
    return list;
}

static void name_decisions(SEXP decided)
{
    static const char *const names[] = {
        "few_donors", "few_rows", "separated", "not_converged", "no_effects", "one_value"};
    SEXP both = PROTECT(Rf_allocVector(VECSXP, 2));
    SEXP columns = PROTECT(Rf_allocVector(STRSXP, QST_N_DECIDED));
    for (int k = 0; k < QST_N_DECIDED; k++) {
        SET_STRING_ELT(columns, k, Rf_mkChar(names[k]));
    }
    SET_VECTOR_ELT(both, 1, columns);
    Rf_setAttrib(decided, R_DimNamesSymbol, both);
    UNPROTECT(2);
}

/* list(imputed, mean, sd, left_out, decided) */
static SEXP make_result(
    const qst_impute_data *data, const qst_impute_settings *settings, qst_impute_result *out)
{
    static const char *names[] = {"imputed", "mean", "sd", "left_out", "decided", ""};
    const int n = data->n_variables;
    const int n_iterations = settings->n_iterations > 0 ? settings->n_iterations : 0;
    const int n_imputations = settings->n_imputations > 0 ? settings->n_imputations : 0;
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    double **imputed = (double **)R_alloc((size_t)n, sizeof *imputed);
    for (int k = 0; k < n; k++) {
        imputed[k] = NULL;
    }
    SET_VECTOR_ELT(result, 0, imputed_list(data, n_imputations, imputed));
    SET_VECTOR_ELT(result, 1, Rf_alloc3DArray(REALSXP, n, n_iterations, n_imputations));
    SET_VECTOR_ELT(result, 2, Rf_alloc3DArray(REALSXP, n, n_iterations, n_imputations));
    SET_VECTOR_ELT(result, 3, Rf_allocMatrix(INTSXP, n, n));
    SET_VECTOR_ELT(result, 4, Rf_allocMatrix(INTSXP, n, QST_N_DECIDED));
    name_decisions(VECTOR_ELT(result, 4));
    *out = (qst_impute_result){.imputed = imputed,
        .mean = REAL(VECTOR_ELT(result, 1)),
        .sd = REAL(VECTOR_ELT(result, 2)),
        .left_out = INTEGER(VECTOR_ELT(result, 3)),
        .decided = INTEGER(VECTOR_ELT(result, 4))};
    UNPROTECT(1);
    return result;
}

SEXP qstr_impute(SEXP variables_sexp, SEXP data_sexp, SEXP settings_sexp, SEXP threads_sexp)
{
    const qst_impute_data data = data_arg(variables_sexp, data_sexp);
    const qst_impute_settings settings = settings_arg(settings_sexp);
    qst_impute_result out;
    SEXP result = PROTECT(make_result(&data, &settings, &out));
    qstr_call call;
    PROTECT(qstr_begin(&call, qstr_int(threads_sexp, "threads")));
    const qst_status status = qst_impute(&call.ctx, &settings, &data, &out, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
