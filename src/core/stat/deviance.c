#include "stat/family.h"

/* Tasks are cut by this alone, never by the number of threads. */
#define ROWS_PER_TASK 16384
#define BLOCK 128

typedef struct {
    const qst_glm_settings *settings;
    const double *y, *weights, *mu;
    ptrdiff_t n;
    double mean;
    qst__dd *sums; /* two a task */
} job;

/* Weighted sum of the response, and of the weights. */
static qst_status add_means(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)worker;
    (void)err;
    const job *j = data;
    const ptrdiff_t last = qst__min((task + 1) * ROWS_PER_TASK, j->n);
    qst__dd sum = {0.0, 0.0}, total = {0.0, 0.0};
    for (ptrdiff_t i = task * ROWS_PER_TASK; i < last; i++) {
        const double weight = j->weights != NULL ? j->weights[i] : 1.0;
        sum = qst__dd_add(sum, weight * j->y[i]);
        total = qst__dd_add(total, weight);
    }
    j->sums[2 * task] = sum;
    j->sums[2 * task + 1] = total;
    return QST_OK;
}

static qst_status add_deviance(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    (void)worker;
    (void)err;
    const job *j = data;
    const ptrdiff_t last = qst__min((task + 1) * ROWS_PER_TASK, j->n);
    qst__dd sum = {0.0, 0.0};
    double mean[BLOCK], terms[BLOCK];
    for (ptrdiff_t i = 0; i < BLOCK; i++) {
        mean[i] = j->mean;
    }
    for (ptrdiff_t start = task * ROWS_PER_TASK; start < last; start += BLOCK) {
        const ptrdiff_t n = qst__min(BLOCK, last - start);
        qst__deviance_block(j->settings->family, j->settings->theta, j->y + start,
            j->mu != NULL ? j->mu + start : mean, j->weights != NULL ? j->weights + start : NULL, n,
            terms);
        for (ptrdiff_t i = 0; i < n; i++) {
            sum = qst__dd_add(sum, terms[i]);
        }
    }
    j->sums[2 * task] = sum;
    return QST_OK;
}

static double total(const job *j, ptrdiff_t n_tasks, int which)
{
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t t = 0; t < n_tasks; t++) {
        sum = qst__dd_sum(sum, j->sums[2 * t + which]);
    }
    return qst__dd_value(sum);
}

qst_status qst_glm_deviance(const qst_ctx *ctx, const qst_glm_settings *settings, const double *y,
    const double *weights, const double *mu, ptrdiff_t n, double *deviance_out, qst_err *err)
{
    job j = {settings, y, weights, mu, n, 0.0, NULL};
    const ptrdiff_t n_tasks = (n + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status = qst__arena_array(&arena, 2 * n_tasks, sizeof(qst__dd), &j.sums, err);
    if (status == QST_OK && mu == NULL) {
        status = qst_par_for(ctx, n_tasks, add_means, &j, err);
        j.mean = status == QST_OK ? total(&j, n_tasks, 0) / total(&j, n_tasks, 1) : 0.0;
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, add_deviance, &j, err);
    }
    if (status == QST_OK) {
        *deviance_out = total(&j, n_tasks, 0);
    }
    qst__arena_free(&arena);
    return status;
}
