/* clock_gettime() and pthreads under -std=c11. */
#define _POSIX_C_SOURCE 200809L

#include "base/base.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

/* Workers take the next task under the lock; what they share stands here. */
typedef struct {
    qst_task task;
    void *data;
    ptrdiff_t n_tasks;
    pthread_mutex_t lock;
    pthread_cond_t worker_left;
    ptrdiff_t next;   /* first task not yet taken */
    int n_running;    /* workers that have not left */
    bool stop;        /* take no further task */
    ptrdiff_t failed; /* lowest task that failed, n_tasks if none */
    qst_err error;    /* its error */
} crew;

typedef struct {
    crew *crew;
    int worker;
} seat;

int qst_par_workers(const qst_ctx *ctx, ptrdiff_t n_tasks)
{
    const ptrdiff_t n_threads = ctx != NULL && ctx->n_threads > 1 ? ctx->n_threads : 1;
    return (int)qst__max(1, qst__min(n_threads, n_tasks));
}

static void time_after(struct timespec *when, long ms)
{
    clock_gettime(CLOCK_REALTIME, when);
    when->tv_nsec += ms * 1000000L;
    if (when->tv_nsec >= 1000000000L) {
        when->tv_nsec -= 1000000000L;
        when->tv_sec += 1;
    }
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

void qst__ticker_init(qst__ticker *ticker, const qst_ctx *ctx)
{
    ticker->ctx = ctx;
    ticker->last_ms = ctx != NULL && ctx->poll != NULL ? now_ms() : 0.0;
}

static bool asked_to_stop(const qst_ctx *ctx)
{
    return ctx != NULL && ctx->poll != NULL && ctx->poll(ctx->poll_data);
}

static qst_status cancelled(qst_err *err)
{
    return qst__fail(err, QST_ECANCEL, "stopped as asked");
}

qst_status qst__tick(qst__ticker *ticker, qst_err *err)
{
    if (ticker->ctx == NULL || ticker->ctx->poll == NULL) {
        return QST_OK;
    }
    const double now = now_ms();
    if (now - ticker->last_ms < ticker->ctx->poll_ms) {
        return QST_OK;
    }
    ticker->last_ms = now;
    return asked_to_stop(ticker->ctx) ? cancelled(err) : QST_OK;
}

static void note_failure(crew *c, ptrdiff_t task, qst_status status, const qst_err *err)
{
    if (task < c->failed) {
        c->failed = task;
        c->error = *err;
        c->error.status = status;
    }
    c->stop = true;
}

/* Tasks are taken in order, so when one fails every lower one has been taken and is finished by
 * whoever took it: the lowest failure is the same for any number of workers. */
static void *work(void *data)
{
    const seat *s = data;
    crew *c = s->crew;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && c->next < c->n_tasks) {
        const ptrdiff_t task = c->next++;
        pthread_mutex_unlock(&c->lock);
        qst_err err;
        qst_err_init(&err);
        const qst_status status = c->task(c->data, task, s->worker, &err);
        pthread_mutex_lock(&c->lock);
        if (status != QST_OK) {
            note_failure(c, task, status, &err);
        }
    }
    c->n_running--;
    pthread_cond_signal(&c->worker_left);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* Signals are the host's business: workers are born with all of them blocked. */
static int start_workers(pthread_t *threads, seat *seats, int n)
{
#ifndef _WIN32
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
    int n_started = 0;
    while (
        n_started < n && pthread_create(&threads[n_started], NULL, work, &seats[n_started]) == 0) {
        n_started++;
    }
#ifndef _WIN32
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#endif
    return n_started;
}

/* The calling thread only waits and polls, so that a slow task cannot delay an interrupt. */
static bool wait_for_workers(const qst_ctx *ctx, crew *c)
{
    bool stopped = false;
    pthread_mutex_lock(&c->lock);
    while (c->n_running > 0) {
        struct timespec until;
        time_after(&until, ctx->poll_ms);
        pthread_cond_timedwait(&c->worker_left, &c->lock, &until);
        if (!stopped && c->n_running > 0) {
            pthread_mutex_unlock(&c->lock);
            stopped = asked_to_stop(ctx);
            pthread_mutex_lock(&c->lock);
            c->stop = c->stop || stopped;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return stopped;
}

static qst_status run_serial(
    const qst_ctx *ctx, ptrdiff_t n_tasks, qst_task task, void *data, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    for (ptrdiff_t k = 0; k < n_tasks; k++) {
        qst_status status = task(data, k, 0, err);
        if (status == QST_OK) {
            status = qst__tick(&ticker, err);
        }
        if (status != QST_OK) {
            return status;
        }
    }
    return QST_OK;
}

static qst_status run_threaded(
    const qst_ctx *ctx, crew *c, pthread_t *threads, seat *seats, int n_workers, qst_err *err)
{
    if (asked_to_stop(ctx)) {
        return cancelled(err);
    }
    for (int w = 0; w < n_workers; w++) {
        seats[w] = (seat){c, w};
    }
    c->n_running = n_workers;
    const int n_started = start_workers(threads, seats, n_workers);
    pthread_mutex_lock(&c->lock);
    c->n_running -= n_workers - n_started;
    pthread_mutex_unlock(&c->lock);
    const bool stopped = wait_for_workers(ctx, c);
    for (int w = 0; w < n_started; w++) {
        pthread_join(threads[w], NULL);
    }
    if (stopped) {
        return cancelled(err);
    }
    if (c->failed < c->n_tasks) {
        return qst__pass_on(err, &c->error);
    }
    /* No thread was to be had: the work is done here. */
    return n_started > 0 ? QST_OK : run_serial(ctx, c->n_tasks, c->task, c->data, err);
}

qst_status qst_par_for(
    const qst_ctx *ctx, ptrdiff_t n_tasks, qst_task task, void *data, qst_err *err)
{
    const int n_workers = qst_par_workers(ctx, n_tasks);
    if (n_workers == 1) {
        return run_serial(ctx, n_tasks, task, data, err);
    }
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    pthread_t *threads = NULL;
    seat *seats = NULL;
    qst_status status = qst__arena_array(&arena, n_workers, sizeof *threads, &threads, err);
    if (status == QST_OK) {
        status = qst__arena_array(&arena, n_workers, sizeof *seats, &seats, err);
    }
    if (status == QST_OK) {
        crew c = {.task = task,
            .data = data,
            .n_tasks = n_tasks,
            .failed = n_tasks,
            .lock = PTHREAD_MUTEX_INITIALIZER,
            .worker_left = PTHREAD_COND_INITIALIZER};
        status = run_threaded(ctx, &c, threads, seats, n_workers, err);
        pthread_cond_destroy(&c.worker_left);
        pthread_mutex_destroy(&c.lock);
    }
    qst__arena_free(&arena);
    return status;
}
