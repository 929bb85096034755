#include "pg/encode.h"

#include "pg/decode.h"
#include "pg/put.h"

#include <inttypes.h>
#include <math.h>

/* The server's limits (datatype/timestamp.h): days and microseconds count from 2000-01-01. */
#define EPOCH_DAYS 10957 /* from 1970-01-01 */
#define FIRST_DAY (-2451545.0)
#define END_DAY 2145031949.0
#define FIRST_TIMESTAMP (-211813488000000000.0)
#define END_TIMESTAMP 9223371331200000000.0
#define DAY_SECONDS 86400.0
#define MAX_BYTES 0x3FFFFFFF /* of a value: the server's limit of 1 GB */

/* One more cell: its length and its bytes, or the length -1. */
typedef qst_status (*encoder)(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err);

static qst_status put_missing(qst_pg_bytes *out, qst_err *err)
{
    const qst_status status = qst__put_room(out, 4, err);
    if (status == QST_OK) {
        qst__put_u32(out, UINT32_MAX);
    }
    return status;
}

static qst_status put_2(qst_pg_bytes *out, uint16_t x, qst_err *err)
{
    const qst_status status = qst__put_room(out, 6, err);
    if (status == QST_OK) {
        qst__put_u32(out, 2);
        qst__put_u16(out, x);
    }
    return status;
}

static qst_status put_4(qst_pg_bytes *out, uint32_t x, qst_err *err)
{
    const qst_status status = qst__put_room(out, 8, err);
    if (status == QST_OK) {
        qst__put_u32(out, 4);
        qst__put_u32(out, x);
    }
    return status;
}

static qst_status put_8(qst_pg_bytes *out, uint64_t x, qst_err *err)
{
    const qst_status status = qst__put_room(out, 12, err);
    if (status == QST_OK) {
        qst__put_u32(out, 8);
        qst__put_u64(out, x);
    }
    return status;
}

static qst_status put_double(qst_pg_bytes *out, double x, qst_err *err)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return put_8(out, bits, err);
}

static qst_status refuse(double value, const char *why, qst_err *err)
{
    return qst__fail_at(err, QST_ERANGE, -1, -1, value, "%s", why);
}

/* ---- What a cell holds ---- */

static int32_t int_at(const qst_pg_cells *cells, ptrdiff_t row)
{
    return ((const int32_t *)cells->data)[row];
}

static double double_at(const qst_pg_cells *cells, ptrdiff_t row)
{
    return ((const double *)cells->data)[row];
}

static int64_t int64_at(const qst_pg_cells *cells, ptrdiff_t row)
{
    return ((const int64_t *)cells->data)[row];
}

static const qst_pg_text *text_at(const qst_pg_cells *cells, ptrdiff_t row)
{
    return &((const qst_pg_text *)cells->data)[row];
}

static bool is_missing(const qst_pg_cells *cells, ptrdiff_t row)
{
    switch (cells->source) {
    case QST_PG_FROM_INT:
        return int_at(cells, row) == QST_NA_INT;
    case QST_PG_FROM_DOUBLE:
        return qst_is_na_real(double_at(cells, row));
    case QST_PG_FROM_INT64:
        return int64_at(cells, row) == INT64_MIN;
    case QST_PG_FROM_BYTES:
        return text_at(cells, row)->n_bytes < 0;
    default:
        return ((const qst_pg_cells *)cells->data)[row].n < 0;
    }
}

/* haven's tagged missing values (its tagged_na.c) are R's NA with a letter in the fifth byte. */
static qst_status check_missing(const qst_pg_cells *cells, ptrdiff_t row, qst_err *err)
{
    if (cells->source != QST_PG_FROM_DOUBLE) {
        return QST_OK;
    }
    uint64_t bits;
    memcpy(&bits, (const double *)cells->data + row, sizeof bits);
    const char tag = (char)(bits >> 32);
    return tag == 0 ? QST_OK
                    : qst__fail_at(err, QST_ERANGE, -1, -1, (double)NAN,
                          "a missing value with the tag \"%c\" would become NULL", tag);
}

/* The number of an INT or DOUBLE cell. */
static double number_at(const qst_pg_cells *cells, ptrdiff_t row)
{
    return cells->source == QST_PG_FROM_INT ? int_at(cells, row) : double_at(cells, row);
}

/* ---- Whole numbers ---- */

static qst_status whole_at(const qst_pg_cells *cells, ptrdiff_t row, int64_t min, int64_t max,
    int64_t *x_out, qst_err *err)
{
    if (cells->source == QST_PG_FROM_DOUBLE) {
        const double x = double_at(cells, row);
        if (isnan(x) || x != floor(x)) {
            return refuse(x, isnan(x) ? "NaN is not a whole number" : "it is not whole", err);
        }
        if (!(x >= -0x1p63 && x < 0x1p63)) {
            return refuse(x, "it is beyond the whole numbers of 8 bytes", err);
        }
        *x_out = (int64_t)x;
    } else {
        *x_out = cells->source == QST_PG_FROM_INT ? int_at(cells, row) : int64_at(cells, row);
    }
    if (*x_out < min || *x_out > max) {
        return qst__fail_at(err, QST_ERANGE, -1, -1, (double)*x_out,
            "the column holds %" PRId64 " to %" PRId64, min, max);
    }
    return QST_OK;
}

static qst_status encode_bool(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    int64_t x;
    qst_status status = whole_at(cells, row, 0, 1, &x, err);
    if (status == QST_OK) {
        status = qst__put_room(out, 5, err);
    }
    if (status == QST_OK) {
        const unsigned char byte = (unsigned char)x;
        qst__put_u32(out, 1);
        qst__put_bytes(out, &byte, 1);
    }
    return status;
}

static qst_status encode_int2(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    int64_t x;
    const qst_status status = whole_at(cells, row, INT16_MIN, INT16_MAX, &x, err);
    return status == QST_OK ? put_2(out, (uint16_t)x, err) : status;
}

static qst_status encode_int4(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    int64_t x;
    const qst_status status = whole_at(cells, row, INT32_MIN, INT32_MAX, &x, err);
    return status == QST_OK ? put_4(out, (uint32_t)x, err) : status;
}

static qst_status encode_int8(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    int64_t x;
    const qst_status status = whole_at(cells, row, INT64_MIN, INT64_MAX, &x, err);
    return status == QST_OK ? put_8(out, (uint64_t)x, err) : status;
}

/* ---- Numbers with a point ---- */

static qst_status inexact_at(const qst_pg_cells *cells, ptrdiff_t row, double *x_out, qst_err *err)
{
    if (cells->source != QST_PG_FROM_INT64) {
        *x_out = number_at(cells, row);
        return QST_OK;
    }
    const int64_t x = int64_at(cells, row);
    *x_out = (double)x;
    const bool is_exact = *x_out < 0x1p63 && (int64_t)*x_out == x;
    return is_exact ? QST_OK : refuse(*x_out, "a double cannot hold all its digits", err);
}

static qst_status encode_float8(const qst_pg_cells *cells, const qst_pg_target *target,
    ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    double x;
    const qst_status status = inexact_at(cells, row, &x, err);
    return status == QST_OK ? put_double(out, x, err) : status;
}

static qst_status encode_float4(const qst_pg_cells *cells, const qst_pg_target *target,
    ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    double x;
    const qst_status status = inexact_at(cells, row, &x, err);
    if (status != QST_OK) {
        return status;
    }
    /* A double beyond the range of float has no conversion in C. */
    const bool fits = !(fabs(x) > 0x1.fffffep127) || isinf(x);
    const float narrow = fits ? (float)x : 0.0F;
    if (!isnan(x) && (double)narrow != x) {
        return refuse(x, "single precision cannot hold all its digits", err);
    }
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return put_4(out, bits, err);
}

static qst_status encode_numeric(const qst_pg_cells *cells, const qst_pg_target *target,
    ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    const qst_pg_text *text;
    switch (cells->source) {
    case QST_PG_FROM_INT:
        return qst__put_numeric_whole(out, int_at(cells, row), target->limit, err);
    case QST_PG_FROM_INT64:
        return qst__put_numeric_whole(out, int64_at(cells, row), target->limit, err);
    case QST_PG_FROM_DOUBLE:
        return qst__put_numeric_double(out, double_at(cells, row), target->limit, err);
    default:
        text = text_at(cells, row);
        return qst__put_numeric_text(out, text->bytes, (size_t)text->n_bytes, target->limit, err);
    }
}

/* ---- Days and times ---- */

static qst_status encode_date(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    const double x = number_at(cells, row);
    if (isinf(x)) {
        return put_4(out, (uint32_t)(x > 0 ? INT32_MAX : INT32_MIN), err);
    }
    const double day = x - EPOCH_DAYS;
    if (isnan(x) || x != floor(x)) {
        return refuse(x, isnan(x) ? "NaN is not a day" : "it is not a whole day", err);
    }
    if (!(day >= FIRST_DAY && day < END_DAY)) {
        return refuse(x, "the column holds 4714-11-24 BC to 5874897-12-31", err);
    }
    return put_4(out, (uint32_t)(int32_t)day, err);
}

/* Whole seconds and microseconds more: the nearest ones, if they say what the double does (read
 * back, they differ by no more than two units in its last place) and the column keeps them. */
static qst_status microseconds_of(double seconds, int32_t limit, double parts_out[2], qst_err *err)
{
    if (isnan(seconds)) {
        return refuse(seconds, "NaN is not a time", err);
    }
    /* Whole seconds by themselves: together with the rest, which is exact, they may need more than
     * 53 bits. */
    const double whole = trunc(seconds), rest = seconds - whole;
    const double part = nearbyint(rest * 1e6);
    const double unit = nextafter(fabs(seconds), (double)INFINITY) - fabs(seconds);
    if (fabs(part / 1e6 - rest) > 2.5 * unit) {
        return refuse(seconds, "it is not a whole number of microseconds", err);
    }
    double kept = 1;
    for (int32_t digits = 6; limit != QST_NA_INT && digits > limit; digits--) {
        kept *= 10;
    }
    if (fmod(part, kept) != 0) {
        return refuse(seconds, "the column keeps fewer digits of a second", err);
    }
    parts_out[0] = whole;
    parts_out[1] = part;
    return QST_OK;
}

static qst_status encode_time(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    const double x = number_at(cells, row);
    if (x < 0 || x > DAY_SECONDS) {
        return refuse(x, "a time of day has 0 to 86400 seconds", err);
    }
    double parts[2];
    const qst_status status = microseconds_of(x, target->limit, parts, err);
    return status == QST_OK ? put_8(out, (uint64_t)(parts[0] * 1e6 + parts[1]), err) : status;
}

static qst_status encode_timestamp(const qst_pg_cells *cells, const qst_pg_target *target,
    ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    const double x = number_at(cells, row);
    if (isinf(x)) {
        return put_8(out, (uint64_t)(x > 0 ? INT64_MAX : INT64_MIN), err);
    }
    double parts[2];
    const qst_status status = microseconds_of(x, target->limit, parts, err);
    if (status != QST_OK) {
        return status;
    }
    const double seconds = parts[0] - EPOCH_DAYS * DAY_SECONDS;
    if (!(seconds * 1e6 >= FIRST_TIMESTAMP && seconds * 1e6 < END_TIMESTAMP)) {
        return refuse(x, "the column holds 4714-11-24 BC to the year 294276", err);
    }
    return put_8(out, (uint64_t)((int64_t)seconds * 1000000 + (int64_t)parts[1]), err);
}

/* ---- Texts and bytes ---- */

static qst_status put_value(
    qst_pg_bytes *out, const void *bytes, ptrdiff_t n_bytes, bool has_version, qst_err *err)
{
    if (n_bytes > MAX_BYTES) {
        return qst__fail(err, QST_ERANGE, "%td bytes are more than a value may have", n_bytes);
    }
    const size_t n = (size_t)n_bytes + has_version;
    const qst_status status = qst__put_room(out, 4 + n, err);
    if (status == QST_OK) {
        qst__put_u32(out, (uint32_t)n);
        qst__put_bytes(out, "\1", has_version);
        qst__put_bytes(out, bytes, (size_t)n_bytes);
    }
    return status;
}

/* Characters of valid UTF-8: bytes that do not continue one. */
static ptrdiff_t count_characters(const qst_pg_text *text)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < text->n_bytes; i++) {
        n += ((unsigned char)text->bytes[i] & 0xC0) != 0x80;
    }
    return n;
}

static qst_status check_text(const qst_pg_text *text, int32_t limit, qst_err *err)
{
    const size_t n = (size_t)text->n_bytes;
    const size_t fault = qst__utf8_fault((const unsigned char *)text->bytes, n);
    if (fault < n) {
        const unsigned byte = (unsigned char)text->bytes[fault];
        return qst__fail(err, QST_ERANGE,
            byte == 0 ? "byte %zu is NUL, which no text of the server holds"
                      : "byte %zu (0x%02x) is not valid UTF-8",
            fault + 1, byte);
    }
    if (limit != QST_NA_INT && text->n_bytes > limit) {
        const ptrdiff_t n_characters = count_characters(text);
        if (n_characters > limit) {
            return qst__fail(err, QST_ERANGE,
                "it has %td characters, and the column holds %" PRId32, n_characters, limit);
        }
    }
    return QST_OK;
}

static qst_status encode_text(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    const qst_pg_text *text = text_at(cells, row);
    const qst_status status = check_text(text, target->limit, err);
    return status == QST_OK
               ? put_value(out, text->bytes, text->n_bytes, target->format == QST_PG_JSONB, err)
               : status;
}

static qst_status encode_bytea(const qst_pg_cells *cells, const qst_pg_target *target,
    ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    const qst_pg_text *bytes = text_at(cells, row);
    return put_value(out, bytes->bytes, bytes->n_bytes, false, err);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const int lower = (unsigned char)c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool read_uuid(const qst_pg_text *text, unsigned char uuid_out[16])
{
    const bool has_hyphens = text->n_bytes == 36;
    const char *at = text->bytes;
    for (int k = 0; k < 16 && (has_hyphens || text->n_bytes == 32); k++, at += 2) {
        if (has_hyphens && (k == 4 || k == 6 || k == 8 || k == 10) && *at++ != '-') {
            return false;
        }
        const int high = hex_digit(at[0]), low = hex_digit(at[1]);
        if (high < 0 || low < 0) {
            return false;
        }
        uuid_out[k] = (unsigned char)(16 * high + low);
    }
    return has_hyphens || text->n_bytes == 32;
}

static qst_status encode_uuid(const qst_pg_cells *cells, const qst_pg_target *target, ptrdiff_t row,
    qst_pg_bytes *out, qst_err *err)
{
    (void)target;
    unsigned char uuid[16] = {0};
    if (!read_uuid(text_at(cells, row), uuid)) {
        return qst__fail(err, QST_ERANGE, "it is not a UUID of 32 hexadecimal digits");
    }
    return put_value(out, uuid, sizeof uuid, false, err);
}

/* ---- Which encoder ---- */

static encoder scalar_encoder(qst_pg_source source, qst_pg_format format)
{
    const bool is_number = source == QST_PG_FROM_INT || source == QST_PG_FROM_DOUBLE;
    const bool is_any_number = is_number || source == QST_PG_FROM_INT64;
    const bool is_bytes = source == QST_PG_FROM_BYTES;
    switch (format) {
    case QST_PG_BOOL:
        return source == QST_PG_FROM_INT ? encode_bool : NULL;
    case QST_PG_INT2:
        return is_any_number ? encode_int2 : NULL;
    case QST_PG_INT4:
        return is_any_number ? encode_int4 : NULL;
    case QST_PG_INT8:
        return is_any_number ? encode_int8 : NULL;
    case QST_PG_FLOAT4:
        return is_any_number ? encode_float4 : NULL;
    case QST_PG_FLOAT8:
        return is_any_number ? encode_float8 : NULL;
    case QST_PG_NUMERIC:
        return is_any_number || is_bytes ? encode_numeric : NULL;
    case QST_PG_DATE:
        return is_number ? encode_date : NULL;
    case QST_PG_TIME:
        return is_number ? encode_time : NULL;
    case QST_PG_TIMESTAMP:
        return is_number ? encode_timestamp : NULL;
    case QST_PG_TEXT:
    case QST_PG_JSONB:
        return is_bytes ? encode_text : NULL;
    case QST_PG_UUID:
        return is_bytes ? encode_uuid : NULL;
    case QST_PG_BYTEA:
        return is_bytes ? encode_bytea : NULL;
    default:
        return NULL;
    }
}

static qst_status encode_cell(const qst_pg_cells *cells, const qst_pg_target *target,
    encoder encode, ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    if (is_missing(cells, row)) {
        const qst_status status = check_missing(cells, row, err);
        return status == QST_OK ? put_missing(out, err) : status;
    }
    return encode(cells, target, row, out, err);
}

/* ---- Arrays ---- */

enum { MAX_DIMS = 6 }; /* the server's */

/* The elements of an array of several dimensions, the last index running fastest: `index` counts
 * them as the server does, the return value is where R has that element. */
static ptrdiff_t place_of(const qst_pg_cells *cells, ptrdiff_t index)
{
    ptrdiff_t stride = cells->n, place = 0;
    for (int d = cells->n_dims - 1; d >= 0; d--) {
        stride /= cells->dims[d];
        place += index % cells->dims[d] * stride;
        index /= cells->dims[d];
    }
    return place;
}

static qst_status put_array_head(
    const qst_pg_cells *cells, const qst_pg_target *target, qst_pg_bytes *out, qst_err *err)
{
    const int n_dims = cells->n == 0 ? 0 : cells->n_dims == 0 ? 1 : cells->n_dims;
    if (n_dims > MAX_DIMS || cells->n > INT32_MAX) {
        return qst__fail(
            err, QST_ERANGE, "the server's arrays have up to 6 dimensions and 2147483647 elements");
    }
    const qst_status status = qst__put_room(out, 12 + 8 * (size_t)n_dims, err);
    if (status != QST_OK) {
        return status;
    }
    bool has_missing = false;
    for (ptrdiff_t i = 0; i < cells->n && !has_missing; i++) {
        has_missing = is_missing(cells, i);
    }
    qst__put_u32(out, (uint32_t)n_dims);
    qst__put_u32(out, has_missing);
    qst__put_u32(out, target->element_oid);
    for (int d = 0; d < n_dims; d++) {
        qst__put_u32(out, (uint32_t)(cells->n_dims == 0 ? cells->n : cells->dims[d]));
        qst__put_u32(out, 1);
    }
    return QST_OK;
}

static qst_status put_elements(
    const qst_pg_cells *cells, const qst_pg_target *target, qst_pg_bytes *out, qst_err *err)
{
    const qst_pg_target element = {.format = target->format, .limit = target->limit};
    const encoder encode = scalar_encoder(cells->source, target->format);
    if (cells->n > 0 && encode == NULL) {
        return qst__fail(err, QST_ERANGE, "its elements are of another type than the column's");
    }
    for (ptrdiff_t i = 0; i < cells->n; i++) {
        const ptrdiff_t place = cells->n_dims > 1 ? place_of(cells, i) : i;
        const qst_status status = encode_cell(cells, &element, encode, place, out, err);
        if (status != QST_OK) {
            if (err != NULL) {
                err->iteration = place;
            }
            return status;
        }
    }
    return QST_OK;
}

static qst_status encode_array(const qst_pg_cells *cells, const qst_pg_target *target,
    ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    const qst_pg_cells *elements = &((const qst_pg_cells *)cells->data)[row];
    qst_status status = qst__put_room(out, 4, err);
    if (status != QST_OK) {
        return status;
    }
    const size_t start = out->n;
    qst__put_u32(out, 0);
    status = put_array_head(elements, target, out, err);
    if (status == QST_OK) {
        status = put_elements(elements, target, out, err);
    }
    const size_t n_bytes = out->n - start - 4;
    if (status == QST_OK && n_bytes > MAX_BYTES) {
        status = qst__fail(err, QST_ERANGE, "%zu bytes are more than a value may have", n_bytes);
    }
    if (status == QST_OK) {
        const size_t end = out->n;
        out->n = start;
        qst__put_u32(out, (uint32_t)n_bytes);
        out->n = end;
    }
    return status;
}

/* ---- Rows ---- */

static encoder encoder_of(qst_pg_source source, const qst_pg_target *target)
{
    if (!target->is_array) {
        return scalar_encoder(source, target->format);
    }
    bool has_elements = false;
    for (int element = 0; element < QST_PG_FROM_LIST; element++) {
        has_elements |= scalar_encoder((qst_pg_source)element, target->format) != NULL;
    }
    return source == QST_PG_FROM_LIST && has_elements ? encode_array : NULL;
}

bool qst_pg_can_encode(qst_pg_source source, const qst_pg_target *target)
{
    return encoder_of(source, target) != NULL;
}

qst_status qst_pg_encode_begin(qst_pg_bytes *out, qst_err *err)
{
    static const char signature[] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', '\377', '\r', '\n', '\0'};
    const qst_status status = qst__put_room(out, sizeof signature + 8, err);
    if (status == QST_OK) {
        qst__put_bytes(out, signature, sizeof signature);
        qst__put_u64(out, 0); /* no flags, no more header */
    }
    return status;
}

qst_status qst_pg_encode_end(qst_pg_bytes *out, qst_err *err)
{
    const qst_status status = qst__put_room(out, 2, err);
    if (status == QST_OK) {
        qst__put_u16(out, UINT16_MAX);
    }
    return status;
}

static qst_status encode_row(const qst_pg_encoded *columns, const encoder *encoders,
    ptrdiff_t n_columns, ptrdiff_t row, qst_pg_bytes *out, qst_err *err)
{
    qst_status status = qst__put_room(out, 2, err);
    if (status == QST_OK) {
        qst__put_u16(out, (uint16_t)n_columns);
    }
    for (ptrdiff_t j = 0; status == QST_OK && j < n_columns; j++) {
        status = encode_cell(&columns[j].cells, &columns[j].target, encoders[j], row, out, err);
        if (status != QST_OK && err != NULL) {
            err->row = row;
            err->column = j;
        }
    }
    return status;
}

static qst_status choose_encoders(const qst_pg_encoded *columns, ptrdiff_t n_columns,
    ptrdiff_t n_rows, encoder *encoders_out, qst_err *err)
{
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        encoders_out[j] = encoder_of(columns[j].cells.source, &columns[j].target);
        if (encoders_out[j] == NULL) {
            return qst__fail_at(err, QST_EARGUMENT, -1, j, (double)NAN,
                "column %td cannot be written as the type of its target", j + 1);
        }
        if (columns[j].cells.n < n_rows) {
            return qst__fail_at(err, QST_EDIMENSION, -1, j, (double)NAN,
                "column %td has fewer than %td rows", j + 1, n_rows);
        }
    }
    return QST_OK;
}

qst_status qst_pg_encode_rows(const qst_pg_encoded *columns, ptrdiff_t n_columns, ptrdiff_t first,
    ptrdiff_t n_rows, size_t enough_bytes, qst_pg_bytes *out, ptrdiff_t *next_out, qst_err *err)
{
    if (n_columns < 0 || n_columns > INT16_MAX) {
        return qst__fail(err, QST_EDIMENSION, "%td columns: COPY takes 0 to 32767", n_columns);
    }
    const qst_ctx ctx = {.allocator = *out->allocator};
    qst__arena arena;
    qst__arena_init(&arena, &ctx);
    encoder *encoders;
    qst_status status = qst__arena_array(&arena, n_columns, sizeof *encoders, &encoders, err);
    if (status == QST_OK) {
        status = choose_encoders(columns, n_columns, n_rows, encoders, err);
    }
    ptrdiff_t row = first;
    while (status == QST_OK && row < n_rows && out->n < enough_bytes) {
        status = encode_row(columns, encoders, n_columns, row, out, err);
        row += status == QST_OK;
    }
    *next_out = row;
    qst__arena_free(&arena);
    return status;
}
