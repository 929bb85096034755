/*
 * glue.h - between R objects and the core: readers of arguments, the poll
 * function, errors to R, and the list of entries.
 *
 * The law of the glue: R before, R after, never during. An entry
 *   1. reads and checks its arguments (this may allocate or throw),
 *   2. allocates its results, the root list first,
 *   3. calls the core once,
 *   4. calls qstr_done(), which goes on with an interrupt or raises the error,
 *   5. returns.
 * While the core runs nothing of R is called but the poll function.
 */
#ifndef QSTR_GLUE_H
#define QSTR_GLUE_H

#include "qst.h"

#include <Rinternals.h>
#include <setjmp.h>

/* ---- One call of the core ---- */

typedef struct {
    qst_ctx ctx;
    qst_err err;
    SEXP token;   /* R's unwinding, to go on with after the core has cleaned up */
    jmp_buf back; /* into the poll function */
    bool unwinding;
} qstr_call;

/* Prepares `call` for `n_threads` threads. Returns an object that the caller must PROTECT. */
SEXP qstr_begin(qstr_call *call, int n_threads);

/* After the core: goes on with R's unwinding if the poll met an interrupt, else raises the error if
 * `status` is one. Returns only on QST_OK. */
void qstr_done(qstr_call *call, qst_status status);

/* ---- Readers: each throws an R error of class questrial_error_argument that names the argument
 * ---- */

/* Raises questrial_error_argument; `format` as printf. */
NORET void qstr_refuse(const char *format, ...) QST_PRINTF(1, 2);

/* A single integer not NA, from an integer or whole double. */
int qstr_int(SEXP x, const char *argument);

/* A single double, finite. */
double qstr_double(SEXP x, const char *argument);

/* A single TRUE or FALSE. */
bool qstr_flag(SEXP x, const char *argument);

/* A seed: a whole double in 0 .. 2^53. */
uint64_t qstr_seed(SEXP x);

/* The element of that name, or R's NULL. */
SEXP qstr_element(SEXP list, const char *name);

/* The value of the known name that `x`, a single text, is. */
typedef struct {
    const char *name;
    int value;
} qstr_named;
int qstr_look_up(const qstr_named *known, size_t n, SEXP x, const char *argument);

/* A view on a column: double, integer, logical or factor. */
qst_col qstr_col(SEXP x, const char *argument);

/* Views on all columns of a list, in an R_alloc'd array. They must have equal lengths. */
const qst_col *qstr_cols(SEXP list, const char *argument, ptrdiff_t *n_rows_out);

/* A view on a double matrix. */
qst_cmat qstr_cmat(SEXP x, const char *argument);

/* Printed tables: list(cells, checks, inputs, margins, truncated), in R_alloc'd memory. */
qst_tables qstr_tables(SEXP tables_sexp);

/* Printed numbers from a list digits, decimals, kind, each of n. */
const qst_printed *qstr_cells(SEXP cells_sexp, ptrdiff_t n);

/* A double vector of length n (any length if n < 0). */
const double *qstr_doubles(SEXP x, ptrdiff_t n, const char *argument);

/* An integer vector of length n (any length if n < 0). */
const int *qstr_ints(SEXP x, ptrdiff_t n, const char *argument);

/*
 * A model whose columns stay as R has them: list(n_rows, terms), where a term
 * is a list of parts and a part is list(x = <doubles, a matrix or one column>)
 * or list(codes = <integers>, coding = <double matrix, levels x columns>).
 */
qst_model qstr_model(SEXP model);

/* A family: list(name, link, theta) with the names of R; theta NULL is 0, which no negative
 * binomial has. */
typedef struct {
    qst_family family;
    qst_link link;
    double theta;
} qstr_family;
qstr_family qstr_read_family(SEXP family);

/* The answers to a scale: a list of number columns, which are reversed, and c(min, step, n_steps).
 */
qst_scale qstr_scale(SEXP columns, SEXP reversed, SEXP range);

/* ---- Entries, in the order of init.c ---- */

SEXP qstr_allocate_list(SEXP n_sexp, SEXP ratio_sexp, SEXP sizes_sexp, SEXP seed_sexp,
    SEXP list_sexp, SEXP stratum_sexp);
SEXP qstr_hash_data(
    SEXP head_sexp, SEXP data_sexp, SEXP n_rows_sexp, SEXP names_sexp, SEXP types_sexp);
SEXP qstr_hash_text(SEXP text_sexp);
SEXP qstr_columns_scan(SEXP columns_sexp, SEXP threads_sexp);

SEXP qstr_compare_moments(SEXP x_sexp, SEXP group_sexp);
SEXP qstr_compare_means(SEXP moments_sexp, SEXP test_sexp);
SEXP qstr_compare_chisq(SEXP counts_sexp, SEXP correct_sexp);

SEXP qstr_delta_shift(
    SEXP second_sexp, SEXP probability_sexp, SEXP delta_sexp, SEXP variable_sexp, SEXP seed_sexp);
SEXP qstr_glm_deviance(
    SEXP y_sexp, SEXP weights_sexp, SEXP mu_sexp, SEXP family_sexp, SEXP threads_sexp);
SEXP qstr_glm_fit(SEXP model_sexp, SEXP y_sexp, SEXP weights_sexp, SEXP offset_sexp,
    SEXP family_sexp, SEXP control_sexp, SEXP threads_sexp);

SEXP qstr_permute(SEXP scheme_sexp, SEXP data_sexp, SEXP statistic_sexp, SEXP given_sexp,
    SEXP first_sexp, SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp);
SEXP qstr_permute_arms(
    SEXP scheme_sexp, SEXP first_sexp, SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp);
SEXP qstr_permute_all(SEXP scheme_sexp, SEXP data_sexp, SEXP statistic_sexp, SEXP n_all_sexp);
SEXP qstr_boot(SEXP sizes_sexp, SEXP data_sexp, SEXP statistic_sexp, SEXP range_sexp,
    SEXP jackknife_sexp, SEXP seed_sexp, SEXP threads_sexp);
SEXP qstr_boot_draws(
    SEXP sizes_sexp, SEXP first_sexp, SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp);
SEXP qstr_gee_fit(SEXP model_sexp, SEXP family_sexp, SEXP rows_sexp, SEXP corstr_sexp,
    SEXP counts_sexp, SEXP start_sexp, SEXP aliased_sexp, SEXP control_sexp, SEXP threads_sexp);
SEXP qstr_gee_sandwich(SEXP model_sexp, SEXP family_sexp, SEXP rows_sexp, SEXP corstr_sexp,
    SEXP counts_sexp, SEXP estimate_sexp, SEXP correction_sexp, SEXP contrasts_sexp,
    SEXP threads_sexp);

SEXP qstr_impute(SEXP variables_sexp, SEXP data_sexp, SEXP settings_sexp, SEXP threads_sexp);

SEXP qstr_audit(SEXP tables_sexp);
SEXP qstr_grim(SEXP mean_sexp, SEXP sd_sexp, SEXP n_sexp, SEXP step_sexp, SEXP truncated_sexp);
SEXP qstr_repair(SEXP tables_sexp, SEXP plan_sexp, SEXP threads_sexp);
SEXP qstr_effect_means(SEXP measure_sexp, SEXP variance_sexp, SEXP correction_sexp, SEXP arms_sexp);
SEXP qstr_effect_events(SEXP measure_sexp, SEXP zero_sexp, SEXP arms_sexp);
SEXP qstr_meta_cluster(SEXP y_sexp, SEXP v_sexp, SEXP x_sexp, SEXP cluster_sexp, SEXP settings_sexp,
    SEXP rho_sexp, SEXP covariance_sexp);
SEXP qstr_meta_fits(
    SEXP y_sexp, SEXP v_sexp, SEXP x_sexp, SEXP settings_sexp, SEXP chisq_sexp, SEXP threads_sexp);
SEXP qstr_meta_tables(
    SEXP events1_sexp, SEXP n1_sexp, SEXP events2_sexp, SEXP n2_sexp, SEXP method_sexp);
SEXP qstr_quadratic_form(SEXP lambda_sexp, SEXP q_sexp);

SEXP qstr_model_predict(SEXP model_sexp, SEXP b_sexp, SEXP a_sexp, SEXP threads_sexp);

SEXP qstr_pg_version(void);
SEXP qstr_pg_conninfo(SEXP conninfo_sexp, SEXP dots_sexp, SEXP calls_sexp);
SEXP qstr_pg_conninfo_uncover(SEXP settings_sexp);
SEXP qstr_pg_conninfo_service(SEXP settings_sexp);
SEXP qstr_pg_conninfo_ready(SEXP settings_sexp, SEXP accept_unverified_sexp);
SEXP qstr_pg_open(SEXP settings_sexp);
SEXP qstr_pg_close(SEXP handle_sexp);
SEXP qstr_pg_abandon(SEXP handle_sexp);
SEXP qstr_pg_is_usable(SEXP handle_sexp);
SEXP qstr_pg_info(SEXP handle_sexp);
SEXP qstr_pg_failure(SEXP handle_sexp);
SEXP qstr_pg_notices(SEXP handle_sexp);
SEXP qstr_pg_run(SEXP handle_sexp, SEXP sql_sexp, SEXP params_sexp);
SEXP qstr_pg_prepare(SEXP handle_sexp, SEXP sql_sexp);
SEXP qstr_pg_no_rows(SEXP rules_sexp);
SEXP qstr_pg_start(SEXP handle_sexp, SEXP params_sexp, SEXP copy_sexp, SEXP rules_sexp);
SEXP qstr_pg_fetch(SEXP rows_sexp, SEXP n_sexp);
SEXP qstr_pg_progress(SEXP rows_sexp);
SEXP qstr_pg_stop(SEXP rows_sexp);
SEXP qstr_pg_copy_begin(SEXP handle_sexp, SEXP sql_sexp);
SEXP qstr_pg_copy_rows(
    SEXP handle_sexp, SEXP columns_sexp, SEXP targets_sexp, SEXP first_sexp, SEXP n_sexp);
SEXP qstr_pg_copy_end(SEXP handle_sexp);

SEXP qstr_pivot(
    SEXP row_sexp, SEXP column_sexp, SEXP value_sexp, SEXP n_rows_sexp, SEXP whole_sexp);

SEXP qstr_pool(SEXP estimates_sexp, SEXP covariances_sexp);
SEXP qstr_pool_fractions(SEXP within_sexp, SEXP between_sexp, SEXP m_sexp, SEXP df_complete_sexp);
SEXP qstr_pool_joint(
    SEXP estimate_sexp, SEXP within_sexp, SEXP between_sexp, SEXP m_sexp, SEXP df_complete_sexp);

SEXP qstr_item_moments(
    SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp, SEXP pairwise_sexp, SEXP threads_sexp);
SEXP qstr_answer_quality(SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp, SEXP half_sexp,
    SEXP n_halves_sexp, SEXP threads_sexp);
SEXP qstr_duplicate_rows(SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp);
SEXP qstr_reference_impute(
    SEXP data_sexp, SEXP settings_sexp, SEXP n_missing_sexp, SEXP threads_sexp);
SEXP qstr_reliability_fit(SEXP cov_sexp);
SEXP qstr_reconstruct_items(
    SEXP answered_sexp, SEXP total_sexp, SEXP settings_sexp, SEXP alpha_sexp, SEXP seed_sexp);
SEXP qstr_reconstruct_search(SEXP sizes_sexp, SEXP level_sexp, SEXP n_levels_sexp,
    SEXP settings_sexp, SEXP skip_sexp, SEXP start_sexp, SEXP figures_sexp, SEXP ranges_sexp,
    SEXP terms_sexp, SEXP model_sexp, SEXP seed_sexp);
SEXP qstr_scale_score(SEXP columns_sexp, SEXP reversed_sexp, SEXP range_sexp, SEXP rule_sexp,
    SEXP count_sexp, SEXP threads_sexp);
SEXP qstr_vcov_rows(SEXP model_sexp, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp,
    SEXP type_sexp, SEXP threads_sexp);
SEXP qstr_vcov_clusters(SEXP model_sexp, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp,
    SEXP codes_sexp, SEXP variances_sexp, SEXP type_sexp, SEXP contrasts_sexp, SEXP joint_sexp,
    SEXP threads_sexp);
SEXP qstr_vcov_nodes(SEXP low_sexp, SEXP high_sexp);
SEXP qstr_vcov_scores(SEXP model_sexp, SEXP weights_sexp, SEXP residuals_sexp, SEXP bread_sexp,
    SEXP codes_sexp, SEXP contrast_sexp, SEXP threads_sexp);
SEXP qstr_vcov_wild(SEXP scores_sexp, SEXP shares_sexp, SEXP direction_sexp, SEXP weights_sexp,
    SEXP replicates_sexp, SEXP seed_sexp, SEXP threads_sexp);

#endif
