#include "pg/framing.h"

#include "pg/decode.h"

#include <string.h>

/* The signature, 32 bits of flags and the length of an extension, as COPY's manual page has them:
 * the high flags change how rows are read, and there are none that could be set. */
static const unsigned char signature[] = "PGCOPY\n\377\r\n"; /* and the zero that ends it */

enum { N_SIGNATURE = sizeof signature, N_HEADER = N_SIGNATURE + 8 };

static qst_status malformed(qst_err *err, const char *what)
{
    return qst__fail(err, QST_EPROTOCOL, "the rows came %s", what);
}

qst_status qst__row_bytes_begin(qst__row_bytes *bytes, qst_err *err)
{
    const ptrdiff_t n = bytes->end - bytes->at;
    if (n < N_HEADER || memcmp(bytes->at, signature, N_SIGNATURE) != 0) {
        return malformed(err, "without the signature of binary COPY");
    }
    const uint32_t flags = qst__get_u32(bytes->at + N_SIGNATURE);
    const uint32_t n_extension = qst__get_u32(bytes->at + N_SIGNATURE + 4);
    if (flags >> 16 != 0 || n_extension > (uint64_t)(n - N_HEADER)) {
        return malformed(err, "with flags or an extension that are not known");
    }
    bytes->at += N_HEADER + (ptrdiff_t)n_extension;
    return QST_OK;
}

/* How many values a row says it has; -1 ends the rows. */
static qst_status read_count(qst__row_bytes *bytes, int *count_out, qst_err *err)
{
    if (bytes->end - bytes->at < 2) {
        return malformed(err, "cut short");
    }
    *count_out = qst__get_i16(bytes->at);
    bytes->at += 2;
    return QST_OK;
}

qst_status qst__row_bytes_add(qst__row_bytes *bytes, qst_pg_column *const *columns,
    ptrdiff_t n_columns, bool *is_end_out, qst_err *err)
{
    int count = 0;
    qst_status status = read_count(bytes, &count, err);
    *is_end_out = status == QST_OK && count == -1;
    if (status != QST_OK || *is_end_out) {
        return status;
    }
    if (count != n_columns) {
        return malformed(err, "with another number of columns than was announced");
    }
    const unsigned char *at = bytes->at;
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        const ptrdiff_t n_left = bytes->end - at;
        const int32_t n_bytes = n_left < 4 ? -2 : qst__get_i32(at);
        if (n_bytes < -1 || n_bytes > n_left - 4) {
            return malformed(err, "cut short");
        }
        status = qst_pg_column_add(columns[j], at + 4, n_bytes, err);
        if (status != QST_OK) {
            if (err != NULL) {
                err->column = j;
            }
            return status;
        }
        at += 4 + (n_bytes > 0 ? n_bytes : 0);
    }
    bytes->at = at;
    return QST_OK;
}
