#include "base/base.h"

#include <string.h>

/* FIPS 180-4, section 6.2; the names a..h, sigma, ch and maj are the standard's. */

#define BLOCK_BYTES 64
#define LENGTH_BYTES 8

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
static const uint32_t round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
    0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* The same of the square roots of the first eight primes (5.3.3). */
static const uint32_t first_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotate_right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static uint32_t sigma(uint32_t x, int n_1, int n_2, uint32_t third)
{
    return rotate_right(x, n_1) ^ rotate_right(x, n_2) ^ third;
}

/* The message schedule (6.2.2, step 1); words of the message are big-endian. */
static void schedule(uint32_t w[64], const unsigned char block[BLOCK_BYTES])
{
    for (int t = 0; t < 16; t++) {
        const unsigned char *at = block + (ptrdiff_t)4 * t;
        w[t] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (int t = 16; t < 64; t++) {
        const uint32_t sigma_0 = sigma(w[t - 15], 7, 18, w[t - 15] >> 3);
        const uint32_t sigma_1 = sigma(w[t - 2], 17, 19, w[t - 2] >> 10);
        w[t] = sigma_1 + w[t - 7] + sigma_0 + w[t - 16];
    }
}

static void compress(uint32_t state[8], const unsigned char block[BLOCK_BYTES])
{
    uint32_t w[64];
    schedule(w, block);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int t = 0; t < 64; t++) {
        const uint32_t ch = (e & f) ^ (~e & g);
        const uint32_t maj = (a & b) ^ (a & c) ^ (b & c);
        const uint32_t t_1 =
            h + sigma(e, 6, 11, rotate_right(e, 25)) + ch + round_constants[t] + w[t];
        const uint32_t t_2 = sigma(a, 2, 13, rotate_right(a, 22)) + maj;
        h = g;
        g = f;
        f = e;
        e = d + t_1;
        d = c;
        c = b;
        b = a;
        a = t_1 + t_2;
    }
    const uint32_t change[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++) {
        state[i] += change[i];
    }
}

void qst_sha256_init(qst_sha256 *hash)
{
    *hash = (qst_sha256){.n_bytes = 0};
    memcpy(hash->state, first_state, sizeof first_state);
}

void qst_sha256_add(qst_sha256 *hash, const void *bytes, size_t n_bytes)
{
    const unsigned char *from = bytes;
    size_t n_waiting = hash->n_bytes % BLOCK_BYTES;
    hash->n_bytes += n_bytes;
    while (n_waiting + n_bytes >= BLOCK_BYTES) {
        const size_t n_taken = BLOCK_BYTES - n_waiting;
        memcpy(hash->block + n_waiting, from, n_taken);
        compress(hash->state, hash->block);
        from += n_taken;
        n_bytes -= n_taken;
        n_waiting = 0;
    }
    if (n_bytes > 0) {
        memcpy(hash->block + n_waiting, from, n_bytes);
    }
}

/* Padding (5.1.1): a one bit, zeros, and the length in bits as 64 bits, big-endian. */
void qst_sha256_end(qst_sha256 *hash, char hex_out[QST_SHA256_TEXT])
{
    static const unsigned char padding[BLOCK_BYTES] = {0x80};
    const uint64_t n_bits = hash->n_bytes * 8;
    const size_t n_waiting = hash->n_bytes % BLOCK_BYTES;
    const size_t room = BLOCK_BYTES - LENGTH_BYTES;
    qst_sha256_add(
        hash, padding, n_waiting < room ? room - n_waiting : room + BLOCK_BYTES - n_waiting);
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) {
        length[i] = (unsigned char)(n_bits >> (56 - 8 * i));
    }
    qst_sha256_add(hash, length, sizeof length);
    for (int i = 0; i < QST_SHA256_TEXT - 1; i++) {
        hex_out[i] = "0123456789abcdef"[hash->state[i / 8] >> (28 - 4 * (i % 8)) & 15];
    }
    hex_out[QST_SHA256_TEXT - 1] = '\0';
}

/* ---- Values in one byte order for all machines: little-endian ---- */

void qst_sha256_add_int64(qst_sha256 *hash, int64_t x)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)((uint64_t)x >> (8 * i));
    }
    qst_sha256_add(hash, bytes, sizeof bytes);
}

void qst_sha256_add_int32s(qst_sha256 *hash, const int32_t *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)x[i];
        const unsigned char bytes[4] = {(unsigned char)bits, (unsigned char)(bits >> 8),
            (unsigned char)(bits >> 16), (unsigned char)(bits >> 24)};
        qst_sha256_add(hash, bytes, sizeof bytes);
    }
}

/* Equal values get equal bits: one NA, one NaN, one zero. */
static int64_t canonical_bits(double x)
{
    if (qst_is_na_real(x)) {
        x = qst_na_real();
    } else if (x != x) {
        return INT64_C(0x7FF8000000000000);
    } else if (x == 0) {
        x = 0.0;
    }
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void qst_sha256_add_doubles(qst_sha256 *hash, const double *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        qst_sha256_add_int64(hash, canonical_bits(x[i]));
    }
}
