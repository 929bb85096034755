#include "stat/reconstruct.h"

#include <string.h>

/*
 * People with given joint counts. Two people of an arm exchange their levels of
 * one covariate, which leaves all counts by arm; what is lessened is the sum of
 * the squared differences of the joint counts from the wanted ones, by
 * threshold accepting (Dueck & Scheuer 1990) with a threshold that falls, again
 * and again, until nothing differs. There are so many more ways to seat people
 * than joint counts that this takes milliseconds.
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

void qst__count_joint(const qst__search *s, int32_t *joint_out)
{
    const int32_t n = s->n_places;
    memset(joint_out, 0, sizeof *joint_out * (size_t)n * (size_t)n);
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        for (int32_t c = 0; c < s->plan->n_covariates; c++) {
            for (int32_t b = 0; b < s->plan->n_covariates; b++) {
                const int32_t x = qst__level(s, i, c);
                const int32_t y = qst__level(s, i, b);
                if (x >= 0 && y >= 0) {
                    joint_out[qst__place(s, c, x) * n + qst__place(s, b, y)]++;
                }
            }
        }
    }
}

/* Two people of an arm and a covariate of the model. */
typedef struct {
    int32_t i, j, covariate;
} swap;

static bool draw_swap(const qst__seats *seats, qst_rng *rng, swap *w)
{
    const qst__search *s = seats->s;
    w->i = (int32_t)qst_rng_below(rng, (uint32_t)s->plan->n_people);
    const int32_t arm = s->arm_of[w->i];
    w->j = s->arm_start[arm] + (int32_t)qst_rng_below(rng, (uint32_t)s->plan->arm_size[arm]);
    w->covariate = seats->covariates[qst_rng_below(rng, (uint32_t)seats->n_covariates)];
    return qst__level(s, w->i, w->covariate) != qst__level(s, w->j, w->covariate);
}

/* What `more` people at both places do to the squared lack there, and to the lack if they stay. */
static int64_t weigh_cell(const qst__seats *seats, int32_t x, int32_t y, int32_t more, bool stay)
{
    if (x < 0 || y < 0) {
        return 0;
    }
    const int32_t n = seats->s->n_places;
    int32_t *lack = seats->lack + (x < y ? x * n + y : y * n + x);
    const int64_t change = (int64_t)more * more - 2 * (int64_t)more * *lack;
    *lack -= stay ? more : 0;
    return change;
}

/* Place of a person's level, -1 if she has none. */
static int32_t place_of(const qst__search *s, int32_t person, int32_t covariate)
{
    const int32_t level = qst__level(s, person, covariate);
    return level < 0 ? -1 : qst__place(s, covariate, level);
}

/* The change of the sum of squares by the swap: the four cells of two covariates differ, so each
 * counts by itself. */
static int64_t weigh(const qst__seats *seats, const swap *w, bool stay)
{
    const qst__search *s = seats->s;
    const int32_t x[2] = {place_of(s, w->i, w->covariate), place_of(s, w->j, w->covariate)};
    int64_t change = 0;
    for (int32_t m = 0; m < seats->n_covariates; m++) {
        const int32_t c = seats->covariates[m];
        const int32_t y[2] = {place_of(s, w->i, c), place_of(s, w->j, c)};
        for (int k = 0; c != w->covariate && y[0] != y[1] && k < 4; k++) {
            change += weigh_cell(seats, x[k / 2], y[k % 2], k == 0 || k == 3 ? -1 : 1, stay);
        }
    }
    return change;
}

static void do_swap(const qst__seats *seats, const swap *w)
{
    int32_t *level = seats->s->people->level + (ptrdiff_t)w->covariate * seats->s->plan->n_people;
    const int32_t kept = level[w->i];
    (void)weigh(seats, w, true);
    level[w->i] = level[w->j];
    level[w->j] = kept;
}

/* What is lacking of the wanted joint counts of the model's covariates; returns its squares' sum.
 */
static int64_t set_lack(const qst__seats *seats, const int32_t *wanted)
{
    const qst__search *s = seats->s;
    const int32_t n = s->n_places;
    int64_t sum = 0;
    qst__count_joint(s, seats->lack);
    for (int32_t m = 0; m < seats->n_covariates; m++) {
        for (int32_t b = m + 1; b < seats->n_covariates; b++) {
            const int32_t c = seats->covariates[m];
            const int32_t other = seats->covariates[b];
            for (int32_t x = s->first_level[c]; x < s->first_level[c] + s->plan->n_levels[c]; x++) {
                for (int32_t y = s->first_level[other];
                     y < s->first_level[other] + s->plan->n_levels[other]; y++) {
                    int32_t *lack = seats->lack + x * n + y;
                    *lack = wanted[x * n + y] - *lack;
                    sum += (int64_t)*lack * *lack;
                }
            }
        }
    }
    return sum;
}

bool qst__seat_people(const qst__seats *seats, const int32_t *joint, qst_rng *rng)
{
    int64_t squares = set_lack(seats, joint);
    for (int32_t step = 0; squares > 0 && step < N_STEPS; step++) {
        swap w;
        if (!draw_swap(seats, rng, &w)) {
            continue;
        }
        const double cooled = (double)(step % STEPS_A_COOLING) / STEPS_A_COOLING;
        const int64_t change = weigh(seats, &w, false);
        if ((double)change <= WARMEST * (1 - cooled) * qst_rng_uniform(rng)) {
            do_swap(seats, &w);
            squares += change;
        }
    }
    return squares == 0;
}
