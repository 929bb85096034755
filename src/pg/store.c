#include "pg/decode.h"

enum { FIRST_CHUNK = 4096, LARGEST_CHUNK = 1 << 20, ALIGNMENT = 4 };

struct qst__chunk {
    _Alignas(max_align_t) qst__chunk *next;
};

void qst__store_init(qst__store *store, const qst_allocator *allocator)
{
    *store = (qst__store){.allocator = allocator, .next_size = FIRST_CHUNK};
}

void qst__store_free(qst__store *store)
{
    while (store->chunks != NULL) {
        qst__chunk *chunk = store->chunks;
        store->chunks = chunk->next;
        store->allocator->release(store->allocator->data, chunk);
    }
    qst__store_init(store, store->allocator);
}

static unsigned char *add_chunk(qst__store *store, size_t n_bytes)
{
    if (n_bytes > (size_t)PTRDIFF_MAX - sizeof(qst__chunk)) {
        return NULL;
    }
    qst__chunk *chunk = store->allocator->get(store->allocator->data, sizeof(qst__chunk) + n_bytes);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = store->chunks;
    store->chunks = chunk;
    return (unsigned char *)(chunk + 1);
}

void *qst__store_get(qst__store *store, size_t n_bytes, bool is_aligned)
{
    const size_t skip = is_aligned ? (ALIGNMENT - (uintptr_t)store->at % ALIGNMENT) % ALIGNMENT : 0;
    if (n_bytes > store->next_size / 4) {
        return add_chunk(store, n_bytes); /* what is left of the last chunk is used on */
    }
    if (store->n_left < skip + n_bytes) {
        unsigned char *fresh = add_chunk(store, store->next_size);
        if (fresh == NULL) {
            return NULL;
        }
        store->at = fresh + n_bytes;
        store->n_left = store->next_size - n_bytes;
        if (store->next_size < LARGEST_CHUNK) {
            store->next_size *= 2;
        }
        return fresh;
    }
    unsigned char *room = store->at + skip;
    store->at = room + n_bytes;
    store->n_left -= skip + n_bytes;
    return room;
}
