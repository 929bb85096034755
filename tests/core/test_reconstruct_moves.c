#include "cohort_case.h"
#include "stat/reconstruct.h"

static cohort_case one, before;

static const qst__mix all_kinds = {
    .percent = {10, 20, 10, 20, 20, 10, 10}, .n_partners = 2, .any_covariate = true};
static const qst__mix free_only = {
    .percent = {10, 25, 10, 30, 15, 5, 5}, .n_partners = 1, .sparse = true};

static qst_rng stream_of(uint64_t seed)
{
    qst_rng rng;
    qst_err err;
    qst_err_init(&err);
    const qst_rng_address address = {.purpose = 1};
    assert_status(qst_rng_init(&rng, seed, &address, &err), QST_OK, &err);
    return rng;
}

static qst__search lay(qst__arena *arena, cohort_case *c)
{
    qst__search s;
    qst_err err;
    qst_err_init(&err);
    qst__arena_init(arena, NULL);
    assert_status(qst__search_make(arena, &c->plan, &c->people, &s, &err), QST_OK, &err);
    qst__count_all(&s);
    assert_true(qst__count_design(&s));
    return s;
}

/* After many moves the sums kept are those of a fresh count, and the figures those of the slow
 * analysis. */
static void test_sums_follow_moves_exactly(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 1);
    qst__search s = lay(&arena, &one);
    qst_rng rng = stream_of(1);
    qst__mix mix = all_kinds;
    mix.n_partners = 3;
    for (int n = 0; n < 3000; n++) {
        qst__move move;
        if (qst__draw_move(&s, &mix, &rng, &move) &&
            (!qst__do_move(&s, &move) || !qst__is_possible(&s, &move))) {
            qst__undo_move(&s, &move);
        }
    }
    qst__figures(&s, false);
    assert_int_equal(case_first_difference(&one, s.value), -1);
    qst__cell kept[2 * 6];
    const size_t size = 2 * (size_t)s.n_places * sizeof *kept;
    memcpy(kept, s.cells, size);
    qst__count_all(&s);
    assert_memory_equal(kept, s.cells, size);
    qst__arena_free(&arena);
}

static void test_undoing_restores_everything(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 2);
    qst__search s = lay(&arena, &one);
    qst_rng rng = stream_of(2);
    qst__mix mix = all_kinds;
    mix.n_partners = 2;
    int seen[QST__N_MOVES] = {0};
    for (int n = 0; n < 500; n++) {
        qst__move move;
        if (!qst__draw_move(&s, &mix, &rng, &move)) {
            continue;
        }
        seen[move.kind]++;
        before = one;
        (void)qst__do_move(&s, &move);
        qst__undo_move(&s, &move);
        assert_memory_equal(&before, &one, sizeof one);
    }
    for (int kind = 0; kind < QST__N_MOVES; kind++) {
        assert_true(seen[kind] > 0);
    }
    qst__arena_free(&arena);
}

static void test_moves_stay_within_an_arm(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 3);
    qst__search s = lay(&arena, &one);
    qst_rng rng = stream_of(3);
    for (int n = 0; n < 2000; n++) {
        qst__move move;
        if (qst__draw_move(&s, &free_only, &rng, &move)) {
            assert_int_equal(case_arm(&one, move.i), case_arm(&one, move.j));
            assert_int_not_equal(move.i, move.j);
            assert_true(move.kind != QST__LEVEL || move.covariate == 1);
            const bool needs_baseline = move.kind == QST__SHIFT || move.kind == QST__LIFT ||
                                        (move.kind <= QST__PAIR && move.visit == 0);
            assert_true(!needs_baseline || one.answered[0][move.i] > 0);
        }
    }
    qst__arena_free(&arena);
}

/* Numbers of answers change places, and each score stays within half a point of its new steps. */
static void test_exchanged_numbers_of_answers_keep_scores(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 5);
    qst__search s = lay(&arena, &one);
    qst_rng rng = stream_of(5);
    const qst__mix skips = {.percent = {0, 0, 0, 0, 0, 0, 100}, .n_partners = 1};
    int n_seen = 0;
    for (int n = 0; n < 500; n++) {
        qst__move move;
        if (!qst__draw_move(&s, &skips, &rng, &move)) {
            continue;
        }
        n_seen++;
        before = one;
        (void)qst__do_move(&s, &move);
        const int people[2] = {move.i, move.j};
        for (int k = 0; k < 2; k++) {
            const int i = people[k];
            const int answered = one.answered[move.visit][i];
            assert_int_equal(answered, before.answered[move.visit][people[1 - k]]);
            const double step = one.plan.score_items / answered;
            assert_close(case_score(&one, move.visit, i), case_score(&before, move.visit, i), 0,
                step / 2 + 1e-9);
        }
    }
    assert_true(n_seen > 50);
    qst__arena_free(&arena);
}

static void test_totals_at_the_ends_are_not_possible(void **state)
{
    (void)state;
    qst__arena arena;
    case_make(&one, 4);
    qst__search s = lay(&arena, &one);
    const qst__move move = {.kind = QST__NUDGE, .i = 0, .j = 1, .visit = 1, .points = 1};
    one.total[1][0] = one.answered[1][0] * 5;
    assert_false(qst__is_possible(&s, &move));
    one.total[1][0] = one.answered[1][0];
    assert_false(qst__is_possible(&s, &move));
    one.total[1][0] = 3 * one.answered[1][0];
    assert_true(qst__is_possible(&s, &move));
    qst__arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_follow_moves_exactly),
        cmocka_unit_test(test_undoing_restores_everything),
        cmocka_unit_test(test_moves_stay_within_an_arm),
        cmocka_unit_test(test_exchanged_numbers_of_answers_keep_scores),
        cmocka_unit_test(test_totals_at_the_ends_are_not_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
