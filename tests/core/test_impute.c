#include "impute_case.h"

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    return run_case(ctx, data, err);
}

static void assert_runs(impute_case *c)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(run_case(NULL, c, &err), QST_OK, &err);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    impute_case c, other;
    make_case(&c, 60, 5, 4, 0.2);
    make_case(&other, 60, 5, 4, 0.2);
    assert_runs(&c);
    const int threads[] = {2, 7};
    for (int t = 0; t < 2; t++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, threads[t]);
        assert_status(run_case(&ctx, &other, NULL), QST_OK, NULL);
        assert_int_equal(memory.n_live, 0);
        for (int j = 0; j < 4; j++) {
            assert_memory_equal(
                c.imputed[j], other.imputed[j], (size_t)count_case(&c, j) * 4 * sizeof(double));
        }
        assert_memory_equal(c.mean, other.mean, 60 * sizeof(double));
        assert_memory_equal(c.decided, other.decided, sizeof c.decided);
    }
    free_case(&c);
    free_case(&other);
}

static void one_imputation_alone_is_the_same(void **state)
{
    (void)state;
    impute_case c, other;
    make_case(&c, 60, 5, 4, 0.2);
    make_case(&other, 60, 5, 4, 0.2);
    assert_runs(&c);
    other.settings.first_imputation = 2;
    other.settings.n_imputations = 1;
    assert_runs(&other);
    for (int j = 0; j < 4; j++) {
        const ptrdiff_t n = count_case(&c, j);
        assert_memory_equal(c.imputed[j] + 2 * n, other.imputed[j], (size_t)n * sizeof(double));
    }
    free_case(&c);
    free_case(&other);
}

static void ends_of_memory_and_cancelling_leave_nothing(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 60, 4, 3, 0.2);
    assert_true(assert_survives_no_memory(run, &c) > 10);
    assert_cancels(run, &c, 1);
    c.settings.n_iterations = 2000;
    assert_cancels(run, &c, 2);
    free_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(one_imputation_alone_is_the_same),
        cmocka_unit_test(ends_of_memory_and_cancelling_leave_nothing),
    };
    return cmocka_run_group_tests_name("impute", tests, NULL, NULL);
}
