#include "pg/decode.h"

#include <string.h>

enum { FIRST_BLOCK = 64, LARGEST_BLOCK = 65536, FIRST_BLOCKS = 8 };

void qst__values_init(qst__values *values, const qst_allocator *allocator, size_t width)
{
    *values = (qst__values){.allocator = allocator, .width = width};
}

void qst__values_free(qst__values *values)
{
    const qst_allocator *allocator = values->allocator;
    for (ptrdiff_t k = 0; k < values->n_blocks; k++) {
        allocator->release(allocator->data, values->blocks[k].values);
    }
    if (values->blocks != NULL) {
        allocator->release(allocator->data, values->blocks);
    }
    qst__values_init(values, allocator, values->width);
}

static bool room_for_block(qst__values *values)
{
    if (values->n_blocks < values->n_room) {
        return true;
    }
    const ptrdiff_t n_room = values->n_room == 0 ? FIRST_BLOCKS : 2 * values->n_room;
    const size_t size_bytes = (size_t)n_room * sizeof *values->blocks;
    void *data = values->allocator->data;
    qst__value_block *blocks = values->blocks == NULL
                                   ? values->allocator->get(data, size_bytes)
                                   : values->allocator->resize(data, values->blocks, size_bytes);
    if (blocks == NULL) {
        return false;
    }
    values->blocks = blocks;
    values->n_room = n_room;
    return true;
}

static void write_into(qst__values *values, const qst__value_block *block, ptrdiff_t from)
{
    values->at = block->values + (size_t)from * values->width;
    values->end = block->values + (size_t)block->size * values->width;
}

qst_status qst__values_grow(qst__values *values, qst_err *err)
{
    const qst__value_block *last =
        values->n_blocks == 0 ? NULL : &values->blocks[values->n_blocks - 1];
    const ptrdiff_t first = last == NULL ? 0 : last->first + last->size;
    const ptrdiff_t size = last == NULL ? FIRST_BLOCK : qst__min(2 * last->size, LARGEST_BLOCK);
    char *fresh = NULL;
    if (room_for_block(values)) {
        fresh = values->allocator->get(values->allocator->data, (size_t)size * values->width);
    }
    if (fresh == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for row %td of a column", first + 1);
    }
    values->blocks[values->n_blocks] = (qst__value_block){fresh, first, size};
    write_into(values, &values->blocks[values->n_blocks++], 0);
    return QST_OK;
}

ptrdiff_t qst__values_n(const qst__values *values)
{
    if (values->n_blocks == 0) {
        return 0;
    }
    const qst__value_block *last = &values->blocks[values->n_blocks - 1];
    return last->first + (values->at - last->values) / (ptrdiff_t)values->width;
}

void *qst__values_at(const qst__values *values, ptrdiff_t row)
{
    ptrdiff_t low = 0, high = values->n_blocks - 1; /* the block is in low .. high */
    while (low < high) {
        const ptrdiff_t middle = (low + high + 1) / 2;
        if (values->blocks[middle].first <= row) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    const qst__value_block *block = &values->blocks[low];
    return block->values + (size_t)(row - block->first) * values->width;
}

void qst__values_truncate(qst__values *values, ptrdiff_t n)
{
    if (values->n_blocks == 0) {
        return;
    }
    while (values->n_blocks > 1 && values->blocks[values->n_blocks - 1].first >= n) {
        values->n_blocks--;
        values->allocator->release(
            values->allocator->data, values->blocks[values->n_blocks].values);
    }
    const qst__value_block *last = &values->blocks[values->n_blocks - 1];
    write_into(values, last, n - last->first);
}

void qst__values_take(qst__values *values, void *out)
{
    const ptrdiff_t n = qst__values_n(values);
    char *to = out;
    for (ptrdiff_t k = 0; k < values->n_blocks; k++) {
        const qst__value_block *block = &values->blocks[k];
        const size_t n_bytes = (size_t)qst__min(block->size, n - block->first) * values->width;
        if (n_bytes > 0) {
            memcpy(to, block->values, n_bytes);
        }
        to += n_bytes;
        values->allocator->release(values->allocator->data, block->values);
    }
    values->n_blocks = 0;
    values->at = values->end = NULL;
}
