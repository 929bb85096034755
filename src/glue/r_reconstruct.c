#include "glue/glue.h"

/* ---- Arguments ---- */

static int extent(SEXP x, int dim)
{
    return dim == 0 ? Rf_nrows(x) : Rf_ncols(x);
}

/* A matrix of integers with n_rows rows. */
static const int *int_matrix(SEXP x, int n_rows, const char *argument)
{
    if (TYPEOF(x) != INTSXP || !Rf_isMatrix(x) || extent(x, 0) != n_rows) {
        qstr_refuse("`%s` must be a matrix of integers with %d rows.", argument, n_rows);
    }
    return INTEGER_RO(x);
}

/* Rows kind, outcome, arm, reference, covariate, level; ranges have rows low, high. */
static const qst_figure *read_figures(SEXP figures_sexp, SEXP ranges_sexp)
{
    const int *f = int_matrix(figures_sexp, 6, "figures");
    const int n = extent(figures_sexp, 1);
    const qst_cmat ranges = qstr_cmat(ranges_sexp, "ranges");
    if (ranges.n_rows != 2 || ranges.n_cols != n) {
        qstr_refuse("`ranges` must have 2 rows and a column for each figure.");
    }
    qst_figure *figures = (qst_figure *)R_alloc((size_t)n, sizeof *figures);
    for (int k = 0; k < n; k++, f += 6) {
        figures[k] = (qst_figure){
            f[0], f[1], f[2], f[3], f[4], f[5], ranges.data[2 * k], ranges.data[2 * k + 1]};
    }
    return figures;
}

static void read_model(SEXP terms_sexp, SEXP model_sexp, qst_cohort_plan *plan)
{
    const int *t = int_matrix(terms_sexp, 2, "terms");
    const qst_cmat model = qstr_cmat(model_sexp, "model");
    const int n = extent(terms_sexp, 1);
    if (n > 0 && (model.n_rows != n + 1 || model.n_cols != 4)) {
        qstr_refuse("`model` must have a row for each coefficient and 4 columns.");
    }
    qst_cohort_term *terms = (qst_cohort_term *)R_alloc((size_t)n, sizeof *terms);
    for (int k = 0; k < n; k++) {
        terms[k] = (qst_cohort_term){t[2 * k], t[2 * k + 1]};
    }
    plan->terms = terms;
    plan->n_terms = n;
    plan->estimate = model.data;
    plan->se = model.data + model.n_rows;
    plan->se_low = model.data + 2 * model.n_rows;
    plan->se_high = model.data + 3 * model.n_rows;
}

/* Columns baseline mean and SD, change mean and SD; a row for each arm. */
static void read_start(SEXP start_sexp, qst_cohort_plan *plan)
{
    const qst_cmat start = qstr_cmat(start_sexp, "start");
    if (start.n_rows != plan->n_arms || start.n_cols != 4) {
        qstr_refuse("`start` must have a row for each arm and 4 columns.");
    }
    plan->baseline_mean = start.data;
    plan->baseline_sd = start.data + start.n_rows;
    plan->change_mean = start.data + 2 * start.n_rows;
    plan->change_sd = start.data + 3 * start.n_rows;
}

/* n_items, min, max, score_items, n_lone, correlation, model_outcome, ss, ss_low, ss_high,
 * t_quantile, attempts. */
static void read_settings(SEXP settings_sexp, qst_cohort_plan *plan)
{
    const double *x = qstr_doubles(settings_sexp, 12, "settings");
    plan->n_items = (int32_t)x[0];
    plan->min = (int32_t)x[1];
    plan->max = (int32_t)x[2];
    plan->score_items = x[3];
    plan->n_lone = (int32_t)x[4];
    plan->correlation = x[5];
    plan->model_outcome = (int32_t)x[6];
    plan->ss = x[7];
    plan->ss_low = x[8];
    plan->ss_high = x[9];
    plan->t_quantile = x[10];
    plan->n_attempts = (int32_t)x[11];
}

/* ---- Results ---- */

/* Elements level, answered, total (one column a visit), values, info. */
static SEXP make_result(const qst_cohort_plan *plan, SEXP level_sexp)
{
    const char *names[] = {"level", "answered", "total", "values", "info", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(result, 0, Rf_duplicate(level_sexp));
    SET_VECTOR_ELT(result, 1, Rf_allocMatrix(INTSXP, plan->n_people, QST_N_VISITS));
    SET_VECTOR_ELT(result, 2, Rf_allocMatrix(INTSXP, plan->n_people, QST_N_VISITS));
    SET_VECTOR_ELT(result, 3, Rf_allocVector(REALSXP, plan->n_figures));
    SET_VECTOR_ELT(result, 4, Rf_allocVector(REALSXP, 3));
    UNPROTECT(1);
    return result;
}

/* ---- Entries ---- */

/* list(level, answered, total, values, info); info is c(met, attempts, misfit). */
SEXP qstr_reconstruct_search(SEXP sizes_sexp, SEXP level_sexp, SEXP n_levels_sexp,
    SEXP settings_sexp, SEXP skip_sexp, SEXP start_sexp, SEXP figures_sexp, SEXP ranges_sexp,
    SEXP terms_sexp, SEXP model_sexp, SEXP seed_sexp)
{
    qst_cohort_plan plan = {.arm_size = qstr_ints(sizes_sexp, -1, "sizes"),
        .n_arms = Rf_length(sizes_sexp),
        .n_people = extent(level_sexp, 0),
        .n_levels = qstr_ints(n_levels_sexp, -1, "n_levels"),
        .n_covariates = Rf_length(n_levels_sexp),
        .skip = qstr_doubles(skip_sexp, -1, "skip"),
        .n_skips = Rf_length(skip_sexp),
        .figures = read_figures(figures_sexp, ranges_sexp),
        .n_figures = extent(figures_sexp, 1),
        .seed = qstr_seed(seed_sexp)};
    int_matrix(level_sexp, plan.n_people, "level");
    plan.n_numeric = extent(level_sexp, 1) - plan.n_covariates;
    if (plan.n_numeric < 0) {
        qstr_refuse("`level` must have a column for each covariate.");
    }
    read_settings(settings_sexp, &plan);
    read_start(start_sexp, &plan);
    read_model(terms_sexp, model_sexp, &plan);
    SEXP result = PROTECT(make_result(&plan, level_sexp));
    int *answered = INTEGER(VECTOR_ELT(result, 1));
    int *total = INTEGER(VECTOR_ELT(result, 2));
    double *info_out = REAL(VECTOR_ELT(result, 4));
    qst_cohort people = {.level = INTEGER(VECTOR_ELT(result, 0)),
        .answered = {answered, answered + plan.n_people},
        .total = {total, total + plan.n_people}};
    double *values = REAL(VECTOR_ELT(result, 3));
    qst_cohort_info info;
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_reconstruct(&call.ctx, &plan, &people, values, &info, &call.err);
    qstr_done(&call, status);
    info_out[0] = info.met;
    info_out[1] = info.n_attempts;
    info_out[2] = info.misfit;
    UNPROTECT(2);
    return result;
}

/* list(baseline, followup, alpha): two matrices of answers and the alphas reached. `answered` and
 * `total` have a column for each visit; settings are n_items, min, max; `alpha` has rows low, high.
 */
SEXP qstr_reconstruct_items(
    SEXP answered_sexp, SEXP total_sexp, SEXP settings_sexp, SEXP alpha_sexp, SEXP seed_sexp)
{
    const int n = extent(answered_sexp, 0);
    const int *answered = int_matrix(answered_sexp, n, "answered");
    const int *total = int_matrix(total_sexp, n, "total");
    const double *settings = qstr_doubles(settings_sexp, 3, "settings");
    const double *alpha = qstr_doubles(alpha_sexp, 2 * QST_N_VISITS, "alpha");
    const qst_items_plan plan = {.n_people = n,
        .n_items = (int32_t)settings[0],
        .min = (int32_t)settings[1],
        .max = (int32_t)settings[2],
        .answered = {answered, answered + n},
        .total = {total, total + n},
        .alpha_low = {alpha[0], alpha[2]},
        .alpha_high = {alpha[1], alpha[3]},
        .seed = qstr_seed(seed_sexp)};
    const char *names[] = {"baseline", "followup", "alpha", ""};
    SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(result, 0, Rf_allocMatrix(INTSXP, n, plan.n_items));
    SET_VECTOR_ELT(result, 1, Rf_allocMatrix(INTSXP, n, plan.n_items));
    SET_VECTOR_ELT(result, 2, Rf_allocVector(REALSXP, QST_N_VISITS));
    int *const items[QST_N_VISITS] = {
        INTEGER(VECTOR_ELT(result, 0)), INTEGER(VECTOR_ELT(result, 1))};
    double *alpha_out = REAL(VECTOR_ELT(result, 2));
    qstr_call call;
    PROTECT(qstr_begin(&call, 1));
    const qst_status status = qst_reconstruct_items(&call.ctx, &plan, items, alpha_out, &call.err);
    qstr_done(&call, status);
    UNPROTECT(2);
    return result;
}
