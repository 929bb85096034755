#include "stat/reconstruct.h"

#include <math.h>

#define N_DESIGNS 100    /* an attempt */
#define N_ROUNDED 24     /* scores that are possible, an attempt */
#define N_DRAWS 6        /* of scores for one design */
#define N_ROUNDED_EACH 2 /* of these that are possible */
#define N_IMPOSSIBLE 2   /* of these that are not before the design is given up */
#define IMPOSSIBLE 1.0   /* half-widths by which a relaxed figure may miss its middle */

/* ---- Checks ---- */

static qst_status bad_plan(qst_err *err, ptrdiff_t row, double value, const char *text)
{
    return qst__fail_at(err, QST_EARGUMENT, row, -1, value, "%s", text);
}

static qst_status check_sizes(const qst_cohort_plan *plan, qst_err *err)
{
    int64_t n = 0;
    for (int32_t a = 0; a < plan->n_arms; a++) {
        if (plan->arm_size[a] < 2) {
            return bad_plan(err, a, plan->arm_size[a], "an arm has fewer than two people");
        }
        n += plan->arm_size[a];
    }
    if (plan->n_arms < 1 || n != plan->n_people) {
        return bad_plan(err, -1, plan->n_people, "the arms' sizes do not add up to n_people");
    }
    if (plan->n_skips < 0 || plan->n_items - plan->n_skips < 1 || plan->n_items > 1000) {
        return bad_plan(err, -1, plan->n_items, "n_items must be 1 to 1000 and exceed n_skips");
    }
    if (plan->n_skips > 4) {
        return bad_plan(err, -1, plan->n_skips, "at most 4 items can be skipped");
    }
    if (plan->max <= plan->min || plan->min < -1000 || plan->max > 1000) {
        return bad_plan(
            err, -1, plan->max, "answers must range from min to max within -1000..1000");
    }
    if (plan->n_lone < 0 || plan->n_lone >= plan->n_people / 2) {
        return bad_plan(err, -1, plan->n_lone, "too many people are without baseline");
    }
    return QST_OK;
}

static bool names_a_level(const qst_cohort_plan *plan, int32_t covariate, int32_t level)
{
    return covariate < plan->n_covariates && level >= 0 && level < plan->n_levels[covariate];
}

/* Does a figure speak of an arm, a level, a coefficient that exist? */
static bool is_figure(const qst_cohort_plan *plan, const qst_figure *f)
{
    if (f->kind < 0 || f->kind >= QST_N_FIGURES || !(f->low < f->high)) {
        return false;
    }
    if (f->kind >= QST_FIGURE_ESTIMATE) {
        return plan->n_terms > 0 && f->level >= 0 && f->level <= plan->n_terms;
    }
    if (f->arm >= plan->n_arms || f->outcome < 0 || f->outcome > QST_OUTCOME_CHANGE) {
        return false;
    }
    if (f->kind == QST_FIGURE_F_INTERACTION) {
        return f->covariate >= 0 && f->covariate < plan->n_covariates;
    }
    if (f->kind == QST_FIGURE_F_LEVELS) {
        return f->arm >= 0 && f->covariate >= 0 && f->covariate < plan->n_covariates;
    }
    const bool is_pair =
        f->kind == QST_FIGURE_T || f->kind == QST_FIGURE_WELCH || f->kind == QST_FIGURE_DIFFERENCE;
    if (is_pair && (f->arm < 0 || f->reference < 0 || f->reference >= plan->n_arms)) {
        return false;
    }
    return f->covariate < 0 || names_a_level(plan, f->covariate, f->level);
}

static bool is_term(const qst_cohort_plan *plan, const qst_cohort_term *term)
{
    if (term->covariate < 0) {
        return term->level >= 0 && term->level < plan->n_arms;
    }
    if (term->covariate < plan->n_covariates) {
        return names_a_level(plan, term->covariate, term->level);
    }
    return term->covariate < plan->n_covariates + plan->n_numeric && term->level == 0;
}

static qst_status check_people(const qst_cohort_plan *plan, const qst_cohort *people, qst_err *err)
{
    const ptrdiff_t n_levels = (ptrdiff_t)plan->n_people * plan->n_covariates;
    const ptrdiff_t n_numbers = (ptrdiff_t)plan->n_people * plan->n_numeric;
    for (ptrdiff_t k = 0; k < n_levels; k++) {
        if (people->level[k] >= plan->n_levels[k / plan->n_people]) {
            return bad_plan(err, k % plan->n_people, people->level[k], "a level is out of range");
        }
    }
    for (ptrdiff_t k = n_levels; k < n_levels + n_numbers; k++) {
        if (people->level[k] > QST_MOST_NUMBER || people->level[k] < -QST_MOST_NUMBER) {
            return bad_plan(err, k % plan->n_people, people->level[k], "a number is too large");
        }
    }
    return QST_OK;
}

static qst_status check_plan(const qst_cohort_plan *plan, const qst_cohort *people, qst_err *err)
{
    const qst_status status = check_sizes(plan, err);
    if (status != QST_OK) {
        return status;
    }
    for (int32_t k = 0; k < plan->n_figures; k++) {
        if (!is_figure(plan, &plan->figures[k])) {
            return bad_plan(err, k, plan->figures[k].kind,
                "a figure speaks of people who do not exist, or its range is empty");
        }
    }
    for (int32_t k = 0; k < plan->n_terms; k++) {
        const qst_cohort_term *term = &plan->terms[k];
        if (!is_term(plan, term)) {
            return bad_plan(err, k, term->level, "a term of the model is no level");
        }
    }
    return check_people(plan, people, err);
}

/* ---- Attempts ---- */

static qst_status stream(
    const qst_cohort_plan *plan, int32_t attempt, uint32_t stage, qst_rng *rng, qst_err *err)
{
    const qst_rng_address address = {
        .purpose = QST__PURPOSE_RECONSTRUCT, .replicate = (uint32_t)attempt, .variable = stage};
    return qst_rng_init(rng, plan->seed, &address, err);
}

/* Whole totals for people of small groups, near to the relaxed ones; then the others' are relaxed
 * again, also where those of small groups have none, since numbers of answers have changed; the
 * worst is HUGE_VAL then. */
static qst_status settle(
    qst__relaxed *relaxed, qst_rng *rng, qst__ticker *ticker, double *worst, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    qst__small small;
    qst_status status = qst__small_make(&arena, relaxed->s, &small, err);
    if (status == QST_OK && small.n_nudges > 0) {
        qst__round_totals(relaxed, rng);
        const bool settled = qst__settle_small(&small, rng);
        status = qst__relax_scores(relaxed, rng, ticker, worst, err);
        *worst = settled ? *worst : HUGE_VAL;
    }
    qst__arena_free(&arena);
    return status;
}

/* Scores for the design found: drawn, relaxed, settled, rounded; what was found last is left.
 * Scores that are not possible are rounded only if `any` will do. *n_rounded
 * counts on, and with it more people skip items. */
static qst_status find_scores(qst__search *s, bool any, int *n_rounded, qst_rng *rng,
    qst__ticker *ticker, double *misfit_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ticker->ctx);
    qst__relaxed relaxed;
    const double skipping = 1 + (double)*n_rounded / (4 * N_ROUNDED_EACH);
    const int most = *n_rounded + N_ROUNDED_EACH;
    int n_impossible = 0;
    qst_status status = qst__relaxed_make(&arena, s, &relaxed, err);
    qst__find_small(s);
    for (int k = 0; status == QST_OK && *misfit_out > 0 && k < N_DRAWS && *n_rounded < most; k++) {
        double worst;
        s->is_settled = false;
        qst__draw_scores(s, skipping, rng);
        status = qst__relax_scores(&relaxed, rng, ticker, &worst, err);
        n_impossible += worst >= IMPOSSIBLE;
        if (status == QST_OK && worst < IMPOSSIBLE) {
            status = settle(&relaxed, rng, ticker, &worst, err);
        }
        if (status == QST_OK &&
            (worst < IMPOSSIBLE || (any && (n_impossible == N_IMPOSSIBLE || k == N_DRAWS - 1)))) {
            ++*n_rounded;
            status = qst__round_scores(&relaxed, rng, ticker, misfit_out, err);
        }
        if (n_impossible == N_IMPOSSIBLE) {
            break;
        }
    }
    qst__arena_free(&arena);
    return status;
}

static qst_status attempt(
    qst__search *s, int32_t number, qst__ticker *ticker, double *misfit_out, qst_err *err)
{
    qst_rng designs, scores;
    bool found = true;
    int32_t n_cycles = 0;
    int n_rounded = 0;
    *misfit_out = HUGE_VAL;
    qst_status status = stream(s->plan, number, QST__STAGE_DESIGN, &designs, err);
    if (status == QST_OK) {
        status = stream(s->plan, number, QST__STAGE_SCORES, &scores, err);
    }
    for (int k = 1;
         status == QST_OK && found && *misfit_out > 0 && n_rounded < N_ROUNDED && k <= N_DESIGNS;
         k++) {
        qst__draw_scores(s, 1, &scores); /* which stay if no design is found */
        status = qst__search_design(s, &n_cycles, &designs, ticker, &found, err);
        if (status == QST_OK && found) {
            status = find_scores(s, k == N_DESIGNS, &n_rounded, &scores, ticker, misfit_out, err);
        }
    }
    return status;
}

qst_status qst_reconstruct(const qst_ctx *ctx, const qst_cohort_plan *plan, qst_cohort *people,
    double *values_out, qst_cohort_info *info_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__search s;
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    *info_out = (qst_cohort_info){false, 0, 0};
    qst_status status = check_plan(plan, people, err);
    if (status == QST_OK) {
        status = qst__search_make(&arena, plan, people, &s, err);
    }
    for (int32_t k = 0; status == QST_OK && !info_out->met && k < plan->n_attempts; k++) {
        status = attempt(&s, k, &ticker, &info_out->misfit, err);
        info_out->n_attempts = k + 1;
        info_out->met = status == QST_OK && info_out->misfit == 0;
    }
    if (status == QST_OK) {
        qst__figures(&s);
        for (int32_t k = 0; k < plan->n_figures; k++) {
            values_out[k] = s.value[k];
        }
    }
    qst__arena_free(&arena);
    return status;
}
