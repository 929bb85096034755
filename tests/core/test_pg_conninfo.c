#include "pg/conninfo.h"
#include "qst_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef QST_HAVE_LIBPQ
#include <libpq-fe.h>
#endif

#define SECRET "QzXq7!pw"

static qst_status read_and_check(const char *text, qst_conninfo **info_out, qst_err *err)
{
    qst_err_init(err);
    qst_status status = qst_conninfo_new(NULL, info_out, err);
    if (status == QST_OK) {
        status = qst_conninfo_read(*info_out, text, err);
    }
    return status == QST_OK ? qst_conninfo_check(*info_out, err) : status;
}

/* ---- What is accepted means the same to libpq ---- */

static void accepted_text_means_what_libpq_reads(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "  ", "host=localhost port=5432 user=alice",
        "host = localhost\tport\n=\n5432", "password='a b \\' \\\\ c' user=al\\ ice",
        "password=" SECRET " application_name=''", "user='' host=/tmp,localhost port=,5433",
        "password=it's=ok", "hostaddr=::1 host=db.example.org", "postgresql://",
        "postgres://localhost", "postgresql://alice@localhost:5432/study",
        "postgresql://alice:" SECRET "@h1:1,h2,[::1]:3/study?sslmode=require&application_name=x",
        "postgresql://:" SECRET "@/", "postgresql://alice:@h", "postgres://a:p:q?r#s@h/d",
        "postgresql:///study?host=/var/run/postgresql&port=5433", "postgresql://h?user=bob",
        "postgresql://%61lice:%40%2f%3A@%2Ftmp/%C3%A4?options=-c%20geqo%3Doff&",
        "postgresql://[fe80::1%25eth0]:1/x", "postgresql://,/", "postgresql://h/?"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        qst_conninfo *info;
        qst_err err;
        assert_status(read_and_check(texts[i], &info, &err), QST_OK, &err);
#ifdef QST_HAVE_LIBPQ
        PQconninfoOption *options = PQconninfoParse(texts[i], NULL);
        assert_non_null(options);
        for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
            const char *ours = qst_conninfo_get(info, o->keyword);
            assert_int_equal(ours == NULL, o->val == NULL);
            if (ours != NULL) {
                assert_string_equal(ours, o->val);
            }
        }
        PQconninfoFree(options);
#endif
        qst_conninfo_free(info);
    }
}

/* ---- What is refused, and in which words ---- */

typedef struct {
    const char *text, *words;
} refusal;

/* Each holds the secret or half of it where libpq would send or print it. */
static const refusal refusals[] = {
    {"postgresql:/alice:" SECRET "@localhost/study", "begins like a URI but is none"},
    {"postgresql:alice:" SECRET "@localhost/study?sslmode=prefer", "begins like a URI"},
    {"ostgresql://alice:" SECRET "@localhost/study", "no '=' after the word at character 1"},
    {"ostgresql://alice:" SECRET "@localhost/study?a=b", "not one of a connection"},
    {"postgresql://alice:QzX@q7@localhost/study", "'@' at character 26"},
    {"postgresql://alice:QzX/q7@localhost/study", "'@' at character 26"},
    {"postgresql://alice:QzXq7/localhost", "`port` must be a number"},
    {"postgresql://alice:QzXq7/a/b", "has one of / : = & #"},
    {"postgresql://alice;QzXq7@localhost", "the user of the URI has a character"},
    {"postgresql://alice:Qz Xq7@localhost", "a blank or a control character at character 22"},
    {"postgresql://alice:QzX%q7@localhost", "two hexadecimal digits"},
    {"postgresql://alice:QzX%00@localhost", "two hexadecimal digits"},
    {"postgresql://[QzXq7/x", "no IPv6 address"}, {"postgresql://[]/x", "no IPv6 address"},
    {"postgresql://[::1]QzX/x", "no IPv6 address"},
    {"postgresql://h/d?pasword=" SECRET, "`password` is the nearest"},
    {"postgresql://h/d?password=a&QzXq7", "is no keyword=value"},
    {"postgresql://h/d?user=alicepassword=" SECRET, "is no keyword=value"},
    {"postgresql://h/d?user=a%3Apassword=b", "is no keyword=value"},
    {"password=s3 QzXq7", "no '=' after the word at character 13"},
    {"password=s3 QzX=q7", "the keyword at character 13 is not one"},
    {"hots=" SECRET, "`host` is the nearest"}, {"=" SECRET, "not one of a connection"},
    {"password='s3'QzXq7", "there must be a blank"},
    {"password='" SECRET, "quote at character 10 is never closed"},
    {"password='" SECRET "\\", "never closed"}, {"user= password=" SECRET, "reads like a keyword"},
    {"application_name=password=" SECRET, "reads like a keyword"},
    {"user=alicepassword=" SECRET, "`user` has a control character or a password"},
    {"application_name='x PassWord = " SECRET "'", "a password in it"},
    {"user=alice:" SECRET, "`user` has a ':'"},
    {"password=a user=b password=" SECRET, "`password` is given twice"},
    {"host=alice:" SECRET "@localhost", "`host` has characters"},
    {"host=localhost:5432", "Give the port by itself"},
    {"host='" SECRET " x'", "`host` has characters"}, {"port=" SECRET, "`port` must be"},
    {"port=0", "from 1 to 65535"}, {"port=65536", "from 1 to 65535"},
    {"port=000001", "from 1 to 65535"}, {"dbname=postgresql://a:" SECRET "@h/x", "`dbname` holds"},
    {"dbname='host=h user=" SECRET "'", "`dbname` holds"},
    {"dbname=postgres:" SECRET, "`dbname` holds"}, {"hostaddr=" SECRET, "`hostaddr` must be"},
    {"connect_timeout=" SECRET, "must be a whole number"},
    {"connect_timeout=1234567890", "must be a whole number"},
    {"sslmode=" SECRET, "`sslmode` is none of the words"},
    {"gssencmode='" SECRET "'", "none of the words"}, {"client_encoding=latin1", "is always UTF8"},
    {"options='a\001'", "control character"}, {"requiressl=1", "not one of a connection"},
    {"sslkeylogfile=/x", "not one"}};

static void text_that_libpq_would_misread_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        qst_conninfo *info;
        qst_err err;
        assert_status(read_and_check(refusals[i].text, &info, &err), QST_EARGUMENT, &err);
        assert_text(&err, refusals[i].words);
        assert_null(strstr(err.text, "QzX"));
        assert_null(strstr(err.text, "q7"));
        qst_conninfo_free(info);
    }
}

static void other_encodings_of_utf8_are_named_alike(void **state)
{
    (void)state;
    qst_conninfo *info;
    qst_err err;
    assert_status(read_and_check("client_encoding=UTF-8", &info, &err), QST_OK, &err);
    qst_conninfo_free(info);
    assert_status(read_and_check("client_encoding=utf8", &info, &err), QST_OK, &err);
    qst_conninfo_free(info);
}

static void places_count_characters(void **state)
{
    (void)state;
    qst_conninfo *info;
    qst_err err;
    assert_status(read_and_check("user=\xC3\xA4 x", &info, &err), QST_EARGUMENT, &err);
    assert_text(&err, "at character 8");
    qst_conninfo_free(info);
}

/* ---- Settings one by one ---- */

static void later_settings_replace_and_defaults_do_not(void **state)
{
    (void)state;
    qst_conninfo *info;
    qst_err err;
    assert_status(read_and_check("host=a user=u", &info, &err), QST_OK, &err);
    assert_status(qst_conninfo_set(info, "host", "b", 1, &err), QST_OK, &err);
    assert_status(qst_conninfo_default(info, "host", "c", &err), QST_OK, &err);
    assert_status(qst_conninfo_default(info, "port", "6000", &err), QST_OK, &err);
    assert_status(qst_conninfo_default(info, "tty", "x", &err), QST_OK, &err);
    const char *keywords[QST_CONNINFO_MAX], *values[QST_CONNINFO_MAX];
    assert_int_equal(qst_conninfo_list(info, keywords, values), 3);
    assert_string_equal(keywords[0], "host");
    assert_string_equal(values[0], "b");
    assert_string_equal(qst_conninfo_get(info, "port"), "6000");
    assert_null(qst_conninfo_get(info, "tty"));
    assert_status(qst_conninfo_set(info, "pasword", SECRET, 2, &err), QST_EARGUMENT, &err);
    assert_text(&err, "at place 2 is not one of a connection; `password` is the nearest");
    assert_true(qst_conninfo_betrays(info, "x" SECRET));
    qst_conninfo_free(info);
}

/* ---- Hosts that are this machine ---- */

static bool is_local(const char *text)
{
    qst_conninfo *info;
    qst_err err;
    assert_status(read_and_check(text, &info, &err), QST_OK, &err);
    const bool local = qst_conninfo_is_local(info);
    qst_conninfo_free(info);
    return local;
}

static void this_machine_is_known(void **state)
{
    (void)state;
    static const char *const here[] = {"", "host=/tmp", "host=localhost", "host=LocalHost",
        "host=127.0.0.1", "host=127.255.3.4", "host=::1", "host=localhost,/tmp,",
        "host=db.example.org hostaddr=127.0.0.1", "postgresql://[::1]/x"};
    static const char *const elsewhere[] = {"host=db.example.org", "host=127.example.org",
        "host=127.0.0.1.example.org", "host=localhost.example.org", "host=10.0.0.1",
        "host=localhost,db.example.org", "host=localhost hostaddr=10.0.0.1",
        "host=a,b hostaddr=127.0.0.1,", "host=/tmp hostaddr=,10.0.0.1", "hostaddr=::2"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        assert_true(is_local(here[i]));
    }
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        assert_false(is_local(elsewhere[i]));
    }
}

static qst_status secured(const char *text, bool accept, char *mode_out, qst_err *err)
{
    qst_conninfo *info;
    assert_status(read_and_check(text, &info, err), QST_OK, err);
    const qst_status status = qst_conninfo_secure(info, accept, err);
    const char *mode = qst_conninfo_get(info, "sslmode");
    snprintf(mode_out, 20, "%s", mode != NULL ? mode : "unset");
    qst_conninfo_free(info);
    return status;
}

static void certificates_are_checked_where_the_host_is_far(void **state)
{
    (void)state;
    char mode[20];
    qst_err err;
    assert_status(secured("host=localhost", false, mode, &err), QST_OK, &err);
    assert_string_equal(mode, "unset");
    assert_status(secured("host=localhost sslmode=disable", false, mode, &err), QST_OK, &err);
    assert_status(secured("host=db.example.org", false, mode, &err), QST_OK, &err);
    assert_string_equal(mode, "verify-full");
    assert_status(secured("host=db sslmode=''", false, mode, &err), QST_OK, &err);
    assert_string_equal(mode, "verify-full");
    assert_status(secured("host=db sslmode=verify-full", true, mode, &err), QST_OK, &err);
    assert_status(secured("host=db sslmode=verify-ca", false, mode, &err), QST_EARGUMENT, &err);
    assert_text(&err, "sslmode=verify-ca does not make sure who the server is");
    assert_text(&err, "certificate = \"do not verify\"");
    assert_status(secured("host=db sslmode=disable", true, mode, &err), QST_OK, &err);
    assert_string_equal(mode, "disable");
    assert_status(secured("host=db", true, mode, &err), QST_OK, &err);
    assert_string_equal(mode, "require");
}

/* ---- Secrets in texts ---- */

static void scrubbed(const char *conninfo, const char *text, const char *want)
{
    qst_conninfo *info;
    qst_err err;
    char message[200];
    snprintf(message, sizeof message, "%s", text);
    assert_status(read_and_check(conninfo, &info, &err), QST_OK, &err);
    qst_conninfo_scrub(info, message);
    assert_string_equal(message, want);
    qst_conninfo_free(info);
}

static void secrets_are_covered(void **state)
{
    (void)state;
    scrubbed("password=" SECRET, SECRET " and \"" SECRET "\"" SECRET, "*** and \"***\"***");
    scrubbed("postgresql://a:p%40ss@h", "p@ss p%40ss", "*** ***");
    scrubbed("password='a\\'bc'", "a'bc a\\'bc", "*** ***");
    scrubbed("password=a", "a password \"a\" of Anna-a", "* password \"*\" of Anna-*");
    scrubbed("password=abc sslpassword=" SECRET, "abcd abc " SECRET, "abcd *** ***");
    scrubbed("password=" SECRET "9 sslpassword=" SECRET, SECRET "9 " SECRET, "*** ***");
    scrubbed("password=" SECRET " sslpassword=" SECRET "9", SECRET "9 " SECRET, "*** ***");
    scrubbed("password='' user=alice", "alice", "alice");
}

static void pieces_of_secrets_are_known(void **state)
{
    (void)state;
    qst_conninfo *info;
    qst_err err;
    assert_status(read_and_check("user=alice password=" SECRET, &info, &err), QST_OK, &err);
    assert_true(qst_conninfo_betrays(info, "a " SECRET " b"));
    assert_true(qst_conninfo_betrays(info, "zXq"));
    assert_false(qst_conninfo_betrays(info, "zX"));
    assert_false(qst_conninfo_betrays(info, "alice"));
    qst_conninfo_free(info);
    assert_status(read_and_check("user=alice passwords3", &info, &err), QST_EARGUMENT, &err);
    assert_true(qst_conninfo_betrays(info, "alice"));
    qst_conninfo_free(info);
}

/* ---- Memory ---- */

static qst_status read_with_memory(const qst_ctx *ctx, void *data, qst_err *err)
{
    qst_conninfo *info;
    qst_status status = qst_conninfo_new(ctx, &info, err);
    if (status == QST_OK) {
        status = qst_conninfo_read(info, data, err);
    }
    if (status == QST_OK) {
        status = qst_conninfo_set(info, "user", "bob", 1, err);
    }
    qst_conninfo_free(info);
    return status;
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    char words[] = "host=h password='" SECRET "' port=1";
    char uri[] = "postgresql://alice:" SECRET "@h:1/d?sslmode=disable";
    assert_true(assert_survives_no_memory(read_with_memory, words) >= 6);
    assert_true(assert_survives_no_memory(read_with_memory, uri) >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_text_means_what_libpq_reads),
        cmocka_unit_test(text_that_libpq_would_misread_is_refused),
        cmocka_unit_test(other_encodings_of_utf8_are_named_alike),
        cmocka_unit_test(places_count_characters),
        cmocka_unit_test(later_settings_replace_and_defaults_do_not),
        cmocka_unit_test(this_machine_is_known),
        cmocka_unit_test(certificates_are_checked_where_the_host_is_far),
        cmocka_unit_test(secrets_are_covered),
        cmocka_unit_test(pieces_of_secrets_are_known),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests_name("pg_conninfo", tests, NULL, NULL);
}
