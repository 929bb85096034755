#include "base/base.h"

#include <stdlib.h>
#include <string.h>

/* Blocks hang in a list, so that one call frees all of them. The header is as large as the
 * strictest alignment asks, so what follows it is aligned too. */
struct qst__block {
    _Alignas(max_align_t) qst__block *next;
};

static void *get(void *data, size_t size_bytes)
{
    (void)data;
    return malloc(size_bytes);
}

static void *resize(void *data, void *block, size_t size_bytes)
{
    (void)data;
    return realloc(block, size_bytes);
}

static void release(void *data, void *block)
{
    (void)data;
    free(block);
}

static const qst_allocator standard_allocator = {get, resize, release, NULL};

void qst_ctx_init(qst_ctx *ctx)
{
    *ctx = (qst_ctx){.allocator = standard_allocator, .poll_ms = 50, .n_threads = 1};
}

void qst__arena_init(qst__arena *arena, const qst_ctx *ctx)
{
    arena->allocator = ctx != NULL ? &ctx->allocator : &standard_allocator;
    arena->blocks = NULL;
}

void qst__arena_free(qst__arena *arena)
{
    const qst_allocator *allocator = arena->allocator;
    while (arena->blocks != NULL) {
        qst__block *block = arena->blocks;
        arena->blocks = block->next;
        allocator->release(allocator->data, block);
    }
}

qst_status qst__arena_array(
    qst__arena *arena, ptrdiff_t n, size_t size_bytes, void *out, qst_err *err)
{
    const size_t room = (size_t)PTRDIFF_MAX - sizeof(qst__block);
    if (n < 0 || (size_bytes > 0 && (size_t)n > room / size_bytes)) {
        return qst__fail(err, QST_EOVERFLOW, "%td items of %zu bytes are more than memory can hold",
            n, size_bytes);
    }
    const size_t payload_bytes = (size_t)n * size_bytes;
    qst__block *block =
        arena->allocator->get(arena->allocator->data, sizeof(qst__block) + payload_bytes);
    if (block == NULL) {
        return qst__fail(
            err, QST_ENOMEM, "%zu bytes of work memory are not to be had", payload_bytes);
    }
    block->next = arena->blocks;
    arena->blocks = block;
    void *payload = block + 1;
    memset(payload, 0, payload_bytes);
    /* `out` is the address of a pointer of the caller's type; copying its bytes keeps to the
     * aliasing rules where a cast to void ** would not. */
    memcpy(out, &payload, sizeof payload);
    return QST_OK;
}
