#include "base/base.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

static void every_status_has_kind_and_text(void **state)
{
    (void)state;
    for (int s = 0; s < QST_N_STATUS; s++) {
        assert_true(strlen(qst_status_kind((qst_status)s)) > 0);
        assert_true(strlen(qst_status_text((qst_status)s)) > 0);
        for (int other = 0; other < s; other++) {
            assert_string_not_equal(
                qst_status_kind((qst_status)s), qst_status_kind((qst_status)other));
        }
    }
    assert_string_equal(qst_status_kind(QST_ERANGE), "range");
    assert_string_equal(qst_status_kind((qst_status)-1), "unknown");
    assert_string_equal(qst_status_text((qst_status)QST_N_STATUS), "unknown");
}

static void a_fresh_error_says_nothing(void **state)
{
    (void)state;
    qst_err err;
    memset(&err, 0xFF, sizeof err);
    qst_err_init(&err);
    assert_int_equal(err.status, QST_OK);
    assert_int_equal(err.row, -1);
    assert_int_equal(err.column, -1);
    assert_int_equal(err.iteration, -1);
    assert_true(isnan(err.value));
    assert_string_equal(err.text, "");
    qst_err_init(NULL);
}

static void the_first_error_wins(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    const qst_status first = qst__fail_at(&err, QST_ERANGE, 3, 1, 9.0, "value %d", 9);
    const qst_status second = qst__fail(&err, QST_ENOMEM, "later");
    assert_int_equal(first, QST_ERANGE);
    assert_int_equal(second, QST_ERANGE);
    assert_int_equal(err.row, 3);
    assert_int_equal(err.column, 1);
    assert_close(err.value, 9.0, 0, 0);
    assert_string_equal(err.text, "value 9");
}

static void no_error_struct_is_needed(void **state)
{
    (void)state;
    assert_int_equal(qst__fail(NULL, QST_ENODATA, "unseen"), QST_ENODATA);
    const qst_err from = {.status = QST_ESINGULAR};
    assert_int_equal(qst__pass_on(NULL, &from), QST_ESINGULAR);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char word[2000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    qst_err err;
    qst_err_init(&err);
    qst__fail(&err, QST_EARGUMENT, "%s", word);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void errors_are_passed_on_whole(void **state)
{
    (void)state;
    qst_err from, to;
    qst_err_init(&from);
    qst_err_init(&to);
    qst__fail_at(&from, QST_ERANGE, 5, 6, 7.0, "there");
    from.iteration = 8;
    assert_int_equal(qst__pass_on(&to, &from), QST_ERANGE);
    assert_memory_equal(&to, &from, sizeof to);
    qst_err_init(&from);
    qst__fail(&from, QST_ENODATA, "late");
    assert_int_equal(qst__pass_on(&to, &from), QST_ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_kind_and_text),
        cmocka_unit_test(a_fresh_error_says_nothing),
        cmocka_unit_test(the_first_error_wins),
        cmocka_unit_test(no_error_struct_is_needed),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(errors_are_passed_on_whole),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
