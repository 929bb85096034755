/* What the decoder's own files share; not for callers of the library. */
#ifndef QST_PG_DECODE_H
#define QST_PG_DECODE_H

#include "base/base.h"
#include "pg/column.h"

/* ---- Big-endian numbers, from wherever they stand ---- */

static inline uint16_t qst__get_u16(const unsigned char *b)
{
    return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t qst__get_u32(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

static inline uint64_t qst__get_u64(const unsigned char *b)
{
    return (uint64_t)qst__get_u32(b) << 32 | qst__get_u32(b + 4);
}

static inline int16_t qst__get_i16(const unsigned char *b)
{
    return (int16_t)qst__get_u16(b);
}

static inline int32_t qst__get_i32(const unsigned char *b)
{
    return (int32_t)qst__get_u32(b);
}

static inline int64_t qst__get_i64(const unsigned char *b)
{
    return (int64_t)qst__get_u64(b);
}

/* ---- store.c: bytes that live as long as their column ---- */

typedef struct qst__chunk qst__chunk;

typedef struct {
    const qst_allocator *allocator;
    qst__chunk *chunks;
    unsigned char *at;
    size_t n_left;
    size_t next_size;
} qst__store;

void qst__store_init(qst__store *store, const qst_allocator *allocator);
void qst__store_free(qst__store *store);

/* Room for n bytes; for `is_aligned` where int32 may stand. NULL: no memory. */
void *qst__store_get(qst__store *store, size_t n_bytes, bool is_aligned);

/* ---- values.c: what a column holds for each row, in blocks that never move ---- */

typedef struct {
    char *values;
    ptrdiff_t first, size; /* rows before it, rows it has room for */
} qst__value_block;

/* A value is written to `at`, which then moves by `width`; at == end asks for qst__values_grow().
 */
typedef struct {
    char *at, *end;
    size_t width;
    const qst_allocator *allocator;
    qst__value_block *blocks;
    ptrdiff_t n_blocks, n_room;
} qst__values;

void qst__values_init(qst__values *values, const qst_allocator *allocator, size_t width);
void qst__values_free(qst__values *values);
QST_MUST_USE qst_status qst__values_grow(qst__values *values, qst_err *err);
ptrdiff_t qst__values_n(const qst__values *values);
void *qst__values_at(const qst__values *values, ptrdiff_t row);
void qst__values_truncate(qst__values *values, ptrdiff_t n); /* n: at most what is there */
void qst__values_take(qst__values *values, void *out);       /* and gives the blocks back */

/* ---- texts.c: distinct texts, each kept once ---- */

typedef struct {
    const char *bytes;
    ptrdiff_t n_bytes;
} qst__text;

typedef struct {
    uint32_t hash;
    int32_t code; /* -1: free */
} qst__slot;

/* An open-addressing hash table with linear probing; codes count from 0 in order of appearance. */
typedef struct {
    const qst_allocator *allocator;
    qst__store store;
    qst__text *texts;
    ptrdiff_t n, n_room;
    qst__slot *slots;
    size_t mask; /* slots less one; they are a power of two, or none are there */
} qst__texts;

void qst__texts_init(qst__texts *texts, const qst_allocator *allocator);
void qst__texts_free(qst__texts *texts);

/* The code of a text, which is added if it is new, and then only if it is UTF-8 without NUL.
 * QST_EPROTOCOL: it is not; QST_ENOMEM. Nothing is added then. */
QST_MUST_USE qst_status qst__texts_code(
    qst__texts *texts, const unsigned char *bytes, size_t n_bytes, int32_t *code_out, qst_err *err);

/* Forgets all but the first n. */
void qst__texts_truncate(qst__texts *texts, ptrdiff_t n);

/* ---- utf8.c ---- */

/* The position of the first byte that is NUL or not part of valid UTF-8 (Unicode 15, table 3-7:
 * shortest forms, no surrogates, at most U+10FFFF); n_bytes if there is none. */
size_t qst__utf8_fault(const unsigned char *bytes, size_t n_bytes);

/* ---- numeric.c ---- */

/* The wire form of a numeric, checked: sign and n_digits digits of base 10000, the first of which
 * counts 10000^weight. */
typedef struct {
    enum { QST__NUMERIC_FINITE, QST__NUMERIC_NAN, QST__NUMERIC_INFINITE } what;
    bool is_negative;
    int n_digits, weight, scale;
    const unsigned char *digits; /* two bytes each */
} qst__numeric;

QST_MUST_USE qst_status qst__numeric_read(
    const unsigned char *bytes, ptrdiff_t n_bytes, qst__numeric *numeric_out, qst_err *err);

/* Bytes of work space that the next two need. */
size_t qst__numeric_space(const qst__numeric *numeric);

/* The double nearest to it, ties to even. *is_rounded_out: as many digits as the numeric has
 * (without zeros at either end), printed from that double, are not the numeric's. QST_ERANGE: it is
 * too large for a double. */
QST_MUST_USE qst_status qst__numeric_double(const qst__numeric *numeric, char *space,
    double *value_out, bool *is_rounded_out, qst_err *err);

/* As the server prints it, into `space`; returns the number of bytes. */
size_t qst__numeric_text(const qst__numeric *numeric, char *space);

/* ---- datetime.c ---- */

/* Room for any text of these; each returns the number of bytes. */
enum { QST__TIME_TEXT = 160 };

/* Seconds since 1970 from microseconds since 2000; false if those microseconds do not come back. */
bool qst__timestamp_seconds(int64_t microseconds, double *seconds_out);

/* As the server prints a time of day and its zone (seconds west of Greenwich). */
size_t qst__timetz_text(int64_t microseconds, int32_t zone, char *text_out);

/* As the server prints it with IntervalStyle iso_8601. */
size_t qst__interval_text(int64_t microseconds, int32_t days, int32_t months, char *text_out);

/* ---- column.c, decode.c, array.c: a column ---- */

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
} qst__byte_row;

/* And of kind LIST. */
typedef struct {
    const int32_t *dims;
    int n_dims; /* -1: missing */
} qst__array_row;

/* The row that the next value will be. */
static inline ptrdiff_t qst__column_row(const qst_pg_column *column)
{
    return qst__values_n(&column->values);
}

static inline void qst__count(ptrdiff_t *n, ptrdiff_t *first, ptrdiff_t row)
{
    if (*n == 0) {
        *first = row;
    }
    (*n)++;
}

/* Decodes an array into the place of the next value, or fails and leaves all as it was. */
QST_MUST_USE qst_status qst__add_array(
    qst_pg_column *column, const unsigned char *b, ptrdiff_t n_bytes, qst_err *err);

#endif
