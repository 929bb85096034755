#include "glue/r_pg_conninfo.h"

#include "glue/glue.h"
#include "pg/pg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Settings of a connection live here and not in R's objects, so that no frame
 * that is dumped, no object that is saved and no call that is printed holds
 * them. While pg_connect() runs, the texts with secrets that stand as constants
 * in the calls on R's stack are covered, for traceback() and dump.frames() show
 * those calls; they are the user's own code, so they are put back afterwards.
 */

enum { MANY = 1000 }; /* a longer vector inside a call is data, not a setting */

/* A text of a call that is covered. */
typedef struct covered {
    struct covered *next;
    R_xlen_t at;
    SEXP vector;
    cetype_t encoding;
    char text[];
} covered;

typedef struct {
    qst_conninfo *info;
    covered *list;
    qst_err err; /* why the settings cannot be used */
} settings;

static settings *get(SEXP pointer)
{
    settings *s = TYPEOF(pointer) == EXTPTRSXP ? R_ExternalPtrAddr(pointer) : NULL;
    if (s == NULL) {
        qstr_refuse("`settings` are gone.");
    }
    return s;
}

qst_conninfo *qstr_conninfo(SEXP pointer)
{
    settings *s = get(pointer);
    if (s->info == NULL) {
        qstr_refuse("`settings` were used already.");
    }
    return s->info;
}

void qstr_conninfo_given(SEXP pointer)
{
    get(pointer)->info = NULL;
}

/* ---- Covering constants of calls ---- */

static void cover(settings *s, SEXP vector, R_xlen_t at)
{
    SEXP text = STRING_ELT(vector, at);
    const size_t n = (size_t)LENGTH(text);
    covered *c = malloc(sizeof *c + n + 1);
    if (c == NULL) {
        return;
    }
    *c = (covered){s->list, at, vector, Rf_getCharCE(text)};
    memcpy(c->text, CHAR(text), n + 1);
    s->list = c;
    R_PreserveObject(vector);
    SET_STRING_ELT(vector, at, Rf_mkChar("***"));
}

static void cover_in(settings *s, SEXP x)
{
    R_CheckStack();
    switch (TYPEOF(x)) {
    case STRSXP:
        for (R_xlen_t i = 0; i < XLENGTH(x) && XLENGTH(x) <= MANY; i++) {
            if (qst_conninfo_betrays(s->info, CHAR(STRING_ELT(x, i)))) {
                cover(s, x, i);
            }
        }
        break;
    case VECSXP:
    case EXPRSXP:
        for (R_xlen_t i = 0; i < XLENGTH(x) && XLENGTH(x) <= MANY; i++) {
            cover_in(s, VECTOR_ELT(x, i));
        }
        break;
    case LANGSXP:
    case LISTSXP:
        for (; x != R_NilValue; x = CDR(x)) {
            cover_in(s, CAR(x));
        }
        break;
    default:
        break;
    }
}

static void uncover(settings *s)
{
    while (s->list != NULL) {
        covered *c = s->list;
        s->list = c->next;
        SET_STRING_ELT(c->vector, c->at, Rf_mkCharCE(c->text, c->encoding));
        R_ReleaseObject(c->vector);
        memset(c->text, 0, strlen(c->text));
        free(c);
    }
}

/* ---- Reading ---- */

static void finalize(SEXP pointer)
{
    settings *s = R_ExternalPtrAddr(pointer);
    if (s != NULL) {
        uncover(s);
        qst_conninfo_free(s->info);
        free(s);
        R_ClearExternalPtr(pointer);
    }
}

static bool is_text(SEXP x)
{
    return TYPEOF(x) == STRSXP && XLENGTH(x) == 1 && STRING_ELT(x, 0) != NA_STRING;
}

/* A single text, or a whole number as digits in `digits`; NULL for anything else. */
static const char *text_of(SEXP x, char digits[32])
{
    if (is_text(x)) {
        return Rf_translateCharUTF8(STRING_ELT(x, 0));
    }
    const bool is_number = (TYPEOF(x) == INTSXP || TYPEOF(x) == REALSXP) && XLENGTH(x) == 1;
    const double value = is_number ? Rf_asReal(x) : NA_REAL;
    if (!(fabs(value) < 1e9) || value != floor(value)) {
        return NULL;
    }
    snprintf(digits, 32, "%.0f", value);
    return digits;
}

/* Why the settings cannot be used; the first reason stands. */
static void complain(settings *s, const char *text)
{
    if (s->err.status == QST_OK) {
        s->err.status = QST_EARGUMENT;
        snprintf(s->err.text, sizeof s->err.text, "%s", text);
    }
}

static void set_one(settings *s, SEXP names, SEXP dots, R_xlen_t k)
{
    char digits[32];
    const char *value = text_of(VECTOR_ELT(dots, k), digits);
    const char *name = names == R_NilValue ? "" : Rf_translateCharUTF8(STRING_ELT(names, k));
    if (value == NULL) {
        complain(s, "the keywords in `...` must each be a single text or whole number");
        return;
    }
    if (name[0] == '\0') {
        complain(s, "an argument in `...` has no name. A connection string comes first and alone");
    }
    if (qst_conninfo_set(s->info, name, value, (int)k + 1, &s->err) != QST_OK) {
        complain(s, "");
    }
}

static void read_all(settings *s, SEXP conninfo, SEXP dots)
{
    if (!is_text(conninfo)) {
        complain(
            s, "`conninfo` must be a single text: of a server of pg_throwaway(), its $conninfo");
    } else if (qst_conninfo_read(s->info, text_of(conninfo, NULL), &s->err) != QST_OK) {
        complain(s, "");
    }
    SEXP names = PROTECT(Rf_getAttrib(dots, R_NamesSymbol));
    for (R_xlen_t k = 0; k < XLENGTH(dots); k++) {
        set_one(s, names, dots, k);
    }
    UNPROTECT(1);
}

/* Reads `conninfo` and the named list `dots`, and covers what is secret in `calls`. What is wrong
 * with them is told by qstr_pg_conninfo_ready(), so that nothing is raised before. */
SEXP qstr_pg_conninfo(SEXP conninfo_sexp, SEXP dots_sexp, SEXP calls_sexp)
{
    SEXP pointer = PROTECT(R_MakeExternalPtr(NULL, R_NilValue, R_NilValue));
    R_RegisterCFinalizerEx(pointer, finalize, TRUE);
    settings *s = calloc(1, sizeof *s);
    if (s == NULL) {
        Rf_error("no memory for a connection string");
    }
    R_SetExternalPtrAddr(pointer, s);
    qst_err_init(&s->err);
    if (qst_conninfo_new(NULL, &s->info, &s->err) == QST_OK) {
        read_all(s, conninfo_sexp, dots_sexp);
        cover_in(s, calls_sexp);
    }
    UNPROTECT(1);
    return pointer;
}

/* Puts back what was covered. */
SEXP qstr_pg_conninfo_uncover(SEXP settings_sexp)
{
    uncover(get(settings_sexp));
    return R_NilValue;
}

/* The value of one keyword that is no secret, or NULL. */
SEXP qstr_pg_conninfo_service(SEXP settings_sexp)
{
    const char *service = qst_conninfo_get(qstr_conninfo(settings_sexp), "service");
    return service == NULL ? R_NilValue : Rf_ScalarString(Rf_mkCharCE(service, CE_UTF8));
}

/* Fills in what the environment says, judges all, and settles sslmode. "" if the settings can be
 * used, otherwise why not. */
SEXP qstr_pg_conninfo_ready(SEXP settings_sexp, SEXP accept_unverified_sexp)
{
    settings *s = get(settings_sexp);
    qst_conninfo *info = qstr_conninfo(settings_sexp);
    const bool accept_unverified = qstr_flag(accept_unverified_sexp, "accept_unverified");
    qst_status status = s->err.status;
    if (status == QST_OK) {
        status = qst_pg_defaults(info, &s->err);
    }
    if (status == QST_OK) {
        status = qst_conninfo_check(info, &s->err);
    }
    if (status == QST_OK) {
        status = qst_conninfo_secure(info, accept_unverified, &s->err);
    }
    return Rf_mkString(status == QST_OK ? "" : s->err.text);
}
