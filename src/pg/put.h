/* What the encoder's own files share; not for callers of the library. */
#ifndef QST_PG_PUT_H
#define QST_PG_PUT_H

#include "base/base.h"
#include "pg/encode.h"

#include <string.h>

/* Room for n bytes more, in which qst__put_*() may then write. QST_ENOMEM, QST_EOVERFLOW. */
QST_MUST_USE qst_status qst__put_room(qst_pg_bytes *out, size_t n, qst_err *err);

/* ---- Big-endian numbers, into room that is there ---- */

static inline void qst__put_u16(qst_pg_bytes *out, uint16_t x)
{
    unsigned char *at = out->data + out->n;
    at[0] = (unsigned char)(x >> 8);
    at[1] = (unsigned char)x;
    out->n += 2;
}

static inline void qst__put_u32(qst_pg_bytes *out, uint32_t x)
{
    qst__put_u16(out, (uint16_t)(x >> 16));
    qst__put_u16(out, (uint16_t)x);
}

static inline void qst__put_u64(qst_pg_bytes *out, uint64_t x)
{
    qst__put_u32(out, (uint32_t)(x >> 32));
    qst__put_u32(out, (uint32_t)x);
}

static inline void qst__put_bytes(qst_pg_bytes *out, const void *bytes, size_t n)
{
    if (n > 0) {
        memcpy(out->data + out->n, bytes, n);
        out->n += n;
    }
}

/* ---- Numbers as the server's numeric: encode_numeric.c ---- */

/* Each appends the length and the value; `limit` as in qst_pg_target. */
QST_MUST_USE qst_status qst__put_numeric_whole(
    qst_pg_bytes *out, int64_t x, int32_t limit, qst_err *err);
QST_MUST_USE qst_status qst__put_numeric_double(
    qst_pg_bytes *out, double x, int32_t limit, qst_err *err);
QST_MUST_USE qst_status qst__put_numeric_text(
    qst_pg_bytes *out, const char *text, size_t n_bytes, int32_t limit, qst_err *err);

#endif
