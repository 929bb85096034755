/* nanosleep() and signal masks under -std=c11. */
#define _POSIX_C_SOURCE 200809L

#include "base/base.h"
#include "qst_test.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { N_TASKS = 200 };

static void sleep_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&pause, NULL);
}

typedef struct {
    double slots[N_TASKS];
    int n_workers;
    ptrdiff_t fail_from; /* this task and every third after it fail */
    long sleep_ms;
} job;

static qst_status fill(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    job *j = data;
    assert_true(worker >= 0 && worker < j->n_workers);
    if (j->sleep_ms > 0) {
        sleep_ms(j->sleep_ms);
    }
    if (j->fail_from >= 0 && task >= j->fail_from && (task - j->fail_from) % 3 == 0) {
        /* Later failures are quicker, so that they would win a race. */
        sleep_ms(task == j->fail_from ? 5 : 0);
        return qst__fail_at(err, QST_ERANGE, task, -1, 0.5, "task %td failed", task);
    }
    j->slots[task] += 1.0 + (double)task;
    return QST_OK;
}

static void each_task_runs_once(void **state)
{
    (void)state;
    const int n_threads[] = {0, 1, 2, 7, 500};
    for (size_t k = 0; k < sizeof n_threads / sizeof n_threads[0]; k++) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        job j = {.fail_from = -1, .n_workers = qst_par_workers(&ctx, N_TASKS)};
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_par_for(&ctx, N_TASKS, fill, &j, &err), QST_OK, &err);
        for (int task = 0; task < N_TASKS; task++) {
            assert_close(j.slots[task], 1.0 + task, 0, 0);
        }
        assert_int_equal(memory.n_live, 0);
    }
}

static void workers_are_bounded(void **state)
{
    (void)state;
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 7);
    assert_int_equal(qst_par_workers(&ctx, 100), 7);
    assert_int_equal(qst_par_workers(&ctx, 3), 3);
    assert_int_equal(qst_par_workers(&ctx, 0), 1);
    assert_int_equal(qst_par_workers(NULL, 100), 1);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_par_for(NULL, 0, fill, NULL, &err), QST_OK, &err);
}

static void the_lowest_failure_decides(void **state)
{
    (void)state;
    for (int repeat = 0; repeat < 20; repeat++) {
        const int n_threads[] = {1, 2, 7};
        for (int k = 0; k < 3; k++) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
            job j = {.fail_from = 17, .n_workers = n_threads[k]};
            qst_err err;
            qst_err_init(&err);
            assert_status(qst_par_for(&ctx, N_TASKS, fill, &j, &err), QST_ERANGE, &err);
            assert_string_equal(err.text, "task 17 failed");
            assert_int_equal(err.row, 17);
            assert_close(err.value, 0.5, 0, 0);
            assert_int_equal(memory.n_live, 0);
        }
    }
}

static qst_status silent_failure(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)data;
    (void)task;
    (void)worker;
    (void)err;
    return QST_ESINGULAR;
}

static void a_status_without_text_is_kept(void **state)
{
    (void)state;
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 2);
    assert_int_equal(qst_par_for(&ctx, 4, silent_failure, NULL, NULL), QST_ESINGULAR);
}

static qst_status run_two_threads(const qst_ctx *ctx, void *data, qst_err *err)
{
    qst_ctx two = *ctx;
    two.n_threads = 2;
    job j = {.fail_from = -1, .n_workers = 2};
    (void)data;
    return qst_par_for(&two, N_TASKS, fill, &j, err);
}

static void no_memory_is_reported(void **state)
{
    (void)state;
    assert_true(assert_survives_no_memory(run_two_threads, NULL) > 0);
}

static qst_status run_slowly(const qst_ctx *ctx, void *data, qst_err *err)
{
    (void)data;
    job j = {.fail_from = -1, .n_workers = qst_par_workers(ctx, N_TASKS), .sleep_ms = 10};
    return qst_par_for(ctx, N_TASKS, fill, &j, err);
}

static void polling_stops_the_work(void **state)
{
    (void)state;
    assert_cancels(run_slowly, NULL, 1);
    assert_cancels(run_slowly, NULL, 2);
    assert_cancels(run_slowly, NULL, 7);
}

static bool stop_at_the_third(void *data)
{
    return ++*(int *)data >= 3;
}

static void polling_stops_work_under_way(void **state)
{
    (void)state;
    const int n_threads[] = {1, 2, 7};
    for (int k = 0; k < 3; k++) {
        int n_polled = 0;
        test_memory memory = {0};
        qst_ctx ctx = test_ctx(&memory, n_threads[k]);
        ctx.poll = stop_at_the_third;
        ctx.poll_data = &n_polled;
        ctx.poll_ms = 1;
        qst_err err;
        qst_err_init(&err);
        assert_status(run_slowly(&ctx, NULL, &err), QST_ECANCEL, &err);
        assert_int_equal(n_polled, 3);
        assert_int_equal(memory.n_live, 0);
    }
}

static bool only_here(void *data)
{
    assert_true(pthread_equal(*(pthread_t *)data, pthread_self()));
    return false;
}

static void poll_runs_on_the_calling_thread(void **state)
{
    (void)state;
    pthread_t self = pthread_self();
    test_memory memory = {0};
    qst_ctx ctx = test_ctx(&memory, 3);
    ctx.poll = only_here;
    ctx.poll_data = &self;
    qst_err err;
    qst_err_init(&err);
    assert_status(run_slowly(&ctx, NULL, &err), QST_OK, &err);
}

static qst_status signals_are_blocked(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)data;
    (void)task;
    (void)worker;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    return sigismember(&blocked, SIGINT) == 1
               ? QST_OK
               : qst__fail(err, QST_ETHREAD, "SIGINT can reach a worker");
}

static void workers_leave_signals_alone(void **state)
{
    (void)state;
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 2);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_par_for(&ctx, 10, signals_are_blocked, NULL, &err), QST_OK, &err);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGINT), 0);
}

static int n_polls;

static bool count_polls(void *data)
{
    (void)data;
    n_polls++;
    return false;
}

static void ticks_poll_at_most_every_50_ms(void **state)
{
    (void)state;
    test_memory memory = {0};
    qst_ctx ctx = test_ctx(&memory, 1);
    ctx.poll = count_polls;
    qst__ticker ticker;
    qst__ticker_init(&ticker, &ctx);
    qst_err err;
    qst_err_init(&err);
    n_polls = 0;
    for (int k = 0; k < 1000; k++) {
        assert_status(qst__tick(&ticker, &err), QST_OK, &err);
    }
    assert_true(n_polls <= 1);
    sleep_ms(60);
    const int before = n_polls;
    assert_status(qst__tick(&ticker, &err), QST_OK, &err);
    assert_int_equal(n_polls, before + 1);
    qst__ticker_init(&ticker, NULL);
    assert_status(qst__tick(&ticker, &err), QST_OK, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_task_runs_once),
        cmocka_unit_test(workers_are_bounded),
        cmocka_unit_test(the_lowest_failure_decides),
        cmocka_unit_test(a_status_without_text_is_kept),
        cmocka_unit_test(no_memory_is_reported),
        cmocka_unit_test(polling_stops_the_work),
        cmocka_unit_test(polling_stops_work_under_way),
        cmocka_unit_test(poll_runs_on_the_calling_thread),
        cmocka_unit_test(workers_leave_signals_alone),
        cmocka_unit_test(ticks_poll_at_most_every_50_ms),
    };
    return cmocka_run_group_tests_name("par", tests, NULL, NULL);
}
