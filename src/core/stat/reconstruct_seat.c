#include "stat/reconstruct.h"

#include <string.h>

/*
 * People with given joint counts. Two people of an arm exchange their levels of
 * one covariate, which leaves all counts by arm; what is lessened is the sum of
 * the squared differences of the joint counts from the wanted ones, by
 * threshold accepting (Dueck & Scheuer 1990) with a threshold that falls, again
 * and again, until nothing differs. There are so many more ways to seat people
 * than joint counts that this takes milliseconds.
 *
 * Numbers are exchanged once levels are seated, as exchanges of both would
 * seldom agree. Sums of products in tenths or hundredths are met exactly by few
 * of them, and no standard error needs that: so the threshold falls once, such
 * that ever fewer exchanges are taken, and what is lacking then is small.
 */
#define N_STEPS 4000000
#define STEPS_A_COOLING 200000
#define WARMEST 4.0
#define N_ROUNDS 200
#define STEPS_A_ROUND 1000
#define MOST_TAKEN 0.03

static int32_t n_places_of(const qst__search *s, int32_t covariate)
{
    return qst__is_numeric(s, covariate) ? 1 : s->plan->n_levels[covariate];
}

/* About 1 / variance of a covariate's numbers, as a power of two, with which sums stay exact. */
static double weight_of_numbers(const qst__search *s, int32_t covariate)
{
    const int32_t n = s->plan->n_people;
    double mean = 0, variance = 0, weight = 1;
    for (int32_t i = 0; i < n; i++) {
        mean += (double)qst__level(s, i, covariate) / n;
    }
    for (int32_t i = 0; i < n; i++) {
        const double apart = (double)qst__level(s, i, covariate) - mean;
        variance += apart * apart / n;
    }
    while (weight * variance > 1) {
        weight /= 2;
    }
    return weight;
}

qst_status qst__seats_make(qst__arena *arena, qst__search *s, const int32_t *covariates,
    int32_t n_covariates, qst__seats *seats, qst_err *err)
{
    *seats = (qst__seats){.s = s, .covariates = covariates, .n_covariates = n_covariates};
    qst_status status = qst__arena_array(
        arena, (ptrdiff_t)s->n_places * s->n_places, sizeof *seats->lack, &seats->lack, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, s->n_places, sizeof *seats->weight, &seats->weight, err);
    }
    if (status != QST_OK) {
        return status;
    }
    for (int32_t c = 0; c < s->n_columns; c++) {
        const double weight = qst__is_numeric(s, c) ? weight_of_numbers(s, c) : 1;
        for (int32_t l = 0; l < n_places_of(s, c); l++) {
            seats->weight[qst__place(s, c, l)] = weight;
        }
    }
    return QST_OK;
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

/* What `more` people at both places do to the squared lack there, and to the lack if they stay.
 * Squares of sums of products do not fit 64 bits. */
static double weigh_cell(const qst__seats *seats, int32_t x, int32_t y, int64_t more, bool stay)
{
    if (x < 0 || y < 0) {
        return 0;
    }
    const int32_t n = seats->s->n_places;
    int64_t *lack = seats->lack + (x < y ? x * n + y : y * n + x);
    const double change = (double)more * ((double)more - 2 * (double)*lack);
    *lack -= stay ? more : 0;
    return change * seats->weight[x] * seats->weight[y];
}

/* The change of the sum of squares by the swap: the cells of two covariates differ, so each counts
 * by itself. */
static double weigh(const qst__seats *seats, turn t, const swap *w, bool stay)
{
    const difference x = compare(seats->s, w, w->covariate);
    double change = 0;
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

/* What is lacking of two covariates' joint counts, where seats->lack has what there is; returns its
 * squares' sum. */
static double set_pair(
    const qst__seats *seats, const int64_t *wanted, int32_t first, int32_t second)
{
    const qst__search *s = seats->s;
    const int32_t x = s->first_level[first];
    const int32_t y = s->first_level[second];
    double sum = 0;
    for (int32_t j = x; j < x + n_places_of(s, first); j++) {
        for (int32_t k = y; k < y + n_places_of(s, second); k++) {
            int64_t *lack = seats->lack + j * s->n_places + k;
            *lack = wanted[j * s->n_places + k] - *lack;
            sum += (double)*lack * (double)*lack * seats->weight[j] * seats->weight[k];
        }
    }
    return sum;
}

/* The sum of squares of what is lacking now. */
static double count_lack(const qst__seats *seats, turn t, const int64_t *joint)
{
    double squares = 0;
    qst__count_joint(seats->s, seats->lack);
    for (int32_t m = 0; m < t.end; m++) {
        for (int32_t b = m + 1; b < t.end; b++) {
            squares += set_pair(seats, joint, seats->covariates[m], seats->covariates[b]);
        }
    }
    return squares;
}

/* One exchange, if it is taken: it may add a random share of `warmth` to the squares. */
static bool try_swap(const qst__seats *seats, turn t, double warmth, qst_rng *rng, double *squares)
{
    swap w;
    if (!draw_swap(seats, t, rng, &w)) {
        return false;
    }
    const double change = weigh(seats, t, &w, false);
    if (change > warmth * qst_rng_uniform(rng)) {
        return false;
    }
    do_swap(seats, t, &w);
    *squares += change;
    return true;
}

/* Until nothing is lacking. */
static bool seat_levels(const qst__seats *seats, turn t, const int64_t *joint, qst_rng *rng)
{
    double squares = count_lack(seats, t, joint);
    for (int32_t step = 0; squares > 0 && step < N_STEPS; step++) {
        const double cooled = (double)(step % STEPS_A_COOLING) / STEPS_A_COOLING;
        (void)try_swap(seats, t, WARMEST * (1 - cooled), rng, &squares);
    }
    return squares == 0;
}

/* Until nothing is lacking or hardly anything is taken. The share of what is tried that is to be
 * taken falls, and the warmth follows it, whatever the numbers' units. */
static void seat_numbers(const qst__seats *seats, turn t, const int64_t *joint, qst_rng *rng)
{
    double squares = count_lack(seats, t, joint);
    double warmth = squares;
    for (int32_t k = 0; squares > 0 && k < N_ROUNDS; k++) {
        int32_t n_taken = 0;
        for (int32_t step = 0; squares > 0 && step < STEPS_A_ROUND; step++) {
            n_taken += try_swap(seats, t, warmth, rng, &squares);
        }
        const double share = (double)n_taken / STEPS_A_ROUND;
        const double wanted = MOST_TAKEN * (double)(N_ROUNDS - k) / N_ROUNDS;
        warmth *= 1 - 0.5 * (share - wanted) / (share + wanted);
        squares = count_lack(seats, t, joint); /* afresh: large squares are rounded */
    }
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
    if (n_levels > 0 && !seat_levels(seats, levels, joint, rng)) {
        return false;
    }
    if (numbers.first < numbers.end) {
        seat_numbers(seats, numbers, joint, rng);
    }
    return true;
}
