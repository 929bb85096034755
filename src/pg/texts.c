#include "pg/decode.h"

#include <string.h>

enum { FIRST_SLOTS = 64, FIRST_ROOM = 32 };

void qst__texts_init(qst__texts *texts, const qst_allocator *allocator)
{
    *texts = (qst__texts){.allocator = allocator};
    qst__store_init(&texts->store, allocator);
}

void qst__texts_free(qst__texts *texts)
{
    const qst_allocator *allocator = texts->allocator;
    qst__store_free(&texts->store);
    if (texts->texts != NULL) {
        allocator->release(allocator->data, texts->texts);
    }
    if (texts->slots != NULL) {
        allocator->release(allocator->data, texts->slots);
    }
    qst__texts_init(texts, allocator);
}

static uint64_t load(const unsigned char *bytes, size_t n_bytes)
{
    uint64_t word = 0;
    memcpy(&word, bytes, n_bytes);
    return word;
}

static uint64_t mix(uint64_t state, uint64_t word)
{
    state = (state ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return state ^ state >> 29;
}

/* Eight bytes at a time; the last ones may overlap those before, so that no length is special. */
static uint32_t hash_of(const unsigned char *bytes, size_t n_bytes)
{
    uint64_t state = n_bytes;
    if (n_bytes >= 8) {
        for (size_t at = 0; at + 8 < n_bytes; at += 8) {
            state = mix(state, load(bytes + at, 8));
        }
        state = mix(state, load(bytes + n_bytes - 8, 8));
    } else if (n_bytes >= 4) {
        state = mix(state, load(bytes, 4) << 32 | load(bytes + n_bytes - 4, 4));
    } else if (n_bytes > 0) {
        state = mix(state,
            (uint64_t)bytes[0] << 16 | (uint64_t)bytes[n_bytes / 2] << 8 | bytes[n_bytes - 1]);
    }
    state *= UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(state >> 32);
}

/* The slot where the text is, or the free one where it belongs. */
static qst__slot *find(
    const qst__texts *texts, uint32_t hash, const unsigned char *bytes, size_t n_bytes)
{
    for (size_t at = hash & texts->mask;; at = (at + 1) & texts->mask) {
        qst__slot *slot = &texts->slots[at];
        if (slot->code < 0) {
            return slot;
        }
        if (slot->hash == hash) {
            const qst__text *text = &texts->texts[slot->code];
            if ((size_t)text->n_bytes == n_bytes &&
                (n_bytes == 0 || memcmp(text->bytes, bytes, n_bytes) == 0)) {
                return slot;
            }
        }
    }
}

static qst__slot *new_slots(const qst_allocator *allocator, size_t n)
{
    qst__slot *slots = n <= (size_t)PTRDIFF_MAX / sizeof *slots
                           ? allocator->get(allocator->data, n * sizeof *slots)
                           : NULL;
    for (size_t i = 0; slots != NULL && i < n; i++) {
        slots[i] = (qst__slot){0, -1};
    }
    return slots;
}

/* Keeps at least half of the slots free. */
static bool room_for_slot(qst__texts *texts)
{
    const size_t n_slots = texts->slots == NULL ? 0 : texts->mask + 1;
    if ((size_t)texts->n < n_slots / 2) {
        return true;
    }
    const size_t n_more = n_slots == 0 ? FIRST_SLOTS : 2 * n_slots;
    qst__slot *slots = new_slots(texts->allocator, n_more);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < n_slots; i++) {
        if (texts->slots[i].code >= 0) {
            size_t at = texts->slots[i].hash & (n_more - 1);
            while (slots[at].code >= 0) {
                at = (at + 1) & (n_more - 1);
            }
            slots[at] = texts->slots[i];
        }
    }
    if (texts->slots != NULL) {
        texts->allocator->release(texts->allocator->data, texts->slots);
    }
    texts->slots = slots;
    texts->mask = n_more - 1;
    return true;
}

static bool room_for_text(qst__texts *texts)
{
    if (texts->n < texts->n_room) {
        return true;
    }
    const ptrdiff_t n_room = texts->n_room == 0 ? FIRST_ROOM : 2 * texts->n_room;
    const size_t size_bytes = (size_t)n_room * sizeof *texts->texts;
    void *data = texts->allocator->data;
    qst__text *more = texts->texts == NULL
                          ? texts->allocator->get(data, size_bytes)
                          : texts->allocator->resize(data, texts->texts, size_bytes);
    if (more == NULL) {
        return false;
    }
    texts->texts = more;
    texts->n_room = n_room;
    return true;
}

static qst_status add(qst__texts *texts, uint32_t hash, const unsigned char *bytes, size_t n_bytes,
    int32_t *code_out, qst_err *err)
{
    const size_t fault = qst__utf8_fault(bytes, n_bytes);
    if (fault < n_bytes) {
        return qst__fail(err, QST_EPROTOCOL, "byte %zu of a text, 0x%02x, is %s", fault + 1,
            bytes[fault], bytes[fault] == 0 ? "NUL" : "not valid UTF-8");
    }
    if (texts->n == INT32_MAX) {
        return qst__fail(err, QST_EOVERFLOW, "more than 2147483647 different texts");
    }
    char *kept = qst__store_get(&texts->store, n_bytes > 0 ? n_bytes : 1, false);
    if (kept == NULL || !room_for_text(texts) || !room_for_slot(texts)) {
        return qst__fail(err, QST_ENOMEM, "no memory for %td different texts", texts->n + 1);
    }
    if (n_bytes > 0) {
        memcpy(kept, bytes, n_bytes);
    }
    *code_out = (int32_t)texts->n;
    texts->texts[texts->n++] = (qst__text){kept, (ptrdiff_t)n_bytes};
    *find(texts, hash, bytes, n_bytes) = (qst__slot){hash, *code_out};
    return QST_OK;
}

qst_status qst__texts_code(
    qst__texts *texts, const unsigned char *bytes, size_t n_bytes, int32_t *code_out, qst_err *err)
{
    const uint32_t hash = hash_of(bytes, n_bytes);
    if (texts->slots != NULL) {
        const qst__slot *slot = find(texts, hash, bytes, n_bytes);
        if (slot->code >= 0) {
            *code_out = slot->code;
            return QST_OK;
        }
    }
    return add(texts, hash, bytes, n_bytes, code_out, err);
}

/* The table is made anew rather than taken apart: this happens after a failure only. */
void qst__texts_truncate(qst__texts *texts, ptrdiff_t n)
{
    if (n >= texts->n) {
        return;
    }
    texts->n = n;
    for (size_t i = 0; i <= texts->mask; i++) {
        texts->slots[i].code = -1;
    }
    for (ptrdiff_t k = 0; k < n; k++) {
        const unsigned char *bytes = (const unsigned char *)texts->texts[k].bytes;
        const size_t n_bytes = (size_t)texts->texts[k].n_bytes;
        const uint32_t hash = hash_of(bytes, n_bytes);
        qst__slot *slot = &texts->slots[hash & texts->mask];
        while (slot->code >= 0) {
            slot = slot == &texts->slots[texts->mask] ? texts->slots : slot + 1;
        }
        *slot = (qst__slot){hash, (int32_t)k};
    }
}
