#include "base/base.h"

#include <math.h>

#define N_ROUNDS 10
#define MULTIPLIER_0 UINT32_C(0xD2511F53)
#define MULTIPLIER_1 UINT32_C(0xCD9E8D57)
#define KEY_STEP_0 UINT32_C(0x9E3779B9) /* golden ratio */
#define KEY_STEP_1 UINT32_C(0xBB67AE85) /* square root of 3, less 1 */

QST__LOOP void philox_loop(const uint32_t counter[4], const uint32_t key[2], uint32_t block_out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < N_ROUNDS; round++) {
        const uint64_t product_0 = (uint64_t)MULTIPLIER_0 * c0;
        const uint64_t product_1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(product_1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(product_0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)product_1;
        c3 = (uint32_t)product_0;
        k0 += KEY_STEP_0;
        k1 += KEY_STEP_1;
    }
    block_out[0] = c0;
    block_out[1] = c1;
    block_out[2] = c2;
    block_out[3] = c3;
}

void qst_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t block_out[4])
{
    philox_loop(counter, key, block_out);
}

static uint32_t word_of(const qst_rng_address *address)
{
    return address->purpose << 24 | address->replicate << 12 | address->variable;
}

qst_status qst_rng_init(qst_rng *rng, uint64_t seed, const qst_rng_address *address, qst_err *err)
{
    if (address->purpose >> 8 != 0 || address->replicate >> 12 != 0 ||
        address->variable >> 12 != 0) {
        return qst__fail(err, QST_ERANGE,
            "random stream (purpose %u, replicate %u, variable %u) is outside 2^8, 2^12, 2^12",
            (unsigned)address->purpose, (unsigned)address->replicate, (unsigned)address->variable);
    }
    const uint32_t what = word_of(address);
    *rng = (qst_rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, address->row, address->iteration, what}};
    return QST_OK;
}

uint32_t qst_rng_word(qst_rng *rng)
{
    if (rng->n_left == 0) {
        qst_philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->n_left = 4;
    }
    return rng->block[4 - rng->n_left--];
}

static double uniform_of(uint64_t high, uint64_t low)
{
    const uint64_t bits = (high << 32 | low) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

double qst_rng_uniform(qst_rng *rng)
{
    const uint64_t high = qst_rng_word(rng);
    const uint64_t low = qst_rng_word(rng);
    return uniform_of(high, low);
}

void qst__rng_uniforms(
    uint64_t seed, const qst_rng_address *address, const uint32_t *rows, ptrdiff_t n, double *out)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (ptrdiff_t k = 0; k < n; k++) {
        const uint32_t counter[4] = {0, rows[k], address->iteration, word_of(address)};
        uint32_t block[4];
        philox_loop(counter, key, block);
        out[k] = uniform_of(block[0], block[1]);
    }
}

uint32_t qst_rng_below(qst_rng *rng, uint32_t n)
{
    uint64_t product = (uint64_t)qst_rng_word(rng) * n;
    if ((uint32_t)product < n) {
        /* 2^32 mod n words are thrown away, so that each result has equally many. */
        const uint32_t n_surplus = (UINT32_C(0) - n) % n;
        while ((uint32_t)product < n_surplus) {
            product = (uint64_t)qst_rng_word(rng) * n;
        }
    }
    return (uint32_t)(product >> 32);
}

double qst_rng_normal(qst_rng *rng)
{
    return qst_normal_quantile(qst_rng_uniform(rng));
}

/* Marsaglia & Tsang (2000) ACM Trans. Math. Softw. 26:363-372: gamma of shape a >= 1, d = a - 1/3,
 * by rejection from the cube of a normal. */
static double gamma_above_1(qst_rng *rng, double shape)
{
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = qst_rng_normal(rng);
        const double root = 1.0 + c * x;
        const double u = qst_rng_uniform(rng);
        if (root > 0.0) {
            const double v = root * root * root;
            if (log(u) < 0.5 * x * x + d * (1.0 - v + log(v))) {
                return d * v;
            }
        }
    }
}

double qst_rng_chi_square(qst_rng *rng, double df)
{
    const double shape = 0.5 * df;
    if (shape >= 1.0) {
        return 2.0 * gamma_above_1(rng, shape);
    }
    /* Their section 6: a gamma of shape a + 1 times U^(1/a) is one of shape a. */
    const double larger = gamma_above_1(rng, shape + 1.0);
    return 2.0 * larger * pow(qst_rng_uniform(rng), 1.0 / shape);
}
