#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_hash_of(const char *message, const char *want)
{
    qst_sha256 hash;
    char got[QST_SHA256_TEXT];
    qst_sha256_init(&hash);
    qst_sha256_add(&hash, message, strlen(message));
    qst_sha256_end(&hash, got);
    assert_string_equal(got, want);
}

/* The examples of FIPS 180-2, appendix B, and the empty message of NIST's SHA256ShortMsg. */
static void test_known_answers(void **state)
{
    (void)state;
    assert_hash_of("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash_of("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_hash_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                   "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
}

static void test_a_million_letters(void **state)
{
    (void)state;
    char letters[1000];
    memset(letters, 'a', sizeof letters);
    qst_sha256 hash;
    char got[QST_SHA256_TEXT];
    qst_sha256_init(&hash);
    for (int i = 0; i < 1000; i++) {
        qst_sha256_add(&hash, letters, sizeof letters);
    }
    qst_sha256_end(&hash, got);
    assert_string_equal(got, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void hash_in_pieces(
    const unsigned char *bytes, size_t n_bytes, size_t piece, char hex_out[QST_SHA256_TEXT])
{
    qst_sha256 hash;
    qst_sha256_init(&hash);
    for (size_t at = 0; at < n_bytes; at += piece) {
        qst_sha256_add(&hash, bytes + at, piece < n_bytes - at ? piece : n_bytes - at);
    }
    qst_sha256_end(&hash, hex_out);
}

/* Every length around the two block borders (padding in one or two blocks), cut in every way. */
static void test_pieces_do_not_matter(void **state)
{
    (void)state;
    unsigned char bytes[130];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    for (size_t n_bytes = 1; n_bytes <= sizeof bytes; n_bytes++) {
        char whole[QST_SHA256_TEXT];
        hash_in_pieces(bytes, n_bytes, n_bytes, whole);
        for (size_t piece = 1; piece < n_bytes; piece++) {
            char cut[QST_SHA256_TEXT];
            hash_in_pieces(bytes, n_bytes, piece, cut);
            assert_string_equal(cut, whole);
        }
    }
}

static void hash_doubles(const double *x, ptrdiff_t n, char hex_out[QST_SHA256_TEXT])
{
    qst_sha256 hash;
    qst_sha256_init(&hash);
    qst_sha256_add_doubles(&hash, x, n);
    qst_sha256_end(&hash, hex_out);
}

static void test_numbers_are_little_endian(void **state)
{
    (void)state;
    const unsigned char bytes[] = {1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F,
        0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const int32_t ints[] = {1, -2};
    const double one_and_a_half = 1.5;
    char want[QST_SHA256_TEXT];
    char got[QST_SHA256_TEXT];
    hash_in_pieces(bytes, sizeof bytes, sizeof bytes, want);
    qst_sha256 hash;
    qst_sha256_init(&hash);
    qst_sha256_add_int32s(&hash, ints, 2);
    qst_sha256_add_doubles(&hash, &one_and_a_half, 1);
    qst_sha256_add_int64(&hash, -3);
    qst_sha256_end(&hash, got);
    assert_string_equal(got, want);
}

static void test_equal_values_have_equal_hashes(void **state)
{
    (void)state;
    const uint64_t quiet_na_bits = UINT64_C(0xFFF80000000007A2);
    double quiet_na;
    memcpy(&quiet_na, &quiet_na_bits, sizeof quiet_na);
    const double one[] = {0.0, qst_na_real(), (double)NAN};
    const double other[] = {-0.0, quiet_na, -(double)NAN};
    const double third[] = {0.0, (double)NAN, qst_na_real()};
    char hashes[3][QST_SHA256_TEXT];
    hash_doubles(one, 3, hashes[0]);
    hash_doubles(other, 3, hashes[1]);
    hash_doubles(third, 3, hashes[2]);
    assert_string_equal(hashes[0], hashes[1]);
    assert_string_not_equal(hashes[0], hashes[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_a_million_letters),
        cmocka_unit_test(test_pieces_do_not_matter),
        cmocka_unit_test(test_numbers_are_little_endian),
        cmocka_unit_test(test_equal_values_have_equal_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
