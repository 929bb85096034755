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

/* First place from `begin` on whose value is at least v (above v if `above`), else `end`. */
static ptrdiff_t first_from(const pool *p, ptrdiff_t begin, ptrdiff_t end, double v, bool above)
{
    while (begin < end) {
        const ptrdiff_t middle = begin + (end - begin) / 2;
        const double value = p->sorted[middle].value;
        const bool is_before = above ? value <= v : value < v;
        begin = is_before ? middle + 1 : begin;
        end = is_before ? end : middle;
    }
    return begin;
}

/* The distance of the h-th nearest (h from 1); places *left + 1 .. *right - 1 are the h nearest. */
static double walk(const pool *p, double target, ptrdiff_t h, ptrdiff_t *left, ptrdiff_t *right)
{
    double distance = 0.0;
    for (; h > 0; h--) {
        const double below = *left >= 0 ? target - p->sorted[*left].value : (double)INFINITY;
        const double above = *right < p->n ? p->sorted[*right].value - target : (double)INFINITY;
        const bool goes_left = below <= above;
        distance = goes_left ? below : above;
        *left -= goes_left;
        *right += !goes_left;
    }
    return distance;
}

/* The places in begin .. end - 1 at that very distance, values ascending: distances ascend (`sign`
 * 1) or descend (-1) with them. Halving, since equal predictions may be many. */
static ptrdiff_t first_at(const pool *p, ptrdiff_t begin, ptrdiff_t end, double target, double sign,
    double distance, bool after)
{
    while (begin < end) {
        const ptrdiff_t middle = begin + (end - begin) / 2;
        const double d = sign * (p->sorted[middle].value - target);
        const bool is_before = sign > 0 ? (after ? d <= distance : d < distance)
                                        : (after ? d >= distance : d > distance);
        begin = is_before ? middle + 1 : begin;
        end = is_before ? end : middle;
    }
    return begin;
}

/*
 * The h nearest with h uniform among the donors is one of the nearest at
 * random; where others are as far as the h-th, each of them is as likely, as if
 * ties had been put in random order for this row.
 */
static ptrdiff_t draw_donor(const pool *p, double target, ptrdiff_t n_donors, qst_rng *rng)
{
    const ptrdiff_t bin = bin_of(p, target);
    const ptrdiff_t split = first_from(p, p->starts[bin], p->starts[bin + 1], target, false);
    ptrdiff_t left = split - 1, right = split;
    const ptrdiff_t h = 1 + (ptrdiff_t)qst_rng_below(rng, (uint32_t)n_donors);
    const double distance = walk(p, target, h, &left, &right);
    const ptrdiff_t first_left = first_at(p, 0, split, target, -1.0, distance, false);
    const ptrdiff_t end_left = first_at(p, first_left, split, target, -1.0, distance, true);
    const ptrdiff_t first_right = first_at(p, split, p->n, target, 1.0, distance, false);
    const ptrdiff_t end_right = first_at(p, first_right, p->n, target, 1.0, distance, true);
    const ptrdiff_t n_left = end_left - first_left, n_ties = n_left + end_right - first_right;
    const ptrdiff_t chosen = n_ties > 1 ? (ptrdiff_t)qst_rng_below(rng, (uint32_t)n_ties) : 0;
    return p->sorted[chosen < n_left ? first_left + chosen : first_right + chosen - n_left].row;
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
