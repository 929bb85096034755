#include "stat/impute.h"

#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_N 400

/* Observed rows 0 .. n - 1 predicted at `predicted`, one missing row behind them; the value of a
 * row is its number. */
typedef struct {
    double values[MAX_N + 1], predicted[MAX_N];
    double target, drawn;
    ptrdiff_t observed[MAX_N], missing, numbers[MAX_N + 1];
    int32_t decided[QST_N_DECIDED];
    qst_impute_variable variable;
    qst__visit visit;
    double *room;
} problem;

static void set_up(problem *q, ptrdiff_t n, int32_t donors)
{
    for (ptrdiff_t i = 0; i <= n; i++) {
        q->numbers[i] = i;
        q->values[i] = i < n ? (double)i : (double)NAN;
    }
    memcpy(q->observed, q->numbers, sizeof q->observed);
    memset(q->decided, 0, sizeof q->decided);
    q->missing = n;
    q->variable = (qst_impute_variable){.column = {QST_COL_DOUBLE, q->values, n + 1, 0}};
    q->visit = (qst__visit){.observed = q->observed,
        .missing = &q->missing,
        .n_observed = n,
        .n_missing = 1,
        .variable = &q->variable,
        .donors = donors,
        .seed = 99,
        .row_numbers = q->numbers,
        .drawn_out = &q->drawn,
        .decided_out = q->decided};
    q->room = calloc((size_t)qst__match_room(n), sizeof *q->room);
    assert_non_null(q->room);
}

static ptrdiff_t draw(problem *q, uint32_t imputation)
{
    q->visit.imputation = imputation;
    qst__match(&q->visit, q->predicted, &q->target, q->room);
    return (ptrdiff_t)q->drawn;
}

/* The probability of a row the slow way: each of the ranks 1 .. donors is drawn with probability
 * 1 / donors; rows as far as each other share their ranks. */
static double chance(const problem *q, ptrdiff_t row)
{
    const ptrdiff_t n = q->visit.n_observed;
    const ptrdiff_t donors = qst__min(q->visit.donors, n);
    const double own = fabs(q->predicted[row] - q->target);
    ptrdiff_t n_nearer = 0, n_equal = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double distance = fabs(q->predicted[i] - q->target);
        n_nearer += distance < own;
        n_equal += distance == own;
    }
    const ptrdiff_t n_ranks = qst__max(0, qst__min(donors, n_nearer + n_equal) - n_nearer);
    return (double)n_ranks / (double)(donors * n_equal);
}

/* Every row that is drawn can be, and over 4096 imputations each is drawn as often as it should:
 * the chi-square stays below its mean and five standard deviations. */
static void check_chances(problem *q)
{
    int count[MAX_N] = {0};
    const double n_draws = 4096.0;
    for (uint32_t k = 0; k < 4096; k++) {
        count[draw(q, k)]++;
    }
    double chi_square = 0.0, df = -1.0;
    for (ptrdiff_t i = 0; i < q->visit.n_observed; i++) {
        const double expected = n_draws * chance(q, i);
        if (expected == 0.0) {
            assert_int_equal(count[i], 0);
        } else {
            chi_square += (count[i] - expected) * (count[i] - expected) / expected;
            df += 1.0;
        }
    }
    assert_true(chi_square <= df + 5.0 * sqrt(2.0 * df) + 1e-9);
    free(q->room);
}

static void donors_are_the_nearest_with_equal_chances(void **state)
{
    (void)state;
    const double targets[] = {-1.0, 0.0, 3.1, 5.5, 6.0, 20.0, 100.0};
    for (int t = 0; t < 7; t++) {
        problem q;
        set_up(&q, 20, 5);
        for (int i = 0; i < 20; i++) {
            q.predicted[i] = (double)((i * 7) % 20) + 0.01 * i * i;
        }
        q.target = targets[t];
        check_chances(&q);
    }
}

/* Equal predictions, and rows as far above as below. */
static void ties_are_broken_at_random(void **state)
{
    (void)state;
    const double targets[] = {1.0, 1.5, 2.0, 2.5, 0.0, 9.0};
    for (int t = 0; t < 6; t++) {
        for (int32_t donors = 1; donors <= 8; donors++) {
            problem q;
            set_up(&q, 30, donors);
            for (int i = 0; i < 30; i++) {
                q.predicted[i] = i % 5;
            }
            q.target = targets[t];
            check_chances(&q);
        }
    }
}

static void all_predictions_may_be_equal(void **state)
{
    (void)state;
    problem q;
    set_up(&q, 50, 3);
    for (int i = 0; i < 50; i++) {
        q.predicted[i] = 4.25;
    }
    q.target = -3.0;
    check_chances(&q);
}

static void fewer_observed_than_donors_is_noted(void **state)
{
    (void)state;
    problem q;
    set_up(&q, 3, 5);
    for (int i = 0; i < 3; i++) {
        q.predicted[i] = i;
    }
    q.target = 0.2;
    draw(&q, 0);
    assert_int_equal(q.decided[QST_DECIDED_FEW_DONORS], 1);
    check_chances(&q);
    set_up(&q, 1, 1);
    q.predicted[0] = 0.0;
    assert_int_equal(draw(&q, 0), 0);
    assert_int_equal(q.decided[QST_DECIDED_FEW_DONORS], 0);
    free(q.room);
}

/* Values whose bins hold nearly all of them, and values too far apart or too near for bins. */
static void any_spread_is_sorted(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int kind = 0; kind < 5; kind++) {
        problem q;
        set_up(&q, MAX_N, 5);
        for (int i = 0; i < MAX_N; i++) {
            const double u = test_uniform(&seed);
            const double spreads[] = {
                pow(2.0, -i), i == 7 ? 1e100 : u, 1.0 + i * 0x1p-52, floor(3.0 * u), i * 5e-324};
            q.predicted[i] = spreads[kind];
        }
        for (uint32_t k = 0; k < 300; k++) {
            q.target = k % 2 == 0 ? q.predicted[k] : q.predicted[k] * (1.0 + 1e-3);
            assert_true(chance(&q, draw(&q, k)) > 0.0);
        }
        free(q.room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(donors_are_the_nearest_with_equal_chances),
        cmocka_unit_test(ties_are_broken_at_random),
        cmocka_unit_test(all_predictions_may_be_equal),
        cmocka_unit_test(fewer_observed_than_donors_is_noted),
        cmocka_unit_test(any_spread_is_sorted),
    };
    return cmocka_run_group_tests_name("impute_match", tests, NULL, NULL);
}
