#include "pg/decode.h"

#include <string.h>

/* Eight bytes at once that are ASCII and not NUL: the top bits are clear, and adding 127 to each
 * byte, which carries nowhere, sets all of them. */
static bool are_plain(const unsigned char *bytes)
{
    const uint64_t top = UINT64_C(0x8080808080808080);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return (word & top) == 0 && ((word + UINT64_C(0x7f7f7f7f7f7f7f7f)) & top) == top;
}

/* Bytes of the character that begins here, 0 if none does. */
static size_t character_length(const unsigned char *b, size_t n_left)
{
    if (b[0] >= 0x01 && b[0] <= 0x7f) {
        return 1;
    }
    size_t n;
    unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
    if (b[0] >= 0xc2 && b[0] <= 0xdf) {
        n = 2;
    } else if (b[0] >= 0xe0 && b[0] <= 0xef) {
        n = 3;
        low = b[0] == 0xe0 ? 0xa0 : 0x80;  /* shorter forms exist below */
        high = b[0] == 0xed ? 0x9f : 0xbf; /* surrogates above */
    } else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
        n = 4;
        low = b[0] == 0xf0 ? 0x90 : 0x80;
        high = b[0] == 0xf4 ? 0x8f : 0xbf; /* beyond U+10FFFF above */
    } else {
        return 0;
    }
    if (n > n_left || b[1] < low || b[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

size_t qst__utf8_fault(const unsigned char *bytes, size_t n_bytes)
{
    size_t at = 0;
    while (at < n_bytes) {
        if (n_bytes - at >= 8 && are_plain(bytes + at)) {
            at += 8;
            continue;
        }
        const size_t n = character_length(bytes + at, n_bytes - at);
        if (n == 0) {
            return at;
        }
        at += n;
    }
    return n_bytes;
}
