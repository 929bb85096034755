#include "pg/put.h"

enum { FIRST_ROOM = 1 << 12 };

void qst_pg_bytes_init(qst_pg_bytes *bytes, const qst_ctx *ctx)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx); /* which knows the allocator of no context */
    *bytes = (qst_pg_bytes){.allocator = arena.allocator};
}

void qst_pg_bytes_free(qst_pg_bytes *bytes)
{
    if (bytes->data != NULL) {
        bytes->allocator->release(bytes->allocator->data, bytes->data);
    }
    *bytes = (qst_pg_bytes){.allocator = bytes->allocator};
}

static qst_status grow(qst_pg_bytes *out, size_t n, qst_err *err)
{
    if (n > (size_t)PTRDIFF_MAX / 2 - out->n) {
        return qst__fail(err, QST_EOVERFLOW, "%zu bytes are more than memory can hold", n);
    }
    size_t room = out->room > 0 ? out->room : FIRST_ROOM;
    while (room < out->n + n) {
        room *= 2;
    }
    void *const data_of = out->allocator->data;
    unsigned char *data = out->data == NULL ? out->allocator->get(data_of, room)
                                            : out->allocator->resize(data_of, out->data, room);
    if (data == NULL) {
        return qst__fail(err, QST_ENOMEM, "%zu bytes for rows are not to be had", room);
    }
    out->data = data;
    out->room = room;
    return QST_OK;
}

qst_status qst__put_room(qst_pg_bytes *out, size_t n, qst_err *err)
{
    return n <= out->room - out->n ? QST_OK : grow(out, n, err);
}
