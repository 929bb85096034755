#include "stat/reconstruct.h"

#include <stdlib.h>
#include <string.h>

/*
 * Standard errors are functions of X'X, and X'X of the counts of levels by arm,
 * which are printed, and of the joint counts of the levels of two covariates,
 * which are not. So those are searched first, as numbers; qst__seat_people()
 * then finds people who have them. The joint count of a level and a numeric
 * covariate is the sum of its numbers there, that of two numeric ones the sum
 * of their products.
 *
 * The smallest step makes one person more at levels (x, y) and (x', y') of two
 * covariates and one less at (x, y') and (x', y). It changes X'X by d v' + v d'
 * with d = e_x - e_x' and v = e_y - e_y'. A numeric covariate has but one place,
 * so e_y' is 0, and steps of any size. The inverse, and with it the standard
 * errors, follow by a rank-2 update (Woodbury), and the residual variance by
 * what the printed estimates explain within arms.
 *
 * Solutions are rare (each standard error allows about one part in 5000). They are met by chance
 * where the misfit is as low as it gets before the walk freezes, and that shows in the share of
 * steps taken: the walk keeps it, at one of a few values in turn (few covariates need a large
 * share, many a small one), and begins afresh now and then.
 */
#define STEPS_A_WIDTH 1000
#define N_WIDTHS 200 /* a cycle */
#define WIDEST 64.0
#define N_CYCLES 1500
#define CYCLES_AN_AIM 20
#define N_NEWTON 5         /* steps for the residual variance */
#define NEAR 4.0           /* misfits above are not looked at so closely */
#define FEW 12             /* standard errors */
#define STEPS_A_SPREAD 16  /* the widest step of a number is this share of what it can be */
#define WEIGHT_OF_NUMBER 8 /* a numeric covariate is drawn as often as so many pairs of levels */

/* Places of two levels of a covariate, in this order; a numeric one's place and 0. */
typedef struct {
    int32_t covariate, place[2];
} level_pair;

typedef struct {
    qst__search *s;
    ptrdiff_t p;
    int32_t *coef_of;    /* coefficient of a place, -1 if it has none */
    int32_t *covariates; /* those in the model */
    int32_t n_covariates;
    int64_t *joint;        /* people at two places: n_places rows of n_places */
    int64_t *least, *most; /* that the counts and numbers by arm allow */
    int32_t *ranked; /* numbers, n_people for each numeric covariate, each arm's from the top */
    level_pair *pairs;
    int32_t n_pairs;
    double *low, *high; /* squared standard errors: the share of their ranges searched now */
    double *sharpness;  /* 1 / half of the ranges */
    double *gain;       /* the inverse times d */
    double *apart;      /* the inverse times v */
    double *diagonal;
    double variance;   /* residual, from the sum of squares and the estimates */
    double less, more; /* by how much it may differ */
    double width;      /* by what a miss may grow, in half-widths */
} design;

/* A step under trial: places of two covariates, the second 0 of a numeric one, and the 2 x 2
 * system, whose d is so many times the difference of unit vectors. */
typedef struct {
    const int32_t *x, *y;
    int32_t times;
    double dd, dv, vv; /* d'Gd, 1 + d'Gv, v'Gv for the inverse G; then over the determinant */
    double explained;  /* what the estimates explain more than before */
} exchange;

/* ---- Preparation ---- */

static void find_model_covariates(design *d)
{
    const qst_cohort_plan *plan = d->s->plan;
    for (int32_t place = 0; place < d->s->n_places; place++) {
        d->coef_of[place] = -1;
    }
    for (int32_t k = 0; k < plan->n_terms; k++) {
        if (plan->terms[k].covariate >= 0) {
            d->coef_of[qst__place(d->s, plan->terms[k].covariate, plan->terms[k].level)] = k + 1;
        }
    }
    for (int32_t c = 0; c < d->s->n_columns; c++) {
        bool used = false;
        const int32_t n = qst__is_numeric(d->s, c) ? 1 : plan->n_levels[c];
        for (int32_t l = 0; l < n; l++) {
            used = used || d->coef_of[qst__place(d->s, c, l)] >= 0;
        }
        if (used) {
            d->covariates[d->n_covariates++] = c;
        }
    }
}

/* ---- Bounds of joint counts ---- */

static int from_the_top(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    return (x < y) - (x > y);
}

static void rank_numbers(design *d)
{
    const qst__search *s = d->s;
    const qst_cohort_plan *plan = s->plan;
    const ptrdiff_t n = plan->n_people;
    if (plan->n_numeric == 0) {
        return;
    }
    memcpy(d->ranked, s->people->level + n * plan->n_covariates,
        sizeof *d->ranked * (size_t)n * (size_t)plan->n_numeric);
    for (int32_t c = 0; c < plan->n_numeric; c++) {
        for (int32_t a = 0; a < plan->n_arms; a++) {
            qsort(d->ranked + c * n + s->arm_start[a], (size_t)plan->arm_size[a], sizeof *d->ranked,
                from_the_top);
        }
    }
}

/* What the k-th person of an arm counts at a place, from those who count most. */
static int64_t ranked_at(const design *d, int32_t arm, int32_t place, int32_t k)
{
    const qst__search *s = d->s;
    const int32_t numeric = s->plan->n_numeric - (s->n_places - place);
    if (numeric >= 0) {
        return d->ranked[(ptrdiff_t)numeric * s->plan->n_people + s->arm_start[arm] + k];
    }
    return k < s->cells[(ptrdiff_t)arm * s->n_places + place].n;
}

/* A sum of products is largest when both are in the same order and least when they are in opposite
 * ones (Hardy, Littlewood & Polya 1934, Inequalities, theorem 368). */
static void set_bounds(design *d)
{
    const int32_t n = d->s->n_places;
    rank_numbers(d);
    for (int32_t x = 0; x < n; x++) {
        for (int32_t y = 0; y < n; y++) {
            int64_t least = 0, most = 0;
            for (int32_t a = 0; a < d->s->plan->n_arms; a++) {
                const int32_t size = d->s->plan->arm_size[a];
                for (int32_t k = 0; k < size; k++) {
                    const int64_t here = ranked_at(d, a, x, k);
                    least += here * ranked_at(d, a, y, size - 1 - k);
                    most += here * ranked_at(d, a, y, k);
                }
            }
            d->least[x * n + y] = least;
            d->most[x * n + y] = most;
        }
    }
}

/* ---- What is tried ---- */

static void list_pairs(design *d)
{
    for (int32_t k = 0; k < d->n_covariates; k++) {
        const int32_t c = d->covariates[k];
        const int32_t n = qst__is_numeric(d->s, c) ? 0 : d->s->plan->n_levels[c];
        for (int32_t l = 0; l < n * n; l++) {
            if (l / n != l % n) {
                d->pairs[d->n_pairs++] =
                    (level_pair){c, {qst__place(d->s, c, l / n), qst__place(d->s, c, l % n)}};
            }
        }
        for (int l = 0; l < WEIGHT_OF_NUMBER && qst__is_numeric(d->s, c); l++) {
            d->pairs[d->n_pairs++] = (level_pair){c, {qst__place(d->s, c, 0), 0}};
        }
    }
}

static qst_status make_design(qst__arena *arena, qst__search *s, design *d, qst_err *err)
{
    const ptrdiff_t p = s->n_coef;
    const ptrdiff_t n_joint = (ptrdiff_t)s->n_places * s->n_places;
    *d = (design){.s = s, .p = p};
    double *room = NULL;
    qst_status status = qst__arena_array(arena, 6 * p, sizeof *room, &room, err);
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, s->n_places + s->n_columns, sizeof *d->coef_of, &d->coef_of, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, (ptrdiff_t)s->plan->n_people * s->plan->n_numeric,
            sizeof *d->ranked, &d->ranked, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, 3 * n_joint, sizeof *d->joint, &d->joint, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_joint + (ptrdiff_t)WEIGHT_OF_NUMBER * s->plan->n_numeric,
            sizeof *d->pairs, &d->pairs, err);
    }
    if (status != QST_OK) {
        return status;
    }
    d->covariates = d->coef_of + s->n_places;
    d->least = d->joint + n_joint;
    d->most = d->joint + 2 * n_joint;
    d->low = room;
    d->high = room + p;
    d->sharpness = room + 2 * p;
    d->gain = room + 3 * p;
    d->apart = room + 4 * p;
    d->diagonal = room + 5 * p;
    find_model_covariates(d);
    list_pairs(d);
    set_bounds(d);
    return QST_OK;
}

/* Limits the search to a share of all ranges. */
static void take_aim(design *d, double share)
{
    const qst_cohort_plan *plan = d->s->plan;
    const double df = (double)(plan->n_people - d->p);
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double low = plan->se_low[k] * plan->se_low[k];
        const double high = plan->se_high[k] * plan->se_high[k];
        const double target = plan->se[k] * plan->se[k];
        d->low[k] = target + share * (low - target);
        d->high[k] = target + share * (high - target);
        d->sharpness[k] = 2 / (high - low);
    }
    d->less = share * (plan->ss - plan->ss_low) / df;
    d->more = share * (plan->ss_high - plan->ss) / df;
}

/* Coefficients of the first and second place of an exchange, in turn; -1 where there is none. */
static void coefficients(const design *d, const int32_t place[2], int32_t coef_out[2])
{
    coef_out[0] = d->coef_of[place[0]];
    coef_out[1] = d->coef_of[place[1]];
}

/* Sum of squares that the covariates' printed estimates explain within arms. */
static double explained_within(const design *d)
{
    const qst__search *s = d->s;
    double sum = 0;
    for (int32_t x = 1; x < s->n_places; x++) {
        for (int32_t y = 1; y < s->n_places; y++) {
            const int32_t j = d->coef_of[x];
            const int32_t k = d->coef_of[y];
            if (j < 0 || k < 0) {
                continue;
            }
            double scatter = s->gram.data[j * d->p + k];
            for (int32_t a = 0; a < s->plan->n_arms; a++) {
                const qst__cell *row = s->cells + (ptrdiff_t)a * s->n_places;
                scatter -= (double)row[x].n * (double)row[y].n / (double)row[0].n;
            }
            sum += s->plan->estimate[j] * s->plan->estimate[k] * scatter;
        }
    }
    return sum;
}

/* X'X of the joint counts. */
static void put_joint(design *d)
{
    const int32_t n = d->s->n_places;
    for (int32_t x = 1; x < n; x++) {
        for (int32_t y = 1; y < n; y++) {
            const int32_t j = d->coef_of[x];
            const int32_t k = d->coef_of[y];
            if (j >= 0 && k >= 0) {
                d->s->gram.data[j * d->p + k] = (double)d->joint[x * n + y];
            }
        }
    }
}

/* The inverse and the residual variance that go with X'X. */
static bool refresh(design *d)
{
    const qst_cohort_plan *plan = d->s->plan;
    if (!qst__invert_design(d->s)) {
        return false;
    }
    d->variance = (plan->ss - explained_within(d)) / (double)(plan->n_people - d->p);
    return true;
}

/* ---- Misfit of the standard errors ---- */

static double clamped(double x, double low, double high)
{
    const double above = x < low ? low : x;
    return above > high ? high : above;
}

/* How far a standard error, squared, is outside its range, in half-widths; negative if below. */
static double outside(const design *d, ptrdiff_t k, double se)
{
    return (se - clamped(se, d->low[k], d->high[k])) * d->sharpness[k];
}

/* Sum of squares of what is outside at a residual variance; Newton's step to a better one. */
static double newton_step(
    const design *d, const double *diagonal, double variance, double *step_out)
{
    double sum = 0, slope = 0, bend = 0;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double excess = outside(d, k, diagonal[k] * variance);
        const double steep = excess == 0 ? 0 : diagonal[k] * d->sharpness[k];
        sum += excess * excess;
        slope += excess * steep;
        bend += steep * steep;
    }
    *step_out = bend > 0 ? -slope / bend : 0;
    return sum;
}

/* Sum of squares of what is outside the ranges at the residual variance that fits their middles
 * best, in its range; where little is outside, at the one that leaves least outside: the sum is
 * convex in the variance, and quadratic while the same ranges are missed. */
static double misfit(const design *d, const double *diagonal, double variance)
{
    double up = 0, down = 0;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double weight = diagonal[k] * d->sharpness[k] * d->sharpness[k];
        up += weight * (d->low[k] + d->high[k]) / 2;
        down += weight * diagonal[k];
    }
    const double least = variance - d->less;
    const double most = variance + d->more;
    double best = clamped(up / down, least, most);
    double sum = 0;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double excess = outside(d, k, diagonal[k] * best);
        sum += excess * excess;
    }
    for (int k = 0; sum > 0 && sum < NEAR && k < N_NEWTON; k++) {
        double step;
        const double now = newton_step(d, diagonal, best, &step);
        sum = now < sum ? now : sum;
        best = clamped(best + step, least, most);
    }
    return sum;
}

static double present_misfit(design *d)
{
    for (ptrdiff_t k = 0; k < d->p; k++) {
        d->diagonal[k] = d->s->inverse.data[k * d->p + k];
    }
    return misfit(d, d->diagonal, d->variance);
}

/* ---- One exchange ---- */

/* Difference of two of x's elements, 0 where there is none. */
static double picked(const int32_t coef[2], const double *x)
{
    return (coef[0] >= 0 ? x[coef[0]] : 0) - (coef[1] >= 0 ? x[coef[1]] : 0);
}

/* The inverse times so many differences of unit vectors. */
static void set_difference(
    const design *d, const int32_t coef[2], double times, double *difference_out)
{
    for (ptrdiff_t r = 0; r < d->p; r++) {
        difference_out[r] = 0;
    }
    for (int side = 0; side < 2; side++) {
        const double *column = d->s->inverse.data + coef[side] * d->p;
        for (ptrdiff_t r = 0; coef[side] >= 0 && r < d->p; r++) {
            difference_out[r] += side == 0 ? times * column[r] : -times * column[r];
        }
    }
}

/* Misfit after the exchange, or -1 if it leaves no inverse. */
static double try_exchange(design *d, exchange *e)
{
    int32_t x[2], y[2];
    coefficients(d, e->x, x);
    coefficients(d, e->y, y);
    set_difference(d, x, e->times, d->gain);
    set_difference(d, y, 1, d->apart);
    e->dd = e->times * picked(x, d->gain);
    e->dv = 1 + e->times * picked(x, d->apart);
    e->vv = picked(y, d->apart);
    e->explained = 2 * e->times * picked(x, d->s->plan->estimate) *
                   picked(y, d->s->plan->estimate) / (double)(d->s->plan->n_people - d->p);
    const double determinant = e->dd * e->vv - e->dv * e->dv;
    if (determinant > -1e-9) {
        return -1;
    }
    e->dd /= determinant;
    e->dv /= determinant;
    e->vv /= determinant;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double g = d->gain[k];
        const double v = d->apart[k];
        d->diagonal[k] =
            d->s->inverse.data[k * d->p + k] - (e->vv * g * g - 2 * e->dv * g * v + e->dd * v * v);
    }
    return misfit(d, d->diagonal, d->variance - e->explained);
}

/* By how much an exchange changes the joint count of x[side / 2] and y[side % 2]; 0 where there is
 * none. */
static int64_t more_at(const exchange *e, int side)
{
    const bool is_count = e->x[side / 2] > 0 && e->y[side % 2] > 0;
    return !is_count ? 0 : side == 0 || side == 3 ? e->times : -e->times;
}

static void keep_exchange(design *d, const exchange *e)
{
    double *inverse = d->s->inverse.data;
    for (ptrdiff_t j = 0; j < d->p; j++) {
        const double g = e->vv * d->gain[j] - e->dv * d->apart[j];
        const double v = e->dd * d->apart[j] - e->dv * d->gain[j];
        for (ptrdiff_t k = 0; k < d->p; k++) {
            inverse[j * d->p + k] -= g * d->gain[k] + v * d->apart[k];
        }
    }
    d->variance -= e->explained;
    for (int side = 0; side < 4; side++) {
        const int32_t x = e->x[side / 2];
        const int32_t y = e->y[side % 2];
        d->joint[x * d->s->n_places + y] += more_at(e, side);
        d->joint[y * d->s->n_places + x] += more_at(e, side);
    }
}

static bool has_room(const design *d, const exchange *e)
{
    bool room = true;
    for (int side = 0; side < 4; side++) {
        const int32_t at = e->x[side / 2] * d->s->n_places + e->y[side % 2];
        const int64_t more = more_at(e, side);
        const int64_t after = d->joint[at] + more;
        room = room && (more == 0 || (after >= d->least[at] && after <= d->most[at]));
    }
    return room;
}

/* One person, or as much of a number either way as leads far as well as near: its order of
 * magnitude is drawn first. */
static int32_t draw_times(const design *d, const exchange *e, qst_rng *rng)
{
    if (e->x[1] > 0 && e->y[1] > 0) {
        return 1;
    }
    const int32_t at = e->x[0] * d->s->n_places + e->y[0];
    const int64_t widest = (d->most[at] - d->least[at]) / STEPS_A_SPREAD;
    uint32_t n_bits = 1;
    while (n_bits < 30 && widest >> n_bits > 0) {
        n_bits++;
    }
    const int32_t times = 1 + (int32_t)qst_rng_below(rng, 1U << qst_rng_below(rng, n_bits));
    return qst_rng_below(rng, 2) == 0 ? times : -times;
}

/* An exchange of two covariates of the model that the counts by arm allow. */
static bool draw_exchange(const design *d, qst_rng *rng, exchange *e)
{
    const level_pair *first = &d->pairs[qst_rng_below(rng, (uint32_t)d->n_pairs)];
    const level_pair *second = &d->pairs[qst_rng_below(rng, (uint32_t)d->n_pairs)];
    e->x = first->place;
    e->y = second->place;
    if (first->covariate == second->covariate) {
        return false;
    }
    e->times = draw_times(d, e, rng);
    return has_room(d, e);
}

/* ---- The search ---- */

/* Steps at one width, from X'X of the joint counts; true when everything fits. */
static bool walk(design *d, qst_rng *rng, int32_t *n_taken_out)
{
    *n_taken_out = 0;
    double misfit_now = present_misfit(d);
    for (int step = 0; misfit_now > 0 && step < STEPS_A_WIDTH; step++) {
        exchange e;
        if (!draw_exchange(d, rng, &e)) {
            continue;
        }
        const double after = try_exchange(d, &e);
        const double growth = d->width * d->width * qst_rng_uniform(rng);
        if (after >= 0 && after <= misfit_now + growth) {
            keep_exchange(d, &e);
            misfit_now = after;
            ++*n_taken_out;
        }
    }
    return misfit_now == 0;
}

/* Computes everything afresh, so that rounding of the updates cannot grow. */
static bool refresh_joint(design *d)
{
    put_joint(d);
    return refresh(d);
}

/* One cycle, from the joint counts that the people have now; true when everything fits, also
 * afresh. */
static bool find_joint(design *d, double share_taken, qst_rng *rng)
{
    qst__count_joint(d->s, d->joint);
    d->width = WIDEST;
    bool has_inverse = refresh_joint(d);
    for (int k = 0; has_inverse && k < N_WIDTHS; k++) {
        int32_t n_taken;
        const bool fits = walk(d, rng, &n_taken);
        has_inverse = refresh_joint(d);
        if (fits && has_inverse && present_misfit(d) == 0) {
            return true;
        }
        const double share = (double)n_taken / STEPS_A_WIDTH;
        d->width *= 1 - 0.4 * (share - share_taken) / (share + share_taken);
    }
    return false;
}

static double share_taken(const design *d, int32_t number)
{
    static const double few[] = {0.05, 0.1, 0.2};
    static const double many[] = {0.03, 0.06};
    return d->p < FEW ? few[number % 3] : many[number % 2];
}

/* Joint counts, then people; true if the standard errors are those printed. */
static bool find_people(design *d, int32_t number, qst__seats *seats, qst_rng *rng)
{
    if (!find_joint(d, share_taken(d, number), rng) || !qst__seat_people(seats, d->joint, rng)) {
        return false;
    }
    take_aim(d, 1); /* as sums of numbers differ a little from those found */
    return qst__count_design(d->s) && refresh(d) && present_misfit(d) == 0;
}

/* Each covariate, numeric or not, in random order within each arm (Durstenfeld 1964). */
static void shuffle_levels(qst__search *s, qst_rng *rng)
{
    const qst_cohort_plan *plan = s->plan;
    for (int32_t c = 0; c < s->n_columns; c++) {
        int32_t *level = s->people->level + (ptrdiff_t)c * plan->n_people;
        for (int32_t i = plan->n_people - 1; i > 0; i--) {
            const int32_t start = s->arm_start[s->arm_of[i]];
            const int32_t j = start + (int32_t)qst_rng_below(rng, (uint32_t)(i - start + 1));
            const int32_t kept = level[i];
            level[i] = level[j];
            level[j] = kept;
        }
    }
}

/* What share of the ranges is searched: figures have the more room together the nearer standard
 * errors and variance are to where all go together best. */
static double aim_at(int32_t cycle)
{
    static const double aims[] = {0.4, 0.6, 0.8, 1};
    const int32_t k = cycle / CYCLES_AN_AIM;
    return aims[k < 3 ? k : 3];
}

qst_status qst__search_design(qst__search *s, int32_t *n_cycles, qst_rng *rng, qst__ticker *ticker,
    bool *found_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    design d;
    qst__seats seats;
    *found_out = s->n_coef == 0;
    shuffle_levels(s, rng);
    qst_status status = make_design(&arena, s, &d, err);
    if (status == QST_OK) {
        status = qst__seats_make(&arena, s, d.covariates, d.n_covariates, &seats, err);
    }
    if (status == QST_OK) {
        (void)qst__count_design(s); /* for the counts by arm in X'X, which stay */
    }
    for (; status == QST_OK && !*found_out && *n_cycles < N_CYCLES; ++*n_cycles) {
        /* With one covariate the printed counts alone decide X'X. */
        take_aim(&d, aim_at(*n_cycles));
        shuffle_levels(s, rng);
        *found_out =
            d.n_covariates > 1 ? find_people(&d, *n_cycles, &seats, rng) : qst__count_design(s);
        status = qst__tick(ticker, err);
    }
    qst__arena_free(&arena);
    return status;
}
