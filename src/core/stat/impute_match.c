#include "stat/impute.h"

#include <math.h>
#include <string.h>

/* Bins of more than this many are sorted by merging before the last pass of insertions. */
#define SMALL 32

/* An observed row and what was predicted for it. */
typedef struct {
    double value;
    ptrdiff_t row;
} donor;

/* Donors in order, found through bins of equal width: bin b begins at starts[b]. */
typedef struct {
    donor *sorted;
    ptrdiff_t n;
    ptrdiff_t *starts; /* n + 1 */
    double low, scale; /* bin of v: (v - low) scale, at most n - 1 */
} pool;

ptrdiff_t qst__match_room(ptrdiff_t n_observed)
{
    return 5 * n_observed + 1; /* donors twice, of two words each; starts */
}

/* ---- Sorting: bins, then insertions, which have little left to do ---- */

static ptrdiff_t bin_of(const pool *p, double value)
{
    const double bin = (value - p->low) * p->scale;
    if (!(bin > 0.0)) {
        return 0;
    }
    return bin < (double)(p->n - 1) ? (ptrdiff_t)bin : p->n - 1;
}

static void merge(const donor *from, ptrdiff_t begin, ptrdiff_t middle, ptrdiff_t end, donor *to)
{
    ptrdiff_t left = begin, right = middle;
    for (ptrdiff_t at = begin; at < end; at++) {
        const bool takes_left =
            left < middle && (right >= end || from[left].value <= from[right].value);
        to[at] = takes_left ? from[left++] : from[right++];
    }
}

/* Equal values keep their order; the result is in d. */
static void merge_sort(donor *d, ptrdiff_t n, donor *scratch)
{
    donor *from = d, *to = scratch;
    for (ptrdiff_t width = 1; width < n; width *= 2) {
        for (ptrdiff_t begin = 0; begin < n; begin += 2 * width) {
            merge(from, begin, qst__min(begin + width, n), qst__min(begin + 2 * width, n), to);
        }
        donor *const swap = from;
        from = to;
        to = swap;
    }
    if (from != d) {
        memcpy(d, from, (size_t)n * sizeof *d);
    }
}

static void insertion_sort(donor *d, ptrdiff_t n)
{
    for (ptrdiff_t i = 1; i < n; i++) {
        const donor moved = d[i];
        ptrdiff_t at = i;
        for (; at > 0 && d[at - 1].value > moved.value; at--) {
            d[at] = d[at - 1];
        }
        d[at] = moved;
    }
}

/* How many donors each bin has, as where it begins. */
static void count_bins(pool *p, const double *values)
{
    memset(p->starts, 0, (size_t)(p->n + 1) * sizeof *p->starts);
    for (ptrdiff_t k = 0; k < p->n; k++) {
        p->starts[bin_of(p, values[k]) + 1]++;
    }
    for (ptrdiff_t b = 0; b < p->n; b++) {
        p->starts[b + 1] += p->starts[b];
    }
}

/* Afterwards a bin's start is its end, so they are moved up by one place. */
static void fill_bins(pool *p, const double *values, const ptrdiff_t *rows)
{
    for (ptrdiff_t k = 0; k < p->n; k++) {
        p->sorted[p->starts[bin_of(p, values[k])]++] = (donor){values[k], rows[k]};
    }
    memmove(p->starts + 1, p->starts, (size_t)p->n * sizeof *p->starts);
    p->starts[0] = 0;
}

static void set_bins(pool *p, const double *values)
{
    double low = values[0], high = values[0];
    for (ptrdiff_t k = 1; k < p->n; k++) {
        low = values[k] < low ? values[k] : low;
        high = values[k] > high ? values[k] : high;
    }
    const double scale = (double)p->n / (high - low);
    p->low = low;
    p->scale = isfinite(scale) ? scale : 0.0;
}

static pool sort_donors(const qst__visit *visit, const double *values, double *room)
{
    const ptrdiff_t n = visit->n_observed;
    donor *scratch = (donor *)(void *)(room + 2 * n);
    pool p = {
        .sorted = (donor *)(void *)room, .n = n, .starts = (ptrdiff_t *)(void *)(room + 4 * n)};
    set_bins(&p, values);
    count_bins(&p, values);
    fill_bins(&p, values, visit->observed);
    for (ptrdiff_t b = 0; b < n; b++) {
        const ptrdiff_t size = p.starts[b + 1] - p.starts[b];
        if (size > SMALL) {
            merge_sort(p.sorted + p.starts[b], size, scratch);
        }
    }
    insertion_sort(p.sorted, n);
    return p;
}

/* ---- The h-th nearest ---- */

/* The first place from `begin` on whose value is at least v, else `end`. */
static ptrdiff_t first_from(const pool *p, ptrdiff_t begin, ptrdiff_t end, double v)
{
    while (begin < end) {
        const ptrdiff_t middle = begin + (end - begin) / 2;
        const bool is_before = p->sorted[middle].value < v;
        begin = is_before ? middle + 1 : begin;
        end = is_before ? end : middle;
    }
    return begin;
}

/* Where the search for a row's donors stands: places left + 1 .. right - 1 are the nearest so far,
 * and all of these but the last are as far as `before` at most. */
typedef struct {
    double target;
    ptrdiff_t split; /* the first place whose value is not below the target */
    ptrdiff_t left, right;
    ptrdiff_t place; /* of the h-th nearest */
    double distance, before;
} walk;

static double below(const pool *p, const walk *w)
{
    return w->left >= 0 ? w->target - p->sorted[w->left].value : (double)INFINITY;
}

static double above(const pool *p, const walk *w)
{
    return w->right < p->n ? p->sorted[w->right].value - w->target : (double)INFINITY;
}

static walk walk_out(const pool *p, double target, ptrdiff_t h)
{
    const ptrdiff_t bin = bin_of(p, target);
    walk w = {.target = target, .distance = -1.0};
    w.split = first_from(p, p->starts[bin], p->starts[bin + 1], target);
    w.left = w.split - 1;
    w.right = w.split;
    for (; h > 0; h--) {
        const double to_left = below(p, &w), to_right = above(p, &w);
        const bool goes_left = to_left <= to_right;
        w.before = w.distance;
        w.distance = goes_left ? to_left : to_right;
        w.place = goes_left ? w.left : w.right;
        w.left -= goes_left;
        w.right += !goes_left;
    }
    return w;
}

/* The first place from `begin` on whose distance is at least that of the walk (beyond it if
 * `after`), else `end`; distances ascend with the places (sign 1) or descend (-1). Halving, since
 * equal predictions may be many. */
static ptrdiff_t first_at(
    const pool *p, const walk *w, ptrdiff_t begin, ptrdiff_t end, double sign, bool after)
{
    while (begin < end) {
        const ptrdiff_t middle = begin + (end - begin) / 2;
        const double ahead = sign * (p->sorted[middle].value - w->target) - w->distance;
        const bool is_before = after ? sign * ahead <= 0.0 : sign * ahead < 0.0;
        begin = is_before ? middle + 1 : begin;
        end = is_before ? end : middle;
    }
    return begin;
}

/* One of all places that are as far as the h-th nearest. */
static ptrdiff_t draw_tie(const pool *p, const walk *w, qst_rng *rng)
{
    const ptrdiff_t left = first_at(p, w, 0, w->split, -1.0, false);
    const ptrdiff_t n_left = first_at(p, w, left, w->split, -1.0, true) - left;
    const ptrdiff_t right = first_at(p, w, w->split, p->n, 1.0, false);
    const ptrdiff_t n_right = first_at(p, w, right, p->n, 1.0, true) - right;
    const ptrdiff_t chosen = (ptrdiff_t)qst_rng_below(rng, (uint32_t)(n_left + n_right));
    return chosen < n_left ? left + chosen : right + chosen - n_left;
}

/*
 * The h nearest with h uniform among the donors is one of the nearest at
 * random; where others are as far as the h-th, each of them is as likely, as if
 * ties had been put in random order for this row.
 */
static ptrdiff_t draw_donor(const pool *p, double target, ptrdiff_t n_donors, qst_rng *rng)
{
    const ptrdiff_t h = 1 + (ptrdiff_t)qst_rng_below(rng, (uint32_t)n_donors);
    const walk w = walk_out(p, target, h);
    const bool is_tied =
        w.before == w.distance || below(p, &w) == w.distance || above(p, &w) == w.distance;
    return p->sorted[is_tied ? draw_tie(p, &w, rng) : w.place].row;
}

void qst__match(
    const qst__visit *visit, const double *of_observed, const double *of_missing, double *room)
{
    const pool p = sort_donors(visit, of_observed, room);
    const double *values = visit->variable->column.data;
    visit->decided_out[QST_DECIDED_FEW_DONORS] = visit->n_observed < visit->donors;
    const ptrdiff_t n_donors = qst__min(visit->donors, visit->n_observed);
    for (ptrdiff_t k = 0; k < visit->n_missing; k++) {
        qst_rng rng =
            qst__visit_stream(visit, QST__DRAW_VALUE, visit->row_numbers[visit->missing[k]]);
        const ptrdiff_t row = draw_donor(&p, of_missing[k], n_donors, &rng);
        visit->drawn_out[k] = values[visit->row_numbers[row]];
    }
}
