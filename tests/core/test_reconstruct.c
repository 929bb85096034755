#include "cohort_case.h"

static cohort_case one;

static qst_status search(const qst_ctx *ctx, void *data, qst_err *err)
{
    cohort_case *c = data;
    double values[CASE_FIGURES];
    qst_cohort_info info;
    return qst_reconstruct(ctx, &c->plan, &c->people, values, &info, err);
}

static void assert_figures_are_met(const cohort_case *c, const double *values)
{
    assert_int_equal(case_first_difference(c, values), -1);
    for (int k = 0; k < c->plan.n_figures; k++) {
        assert_true(values[k] > c->figures[k].low && values[k] < c->figures[k].high);
    }
}

/* Counts of each level by arm. */
static void count_levels(const cohort_case *c, int counts[CASE_ARMS][CASE_COVARIATES][4])
{
    memset(counts, 0, sizeof(int[CASE_ARMS][CASE_COVARIATES][4]));
    for (int i = 0; i < CASE_N; i++) {
        for (int k = 0; k < CASE_COVARIATES; k++) {
            counts[case_arm(c, i)][k][case_level(c, i, k) + 1]++;
        }
    }
}

static void test_finds_people_with_the_printed_figures(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        case_make(&one, seed);
        int before[CASE_ARMS][CASE_COVARIATES][4];
        int after[CASE_ARMS][CASE_COVARIATES][4];
        count_levels(&one, before);
        double values[CASE_FIGURES];
        qst_cohort_info info;
        qst_err err;
        qst_err_init(&err);
        assert_status(
            qst_reconstruct(NULL, &one.plan, &one.people, values, &info, &err), QST_OK, &err);
        assert_true(info.met);
        assert_true(info.misfit == 0);
        assert_figures_are_met(&one, values);
        count_levels(&one, after);
        assert_memory_equal(before, after, sizeof before);
    }
}

/* How many people of each arm are of each age. */
static void count_ages(const cohort_case *c, int counts[CASE_ARMS][100])
{
    memset(counts, 0, sizeof(int[CASE_ARMS][100]));
    for (int i = 0; i < CASE_N; i++) {
        counts[case_arm(c, i)][case_level(c, i, CASE_AGE)]++;
    }
}

static void test_finds_people_with_ages(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        case_make(&one, seed);
        case_add_ages(&one, seed);
        int before[CASE_ARMS][100];
        int after[CASE_ARMS][100];
        count_ages(&one, before);
        double values[CASE_FIGURES];
        qst_cohort_info info;
        qst_err err;
        qst_err_init(&err);
        assert_status(
            qst_reconstruct(NULL, &one.plan, &one.people, values, &info, &err), QST_OK, &err);
        assert_true(info.met);
        assert_figures_are_met(&one, values);
        count_ages(&one, after);
        assert_memory_equal(before, after, sizeof before);
    }
}

/* With one digit more everywhere the 26 figures tell nearly as much as the people have. */
static void test_meets_another_digit(void **state)
{
    (void)state;
    double values[CASE_FIGURES];
    qst_cohort_info info;
    qst_err err;
    qst_err_init(&err);
    case_make(&one, 9);
    case_print_finer(&one, 10);
    assert_status(qst_reconstruct(NULL, &one.plan, &one.people, values, &info, &err), QST_OK, &err);
    assert_true(info.met);
    assert_figures_are_met(&one, values);
}

/* The misfit told of a contradiction is that of the people left behind. */
static void test_tells_what_it_could_not_meet(void **state)
{
    (void)state;
    double values[CASE_FIGURES], misfit = 0;
    qst_cohort_info info;
    qst_err err;
    qst_err_init(&err);
    case_make(&one, 4);
    one.figures[1] = one.figures[0];
    one.figures[1].low += 0.2;
    one.figures[1].high += 0.2;
    assert_status(qst_reconstruct(NULL, &one.plan, &one.people, values, &info, &err), QST_OK, &err);
    assert_false(info.met);
    assert_int_equal(info.n_attempts, 3);
    assert_int_equal(case_first_difference(&one, values), -1);
    for (int k = 0; k < one.plan.n_figures; k++) {
        const qst_figure *f = &one.figures[k];
        const double outside = fmax(f->low - values[k], values[k] - f->high);
        misfit += pow(fmax(0, outside / ((f->high - f->low) / 2) + 1e-5), 2);
    }
    assert_close(info.misfit, misfit, 1e-6, 0);
}

static void test_people_are_possible(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    case_make_easy(&one, 7);
    assert_status(search(NULL, &one, &err), QST_OK, &err);
    int n_lone = 0;
    for (int i = 0; i < CASE_N; i++) {
        n_lone += one.answered[0][i] == 0;
        assert_true(one.answered[0][i] > 0 || one.total[0][i] == 0);
        assert_in_range(one.answered[1][i], 8, 10);
        assert_in_range(one.total[1][i], one.answered[1][i], 5 * one.answered[1][i]);
    }
    assert_int_equal(n_lone, 3);
}

/* Nor are people left empty where no covariates are found: here a column comes twice. */
static void test_people_are_possible_without_a_design(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    case_make(&one, 1);
    one.terms[0] = one.terms[1];
    memset(one.answered, 0, sizeof one.answered);
    memset(one.total, 0, sizeof one.total);
    assert_status(search(NULL, &one, &err), QST_OK, &err);
    for (int i = 0; i < CASE_N; i++) {
        assert_in_range(one.answered[1][i], 8, 10);
        assert_in_range(one.total[1][i], one.answered[1][i], 5 * one.answered[1][i]);
    }
}

static void test_the_seed_decides_alone(void **state)
{
    (void)state;
    static cohort_case two;
    qst_err err;
    qst_err_init(&err);
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 7);
    case_make_easy(&one, 3);
    case_make_easy(&two, 3);
    assert_status(search(NULL, &one, &err), QST_OK, &err);
    assert_status(search(&ctx, &two, &err), QST_OK, &err);
    assert_memory_equal(one.level, two.level, sizeof one.level);
    assert_memory_equal(one.answered, two.answered, sizeof one.answered);
    assert_memory_equal(one.total, two.total, sizeof one.total);
    case_make_easy(&two, 3);
    two.plan.seed = 7;
    assert_status(search(NULL, &two, &err), QST_OK, &err);
    assert_memory_not_equal(one.total, two.total, sizeof one.total);
}

static void test_without_attempts_nothing_is_met(void **state)
{
    (void)state;
    case_make(&one, 1);
    one.plan.n_attempts = 0;
    double values[CASE_FIGURES];
    qst_cohort_info info;
    qst_err err;
    qst_err_init(&err);
    assert_status(qst_reconstruct(NULL, &one.plan, &one.people, values, &info, &err), QST_OK, &err);
    assert_false(info.met);
    assert_int_equal(info.n_attempts, 0);
}

static void assert_refused(const cohort_case *c, const char *why)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(search(NULL, (void *)c, &err), QST_EARGUMENT, &err);
    assert_text(&err, why);
}

static void test_refuses_numbers_without_sense(void **state)
{
    (void)state;
    case_make(&one, 1);
    case_add_ages(&one, 1);
    one.terms[2].covariate = CASE_AGE + 1;
    assert_refused(&one, "term");
    case_make(&one, 1);
    case_add_ages(&one, 1);
    one.terms[2].level = 1;
    assert_refused(&one, "term");
    case_make(&one, 1);
    case_add_ages(&one, 1);
    one.figures[4].covariate = CASE_AGE;
    assert_refused(&one, "figure");
    case_make(&one, 1);
    case_add_ages(&one, 1);
    one.level[CASE_AGE * CASE_N + 3] = QST_MOST_NUMBER + 1;
    assert_refused(&one, "number");
}

static void test_refuses_plans_without_sense(void **state)
{
    (void)state;
    case_make(&one, 1);
    one.plan.n_people = 63;
    assert_refused(&one, "add up");
    case_make(&one, 1);
    one.arm_size[0] = 1;
    assert_refused(&one, "fewer than two");
    case_make(&one, 1);
    one.plan.n_skips = 5;
    assert_refused(&one, "4 items");
    case_make(&one, 1);
    one.plan.max = 1;
    assert_refused(&one, "range");
    case_make(&one, 1);
    one.plan.n_lone = 32;
    assert_refused(&one, "baseline");
    case_make(&one, 1);
    one.figures[3].low = (double)NAN;
    assert_refused(&one, "figure");
    case_make(&one, 1);
    one.figures[3].arm = 2;
    assert_refused(&one, "figure");
    case_make(&one, 1);
    one.terms[1].level = 2;
    assert_refused(&one, "term");
    case_make(&one, 1);
    one.level[5] = 2;
    assert_refused(&one, "level");
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    case_make_easy(&one, 1);
    assert_true(assert_survives_no_memory(search, &one) > 10);
}

static void test_can_be_stopped(void **state)
{
    (void)state;
    case_make(&one, 1);
    one.figures[1].low += 20;
    one.figures[1].high += 20;
    assert_cancels(search, &one, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_people_with_the_printed_figures),
        cmocka_unit_test(test_finds_people_with_ages),
        cmocka_unit_test(test_meets_another_digit),
        cmocka_unit_test(test_tells_what_it_could_not_meet),
        cmocka_unit_test(test_people_are_possible),
        cmocka_unit_test(test_people_are_possible_without_a_design),
        cmocka_unit_test(test_the_seed_decides_alone),
        cmocka_unit_test(test_without_attempts_nothing_is_met),
        cmocka_unit_test(test_refuses_plans_without_sense),
        cmocka_unit_test(test_refuses_numbers_without_sense),
        cmocka_unit_test(test_survives_lack_of_memory),
        cmocka_unit_test(test_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
