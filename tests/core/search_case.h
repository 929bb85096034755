/*
 * The invented trial of cohort_case.h laid out for the parts of the search
 * that reconstruct.h names.
 */
#ifndef SEARCH_CASE_H
#define SEARCH_CASE_H

#include "cohort_case.h"
#include "stat/reconstruct.h"

#define CASE_CELLS 12 /* two arms; everybody, two sexes and three sites */

static inline qst_rng case_stream(uint64_t seed)
{
    qst_rng rng;
    qst_err err;
    qst_err_init(&err);
    const qst_rng_address address = {.purpose = 1};
    assert_status(qst_rng_init(&rng, seed, &address, &err), QST_OK, &err);
    return rng;
}

/* The search over the case's people as they are, counted. */
static inline qst__search case_search(qst__arena *arena, cohort_case *c)
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

/* Makes figure `k` the mean of those of the first arm who have the first site: nobody has. */
static inline void case_ask_of_nobody(cohort_case *c, int k)
{
    c->figures[k] = (qst_figure){QST_FIGURE_MEAN, QST_OUTCOME_BASELINE, 0, -1, 1, 0, 34.95, 35.05};
}

/* How many figures lie outside their ranges by the slow analysis. */
static inline int case_n_outside(const cohort_case *c)
{
    int n = 0;
    for (int k = 0; k < c->plan.n_figures; k++) {
        const double value = case_value(c, &c->figures[k]);
        n += !(value > c->figures[k].low && value < c->figures[k].high);
    }
    return n;
}

/* Makes figure `k` the same as the first, but so many half-widths higher. */
static inline void case_contradict(cohort_case *c, int k, double halves)
{
    const double shift = halves * (c->figures[0].high - c->figures[0].low) / 2;
    c->figures[k] = c->figures[0];
    c->figures[k].low += shift;
    c->figures[k].high += shift;
}

#endif
