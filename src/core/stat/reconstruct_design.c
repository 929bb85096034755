#include "stat/reconstruct.h"

/*
 * A swap of one covariate between two people of an arm leaves all counts and
 * changes X'X by d v' + v d', where d is what the first gains in the columns
 * of that covariate and v how the two differ in the others. The inverse, and
 * with it the standard errors, follow by a rank-2 update (Woodbury), and the
 * residual variance by what the printed estimates explain within arms. So a
 * step costs some hundred operations.
 *
 * Solutions are rare (each standard error allows about one part in 5000), so
 * the search cools quickly and often rather than slowly and once.
 */
#define STEPS_A_WIDTH 100
#define N_WIDTHS 600
#define N_CYCLES 3000
#define WIDEST 16.0      /* in half-widths of the standard errors' ranges */
#define NARROWING 0.9973 /* down to 3 */

typedef struct {
    qst__search *s;
    ptrdiff_t p;
    int32_t *coef_of;    /* coefficient of a place, -1 if it has none */
    int32_t *covariates; /* those in the model */
    int32_t n_covariates;
    double *target, *half; /* squared standard errors */
    double *gain;          /* the inverse times d */
    double *apart;         /* the inverse times v */
    double *diagonal;
    double variance; /* residual, from the estimates */
    double slack;    /* half of what it may differ by */
    double width;    /* what counts as a miss of 1, in half-widths */
} design;

/* A swap under trial: people, covariate, the sparse vectors d and v, and the 2 x 2 system. */
typedef struct {
    int32_t i, j, covariate;
    int32_t up, down;  /* coefficients that the first gains and loses, or -1 */
    double dd, dv, vv; /* d'Gd, 1 + d'Gv, v'Gv for the inverse G */
    double explained;  /* what the estimates explain less than before */
} design_swap;

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
    for (int32_t c = 0; c < plan->n_covariates; c++) {
        bool used = false;
        for (int32_t l = 0; l < plan->n_levels[c]; l++) {
            used = used || d->coef_of[qst__place(d->s, c, l)] >= 0;
        }
        if (used) {
            d->covariates[d->n_covariates++] = c;
        }
    }
}

static qst_status make_design(qst__arena *arena, qst__search *s, design *d, qst_err *err)
{
    const ptrdiff_t p = s->n_coef;
    *d = (design){.s = s, .p = p};
    double *room = NULL;
    qst_status status = qst__arena_array(arena, 5 * p, sizeof *room, &room, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, s->n_places, sizeof *d->coef_of, &d->coef_of, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(
            arena, s->plan->n_covariates, sizeof *d->covariates, &d->covariates, err);
    }
    if (status != QST_OK) {
        return status;
    }
    d->target = room;
    d->half = room + p;
    d->gain = room + 2 * p;
    d->apart = room + 3 * p;
    d->diagonal = room + 4 * p;
    find_model_covariates(d);
    for (ptrdiff_t k = 0; k < p; k++) {
        const double low = s->plan->se_low[k] * s->plan->se_low[k];
        const double high = s->plan->se_high[k] * s->plan->se_high[k];
        d->target[k] = (low + high) / 2;
        d->half[k] = (high - low) / 2;
    }
    return QST_OK;
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

/* Counts everything afresh, so that rounding of the updates cannot grow. */
static bool refresh(design *d)
{
    const qst_cohort_plan *plan = d->s->plan;
    if (!qst__count_design(d->s)) {
        return false;
    }
    const double df = (double)(plan->n_people - d->p);
    d->variance = ((plan->ss_low + plan->ss_high) / 2 - explained_within(d)) / df;
    d->slack = (plan->ss_high - plan->ss_low) / 2 / df;
    return true;
}

/* ---- Misfit of the standard errors ---- */

/* The residual variance in its range that fits them best, then the squares of what is left. */
static double misfit(const design *d, const double *diagonal, double variance)
{
    double up = 0, down = 0;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double weight = diagonal[k] / (d->half[k] * d->half[k]);
        up += weight * d->target[k];
        down += weight * diagonal[k];
    }
    double best = up / down;
    best = best < variance - d->slack ? variance - d->slack : best;
    best = best > variance + d->slack ? variance + d->slack : best;
    double sum = 0;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double miss = (diagonal[k] * best - d->target[k]) / d->half[k];
        const double excess = (miss < 0 ? -miss : miss) - 1;
        sum += excess > 0 ? excess * excess : 0;
    }
    return sum / (d->width * d->width);
}

static double present_misfit(design *d)
{
    for (ptrdiff_t k = 0; k < d->p; k++) {
        d->diagonal[k] = d->s->inverse.data[k * d->p + k];
    }
    return misfit(d, d->diagonal, d->variance);
}

/* ---- One swap ---- */

static void add_column(const design *d, int32_t k, double sign, double *sum)
{
    const double *column = d->s->inverse.data + k * d->p;
    for (ptrdiff_t r = 0; r < d->p; r++) {
        sum[r] += sign * column[r];
    }
}

/* d and the inverse times it. */
static double set_gain(design *d, design_swap *swap)
{
    const int32_t c = swap->covariate;
    swap->up = d->coef_of[qst__place(d->s, c, qst__level(d->s, swap->j, c))];
    swap->down = d->coef_of[qst__place(d->s, c, qst__level(d->s, swap->i, c))];
    for (ptrdiff_t r = 0; r < d->p; r++) {
        d->gain[r] = d->apart[r] = 0;
    }
    double fitted = 0;
    if (swap->up >= 0) {
        add_column(d, swap->up, 1, d->gain);
        fitted += d->s->plan->estimate[swap->up];
    }
    if (swap->down >= 0) {
        add_column(d, swap->down, -1, d->gain);
        fitted -= d->s->plan->estimate[swap->down];
    }
    return fitted;
}

static double picked(const design_swap *swap, const double *x)
{
    return (swap->up >= 0 ? x[swap->up] : 0) - (swap->down >= 0 ? x[swap->down] : 0);
}

/* v, the inverse times it, and v'Gv by a second pass. */
static double set_apart(design *d, design_swap *swap)
{
    const qst__search *s = d->s;
    double fitted = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t m = 0; m < d->n_covariates; m++) {
            const int32_t c = d->covariates[m];
            const int32_t li = qst__level(s, swap->i, c);
            const int32_t lj = qst__level(s, swap->j, c);
            if (c == swap->covariate || li == lj) {
                continue;
            }
            const int32_t coef[2] = {
                d->coef_of[qst__place(s, c, li)], d->coef_of[qst__place(s, c, lj)]};
            for (int side = 0; side < 2; side++) {
                const double sign = side == 0 ? 1 : -1;
                if (coef[side] >= 0 && pass == 0) {
                    add_column(d, coef[side], sign, d->apart);
                    fitted += sign * s->plan->estimate[coef[side]];
                } else if (coef[side] >= 0) {
                    swap->vv += sign * d->apart[coef[side]];
                }
            }
        }
    }
    return fitted;
}

/* Misfit after the swap, or -1 if it leaves no inverse. */
static double try_swap(design *d, design_swap *swap)
{
    swap->vv = 0;
    const double gained = set_gain(d, swap);
    const double apart = set_apart(d, swap);
    swap->dd = picked(swap, d->gain);
    swap->dv = 1 + picked(swap, d->apart);
    swap->explained = 2 * gained * apart / (double)(d->s->plan->n_people - d->p);
    const double determinant = swap->dd * swap->vv - swap->dv * swap->dv;
    if (determinant > -1e-9) {
        return -1;
    }
    swap->dd /= determinant;
    swap->dv /= determinant;
    swap->vv /= determinant;
    for (ptrdiff_t k = 0; k < d->p; k++) {
        const double g = d->gain[k];
        const double v = d->apart[k];
        d->diagonal[k] = d->s->inverse.data[k * d->p + k] -
                         (swap->vv * g * g - 2 * swap->dv * g * v + swap->dd * v * v);
    }
    return misfit(d, d->diagonal, d->variance - swap->explained);
}

static void swap_levels(design *d, const design_swap *swap)
{
    int32_t *level = d->s->people->level + (ptrdiff_t)swap->covariate * d->s->plan->n_people;
    const int32_t kept = level[swap->i];
    level[swap->i] = level[swap->j];
    level[swap->j] = kept;
}

static void keep_swap(design *d, const design_swap *swap)
{
    double *g = d->s->inverse.data;
    for (ptrdiff_t j = 0; j < d->p; j++) {
        for (ptrdiff_t k = 0; k < d->p; k++) {
            g[j * d->p + k] -= swap->vv * d->gain[j] * d->gain[k] -
                               swap->dv * (d->gain[j] * d->apart[k] + d->apart[j] * d->gain[k]) +
                               swap->dd * d->apart[j] * d->apart[k];
        }
    }
    d->variance -= swap->explained;
    swap_levels(d, swap);
}

/* Two people of an arm who differ in a covariate of the model. */
static bool draw_swap(const design *d, qst_rng *rng, design_swap *swap)
{
    const qst__search *s = d->s;
    swap->i = (int32_t)qst_rng_below(rng, (uint32_t)s->plan->n_people);
    const int32_t arm = s->arm_of[swap->i];
    swap->j = s->arm_start[arm] + (int32_t)qst_rng_below(rng, (uint32_t)s->plan->arm_size[arm]);
    swap->covariate = d->covariates[qst_rng_below(rng, (uint32_t)d->n_covariates)];
    return qst__level(s, swap->i, swap->covariate) != qst__level(s, swap->j, swap->covariate);
}

/* ---- The search ---- */

/* Steps at one width; true when everything fits. */
static bool walk(design *d, qst_rng *rng)
{
    double misfit_now = present_misfit(d);
    for (int step = 0; step < STEPS_A_WIDTH; step++) {
        design_swap swap;
        if (!draw_swap(d, rng, &swap)) {
            continue;
        }
        const double after = try_swap(d, &swap);
        if (after >= 0 && after <= misfit_now + qst_rng_uniform(rng)) {
            keep_swap(d, &swap);
            misfit_now = after;
            if (after == 0) {
                return true;
            }
        }
    }
    return false;
}

/* One cooling; true when everything fits, also after a fresh count. */
static bool cool(design *d, qst_rng *rng)
{
    d->width = WIDEST;
    for (int k = 0; k < N_WIDTHS; k++) {
        d->width *= NARROWING;
        if (k % 100 == 0 && !refresh(d)) {
            return false;
        }
        if (walk(d, rng) && refresh(d) && present_misfit(d) == 0) {
            return true;
        }
    }
    return false;
}

qst_status qst__search_design(
    qst__search *s, qst_rng *rng, qst__ticker *ticker, bool *found_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    design d;
    *found_out = s->n_coef == 0;
    qst_status status = make_design(&arena, s, &d, err);
    for (int cycle = 0; status == QST_OK && !*found_out && cycle < N_CYCLES; cycle++) {
        /* With one covariate the printed counts alone decide X'X. */
        *found_out = d.n_covariates > 1 ? cool(&d, rng) : qst__count_design(s);
        status = qst__tick(ticker, err);
    }
    qst__arena_free(&arena);
    return status;
}
