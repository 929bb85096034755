#include "pg/decode.h"

#include <math.h>
#include <string.h>

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
    return qst__fail_at(err, QST_EPROTOCOL, qst__column_row(column), -1, (double)NAN,
        "the server sent an array %s", why);
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
            return qst__fail_at(err, QST_ERANGE, qst__column_row(column), -1, lower,
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
                err->row = qst__column_row(column); /* not the element's */
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
        qst__count(
            &column->counts.n_rounded, &column->counts.first_rounded, qst__column_row(column));
    }
    for (ptrdiff_t k = before->counts.n_infinite; k < now->n_infinite; k++) {
        qst__count(
            &column->counts.n_infinite, &column->counts.first_infinite, qst__column_row(column));
    }
}

qst_status qst__add_array(
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
            return qst__fail_at(err, QST_ENOMEM, qst__column_row(column), -1, (double)NAN,
                "no memory for the dimensions of an array");
        }
        memcpy(dims, head.dims, dims_bytes);
    }
    const mark before = mark_of(column->elements);
    status = add_all_elements(column, &head, err);
    if (status != QST_OK) {
        go_back(column->elements, &before);
        return status;
    }
    const qst__array_row row = {dims, head.n_dims};
    memcpy(column->values.at, &row, sizeof row);
    count_elements(column, &before);
    return QST_OK;
}
