/* The registration table and the load-time checks, nothing else. */
#include "glue/glue.h"

#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

/* Name and pointer from one word; `n` arguments. */
/* clang-format off */
#define ENTRY(name, n) {#name, (DL_FUNC)&name, n}
/* clang-format on */

static const R_CallMethodDef entries[] = {
    ENTRY(qstr_allocate_list, 6),
    ENTRY(qstr_hash_data, 5),
    ENTRY(qstr_hash_text, 1),
    ENTRY(qstr_columns_scan, 2),
    ENTRY(qstr_compare_moments, 2),
    ENTRY(qstr_compare_means, 2),
    ENTRY(qstr_compare_chisq, 2),
    ENTRY(qstr_delta_shift, 5),
    ENTRY(qstr_glm_deviance, 5),
    ENTRY(qstr_glm_fit, 7),
    ENTRY(qstr_permute, 8),
    ENTRY(qstr_permute_arms, 5),
    ENTRY(qstr_permute_all, 4),
    ENTRY(qstr_boot, 7),
    ENTRY(qstr_boot_draws, 5),
    ENTRY(qstr_impute, 4),
    ENTRY(qstr_audit, 1),
    ENTRY(qstr_grim, 5),
    ENTRY(qstr_repair, 3),
    ENTRY(qstr_effect_means, 4),
    ENTRY(qstr_effect_events, 3),
    ENTRY(qstr_meta_cluster, 7),
    ENTRY(qstr_meta_fits, 6),
    ENTRY(qstr_meta_tables, 5),
    ENTRY(qstr_quadratic_form, 2),
    ENTRY(qstr_model_predict, 4),
    ENTRY(qstr_gee_fit, 9),
    ENTRY(qstr_gee_sandwich, 9),
    ENTRY(qstr_pg_version, 0),
    ENTRY(qstr_pg_conninfo, 3),
    ENTRY(qstr_pg_conninfo_uncover, 1),
    ENTRY(qstr_pg_conninfo_service, 1),
    ENTRY(qstr_pg_conninfo_ready, 2),
    ENTRY(qstr_pg_open, 1),
    ENTRY(qstr_pg_close, 1),
    ENTRY(qstr_pg_abandon, 1),
    ENTRY(qstr_pg_is_usable, 1),
    ENTRY(qstr_pg_info, 1),
    ENTRY(qstr_pg_failure, 1),
    ENTRY(qstr_pg_notices, 1),
    ENTRY(qstr_pg_run, 3),
    ENTRY(qstr_pg_prepare, 2),
    ENTRY(qstr_pg_no_rows, 1),
    ENTRY(qstr_pg_start, 4),
    ENTRY(qstr_pg_fetch, 2),
    ENTRY(qstr_pg_progress, 1),
    ENTRY(qstr_pg_stop, 1),
    ENTRY(qstr_pg_copy_begin, 2),
    ENTRY(qstr_pg_copy_rows, 5),
    ENTRY(qstr_pg_copy_end, 1),
    ENTRY(qstr_pivot, 5),
    ENTRY(qstr_pool, 2),
    ENTRY(qstr_pool_fractions, 4),
    ENTRY(qstr_pool_joint, 5),
    ENTRY(qstr_item_moments, 5),
    ENTRY(qstr_answer_quality, 6),
    ENTRY(qstr_duplicate_rows, 3),
    ENTRY(qstr_reference_impute, 4),
    ENTRY(qstr_reliability_fit, 1),
    ENTRY(qstr_reconstruct_items, 5),
    ENTRY(qstr_reconstruct_search, 11),
    ENTRY(qstr_scale_score, 6),
    ENTRY(qstr_vcov_rows, 6),
    ENTRY(qstr_vcov_clusters, 10),
    ENTRY(qstr_vcov_nodes, 2),
    ENTRY(qstr_vcov_scores, 7),
    ENTRY(qstr_vcov_wild, 7),
    {NULL, NULL, 0},
};

/* The core has its own idea of R's missing values; they must be the same bits. */
static void check_platform(void)
{
    if (sizeof(int) != sizeof(int32_t) || NA_INTEGER != QST_NA_INT) {
        Rf_error("questrial: integers of this R are not 32 bits wide with NA as the smallest");
    }
    if (!qst_is_na_real(NA_REAL) || !R_IsNA(qst_na_real())) {
        Rf_error("questrial: NA of this R has another bit pattern than the C core's");
    }
}

void R_init_questrial(DllInfo *dll);

void attribute_visible R_init_questrial(DllInfo *dll)
{
    check_platform();
    R_registerRoutines(dll, NULL, entries, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
    R_forceSymbols(dll, TRUE);
}
