#include "pg/put.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* The server's numeric: digits of base 10000, the first of which counts 10000^weight; signs and
 * limits of its numeric.c. */
enum {
    POSITIVE = 0x0000,
    NEGATIVE = 0x4000,
    NOT_A_NUMBER = 0xC000,
    PLUS_INFINITY = 0xD000,
    MINUS_INFINITY = 0xF000,
    MAX_WEIGHT = 32767,
    MAX_SCALE = 16383
};

/* (-1)^is_negative times the digits, those before a point followed by those after it, read as one
 * whole number, times 10^-scale. */
typedef struct {
    bool is_negative;
    const char *before, *after;
    ptrdiff_t n_before, n_after;
    ptrdiff_t scale;
} decimal;

static int digit_at(const decimal *x, ptrdiff_t k)
{
    return (k < x->n_before ? x->before[k] : x->after[k - x->n_before]) - '0';
}

/* The digit that counts 10^position. */
static int digit_of(const decimal *x, ptrdiff_t position)
{
    const ptrdiff_t k = x->n_before + x->n_after - 1 - x->scale - position;
    return k >= 0 && k < x->n_before + x->n_after ? digit_at(x, k) : 0;
}

/* The positions of the first and the last digit that is not 0; false if there is none. */
static bool find_ends(const decimal *x, ptrdiff_t *first_out, ptrdiff_t *last_out)
{
    const ptrdiff_t n = x->n_before + x->n_after;
    ptrdiff_t first = 0, last = n - 1;
    while (first < n && digit_at(x, first) == 0) {
        first++;
    }
    if (first == n) {
        return false;
    }
    while (digit_at(x, last) == 0) {
        last--;
    }
    *first_out = n - 1 - x->scale - first;
    *last_out = n - 1 - x->scale - last;
    return true;
}

/* Rounded down, unlike C's. */
static ptrdiff_t quarter(ptrdiff_t position)
{
    return position >= 0 ? position / 4 : -((-position + 3) / 4);
}

static qst_status put_head(qst_pg_bytes *out, ptrdiff_t n_digits, ptrdiff_t weight, unsigned sign,
    ptrdiff_t scale, qst_err *err)
{
    const qst_status status = qst__put_room(out, 12 + 2 * (size_t)n_digits, err);
    if (status == QST_OK) {
        qst__put_u32(out, (uint32_t)(8 + 2 * n_digits));
        qst__put_u16(out, (uint16_t)n_digits);
        qst__put_u16(out, (uint16_t)weight);
        qst__put_u16(out, (uint16_t)sign);
        qst__put_u16(out, (uint16_t)scale);
    }
    return status;
}

static qst_status check_digits(ptrdiff_t weight, ptrdiff_t scale, qst_err *err)
{
    if (weight > MAX_WEIGHT || scale > MAX_SCALE) {
        return qst__fail(
            err, QST_ERANGE, "numeric holds 131072 digits before the point and 16383 after it");
    }
    return QST_OK;
}

static qst_status put_decimal(qst_pg_bytes *out, const decimal *x, int32_t limit, qst_err *err)
{
    ptrdiff_t first = 0, last = 0;
    const ptrdiff_t scale = qst__max(x->scale, 0);
    if (!find_ends(x, &first, &last)) {
        const qst_status status = check_digits(0, scale, err);
        return status == QST_OK ? put_head(out, 0, 0, POSITIVE, scale, err) : status;
    }
    if (limit != QST_NA_INT && last < -(ptrdiff_t)limit) {
        return qst__fail(
            err, QST_ERANGE, "the column keeps %" PRId32 " digits after the point", limit);
    }
    const ptrdiff_t high = quarter(first), low = quarter(last);
    qst_status status = check_digits(high, scale, err);
    if (status == QST_OK) {
        status =
            put_head(out, high - low + 1, high, x->is_negative ? NEGATIVE : POSITIVE, scale, err);
    }
    for (ptrdiff_t group = high; status == QST_OK && group >= low; group--) {
        int value = 0;
        for (ptrdiff_t position = 4 * group + 3; position >= 4 * group; position--) {
            value = 10 * value + digit_of(x, position);
        }
        qst__put_u16(out, (uint16_t)value);
    }
    return status;
}

/* ---- Whole numbers ---- */

static qst_status put_whole(
    qst_pg_bytes *out, int64_t x, ptrdiff_t scale, int32_t limit, qst_err *err)
{
    char text[24];
    const int n = snprintf(text, sizeof text, "%" PRId64, x);
    const int sign = x < 0;
    const decimal digits = {
        .is_negative = x < 0, .before = text + sign, .n_before = n - sign, .scale = scale};
    return put_decimal(out, &digits, limit, err);
}

qst_status qst__put_numeric_whole(qst_pg_bytes *out, int64_t x, int32_t limit, qst_err *err)
{
    return put_whole(out, x, 0, limit, err);
}

/* ---- Doubles ---- */

/* If x is the double nearest to a whole number below 2^53 over 10^scale, for a scale up to 22, the
 * least such scale: both are then exact doubles, and division rounds correctly. */
static bool is_short(double x, int64_t *whole_out, ptrdiff_t *scale_out)
{
    double power = 1;
    for (ptrdiff_t scale = 0; scale <= 22; scale++, power *= 10) {
        const double whole = nearbyint(x * power);
        if (!(fabs(whole) < 0x1p53)) {
            return false;
        }
        if (whole / power == x) {
            *whole_out = (int64_t)whole;
            *scale_out = scale;
            return true;
        }
    }
    return false;
}

/* "-d.dddddddddddddddde+x": 17 digits always give a double back. The point, whatever the locale
 * has, lies between the first digit and the 16 before the "e". */
static qst_status put_long(qst_pg_bytes *out, double x, int32_t limit, qst_err *err)
{
    char text[48];
    const char *e = text + snprintf(text, sizeof text, "%.16e", fabs(x)) - 1;
    while (*e != 'e') {
        e--;
    }
    ptrdiff_t exponent = 0;
    for (const char *at = e + 2; *at != '\0'; at++) {
        exponent = 10 * exponent + (*at - '0');
    }
    exponent = e[1] == '-' ? -exponent : exponent;
    ptrdiff_t n_after = 16;
    while (n_after > 0 && (e - 16)[n_after - 1] == '0') {
        n_after--;
    }
    const decimal digits = {.is_negative = x < 0,
        .before = text,
        .n_before = 1,
        .after = e - 16,
        .n_after = n_after,
        .scale = n_after - exponent};
    return put_decimal(out, &digits, limit, err);
}

static qst_status put_special(qst_pg_bytes *out, unsigned sign, int32_t limit, qst_err *err)
{
    if (limit != QST_NA_INT && sign != NOT_A_NUMBER) {
        return qst__fail(err, QST_ERANGE, "a numeric of limited digits holds no infinity");
    }
    return put_head(out, 0, 0, sign, 0, err);
}

qst_status qst__put_numeric_double(qst_pg_bytes *out, double x, int32_t limit, qst_err *err)
{
    int64_t whole;
    ptrdiff_t scale;
    if (isnan(x)) {
        return put_special(out, NOT_A_NUMBER, limit, err);
    }
    if (isinf(x)) {
        return put_special(out, x > 0 ? PLUS_INFINITY : MINUS_INFINITY, limit, err);
    }
    return is_short(x, &whole, &scale) ? put_whole(out, whole, scale, limit, err)
                                       : put_long(out, x, limit, err);
}

/* ---- Texts ---- */

static bool is_word(const char *text, size_t n_bytes, const char *lower)
{
    size_t k = 0;
    while (k < n_bytes && lower[k] != '\0' && (text[k] | 0x20) == lower[k]) {
        k++;
    }
    return k == n_bytes && lower[k] == '\0';
}

static ptrdiff_t count_digits(const char *text, const char *end)
{
    const char *at = text;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at - text;
}

/* The exponent, of a size that no numeric has where it is larger; false if these bytes are none. */
static bool read_exponent(const char *text, const char *end, ptrdiff_t *exponent_out)
{
    const bool is_negative = text < end && *text == '-';
    text += text < end && (*text == '-' || *text == '+');
    if (text == end || count_digits(text, end) != end - text) {
        return false;
    }
    ptrdiff_t exponent = 0;
    for (; text < end; text++) {
        exponent = qst__min(10 * exponent + (*text - '0'), 1000000);
    }
    *exponent_out = is_negative ? -exponent : exponent;
    return true;
}

static bool read_decimal(const char *text, const char *end, decimal *x)
{
    ptrdiff_t exponent = 0;
    x->is_negative = text < end && *text == '-';
    text += text < end && (*text == '-' || *text == '+');
    x->before = text;
    x->n_before = count_digits(text, end);
    text += x->n_before;
    text += text < end && *text == '.';
    x->after = text;
    x->n_after = count_digits(text, end);
    text += x->n_after;
    if (x->n_before + x->n_after == 0) {
        return false;
    }
    if (text < end && (*text | 0x20) == 'e' && !read_exponent(text + 1, end, &exponent)) {
        return false;
    }
    x->scale = x->n_after - exponent;
    return text == end || (*text | 0x20) == 'e';
}

qst_status qst__put_numeric_text(
    qst_pg_bytes *out, const char *text, size_t n_bytes, int32_t limit, qst_err *err)
{
    decimal x;
    if (read_decimal(text, text + n_bytes, &x)) {
        return put_decimal(out, &x, limit, err);
    }
    if (is_word(text, n_bytes, "nan")) {
        return put_special(out, NOT_A_NUMBER, limit, err);
    }
    const bool is_signed = n_bytes > 0 && (text[0] == '-' || text[0] == '+');
    const char *word = text + is_signed;
    const size_t n_word = n_bytes - is_signed;
    if (is_word(word, n_word, "infinity") || is_word(word, n_word, "inf")) {
        return put_special(
            out, is_signed && text[0] == '-' ? MINUS_INFINITY : PLUS_INFINITY, limit, err);
    }
    return qst__fail(err, QST_ERANGE, "this is not a decimal number");
}
