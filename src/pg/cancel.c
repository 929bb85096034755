/* clock_gettime() under -std=c11. */
#define _POSIX_C_SOURCE 200809L

#include "pg/session.h"

#ifdef QST_HAVE_LIBPQ

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/*
 * PQcancel() opens a second connection and waits without limit until the
 * server closes it, which one that is stopped or hostile never does. So it
 * runs on a thread of its own, which is waited for so long only. A thread that
 * is left behind touches nothing but `request`, which the last user frees.
 */
typedef struct {
    PGcancel *cancel;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_done;
    int n_users;
} request;

/* With the lock held, which it gives up. */
static void leave(request *r)
{
    const bool is_last = --r->n_users == 0;
    pthread_mutex_unlock(&r->lock);
    if (is_last) {
        PQfreeCancel(r->cancel);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->lock);
        free(r);
    }
}

static void *ask(void *data)
{
    request *r = data;
    char reason[256];
    (void)PQcancel(r->cancel, reason, (int)sizeof reason);
    pthread_mutex_lock(&r->lock);
    r->is_done = true;
    pthread_cond_signal(&r->changed);
    leave(r);
    return NULL;
}

/* Signals are the main thread's: R's handlers expect no other. */
static bool start(request *r)
{
    pthread_t thread;
#ifndef _WIN32
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
    const bool is_started = pthread_create(&thread, NULL, ask, r) == 0;
#ifndef _WIN32
    pthread_sigmask(SIG_SETMASK, &before, NULL);
#endif
    if (is_started) {
        pthread_detach(thread);
    }
    return is_started;
}

void qst__pg_ask_to_cancel(PGconn *conn, int limit_s)
{
    request *r = malloc(sizeof *r);
    PGcancel *cancel = r != NULL ? PQgetCancel(conn) : NULL;
    if (cancel == NULL) {
        free(r);
        return;
    }
    *r = (request){.cancel = cancel, .n_users = 2};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += limit_s;
    const bool is_started = start(r);
    pthread_mutex_lock(&r->lock);
    r->n_users -= !is_started;
    int is_late = is_started ? 0 : 1;
    while (!r->is_done && !is_late) {
        is_late = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    leave(r);
}

#endif
