#include "stat/resample.h"

#include <math.h>
#include <string.h>

#define REPLICATES_PER_TASK 64
/* Sums are kept in as many parts, because an addition to the place of the one before has to wait
 * for it. */
#define N_LANES 4
#define SHUFFLES_PER_TICK 256

/* All that the replicates share; scratch is of one worker each. */
typedef struct {
    const qst_scheme *scheme;
    const qst_permuted *data;
    qst_permute_statistic statistic;
    const int32_t *given;
    int64_t first, n_replicates;
    uint64_t seed;
    double *statistic_out;
    int32_t *arm_out;

    double n_total, sum_total, ss_total; /* ss about the mean of all rows */
    const double *n_fixed;               /* rows of each arm if no shuffle changes them, or NULL */
    qst_ctx list_ctx;                    /* for lists made by workers: never polled */
    ptrdiff_t n_longest;                 /* list */

    int32_t *start;   /* n_units, of all workers: see arrange() */
    int32_t *n_first; /* n_strata, of all workers */
    int32_t *arms;    /* n_units */
    int32_t *list;    /* 2 n_longest */
    double *sums;     /* n_sums: lanes, and then what they add up to */
    ptrdiff_t n_sums;
} lottery;

/* ---- Checks ---- */

static qst_status check_scheme(const qst_scheme *s, qst_err *err)
{
    ptrdiff_t n = 0;
    for (int32_t k = 0; k < s->n_strata; k++) {
        const bool fits =
            s->stratum_size[k] >= 0 && (s->lists == NULL || s->lists[k].n >= s->stratum_size[k]);
        if (!fits) {
            return qst__fail_at(err, QST_EDIMENSION, k, -1, s->stratum_size[k],
                "stratum %d has %d units, more than its list has places", (int)k + 1,
                (int)s->stratum_size[k]);
        }
        n += s->stratum_size[k];
    }
    if (n != s->n_units || s->n_arms < 2) {
        return qst__fail(err, QST_EDIMENSION,
            "%td units in strata of %td together, %d arms; two arms are needed", s->n_units, n,
            (int)s->n_arms);
    }
    for (ptrdiff_t i = 0; i < s->n_units; i++) {
        if (s->arm[i] < 1 || s->arm[i] > s->n_arms) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, (double)s->arm[i],
                "arm %d of unit %td is not from 1 to %d", (int)s->arm[i], i + 1, (int)s->n_arms);
        }
    }
    return QST_OK;
}

static qst_status check_unit(const lottery *l, ptrdiff_t i, qst_err *err)
{
    const qst_permuted *d = l->data;
    if (l->statistic == QST_PERMUTE_CHISQ) {
        const int32_t answer = d->answer[i];
        if (answer != QST_NA_INT && (answer < 1 || answer > d->n_answers)) {
            return qst__fail_at(err, QST_EARGUMENT, i, -1, (double)answer,
                "answer %d of unit %td is not from 1 to %d", (int)answer, i + 1, (int)d->n_answers);
        }
        return QST_OK;
    }
    const bool usable = d->n[i] >= 0.0 && isfinite(d->n[i]) && isfinite(d->sum[i]) &&
                        d->squares[i] >= 0.0 && isfinite(d->squares[i]);
    return usable ? QST_OK
                  : qst__fail_at(err, QST_EARGUMENT, i, -1, d->sum[i],
                        "the values of unit %td are not finite", i + 1);
}

static qst_status check_data(lottery *l, qst_err *err)
{
    const bool only_two =
        l->statistic == QST_PERMUTE_DIFFERENCE || l->statistic == QST_PERMUTE_WELCH_T;
    if (only_two && l->scheme->n_arms != 2) {
        return qst__fail(
            err, QST_EDIMENSION, "a difference needs two arms, not %d", (int)l->scheme->n_arms);
    }
    double squares = 0.0;
    for (ptrdiff_t i = 0; i < l->scheme->n_units; i++) {
        const qst_status status = check_unit(l, i, err);
        if (status != QST_OK) {
            return status;
        }
        if (l->statistic == QST_PERMUTE_CHISQ) {
            l->n_total += l->data->answer[i] != QST_NA_INT;
        } else {
            l->n_total += l->data->n[i];
            l->sum_total += l->data->sum[i];
            squares += l->data->squares[i];
        }
    }
    l->ss_total = squares - l->sum_total * l->sum_total / l->n_total;
    return l->n_total > 0.0 ? QST_OK : qst__fail(err, QST_ENODATA, "no unit has rows");
}

/* ---- Statistics of one allocation ---- */

/* Sums of x by arm, by way of the lanes. */
static void sum_by_arm(const int32_t *arm, const double *x, ptrdiff_t n, ptrdiff_t n_arms,
    double *restrict lanes, double *restrict sum_out)
{
    const ptrdiff_t step = n_arms + 1; /* arms count from 1 */
    for (ptrdiff_t k = 0; k < N_LANES * step; k++) {
        lanes[k] = 0.0;
    }
    double *const lane_1 = lanes + step, *const lane_2 = lane_1 + step;
    double *const lane_3 = lane_2 + step;
    ptrdiff_t i = 0;
    for (; i + N_LANES <= n; i += N_LANES) {
        lanes[arm[i]] += x[i];
        lane_1[arm[i + 1]] += x[i + 1];
        lane_2[arm[i + 2]] += x[i + 2];
        lane_3[arm[i + 3]] += x[i + 3];
    }
    for (; i < n; i++) {
        lanes[arm[i]] += x[i];
    }
    for (ptrdiff_t g = 1; g <= n_arms; g++) {
        sum_out[g - 1] = lanes[g] + lane_1[g] + (lane_2[g] + lane_3[g]);
    }
}

static double f_of(const lottery *l, const double *n, const double *sum)
{
    const double n_arms = (double)l->scheme->n_arms;
    double between = -l->sum_total * l->sum_total / l->n_total;
    for (int32_t g = 0; g < l->scheme->n_arms; g++) {
        if (!(n[g] > 0.0)) {
            return (double)NAN;
        }
        between += sum[g] * sum[g] / n[g];
    }
    const double within = fmax(l->ss_total - between, 0.0);
    return between / (n_arms - 1.0) / (within / (l->n_total - n_arms));
}

static double welch_of(
    const lottery *l, const double *n, const double *sum, const double *squares, double *moments)
{
    const int32_t n_arms = l->scheme->n_arms;
    qst_moments *const m = (qst_moments *)(void *)moments;
    for (int32_t g = 0; g < n_arms; g++) {
        if (!(n[g] > 1.0)) {
            return (double)NAN;
        }
        const double mean = sum[g] / n[g];
        m[g] = (qst_moments){n[g], mean, fmax(squares[g] - sum[g] * mean, 0.0)};
    }
    qst_test test;
    const qst_status status = l->statistic == QST_PERMUTE_WELCH_T
                                  ? qst_test_welch(&m[1], &m[0], &test, NULL)
                                  : qst_test_welch_anova(m, n_arms, &test, NULL);
    return status == QST_OK ? test.statistic : (double)NAN;
}

/* Arms in columns. Answers that nobody gave have no part. */
static double chisq_of(const lottery *l, const int32_t *arm, double *counts)
{
    const int32_t n_arms = l->scheme->n_arms, n_answers = l->data->n_answers;
    for (ptrdiff_t k = 0; k < (ptrdiff_t)(n_arms + 1) * n_answers; k++) {
        counts[k] = 0.0;
    }
    for (ptrdiff_t i = 0; i < l->scheme->n_units; i++) {
        const int32_t answer = l->data->answer[i];
        if (answer != QST_NA_INT) {
            counts[(ptrdiff_t)(arm[i] - 1) * n_answers + answer - 1] += 1.0;
        }
    }
    double *const of_answer = counts + (ptrdiff_t)n_arms * n_answers;
    for (ptrdiff_t k = 0; k < (ptrdiff_t)n_arms * n_answers; k++) {
        of_answer[k % n_answers] += counts[k];
    }
    double share = 0.0;
    for (int32_t g = 0; g < n_arms; g++) {
        const double *const column = counts + (ptrdiff_t)g * n_answers;
        double of_arm = 0.0, sum = 0.0;
        for (int32_t a = 0; a < n_answers; a++) {
            of_arm += column[a];
            sum += of_answer[a] > 0.0 ? column[a] * column[a] / of_answer[a] : 0.0;
        }
        if (!(of_arm > 0.0)) {
            return (double)NAN;
        }
        share += sum / of_arm;
    }
    return l->n_total * (share - 1.0);
}

static double statistic_of(const lottery *l, const int32_t *arm, double *scratch)
{
    const qst_permuted *const d = l->data;
    const ptrdiff_t n_units = l->scheme->n_units, n_arms = l->scheme->n_arms;
    if (l->statistic == QST_PERMUTE_CHISQ) {
        return chisq_of(l, arm, scratch);
    }
    double *const lanes = scratch, *const n_room = lanes + N_LANES * (n_arms + 1);
    double *const sum = n_room + n_arms, *const squares = sum + n_arms;
    const double *n = l->n_fixed;
    if (n == NULL) {
        sum_by_arm(arm, d->n, n_units, n_arms, lanes, n_room);
        n = n_room;
    }
    sum_by_arm(arm, d->sum, n_units, n_arms, lanes, sum);
    if (l->statistic == QST_PERMUTE_F) {
        return f_of(l, n, sum);
    }
    if (l->statistic == QST_PERMUTE_DIFFERENCE) {
        return n[0] > 0.0 && n[1] > 0.0 ? sum[1] / n[1] - sum[0] / n[0] : (double)NAN;
    }
    sum_by_arm(arm, d->squares, n_units, n_arms, lanes, squares);
    return welch_of(l, n, sum, squares, lanes);
}

/* ---- Allocations ---- */

static int32_t largest_arm(const int32_t *arm, int32_t n, int32_t n_arms, int32_t *n_out)
{
    int32_t largest = 1;
    *n_out = 0;
    for (int32_t g = 1; g <= n_arms; g++) {
        int32_t n_of = 0;
        for (int32_t i = 0; i < n; i++) {
            n_of += arm[i] == g;
        }
        largest = n_of > *n_out ? g : largest;
        *n_out = n_of > *n_out ? n_of : *n_out;
    }
    return largest;
}

/* As many of arm g as there are; returns what follows them. */
static int32_t *copy_arm(const int32_t *arm, int32_t n, int32_t g, int32_t *arm_out)
{
    for (int32_t i = 0; i < n; i++) {
        if (arm[i] == g) {
            *arm_out++ = g;
        }
    }
    return arm_out;
}

/* The arms of each stratum sorted, but its largest arm first: the start of a shuffle. */
static void arrange(const qst_scheme *s, int32_t *arm_out, int32_t *n_first_out)
{
    const int32_t *arm = s->arm;
    for (int32_t k = 0; k < s->n_strata; k++) {
        const int32_t n = s->stratum_size[k];
        const int32_t largest = largest_arm(arm, n, s->n_arms, &n_first_out[k]);
        for (int32_t i = 0; i < n_first_out[k]; i++) {
            *arm_out++ = largest;
        }
        for (int32_t g = 1; g <= s->n_arms; g++) {
            arm_out = g == largest ? arm_out : copy_arm(arm, n, g, arm_out);
        }
        arm += n;
    }
}

/* Fisher and Yates, upwards: place i is exchanged with one of 0 .. i. The first n_first places are
 * alike, so any order of them is as good as a random one. */
static void shuffle(qst_rng *rng, int32_t *x, int32_t n, int32_t n_first)
{
    uint32_t at[QST__HANDFUL];
    const int handful = qst__handful_of((uint32_t)n);
    for (int32_t i = n_first; i < n; i += handful) {
        const int k = handful < n - i ? handful : n - i;
        qst__draw_handful(rng, (uint32_t)i + 1, 1, k, at);
        for (int j = 0; j < k; j++) {
            const int32_t kept = x[i + j];
            x[i + j] = x[at[j]];
            x[at[j]] = kept;
        }
    }
}

static qst_status make_lists(
    const lottery *l, uint64_t seed, int32_t *arm_out, int32_t *room, qst_err *err)
{
    const qst_scheme *const s = l->scheme;
    for (int32_t k = 0; k < s->n_strata; k++) {
        qst_allocation list = s->lists[k];
        list.seed = seed;
        const qst_status status = qst_allocate(&l->list_ctx, &list, room, room + l->n_longest, err);
        if (status != QST_OK) {
            return status;
        }
        for (int32_t i = 0; i < s->stratum_size[k]; i++) {
            *arm_out++ = room[i];
        }
    }
    return QST_OK;
}

static qst_status reallocate(
    const lottery *l, int64_t replicate, int32_t *arm_out, int32_t *room, qst_err *err)
{
    const qst_scheme *const s = l->scheme;
    qst_rng rng;
    const qst_rng_address address = {
        .purpose = QST__PURPOSE_PERMUTE, .iteration = (uint32_t)replicate};
    const qst_status status = qst_rng_init(&rng, l->seed, &address, err);
    if (status != QST_OK) {
        return status;
    }
    if (s->lists != NULL) {
        return make_lists(l, qst__word_64(&rng), arm_out, room, err);
    }
    memcpy(arm_out, l->start, (size_t)s->n_units * sizeof *arm_out);
    for (int32_t k = 0; k < s->n_strata; k++) {
        shuffle(&rng, arm_out, s->stratum_size[k], l->n_first[k]);
        arm_out += s->stratum_size[k];
    }
    return QST_OK;
}

static qst_status run_replicate(const lottery *l, int64_t k, int worker, qst_err *err)
{
    const ptrdiff_t n_units = l->scheme->n_units;
    const int32_t *arm = l->given == NULL ? NULL : l->given + k * n_units;
    if (arm == NULL) {
        int32_t *const drawn =
            l->arm_out != NULL ? l->arm_out + k * n_units : l->arms + worker * n_units;
        int32_t *const room = l->list + worker * 2 * l->n_longest;
        const qst_status status = reallocate(l, l->first + k, drawn, room, err);
        if (status != QST_OK) {
            return status;
        }
        arm = drawn;
    }
    if (l->statistic_out != NULL) {
        l->statistic_out[k] = statistic_of(l, arm, l->sums + worker * l->n_sums);
    }
    return QST_OK;
}

static qst_status run_some(void *data, ptrdiff_t task, int worker, qst_err *err)
{
    const lottery *l = data;
    const int64_t first = (int64_t)task * REPLICATES_PER_TASK;
    qst_status status = QST_OK;
    for (int64_t k = first;
         k < first + REPLICATES_PER_TASK && k < l->n_replicates && status == QST_OK; k++) {
        status = run_replicate(l, k, worker, err);
    }
    return status;
}

/* ---- The runs ---- */

/* A shuffle leaves the rows of each arm as they are if all units have as many. */
static qst_status fix_n(qst__arena *arena, lottery *l, qst_err *err)
{
    const qst_scheme *const s = l->scheme;
    bool is_fixed = s->lists == NULL && l->given == NULL && l->statistic != QST_PERMUTE_CHISQ;
    for (ptrdiff_t i = 0; i < s->n_units && is_fixed; i++) {
        is_fixed = l->data->n[i] == l->data->n[0];
    }
    if (!is_fixed) {
        return QST_OK;
    }
    double *n = NULL;
    const qst_status status = qst__arena_array(arena, s->n_arms, sizeof *n, &n, err);
    for (ptrdiff_t i = 0; i < s->n_units && status == QST_OK; i++) {
        n[s->arm[i] - 1] += l->data->n[i];
    }
    l->n_fixed = n;
    return status;
}

/* Room for so many workers. */
static qst_status make_room(qst__arena *arena, lottery *l, ptrdiff_t n_workers, qst_err *err)
{
    const qst_scheme *const s = l->scheme;
    for (int32_t k = 0; k < s->n_strata && s->lists != NULL; k++) {
        l->n_longest = qst__max(l->n_longest, s->lists[k].n);
    }
    /* Lanes, n, sum and squares; or the table of counts with its row sums. */
    l->n_sums = (ptrdiff_t)N_LANES * (s->n_arms + 1) + (ptrdiff_t)3 * s->n_arms;
    if (l->data != NULL && l->statistic == QST_PERMUTE_CHISQ) {
        l->n_sums = (ptrdiff_t)(s->n_arms + 1) * l->data->n_answers;
    }
    qst_status status =
        qst__arena_array(arena, (n_workers + 1) * s->n_units, sizeof *l->arms, &l->arms, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, s->n_strata, sizeof *l->n_first, &l->n_first, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, n_workers * 2 * l->n_longest, sizeof *l->list, &l->list, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, n_workers * l->n_sums, sizeof *l->sums, &l->sums, err);
    }
    if (status == QST_OK) {
        l->start = l->arms + n_workers * s->n_units;
        arrange(s, l->start, l->n_first);
    }
    return status;
}

static qst_status check_given(const lottery *l, qst_err *err)
{
    const ptrdiff_t n_units = l->scheme->n_units;
    for (int64_t i = 0; l->given != NULL && i < n_units * l->n_replicates; i++) {
        if (l->given[i] < 1 || l->given[i] > l->scheme->n_arms) {
            return qst__fail_at(err, QST_EARGUMENT, (ptrdiff_t)(i % n_units),
                (ptrdiff_t)(i / n_units), (double)l->given[i],
                "arm %d of unit %lld in allocation %lld is not from 1 to %d", (int)l->given[i],
                (long long)(i % n_units) + 1, (long long)(i / n_units) + 1, (int)l->scheme->n_arms);
        }
    }
    return QST_OK;
}

static qst_status check_lottery(lottery *l, qst_err *err)
{
    qst_status status = qst__check_replicates(l->first, l->n_replicates, err);
    if (status == QST_OK) {
        status = check_scheme(l->scheme, err);
    }
    if (status == QST_OK) {
        status = check_given(l, err);
    }
    return status == QST_OK && l->data != NULL ? check_data(l, err) : status;
}

static qst_status run(const qst_ctx *ctx, lottery *l, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    if (ctx != NULL) {
        l->list_ctx = *ctx;
    } else {
        qst_ctx_init(&l->list_ctx);
    }
    l->list_ctx.poll = NULL;
    qst_status status = check_lottery(l, err);
    const ptrdiff_t n_tasks =
        (ptrdiff_t)((l->n_replicates + REPLICATES_PER_TASK - 1) / REPLICATES_PER_TASK);
    if (status == QST_OK) {
        status = make_room(&arena, l, qst_par_workers(ctx, n_tasks), err);
    }
    if (status == QST_OK && l->data != NULL) {
        status = fix_n(&arena, l, err);
    }
    if (status == QST_OK) {
        status = qst_par_for(ctx, n_tasks, run_some, l, err);
    }
    qst__arena_free(&arena);
    return status;
}

qst_status qst_permute(const qst_ctx *ctx, const qst_scheme *scheme, const qst_permuted *data,
    qst_permute_statistic statistic, const int32_t *given, int64_t first, int64_t n_replicates,
    uint64_t seed, double *statistic_out, qst_err *err)
{
    lottery l = {.scheme = scheme,
        .data = data,
        .statistic = statistic,
        .given = given,
        .first = first,
        .n_replicates = n_replicates,
        .seed = seed,
        .statistic_out = statistic_out};
    return run(ctx, &l, err);
}

qst_status qst_permute_arms(const qst_ctx *ctx, const qst_scheme *scheme, int64_t first,
    int64_t n_replicates, uint64_t seed, int32_t *arm_out, qst_err *err)
{
    lottery l = {.scheme = scheme,
        .first = first,
        .n_replicates = n_replicates,
        .seed = seed,
        .arm_out = arm_out};
    return run(ctx, &l, err);
}

/* ---- All of them ---- */

static void reverse(int32_t *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n / 2; i++) {
        const int32_t kept = x[i];
        x[i] = x[n - 1 - i];
        x[n - 1 - i] = kept;
    }
}

/* The next arrangement in lexicographic order (Knuth, TAOCP 7.2.1.2, algorithm L); after the last
 * one the first again, and false. */
static bool next_arrangement(int32_t *x, ptrdiff_t n)
{
    ptrdiff_t i = n - 2;
    while (i >= 0 && x[i] >= x[i + 1]) {
        i--;
    }
    if (i < 0) {
        reverse(x, n);
        return false;
    }
    ptrdiff_t j = n - 1;
    while (x[j] <= x[i]) {
        j--;
    }
    const int32_t kept = x[i];
    x[i] = x[j];
    x[j] = kept;
    reverse(x + i + 1, n - i - 1);
    return true;
}

/* The arms of each stratum in order: the first arrangement. */
static void sort_arms(const qst_scheme *s, int32_t *arm_out)
{
    const int32_t *arm = s->arm;
    for (int32_t k = 0; k < s->n_strata; k++) {
        for (int32_t g = 1; g <= s->n_arms; g++) {
            arm_out = copy_arm(arm, s->stratum_size[k], g, arm_out);
        }
        arm += s->stratum_size[k];
    }
}

/* As an odometer: the first stratum turns fastest. */
static bool next_allocation(const qst_scheme *s, int32_t *arm)
{
    for (int32_t k = 0; k < s->n_strata; k++) {
        if (next_arrangement(arm, s->stratum_size[k])) {
            return true;
        }
        arm += s->stratum_size[k];
    }
    return false;
}

static qst_status enumerate(const qst_ctx *ctx, const lottery *l, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    qst_status status = QST_OK;
    sort_arms(l->scheme, l->arms);
    bool goes_on = true;
    int64_t k = 0;
    for (; goes_on && k < l->n_replicates && status == QST_OK; k++) {
        l->statistic_out[k] = statistic_of(l, l->arms, l->sums);
        goes_on = next_allocation(l->scheme, l->arms);
        if (k % SHUFFLES_PER_TICK == 0) {
            status = qst__tick(&ticker, err);
        }
    }
    if (status == QST_OK && (goes_on || k != l->n_replicates)) {
        status = qst__fail(err, QST_EDIMENSION, "there are not %lld different allocations",
            (long long)l->n_replicates);
    }
    return status;
}

qst_status qst_permute_all(const qst_ctx *ctx, const qst_scheme *scheme, const qst_permuted *data,
    qst_permute_statistic statistic, int64_t n_all, double *statistic_out, qst_err *err)
{
    lottery l = {.scheme = scheme,
        .data = data,
        .statistic = statistic,
        .n_replicates = n_all,
        .statistic_out = statistic_out};
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst_status status = check_lottery(&l, err);
    if (status == QST_OK) {
        status = make_room(&arena, &l, 1, err);
    }
    if (status == QST_OK) {
        status = fix_n(&arena, &l, err);
    }
    if (status == QST_OK) {
        status = enumerate(ctx, &l, err);
    }
    qst__arena_free(&arena);
    return status;
}
