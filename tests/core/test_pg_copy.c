/* Rows to a server of written answers: refusals, what is no COPY, a session that is gone, the end
 * of memory, a forked process. */
#define _POSIX_C_SOURCE 200809L

#include "pg/copy.h"
#include "pg_script.h"

static const int32_t numbers[] = {1, QST_NA_INT, 3};

static qst_pg_encoded one_column(void)
{
    return (qst_pg_encoded){
        {.source = QST_PG_FROM_INT, .data = numbers, .n = 3}, {.format = QST_PG_INT4, .limit = -1}};
}

/* A server that takes rows and says there were three. */
static script *copy_script(void)
{
    script *s = script_new();
    ANSWER(&s->answers['Q'], 'G', "\1\0\1\0\1");
    return s;
}

static qst_status copy_all(const qst_ctx *ctx, void *data, qst_err *err)
{
    const qst_pg_encoded column = one_column();
    qst_status status = qst_pg_copy_begin(ctx, data, "COPY t FROM STDIN", err);
    return status == QST_OK ? qst_pg_copy_rows(ctx, data, &column, 1, 3, err) : status;
}

static void the_server_counts_the_rows(void **state)
{
    (void)state;
    script *s = copy_script();
    int64_t n_rows;
    qst_err err;
    qst_err_init(&err);
    ANSWER(&s->answers['c'], 'C', "COPY 3\0");
    ANSWER(&s->answers['c'], 'Z', "I");
    qst_pg *pg = script_open(s);
    assert_status(copy_all(NULL, pg, &err), QST_OK, &err);
    assert_status(qst_pg_copy_end(NULL, pg, &n_rows, &err), QST_OK, &err);
    assert_int_equal(n_rows, 3);
    assert_int_equal(script_end(s, pg), 0);
}

static void what_is_no_copy_is_refused(void **state)
{
    (void)state;
    script *s = script_new();
    qst_err err;
    qst_err_init(&err);
    ANSWER(&s->answers['Q'], 'C', "SELECT 1\0");
    ANSWER(&s->answers['Q'], 'Z', "I");
    qst_pg *pg = script_open(s);
    assert_status(qst_pg_copy_begin(NULL, pg, "SELECT 1", &err), QST_EARGUMENT, &err);
    assert_text(&err, "not a COPY FROM STDIN");
    assert_true(qst_pg_is_usable(pg));
    assert_int_equal(script_end(s, pg), 0);
}

static void a_refused_copy_says_why(void **state)
{
    (void)state;
    script *s = script_new();
    qst_err err;
    qst_err_init(&err);
    ANSWER(&s->answers['Q'], 'E', "SERROR\0VERROR\0C42501\0Mnot yours\0\0");
    ANSWER(&s->answers['Q'], 'Z', "I");
    qst_pg *pg = script_open(s);
    assert_status(qst_pg_copy_begin(NULL, pg, "COPY t FROM STDIN", &err), QST_ESERVER, &err);
    assert_text(&err, "not yours");
    assert_string_equal(qst_pg_last_failure(pg)->sqlstate, "42501");
    assert_int_equal(script_end(s, pg), 0);
}

/* Each request for memory fails in turn; the COPY is ended in vain before the next statement. */
static void memory_may_end_while_rows_are_sent(void **state)
{
    (void)state;
    script *s = copy_script();
    ANSWER(&s->answers['f'], 'E', "SERROR\0VERROR\0C57014\0Mstopped\0\0");
    ANSWER(&s->answers['f'], 'Z', "I");
    qst_pg *pg = script_open(s);
    qst_status status = QST_ENOMEM;
    long n_failed = 0;
    while (status == QST_ENOMEM) {
        test_memory memory = {.fail_at = ++n_failed};
        const qst_ctx ctx = test_ctx(&memory, 1);
        qst_err err;
        qst_err_init(&err);
        status = copy_all(&ctx, pg, &err);
        assert_int_equal(memory.n_live, 0);
        qst_pg_settle(pg);
        assert_true(qst_pg_is_usable(pg));
    }
    assert_int_equal(status, QST_OK);
    assert_true(n_failed > 1);
    (void)script_end(s, pg);
}

static bool refuses_to_send(void *pg)
{
    int64_t n_rows;
    const qst_pg_encoded column = one_column();
    return qst_pg_copy_rows(NULL, pg, &column, 1, 3, NULL) == QST_ECONNECTION &&
           qst_pg_copy_end(NULL, pg, &n_rows, NULL) == QST_ECONNECTION;
}

static void a_forked_process_sends_nothing(void **state)
{
    (void)state;
    script *s = copy_script();
    qst_err err;
    qst_err_init(&err);
    qst_pg *pg = script_open(s);
    assert_status(qst_pg_copy_begin(NULL, pg, "COPY t FROM STDIN", &err), QST_OK, &err);
    assert_true(forked_says(refuses_to_send, pg));
    (void)script_end(s, pg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_counts_the_rows),
        cmocka_unit_test(what_is_no_copy_is_refused),
        cmocka_unit_test(a_refused_copy_says_why),
        cmocka_unit_test(memory_may_end_while_rows_are_sent),
        cmocka_unit_test(a_forked_process_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
