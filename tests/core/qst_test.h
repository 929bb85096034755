/*
 * qst_test.h - what every core test needs beside cmocka: comparing doubles,
 * an allocator that fails at its k-th request and counts leaks, a poll that
 * stops.
 */
#ifndef QST_TEST_H
#define QST_TEST_H

#include "qst.h"

/* cmocka asks for these four before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Equal if |got - want| <= tol_abs + tol_rel |want|. NaN equals NaN of the same kind (NA is not
 * NaN), infinities equal themselves. (cmocka 1.1 compares in single precision.) */
void assert_close_at(
    double got, double want, double tol_rel, double tol_abs, const char *file, int line);
#define assert_close(got, want, tol_rel, tol_abs)                                                  \
    assert_close_at(got, want, tol_rel, tol_abs, __FILE__, __LINE__)

/* The status is `want`; if not, prints both and the text. `err` carries the same status. */
void assert_status_at(
    qst_status got, qst_status want, const qst_err *err, const char *file, int line);
#define assert_status(got, want, err) assert_status_at(got, want, err, __FILE__, __LINE__)

/* `err` has text containing `part`. */
void assert_text_at(const qst_err *err, const char *part, const char *file, int line);
#define assert_text(err, part) assert_text_at(err, part, __FILE__, __LINE__)

/* An allocator whose request number `fail_at` (from 1; 0: none) gives NULL. */
typedef struct {
    long fail_at;
    long n_requests; /* so far */
    long n_live;     /* blocks not yet released */
} test_memory;

qst_ctx test_ctx(test_memory *memory, int n_threads);

/* Runs `entry(ctx, data, err)` with its 1st, 2nd, ... allocation failing until it succeeds; each
 * failure must be QST_ENOMEM with a text, and nothing may stay allocated. Returns how many failed.
 */
typedef qst_status (*test_entry)(const qst_ctx *ctx, void *data, qst_err *err);
long assert_survives_no_memory(test_entry entry, void *data);

/* Runs `entry` under a poll that asks to stop at the first chance: QST_ECANCEL and no leak. With
 * more threads than one the work must outlast the start of its workers. */
void assert_cancels(test_entry entry, void *data, int n_threads);

/* A deterministic stream for test data, independent of the core's own generator. */
double test_uniform(uint64_t *state);
double test_normal(uint64_t *state);

#endif
