#include "pg_case.h"

#include <stdio.h>
#include <stdlib.h>

static void assert_utf8(const char *text, ptrdiff_t n_bytes, bool is_good)
{
    qst_pg_column *column = column_of(QST_PG_TEXT);
    if (is_good) {
        add_bytes(column, text, n_bytes);
    } else {
        assert_refused(column, text, n_bytes, QST_EPROTOCOL, "of a text");
    }
    qst_pg_column_free(column);
}

static void test_texts_are_kept_once(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_TEXT);
    int32_t got[6];
    add_string(column, "b");
    add_string(column, "");
    add_missing(column);
    add_string(column, "b");
    add_string(column, "a");
    add_string(column, "");
    assert_int_equal(qst_pg_column_n_texts(column), 3);
    qst_pg_column_take(column, got);
    assert_memory_equal(got, ((int32_t[]){0, 1, QST_NA_INT, 0, 2, 1}), sizeof got);
    add_string(column, "a"); /* codes go on after rows were taken */
    qst_pg_column_take(column, got);
    assert_int_equal(got[0], 2);
    qst_pg_column_free(column);
}

static size_t text_of(int i, char text[40])
{
    return (size_t)snprintf(text, 40, i % 3 == 0 ? "%d" : "a longer text, number %d", i);
}

/* Each length of text has its own way through the hash; the table grows many times. */
static void test_many_texts(void **state)
{
    (void)state;
    enum { N = 20000 };
    qst_pg_column *column = column_of(QST_PG_TEXT);
    int32_t *got = malloc(2 * N * sizeof *got);
    char text[40];
    for (int i = 0; i < 2 * N; i++) {
        const size_t n_bytes = text_of(i % N, text);
        add_bytes(column, text, (ptrdiff_t)n_bytes);
    }
    assert_int_equal(qst_pg_column_n_texts(column), N);
    qst_pg_column_take(column, got);
    for (int i = 0; i < 2 * N; i++) {
        ptrdiff_t n_kept;
        const size_t n_bytes = text_of(i % N, text);
        const char *kept = qst_pg_column_text(column, got[i], &n_kept);
        assert_int_equal(got[i], i % N);
        assert_int_equal(n_kept, n_bytes);
        assert_memory_equal(kept, text, n_bytes);
    }
    free(got);
    qst_pg_column_free(column);
}

static void test_lengths(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_TEXT);
    char text[3000];
    memset(text, 'x', sizeof text);
    for (ptrdiff_t n = 0; n < 3000; n += n < 40 ? 1 : 37) {
        const ptrdiff_t n_texts = qst_pg_column_n_texts(column);
        add_bytes(column, text, n);
        assert_int_equal(qst_pg_column_n_texts(column), n_texts + 1);
        if (n > 0) {
            text[n - 1] = 'y'; /* the last byte counts too */
            add_bytes(column, text, n);
            assert_int_equal(qst_pg_column_n_texts(column), n_texts + 2);
            text[n - 1] = 'x';
        }
    }
    qst_pg_column_free(column);
}

/* The borders of Unicode's table 3-7. */
static void test_good_utf8(void **state)
{
    (void)state;
    const char *const good[] = {"\x01", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
        "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
        "1234567\xc3\xbc-2345678", "\xe6\xbc\xa2\xe5\xad\x97"};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        assert_utf8(good[k], (ptrdiff_t)strlen(good[k]), true);
    }
}

static void test_bad_utf8(void **state)
{
    (void)state;
    const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x7f",
        "\xc2\xc0", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe1\x80", "\xe1\x80\xc0", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf1\x80\x80", "\xf1\x80\x80\x7f", "\xff",
        "12345678\xff", "1234567\xc3"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_utf8(bad[k], (ptrdiff_t)strlen(bad[k]), false);
    }
    assert_utf8("\0", 1, false);
    assert_utf8("1234567\0", 8, false);
    assert_utf8("12345678\0abcdefg", 16, false);
}

/* Every pair of bytes, held to a decoder that is written from the definition. */
static void test_all_pairs(void **state)
{
    (void)state;
    for (int first = 1; first < 256; first++) {
        for (int second = 1; second < 256; second++) {
            const char text[] = {(char)first, (char)second};
            const bool is_ascii = first < 0x80 && second < 0x80;
            const bool is_two = first >= 0xc2 && first < 0xe0 && (second & 0xc0) == 0x80;
            assert_utf8(text, 2, is_ascii || is_two);
        }
    }
}

static void test_a_fault_is_named(void **state)
{
    (void)state;
    qst_pg_column *column = column_of(QST_PG_TEXT);
    add_string(column, "fine");
    assert_refused(column, "abc\xff", 4, QST_EPROTOCOL, "byte 4 of a text, 0xff, is not valid");
    assert_refused(column, "a\0b", 3, QST_EPROTOCOL, "byte 2 of a text, 0x00, is NUL");
    assert_strings(column, (const char *const[]){"fine"}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_kept_once),
        cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_good_utf8),
        cmocka_unit_test(test_bad_utf8),
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_a_fault_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
