#include "qst_test.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void assert_close_at(
    double got, double want, double tol_rel, double tol_abs, const char *file, int line)
{
    bool same;
    if (isnan(want) || isnan(got)) {
        same = isnan(want) && isnan(got) && qst_is_na_real(want) == qst_is_na_real(got);
    } else if (isinf(want) || isinf(got)) {
        same = got == want;
    } else {
        same = fabs(got - want) <= tol_abs + tol_rel * fabs(want);
    }
    if (!same) {
        print_error("%.17g is not %.17g (difference %.3g)\n", got, want, got - want);
        _fail(file, line);
    }
}

void assert_status_at(
    qst_status got, qst_status want, const qst_err *err, const char *file, int line)
{
    if (got != want) {
        print_error("status is %s, not %s: %s\n", qst_status_kind(got), qst_status_kind(want),
            err != NULL ? err->text : "");
        _fail(file, line);
    }
    if (err != NULL && err->status != want) {
        print_error(
            "err->status is %s, not %s\n", qst_status_kind(err->status), qst_status_kind(want));
        _fail(file, line);
    }
}

void assert_text_at(const qst_err *err, const char *part, const char *file, int line)
{
    if (strstr(err->text, part) == NULL) {
        print_error("\"%s\" does not contain \"%s\"\n", err->text, part);
        _fail(file, line);
    }
}

/* One lock for all test allocators: they may be called from several threads. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool granted(test_memory *memory, bool is_new)
{
    pthread_mutex_lock(&lock);
    memory->n_requests++;
    const bool yes = memory->n_requests != memory->fail_at;
    memory->n_live += yes && is_new;
    pthread_mutex_unlock(&lock);
    return yes;
}

static void *get(void *data, size_t size_bytes)
{
    assert_true(size_bytes > 0);
    return granted(data, true) ? malloc(size_bytes) : NULL;
}

static void *resize(void *data, void *block, size_t size_bytes)
{
    assert_true(size_bytes > 0);
    return granted(data, block == NULL) ? realloc(block, size_bytes) : NULL;
}

static void release(void *data, void *block)
{
    test_memory *memory = data;
    pthread_mutex_lock(&lock);
    memory->n_live -= block != NULL;
    pthread_mutex_unlock(&lock);
    free(block);
}

qst_ctx test_ctx(test_memory *memory, int n_threads)
{
    qst_ctx ctx;
    qst_ctx_init(&ctx);
    ctx.allocator = (qst_allocator){get, resize, release, memory};
    ctx.n_threads = n_threads;
    return ctx;
}

long assert_survives_no_memory(test_entry entry, void *data)
{
    for (long fail_at = 1; fail_at < 100000; fail_at++) {
        test_memory memory = {.fail_at = fail_at};
        const qst_ctx ctx = test_ctx(&memory, 1);
        qst_err err;
        qst_err_init(&err);
        const qst_status status = entry(&ctx, data, &err);
        assert_int_equal(memory.n_live, 0);
        if (memory.n_requests < fail_at) {
            assert_status(status, QST_OK, &err);
            return fail_at - 1;
        }
        assert_status(status, QST_ENOMEM, &err);
        assert_true(strlen(err.text) > 0);
    }
    fail_msg("%s", "allocations never end");
    return -1;
}

static bool stop_at_once(void *data)
{
    (void)data;
    return true;
}

void assert_cancels(test_entry entry, void *data, int n_threads)
{
    test_memory memory = {0};
    qst_ctx ctx = test_ctx(&memory, n_threads);
    ctx.poll = stop_at_once;
    ctx.poll_ms = 0;
    qst_err err;
    qst_err_init(&err);
    assert_status(entry(&ctx, data, &err), QST_ECANCEL, &err);
    assert_int_equal(memory.n_live, 0);
}

/* splitmix64 (Steele, Lea & Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double test_uniform(uint64_t *state)
{
    return ((double)(next(state) >> 12) + 0.5) * 0x1p-52;
}

double test_normal(uint64_t *state)
{
    const double radius = sqrt(-2.0 * log(test_uniform(state)));
    return radius * cos(6.283185307179586 * test_uniform(state));
}
