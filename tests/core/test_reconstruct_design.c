#include "cohort_case.h"
#include "stat/reconstruct.h"

/* The case with a site for everybody, and sites and ages in the model. */
static cohort_case one;
#define P 6
static qst_cohort_term terms[] = {{-1, 1}, {0, 1}, {1, 1}, {1, 2}, {CASE_AGE, 0}};
static double estimate[P] = {1, 2, -1, 0.5, 1.5, 0.1}, se[P], se_low[P], se_high[P];

#define VARIANCE 9.0

static void slow_diagonal(const cohort_case *c, double diagonal_out[P])
{
    double x[CASE_N][CASE_MAX_COLUMNS], y[CASE_N] = {0}, coef[P];
    for (int i = 0; i < CASE_N; i++) {
        const int site = case_level(c, i, 1);
        const double row[P] = {1, case_arm(c, i), case_level(c, i, 0), site == 1, site == 2,
            case_level(c, i, CASE_AGE)};
        memcpy(x[i], row, sizeof row);
    }
    case_least_squares(CASE_N, P, x, y, coef, diagonal_out);
}

/* Standard errors that a hidden assignment of levels has, to `share` of their size. */
static void make_design_case(uint64_t seed, double share)
{
    case_make(&one, seed);
    case_add_ages(&one, seed);
    uint64_t state = seed;
    for (int i = 0; i < CASE_N; i++) {
        one.level[CASE_N + i] = (int32_t)(3 * test_uniform(&state));
    }
    double diagonal[P];
    slow_diagonal(&one, diagonal);
    for (int k = 0; k < P; k++) {
        se[k] = sqrt(VARIANCE * diagonal[k]);
        se_low[k] = sqrt(VARIANCE * diagonal[k]) * (1 - share);
        se_high[k] = sqrt(VARIANCE * diagonal[k]) * (1 + share);
    }
    one.plan.terms = terms;
    one.plan.n_terms = P - 1;
    one.plan.estimate = estimate;
    one.plan.se = se;
    one.plan.se_low = se_low;
    one.plan.se_high = se_high;
    one.plan.ss = VARIANCE * CASE_N;
    one.plan.ss_low = 0.5 * VARIANCE * CASE_N;
    one.plan.ss_high = 2 * VARIANCE * CASE_N;
    one.plan.n_figures = 0;
}

static void put_in_order(int covariate, int i, int j)
{
    int32_t *level = one.level + covariate * CASE_N;
    if (level[j] < level[i]) {
        const int32_t kept = level[i];
        level[i] = level[j];
        level[j] = kept;
    }
}

static qst_status search(const qst_ctx *ctx, void *data, qst_err *err)
{
    qst__arena arena;
    qst__search s;
    qst__ticker ticker;
    qst_rng rng;
    const qst_rng_address address = {.purpose = 1};
    qst__arena_init(&arena, ctx);
    qst__ticker_init(&ticker, ctx);
    qst_status status = qst__search_make(&arena, &one.plan, &one.people, &s, err);
    if (status == QST_OK) {
        status = qst_rng_init(&rng, 5, &address, err);
    }
    if (status == QST_OK) {
        /* Sorted within arms: far from what is sought. */
        for (int i = 0; i < CASE_N; i++) {
            for (int j = i + 1; j < CASE_N && case_arm(&one, j) == case_arm(&one, i); j++) {
                put_in_order(0, i, j);
                put_in_order(CASE_AGE, i, j);
            }
        }
        qst__count_all(&s);
        int32_t n_cycles = 0;
        status = qst__search_design(&s, &n_cycles, &rng, &ticker, data, err);
    }
    qst__arena_free(&arena);
    return status;
}

static void test_standard_errors_are_found_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        bool found = false;
        qst_err err;
        qst_err_init(&err);
        make_design_case(seed, 0.004);
        assert_status(search(NULL, &found, &err), QST_OK, &err);
        assert_true(found);
        /* One residual variance puts all into their ranges. */
        double diagonal[P];
        double low = 0, high = 1e9;
        slow_diagonal(&one, diagonal);
        for (int k = 0; k < P; k++) {
            low = fmax(low, se_low[k] * se_low[k] / diagonal[k]);
            high = fmin(high, se_high[k] * se_high[k] / diagonal[k]);
        }
        assert_true(low < high);
    }
}

static void test_without_a_model_there_is_nothing_to_find(void **state)
{
    (void)state;
    bool found = false;
    qst_err err;
    qst_err_init(&err);
    make_design_case(1, 0.01);
    one.plan.n_terms = 0;
    assert_status(search(NULL, &found, &err), QST_OK, &err);
    assert_true(found);
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    bool found = false;
    make_design_case(1, 0.1);
    assert_true(assert_survives_no_memory(search, &found) > 3);
}

static void test_can_be_stopped(void **state)
{
    (void)state;
    bool found = false;
    make_design_case(1, 0.001);
    se_low[3] *= 3;
    se_high[3] *= 3;
    assert_cancels(search, &found, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_standard_errors_are_found_again),
        cmocka_unit_test(test_without_a_model_there_is_nothing_to_find),
        cmocka_unit_test(test_survives_lack_of_memory),
        cmocka_unit_test(test_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
