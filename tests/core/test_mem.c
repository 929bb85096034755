#include "base/base.h"
#include "qst_test.h"

#include <stdalign.h>

static void arrays_are_zeroed_and_aligned(void **state)
{
    (void)state;
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 1);
    qst_err err;
    qst_err_init(&err);
    qst__arena arena;
    qst__arena_init(&arena, &ctx);
    for (ptrdiff_t n = 1; n < 200; n += 7) {
        double *numbers = NULL;
        assert_status(qst__arena_array(&arena, n, sizeof *numbers, &numbers, &err), QST_OK, &err);
        assert_int_equal((uintptr_t)numbers % alignof(max_align_t), 0);
        for (ptrdiff_t i = 0; i < n; i++) {
            assert_close(numbers[i], 0.0, 0, 0);
            numbers[i] = (double)i;
        }
    }
    assert_true(memory.n_live > 0);
    qst__arena_free(&arena);
    assert_int_equal(memory.n_live, 0);
    qst__arena_free(&arena); /* twice does no harm */
}

static void nothing_asked_is_nothing_wrong(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    char *none = NULL;
    assert_status(qst__arena_array(&arena, 0, 8, &none, &err), QST_OK, &err);
    assert_non_null(none);
    qst__arena_free(&arena);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    const struct {
        ptrdiff_t n;
        size_t size_bytes;
    } cases[] = {{-1, 8}, {PTRDIFF_MAX, 8}, {PTRDIFF_MAX / 8, 8}, {2, SIZE_MAX / 2}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, 1);
        qst_err err;
        qst_err_init(&err);
        qst__arena arena;
        qst__arena_init(&arena, &ctx);
        void *out = NULL;
        assert_status(qst__arena_array(&arena, cases[k].n, cases[k].size_bytes, &out, &err),
            QST_EOVERFLOW, &err);
        assert_text(&err, "more than memory can hold");
        assert_int_equal(memory.n_requests, 0);
    }
}

static qst_status three_arrays(const qst_ctx *ctx, void *data, qst_err *err)
{
    (void)data;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status = QST_OK;
    for (int k = 0; k < 3 && status == QST_OK; k++) {
        void *out = NULL;
        status = qst__arena_array(&arena, 10, 8, &out, err);
    }
    qst__arena_free(&arena);
    return status;
}

static void failing_memory_leaks_nothing(void **state)
{
    (void)state;
    assert_int_equal(assert_survives_no_memory(three_arrays, NULL), 3);
}

static void the_standard_context_works(void **state)
{
    (void)state;
    qst_ctx ctx;
    qst_ctx_init(&ctx);
    assert_int_equal(ctx.n_threads, 1);
    assert_null(ctx.poll);
    char *block = ctx.allocator.get(ctx.allocator.data, 1);
    block = ctx.allocator.resize(ctx.allocator.data, block, 100);
    assert_non_null(block);
    ctx.allocator.release(ctx.allocator.data, block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_zeroed_and_aligned),
        cmocka_unit_test(nothing_asked_is_nothing_wrong),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(failing_memory_leaks_nothing),
        cmocka_unit_test(the_standard_context_works),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
