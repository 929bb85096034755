#include "pg_case.h"

#include <stdio.h>
#include <stdlib.h>

enum { LARGEST = 4096 };

/* ---- A decimal text as the server sends it ---- */

/* "-123.45": digits before the point in groups of four that end at it, those after it in groups
 * that begin there; zeros at the ends are not sent. */
static ptrdiff_t wire_of(const char *text, unsigned char *bytes)
{
    const bool is_negative = text[0] == '-';
    text += is_negative;
    const char *point = strchr(text, '.');
    const int n_before = (int)(point == NULL ? strlen(text) : (size_t)(point - text));
    const int scale = point == NULL ? 0 : (int)strlen(point + 1);
    const int n_groups_before = (n_before + 3) / 4;
    int groups[LARGEST] = {0};
    for (int i = 0; i < n_before; i++) {
        const int place = i + 4 * n_groups_before - n_before;
        groups[place / 4] = 10 * groups[place / 4] + (text[i] - '0');
    }
    int n_groups = n_groups_before + (scale + 3) / 4;
    for (int i = 0; i < 4 * ((scale + 3) / 4); i++) {
        int *group = &groups[n_groups_before + i / 4];
        *group = 10 * *group + (i < scale ? point[1 + i] - '0' : 0);
    }
    int first = 0;
    while (first < n_groups && groups[first] == 0) {
        first++;
    }
    while (n_groups > first && groups[n_groups - 1] == 0) {
        n_groups--;
    }
    put_big(bytes, (uint64_t)(n_groups - first), 2);
    put_big(bytes + 2, (uint64_t)(n_groups == first ? 0 : n_groups_before - 1 - first), 2);
    put_big(bytes + 4, is_negative && n_groups > first ? 0x4000 : 0, 2);
    put_big(bytes + 6, (uint64_t)scale, 2);
    for (int k = first; k < n_groups; k++) {
        put_big(bytes + 8 + 2 * (k - first), (uint64_t)groups[k], 2);
    }
    return 8 + 2 * (n_groups - first);
}

static qst_pg_column *as_double(void)
{
    return column_of(QST_PG_NUMERIC);
}

static qst_pg_column *as_text(void)
{
    return column_by((qst_pg_rule){.format = QST_PG_NUMERIC, .numeric = QST_PG_NUMERIC_TEXT});
}

/* The double that a text becomes, and whether it was counted as rounded. */
static double double_of(const char *text, bool *is_rounded_out)
{
    unsigned char bytes[LARGEST];
    qst_pg_column *column = as_double();
    double value;
    add_bytes(column, bytes, wire_of(text, bytes));
    *is_rounded_out = qst_pg_column_counts(column).n_rounded == 1;
    qst_pg_column_take(column, &value);
    qst_pg_column_free(column);
    return value;
}

/* The server's text comes back, and the double is that of strtod (which glibc rounds correctly). */
static void assert_decimal(const char *text, bool is_rounded)
{
    unsigned char bytes[LARGEST];
    bool got_rounded;
    const double got = double_of(text, &got_rounded);
    assert_true(got == strtod(text, NULL));
    if (got_rounded != is_rounded) {
        fail_msg("%s is %srounded", text, got_rounded ? "" : "not ");
    }
    qst_pg_column *column = as_text();
    add_bytes(column, bytes, wire_of(text, bytes));
    assert_strings(column, (const char *const[]){text}, 1);
}

/* ---- Tests ---- */

static void test_small(void **state)
{
    (void)state;
    const char *const texts[] = {"0", "0.00", "1", "-1", "12.50", "-0.07", "10000", "99999999",
        "0.0001", "0.00010", "123456.7890123", "999999999999999", "0.000000000000001",
        "1000000000000000000000000", "0.000000000000000000000000001", "-70000000000.5"};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        assert_decimal(texts[k], false);
    }
}

/* 2^53 + 1 lies between two doubles; so does a third; the 55 digits of the double 0.1 do not. */
static void test_rounding_is_told(void **state)
{
    (void)state;
    assert_decimal("9007199254740992", false);
    assert_decimal("9007199254740993", true);
    assert_decimal("-9007199254740993", true);
    assert_decimal("9007199254740994", false);
    assert_decimal("0.33333333333333333333", true);
    assert_decimal("0.3333333333333333", false);
    assert_decimal("0.1000000000000000055511151231257827021181583404541015625", false);
    assert_decimal("0.1000000000000000055511151231257827021181583404541015626", true);
    assert_decimal("0.00000095367431640625", false);
    assert_decimal("0.100000000000000000000000000000000000000", false);
    assert_decimal("12345678901234567890123456789012345678901234567890", true);
}

/* 17 digits name every double: it comes back bit for bit and nothing is lost. */
static void test_seventeen_digits(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int i = 0; i < 3000; i++) {
        const double x = (test_uniform(&seed) - 0.5) * pow(10, 40 * test_uniform(&seed) - 20);
        char text[100];
        bool is_rounded;
        const int decimals = (int)fmax(0, 16 - floor(log10(fabs(x))));
        snprintf(text, sizeof text, "%.*f", decimals, x);
        if (strlen(text) < 19) { /* at most 17 digits */
            assert_true(double_of(text, &is_rounded) == x);
        }
        if (fabs(x) < 1e16) {
            assert_true(double_of(text, &is_rounded) == x);
            assert_false(is_rounded);
        }
    }
}

/* Any number of digits, the point anywhere: strtod is the oracle, and up to 15 digits are never
 * counted as rounded. */
static void random_decimal(uint64_t *seed, int n_digits, char *text_out)
{
    const int point = (int)((n_digits + 1) * test_uniform(seed)); /* digits before it; 0: none */
    char *at = text_out;
    if (test_uniform(seed) < 0.5) {
        *at++ = '-';
    }
    for (int k = 0; k < n_digits; k++) {
        if (k > 0 && k == point) {
            *at++ = '.';
        }
        *at++ = (char)('0' + (int)(10 * test_uniform(seed)));
    }
    *at = '\0';
}

static void test_random(void **state)
{
    (void)state;
    uint64_t seed = 17;
    for (int i = 0; i < 3000; i++) {
        const int n_digits = 1 + i % 40;
        char text[64];
        bool is_rounded;
        random_decimal(&seed, n_digits, text);
        assert_true(double_of(text, &is_rounded) == strtod(text, NULL));
        assert_false(n_digits <= 15 && is_rounded);
    }
}

static void test_special(void **state)
{
    (void)state;
    const unsigned char nan[] = {0, 0, 0, 0, 0xc0, 0, 0, 0};
    const unsigned char inf[] = {0, 0, 0, 0, 0xd0, 0, 0, 0x20};
    const unsigned char minus[] = {0, 0, 0, 0, 0xf0, 0, 0, 0x20};
    qst_pg_column *doubles = as_double(), *texts = as_text();
    qst_pg_column *const both[] = {doubles, texts};
    for (int k = 0; k < 2; k++) {
        add_bytes(both[k], nan, sizeof nan);
        add_missing(both[k]);
        add_bytes(both[k], inf, sizeof inf);
        add_bytes(both[k], minus, sizeof minus);
    }
    assert_int_equal(qst_pg_column_counts(doubles).n_infinite, 0); /* kept, whatever the rule */
    const double want[] = {(double)NAN, qst_na_real(), (double)INFINITY, (double)-INFINITY};
    assert_doubles(doubles, want, 4);
    assert_strings(texts, (const char *const[]){"NaN", NULL, "Infinity", "-Infinity"}, 4);
}

/* Weight and scale at the ends of what a server can send. */
static void test_ends(void **state)
{
    (void)state;
    unsigned char bytes[12] = {0};
    qst_pg_column *doubles = as_double(), *texts = as_text();
    put_big(bytes, 1, 2);
    put_big(bytes + 2, 32767, 2);
    put_big(bytes + 6, 16383, 2);
    put_big(bytes + 8, 9999, 2);
    assert_refused(doubles, bytes, 10, QST_ERANGE, "too large for a double");
    add_bytes(texts, bytes, 10);
    ptrdiff_t n_bytes;
    qst_pg_column_text(texts, 0, &n_bytes);
    assert_int_equal(n_bytes, 4 * 32768 + 1 + 16383);
    put_big(bytes + 2, (uint64_t)-32768, 2);
    add_bytes(doubles, bytes, 10); /* nearest: 0, and counted */
    assert_int_equal(qst_pg_column_counts(doubles).n_rounded, 1);
    assert_doubles(doubles, (double[]){0}, 1);
    qst_pg_column_free(texts);
}

/* 4.94e-324 has 3 digits, but the smallest double gives back fewer. */
static void test_subnormal(void **state)
{
    (void)state;
    char text[400] = "0.";
    memset(text + 2, '0', 323);
    strcpy(text + 325, "5");
    assert_decimal(text, false);
    strcpy(text + 325, "494");
    assert_decimal(text, false);
    strcpy(text + 325, "49400001");
    assert_decimal(text, true);
}

/* The smallest double, 2^-1074, has 751 digits, and all of them come back; one more than a double
 * can have does not. */
static void test_very_many_digits(void **state)
{
    (void)state;
    char text[1200];
    snprintf(text, sizeof text, "%.1074f", 0x1p-1074);
    assert_decimal(text, false);
    text[strlen(text) - 1] = '6';
    assert_decimal(text, true);
    memset(text + 2, '7', 800);
    text[802] = '\0';
    assert_decimal(text, true);
}

/* No server sends digits that are all 0; they are 0. */
static void test_zeros(void **state)
{
    (void)state;
    unsigned char bytes[18] = {0, 5};
    qst_pg_column *column = as_double();
    add_bytes(column, bytes, sizeof bytes);
    assert_int_equal(qst_pg_column_counts(column).n_rounded, 0);
    assert_doubles(column, (double[]){0}, 1);
}

static void test_refused(void **state)
{
    (void)state;
    qst_pg_column *column = as_double();
    unsigned char bytes[12] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};
    assert_refused(column, bytes, 7, QST_EPROTOCOL, "does not fit its digits");
    assert_refused(column, bytes, 12, QST_EPROTOCOL, "does not fit its digits");
    assert_refused(column, bytes, 8, QST_EPROTOCOL, "does not fit its digits");
    put_big(bytes + 8, 10000, 2);
    assert_refused(column, bytes, 10, QST_EPROTOCOL, "digit above 9999");
    put_big(bytes + 8, 1, 2);
    put_big(bytes + 4, 0x1000, 2);
    assert_refused(column, bytes, 10, QST_EPROTOCOL, "unknown sign");
    put_big(bytes + 4, 0, 2);
    put_big(bytes + 6, 0x4000, 2);
    assert_refused(column, bytes, 10, QST_EPROTOCOL, "too many decimals");
    put_big(bytes + 6, 0, 2);
    add_bytes(column, bytes, 10);
    assert_doubles(column, (double[]){1}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_rounding_is_told),
        cmocka_unit_test(test_seventeen_digits),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_subnormal),
        cmocka_unit_test(test_very_many_digits),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
