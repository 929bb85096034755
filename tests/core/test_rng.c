#include "base/base.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

/* Known answers published with the generator (Random123, kat_vectors, philox4x32-10): counter, key,
 * result. */
static void philox_gives_its_known_answers(void **state)
{
    (void)state;
    static const uint32_t known[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
            0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
            0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int k = 0; k < 3; k++) {
        uint32_t block[4];
        qst_philox(known[k], known[k] + 4, block);
        assert_memory_equal(block, known[k] + 6, sizeof block);
    }
}

static qst_rng stream(uint64_t seed, qst_rng_address address)
{
    qst_rng rng;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_rng_init(&rng, seed, &address, &err), QST_OK, &err);
    return rng;
}

static void a_stream_is_philox_over_its_address(void **state)
{
    (void)state;
    qst_rng rng = stream(UINT64_C(0x123456789ABCDEF0),
        (qst_rng_address){.purpose = 7, .replicate = 5, .variable = 3, .iteration = 2, .row = 1});
    const uint32_t key[2] = {0x9ABCDEF0, 0x12345678};
    for (uint32_t block = 0; block < 3; block++) {
        const uint32_t counter[4] = {block, 1, 2, 7u << 24 | 5u << 12 | 3u};
        uint32_t want[4];
        qst_philox(counter, key, want);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(qst_rng_word(&rng), want[k]);
        }
    }
}

static void every_field_makes_another_stream(void **state)
{
    (void)state;
    const qst_rng_address addresses[] = {
        {0}, {.purpose = 1}, {.replicate = 1}, {.variable = 1}, {.iteration = 1}, {.row = 1}};
    uint32_t first[6];
    for (int k = 0; k < 6; k++) {
        qst_rng rng = stream(1, addresses[k]);
        first[k] = qst_rng_word(&rng);
        for (int other = 0; other < k; other++) {
            assert_int_not_equal(first[k], first[other]);
        }
    }
}

static void fields_too_large_are_refused(void **state)
{
    (void)state;
    const qst_rng_address addresses[] = {
        {.purpose = 1u << 8}, {.replicate = 1u << 12}, {.variable = 1u << 12}};
    for (int k = 0; k < 3; k++) {
        qst_rng rng;
        qst_err err;
        qst_err_init(&err);
        assert_status(qst_rng_init(&rng, 1, &addresses[k], &err), QST_ERANGE, &err);
        assert_text(&err, "outside");
    }
}

static void uniforms_lie_inside_and_spread(void **state)
{
    (void)state;
    enum { N_DRAWS = 100000, N_BINS = 10 };
    qst_rng rng = stream(42, (qst_rng_address){0});
    int count[N_BINS] = {0};
    for (int k = 0; k < N_DRAWS; k++) {
        const double u = qst_rng_uniform(&rng);
        assert_true(u > 0.0 && u < 1.0);
        count[(int)(u * N_BINS)]++;
    }
    double chi_square = 0.0;
    for (int b = 0; b < N_BINS; b++) {
        const double expected = (double)N_DRAWS / N_BINS;
        chi_square += (count[b] - expected) * (count[b] - expected) / expected;
    }
    assert_true(chi_square < 27.9); /* 0.999 quantile on 9 df */
}

/* The ends: all bits clear and all bits set. */
static void uniforms_never_reach_the_ends(void **state)
{
    (void)state;
    qst_rng rng = {.n_left = 4};
    assert_true(qst_rng_uniform(&rng) > 0.0);
    memset(rng.block, 0xFF, sizeof rng.block);
    assert_true(qst_rng_uniform(&rng) < 1.0);
}

static void integers_are_below_n_and_unbiased(void **state)
{
    (void)state;
    enum { N_DRAWS = 70000 };
    qst_rng rng = stream(7, (qst_rng_address){.purpose = 1});
    int count[7] = {0};
    for (int k = 0; k < N_DRAWS; k++) {
        count[qst_rng_below(&rng, 7)]++;
    }
    double chi_square = 0.0;
    for (int b = 0; b < 7; b++) {
        chi_square += (count[b] - 1e4) * (count[b] - 1e4) / 1e4;
    }
    assert_true(chi_square < 22.5); /* 0.999 quantile on 6 df */
    assert_int_equal(qst_rng_below(&rng, 1), 0);
    /* Just above 2^31 almost half of all words would favour the low half if none were thrown away.
     */
    const uint32_t n = (UINT32_C(1) << 31) + 1;
    int n_low = 0;
    for (int k = 0; k < N_DRAWS; k++) {
        n_low += qst_rng_below(&rng, n) < n / 2;
    }
    assert_true(fabs(n_low - N_DRAWS / 2.0) < 4 * sqrt(N_DRAWS / 4.0));
}

static void many_streams_begin_with_the_same_bits(void **state)
{
    (void)state;
    const qst_rng_address address = {
        .purpose = 9, .replicate = 4095, .variable = 17, .iteration = UINT32_MAX};
    const uint32_t rows[] = {5, 0, UINT32_MAX, 5, 77};
    double out[5];
    qst__rng_uniforms(UINT64_C(0xFEDCBA9876543210), &address, rows, 5, out);
    for (int k = 0; k < 5; k++) {
        qst_rng_address own = address;
        own.row = rows[k];
        qst_rng rng = stream(UINT64_C(0xFEDCBA9876543210), own);
        assert_close(out[k], qst_rng_uniform(&rng), 0, 0);
    }
}

static void normals_use_one_uniform_each(void **state)
{
    (void)state;
    qst_rng by_normal = stream(3, (qst_rng_address){0});
    qst_rng by_uniform = by_normal;
    double sum = 0.0, sum_squares = 0.0;
    enum { N_DRAWS = 100000 };
    for (int k = 0; k < N_DRAWS; k++) {
        const double z = qst_rng_normal(&by_normal);
        assert_close(z, qst_normal_quantile(qst_rng_uniform(&by_uniform)), 0, 0);
        sum += z;
        sum_squares += z * z;
    }
    assert_close(sum / N_DRAWS, 0.0, 0, 4 / sqrt(N_DRAWS));
    assert_close(sum_squares / N_DRAWS, 1.0, 0, 4 * sqrt(2.0 / N_DRAWS));
}

/* Quarters by qchisq() of R, and the mean; 0.999 quantile on 3 df. */
static void chi_squares_follow_their_distribution(void **state)
{
    (void)state;
    enum { N_DRAWS = 40000 };
    static const struct {
        double df, quarter[3];
    } cases[] = {{0.5, {0.005284354208, 0.08734760471, 0.521252004}},
        {1, {0.1015310443, 0.4549364231, 1.323303697}},
        {2, {0.5753641449, 1.386294361, 2.772588722}}, {7, {4.254852184, 6.345811196, 9.037147548}},
        {391, {371.7927144, 390.3335358, 409.4808427}}};
    for (uint32_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        qst_rng rng = stream(11, (qst_rng_address){.row = c});
        double count[4] = {0}, sum = 0.0, chi_square = 0.0;
        for (int k = 0; k < N_DRAWS; k++) {
            const double x = qst_rng_chi_square(&rng, cases[c].df);
            const double *quarter = cases[c].quarter;
            count[(x > quarter[0]) + (x > quarter[1]) + (x > quarter[2])]++;
            sum += x;
        }
        for (int b = 0; b < 4; b++) {
            chi_square += (count[b] - 1e4) * (count[b] - 1e4) / 1e4;
        }
        assert_true(chi_square < 16.3);
        assert_close(sum / N_DRAWS, cases[c].df, 0, 4 * sqrt(2 * cases[c].df / N_DRAWS));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_its_known_answers),
        cmocka_unit_test(a_stream_is_philox_over_its_address),
        cmocka_unit_test(every_field_makes_another_stream),
        cmocka_unit_test(fields_too_large_are_refused),
        cmocka_unit_test(uniforms_lie_inside_and_spread),
        cmocka_unit_test(uniforms_never_reach_the_ends),
        cmocka_unit_test(integers_are_below_n_and_unbiased),
        cmocka_unit_test(many_streams_begin_with_the_same_bits),
        cmocka_unit_test(normals_use_one_uniform_each),
        cmocka_unit_test(chi_squares_follow_their_distribution),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
