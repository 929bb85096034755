/*
 * Fuzzes the reading of connection strings. Byte 1 of the input becomes a
 * secret, so that the fuzzer can put it anywhere. Whatever comes: a refusal
 * never repeats the secret; what is accepted means the same to libpq; a secret
 * that was understood as one can be scrubbed from any text, and is not found
 * in another value.
 */
#include "pg/conninfo.h"

#include <stdlib.h>
#include <string.h>

#ifdef QST_HAVE_LIBPQ
#include <libpq-fe.h>
#endif

#define SECRET "QzXq7!"
#define PIECE "QzX"

/* With the secret in the place of each byte 1, and ended. */
static char *spell(const uint8_t *bytes, size_t size)
{
    char *text = malloc(size * strlen(SECRET) + 1);
    size_t n = 0;
    for (size_t i = 0; i < size && bytes[i] != 0 && text != NULL; i++) {
        if (bytes[i] == 1) {
            memcpy(text + n, SECRET, strlen(SECRET));
            n += strlen(SECRET);
        } else {
            text[n++] = (char)bytes[i];
        }
    }
    if (text != NULL) {
        text[n] = '\0';
    }
    return text;
}

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

#ifdef QST_HAVE_LIBPQ
/* libpq reads the same settings out of it, no more and no fewer. */
static void agrees_with_libpq(const qst_conninfo *info, const char *text)
{
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &why);
    must(options != NULL);
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        const char *ours = qst_conninfo_get(info, o->keyword);
        must((o->val == NULL) == (ours == NULL));
        must(ours == NULL || strcmp(ours, o->val) == 0);
    }
    PQconninfoFree(options);
}

static int is_new_to_libpq(const qst_conninfo *info)
{
    static const char *const late[] = {"require_auth", "sslcertmode", "load_balance_hosts",
        "sslnegotiation", "gssdelegation", "min_protocol_version", "max_protocol_version",
        "scram_client_key", "scram_server_key", "oauth_issuer", "oauth_client_id",
        "oauth_client_secret", "oauth_scope"};
    for (size_t k = 0; k < sizeof late / sizeof *late; k++) {
        if (qst_conninfo_get(info, late[k]) != NULL) {
            return 1;
        }
    }
    return 0;
}
#else
static void agrees_with_libpq(const qst_conninfo *info, const char *text)
{
    (void)info;
    (void)text;
}

static int is_new_to_libpq(const qst_conninfo *info)
{
    (void)info;
    return 0;
}
#endif

/* The input itself is a text like another, and so is the secret in the midst of words. */
static void scrubs(const qst_conninfo *info, const char *text)
{
    const char *password = qst_conninfo_get(info, "password");
    if (password == NULL || strlen(password) < 4 || strchr(password, '*') != NULL) {
        return;
    }
    char *message = malloc(2 * strlen(text) + strlen(password) + 1);
    if (message != NULL) {
        strcpy(message, text);
        strcat(message, password);
        strcat(message, text);
        must(qst_conninfo_betrays(info, message));
        qst_conninfo_scrub(info, message);
        must(strstr(message, password) == NULL);
        free(message);
    }
}

static void must_be_quiet(const qst_err *err)
{
    must(err->text[0] != '\0' && strstr(err->text, PIECE) == NULL);
    for (const char *at = err->text; *at != '\0'; at++) {
        must(*at >= ' ' && *at <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = spell(bytes, size);
    qst_conninfo *info;
    qst_err err;
    qst_err_init(&err);
    if (text == NULL || qst_conninfo_new(NULL, &info, &err) != QST_OK) {
        free(text);
        return 0;
    }
    if (qst_conninfo_read(info, text, &err) != QST_OK) {
        must_be_quiet(&err);
        must(text[0] == '\0' || qst_conninfo_betrays(info, text));
    } else {
        if (!is_new_to_libpq(info)) {
            agrees_with_libpq(info, text);
        }
        scrubs(info, text);
        if (qst_conninfo_check(info, &err) != QST_OK ||
            qst_conninfo_secure(info, size % 2 == 0, &err) != QST_OK) {
            must_be_quiet(&err);
        }
        const char *keywords[QST_CONNINFO_MAX], *values[QST_CONNINFO_MAX];
        must(qst_conninfo_list(info, keywords, values) <= QST_CONNINFO_MAX);
    }
    qst_conninfo_free(info);
    free(text);
    return 0;
}
