/*
 * Fuzzes the encoder of rows for COPY: any cells, each block of exactly its
 * size, for any target. Whatever comes is refused with a text, a row and a
 * column, or is framed as the server wants it and means the same to the
 * decoder: the same number, day, text or bytes, missing where it was missing.
 */
#include "pg/column.h"
#include "pg/encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 12, ELEMENT_OID = 7 };

static void insist(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* ---- Cells from bytes ---- */

typedef struct {
    const uint8_t *bytes;
    size_t n;
} source;

static uint8_t next_byte(source *s)
{
    if (s->n == 0) {
        return 0;
    }
    s->n--;
    return *s->bytes++;
}

static void next_bytes(source *s, void *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)out)[i] = next_byte(s);
    }
}

static void *block(size_t n_bytes)
{
    void *memory = malloc(n_bytes > 0 ? n_bytes : 1);
    insist(memory != NULL);
    return memory;
}

static qst_pg_text next_text(source *s)
{
    const uint8_t n = next_byte(s);
    if (n == 255) {
        return (qst_pg_text){NULL, -1};
    }
    char *bytes = block(n);
    next_bytes(s, bytes, n);
    return (qst_pg_text){bytes, n};
}

/* Any double, or one that people have: some number of cents, seconds or days. */
static double next_double(source *s)
{
    double x;
    int32_t small;
    if (next_byte(s) % 4 == 0) {
        next_bytes(s, &x, sizeof x);
        return x;
    }
    next_bytes(s, &small, sizeof small);
    return (double)small / (small % 2 == 0 ? 1.0 : 100.0);
}

static qst_pg_cells next_cells(source *s, qst_pg_source from, ptrdiff_t n)
{
    const size_t sizes[] = {4, 8, 8, sizeof(qst_pg_text)};
    char *data = block((size_t)n * sizes[from]);
    for (ptrdiff_t i = 0; i < n; i++) {
        const double x = from == QST_PG_FROM_DOUBLE ? next_double(s) : 0;
        if (from == QST_PG_FROM_BYTES) {
            ((qst_pg_text *)(void *)data)[i] = next_text(s);
        } else if (from == QST_PG_FROM_DOUBLE) {
            memcpy(data + 8 * i, &x, sizeof x);
        } else {
            next_bytes(s, data + (size_t)i * sizes[from], sizes[from]);
        }
    }
    return (qst_pg_cells){.source = from, .data = data, .n = n};
}

/* A vector or a matrix of elements, or none. */
static qst_pg_cells next_row(source *s, qst_pg_source from)
{
    const uint8_t code = next_byte(s);
    if (code == 255) {
        return (qst_pg_cells){.source = from, .n = -1};
    }
    const int32_t sides[] = {code % 4, code / 4 % 3};
    if (code < 128) {
        return next_cells(s, from, sides[0]);
    }
    int32_t *dims = block(sizeof sides);
    memcpy(dims, sides, sizeof sides);
    qst_pg_cells cells = next_cells(s, from, sides[0] * sides[1]);
    cells.dims = dims;
    cells.n_dims = 2;
    return cells;
}

static void free_cells(const qst_pg_cells *cells)
{
    for (ptrdiff_t i = 0; i < cells->n && cells->source == QST_PG_FROM_BYTES; i++) {
        free((void *)((const qst_pg_text *)cells->data)[i].bytes);
    }
    for (ptrdiff_t i = 0; i < cells->n && cells->source == QST_PG_FROM_LIST; i++) {
        free_cells(&((const qst_pg_cells *)cells->data)[i]);
    }
    free((void *)cells->dims);
    free((void *)cells->data);
}

/* ---- What the decoder makes of it ---- */

static bool same_number(double x, double back)
{
    return isnan(x) ? isnan(back) && qst_is_na_real(x) == qst_is_na_real(back) : x == back;
}

static void check_double(const qst_pg_encoded *column, ptrdiff_t row, double back)
{
    const void *data = column->cells.data;
    if (column->cells.source == QST_PG_FROM_INT64) {
        const int64_t x = ((const int64_t *)data)[row];
        const bool is_exact = x > -(INT64_C(1) << 53) && x < INT64_C(1) << 53;
        insist(x == INT64_MIN ? qst_is_na_real(back) : !is_exact || back == (double)x);
        return;
    }
    const int32_t whole =
        column->cells.source == QST_PG_FROM_INT ? ((const int32_t *)data)[row] : 0;
    const double x = column->cells.source == QST_PG_FROM_DOUBLE ? ((const double *)data)[row]
                     : whole == QST_NA_INT                      ? qst_na_real()
                                                                : whole;
    const qst_pg_format format = column->target.format;
    if ((format == QST_PG_TIME || format == QST_PG_TIMESTAMP) && isfinite(x)) {
        const double unit = nextafter(fabs(x), (double)INFINITY) - fabs(x);
        insist(fabs(back - x) <= 3 * unit);
    } else {
        insist(same_number(x, back));
    }
}

static void check_text(const qst_pg_encoded *column, ptrdiff_t row, const char *back, ptrdiff_t n)
{
    const qst_pg_text *text = &((const qst_pg_text *)column->cells.data)[row];
    if (column->target.format != QST_PG_UUID && column->target.format != QST_PG_NUMERIC) {
        insist(n == text->n_bytes && (n <= 0 || memcmp(back, text->bytes, (size_t)n) == 0));
    }
    insist((n < 0) == (text->n_bytes < 0));
}

static void check_value(
    const qst_pg_encoded *column, qst_pg_column *decoded, const void *values, ptrdiff_t row)
{
    ptrdiff_t n_bytes = -1;
    const int32_t code = ((const int32_t *)values)[row];
    const char *text;
    switch (qst_pg_column_kind(decoded)) {
    case QST_PG_AS_LOGICAL:
    case QST_PG_AS_INT:
        check_double(column, row, code == QST_NA_INT ? qst_na_real() : code);
        break;
    case QST_PG_AS_DOUBLE:
        check_double(column, row, ((const double *)values)[row]);
        break;
    case QST_PG_AS_TEXT:
        text = code == QST_NA_INT ? NULL : qst_pg_column_text(decoded, code, &n_bytes);
        check_text(column, row, text, n_bytes);
        break;
    case QST_PG_AS_BYTES:
        text = (const char *)qst_pg_column_bytes(decoded, row, &n_bytes);
        check_text(column, row, text, text == NULL ? -1 : n_bytes);
        break;
    default: /* 64 bits, compared by the server's text in the tests of R; lists */
        break;
    }
}

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Smallest integers have no place in R's columns: those alone may be refused. */
static bool decode(const qst_pg_bytes *out, qst_pg_column *decoded, ptrdiff_t n_rows)
{
    size_t at = 0;
    for (ptrdiff_t row = 0; row < n_rows; row++) {
        insist(out->n - at >= 6 && out->data[at] == 0 && out->data[at + 1] == 1);
        const int32_t n_bytes = (int32_t)get_u32(out->data + at + 2);
        at += 6;
        insist(n_bytes >= -1 && (n_bytes == -1 || (size_t)n_bytes <= out->n - at));
        const qst_status status = qst_pg_column_add(decoded, out->data + at, n_bytes, NULL);
        insist(status == QST_OK || status == QST_ERANGE);
        if (status != QST_OK) {
            return false;
        }
        at += n_bytes > 0 ? (size_t)n_bytes : 0;
    }
    insist(at == out->n);
    return true;
}

static void check_rows(const qst_pg_encoded *column, const qst_pg_bytes *out, ptrdiff_t n_rows)
{
    const qst_pg_rule rule = {.format = column->target.format,
        .is_array = column->target.is_array,
        .element_oid = column->target.element_oid,
        .bigint = QST_PG_BIGINT_DOUBLE,
        .numeric =
            column->cells.source == QST_PG_FROM_BYTES ? QST_PG_NUMERIC_TEXT : QST_PG_NUMERIC_DOUBLE,
        .infinity = QST_PG_INFINITY_KEEP};
    qst_pg_column *decoded;
    insist(qst_pg_column_new(NULL, &rule, &decoded, NULL) == QST_OK);
    if (decode(out, decoded, n_rows) && !rule.is_array) {
        double values[MAX_ROWS] = {0};
        if (qst_pg_column_kind(decoded) != QST_PG_AS_BYTES) {
            qst_pg_column_take(decoded, values);
        }
        for (ptrdiff_t row = 0; row < n_rows; row++) {
            check_value(column, decoded, values, row);
        }
    }
    qst_pg_column_free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    source s = {bytes, size};
    const qst_pg_source from = (qst_pg_source)(next_byte(&s) % 4);
    const uint8_t shape = next_byte(&s), limit = next_byte(&s);
    qst_pg_encoded column = {.target = {.format = (qst_pg_format)(shape % QST_PG_N_FORMATS),
                                 .is_array = shape >= 128,
                                 .element_oid = ELEMENT_OID,
                                 .limit = limit < 128 ? QST_NA_INT : (int8_t)(limit - 160)}};
    const ptrdiff_t n_rows = next_byte(&s) % MAX_ROWS;
    if (column.target.is_array) {
        qst_pg_cells *rows = block((size_t)n_rows * sizeof *rows);
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            rows[i] = next_row(&s, from);
        }
        column.cells = (qst_pg_cells){.source = QST_PG_FROM_LIST, .data = rows, .n = n_rows};
    } else {
        column.cells = next_cells(&s, from, n_rows);
    }
    qst_pg_bytes out;
    qst_pg_bytes_init(&out, NULL);
    qst_err err;
    qst_err_init(&err);
    ptrdiff_t next;
    const qst_status status =
        qst_pg_encode_rows(&column, 1, 0, n_rows, SIZE_MAX, &out, &next, &err);
    if (status == QST_OK) {
        insist(next == n_rows);
        check_rows(&column, &out, n_rows);
    } else {
        insist(err.text[0] != '\0' && err.column == 0);
        insist(status == QST_ERANGE ? err.row == next : status == QST_EARGUMENT);
    }
    qst_pg_bytes_free(&out);
    free_cells(&column.cells);
    return 0;
}
