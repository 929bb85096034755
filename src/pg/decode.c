#include "pg/decode.h"

#include <math.h>
#include <string.h>

/* ---- Adding: each function writes the value's place, or fails and writes nothing ---- */

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
        const qst__byte_row row = {NULL, 0};
        memcpy(column->values.at, &row, sizeof row);
        return;
    }
    case QST_PG_AS_LIST: {
        const qst__array_row row = {NULL, -1};
        memcpy(column->values.at, &row, sizeof row);
        return;
    }
    default:
        put_int(column, QST_NA_INT);
    }
}

static qst_status wrong_length(const qst_pg_column *column, ptrdiff_t n_bytes, qst_err *err)
{
    return qst__fail_at(err, QST_EPROTOCOL, qst__column_row(column), -1, (double)NAN,
        "the server sent %td bytes, which is no value of type %s", n_bytes,
        qst_pg_format_name(column->rule.format));
}

static qst_status at_row(const qst_pg_column *column, qst_status status, qst_err *err)
{
    if (status != QST_OK && err != NULL && err->row < 0) {
        err->row = qst__column_row(column);
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
        return qst__fail_at(err, QST_EPROTOCOL, qst__column_row(column), -1, b[0],
            "the server sent %d for a boolean", b[0]);
    }
    put_int(column, b[0]);
    return QST_OK;
}

static qst_status add_int4(qst_pg_column *column, const unsigned char *b, qst_err *err)
{
    const int32_t value = qst__get_i32(b);
    if (value == QST_NA_INT) {
        return qst__fail_at(err, QST_ERANGE, qst__column_row(column), -1, value,
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
    return qst__fail_at(err, QST_ERANGE, qst__column_row(column), -1, (double)value,
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

static qst_status add_infinite(
    qst_pg_column *column, bool is_negative, const char *what, qst_err *err)
{
    if (column->rule.infinity == QST_PG_INFINITY_FAIL) {
        return qst__fail_at(err, QST_ERANGE, qst__column_row(column), -1,
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
    qst__count(&column->counts.n_infinite, &column->counts.first_infinite, qst__column_row(column));
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
        qst__count(
            &column->counts.n_rounded, &column->counts.first_rounded, qst__column_row(column));
    }
    put_double(column, seconds);
    return QST_OK;
}

static const int64_t day_microseconds = INT64_C(86400000000);

static qst_status check_time(const qst_pg_column *column, int64_t microseconds, qst_err *err)
{
    if (microseconds < 0 || microseconds > day_microseconds) {
        return qst__fail_at(err, QST_EPROTOCOL, qst__column_row(column), -1, (double)microseconds,
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
        return qst__fail_at(err, QST_EPROTOCOL, qst__column_row(column), -1, zone,
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
    return qst__fail_at(err, QST_ENOMEM, qst__column_row(column), -1, (double)NAN,
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
        qst__count(
            &column->counts.n_rounded, &column->counts.first_rounded, qst__column_row(column));
    }
    put_double(column, value);
    return QST_OK;
}

static qst_status add_jsonb(
    qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes, qst_err *err)
{
    if (n_bytes < 1 || b[0] != 1) {
        return qst__fail_at(err, QST_EPROTOCOL, qst__column_row(column), -1,
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
    const qst__byte_row row = {kept, (ptrdiff_t)n_bytes};
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
        status = column->rule.is_array ? qst__add_array(column, bytes, n_bytes, err)
                                       : add_scalar(column, bytes, n_bytes, err);
        if (status != QST_OK) {
            return status;
        }
    }
    column->values.at += column->values.width;
    return QST_OK;
}
