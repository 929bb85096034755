/* Whole numbers by the handful, for the files of core/stat that resample; not for callers of the
 * library. */
#ifndef QST_RESAMPLE_H
#define QST_RESAMPLE_H

#include "base/base.h"

/* Streams of random numbers: no other subject uses these. */
#define QST__PURPOSE_PERMUTE 17
#define QST__PURPOSE_BOOT 18

/* Most numbers that one 64-bit word gives. */
#define QST__HANDFUL 6

/* Replicates are numbered by 32 bits. */
static inline qst_status qst__check_replicates(int64_t first, int64_t n_replicates, qst_err *err)
{
    if (n_replicates < 1 || first < 0 || n_replicates - 1 > (int64_t)UINT32_MAX - first) {
        return qst__fail(err, QST_ERANGE, "%lld replicates from %lld are not within 0 to 2^32 - 1",
            (long long)n_replicates, (long long)first);
    }
    return QST_OK;
}

/* Two words of qst_rng_word(), of a stream from which only pairs are taken; here, so that it is
 * compiled into the loops. */
static inline uint64_t qst__word_64(qst_rng *rng)
{
    if (rng->n_left < 2) {
        qst_philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->n_left = 4;
    }
    const uint32_t *const pair = rng->block + 4 - rng->n_left;
    rng->n_left -= 2;
    return (uint64_t)pair[0] << 32 | pair[1];
}

/* How many numbers below n one word gives: n^k <= 2^60, so that a word is refused once in 16 times
 * or less. */
static inline int qst__handful_of(uint32_t n)
{
    if (n <= UINT32_C(1) << 10) {
        return 6;
    }
    if (n <= UINT32_C(1) << 12) {
        return 5;
    }
    if (n <= UINT32_C(1) << 15) {
        return 4;
    }
    return n <= UINT32_C(1) << 20 ? 3 : n <= UINT32_C(1) << 30 ? 2 : 1;
}

/* The whole part of fraction n / 2^64; what is left of the fraction stays. */
static inline uint32_t qst__whole_part(uint64_t *fraction, uint32_t n)
{
    const uint64_t low = (*fraction & UINT32_MAX) * n, high = (*fraction >> 32) * n;
    *fraction *= n;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

/*
 * k numbers, the j-th uniform on 0 .. n + j step - 1, from one word
 * (Brackett-Rozinsky & Lemire 2024, doi:10.1002/spe.3369): each takes the whole
 * part of what is left of a fraction; words whose rest lies below 2^64 mod
 * the product of the bounds are refused, so there is no bias. k is
 * at most qst__handful_of() of the largest bound.
 */
static inline void qst__draw_handful(
    qst_rng *rng, uint32_t n, uint32_t step, int k, uint32_t *draws_out)
{
    uint64_t product = 1;
    for (int j = 0; j < k; j++) {
        product *= n + (uint32_t)j * step;
    }
    uint64_t rest, n_surplus = 0;
    do {
        rest = qst__word_64(rng);
        for (int j = 0; j < k; j++) {
            draws_out[j] = qst__whole_part(&rest, n + (uint32_t)j * step);
        }
        if (rest < product && n_surplus == 0) {
            n_surplus = (UINT64_C(0) - product) % product;
        }
    } while (rest < n_surplus);
}

#endif
