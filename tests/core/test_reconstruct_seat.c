#include "search_case.h"

#include <stdlib.h>

static cohort_case one;
#define WEIGHT (CASE_AGE + 1) /* a second number, of one test */
static const int32_t all[] = {0, 1, CASE_AGE, WEIGHT};

#define PLACES 7 /* everybody, two sexes, three sites, ages */

/* Joint counts of the case's people, person by person. */
static void count_slowly(const cohort_case *c, int64_t joint_out[PLACES][PLACES])
{
    memset(joint_out, 0, sizeof(int64_t[PLACES][PLACES]));
    for (int i = 0; i < CASE_N; i++) {
        int row[PLACES] = {0};
        row[1 + case_level(c, i, 0)] = 1;
        row[PLACES - 1] = c->plan.n_numeric == 0 ? 0 : case_level(c, i, CASE_AGE);
        if (case_level(c, i, 1) >= 0) {
            row[3 + case_level(c, i, 1)] = 1;
        }
        for (int x = 0; x < PLACES; x++) {
            for (int y = 0; y < PLACES; y++) {
                joint_out[x][y] += (int64_t)row[x] * row[y];
            }
        }
    }
}

/* A covariate of the second arm in order, so that it hangs together with the others as little as
 * before. */
static void scramble(cohort_case *c, int covariate)
{
    for (int i = c->arm_size[0]; i < CASE_N; i++) {
        for (int j = i + 1; j < CASE_N; j++) {
            int32_t *level = c->people.level + covariate * CASE_N;
            if (level[j] < level[i]) {
                const int32_t kept = level[i];
                level[i] = level[j];
                level[j] = kept;
            }
        }
    }
}

static int64_t sum_of_ages(const cohort_case *c, int arm)
{
    int64_t sum = 0;
    for (int i = 0; i < CASE_N; i++) {
        sum += case_arm(c, i) == arm ? case_level(c, i, CASE_AGE) : 0;
    }
    return sum;
}

static void make(uint64_t seed)
{
    case_make(&one, seed);
    case_add_ages(&one, seed);
}

static bool seat(const int64_t *joint, uint64_t seed)
{
    qst__arena arena;
    qst__seats seats;
    qst_err err;
    qst_err_init(&err);
    qst_rng rng = case_stream(seed);
    qst__search s = case_search(&arena, &one);
    assert_status(qst__seats_make(&arena, &s, all, 3, &seats, &err), QST_OK, &err);
    const bool seated = qst__seat_people(&seats, joint, &rng);
    qst__arena_free(&arena);
    return seated;
}

static void test_joint_counts_are_counted(void **state)
{
    (void)state;
    qst__arena arena;
    int64_t joint[PLACES][PLACES], slow[PLACES][PLACES];
    make(1);
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
        int64_t wanted[PLACES][PLACES], found[PLACES][PLACES];
        make(seed);
        count_slowly(&one, wanted);
        const int64_t ages = sum_of_ages(&one, 1);
        scramble(&one, 1);
        scramble(&one, CASE_AGE);
        count_slowly(&one, found);
        assert_memory_not_equal(wanted, found, sizeof wanted);
        assert_true(seat(&wanted[0][0], seed));
        count_slowly(&one, found);
        assert_memory_equal(wanted, found, sizeof wanted);
        for (int i = 0; i < CASE_N; i++) {
            assert_true((case_level(&one, i, 1) < 0) == (case_arm(&one, i) == 0));
        }
        assert_int_equal(sum_of_ages(&one, 1), ages);
    }
}

/* Weights in tenths beside the ages: levels hold exactly, every sum nearly, also that of the
 * products, whose standard deviation is some 10000 by chance. */
static void test_sums_of_two_numbers_come_near(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        static int32_t level[CASE_N * (CASE_AGE + 2)];
        int64_t wanted[PLACES + 1][PLACES + 1], found[PLACES + 1][PLACES + 1];
        qst__arena arena;
        qst__seats seats;
        qst_err err;
        qst_err_init(&err);
        qst_rng rng = case_stream(seed);
        uint64_t weights = seed;
        make(seed);
        memcpy(level, one.level, sizeof one.level);
        for (int i = 0; i < CASE_N; i++) {
            level[WEIGHT * CASE_N + i] = (int32_t)(700 + 90 * test_normal(&weights));
        }
        one.people.level = level;
        one.plan.n_numeric = 2;
        qst__search s = case_search(&arena, &one);
        qst__count_joint(&s, &wanted[0][0]);
        scramble(&one, 1);
        scramble(&one, CASE_AGE);
        scramble(&one, WEIGHT);
        assert_status(qst__seats_make(&arena, &s, all, 4, &seats, &err), QST_OK, &err);
        assert_true(qst__seat_people(&seats, &wanted[0][0], &rng));
        qst__count_joint(&s, &found[0][0]);
        for (int x = 1; x <= PLACES; x++) {
            for (int y = 1; y <= PLACES; y++) {
                const int n_numbers = (x >= PLACES - 1) + (y >= PLACES - 1);
                const int most[] = {0, 3, 30};
                assert_true(llabs(wanted[x][y] - found[x][y]) <= most[n_numbers]);
            }
        }
        qst__arena_free(&arena);
    }
}

/* One person more of a sex and site than there are of the site. */
static void test_impossible_counts_are_not_found(void **state)
{
    (void)state;
    int64_t wanted[PLACES][PLACES];
    make(2);
    count_slowly(&one, wanted);
    wanted[1][3] = wanted[3][1] = wanted[3][3] + 1;
    assert_false(seat(&wanted[0][0], 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joint_counts_are_counted),
        cmocka_unit_test(test_people_get_the_joint_counts),
        cmocka_unit_test(test_sums_of_two_numbers_come_near),
        cmocka_unit_test(test_impossible_counts_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
