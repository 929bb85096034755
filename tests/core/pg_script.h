/*
 * A server of a few words for the tests of sessions: it answers each kind of
 * message with bytes that the test has written, right or wrong ones. What a
 * real server does is tested in tests/testthat/test-pg-*.R.
 */
#ifndef PG_SCRIPT_H
#define PG_SCRIPT_H

#include "pg/pg.h"
#include "qst_test.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIPT_ROOM = 512, SCRIPT_CANCEL = 80877102 };

/* Messages of a server, one after the other. */
typedef struct {
    unsigned char bytes[SCRIPT_ROOM];
    size_t n;
} script_answer;

static inline void answer_u32(unsigned char *at, uint32_t x)
{
    for (int k = 0; k < 4; k++) {
        at[k] = (unsigned char)(x >> (24 - 8 * k));
    }
}

/* A message of a type and its body. */
static inline void answer_add(script_answer *answer, char type, const void *body, size_t n)
{
    unsigned char *at = answer->bytes + answer->n;
    assert_true(answer->n + 5 + n <= SCRIPT_ROOM);
    at[0] = (unsigned char)type;
    answer_u32(at + 1, (uint32_t)n + 4);
    memcpy(at + 5, body, n);
    answer->n += 5 + n;
}

/* What stands in a string literal, zeros too, without the zero that C adds. */
#define ANSWER(answer, type, text) answer_add(answer, type, text, sizeof(text) - 1)

/* It is called at /<folder>/.s.PGSQL.5432 and answers a message by its first letter. */
typedef struct {
    script_answer answers[128];
    char folder[64];
    int listener, stop[2];
    int n_cancels;
    pthread_t thread;
} script;

static inline void script_send(int to, const script_answer *answer)
{
    if (answer->n > 0) {
        (void)!send(to, answer->bytes, answer->n, MSG_NOSIGNAL); /* it may be gone */
    }
}

/* A call: the wish to cancel, or a session, which is greeted and returned. */
static inline int script_greet(script *s)
{
    unsigned char bytes[1024];
    script_answer greeting = {{0}, 0};
    const int call = accept(s->listener, NULL, NULL);
    const ssize_t n = recv(call, bytes, sizeof bytes, 0);
    const uint32_t code = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 |
                          (uint32_t)bytes[6] << 8 | (uint32_t)bytes[7];
    if (n < 8 || code == SCRIPT_CANCEL) {
        s->n_cancels++;
        close(call);
        return -1;
    }
    ANSWER(&greeting, 'R', "\0\0\0\0");
    ANSWER(&greeting, 'S', "client_encoding\0UTF8\0");
    ANSWER(&greeting, 'K', "\0\0\0\7\0\0\0\11");
    ANSWER(&greeting, 'Z', "I");
    script_send(call, &greeting);
    return call;
}

/* The whole messages at the front of `bytes`, answered; returns how many bytes they were. Those
 * that describe a portal go with those that run it, which are answered. */
static inline size_t script_reply(
    const script *s, int session, const unsigned char *bytes, size_t n)
{
    size_t at = 0;
    while (n - at >= 5) {
        const unsigned char *b = bytes + at;
        const size_t size =
            1 + ((size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | (size_t)b[4]);
        if (size > n - at) {
            break;
        }
        if (b[0] != 'D' || b[5] != 'P') {
            script_send(session, &s->answers[b[0] & 127]);
        }
        at += size;
    }
    return at;
}

static inline void *script_run(void *data)
{
    script *s = data;
    unsigned char bytes[4096];
    size_t n_kept = 0;
    int session = -1;
    struct pollfd watched[] = {{s->listener, POLLIN, 0}, {s->stop[0], POLLIN, 0}, {-1, POLLIN, 0}};
    while (poll(watched, 3, -1) > 0 && watched[1].revents == 0) {
        if (watched[2].revents != 0) {
            const ssize_t n = recv(session, bytes + n_kept, sizeof bytes - n_kept, 0);
            if (n <= 0) {
                close(session);
                session = -1;
            } else {
                n_kept += (size_t)n;
                const size_t n_used = script_reply(s, session, bytes, n_kept);
                n_kept -= n_used;
                memmove(bytes, bytes + n_used, n_kept);
            }
        }
        if (watched[0].revents != 0) {
            const int call = script_greet(s);
            session = call >= 0 ? call : session;
        }
        watched[2].fd = session;
    }
    if (session >= 0) {
        close(session);
    }
    return NULL;
}

static inline script *script_new(void)
{
    script *s = calloc(1, sizeof *s);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(s);
    snprintf(s->folder, sizeof s->folder, "/tmp/qst_pg_XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", s->folder);
    s->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(pipe(s->stop), 0);
    return s;
}

/* From here the answers are read by another thread. */
static inline qst_pg *script_open(script *s)
{
    const char *const keywords[] = {"host", "port", "user", "dbname"};
    const char *const values[] = {s->folder, "5432", "nobody", "nothing"};
    qst_conninfo *info;
    qst_pg *pg;
    qst_err err;
    qst_err_init(&err);
    assert_int_equal(pthread_create(&s->thread, NULL, script_run, s), 0);
    assert_status(qst_conninfo_new(NULL, &info, &err), QST_OK, &err);
    for (int k = 0; k < 4; k++) {
        assert_status(qst_conninfo_set(info, keywords[k], values[k], k, &err), QST_OK, &err);
    }
    assert_status(qst_pg_open(NULL, info, &pg, &err), QST_OK, &err);
    return pg;
}

/* Closes the session and ends the server; returns how often it was asked to cancel. */
static inline int script_end(script *s, qst_pg *pg)
{
    char path[128];
    qst_pg_close(pg);
    assert_int_equal(write(s->stop[1], "", 1), 1);
    pthread_join(s->thread, NULL);
    const int n_cancels = s->n_cancels;
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", s->folder);
    close(s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    unlink(path);
    rmdir(s->folder);
    free(s);
    return n_cancels;
}

/* Runs `said` in a forked process; true if it says so there. The process ends as another program,
 * as its copy of all memory is no leak. */
static inline bool forked_says(bool (*said)(void *data), void *data)
{
    const pid_t child = fork();
    if (child == 0) {
        const char *program = said(data) ? "true" : "false";
        execlp(program, program, (char *)NULL);
        _exit(1);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
}

#endif
