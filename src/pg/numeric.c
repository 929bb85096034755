#include "pg/decode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 8, LARGEST_SCALE = 0x3fff, BASE_DIGITS = 4, EXPONENT_ROOM = 16 };

/* What the sign word says. */
enum { POSITIVE = 0, NEGATIVE = 0x4000, NOT_A_NUMBER = 0xc000, INFINITE = 0xd000, MINUS = 0xf000 };

static int digit_at(const qst__numeric *numeric, int k)
{
    return k >= 0 && k < numeric->n_digits ? qst__get_u16(numeric->digits + 2 * k) : 0;
}

static qst_status not_numeric(qst_err *err, const char *why)
{
    return qst__fail(err, QST_EPROTOCOL, "the server sent a numeric %s", why);
}

static qst_status read_sign(int sign, qst__numeric *numeric, qst_err *err)
{
    switch (sign) {
    case POSITIVE:
    case NEGATIVE:
        numeric->what = QST__NUMERIC_FINITE;
        break;
    case NOT_A_NUMBER:
        numeric->what = QST__NUMERIC_NAN;
        break;
    case INFINITE:
    case MINUS:
        numeric->what = QST__NUMERIC_INFINITE;
        break;
    default:
        return not_numeric(err, "of unknown sign");
    }
    numeric->is_negative = sign == NEGATIVE || sign == MINUS;
    return QST_OK;
}

qst_status qst__numeric_read(
    const unsigned char *bytes, ptrdiff_t n_bytes, qst__numeric *numeric_out, qst_err *err)
{
    if (n_bytes < HEADER_BYTES || n_bytes != HEADER_BYTES + 2 * (ptrdiff_t)qst__get_u16(bytes)) {
        return not_numeric(err, "whose length does not fit its digits");
    }
    qst__numeric numeric = {.n_digits = qst__get_u16(bytes),
        .weight = qst__get_i16(bytes + 2),
        .scale = qst__get_u16(bytes + 6),
        .digits = bytes + HEADER_BYTES};
    const qst_status status = read_sign(qst__get_u16(bytes + 4), &numeric, err);
    if (status != QST_OK) {
        return status;
    }
    if (numeric.what != QST__NUMERIC_FINITE) {
        numeric.n_digits = 0;
    }
    if (numeric.scale > LARGEST_SCALE && numeric.what == QST__NUMERIC_FINITE) {
        return not_numeric(err, "with too many decimals");
    }
    for (int k = 0; k < numeric.n_digits; k++) {
        if (digit_at(&numeric, k) > 9999) {
            return not_numeric(err, "with a digit above 9999");
        }
    }
    *numeric_out = numeric;
    return QST_OK;
}

size_t qst__numeric_space(const qst__numeric *numeric)
{
    const int before = numeric->weight < 0 ? 0 : numeric->weight;
    return (size_t)(BASE_DIGITS * (before + 1) + numeric->scale +
                    2 * BASE_DIGITS * (numeric->n_digits + 1) + 2 * EXPONENT_ROOM);
}

/* Four decimal digits of a digit of base 10000. */
static char *put_digit(char *at, int digit)
{
    at[0] = (char)('0' + digit / 1000);
    at[1] = (char)('0' + digit / 100 % 10);
    at[2] = (char)('0' + digit / 10 % 10);
    at[3] = (char)('0' + digit % 10);
    return at + BASE_DIGITS;
}

size_t qst__numeric_text(const qst__numeric *numeric, char *space)
{
    if (numeric->what != QST__NUMERIC_FINITE) {
        const char *name = numeric->what == QST__NUMERIC_NAN ? "NaN"
                           : numeric->is_negative            ? "-Infinity"
                                                             : "Infinity";
        memcpy(space, name, strlen(name));
        return strlen(name);
    }
    char *at = space;
    if (numeric->is_negative) {
        *at++ = '-';
    }
    char *const whole = at;
    for (int k = 0; k <= numeric->weight; k++) {
        at = put_digit(at, digit_at(numeric, k));
    }
    char *first = whole;
    while (first < at && *first == '0') {
        first++;
    }
    memmove(whole, first, (size_t)(at - first));
    at -= first - whole;
    if (at == whole) {
        *at++ = '0';
    }
    if (numeric->scale > 0) {
        *at++ = '.';
        char *const end = at + numeric->scale;
        for (int k = numeric->weight + 1; at < end; k++) {
            at = put_digit(at, digit_at(numeric, k));
        }
        at = end;
    }
    return (size_t)(at - space);
}

/* ---- To a double ---- */

/* The significant decimal digits, without zeros at either end: digits[0 .. n) times 10^exponent. */
typedef struct {
    const char *digits;
    int n, exponent;
} decimal;

static decimal significant_digits(const qst__numeric *numeric, char *space)
{
    char *at = space;
    for (int k = 0; k < numeric->n_digits; k++) {
        at = put_digit(at, digit_at(numeric, k));
    }
    decimal d = {
        .digits = space, .exponent = BASE_DIGITS * (numeric->weight - numeric->n_digits + 1)};
    while (at > space && at[-1] == '0') {
        at--;
        d.exponent++;
    }
    while (d.digits < at && *d.digits == '0') {
        d.digits++;
    }
    d.n = (int)(at - d.digits);
    return d;
}

/* Do as many digits, printed from the double, begin and end as these do? printf is exact; a decimal
 * point of whatever locale is passed over. A double has at most 767 significant digits. */
static bool prints_back(const decimal *d, double value)
{
    char text[800];
    if (d->n > 767) {
        return false;
    }
    const int n_text = snprintf(text, sizeof text, "%.*e", d->n - 1, value);
    int n_same = 0;
    int at = 0;
    for (; at < n_text && text[at] != 'e'; at++) {
        if (text[at] >= '0' && text[at] <= '9') {
            if (n_same == d->n || text[at] != d->digits[n_same]) {
                return false;
            }
            n_same++;
        }
    }
    return n_same == d->n && at < n_text && atoi(text + at + 1) == d->exponent + d->n - 1;
}

/* By strtod, which rounds correctly, on a text without decimal point: no locale touches it. */
static qst_status from_digits(
    const qst__numeric *numeric, char *space, double *value_out, bool *is_rounded_out, qst_err *err)
{
    const decimal d = significant_digits(numeric, space);
    if (d.n == 0) {
        *value_out = 0;
        return QST_OK;
    }
    char *text = space + BASE_DIGITS * (numeric->n_digits + 1);
    memcpy(text, d.digits, (size_t)d.n);
    snprintf(text + d.n, EXPONENT_ROOM, "e%d", d.exponent);
    const double value = strtod(text, NULL);
    if (isinf(value)) {
        return qst__fail_at(err, QST_ERANGE, -1, -1, (double)NAN,
            "a numeric of about 1e%d is too large for a double. Read with numeric = \"character\".",
            d.exponent + d.n - 1);
    }
    *is_rounded_out = d.n > 15 && !prints_back(&d, value);
    if (d.n <= 15 && fabs(value) < 0x1p-1022) {
        *is_rounded_out = !prints_back(&d, value); /* subnormal: fewer digits than 15 */
    }
    *value_out = numeric->is_negative ? -value : value;
    return QST_OK;
}

/* The digits as one number below 10^15, and what power of 10000 it is to be multiplied by: with a
 * power of ten up to 22 both are exact doubles, so one multiplication or division rounds correctly
 * (Clinger 1990, PLDI). At most 15 digits always print back. */
static bool is_small(const qst__numeric *numeric, uint64_t *number_out, int *power_out)
{
    const int power = numeric->weight - numeric->n_digits + 1;
    if (numeric->n_digits > 4 || power < -5 || power > 5) {
        return false;
    }
    uint64_t number = 0;
    for (int k = 0; k < numeric->n_digits; k++) {
        number = 10000 * number + (uint64_t)digit_at(numeric, k);
    }
    *number_out = number;
    *power_out = power;
    return number < UINT64_C(1000000000000000);
}

qst_status qst__numeric_double(
    const qst__numeric *numeric, char *space, double *value_out, bool *is_rounded_out, qst_err *err)
{
    static const double powers[] = {1, 1e4, 1e8, 1e12, 1e16, 1e20};
    uint64_t number;
    int power;
    *is_rounded_out = false;
    if (numeric->what == QST__NUMERIC_NAN) {
        *value_out = (double)NAN;
        return QST_OK;
    }
    if (numeric->what == QST__NUMERIC_INFINITE) {
        *value_out = (double)(numeric->is_negative ? -INFINITY : INFINITY);
        return QST_OK;
    }
    if (!is_small(numeric, &number, &power)) {
        return from_digits(numeric, space, value_out, is_rounded_out, err);
    }
    const double value =
        power < 0 ? (double)number / powers[-power] : (double)number * powers[power];
    *value_out = numeric->is_negative ? -value : value;
    return QST_OK;
}
