#include "stat/reconstruct.h"

#include <string.h>

static int64_t units(const qst__search *s, int visit, int32_t i)
{
    const int32_t answered = s->people->answered[visit][i];
    return answered > 0 ? s->people->total[visit][i] * (s->unit / answered) : 0;
}

static void add_sums(qst__cell *to, const qst__cell *x, int32_t times)
{
    to->n += times * x->n;
    to->n_lone += times * x->n_lone;
    to->baseline += times * x->baseline;
    to->followup += times * x->followup;
    to->change += times * x->change;
    to->lone += times * x->lone;
}

static void add_to_cell(qst__cell *to, const qst__cell *x, int sign)
{
    add_sums(to, x, sign);
    to->baseline_sq += sign * x->baseline_sq;
    to->followup_sq += sign * x->followup_sq;
    to->change_sq += sign * x->change_sq;
    to->lone_sq += sign * x->lone_sq;
}

/* What person i adds to each cell that she is in. */
static qst__cell contribution(const qst__search *s, int32_t i)
{
    const int64_t baseline = units(s, QST_VISIT_BASELINE, i);
    const int64_t followup = units(s, QST_VISIT_FOLLOWUP, i);
    const int64_t change = followup - baseline;
    if (!qst__has_baseline(s, i)) {
        return (qst__cell){.n = 1, .n_lone = 1, .lone = followup, .lone_sq = followup * followup};
    }
    return (qst__cell){.n = 1,
        .baseline = baseline,
        .baseline_sq = baseline * baseline,
        .followup = followup,
        .followup_sq = followup * followup,
        .change = change,
        .change_sq = change * change};
}

static void add_to_cells(qst__search *s, int32_t i, const qst__cell *x, int sign)
{
    qst__cell *row = s->cells + (ptrdiff_t)s->arm_of[i] * s->n_places;
    add_to_cell(row, x, sign);
    for (int32_t c = 0; c < s->plan->n_covariates; c++) {
        const int32_t level = qst__level(s, i, c);
        if (level >= 0) {
            add_to_cell(row + qst__place(s, c, level), x, sign);
        }
    }
    for (int32_t c = s->plan->n_covariates; c < s->n_columns; c++) {
        add_sums(row + qst__place(s, c, 0), x, sign * qst__weight(s, i, c));
    }
}

static void count_person(qst__search *s, int32_t i, int sign)
{
    const qst__cell own = contribution(s, i);
    add_to_cells(s, i, &own, sign);
}

static void give_points(qst__search *s, const qst__nudge *nudge, int32_t times)
{
    for (int v = 0; v < QST_N_VISITS; v++) {
        s->people->total[v][nudge->i] += times * nudge->points[v];
    }
}

void qst__do_nudge(qst__search *s, const qst__nudge *nudge, int32_t times)
{
    count_person(s, nudge->i, -1);
    give_points(s, nudge, times);
    count_person(s, nudge->i, 1);
}

void qst__put_answers(qst__search *s, int visit, int32_t i, int32_t answered, int32_t total)
{
    count_person(s, i, -1);
    s->people->answered[visit][i] = answered;
    s->people->total[visit][i] = total;
    count_person(s, i, 1);
}

void qst__lean(qst__search *s, const qst__nudge *nudge, int32_t sign)
{
    qst__cell gain = {0};
    for (int after = 0; after <= 1; after++) {
        give_points(s, nudge, after);
        const qst__cell own = contribution(s, nudge->i);
        add_to_cell(&gain, &own, after ? 1 : -1);
        give_points(s, nudge, -after);
    }
    add_to_cells(s, nudge->i, &gain, sign);
}

/* Totals keep a tenth of a point an item from the ends, where all answers would be the same. */
static bool is_possible_total(const qst__search *s, int visit, int32_t i)
{
    const int64_t n = (int64_t)s->people->answered[visit][i] * s->fineness;
    const int64_t total = 10 * (int64_t)s->people->total[visit][i];
    return n == 0 || (total >= n * (10 * s->plan->min + 1) && total <= n * (10 * s->plan->max - 1));
}

bool qst__is_possible(const qst__search *s, int32_t i)
{
    return is_possible_total(s, QST_VISIT_BASELINE, i) &&
           is_possible_total(s, QST_VISIT_FOLLOWUP, i);
}

void qst__count_all(qst__search *s)
{
    for (ptrdiff_t k = 0; k < (ptrdiff_t)s->plan->n_arms * s->n_places; k++) {
        s->cells[k] = (qst__cell){0};
    }
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        count_person(s, i, 1);
    }
}

void qst__copy_totals(const qst__search *s, int32_t *to)
{
    const size_t n = (size_t)s->plan->n_people;
    for (size_t v = 0; v < QST_N_VISITS; v++) {
        memcpy(to + v * n, s->people->total[v], n * sizeof *to);
    }
}

void qst__put_totals(qst__search *s, const int32_t *from)
{
    const size_t n = (size_t)s->plan->n_people;
    for (size_t v = 0; v < QST_N_VISITS; v++) {
        memcpy(s->people->total[v], from + v * n, n * sizeof *from);
    }
    qst__count_all(s);
}
