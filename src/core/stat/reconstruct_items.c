#include "stat/reconstruct.h"

#include <math.h>

/*
 * The model behind the first draft of the answers: person i with mean answer
 * m at a visit gives item j
 *     m + location_j + weight_j (m - middle) + habit_ij + slip_ij
 * rounded and kept in range. Locations differ between items, weights make some
 * items follow the person more than others, habits last from one visit to the
 * next. Then the answers are moved until their sum is the total.
 */
#define SPREAD 1.1  /* the locations lie evenly from minus to plus this, in sixths of the range */
#define UNEVEN 0.25 /* SD of the weights */
#define HABIT 0.75  /* SD of habits and of slips, in sixths of the range */
#define SLIP 0.65
#define MAX_SHIFTS 2000000

typedef struct {
    const qst_items_plan *plan;
    double *location, *weight; /* of each item */
    double *habit;             /* n_items: of the person at hand */
    int32_t *answer;           /* n_items: the same */
    int32_t *asked;            /* n_items: numbers of the items the person answers, then the rest */
    double *sum, *sum_sq;      /* of each item over the complete */
    int32_t *complete;         /* people who answered all items */
    int32_t n_complete;
} drafts;

static qst_status make_drafts(
    qst__arena *arena, const qst_items_plan *plan, drafts *d, qst_err *err)
{
    const ptrdiff_t k = plan->n_items;
    *d = (drafts){.plan = plan};
    double *room = NULL;
    qst_status status = qst__arena_array(arena, 5 * k, sizeof *room, &room, err);
    if (status == QST_OK) {
        status = qst__arena_array(arena, 2 * k, sizeof *d->answer, &d->answer, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, plan->n_people, sizeof *d->complete, &d->complete, err);
    }
    if (status == QST_OK) {
        d->location = room;
        d->weight = room + k;
        d->habit = room + 2 * k;
        d->sum = room + 3 * k;
        d->sum_sq = room + 4 * k;
        d->asked = d->answer + k;
    }
    return status;
}

static qst_status item_stream(
    const qst_items_plan *plan, uint32_t use, uint32_t row, qst_rng *rng, qst_err *err)
{
    const qst_rng_address address = {.purpose = QST__PURPOSE_RECONSTRUCT,
        .variable = QST__STAGE_ITEMS,
        .iteration = use,
        .row = row};
    return qst_rng_init(rng, plan->seed, &address, err);
}

static void exchange(int32_t *x, int32_t i, int32_t j)
{
    const int32_t kept = x[i];
    x[i] = x[j];
    x[j] = kept;
}

/* The items in an order whose first n are random (Durstenfeld 1964). */
static void shuffle_items(drafts *d, int32_t n, qst_rng *rng)
{
    const int32_t k = d->plan->n_items;
    for (int32_t j = 0; j < k; j++) {
        d->asked[j] = j;
    }
    for (int32_t j = 0; j < n; j++) {
        exchange(d->asked, j, j + (int32_t)qst_rng_below(rng, (uint32_t)(k - j)));
    }
}

static qst_status draw_items(drafts *d, qst_err *err)
{
    qst_rng rng;
    const qst_status status = item_stream(d->plan, 0, 0, &rng, err);
    if (status != QST_OK) {
        return status;
    }
    const double sixth = (d->plan->max - d->plan->min) / 6.0;
    const int32_t k = d->plan->n_items;
    shuffle_items(d, k, &rng);
    for (int32_t j = 0; j < k; j++) {
        d->location[d->asked[j]] = SPREAD * sixth * ((2 * j + 1.0) / k - 1);
        d->weight[j] = UNEVEN * qst__bell(&rng);
    }
    return QST_OK;
}

/* ---- One person ---- */

static int32_t rounded_into_range(const drafts *d, double x)
{
    const double low = d->plan->min;
    const double high = d->plan->max;
    const double inside = x < low ? low : x > high ? high : x;
    return (int32_t)floor(inside + 0.5);
}

/* One point up or down on a random item that has room. */
static int32_t step_towards(drafts *d, int32_t answered, int32_t step, qst_rng *rng)
{
    const int32_t j = d->asked[qst_rng_below(rng, (uint32_t)answered)];
    const int32_t next = d->answer[j] + step;
    if (next < d->plan->min || next > d->plan->max) {
        return 0;
    }
    d->answer[j] = next;
    return step;
}

static void draft_person(drafts *d, int32_t answered, int32_t total, qst_rng *rng)
{
    const double sixth = (d->plan->max - d->plan->min) / 6.0;
    const double middle = (d->plan->max + d->plan->min) / 2.0 + sixth;
    const double mean = (double)total / answered;
    shuffle_items(d, answered < d->plan->n_items ? answered : 0, rng);
    int32_t sum = 0;
    for (int32_t k = 0; k < answered; k++) {
        const int32_t j = d->asked[k];
        const double slip = SLIP * sixth * qst__bell(rng);
        d->answer[j] = rounded_into_range(
            d, mean + d->location[j] + d->weight[j] * (mean - middle) + d->habit[j] + slip);
        sum += d->answer[j];
    }
    while (sum != total) {
        sum += step_towards(d, answered, sum < total ? 1 : -1, rng);
    }
}

static qst_status fill_person(
    drafts *d, int32_t i, int32_t *const items_out[QST_N_VISITS], qst_err *err)
{
    const qst_items_plan *plan = d->plan;
    qst_rng rng;
    const qst_status status = item_stream(plan, 1, (uint32_t)i, &rng, err);
    if (status != QST_OK) {
        return status;
    }
    const double sixth = (plan->max - plan->min) / 6.0;
    for (int32_t j = 0; j < plan->n_items; j++) {
        d->habit[j] = HABIT * sixth * qst__bell(&rng);
    }
    for (int v = 0; v < QST_N_VISITS; v++) {
        const int32_t answered = plan->answered[v][i];
        if (answered > 0) {
            draft_person(d, answered, plan->total[v][i], &rng);
        }
        for (int32_t k = 0; k < plan->n_items; k++) {
            const int32_t j = answered > 0 ? d->asked[k] : k;
            items_out[v][(ptrdiff_t)j * plan->n_people + i] =
                k < answered ? d->answer[j] : QST_NA_INT;
        }
    }
    return QST_OK;
}

/* ---- Cronbach's alpha ---- */

static void find_complete(drafts *d, int visit)
{
    d->n_complete = 0;
    for (int32_t i = 0; i < d->plan->n_people; i++) {
        if (d->plan->answered[visit][i] == d->plan->n_items) {
            d->complete[d->n_complete++] = i;
        }
    }
}

static double sum_of_squares(double sum, double sum_sq, double n)
{
    return sum_sq - sum * sum / n;
}

/* Sum of squares of the complete people's totals, which shifting leaves alone. */
static double total_ss(const drafts *d, int visit)
{
    double sum = 0, sum_sq = 0;
    for (int32_t k = 0; k < d->n_complete; k++) {
        const double total = d->plan->total[visit][d->complete[k]];
        sum += total;
        sum_sq += total * total;
    }
    return sum_of_squares(sum, sum_sq, d->n_complete);
}

/* Sums of squares of the items, added up; d->sum and d->sum_sq are counted. */
static double items_ss(drafts *d, const int32_t *items)
{
    double ss = 0;
    for (int32_t j = 0; j < d->plan->n_items; j++) {
        d->sum[j] = d->sum_sq[j] = 0;
        for (int32_t k = 0; k < d->n_complete; k++) {
            const double x = items[(ptrdiff_t)j * d->plan->n_people + d->complete[k]];
            d->sum[j] += x;
            d->sum_sq[j] += x * x;
        }
        ss += sum_of_squares(d->sum[j], d->sum_sq[j], d->n_complete);
    }
    return ss;
}

/* What the item's sum of squares gains when an answer x goes to x + step. */
static double gain(const drafts *d, int32_t j, int32_t x, int32_t step)
{
    const double n = d->n_complete;
    const double square = step * (2.0 * x + step);
    return square - (step * (2 * d->sum[j] + step)) / n;
}

static void shift(drafts *d, int32_t *x, int32_t j, int32_t step)
{
    d->sum[j] += step;
    d->sum_sq[j] += step * (2.0 * *x + step);
    *x += step;
}

/* Shifts single points between two items of one person as long as that brings the items' sum of
 * squares nearer to `wanted`; returns it. */
static double shift_points(
    drafts *d, int32_t *items, double ss, double low, double high, qst_rng *rng)
{
    const qst_items_plan *plan = d->plan;
    const double wanted = (low + high) / 2;
    for (int32_t n = 0; n < MAX_SHIFTS && (ss < low || ss > high); n++) {
        const int32_t i = d->complete[qst_rng_below(rng, (uint32_t)d->n_complete)];
        const int32_t a = (int32_t)qst_rng_below(rng, (uint32_t)plan->n_items);
        const int32_t b = (int32_t)qst_rng_below(rng, (uint32_t)plan->n_items);
        int32_t *up = items + (ptrdiff_t)a * plan->n_people + i;
        int32_t *down = items + (ptrdiff_t)b * plan->n_people + i;
        if (a == b || *up == plan->max || *down == plan->min) {
            continue;
        }
        const double after = ss + gain(d, a, *up, 1) + gain(d, b, *down, -1);
        if (fabs(after - wanted) < fabs(ss - wanted)) {
            shift(d, up, a, 1);
            shift(d, down, b, -1);
            ss = after;
        }
    }
    return ss;
}

/* alpha = k / (k - 1) (1 - items' variances / total's variance); solved for the items' share. */
static qst_status meet_alpha(drafts *d, int visit, int32_t *items, double *alpha_out, qst_err *err)
{
    const qst_items_plan *plan = d->plan;
    const double k = plan->n_items;
    find_complete(d, visit);
    *alpha_out = qst_na_real();
    if (d->n_complete < 2 || plan->n_items < 2) {
        return QST_OK;
    }
    qst_rng rng;
    const qst_status status = item_stream(plan, 2, (uint32_t)visit, &rng, err);
    if (status != QST_OK) {
        return status;
    }
    const double total = total_ss(d, visit);
    double ss = items_ss(d, items);
    if (!isnan(plan->alpha_low[visit])) {
        const double rim = 0.1 * (plan->alpha_high[visit] - plan->alpha_low[visit]);
        const double low = total * (1 - (plan->alpha_high[visit] - rim) * (k - 1) / k);
        const double high = total * (1 - (plan->alpha_low[visit] + rim) * (k - 1) / k);
        ss = shift_points(d, items, ss, low, high, &rng);
    }
    *alpha_out = k / (k - 1) * (1 - ss / total);
    return QST_OK;
}

/* ---- All ---- */

static qst_status check_totals(const qst_items_plan *plan, qst_err *err)
{
    if (plan->n_people < 1 || plan->n_items < 1 || plan->max <= plan->min) {
        return qst__fail(
            err, QST_EARGUMENT, "n_people and n_items must be positive, min below max");
    }
    for (int v = 0; v < QST_N_VISITS; v++) {
        for (int32_t i = 0; i < plan->n_people; i++) {
            const int64_t n = plan->answered[v][i];
            const int64_t total = plan->total[v][i];
            if (n < 0 || n > plan->n_items ||
                (n > 0 && (total < n * plan->min || total > n * plan->max))) {
                return qst__fail_at(err, QST_ERANGE, i, v, (double)total,
                    "person %d: %d answers cannot have a total of %d", (int)i + 1, (int)n,
                    (int)total);
            }
        }
    }
    return QST_OK;
}

qst_status qst_reconstruct_items(const qst_ctx *ctx, const qst_items_plan *plan,
    int32_t *const items_out[QST_N_VISITS], double alpha_out[QST_N_VISITS], qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    drafts d;
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    qst_status status = check_totals(plan, err);
    if (status == QST_OK) {
        status = make_drafts(&arena, plan, &d, err);
    }
    if (status == QST_OK) {
        status = draw_items(&d, err);
    }
    for (int32_t i = 0; status == QST_OK && i < plan->n_people; i++) {
        status = fill_person(&d, i, items_out, err);
        if (status == QST_OK) {
            status = qst__tick(&ticker, err);
        }
    }
    for (int v = 0; status == QST_OK && v < QST_N_VISITS; v++) {
        status = meet_alpha(&d, v, items_out[v], &alpha_out[v], err);
    }
    qst__arena_free(&arena);
    return status;
}
