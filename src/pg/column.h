/*
 * column.h - one column of a result as it grows: bytes as PostgreSQL sends
 * them in binary, decoded to what R holds. Pure functions over bytes: no
 * server, no libpq. Bytes are hostile; a length that does not fit the type is
 * QST_EPROTOCOL, a value that cannot be held QST_ERANGE, both with err->row
 * (err->column is the caller's).
 */
#ifndef QST_PG_COLUMN_H
#define QST_PG_COLUMN_H

#include "qst.h"

/* How values of a server's type are decoded: wire format, name, bytes (-1: any number). */
#define QST_PG_FORMAT_LIST(X)                                                                      \
    X(QST_PG_BOOL, "bool", 1)                                                                      \
    X(QST_PG_INT2, "int2", 2)                                                                      \
    X(QST_PG_INT4, "int4", 4)                                                                      \
    X(QST_PG_INT8, "int8", 8)                                                                      \
    X(QST_PG_OID, "oid", 4)       /* also xid, cid */                                              \
    X(QST_PG_FLOAT4, "float4", 4) /* widened exactly */                                            \
    X(QST_PG_FLOAT8, "float8", 8)                                                                  \
    X(QST_PG_NUMERIC, "numeric", -1)                                                               \
    X(QST_PG_DATE, "date", 4)           /* days since 1970-01-01 */                                \
    X(QST_PG_TIME, "time", 8)           /* seconds since midnight */                               \
    X(QST_PG_TIMETZ, "timetz", 12)      /* text */                                                 \
    X(QST_PG_TIMESTAMP, "timestamp", 8) /* seconds since 1970-01-01 00:00 (UTC) */                 \
    X(QST_PG_INTERVAL, "interval", 16)  /* text, ISO 8601 */                                       \
    X(QST_PG_TEXT, "text", -1)          /* also varchar, bpchar, name, json, xml, enums */         \
    X(QST_PG_JSONB, "jsonb", -1)        /* text */                                                 \
    X(QST_PG_CHAR, "char", 1)           /* the type "char", not char(n): text */                   \
    X(QST_PG_UUID, "uuid", 16)          /* text */                                                 \
    X(QST_PG_BYTEA, "bytea", -1)                                                                   \
    X(QST_PG_VOID, "void", 0) /* always missing */

#define QST_PG_FORMAT_ENUM(name, text, n_bytes) name,
typedef enum { QST_PG_FORMAT_LIST(QST_PG_FORMAT_ENUM) QST_PG_N_FORMATS } qst_pg_format;
#undef QST_PG_FORMAT_ENUM

/* The name of a format as in the list, and the format of that name (QST_PG_N_FORMATS: none). */
const char *qst_pg_format_name(qst_pg_format format);
qst_pg_format qst_pg_format_named(const char *name);

/* What becomes of whole numbers beyond 32 bits. */
typedef enum {
    QST_PG_BIGINT_INT64, /* 64 bits, INT64_MIN missing: bit64's integer64; INT64_MIN itself fails */
    QST_PG_BIGINT_DOUBLE, /* fails where a double cannot hold it */
    QST_PG_BIGINT_INT,    /* fails beyond 32 bits */
    QST_PG_BIGINT_TEXT
} qst_pg_bigint;

typedef enum {
    QST_PG_NUMERIC_DOUBLE, /* the nearest double; those that lose digits are counted */
    QST_PG_NUMERIC_TEXT    /* every digit */
} qst_pg_numeric;

typedef enum {
    QST_PG_INFINITY_FAIL,
    QST_PG_INFINITY_KEEP, /* Inf and -Inf */
    QST_PG_INFINITY_NA
} qst_pg_infinity;

typedef struct {
    qst_pg_format format;
    bool is_array;        /* of elements of that format */
    uint32_t element_oid; /* arrays: what the elements must say they are */
    qst_pg_bigint bigint;
    qst_pg_numeric numeric;
    qst_pg_infinity infinity; /* of dates and times */
} qst_pg_rule;

/* What a column holds; arrays hold a column of their elements. */
typedef enum {
    QST_PG_AS_LOGICAL, /* int32: 0, 1, missing */
    QST_PG_AS_INT,     /* int32 */
    QST_PG_AS_DOUBLE,
    QST_PG_AS_INT64,
    QST_PG_AS_TEXT, /* int32 codes from 0 of distinct texts, missing QST_NA_INT */
    QST_PG_AS_BYTES,
    QST_PG_AS_LIST
} qst_pg_kind;

typedef struct qst_pg_column qst_pg_column;

/*
 * An empty column for values sent as `rule` says, in memory of the context's allocator, which is
 * used until the column is freed. QST_EARGUMENT: no such rule (arrays of void, numbers that are no
 * enumerator); QST_ENOMEM. *column_out is NULL then.
 */
QST_MUST_USE qst_status qst_pg_column_new(
    const qst_ctx *ctx, const qst_pg_rule *rule, qst_pg_column **column_out, qst_err *err);

void qst_pg_column_free(qst_pg_column *column); /* NULL: nothing */

/*
 * Decodes one more value from n_bytes bytes, which are copied; n_bytes below 0 is NULL, and `bytes`
 * is then not read. If it fails the column is as before, and err->row is the row it would have
 * been.
 *   QST_EPROTOCOL  bytes that no server of the protocol sends: a length that does not fit, text
 * that is not UTF-8 or has a NUL, an array whose parts do not add up QST_ERANGE     a value that
 * the rule's kind cannot hold; err->value is near it, the text names it and the cure QST_ENOMEM,
 * QST_EOVERFLOW (2^31 distinct texts) A NaN of the server is never R's NA; the missing value of a
 * kind is never made of a value.
 */
QST_MUST_USE qst_status qst_pg_column_add(
    qst_pg_column *column, const unsigned char *bytes, ptrdiff_t n_bytes, qst_err *err);

qst_pg_kind qst_pg_column_kind(const qst_pg_column *column);

ptrdiff_t qst_pg_column_rows(const qst_pg_column *column);

/* Values that lost digits (a numeric or a time stamp that its double does not give back), infinite
 * dates, times and intervals that were kept or made missing, and the first row of each (-1: none).
 * Of arrays: elements, and the row of the array. */
typedef struct {
    ptrdiff_t n_rounded, first_rounded, n_infinite, first_infinite;
} qst_pg_counts;
qst_pg_counts qst_pg_column_counts(const qst_pg_column *column);

/* Kinds LOGICAL to TEXT: moves the values (int32, double, int64 or codes, by kind) into `out` of
 * qst_pg_column_rows() elements and gives their memory back; the column has no rows then, but keeps
 * its distinct texts. */
void qst_pg_column_take(qst_pg_column *column, void *out);

/* Kind TEXT: distinct texts in order of appearance, 0 <= k < their number; valid UTF-8 without NUL,
 * not terminated. A pointer lasts until the column is freed. */
ptrdiff_t qst_pg_column_n_texts(const qst_pg_column *column);
const char *qst_pg_column_text(const qst_pg_column *column, ptrdiff_t k, ptrdiff_t *n_bytes_out);

/* Kind BYTES: those of a row, 0 <= row < qst_pg_column_rows(); NULL where missing. A pointer lasts
 * until the column is freed. */
const unsigned char *qst_pg_column_bytes(
    const qst_pg_column *column, ptrdiff_t row, ptrdiff_t *n_bytes_out);

/*
 * Kind LIST: the column of the elements of all rows, one after the other, in the server's order
 * (the last index runs fastest); and the dimensions of a row: returned is their number, 0 for an
 * empty array, -1 for a missing one. The elements are the column's own: take them, do not free
 * them.
 */
qst_pg_column *qst_pg_column_elements(qst_pg_column *column);
int qst_pg_column_dims(const qst_pg_column *column, ptrdiff_t row, const int32_t **dims_out);

#endif
