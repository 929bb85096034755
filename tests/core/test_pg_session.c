/* Sessions as far as they need no server: refused, silent, without memory, stopped. What a real
 * server does is tested in tests/testthat/test-pg-*.R. */
#define _POSIX_C_SOURCE 200809L

#include "pg/conninfo.h"
#include "pg/pg.h"
#include "qst_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A folder with a socket that takes calls and says nothing, or with none at all. */
typedef struct {
    char folder[64], timeout[8];
    int listener;
} place;

static place make_place(bool listens, const char *timeout_s)
{
    place p = {.listener = -1};
    snprintf(p.folder, sizeof p.folder, "/tmp/qst_pg_XXXXXX");
    snprintf(p.timeout, sizeof p.timeout, "%s", timeout_s);
    assert_non_null(mkdtemp(p.folder));
    if (listens) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", p.folder);
        p.listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(p.listener, (const struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(p.listener, 64), 0);
    }
    return p;
}

static void remove_place(place *p)
{
    char path[128];
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432", p->folder);
    if (p->listener >= 0) {
        close(p->listener);
        unlink(path);
    }
    rmdir(p->folder);
}

static qst_status set_all(qst_conninfo *info, const place *p, qst_err *err)
{
    const char *const keywords[] = {"host", "port", "user", "dbname", "connect_timeout"};
    const char *const values[] = {p->folder, "5432", "nobody", "nothing", p->timeout};
    qst_status status = QST_OK;
    for (int k = 0; k < 5 && status == QST_OK; k++) {
        status = qst_conninfo_set(info, keywords[k], values[k], k, err);
    }
    return status;
}

static qst_status open_at(const qst_ctx *ctx, const place *p, qst_err *err)
{
    qst_conninfo *info;
    qst_pg *pg = NULL;
    qst_status status = qst_conninfo_new(ctx, &info, err);
    if (status != QST_OK) {
        return status;
    }
    status = set_all(info, p, err);
    if (status == QST_OK) {
        status = qst_pg_open(ctx, info, &pg, err);
    }
    assert_null(pg);
    qst_conninfo_free(info);
    return status;
}

static qst_status open_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    return open_at(ctx, data, err);
}

static void no_server_is_an_error_with_its_words(void **state)
{
    (void)state;
    place p = make_place(false, "10");
    qst_err err;
    qst_err_init(&err);
    assert_status(open_at(NULL, &p, &err), QST_ECONNECTION, &err);
    assert_text(&err, "No such file");
    remove_place(&p);
}

static void a_silent_server_is_given_up(void **state)
{
    (void)state;
    place p = make_place(true, "1");
    qst_err err;
    qst_err_init(&err);
    assert_status(open_at(NULL, &p, &err), QST_ECONNECTION, &err);
    assert_text(&err, "no answer from the server within 1 s");
    remove_place(&p);
}

static void opening_can_be_stopped(void **state)
{
    (void)state;
    place p = make_place(true, "10");
    assert_cancels(open_entry, &p, 1);
    remove_place(&p);
}

/* Memory of our own only: libpq asks the system. Each request fails in turn, until the last
 * failure is that there is no server. */
static void opening_survives_the_end_of_memory(void **state)
{
    (void)state;
    place p = make_place(false, "10");
    qst_status status = QST_ENOMEM;
    long n_failed = 0;
    while (status == QST_ENOMEM) {
        test_memory memory = {.fail_at = ++n_failed};
        const qst_ctx ctx = test_ctx(&memory, 1);
        qst_err err;
        qst_err_init(&err);
        status = open_at(&ctx, &p, &err);
        assert_int_equal(memory.n_live, 0);
    }
    assert_int_equal(status, QST_ECONNECTION);
    assert_true(n_failed > 3);
    remove_place(&p);
}

static qst_status no_rows_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_pg_rule rules[] = {{.format = QST_PG_INT4}, {.format = QST_PG_TEXT}};
    qst_pg_rows *rows;
    (void)data;
    qst_status status = qst_pg_rows_none(ctx, rules, 2, &rows, err);
    if (status == QST_OK) {
        assert_true(qst_pg_rows_at_end(rows));
        status = qst_pg_fetch(ctx, rows, -1, err);
    }
    for (ptrdiff_t j = 0; status == QST_OK && j < qst_pg_rows_n_columns(rows); j++) {
        assert_int_equal(qst_pg_column_rows(qst_pg_rows_column(rows, j)), 0);
    }
    qst_pg_rows_free(rows);
    return status;
}

static void rows_of_no_session_have_columns_and_no_rows(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    assert_status(no_rows_entry(NULL, NULL, &err), QST_OK, &err);
    assert_true(assert_survives_no_memory(no_rows_entry, NULL) >= 3);
}

static qst_status defaults_entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    qst_conninfo *info;
    (void)data;
    qst_status status = qst_conninfo_new(ctx, &info, err);
    if (status != QST_OK) {
        return status;
    }
    status = qst_conninfo_set(info, "user", "given", 0, err);
    if (status == QST_OK) {
        status = qst_pg_defaults(info, err);
    }
    if (status == QST_OK) {
        assert_string_equal(qst_conninfo_get(info, "host"), "db.example.org");
        assert_string_equal(qst_conninfo_get(info, "user"), "given");
    }
    qst_conninfo_free(info);
    return status;
}

static void the_environment_says_what_was_not_given(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    assert_true(qst_pg_version() >= 100000);
    setenv("PGHOST", "db.example.org", 1);
    setenv("PGUSER", "other", 1);
    assert_status(defaults_entry(NULL, NULL, &err), QST_OK, &err);
    assert_true(assert_survives_no_memory(defaults_entry, NULL) >= 3);
    unsetenv("PGHOST");
    unsetenv("PGUSER");
}

static void nothing_is_freed_as_nothing(void **state)
{
    (void)state;
    qst_pg_close(NULL);
    qst_pg_rows_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_server_is_an_error_with_its_words),
        cmocka_unit_test(a_silent_server_is_given_up),
        cmocka_unit_test(opening_can_be_stopped),
        cmocka_unit_test(opening_survives_the_end_of_memory),
        cmocka_unit_test(rows_of_no_session_have_columns_and_no_rows),
        cmocka_unit_test(the_environment_says_what_was_not_given),
        cmocka_unit_test(nothing_is_freed_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
