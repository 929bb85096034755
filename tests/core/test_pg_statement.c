/* Statements and their rows as far as a server of written answers goes: refusals, broken and lying
 * answers, the end of memory, a forked process. */
#define _POSIX_C_SOURCE 200809L

#include "pg_script.h"

/* One int4 column named x: of a table's none, in text (0) or binary (1). */
#define ONE_FIELD(oid, format) "\0\1x\0\0\0\0\0\0\0\0\0\0" oid "\0\4\377\377\377\377\0" format
#define READY(answer) ANSWER(answer, 'Z', "I")

static void answer_failure(script_answer *answer, const char *severity, const char *sqlstate)
{
    char body[64];
    const int n = snprintf(
        body, sizeof body, "S%s%cV%s%cC%s%cMwords%c", severity, 0, severity, 0, sqlstate, 0, 0);
    answer_add(answer, 'E', body, (size_t)n + 1);
}

/* A server that can prepare a statement of one int4 column, and gives three rows of it. */
static script *rows_script(void)
{
    script *s = script_new();
    script_answer *prepared = &s->answers['P'], *described = &s->answers['D'],
                  *rows = &s->answers['B'];
    ANSWER(prepared, '1', "");
    READY(prepared);
    ANSWER(described, 't', "\0\0");
    ANSWER(described, 'T', ONE_FIELD("\27", "\0"));
    READY(described);
    ANSWER(rows, '2', "");
    ANSWER(rows, 'T', ONE_FIELD("\27", "\1"));
    for (int k = 0; k < 3; k++) {
        ANSWER(rows, 'D', "\0\1\0\0\0\4\0\0\0\52");
    }
    ANSWER(rows, 'C', "SELECT 3\0");
    READY(rows);
    return s;
}

static const qst_pg_rule one_rule[] = {{.format = QST_PG_INT4}};

static qst_pg *prepared_session(script *s)
{
    qst_pg *pg = script_open(s);
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_prepare(NULL, pg, "SELECT x", &err), QST_OK, &err);
    assert_int_equal(qst_pg_n_fields(pg), 1);
    assert_int_equal(qst_pg_n_params(pg), 0);
    assert_string_equal(qst_pg_field_at(pg, 0).name, "x");
    assert_int_equal(qst_pg_field_at(pg, 0).oid, 23);
    return pg;
}

static qst_status read_all(const qst_ctx *ctx, void *data, qst_err *err)
{
    qst_pg_rows *rows;
    qst_status status = qst_pg_start(ctx, data, NULL, one_rule, 1, &rows, err);
    if (status == QST_OK) {
        status = qst_pg_fetch(ctx, rows, -1, err);
    }
    if (status == QST_OK) {
        int32_t values[3];
        assert_int_equal(qst_pg_rows_fetched(rows), 3);
        assert_int_equal(qst_pg_rows_touched(rows), 3);
        qst_pg_column_take(qst_pg_rows_column(rows, 0), values);
        assert_int_equal(values[2], 42);
    }
    qst_pg_rows_free(rows);
    return status;
}

static void a_statement_says_how_many_rows_it_touched(void **state)
{
    (void)state;
    script *s = script_new();
    int64_t n_rows;
    qst_err err;
    qst_err_init(&err);
    ANSWER(&s->answers['Q'], 'C', "UPDATE 3\0");
    READY(&s->answers['Q']);
    qst_pg *pg = script_open(s);
    assert_status(qst_pg_run(NULL, pg, "UPDATE t", NULL, &n_rows, &err), QST_OK, &err);
    assert_int_equal(n_rows, 3);
    const qst_pg_params too_many = {NULL, 65536};
    assert_status(qst_pg_run(NULL, pg, "UPDATE t", &too_many, &n_rows, &err), QST_EARGUMENT, &err);
    assert_text(&err, "65536 parameters");
    assert_int_equal(script_end(s, pg), 0);
}

static void a_refusal_has_its_sqlstate_and_a_fatal_one_ends_the_session(void **state)
{
    (void)state;
    const char *const severities[] = {"ERROR", "FATAL"};
    for (int k = 0; k < 2; k++) {
        const bool is_fatal = k == 1;
        script *s = script_new();
        int64_t n_rows;
        qst_err err;
        qst_err_init(&err);
        answer_failure(&s->answers['Q'], severities[k], "42P01");
        READY(&s->answers['Q']);
        qst_pg *pg = script_open(s);
        assert_status(qst_pg_run(NULL, pg, "SELECT", NULL, &n_rows, &err),
            is_fatal ? QST_ECONNECTION : QST_ESERVER, &err);
        assert_text(&err, "words");
        assert_string_equal(qst_pg_last_failure(pg)->sqlstate, "42P01");
        assert_int_equal(qst_pg_is_usable(pg), !is_fatal);
        if (is_fatal) {
            qst_err_init(&err);
            assert_status(qst_pg_prepare(NULL, pg, "SELECT", &err), QST_ECONNECTION, &err);
            assert_text(&err, "The session was lost");
        }
        assert_int_equal(script_end(s, pg), 0);
    }
}

static void rows_come_and_memory_may_end_anywhere(void **state)
{
    (void)state;
    script *s = rows_script();
    qst_pg *pg = prepared_session(s);
    qst_err err;
    qst_err_init(&err);
    assert_status(read_all(NULL, pg, &err), QST_OK, &err);
    assert_true(assert_survives_no_memory(read_all, pg) >= 3);
    assert_true(qst_pg_is_usable(pg));
    (void)script_end(s, pg);
}

static void rules_must_be_those_of_the_columns(void **state)
{
    (void)state;
    script *s = rows_script();
    qst_pg *pg = prepared_session(s);
    const qst_pg_rule rules[] = {{.format = QST_PG_INT4}, {.format = QST_PG_INT4}};
    qst_pg_rows *rows;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_start(NULL, pg, NULL, rules, 2, &rows, &err), QST_EDIMENSION, &err);
    assert_text(&err, "2 rules for the 1 columns");
    assert_null(rows);
    assert_int_equal(script_end(s, pg), 0);
}

static void a_column_that_changes_its_type_is_refused(void **state)
{
    (void)state;
    script *s = rows_script();
    script_answer *rows = &s->answers['B'];
    rows->n = 0;
    ANSWER(rows, '2', "");
    ANSWER(rows, 'T', ONE_FIELD("\31", "\1"));
    ANSWER(rows, 'D', "\0\1\0\0\0\4\0\0\0\52");
    ANSWER(rows, 'C', "SELECT 1\0");
    READY(rows);
    qst_pg *pg = prepared_session(s);
    qst_err err;
    qst_err_init(&err);
    assert_status(read_all(NULL, pg, &err), QST_EPROTOCOL, &err);
    assert_text(&err, "another type");
    assert_true(qst_pg_is_usable(pg));
    assert_int_equal(script_end(s, pg), 1);
}

static void a_copy_of_other_columns_is_refused(void **state)
{
    (void)state;
    script *s = rows_script();
    ANSWER(&s->answers['Q'], 'H', "\1\0\2\0\1\0\1");
    ANSWER(&s->answers['Q'], 'c', "");
    ANSWER(&s->answers['Q'], 'C', "COPY 0\0");
    READY(&s->answers['Q']);
    qst_pg *pg = prepared_session(s);
    qst_pg_rows *rows;
    qst_err err;
    qst_err_init(&err);
    assert_status(
        qst_pg_start_copy(NULL, pg, "COPY", one_rule, 1, &rows, &err), QST_EPROTOCOL, &err);
    assert_text(&err, "other columns than announced");
    assert_true(qst_pg_is_usable(pg));
    assert_int_equal(script_end(s, pg), 1);
}

static void bytes_that_are_no_message_cost_the_session(void **state)
{
    (void)state;
    const unsigned char lengths[] = {0, 3};
    for (size_t k = 0; k < sizeof lengths; k++) {
        script *s = script_new();
        script_answer *answer = &s->answers['Q'];
        int64_t n_rows;
        qst_err err;
        qst_err_init(&err);
        ANSWER(answer, 'H', "\1\0\1\0\1");
        ANSWER(answer, 'd', "abc");
        answer->bytes[answer->n - 4] = lengths[k];
        qst_pg *pg = script_open(s);
        assert_status(qst_pg_run(NULL, pg, "COPY", NULL, &n_rows, &err), QST_ECONNECTION, &err);
        assert_text(&err, "lost synchronization");
        assert_false(qst_pg_is_usable(pg));
        assert_int_equal(script_end(s, pg), 0);
    }
}

/* A COPY cannot be run as a statement: what it sends is drained, and the session goes on. */
static void a_copy_run_as_a_statement_is_drained(void **state)
{
    (void)state;
    script *s = script_new();
    script_answer *answer = &s->answers['Q'];
    int64_t n_rows;
    qst_err err;
    qst_err_init(&err);
    ANSWER(answer, 'H', "\1\0\1\0\1");
    ANSWER(answer, 'd', "abc");
    ANSWER(answer, 'c', "");
    ANSWER(answer, 'C', "COPY 1\0");
    READY(answer);
    qst_pg *pg = script_open(s);
    assert_status(qst_pg_run(NULL, pg, "COPY", NULL, &n_rows, &err), QST_EARGUMENT, &err);
    assert_text(&err, "cannot be run as a statement");
    assert_true(qst_pg_is_usable(pg));
    assert_int_equal(script_end(s, pg), 1);
}

typedef struct {
    qst_pg *pg;
    qst_pg_rows *rows;
} reading;

/* And what ends all of it does nothing to the server. */
static bool refuses_to_fetch(void *data)
{
    const reading *r = data;
    qst_err err;
    qst_err_init(&err);
    const qst_status status = qst_pg_fetch(NULL, r->rows, -1, &err);
    qst_pg_settle(r->pg);
    qst_pg_rows_free(r->rows);
    qst_pg_close(r->pg);
    return status == QST_ECONNECTION && strstr(err.text, "forked") != NULL;
}

static void a_forked_process_reads_none_of_the_rows(void **state)
{
    (void)state;
    script *s = rows_script();
    qst_pg *pg = prepared_session(s);
    qst_pg_rows *rows;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_start(NULL, pg, NULL, one_rule, 1, &rows, &err), QST_OK, &err);
    reading r = {pg, rows};
    assert_true(forked_says(refuses_to_fetch, &r));
    assert_status(qst_pg_fetch(NULL, rows, -1, &err), QST_OK, &err);
    assert_int_equal(qst_pg_rows_fetched(rows), 3);
    qst_pg_rows_free(rows);
    assert_int_equal(script_end(s, pg), 0);
}

static void rows_left_unread_are_cancelled_when_the_session_is_settled(void **state)
{
    (void)state;
    script *s = rows_script();
    qst_pg *pg = prepared_session(s);
    qst_pg_rows *rows;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_pg_start(NULL, pg, NULL, one_rule, 1, &rows, &err), QST_OK, &err);
    assert_int_equal(qst_pg_describe(pg).transaction, 'A');
    qst_pg_rows_free(rows);
    qst_pg_settle(pg);
    assert_int_equal(qst_pg_describe(pg).transaction, 'I');
    assert_status(read_all(NULL, pg, &err), QST_OK, &err);
    assert_int_equal(script_end(s, pg), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_statement_says_how_many_rows_it_touched),
        cmocka_unit_test(a_refusal_has_its_sqlstate_and_a_fatal_one_ends_the_session),
        cmocka_unit_test(rows_come_and_memory_may_end_anywhere),
        cmocka_unit_test(rules_must_be_those_of_the_columns),
        cmocka_unit_test(a_column_that_changes_its_type_is_refused),
        cmocka_unit_test(a_copy_of_other_columns_is_refused),
        cmocka_unit_test(bytes_that_are_no_message_cost_the_session),
        cmocka_unit_test(a_copy_run_as_a_statement_is_drained),
        cmocka_unit_test(a_forked_process_reads_none_of_the_rows),
        cmocka_unit_test(rows_left_unread_are_cancelled_when_the_session_is_settled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
