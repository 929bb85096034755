#include "gee_case.h"

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    for (int corstr = QST_CORSTR_INDEPENDENCE; corstr <= QST_CORSTR_UNSTRUCTURED; corstr++) {
        sample s;
        make_sample(&s, 20003, (qst_corstr)corstr);
        answer a[3];
        const int threads[] = {1, 2, 7};
        for (int k = 0; k < 3; k++) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, threads[k]);
            qst_err err;
            qst_err_init(&err);
            init_answer(&a[k], s.n);
            assert_status(fit_all(&ctx, &s, &a[k], &err), QST_OK, &err);
            assert_memory_equal(a[k].coefficients, a[0].coefficients, sizeof a[k].coefficients);
            assert_memory_equal(a[k].covariance, a[0].covariance, sizeof a[k].covariance);
            assert_memory_equal(a[k].df, a[0].df, sizeof a[k].df);
        }
        for (int k = 0; k < 3; k++) {
            free(a[k].eta);
        }
        free_sample(&s);
    }
}

static void test_bad_arguments(void **state)
{
    (void)state;
    sample s = means_of_pairs();
    point_at(&s);
    s.gee.corstr = QST_CORSTR_AR1;
    s.weights[2] = -1.0;
    assert_refused(&s, QST_EARGUMENT, "weight -1 in row 3", 2);
    s.weights[2] = 1.0;
    s.offset[1] = (double)NAN;
    assert_refused(&s, QST_EARGUMENT, "offset nan in row 2", 1);
    s.offset[1] = 0.0;
    s.y[4] = (double)INFINITY;
    assert_refused(&s, QST_EARGUMENT, "", 4);
    s.y[4] = 4.0;
    s.cluster[5] = 4;
    assert_refused(&s, QST_EARGUMENT, "cluster 4 in row 6 is not one of 3", 5);
    s.cluster[5] = 3;
    s.time[0] = 0;
    assert_refused(&s, QST_EARGUMENT, "time 0 in row 1 is not one of 2", 0);
    s.time[0] = 2;
    assert_refused(&s, QST_EARGUMENT, "rows 1 and 4 of one cluster have the same time", 3);
    s.time[0] = 1;
    memset(s.weights, 0, 6 * sizeof *s.weights);
    assert_refused(&s, QST_ENODATA, "no row has a weight above 0", -1);
    free_sample(&s);
}

/* Residuals -2 2, -2 2, ... have a correlation of -1, which no pair can have. */
static void test_impossible_correlation(void **state)
{
    (void)state;
    sample s = means_of_pairs();
    point_at(&s);
    const double y[] = {2, 2, 2, 6, 6, 6};
    memcpy(s.y, y, sizeof y);
    assert_refused(&s, QST_ESINGULAR, "correlation of -1 is not possible", -1);
    s.gee.corstr = QST_CORSTR_UNSTRUCTURED;
    assert_refused(&s, QST_ESINGULAR, "not positive definite", 0);
    free_sample(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_impossible_correlation),
    };
    return cmocka_run_group_tests_name("gee_pass", tests, NULL, NULL);
}
