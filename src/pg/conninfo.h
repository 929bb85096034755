/*
 * conninfo.h - how to reach a server, read and judged before anything is sent.
 * Pure: no libpq, no server, no environment.
 *
 * A connection string is read as libpq reads it, keywords and values or a URI,
 * but more strictly: whatever libpq would misunderstand so that a piece of a
 * password becomes a host, a database or a keyword is refused. What is accepted
 * means the same to libpq (the fuzzer holds the two side by side). Refusals are
 * QST_EARGUMENT and never repeat what was given: they name the place and known
 * keywords only, so that they can be shown and logged.
 */
#ifndef QST_PG_CONNINFO_H
#define QST_PG_CONNINFO_H

#include "qst.h"

/* Settings by keyword. Its memory is overwritten before it is given back. */
typedef struct qst_conninfo qst_conninfo;

#define QST_CONNINFO_MAX 64 /* no more keywords than these are known */

QST_MUST_USE qst_status qst_conninfo_new(const qst_ctx *ctx, qst_conninfo **info_out, qst_err *err);
void qst_conninfo_free(qst_conninfo *info); /* NULL: nothing */

/*
 * Reads `text`, "" included. Refused: a URI that does not begin with
 * postgresql:// or postgres://, has an '@' that is not written %40 after the
 * one that ends the password, or characters that are to be written as %XX; words
 * without '='; unknown keywords (the nearest known one is named); keywords given
 * twice; text right after a closing quote; "user= password=x", where libpq takes
 * the second for the value of the first. After a refusal all of `text` counts as
 * secret.
 */
QST_MUST_USE qst_status qst_conninfo_read(qst_conninfo *info, const char *text, qst_err *err);

/* One more setting, which replaces one that was read; `place` names it in a refusal. The value of
 * an unknown keyword counts as secret. */
QST_MUST_USE qst_status qst_conninfo_set(
    qst_conninfo *info, const char *keyword, const char *value, int place, qst_err *err);

/* The same where nothing is set yet, for what comes from the environment or a service: unknown
 * keywords are passed over. */
QST_MUST_USE qst_status qst_conninfo_default(
    qst_conninfo *info, const char *keyword, const char *value, qst_err *err);

/*
 * Judges the values. Refused: '@', "://" or '=' in a host or a database; a host
 * with its port; a port that is no number; ':' in a user; "password=" inside
 * another value; control characters; values of sslmode and client_encoding
 * that are none.
 */
QST_MUST_USE qst_status qst_conninfo_check(const qst_conninfo *info, qst_err *err);

/* True if every host is this machine: a socket, localhost, 127.0.0.0/8 or ::1. A hostaddr counts
 * before its host, as it is where libpq connects to. */
bool qst_conninfo_is_local(const qst_conninfo *info);

/*
 * Sets sslmode where a host is not this machine: verify-full, and another one
 * that was asked for is refused; where unverified servers are accepted, require
 * unless another was asked for.
 */
QST_MUST_USE qst_status qst_conninfo_secure(
    qst_conninfo *info, bool accept_unverified, qst_err *err);

/* The value of a keyword, NULL if it is not set. */
const char *qst_conninfo_get(const qst_conninfo *info, const char *keyword);

/* Keywords and values that are set, as PQconnectdbParams takes them (the NULL at the end is not
 * written); the lists have room for QST_CONNINFO_MAX. Returns how many. */
ptrdiff_t qst_conninfo_list(
    const qst_conninfo *info, const char **keywords_out, const char **values_out);

/* Replaces each secret in `text` by ***, in place; one of fewer than four bytes only where it is a
 * word of its own. */
void qst_conninfo_scrub(const qst_conninfo *info, char *text);

/* True if `text` holds a secret, or is a piece of one of three bytes or more. */
bool qst_conninfo_betrays(const qst_conninfo *info, const char *text);

#endif
