/*
 * Fuzzes the decoder of PostgreSQL's binary values: any rule, and values of
 * any bytes, each in memory of exactly its length. Whatever comes is refused
 * with a text and leaves the column as it was, or is held in full:
 *   - a type of fixed length takes that length only;
 *   - a column that was given the accepted values only is the same column;
 *   - missing values are NULLs (or infinities, if the rule says so);
 *   - texts differ from each other and are UTF-8 without NUL;
 *   - an array has as many elements as its dimensions say;
 *   - a numeric as a double is strtod() of the numeric as text.
 */
#include "pg/column.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 24, HEADER_BYTES = 6 };

static void insist(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* ---- Values, each a block of its own ---- */

typedef struct {
    unsigned char *bytes;
    ptrdiff_t n_bytes; /* -1: NULL */
    bool is_accepted;
} value;

/* The next value: a length of one byte (255: NULL; 254: all that is left), then so many bytes. */
static size_t read_value(const uint8_t *bytes, size_t n_left, value *out)
{
    *out = (value){NULL, -1, false};
    if (bytes[0] == 255) {
        return 1;
    }
    size_t n = bytes[0] == 254 ? n_left - 1 : bytes[0];
    n = n < n_left - 1 ? n : n_left - 1;
    out->n_bytes = (ptrdiff_t)n;
    out->bytes = malloc(n > 0 ? n : 1);
    insist(out->bytes != NULL);
    if (n == 0) { /* nothing may be read, not even one byte */
        free(out->bytes);
        out->bytes = NULL;
        return 1;
    }
    memcpy(out->bytes, bytes + 1, n);
    return 1 + n;
}

static ptrdiff_t read_values(const uint8_t *bytes, size_t size, value *values, ptrdiff_t n_max)
{
    ptrdiff_t n = 0;
    for (size_t at = 0; at < size && n < n_max; n++) {
        at += read_value(bytes + at, size - at, &values[n]);
    }
    return n;
}

/* ---- A column and what it was ---- */

static qst_pg_column *new_column(const qst_pg_rule *rule)
{
    qst_pg_column *column;
    qst_err err;
    qst_err_init(&err);
    const qst_status status = qst_pg_column_new(NULL, rule, &column, &err);
    insist(status == QST_OK ? column != NULL : column == NULL && err.text[0] != '\0');
    return column;
}

typedef struct {
    ptrdiff_t n_rows, n_texts, n_element_rows, n_element_texts;
    qst_pg_counts counts;
} state;

static state state_of(qst_pg_column *column)
{
    state s = {.n_rows = qst_pg_column_rows(column),
        .n_texts = qst_pg_column_n_texts(column),
        .counts = qst_pg_column_counts(column)};
    qst_pg_column *elements = qst_pg_column_elements(column);
    if (elements != NULL) {
        s.n_element_rows = qst_pg_column_rows(elements);
        s.n_element_texts = qst_pg_column_n_texts(elements);
    }
    return s;
}

static void add(qst_pg_column *column, value *v)
{
    const state before = state_of(column);
    qst_err err;
    qst_err_init(&err);
    const qst_status status = qst_pg_column_add(column, v->bytes, v->n_bytes, &err);
    v->is_accepted = status == QST_OK;
    const state after = state_of(column);
    if (v->is_accepted) {
        insist(after.n_rows == before.n_rows + 1);
    } else {
        insist(status == QST_EPROTOCOL || status == QST_ERANGE);
        insist(err.text[0] != '\0' && err.row == before.n_rows);
        insist(memcmp(&before, &after, sizeof before) == 0);
    }
}

/* ---- What must be true of it ---- */

static ptrdiff_t fixed_bytes(qst_pg_format format)
{
#define BYTES(name, text, n_bytes) n_bytes,
    static const ptrdiff_t fixed[] = {QST_PG_FORMAT_LIST(BYTES)};
    return fixed[format];
}

static void check_lengths(const qst_pg_rule *rule, const value *values, ptrdiff_t n)
{
    const ptrdiff_t fixed = fixed_bytes(rule->format);
    for (ptrdiff_t i = 0; i < n && !rule->is_array && fixed >= 0; i++) {
        insist(!values[i].is_accepted || values[i].n_bytes < 0 || values[i].n_bytes == fixed);
    }
}

/* A slow check by decoding: what is decoded must be in its shortest form and allowed. */
static bool is_utf8(const unsigned char *b, ptrdiff_t n)
{
    static const uint32_t least[] = {0, 0x01, 0x80, 0x800, 0x10000};
    for (ptrdiff_t at = 0; at < n;) {
        const int length = b[at] < 0x80 ? 1 : b[at] < 0xe0 ? 2 : b[at] < 0xf0 ? 3 : 4;
        if (b[at] >= 0xf8 || (b[at] & 0xc0) == 0x80 || length > n - at) {
            return false;
        }
        uint32_t point = length == 1 ? b[at] : b[at] & (0xffu >> (length + 1));
        for (int k = 1; k < length; k++) {
            if ((b[at + k] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (b[at + k] & 0x3f);
        }
        if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
            return false;
        }
        at += length;
    }
    return true;
}

static void check_texts(const qst_pg_column *column)
{
    const ptrdiff_t n = qst_pg_column_n_texts(column);
    for (ptrdiff_t k = 0; k < n; k++) {
        ptrdiff_t n_bytes, n_other;
        const char *text = qst_pg_column_text(column, k, &n_bytes);
        insist(is_utf8((const unsigned char *)text, n_bytes));
        for (ptrdiff_t i = 0; i < k; i++) {
            const char *other = qst_pg_column_text(column, i, &n_other);
            insist(n_other != n_bytes || memcmp(text, other, (size_t)n_bytes) != 0);
        }
    }
}

static size_t width_of(qst_pg_kind kind)
{
    return kind == QST_PG_AS_DOUBLE || kind == QST_PG_AS_INT64 ? 8 : 4;
}

static bool is_missing(qst_pg_kind kind, const char *at)
{
    double real;
    int64_t wide;
    int32_t narrow;
    switch (kind) {
    case QST_PG_AS_DOUBLE:
        memcpy(&real, at, sizeof real);
        return qst_is_na_real(real);
    case QST_PG_AS_INT64:
        memcpy(&wide, at, sizeof wide);
        return wide == INT64_MIN;
    default:
        memcpy(&narrow, at, sizeof narrow);
        return narrow == QST_NA_INT;
    }
}

/* The values of a column of a plain kind, and that no more of them are missing than were NULL. */
static char *take(qst_pg_column *column, ptrdiff_t n_null)
{
    const ptrdiff_t n = qst_pg_column_rows(column);
    const qst_pg_kind kind = qst_pg_column_kind(column);
    const size_t width = width_of(kind);
    const ptrdiff_t n_infinite = qst_pg_column_counts(column).n_infinite;
    char *values = malloc((size_t)n * width + 1);
    insist(values != NULL);
    qst_pg_column_take(column, values);
    insist(qst_pg_column_rows(column) == 0);
    ptrdiff_t n_missing = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        n_missing += is_missing(kind, values + (size_t)i * width);
    }
    insist(n_null < 0 || (n_missing >= n_null && n_missing <= n_null + n_infinite));
    return values;
}

static void same_texts(const qst_pg_column *a, const qst_pg_column *b)
{
    insist(qst_pg_column_n_texts(a) == qst_pg_column_n_texts(b));
    for (ptrdiff_t k = 0; k < qst_pg_column_n_texts(a); k++) {
        ptrdiff_t n_a, n_b;
        const char *text_a = qst_pg_column_text(a, k, &n_a);
        const char *text_b = qst_pg_column_text(b, k, &n_b);
        insist(n_a == n_b && memcmp(text_a, text_b, (size_t)n_a) == 0);
    }
}

static void same_bytes(const qst_pg_column *a, const qst_pg_column *b)
{
    for (ptrdiff_t i = 0; i < qst_pg_column_rows(a); i++) {
        ptrdiff_t n_a, n_b;
        const unsigned char *bytes_a = qst_pg_column_bytes(a, i, &n_a);
        const unsigned char *bytes_b = qst_pg_column_bytes(b, i, &n_b);
        insist((bytes_a == NULL) == (bytes_b == NULL) && n_a == n_b);
        insist(bytes_a == NULL || memcmp(bytes_a, bytes_b, (size_t)n_a) == 0);
    }
}

static void same_plain(qst_pg_column *a, qst_pg_column *b, ptrdiff_t n_null)
{
    const ptrdiff_t n = qst_pg_column_rows(a);
    insist(qst_pg_column_rows(b) == n);
    check_texts(a);
    same_texts(a, b);
    if (qst_pg_column_kind(a) == QST_PG_AS_BYTES) {
        same_bytes(a, b);
        return;
    }
    char *of_a = take(a, n_null);
    char *of_b = take(b, n_null);
    insist(memcmp(of_a, of_b, (size_t)n * width_of(qst_pg_column_kind(a))) == 0);
    free(of_a);
    free(of_b);
}

static void same_lists(qst_pg_column *a, qst_pg_column *b)
{
    ptrdiff_t n_elements = 0;
    for (ptrdiff_t i = 0; i < qst_pg_column_rows(a); i++) {
        const int32_t *dims_a, *dims_b;
        const int n_dims = qst_pg_column_dims(a, i, &dims_a);
        insist(qst_pg_column_dims(b, i, &dims_b) == n_dims && n_dims >= -1 && n_dims <= 6);
        ptrdiff_t n = n_dims > 0;
        for (int k = 0; k < n_dims; k++) {
            insist(dims_a[k] > 0 && dims_a[k] == dims_b[k]);
            n *= dims_a[k];
        }
        n_elements += n;
    }
    insist(n_elements == qst_pg_column_rows(qst_pg_column_elements(a)));
    same_plain(qst_pg_column_elements(a), qst_pg_column_elements(b), -1);
}

/* ---- Numerics, in both ways ---- */

static void check_numeric(const value *v)
{
    qst_pg_rule rule = {.format = QST_PG_NUMERIC, .numeric = QST_PG_NUMERIC_TEXT};
    qst_pg_column *as_text = new_column(&rule);
    rule.numeric = QST_PG_NUMERIC_DOUBLE;
    qst_pg_column *as_double = new_column(&rule);
    const qst_status status = qst_pg_column_add(as_text, v->bytes, v->n_bytes, NULL);
    const qst_status status_double = qst_pg_column_add(as_double, v->bytes, v->n_bytes, NULL);
    insist(status == status_double || (status == QST_OK && status_double == QST_ERANGE));
    if (status_double == QST_OK && v->n_bytes >= 0) {
        double got;
        ptrdiff_t n_bytes;
        const char *bytes = qst_pg_column_text(as_text, 0, &n_bytes);
        char *text = malloc((size_t)n_bytes + 1);
        insist(text != NULL);
        memcpy(text, bytes, (size_t)n_bytes);
        text[n_bytes] = '\0';
        qst_pg_column_take(as_double, &got);
        const double want = strtod(text, NULL);
        insist(got == want || (isnan(got) && isnan(want)));
        free(text);
    }
    qst_pg_column_free(as_text);
    qst_pg_column_free(as_double);
}

/* The server cuts no digits that it stores, so a scale below the digits sent is left out here. */
static bool has_all_digits(const value *v)
{
    if (v->n_bytes < 8) {
        return true;
    }
    const int n_digits = v->bytes[0] << 8 | v->bytes[1];
    const int weight = (int16_t)(v->bytes[2] << 8 | v->bytes[3]);
    const int scale = v->bytes[6] << 8 | v->bytes[7];
    return scale >= 4 * (n_digits - weight - 1);
}

/* ---- The target ---- */

static ptrdiff_t n_nulls(const value *values, ptrdiff_t n)
{
    ptrdiff_t n_null = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        n_null += values[i].n_bytes < 0;
    }
    return n_null;
}

static void judge(const qst_pg_rule *rule, value *values, ptrdiff_t n)
{
    qst_pg_column *column = new_column(rule);
    qst_pg_column *again = new_column(rule);
    if (column == NULL || again == NULL) {
        insist(column == NULL && again == NULL);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        add(column, &values[i]);
        if (values[i].is_accepted) {
            value same = values[i];
            add(again, &same);
            insist(same.is_accepted);
        }
        if (rule->format == QST_PG_NUMERIC && has_all_digits(&values[i])) {
            check_numeric(&values[i]);
        }
    }
    check_lengths(rule, values, n);
    if (rule->is_array) {
        same_lists(column, again);
    } else {
        /* void is always missing */
        same_plain(column, again, rule->format == QST_PG_VOID ? -1 : n_nulls(values, n));
    }
    qst_pg_column_free(column);
    qst_pg_column_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < HEADER_BYTES) {
        return -1;
    }
    const qst_pg_rule rule = {.format = (qst_pg_format)(bytes[0] % (QST_PG_N_FORMATS + 1)),
        .is_array = bytes[1] % 2 == 1,
        .element_oid = bytes[2],
        .bigint = (qst_pg_bigint)(bytes[3] % 5),
        .numeric = (qst_pg_numeric)(bytes[4] % 3),
        .infinity = (qst_pg_infinity)(bytes[5] % 4)};
    value values[MAX_VALUES];
    /* a numeric may have 147,000 digits: few of them, so that there is time for others */
    const ptrdiff_t n_max = rule.format == QST_PG_NUMERIC ? 4 : MAX_VALUES;
    const ptrdiff_t n = read_values(bytes + HEADER_BYTES, size - HEADER_BYTES, values, n_max);
    judge(&rule, values, n);
    for (ptrdiff_t i = 0; i < n; i++) {
        free(values[i].bytes);
    }
    return 0;
}
