#include "la/la.h"
#include "qst_test.h"

static void test_a_matrix_is_zeros_with_a_leading_dimension(void **state)
{
    (void)state;
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst_mat m;
    assert_status(qst__mat_make(&arena, 3, 2, &m, NULL), QST_OK, NULL);
    assert_int_equal(m.ld, 3);
    for (int k = 0; k < 6; k++) {
        assert_true(m.data[k] == 0.0);
    }
    const qst_cmat view = qst__view(m);
    assert_ptr_equal(view.data, m.data);
    assert_int_equal(view.n_cols, 2);
    assert_status(qst__mat_make(&arena, 0, 2, &m, NULL), QST_OK, NULL);
    assert_int_equal(m.ld, 1);
    qst__arena_free(&arena);
}

static void test_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst_mat m;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst__mat_make(&arena, PTRDIFF_MAX / 2, 3, &m, &err), QST_EOVERFLOW, &err);
    assert_text(&err, "too large");
    qst__arena_free(&arena);
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    (void)data;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_mat m;
    const qst_status status = qst__mat_make(&arena, 3, 2, &m, err);
    qst__arena_free(&arena);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_int_equal(assert_survives_no_memory(entry, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_matrix_is_zeros_with_a_leading_dimension),
        cmocka_unit_test(test_sizes_that_overflow_are_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
