#include "qst_test.h"

#include <math.h>

#define N 120
#define ITEMS 12

typedef struct {
    qst_items_plan plan;
    int32_t answered[2][N], total[2][N];
    int32_t items[2][N * ITEMS];
    double alpha[2];
} sheet;

static sheet one, two;

/* Totals around 4.5 of 1 to 6, one item in twelve skipped by a fifth, a few absent. */
static void make_sheet(sheet *x, uint64_t seed)
{
    uint64_t state = seed;
    for (int i = 0; i < N; i++) {
        const double person = 4.3 + 0.6 * test_normal(&state);
        for (int v = 0; v < 2; v++) {
            const int n = ITEMS - (test_uniform(&state) < 0.2);
            const double mean = fmin(5.8, fmax(1.2, person + 0.3 * test_normal(&state)));
            x->answered[v][i] = i % 30 == 7 ? 0 : n;
            x->total[v][i] = i % 30 == 7 ? 0 : (int32_t)(mean * n + 0.5);
        }
    }
    x->plan = (qst_items_plan){.n_people = N,
        .n_items = ITEMS,
        .min = 1,
        .max = 6,
        .answered = {x->answered[0], x->answered[1]},
        .total = {x->total[0], x->total[1]},
        .alpha_low = {0.795, (double)NAN},
        .alpha_high = {0.805, (double)NAN},
        .seed = seed};
}

static qst_status fill(const qst_ctx *ctx, void *data, qst_err *err)
{
    sheet *x = data;
    int32_t *const items[2] = {x->items[0], x->items[1]};
    return qst_reconstruct_items(ctx, &x->plan, items, x->alpha, err);
}

static double variance(const double *x, int n)
{
    double mean = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        mean += x[i] / n;
    }
    for (int i = 0; i < n; i++) {
        sum += (x[i] - mean) * (x[i] - mean);
    }
    return sum / (n - 1);
}

/* Cronbach's alpha of the complete, item by item. */
static double slow_alpha(const sheet *x, int visit)
{
    double items = 0, totals[N], one_item[N];
    int n = 0;
    for (int j = 0; j < ITEMS; j++) {
        n = 0;
        for (int i = 0; i < N; i++) {
            if (x->answered[visit][i] == ITEMS) {
                totals[n] = x->total[visit][i];
                one_item[n++] = x->items[visit][j * N + i];
            }
        }
        items += variance(one_item, n);
    }
    return ITEMS / (ITEMS - 1.0) * (1 - items / variance(totals, n));
}

static void test_answers_add_up_and_hang_together(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        qst_err err;
        qst_err_init(&err);
        make_sheet(&one, seed);
        assert_status(fill(NULL, &one, &err), QST_OK, &err);
        for (int v = 0; v < 2; v++) {
            for (int i = 0; i < N; i++) {
                int sum = 0, n = 0;
                for (int j = 0; j < ITEMS; j++) {
                    const int32_t x = one.items[v][j * N + i];
                    if (x != QST_NA_INT) {
                        assert_in_range(x, 1, 6);
                        sum += x;
                        n++;
                    }
                }
                assert_int_equal(sum, one.total[v][i]);
                assert_int_equal(n, one.answered[v][i]);
            }
            assert_close(one.alpha[v], slow_alpha(&one, v), 1e-9, 0);
        }
        assert_true(one.alpha[0] > 0.795 && one.alpha[0] < 0.805);
    }
}

static void test_the_seed_decides_alone(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    test_memory memory = {0};
    const qst_ctx ctx = test_ctx(&memory, 7);
    make_sheet(&one, 1);
    make_sheet(&two, 1);
    assert_status(fill(NULL, &one, &err), QST_OK, &err);
    assert_status(fill(&ctx, &two, &err), QST_OK, &err);
    assert_memory_equal(one.items, two.items, sizeof one.items);
    two.plan.seed = 2;
    assert_status(fill(NULL, &two, &err), QST_OK, &err);
    assert_memory_not_equal(one.items, two.items, sizeof one.items);
}

static void test_too_few_complete_have_no_alpha(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    make_sheet(&one, 1);
    for (int i = 0; i < N; i++) {
        one.answered[0][i] = one.total[0][i] = 0;
    }
    assert_status(fill(NULL, &one, &err), QST_OK, &err);
    assert_true(qst_is_na_real(one.alpha[0]));
}

static void test_impossible_totals_are_refused(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    make_sheet(&one, 1);
    one.total[1][3] = 73;
    assert_status(fill(NULL, &one, &err), QST_ERANGE, &err);
    assert_text(&err, "person 4");
    assert_int_equal(err.row, 3);
    assert_int_equal(err.column, 1);
    qst_err_init(&err);
    make_sheet(&one, 1);
    one.plan.n_people = 0;
    assert_status(fill(NULL, &one, &err), QST_EARGUMENT, &err);
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    make_sheet(&one, 1);
    assert_true(assert_survives_no_memory(fill, &one) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_add_up_and_hang_together),
        cmocka_unit_test(test_the_seed_decides_alone),
        cmocka_unit_test(test_too_few_complete_have_no_alpha),
        cmocka_unit_test(test_impossible_totals_are_refused),
        cmocka_unit_test(test_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
