#include "stat/reconstruct.h"

#include <string.h>

/*
 * People with given joint counts. Two people of an arm exchange their levels of
 * one covariate, which leaves all counts by arm; what is lessened is the sum of
 * the squared differences of the joint counts from the wanted ones, by
 * threshold accepting (Dueck & Scheuer 1990) with a threshold that falls, again
 * and again, until nothing differs. There are so many more ways to seat people
 * than joint counts that this takes milliseconds. Numbers are exchanged in the
 * same way once levels are seated, as exchanges of both would seldom agree.
 */
#define N_STEPS 4000000
#define STEPS_A_COOLING 200000
#define WARMEST 4.0

qst_status qst__seats_make(qst__arena *arena, qst__search *s, const int32_t *covariates,
    int32_t n_covariates, qst__seats *seats, qst_err *err)
{
    *seats = (qst__seats){.s = s, .covariates = covariates, .n_covariates = n_covariates};
    return qst__arena_array(
        arena, (ptrdiff_t)s->n_places * s->n_places, sizeof *seats->lack, &seats->lack, err);
}

void qst__count_joint(const qst__search *s, int64_t *joint_out)
{
    const int32_t n = s->n_places;
    memset(joint_out, 0, sizeof *joint_out * (size_t)n * (size_t)n);
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        for (int32_t c = 0; c < s->n_columns; c++) {
            for (int32_t b = 0; b < s->n_columns; b++) {
                const int32_t x = qst__place_of(s, i, c);
                const int32_t y = qst__place_of(s, i, b);
                if (x >= 0 && y >= 0) {
                    joint_out[x * n + y] += (int64_t)qst__weight(s, i, c) * qst__weight(s, i, b);
                }
            }
        }
    }
}

/* Covariates `first` to `end` - 1 of the model are exchanged; those before are counted with them.
 */
typedef struct {
    int32_t first, end;
} turn;

/* Two people of an arm and a covariate of the model. */
typedef struct {
    int32_t i, j, covariate;
} swap;

/* What the first person has of a covariate and the second has not: at up to two places so often,
 * -1 for none. */
typedef struct {
    int32_t place[2], more[2];
} difference;

static difference compare(const qst__search *s, const swap *w, int32_t covariate)
{
    const int32_t x = qst__place_of(s, w->i, covariate);
    const int32_t y = qst__place_of(s, w->j, covariate);
    if (x == y) {
        const int32_t more = qst__weight(s, w->i, covariate) - qst__weight(s, w->j, covariate);
        return (difference){{x, -1}, {more, 0}};
    }
    return (difference){{x, y}, {1, -1}};
}

static bool draw_swap(const qst__seats *seats, turn t, qst_rng *rng, swap *w)
{
    const qst__search *s = seats->s;
    w->i = (int32_t)qst_rng_below(rng, (uint32_t)s->plan->n_people);
    const int32_t arm = s->arm_of[w->i];
    w->j = s->arm_start[arm] + (int32_t)qst_rng_below(rng, (uint32_t)s->plan->arm_size[arm]);
    w->covariate =
        seats->covariates[t.first + (int32_t)qst_rng_below(rng, (uint32_t)(t.end - t.first))];
    return qst__level(s, w->i, w->covariate) != qst__level(s, w->j, w->covariate);
}

/* What `more` people at both places do to the squared lack there, and to the lack if they stay. */
static int64_t weigh_cell(const qst__seats *seats, int32_t x, int32_t y, int64_t more, bool stay)
{
    if (x < 0 || y < 0) {
        return 0;
    }
    const int32_t n = seats->s->n_places;
    int64_t *lack = seats->lack + (x < y ? x * n + y : y * n + x);
    const int64_t change = more * more - 2 * more * *lack;
    *lack -= stay ? more : 0;
    return change;
}

/* The change of the sum of squares by the swap: the cells of two covariates differ, so each counts
 * by itself. */
static int64_t weigh(const qst__seats *seats, turn t, const swap *w, bool stay)
{
    const difference x = compare(seats->s, w, w->covariate);
    int64_t change = 0;
    for (int32_t m = 0; m < t.end; m++) {
        if (seats->covariates[m] == w->covariate) {
            continue;
        }
        const difference y = compare(seats->s, w, seats->covariates[m]);
        for (int k = 0; k < 4; k++) {
            const int64_t more = -(int64_t)x.more[k / 2] * y.more[k % 2];
            change += weigh_cell(seats, x.place[k / 2], y.place[k % 2], more, stay);
        }
    }
    return change;
}

static void do_swap(const qst__seats *seats, turn t, const swap *w)
{
    int32_t *level = seats->s->people->level + (ptrdiff_t)w->covariate * seats->s->plan->n_people;
    const int32_t kept = level[w->i];
    (void)weigh(seats, t, w, true);
    level[w->i] = level[w->j];
    level[w->j] = kept;
}

static int32_t n_places_of(const qst__search *s, int32_t covariate)
{
    return qst__is_numeric(s, covariate) ? 1 : s->plan->n_levels[covariate];
}

/* What is lacking of two covariates' joint counts, where seats->lack has what there is; returns its
 * squares' sum. */
static int64_t set_pair(
    const qst__seats *seats, const int64_t *wanted, int32_t first, int32_t second)
{
    const qst__search *s = seats->s;
    const int32_t x = s->first_level[first];
    const int32_t y = s->first_level[second];
    int64_t sum = 0;
    for (int32_t j = x; j < x + n_places_of(s, first); j++) {
        for (int32_t k = y; k < y + n_places_of(s, second); k++) {
            int64_t *lack = seats->lack + j * s->n_places + k;
            *lack = wanted[j * s->n_places + k] - *lack;
            sum += *lack * *lack;
        }
    }
    return sum;
}

/* Exchanges until nothing is lacking. */
static bool take_turn(const qst__seats *seats, turn t, const int64_t *joint, qst_rng *rng)
{
    int64_t squares = 0;
    qst__count_joint(seats->s, seats->lack);
    for (int32_t m = 0; m < t.end; m++) {
        for (int32_t b = m + 1; b < t.end; b++) {
            squares += set_pair(seats, joint, seats->covariates[m], seats->covariates[b]);
        }
    }
    for (int32_t step = 0; squares > 0 && step < N_STEPS; step++) {
        swap w;
        if (!draw_swap(seats, t, rng, &w)) {
            continue;
        }
        const double cooled = (double)(step % STEPS_A_COOLING) / STEPS_A_COOLING;
        const int64_t change = weigh(seats, t, &w, false);
        if ((double)change <= WARMEST * (1 - cooled) * qst_rng_uniform(rng)) {
            do_swap(seats, t, &w);
            squares += change;
        }
    }
    return squares == 0;
}

bool qst__seat_people(const qst__seats *seats, const int64_t *joint, qst_rng *rng)
{
    int32_t n_levels = 0;
    while (
        n_levels < seats->n_covariates && !qst__is_numeric(seats->s, seats->covariates[n_levels])) {
        n_levels++;
    }
    const turn levels = {0, n_levels};
    const turn numbers = {n_levels, seats->n_covariates};
    return (n_levels == 0 || take_turn(seats, levels, joint, rng)) &&
           (numbers.first == numbers.end || take_turn(seats, numbers, joint, rng));
}
