#include "pg/decode.h"

#include <math.h>
#include <string.h>

struct qst_pg_column {
    qst_pg_rule rule;
    qst_pg_kind kind;
    qst__values values;
    qst__texts texts;
    qst__store store; /* bytes of bytea, dimensions of arrays */
    char *space;      /* work space for long texts */
    size_t n_space;
    qst_pg_column *elements; /* arrays only */
    qst_pg_counts counts;
    qst_allocator allocator;
};

/* What stands for a row of kind BYTES; bytes is NULL where it is missing. */
typedef struct {
    const unsigned char *bytes;
    ptrdiff_t n_bytes;
} byte_row;

/* And of kind LIST. */
typedef struct {
    const int32_t *dims;
    int n_dims; /* -1: missing */
} array_row;

/* ---- Formats ---- */

#define FORMAT_NAME(name, text, n_bytes) text,
static const char *const format_names[] = {QST_PG_FORMAT_LIST(FORMAT_NAME)};

const char *qst_pg_format_name(qst_pg_format format)
{
    return (unsigned)format < QST_PG_N_FORMATS ? format_names[format] : "unknown";
}

qst_pg_format qst_pg_format_named(const char *name)
{
    for (int k = 0; k < QST_PG_N_FORMATS; k++) {
        if (strcmp(format_names[k], name) == 0) {
            return (qst_pg_format)k;
        }
    }
    return QST_PG_N_FORMATS;
}

/* ---- Making and freeing ---- */

static qst_pg_kind kind_of_bigint(qst_pg_bigint bigint)
{
    switch (bigint) {
    case QST_PG_BIGINT_INT64:
        return QST_PG_AS_INT64;
    case QST_PG_BIGINT_DOUBLE:
        return QST_PG_AS_DOUBLE;
    case QST_PG_BIGINT_INT:
        return QST_PG_AS_INT;
    default:
        return QST_PG_AS_TEXT;
    }
}

static qst_pg_kind kind_of(const qst_pg_rule *rule)
{
    if (rule->is_array) {
        return QST_PG_AS_LIST;
    }
    switch (rule->format) {
    case QST_PG_BOOL:
    case QST_PG_VOID:
        return QST_PG_AS_LOGICAL;
    case QST_PG_INT2:
    case QST_PG_INT4:
        return QST_PG_AS_INT;
    case QST_PG_INT8:
        return kind_of_bigint(rule->bigint);
    case QST_PG_OID:
    case QST_PG_FLOAT4:
    case QST_PG_FLOAT8:
    case QST_PG_DATE:
    case QST_PG_TIME:
    case QST_PG_TIMESTAMP:
        return QST_PG_AS_DOUBLE;
    case QST_PG_NUMERIC:
        return rule->numeric == QST_PG_NUMERIC_DOUBLE ? QST_PG_AS_DOUBLE : QST_PG_AS_TEXT;
    case QST_PG_BYTEA:
        return QST_PG_AS_BYTES;
    default:
        return QST_PG_AS_TEXT;
    }
}

static size_t width_of(qst_pg_kind kind)
{
    switch (kind) {
    case QST_PG_AS_DOUBLE:
        return sizeof(double);
    case QST_PG_AS_INT64:
        return sizeof(int64_t);
    case QST_PG_AS_BYTES:
        return sizeof(byte_row);
    case QST_PG_AS_LIST:
        return sizeof(array_row);
    default:
        return sizeof(int32_t);
    }
}

static bool is_known(const qst_pg_rule *rule)
{
    return (unsigned)rule->format < QST_PG_N_FORMATS &&
           (unsigned)rule->bigint <= QST_PG_BIGINT_TEXT &&
           (unsigned)rule->numeric <= QST_PG_NUMERIC_TEXT &&
           (unsigned)rule->infinity <= QST_PG_INFINITY_NA &&
           !(rule->is_array && rule->format == QST_PG_VOID);
}

static qst_status add_elements(
    const qst_ctx *ctx, const qst_pg_rule *rule, qst_pg_column *column, qst_err *err)
{
    qst_pg_rule of_elements = *rule;
    of_elements.is_array = false;
    return qst_pg_column_new(ctx, &of_elements, &column->elements, err);
}

qst_status qst_pg_column_new(
    const qst_ctx *ctx, const qst_pg_rule *rule, qst_pg_column **column_out, qst_err *err)
{
    *column_out = NULL;
    if (!is_known(rule)) {
        return qst__fail(err, QST_EARGUMENT, "there is no such rule for a column");
    }
    qst_ctx standard;
    qst_ctx_init(&standard);
    const qst_allocator *allocator = ctx != NULL ? &ctx->allocator : &standard.allocator;
    qst_pg_column *column = allocator->get(allocator->data, sizeof *column);
    if (column == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a column");
    }
    *column = (qst_pg_column){
        .rule = *rule, .kind = kind_of(rule), .counts = {0, -1, 0, -1}, .allocator = *allocator};
    qst__values_init(&column->values, &column->allocator, width_of(column->kind));
    qst__texts_init(&column->texts, &column->allocator);
    qst__store_init(&column->store, &column->allocator);
    if (rule->is_array) {
        const qst_status status = add_elements(ctx, rule, column, err);
        if (status != QST_OK) {
            qst_pg_column_free(column);
            return status;
        }
    }
    *column_out = column;
    return QST_OK;
}

void qst_pg_column_free(qst_pg_column *column)
{
    if (column == NULL) {
        return;
    }
    qst_pg_column_free(column->elements);
    qst__values_free(&column->values);
    qst__texts_free(&column->texts);
    qst__store_free(&column->store);
    const qst_allocator allocator = column->allocator;
    if (column->space != NULL) {
        allocator.release(allocator.data, column->space);
    }
    allocator.release(allocator.data, column);
}

/* ---- Adding: each function writes the value's place, or fails and writes nothing ---- */

static ptrdiff_t row_at(const qst_pg_column *column)
{
    return qst__values_n(&column->values);
}

static void put_int(qst_pg_column *column, int32_t value)
{
    memcpy(column->values.at, &value, sizeof value);
}

static void put_double(qst_pg_column *column, double value)
{
    memcpy(column->values.at, &value, sizeof value);
}

static void put_int64(qst_pg_column *column, int64_t value)
{
    memcpy(column->values.at, &value, sizeof value);
}

static void put_missing(qst_pg_column *column)
{
    switch (column->kind) {
    case QST_PG_AS_DOUBLE:
        put_double(column, qst_na_real());
        return;
    case QST_PG_AS_INT64:
        put_int64(column, INT64_MIN);
        return;
    case QST_PG_AS_BYTES: {
        const byte_row row = {NULL, 0};
        memcpy(column->values.at, &row, sizeof row);
        return;
    }
    case QST_PG_AS_LIST: {
        const array_row row = {NULL, -1};
        memcpy(column->values.at, &row, sizeof row);
        return;
    }
    default:
        put_int(column, QST_NA_INT);
    }
}

static qst_status wrong_length(const qst_pg_column *column, ptrdiff_t n_bytes, qst_err *err)
{
    return qst__fail_at(err, QST_EPROTOCOL, row_at(column), -1, (double)NAN,
        "the server sent %td bytes, which is no value of type %s", n_bytes,
        qst_pg_format_name(column->rule.format));
}

static qst_status at_row(const qst_pg_column *column, qst_status status, qst_err *err)
{
    if (status != QST_OK && err != NULL && err->row < 0) {
        err->row = row_at(column);
    }
    return status;
}

static qst_status add_text(qst_pg_column *column, const void *bytes, size_t n_bytes, qst_err *err)
{
    int32_t code;
    const qst_status status = qst__texts_code(&column->texts, bytes, n_bytes, &code, err);
    if (status == QST_OK) {
        put_int(column, code);
    }
    return at_row(column, status, err);
}

static qst_status add_bool(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    if (b[0] > 1) {
        return qst__fail_at(
            err, QST_EPROTOCOL, row_at(column), -1, b[0], "the server sent %d for a boolean", b[0]);
    }
    put_int(column, b[0]);
    return QST_OK;
}

static qst_status add_int4(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    const int32_t value = qst__get_i32(b);
    if (value == QST_NA_INT) {
        return qst__fail_at(err, QST_ERANGE, row_at(column), -1, value,
            "the integer -2147483648 is what R marks a missing one with. Cast the column "
            "to bigint (::int8) or to numeric in the query.");
    }
    put_int(column, value);
    return QST_OK;
}

/* A cast of doubles beyond int64 is undefined, hence the first test. */
static bool fits_double(int64_t value)
{
    const double nearest = (double)value;
    return nearest < 0x1p63 && (int64_t)nearest == value;
}

static qst_status add_decimal(qst_pg_column *column, int64_t value, qst_err *err)
{
    char text[20];
    char *at = text + sizeof text;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *--at = '-';
    }
    return add_text(column, at, (size_t)(text + sizeof text - at), err);
}

static qst_status add_int8(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    const int64_t value = qst__get_i64(b);
    const char *held;
    switch (column->rule.bigint) {
    case QST_PG_BIGINT_INT64:
        if (value != INT64_MIN) {
            put_int64(column, value);
            return QST_OK;
        }
        held = "integer64, which marks a missing one with it";
        break;
    case QST_PG_BIGINT_DOUBLE:
        if (fits_double(value)) {
            put_double(column, (double)value);
            return QST_OK;
        }
        held = "a double, which has 53 bits";
        break;
    case QST_PG_BIGINT_INT:
        if (value > INT32_MIN && value <= INT32_MAX) {
            put_int(column, (int32_t)value);
            return QST_OK;
        }
        held = "R's integers, which have 32 bits";
        break;
    default:
        return add_decimal(column, value, err);
    }
    return qst__fail_at(err, QST_ERANGE, row_at(column), -1, (double)value,
        "the integer %lld cannot be held by %s. Read with bigint = \"%s\".", (long long)value, held,
        column->rule.bigint == QST_PG_BIGINT_INT64 ? "character" : "integer64");
}

/* The server's NaN may carry any bits; ours is never R's NA. */
static void put_number(qst_pg_column *column, double value)
{
    put_double(column, isnan(value) ? (double)NAN : value);
}

static void add_float4(qst_pg_column *column, const unsigned char *b)
{
    const uint32_t bits = qst__get_u32(b);
    float value;
    memcpy(&value, &bits, sizeof value);
    put_number(column, (double)value);
}

static void add_float8(qst_pg_column *column, const unsigned char *b)
{
    const uint64_t bits = qst__get_u64(b);
    double value;
    memcpy(&value, &bits, sizeof value);
    put_number(column, value);
}

static void count(ptrdiff_t *n, ptrdiff_t *first, ptrdiff_t row)
{
    if (*n == 0) {
        *first = row;
    }
    (*n)++;
}

static qst_status add_infinite(
    qst_pg_column *column, bool is_negative, const char *what, qst_err *err)
{
    if (column->rule.infinity == QST_PG_INFINITY_FAIL) {
        return qst__fail_at(err, QST_ERANGE, row_at(column), -1,
            (double)(is_negative ? -INFINITY : INFINITY),
            "the %s is %sinfinity. Read with infinity = \"Inf\" or \"NA\".", what,
            is_negative ? "-" : "");
    }
    if (column->rule.infinity == QST_PG_INFINITY_NA) {
        put_missing(column);
    } else if (column->kind == QST_PG_AS_TEXT) {
        const qst_status status = is_negative ? add_text(column, "-infinity", 9, err)
                                              : add_text(column, "infinity", 8, err);
        if (status != QST_OK) {
            return status;
        }
    } else {
        put_double(column, (double)(is_negative ? -INFINITY : INFINITY));
    }
    count(&column->counts.n_infinite, &column->counts.first_infinite, row_at(column));
    return QST_OK;
}

static qst_status add_date(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    const int32_t days = qst__get_i32(b); /* since 2000-01-01 */
    if (days == INT32_MAX || days == INT32_MIN) {
        return add_infinite(column, days < 0, "date", err);
    }
    put_double(column, days + 10957.0);
    return QST_OK;
}

static qst_status add_timestamp(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    const int64_t microseconds = qst__get_i64(b);
    if (microseconds == INT64_MAX || microseconds == INT64_MIN) {
        return add_infinite(column, microseconds < 0, "time stamp", err);
    }
    double seconds;
    if (!qst__timestamp_seconds(microseconds, &seconds)) {
        count(&column->counts.n_rounded, &column->counts.first_rounded, row_at(column));
    }
    put_double(column, seconds);
    return QST_OK;
}

static const int64_t day_microseconds = INT64_C(86400000000);

static qst_status check_time(const qst_pg_column *column, int64_t microseconds, qst_err *err)
{
    if (microseconds < 0 || microseconds > day_microseconds) {
        return qst__fail_at(err, QST_EPROTOCOL, row_at(column), -1, (double)microseconds,
            "the server sent a time of day beyond 24 hours");
    }
    return QST_OK;
}

static qst_status add_time(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    const int64_t microseconds = qst__get_i64(b);
    const qst_status status = check_time(column, microseconds, err);
    if (status == QST_OK) {
        put_double(column, (double)microseconds / 1e6);
    }
    return status;
}

static qst_status add_timetz(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    char text[QST__TIME_TEXT];
    const int64_t microseconds = qst__get_i64(b);
    const int32_t zone = qst__get_i32(b + 8); /* seconds west of Greenwich */
    const qst_status status = check_time(column, microseconds, err);
    if (status != QST_OK) {
        return status;
    }
    if (zone <= -16 * 3600 || zone >= 16 * 3600) {
        return qst__fail_at(err, QST_EPROTOCOL, row_at(column), -1, zone,
            "the server sent a time zone beyond 16 hours");
    }
    return add_text(column, text, qst__timetz_text(microseconds, zone, text), err);
}

/* Infinite ones exist from server 17 on. */
static qst_status add_interval(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    char text[QST__TIME_TEXT];
    const int64_t microseconds = qst__get_i64(b);
    const int32_t days = qst__get_i32(b + 8), months = qst__get_i32(b + 12);
    if ((microseconds == INT64_MAX && days == INT32_MAX && months == INT32_MAX) ||
        (microseconds == INT64_MIN && days == INT32_MIN && months == INT32_MIN)) {
        return add_infinite(column, days < 0, "interval", err);
    }
    return add_text(column, text, qst__interval_text(microseconds, days, months, text), err);
}

/* ---- Numerics, texts in other clothes, bytes ---- */

static qst_status no_memory(const qst_pg_column *column, qst_err *err)
{
    return qst__fail_at(err, QST_ENOMEM, row_at(column), -1, (double)NAN,
        "no memory for a value of type %s", qst_pg_format_name(column->rule.format));
}

/* Room for a text of n bytes in `space`, which stays for the next one. */
static bool room_for_text(qst_pg_column *column, size_t n_bytes)
{
    if (n_bytes <= column->n_space) {
        return true;
    }
    void *data = column->allocator.data;
    char *space = column->space == NULL ? column->allocator.get(data, n_bytes)
                                        : column->allocator.resize(data, column->space, n_bytes);
    if (space == NULL) {
        return false;
    }
    column->space = space;
    column->n_space = n_bytes;
    return true;
}

static qst_status add_numeric(
    qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes, qst_err *err)
{
    qst__numeric numeric;
    qst_status status = qst__numeric_read(b, n_bytes, &numeric, err);
    if (status != QST_OK) {
        return at_row(column, status, err);
    }
    if (!room_for_text(column, qst__numeric_space(&numeric))) {
        return no_memory(column, err);
    }
    if (column->kind == QST_PG_AS_TEXT) {
        return add_text(column, column->space, qst__numeric_text(&numeric, column->space), err);
    }
    double value;
    bool is_rounded;
    status = qst__numeric_double(&numeric, column->space, &value, &is_rounded, err);
    if (status != QST_OK) {
        return at_row(column, status, err);
    }
    if (is_rounded) {
        count(&column->counts.n_rounded, &column->counts.first_rounded, row_at(column));
    }
    put_double(column, value);
    return QST_OK;
}

static qst_status add_jsonb(
    qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes, qst_err *err)
{
    if (n_bytes < 1 || b[0] != 1) {
        return qst__fail_at(err, QST_EPROTOCOL, row_at(column), -1,
            n_bytes < 1 ? (double)NAN : b[0], "the server sent a jsonb of a version other than 1");
    }
    return add_text(column, b + 1, (size_t)n_bytes - 1, err);
}

/* NUL is the empty text; what is not ASCII prints as the server does it from version 16 on. */
static qst_status add_char(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    if (b[0] < 0x80) {
        return add_text(column, b, b[0] == 0 ? 0 : 1, err);
    }
    const char text[4] = {
        '\\', (char)('0' + (b[0] >> 6)), (char)('0' + (b[0] >> 3 & 7)), (char)('0' + (b[0] & 7))};
    return add_text(column, text, sizeof text, err);
}

static qst_status add_uuid(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    static const char hex[] = "0123456789abcdef";
    char text[36];
    char *at = text;
    for (int k = 0; k < 16; k++) {
        if (k == 4 || k == 6 || k == 8 || k == 10) {
            *at++ = '-';
        }
        *at++ = hex[b[k] >> 4];
        *at++ = hex[b[k] & 15];
    }
    return add_text(column, text, sizeof text, err);
}

static qst_status add_bytea(
    qst_pg_column *column, const unsigned char *b, size_t n_bytes, qst_err *err)
{
    unsigned char *kept = qst__store_get(&column->store, n_bytes > 0 ? n_bytes : 1, false);
    if (kept == NULL) {
        return no_memory(column, err);
    }
    if (n_bytes > 0) {
        memcpy(kept, b, n_bytes);
    }
    const byte_row row = {kept, (ptrdiff_t)n_bytes};
    memcpy(column->values.at, &row, sizeof row);
    return QST_OK;
}

/* ---- Dispatch ---- */

#define FORMAT_BYTES(name, text, n_bytes) n_bytes,
static const ptrdiff_t bytes_of[] = {QST_PG_FORMAT_LIST(FORMAT_BYTES)}; /* -1: any number */

static qst_status add_scalar(
    qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes, qst_err *err)
{
    const ptrdiff_t n_wanted = bytes_of[column->rule.format];
    if (n_wanted >= 0 && n_bytes != n_wanted) {
        return wrong_length(column, n_bytes, err);
    }
    switch (column->rule.format) {
    case QST_PG_BOOL:
        return add_bool(column, b, err);
    case QST_PG_INT2:
        put_int(column, qst__get_i16(b));
        return QST_OK;
    case QST_PG_INT4:
        return add_int4(column, b, err);
    case QST_PG_INT8:
        return add_int8(column, b, err);
    case QST_PG_OID:
        put_double(column, qst__get_u32(b));
        return QST_OK;
    case QST_PG_FLOAT4:
        add_float4(column, b);
        return QST_OK;
    case QST_PG_FLOAT8:
        add_float8(column, b);
        return QST_OK;
    case QST_PG_DATE:
        return add_date(column, b, err);
    case QST_PG_TIME:
        return add_time(column, b, err);
    case QST_PG_TIMESTAMP:
        return add_timestamp(column, b, err);
    case QST_PG_TEXT:
        return add_text(column, b, (size_t)n_bytes, err);
    case QST_PG_NUMERIC:
        return add_numeric(column, b, n_bytes, err);
    case QST_PG_TIMETZ:
        return add_timetz(column, b, err);
    case QST_PG_INTERVAL:
        return add_interval(column, b, err);
    case QST_PG_JSONB:
        return add_jsonb(column, b, n_bytes, err);
    case QST_PG_CHAR:
        return add_char(column, b, err);
    case QST_PG_UUID:
        return add_uuid(column, b, err);
    case QST_PG_BYTEA:
        return add_bytea(column, b, (size_t)n_bytes, err);
    default: /* void */
        put_missing(column);
        return QST_OK;
    }
}

/* ---- Arrays ---- */

enum { ARRAY_HEADER_BYTES = 12, DIM_BYTES = 8, LARGEST_N_DIMS = 6 };

/* Where the elements of an array begin, and how many there must be. */
typedef struct {
    int n_dims;
    int32_t dims[LARGEST_N_DIMS];
    ptrdiff_t n_elements;
    const unsigned char *elements;
    ptrdiff_t n_bytes;
} array_head;

static qst_status no_array(const qst_pg_column *column, qst_err *err, const char *why)
{
    return qst__fail_at(
        err, QST_EPROTOCOL, row_at(column), -1, (double)NAN, "the server sent an array %s", why);
}

/* Each element takes four bytes at least, so there cannot be more than bytes / 4: that bounds the
 * product of the dimensions. */
static qst_status read_dims(
    const qst_pg_column *column, const unsigned char *b, array_head *head, qst_err *err)
{
    head->n_elements = head->n_dims == 0 ? 0 : 1;
    for (int k = 0; k < head->n_dims; k++) {
        const int32_t dim = qst__get_i32(b + DIM_BYTES * k);
        const int32_t lower = qst__get_i32(b + DIM_BYTES * k + 4);
        if (dim <= 0 || dim > head->n_bytes / 4 / head->n_elements) {
            return no_array(column, err, "whose dimensions do not fit its length");
        }
        if (lower != 1) {
            return qst__fail_at(err, QST_ERANGE, row_at(column), -1, lower,
                "an array counts from %d, where R counts from 1. Cast it to text (::text), or "
                "take a slice of it (x[:] counts from 1).",
                lower);
        }
        head->dims[k] = dim;
        head->n_elements *= dim;
    }
    return QST_OK;
}

static qst_status read_head(const qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes,
    array_head *head, qst_err *err)
{
    if (n_bytes < ARRAY_HEADER_BYTES) {
        return no_array(column, err, "that ends in its header");
    }
    const uint32_t n_dims = qst__get_u32(b);
    if (n_dims > LARGEST_N_DIMS || qst__get_u32(b + 4) > 1 ||
        n_bytes < ARRAY_HEADER_BYTES + DIM_BYTES * (ptrdiff_t)n_dims) {
        return no_array(column, err, "with a wrong header");
    }
    if (qst__get_u32(b + 8) != column->rule.element_oid) {
        return no_array(column, err, "of elements of another type than it said before");
    }
    head->n_dims = (int)n_dims;
    head->elements = b + ARRAY_HEADER_BYTES + DIM_BYTES * head->n_dims;
    head->n_bytes = n_bytes - ARRAY_HEADER_BYTES - DIM_BYTES * head->n_dims;
    return read_dims(column, b + ARRAY_HEADER_BYTES, head, err);
}

static qst_status add_all_elements(qst_pg_column *column, const array_head *head, qst_err *err)
{
    const unsigned char *at = head->elements;
    ptrdiff_t n_left = head->n_bytes;
    for (ptrdiff_t k = 0; k < head->n_elements; k++) {
        const int32_t n_bytes = n_left < 4 ? -2 : qst__get_i32(at);
        if (n_bytes < -1 || n_bytes > n_left - 4) {
            return no_array(column, err, "whose elements do not fit its length");
        }
        const qst_status status = qst_pg_column_add(column->elements, at + 4, n_bytes, err);
        if (status != QST_OK) {
            if (err != NULL) {
                err->row = row_at(column); /* not the element's */
            }
            return status;
        }
        const ptrdiff_t n_used = 4 + (n_bytes > 0 ? n_bytes : 0);
        at += n_used;
        n_left -= n_used;
    }
    return n_left == 0 ? QST_OK : no_array(column, err, "with bytes after its last element");
}

/* What elements may have changed. */
typedef struct {
    ptrdiff_t n_values, n_texts;
    qst_pg_counts counts;
} mark;

static mark mark_of(const qst_pg_column *column)
{
    return (mark){qst__values_n(&column->values), column->texts.n, column->counts};
}

static void go_back(qst_pg_column *column, const mark *before)
{
    qst__values_truncate(&column->values, before->n_values);
    qst__texts_truncate(&column->texts, before->n_texts);
    column->counts = before->counts;
}

/* Counts of elements are counted for their row. */
static void count_elements(qst_pg_column *column, const mark *before)
{
    const qst_pg_counts *now = &column->elements->counts;
    for (ptrdiff_t k = before->counts.n_rounded; k < now->n_rounded; k++) {
        count(&column->counts.n_rounded, &column->counts.first_rounded, row_at(column));
    }
    for (ptrdiff_t k = before->counts.n_infinite; k < now->n_infinite; k++) {
        count(&column->counts.n_infinite, &column->counts.first_infinite, row_at(column));
    }
}

static qst_status add_array(
    qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes, qst_err *err)
{
    array_head head;
    qst_status status = read_head(column, b, n_bytes, &head, err);
    if (status != QST_OK) {
        return status;
    }
    const size_t dims_bytes = (size_t)head.n_dims * sizeof *head.dims;
    int32_t *dims = NULL;
    if (head.n_dims > 0) {
        dims = qst__store_get(&column->store, dims_bytes, true);
        if (dims == NULL) {
            return no_memory(column, err);
        }
        memcpy(dims, head.dims, dims_bytes);
    }
    const mark before = mark_of(column->elements);
    status = add_all_elements(column, &head, err);
    if (status != QST_OK) {
        go_back(column->elements, &before);
        return status;
    }
    const array_row row = {dims, head.n_dims};
    memcpy(column->values.at, &row, sizeof row);
    count_elements(column, &before);
    return QST_OK;
}

/* ---- One more value ---- */

qst_status qst_pg_column_add(
    qst_pg_column *column, const unsigned char *bytes, ptrdiff_t n_bytes, qst_err *err)
{
    qst_status status;
    if (column->values.at == column->values.end) {
        status = qst__values_grow(&column->values, err);
        if (status != QST_OK) {
            return at_row(column, status, err);
        }
    }
    if (n_bytes < 0) {
        put_missing(column);
    } else {
        status = column->rule.is_array ? add_array(column, bytes, n_bytes, err)
                                       : add_scalar(column, bytes, n_bytes, err);
        if (status != QST_OK) {
            return status;
        }
    }
    column->values.at += column->values.width;
    return QST_OK;
}

/* ---- Reading it ---- */

qst_pg_kind qst_pg_column_kind(const qst_pg_column *column)
{
    return column->kind;
}

ptrdiff_t qst_pg_column_rows(const qst_pg_column *column)
{
    return qst__values_n(&column->values);
}

qst_pg_counts qst_pg_column_counts(const qst_pg_column *column)
{
    return column->counts;
}

void qst_pg_column_take(qst_pg_column *column, void *out)
{
    qst__values_take(&column->values, out);
}

ptrdiff_t qst_pg_column_n_texts(const qst_pg_column *column)
{
    return column->texts.n;
}

const char *qst_pg_column_text(const qst_pg_column *column, ptrdiff_t k, ptrdiff_t *n_bytes_out)
{
    *n_bytes_out = column->texts.texts[k].n_bytes;
    return column->texts.texts[k].bytes;
}

const unsigned char *qst_pg_column_bytes(
    const qst_pg_column *column, ptrdiff_t row, ptrdiff_t *n_bytes_out)
{
    const byte_row *at = qst__values_at(&column->values, row);
    *n_bytes_out = at->n_bytes;
    return at->bytes;
}

qst_pg_column *qst_pg_column_elements(qst_pg_column *column)
{
    return column->elements;
}

int qst_pg_column_dims(const qst_pg_column *column, ptrdiff_t row, const int32_t **dims_out)
{
    const array_row *at = qst__values_at(&column->values, row);
    *dims_out = at->dims;
    return at->n_dims;
}
