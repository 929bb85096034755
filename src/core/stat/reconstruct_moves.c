#include "stat/reconstruct.h"

const qst__mix qst__baseline_mix = {.percent = {10, 10, 60, 20, 0}, .n_partners = 1};
const qst__mix qst__full_mix = {
    .percent = {10, 30, 7, 38, 15}, .n_partners = 1, .followup_mostly = true};
const qst__mix qst__polish_mix = {
    .percent = {5, 30, 5, 25, 35}, .followup_mostly = true, .any_covariate = true};

/* ---- Who goes with whom ---- */

/* Mean change per answer; without a baseline its mean stands in. */
static double change_of(const qst__search *s, int32_t i)
{
    const qst_cohort *people = s->people;
    const double before = qst__has_baseline(s, i)
                              ? (double)people->total[0][i] / people->answered[0][i]
                              : s->baseline_mean / (double)s->unit;
    return (double)people->total[1][i] / people->answered[1][i] - before;
}

static int32_t n_differences(const qst__search *s, int32_t i, int32_t j, const bool *counts)
{
    int32_t n = 0;
    for (int32_t c = 0; c < s->plan->n_covariates; c++) {
        n += (counts == NULL || counts[c]) && qst__level(s, i, c) != qst__level(s, j, c);
    }
    return n;
}

/* How unlike two people are for a kind of move; the smaller, the smaller its effect. */
static double distance(const qst__search *s, qst__kind kind, int32_t i, int32_t j, int32_t draw)
{
    if (kind == QST__PAIR || kind == QST__SKIPS) {
        return n_differences(s, i, j, NULL);
    }
    if (kind != QST__RECORDS && kind != QST__LEVEL) {
        return 0;
    }
    const double apart = change_of(s, i) - change_of(s, j);
    double others = 0;
    if (kind == QST__LEVEL) {
        others = 0.1 * n_differences(s, i, j, NULL);
    } else if (draw % 4 != 0) {
        others = n_differences(s, i, j, s->splits_baseline);
    }
    return (apart < 0 ? -apart : apart) + others;
}

/* The same where records are exchanged of people who should differ in one covariate: such exchanges
 * carry one coefficient each, so that two of them can cancel but for very little. */
static double sparse_distance(const qst__search *s, int32_t i, int32_t j)
{
    const double apart = change_of(s, i) - change_of(s, j);
    const int32_t n = n_differences(s, i, j, NULL);
    return (n == 0 ? s->plan->n_covariates + 1 : n) + 0.01 * (apart < 0 ? -apart : apart);
}

static int32_t draw_partner(
    const qst__search *s, qst__kind kind, int32_t i, const qst__mix *mix, qst_rng *rng)
{
    const int32_t arm = s->arm_of[i];
    const bool sparse = mix->sparse && kind == QST__RECORDS && qst_rng_below(rng, 2) == 0;
    int32_t best = -1;
    double nearest = 0;
    for (int32_t k = 0; k < mix->n_partners; k++) {
        const int32_t j =
            s->arm_start[arm] + (int32_t)qst_rng_below(rng, (uint32_t)s->plan->arm_size[arm]);
        if (j == i) {
            continue;
        }
        const double d = sparse ? sparse_distance(s, i, j) : distance(s, kind, i, j, k);
        if (best < 0 || d < nearest) {
            best = j;
            nearest = d;
        }
    }
    return best;
}

/* ---- Drawing ---- */

static qst__kind draw_kind(const qst__mix *mix, qst_rng *rng)
{
    int32_t left = (int32_t)qst_rng_below(rng, 100);
    int kind = 0;
    while (kind < QST__N_MOVES - 1 && left >= mix->percent[kind]) {
        left -= mix->percent[kind++];
    }
    return (qst__kind)kind;
}

static bool changes_something(const qst__search *s, const qst__mix *mix, const qst__move *move)
{
    if (move->j < 0) {
        return false;
    }
    if (move->kind == QST__LEVEL) {
        const int32_t li = qst__level(s, move->i, move->covariate);
        const int32_t lj = qst__level(s, move->j, move->covariate);
        return (mix->any_covariate || s->is_free[move->covariate]) && li >= 0 && lj >= 0 &&
               li != lj;
    }
    if (move->kind == QST__LIFT) {
        return qst__has_baseline(s, move->i);
    }
    if (move->kind == QST__SHIFT) {
        return qst__has_baseline(s, move->i) && qst__has_baseline(s, move->j);
    }
    if (move->kind == QST__RECORDS || move->visit == QST_VISIT_FOLLOWUP) {
        return true;
    }
    return qst__has_baseline(s, move->i) &&
           (move->kind == QST__NUDGE || qst__has_baseline(s, move->j));
}

/* Points that keep a person's score nearest to what it is when the answers number `after`. */
static int32_t points_for(const qst__search *s, int visit, int32_t i, int32_t after)
{
    const int32_t before = s->people->answered[visit][i];
    const int32_t total = s->people->total[visit][i];
    const int32_t scaled = 2 * total * after + before;
    return (scaled >= 0 ? scaled / (2 * before) : -((-scaled) / (2 * before))) - total;
}

/* The totals that an exchange of numbers of answers asks for. */
static bool aim_skips(const qst__search *s, qst__move *move)
{
    if (move->j < 0) {
        return false;
    }
    const int32_t a = s->people->answered[move->visit][move->i];
    const int32_t b = s->people->answered[move->visit][move->j];
    if (a == b || a == 0 || b == 0) {
        return false;
    }
    move->other = points_for(s, move->visit, move->j, a);
    move->points = points_for(s, move->visit, move->i, b);
    return true;
}

bool qst__draw_move(const qst__search *s, const qst__mix *mix, qst_rng *rng, qst__move *out)
{
    const uint32_t n_covariates = (uint32_t)s->plan->n_covariates;
    out->kind = draw_kind(mix, rng);
    out->i = (int32_t)qst_rng_below(rng, (uint32_t)s->plan->n_people);
    out->points = qst_rng_below(rng, 2) == 0 ? -1 : 1;
    out->visit =
        mix->followup_mostly && qst_rng_below(rng, 8) > 0 ? QST_VISIT_FOLLOWUP : QST_VISIT_BASELINE;
    out->covariate = n_covariates > 0 ? (int32_t)qst_rng_below(rng, n_covariates) : 0;
    if (out->kind == QST__LEVEL && n_covariates == 0) {
        return false;
    }
    out->j = draw_partner(s, out->kind, out->i, mix, rng);
    if (out->kind == QST__SKIPS) {
        return aim_skips(s, out);
    }
    return changes_something(s, mix, out);
}

/* ---- Doing and undoing ---- */

static void exchange(int32_t *x, int32_t i, int32_t j)
{
    const int32_t kept = x[i];
    x[i] = x[j];
    x[j] = kept;
}

static void change_people(qst__search *s, const qst__move *move, int32_t sign)
{
    qst_cohort *people = s->people;
    const int32_t points = sign * move->points;
    switch (move->kind) {
    case QST__SHIFT:
        people->total[QST_VISIT_BASELINE][move->i] += points;
        people->total[QST_VISIT_BASELINE][move->j] -= points;
        people->total[QST_VISIT_FOLLOWUP][move->i] += points;
        people->total[QST_VISIT_FOLLOWUP][move->j] -= points;
        break;
    case QST__LIFT:
        people->total[QST_VISIT_BASELINE][move->i] += points;
        people->total[QST_VISIT_FOLLOWUP][move->i] += points;
        break;
    case QST__SKIPS:
        exchange(people->answered[move->visit], move->i, move->j);
        people->total[move->visit][move->i] += sign * move->points;
        people->total[move->visit][move->j] += sign * move->other;
        break;
    case QST__RECORDS:
        for (int v = 0; v < QST_N_VISITS; v++) {
            exchange(people->total[v], move->i, move->j);
            exchange(people->answered[v], move->i, move->j);
        }
        break;
    case QST__LEVEL:
        exchange(people->level + (ptrdiff_t)move->covariate * s->plan->n_people, move->i, move->j);
        break;
    default:
        people->total[move->visit][move->i] += points;
        people->total[move->visit][move->j] -= move->kind == QST__PAIR ? points : 0;
    }
}

static void count_both(qst__search *s, const qst__move *move, bool design, int sign)
{
    qst__count_person(s, move->i, sign);
    qst__count_person(s, move->j, sign);
    if (design) {
        qst__count_row(s, move->i, sign);
        qst__count_row(s, move->j, sign);
    }
}

/* False if the model then has no solution. */
static bool make_change(qst__search *s, const qst__move *move, int32_t sign)
{
    const bool design = move->kind == QST__LEVEL && !s->is_free[move->covariate];
    count_both(s, move, design, -1);
    change_people(s, move, sign);
    count_both(s, move, design, 1);
    return !design || qst__invert_design(s);
}

bool qst__do_move(qst__search *s, const qst__move *move)
{
    return make_change(s, move, 1);
}

void qst__undo_move(qst__search *s, const qst__move *move)
{
    (void)make_change(s, move, -1);
}

/* Totals keep a tenth of a point an item from the ends, where all answers would be the same. */
static bool is_possible_total(const qst__search *s, int visit, int32_t i)
{
    const int32_t n = s->people->answered[visit][i];
    const int32_t total = s->people->total[visit][i];
    return n == 0 ||
           (10 * total >= n * (10 * s->plan->min + 1) && 10 * total <= n * (10 * s->plan->max - 1));
}

bool qst__is_possible(const qst__search *s, const qst__move *move)
{
    bool possible = true;
    for (int v = 0; v < QST_N_VISITS; v++) {
        possible = possible && is_possible_total(s, v, move->i) && is_possible_total(s, v, move->j);
    }
    return possible;
}
