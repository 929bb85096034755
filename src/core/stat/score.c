#include "stat/answers.h"

#include <math.h>
#include <string.h>

/* score = (per_answer * answered + per_level * level sum) / (divide * answered). Multiplying before
 * dividing keeps the sums of complete rows exact. */
typedef struct {
    const qst_scale *scale;
    double per_answer;
    double per_level;
    double divide;
    int32_t n_needed;
    double *score_out;
    int32_t *answered_out;
} job;

typedef struct {
    int32_t level_sum[QST__RUN];
    int32_t answered[QST__RUN];
} sums;

QST__LOOP void add_loop(const int32_t *restrict levels, sums *restrict s)
{
    for (int i = 0; i < QST__RUN; i++) {
        /* -1 for a missing answer, whose level is -1 too, else 0. */
        const int32_t is_missing = levels[i] >> 31;
        s->level_sum[i] += levels[i] - is_missing;
        s->answered[i] += 1 + is_missing;
    }
}

QST__WIDE void add_loop_wide(const int32_t *levels, sums *s)
{
    add_loop(levels, s);
}

static void add_levels(const int32_t *levels, sums *s)
{
    if (QST__IS_WIDE) {
        add_loop_wide(levels, s);
    } else {
        add_loop(levels, s);
    }
}

static void finish_run(const job *j, const sums *restrict s, double *restrict score_out)
{
    const double na = qst_na_real();
    uint64_t na_bits;
    memcpy(&na_bits, &na, sizeof na_bits);
    for (int i = 0; i < QST__RUN; i++) {
        const double answered = s->answered[i];
        const double score =
            (j->per_answer * answered + j->per_level * s->level_sum[i]) / (j->divide * answered);
        uint64_t bits;
        memcpy(&bits, &score, sizeof bits);
        const uint64_t too_few = (uint64_t)(int64_t)((s->answered[i] - j->n_needed) >> 31);
        bits = (bits & ~too_few) | (na_bits & too_few);
        memcpy(&score_out[i], &bits, sizeof bits);
    }
}

static void write_run(const job *j, ptrdiff_t start, const sums *s)
{
    const ptrdiff_t n = qst__min(QST__RUN, j->scale->n_rows - start);
    if (n == QST__RUN) {
        finish_run(j, s, j->score_out + start);
    } else {
        double score[QST__RUN];
        finish_run(j, s, score);
        memcpy(j->score_out + start, score, (size_t)n * sizeof *score);
    }
    if (j->answered_out != NULL) {
        memcpy(j->answered_out + start, s->answered, (size_t)n * sizeof *s->answered);
    }
}

static qst_status score_run(const job *j, ptrdiff_t start, qst_err *err)
{
    sums s;
    memset(&s, 0, sizeof s);
    for (ptrdiff_t item = 0; item < j->scale->n_items; item++) {
        int32_t levels[QST__RUN];
        if (!qst__levels(j->scale, item, start, levels)) {
            return qst__levels_fault(j->scale, start, err);
        }
        add_levels(levels, &s);
    }
    write_run(j, start, &s);
    return QST_OK;
}

static qst_status score_task(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)worker;
    const job *j = data;
    const ptrdiff_t end = qst__task_end(j->scale, task);
    qst_status status = QST_OK;
    for (ptrdiff_t row = task * QST__TASK_ROWS; row < end && status == QST_OK; row += QST__RUN) {
        status = score_run(j, row, err);
    }
    return status;
}

static qst_status rule_check(const qst_scale *scale, const qst_score_rule *rule, qst_err *err)
{
    if (rule->n_missing_max < 0 || rule->n_missing_max >= scale->n_items) {
        return qst__fail(err, QST_EARGUMENT, "%td missing answers of %td items cannot be the limit",
            rule->n_missing_max, scale->n_items);
    }
    if (!isfinite(rule->multiply) || rule->multiply == 0.0) {
        return qst__fail(
            err, QST_EARGUMENT, "the score cannot be multiplied by %g", rule->multiply);
    }
    return QST_OK;
}

static void set_formula(job *j, const qst_score_rule *rule)
{
    const qst_range *range = &j->scale->range;
    const double per_answer = rule->kind == QST_SCORE_SUM ? (double)j->scale->n_items : 1.0;
    const bool is_percent = rule->kind == QST_SCORE_PERCENT;
    j->per_answer = is_percent ? 0.0 : rule->multiply * per_answer * range->min;
    j->per_level = rule->multiply * (is_percent ? 100.0 : per_answer * range->step);
    j->divide = is_percent ? range->n_steps : 1.0;
}

qst_status qst_scale_score(const qst_ctx *ctx, const qst_scale *scale, const qst_score_rule *rule,
    double *score_out, int32_t *answered_out, qst_err *err)
{
    qst_status status = qst__scale_check(scale, err);
    if (status == QST_OK) {
        status = rule_check(scale, rule, err);
    }
    if (status != QST_OK) {
        return status;
    }
    job j = {.scale = scale,
        .n_needed = (int32_t)(scale->n_items - rule->n_missing_max),
        .score_out = score_out,
        .answered_out = answered_out};
    set_formula(&j, rule);
    return qst_par_for(ctx, qst__n_tasks(scale), score_task, &j, err);
}
