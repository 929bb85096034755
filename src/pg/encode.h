/*
 * encode.h - columns of R as the rows of COPY ... FROM STDIN (FORMAT binary).
 * Pure functions over memory: no server, no libpq. What the target cannot hold
 * without loss is QST_ERANGE, with err->row, err->column, err->value (NaN for
 * texts) and a text without the cure, which the caller knows better.
 */
#ifndef QST_PG_ENCODE_H
#define QST_PG_ENCODE_H

#include "pg/column.h"

/* What lies in memory. */
typedef enum {
    QST_PG_FROM_INT,    /* int32; logicals too. QST_NA_INT: missing */
    QST_PG_FROM_DOUBLE, /* R's NA: missing; other NaN are values */
    QST_PG_FROM_INT64,  /* int64; INT64_MIN: missing */
    QST_PG_FROM_BYTES,  /* qst_pg_text */
    QST_PG_FROM_LIST    /* qst_pg_cells, one a row: the elements of an array */
} qst_pg_source;

typedef struct {
    const char *bytes;
    ptrdiff_t n_bytes; /* -1: missing */
} qst_pg_text;

/* n cells of one source. As a row of a list: n -1 is a missing row, and `dims` are the n_dims
 * dimensions of an R array (first index runs fastest), or n_dims is 0 for a plain vector. */
typedef struct {
    qst_pg_source source;
    const void *data;
    ptrdiff_t n;
    const int32_t *dims;
    int n_dims;
} qst_pg_cells;

/*
 * What the server's column is. `limit`: characters of a text, digits after the
 * point of a numeric (negative ones too), of the seconds of a time or a
 * timestamp; QST_NA_INT: none. Sources that a format takes:
 *   BOOL                 INT: 0, 1
 *   INT2 INT4 INT8       INT, INT64, whole DOUBLE
 *   FLOAT4 FLOAT8        INT, INT64 and DOUBLE that they hold exactly
 *   NUMERIC              INT, INT64; DOUBLE: the fewest of up to 17 digits that give it back;
 *                        BYTES: a decimal number, NaN or Infinity
 *   DATE                 INT, whole DOUBLE: days since 1970-01-01; infinities too
 *   TIME                 INT, DOUBLE: seconds, 0 to 86400
 *   TIMESTAMP            INT, DOUBLE: seconds since 1970-01-01 00:00; infinities too
 *   TEXT JSONB           BYTES: UTF-8 without NUL
 *   UUID                 BYTES: 32 hexadecimal digits, with or without hyphens
 *   BYTEA                BYTES
 * Seconds become the nearest microsecond, and must be that microsecond but for
 * the last two bits of the double: times of a clock pass, 1/3 s does not.
 * A target that is an array takes a LIST of what its elements take.
 */
typedef struct {
    qst_pg_format format;
    bool is_array;
    uint32_t element_oid; /* of arrays */
    int32_t limit;
} qst_pg_target;

bool qst_pg_can_encode(qst_pg_source source, const qst_pg_target *target);

typedef struct {
    qst_pg_cells cells;
    qst_pg_target target;
} qst_pg_encoded;

/* Bytes that grow; `data` belongs to it. */
typedef struct {
    const qst_allocator *allocator;
    unsigned char *data;
    size_t n, room;
} qst_pg_bytes;

void qst_pg_bytes_init(qst_pg_bytes *bytes, const qst_ctx *ctx);
void qst_pg_bytes_free(qst_pg_bytes *bytes);

/* What COPY begins with, and what ends it. */
QST_MUST_USE qst_status qst_pg_encode_begin(qst_pg_bytes *out, qst_err *err);
QST_MUST_USE qst_status qst_pg_encode_end(qst_pg_bytes *out, qst_err *err);

/*
 * Appends rows first, first + 1, ... below n_rows of all columns until there
 * are none left or `out` holds enough_bytes; *next_out is the first one not
 * appended. At most 32767 columns. After a failure what `out` gained is half a
 * row more than whole ones.
 */
QST_MUST_USE qst_status qst_pg_encode_rows(const qst_pg_encoded *columns, ptrdiff_t n_columns,
    ptrdiff_t first, ptrdiff_t n_rows, size_t enough_bytes, qst_pg_bytes *out, ptrdiff_t *next_out,
    qst_err *err);

#endif
