#include "cohort_case.h"
#include "stat/reconstruct.h"

static cohort_case one;

typedef struct {
    double first, told, last; /* misfit before, as told, counted afresh */
} trace;

/* Scores that meet all figures, then disturbed by a few nudges: pairs bring them back. */
static qst_status polish(const qst_ctx *ctx, void *data, qst_err *err)
{
    trace *t = data;
    qst__arena arena;
    qst__search s;
    qst__ticker ticker;
    qst_rng rng;
    const qst_rng_address address = {.purpose = 1};
    qst__arena_init(&arena, ctx);
    qst__ticker_init(&ticker, ctx);
    case_make(&one, 3);
    for (int i = 3; i < 6; i++) {
        one.total[1][i] += 1;
        one.total[1][i + 20] -= 1;
        one.total[0][i + 40] += 1;
    }
    qst_status status = qst__search_make(&arena, &one.plan, &one.people, &s, err);
    if (status == QST_OK) {
        status = qst_rng_init(&rng, 5, &address, err);
    }
    if (status == QST_OK) {
        qst__count_all(&s);
        (void)qst__count_design(&s);
        qst__set_final_widths(&s);
        t->first = qst__misfit(&s, false);
        status = qst__polish_scores(&s, &rng, &ticker, &t->told, err);
        qst__count_all(&s);
        (void)qst__count_design(&s);
        t->last = qst__misfit(&s, false);
    }
    qst__arena_free(&arena);
    return status;
}

static void test_pairs_of_moves_improve(void **state)
{
    (void)state;
    trace t = {0, 0, 0};
    qst_err err;
    qst_err_init(&err);
    assert_status(polish(NULL, &t, &err), QST_OK, &err);
    assert_true(t.first > 1);
    assert_true(t.last < 0.2 * t.first);
    assert_close(t.told, t.last, 1e-6, 1e-9);
}

static void test_survives_lack_of_memory(void **state)
{
    (void)state;
    trace t = {0, 0, 0};
    assert_true(assert_survives_no_memory(polish, &t) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_of_moves_improve),
        cmocka_unit_test(test_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
