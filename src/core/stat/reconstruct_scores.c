#include "stat/reconstruct.h"

#include <math.h>

int32_t qst__draw_answered(const qst__search *s, double skipping, qst_rng *rng)
{
    double u = qst_rng_uniform(rng) / skipping;
    for (int32_t k = 0; k < s->n_skips; k++) {
        if (u < s->plan->skip[k]) {
            return s->plan->n_items - 1 - k;
        }
        u -= s->plan->skip[k];
    }
    return s->plan->n_items;
}

static int32_t total_near(const qst__search *s, double score, int32_t answered)
{
    const double mean = score / s->plan->score_items;
    const double low = s->plan->min + 0.15;
    const double high = s->plan->max - 0.15;
    const double inside = mean < low ? low : mean > high ? high : mean;
    return (int32_t)(inside * answered + 0.5);
}

/* Mean of the baseline figures printed for person i's own levels, else of the arm. */
static double baseline_centre(const qst__search *s, int32_t i)
{
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        const qst_figure *f = &s->plan->figures[k];
        if (f->kind == QST_FIGURE_MEAN && f->outcome == QST_OUTCOME_BASELINE &&
            f->arm == s->arm_of[i] && f->covariate >= 0 &&
            qst__level(s, i, f->covariate) == f->level) {
            return (f->low + f->high) / 2;
        }
    }
    return s->plan->baseline_mean[s->arm_of[i]];
}

static void draw_person(qst__search *s, int32_t i, double skipping, qst_rng *rng)
{
    const qst_cohort_plan *plan = s->plan;
    const int32_t arm = s->arm_of[i];
    const double r = plan->correlation;
    const double before = qst__bell(rng);
    const double after = r * before + sqrt(1 - r * r) * qst__bell(rng);
    const double baseline = baseline_centre(s, i) + plan->baseline_sd[arm] * before;
    const double change = plan->change_mean[arm] + plan->change_sd[arm] * after;
    const double score[QST_N_VISITS] = {baseline, baseline + change};
    for (int v = 0; v < QST_N_VISITS; v++) {
        const int32_t answered = qst__draw_answered(s, skipping, rng);
        s->people->answered[v][i] = qst__is_small(s, v, i) ? plan->n_items : answered;
        s->people->total[v][i] = total_near(s, score[v], s->people->answered[v][i]);
    }
}

void qst__draw_scores(qst__search *s, double skipping, qst_rng *rng)
{
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        draw_person(s, i, skipping, rng);
    }
    for (int32_t k = 0; k < s->plan->n_lone;) {
        const int32_t i = (int32_t)qst_rng_below(rng, (uint32_t)s->plan->n_people);
        k += qst__has_baseline(s, i);
        s->people->answered[QST_VISIT_BASELINE][i] = 0;
        s->people->total[QST_VISIT_BASELINE][i] = 0;
    }
    qst__count_all(s);
}
