#include "gee_case.h"

static void test_means_by_hand(void **state)
{
    (void)state;
    sample s = means_of_pairs();
    point_at(&s);
    /* In pairs the three correlations are one and the same. */
    for (int corstr = QST_CORSTR_EXCHANGEABLE; corstr <= QST_CORSTR_UNSTRUCTURED; corstr++) {
        answer a;
        s.gee.corstr = (qst_corstr)corstr;
        assert_fit(&s, &a);
        assert_close(a.coefficients[0], 4.0, 1e-15, 0);
        assert_close(a.info.phi, 34.0 / 6.0, 1e-14, 0);
        assert_close(a.correlation[0], 11.0 / 17.0, 1e-13, 0);
        assert_close(a.bread[0], 28.0 / 17.0 / 6.0, 1e-13, 0);
        /* Cluster sums of residuals: -4, -2, 6. Each cluster has a third of the information. */
        const double robust = (16.0 + 4.0 + 36.0) / 36.0;
        const double factor[] = {1.0, 1.5, 2.25, 1.5};
        for (int k = 0; k < 4; k++) {
            assert_close(a.covariance[k][0], robust * factor[k], 1e-13, 0);
            assert_close(a.df[k][0], 2.0, 1e-12, 0);
        }
        for (int i = 0; i < 6; i++) {
            assert_close(a.eta[i], 4.0, 1e-15, 0);
        }
        free(a.eta);
    }
    free_sample(&s);
}

/* One observation a cluster: any structure is independence, KC's correction is that of HC2. */
static void test_clusters_of_one(void **state)
{
    (void)state;
    sample s = means_of_pairs();
    point_at(&s);
    for (int i = 0; i < 6; i++) {
        s.cluster[i] = i + 1;
    }
    s.gee.n_clusters = 6;
    answer a;
    assert_fit(&s, &a);
    assert_true(qst_is_na_real(a.correlation[0]));
    assert_close(a.covariance[QST_GEE_NONE][0], 34.0 / 36.0, 1e-14, 0);
    assert_close(a.covariance[QST_GEE_KC][0], 34.0 / 30.0, 1e-14, 0);
    assert_close(a.df[QST_GEE_KC][0], 5.0, 1e-13, 0);
    free(a.eta);
    free_sample(&s);
}

/* A column that is said to be aliased has no part in anything. */
static void test_aliased_columns(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 699, QST_CORSTR_AR1);
    answer want, got;
    init_answer(&want, s.n);
    init_answer(&got, s.n);
    qst_err err;
    qst_err_init(&err);
    s.part.n_cols = P - 1;
    assert_status(fit_all(NULL, &s, &want, &err), QST_OK, &err);
    s.part.n_cols = P;
    memcpy(s.x + 2 * s.n, s.x + s.n, (size_t)s.n * sizeof *s.x);
    const bool aliased[P] = {false, false, true};
    const qst_gee_result result = {
        got.coefficients, {got.bread, P, P, P}, got.correlation, got.eta};
    assert_status(
        qst_gee_fit(NULL, &s.gee, &got.settings, s.start, aliased, &result, &got.info, &err),
        QST_OK, &err);
    const qst_gee_estimate estimate = {got.coefficients, got.correlation};
    const double contrast[P] = {0, 1, 0};
    assert_status(
        qst_gee_sandwich(NULL, &s.gee, &estimate, QST_GEE_FG, (qst_cmat){contrast, 1, P, 1},
            (qst_mat){got.covariance[3], P, P, P}, got.df[3], &err),
        QST_OK, &err);
    assert_true(qst_is_na_real(got.coefficients[2]) && qst_is_na_real(got.bread[5]));
    assert_close(got.coefficients[1], want.coefficients[1], 1e-10, 0);
    assert_close(got.covariance[3][1 + P], want.covariance[3][1 + 2], 1e-9, 0);
    assert_close(got.df[3][0], want.df[3][1], 1e-9, 0);
    free(want.eta);
    free(got.eta);
    free_sample(&s);
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    answer a;
    init_answer(&a, s->n);
    const qst_status status = fit_all(ctx, s, &a, err);
    free(a.eta);
    return status;
}

static void test_memory_and_cancelling(void **state)
{
    (void)state;
    for (int corstr = QST_CORSTR_AR1; corstr <= QST_CORSTR_UNSTRUCTURED; corstr++) {
        sample s;
        make_sample(&s, 699, (qst_corstr)corstr);
        assert_true(assert_survives_no_memory(entry, &s) > 20);
        assert_cancels(entry, &s, 1);
        free_sample(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_means_by_hand),
        cmocka_unit_test(test_clusters_of_one),
        cmocka_unit_test(test_aliased_columns),
        cmocka_unit_test(test_memory_and_cancelling),
    };
    return cmocka_run_group_tests_name("gee_sandwich", tests, NULL, NULL);
}
