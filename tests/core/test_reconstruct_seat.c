#include "search_case.h"

static cohort_case one;
static const int32_t both[] = {0, 1};

#define PLACES 6 /* everybody, two sexes, three sites */

/* Joint counts of the case's people, person by person. */
static void count_slowly(const cohort_case *c, int32_t joint_out[PLACES][PLACES])
{
    memset(joint_out, 0, sizeof(int32_t[PLACES][PLACES]));
    for (int i = 0; i < CASE_N; i++) {
        const int sex = 1 + case_level(c, i, 0);
        const int site = case_level(c, i, 1) < 0 ? -1 : 3 + case_level(c, i, 1);
        joint_out[sex][sex]++;
        if (site >= 0) {
            joint_out[site][site]++;
            joint_out[sex][site]++;
            joint_out[site][sex]++;
        }
    }
}

/* Sites of the second arm in order, so that they hang together with sexes as little as before. */
static void scramble(cohort_case *c)
{
    for (int i = c->arm_size[0]; i < CASE_N; i++) {
        for (int j = i + 1; j < CASE_N; j++) {
            int32_t *site = c->level + CASE_N;
            if (site[j] < site[i]) {
                const int32_t kept = site[i];
                site[i] = site[j];
                site[j] = kept;
            }
        }
    }
}

static bool seat(const int32_t *joint, uint64_t seed)
{
    qst__arena arena;
    qst__seats seats;
    qst_err err;
    qst_err_init(&err);
    qst_rng rng = case_stream(seed);
    qst__search s = case_search(&arena, &one);
    assert_status(qst__seats_make(&arena, &s, both, 2, &seats, &err), QST_OK, &err);
    const bool seated = qst__seat_people(&seats, joint, &rng);
    qst__arena_free(&arena);
    return seated;
}

static void test_joint_counts_are_counted(void **state)
{
    (void)state;
    qst__arena arena;
    int32_t joint[PLACES][PLACES], slow[PLACES][PLACES];
    case_make(&one, 1);
    const qst__search s = case_search(&arena, &one);
    assert_int_equal(s.n_places, PLACES);
    qst__count_joint(&s, &joint[0][0]);
    count_slowly(&one, slow);
    assert_memory_equal(joint, slow, sizeof slow);
    qst__arena_free(&arena);
}

/* The joint counts hold by a count of people, and each arm has the levels that it had. */
static void test_people_get_the_joint_counts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        int32_t wanted[PLACES][PLACES], found[PLACES][PLACES];
        case_make(&one, seed);
        count_slowly(&one, wanted);
        scramble(&one);
        count_slowly(&one, found);
        assert_memory_not_equal(wanted, found, sizeof wanted);
        assert_true(seat(&wanted[0][0], seed));
        count_slowly(&one, found);
        assert_memory_equal(wanted, found, sizeof wanted);
        for (int i = 0; i < CASE_N; i++) {
            assert_true((case_level(&one, i, 1) < 0) == (case_arm(&one, i) == 0));
        }
    }
}

/* One person more of a sex and site than there are of the site. */
static void test_impossible_counts_are_not_found(void **state)
{
    (void)state;
    int32_t wanted[PLACES][PLACES];
    case_make(&one, 2);
    count_slowly(&one, wanted);
    wanted[1][3] = wanted[3][1] = wanted[3][3] + 1;
    assert_false(seat(&wanted[0][0], 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joint_counts_are_counted),
        cmocka_unit_test(test_people_get_the_joint_counts),
        cmocka_unit_test(test_impossible_counts_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
