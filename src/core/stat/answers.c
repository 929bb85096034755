#include "stat/answers.h"

#include <math.h>
#include <string.h>

/* Adding this to a float of at most 2^22 leaves the nearest whole number in its low bits. */
#define ROUNDER 0x1.8p23f
#define ROUNDER_BITS UINT32_C(0x4B400000)

#define MAX_STEPS (INT32_C(1) << 20)
/* Beyond so many steps from 0 a double has too few digits left for the levels. */
#define MAX_MIN_STEPS 0x1p40

QST__LOOP uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/*
 * The two loops below use masks (all bits or none) instead of branches and
 * integers instead of comparisons of doubles: compilers may not make vector
 * code of the latter, because they could trap. A step is turned into a level
 * by `flip`ping its bits (-x = ~x + 1) or not and adding `start`.
 */

QST__LOOP bool double_loop(
    const qst_range *range, const double *restrict x, bool reversed, int32_t *restrict levels_out)
{
    /* 0 - min and not -min, so that an answer of -0.0 gives a step of +0.0. */
    const double shift = 0.0 - range->min;
    const double per_step = 1.0 / range->step;
    const uint32_t n_steps = (uint32_t)range->n_steps;
    const uint32_t flip = reversed ? UINT32_MAX : 0;
    const uint32_t start = reversed ? n_steps + ROUNDER_BITS + 1 : UINT32_C(0) - ROUNDER_BITS;
    uint32_t fault = 0;
    for (int i = 0; i < QST__RUN; i++) {
        const float step = (float)((x[i] + shift) * per_step);
        const float rounded = step + ROUNDER;
        const uint32_t is_whole = 0U - (bits_of(rounded - ROUNDER) == bits_of(step));
        const uint32_t is_inside = 0U - (bits_of(rounded) - ROUNDER_BITS <= n_steps);
        const uint32_t is_nan = 0U - (step != step);
        const uint32_t no_level = ~(is_whole & is_inside);
        levels_out[i] = (int32_t)(((bits_of(rounded) ^ flip) + start) | no_level);
        fault |= no_level & ~is_nan;
    }
    return fault == 0;
}

/* The same for integer answers when the range is made of integers; nothing is to be rounded. */
QST__LOOP bool int_loop(
    const qst_range *range, const int32_t *restrict x, bool reversed, int32_t *restrict levels_out)
{
    const uint32_t low = (uint32_t)(int32_t)range->min;
    const uint32_t n_steps = (uint32_t)range->n_steps;
    const uint32_t flip = reversed ? UINT32_MAX : 0;
    const uint32_t start = reversed ? n_steps + low + 1 : UINT32_C(0) - low;
    uint32_t fault = 0;
    for (int i = 0; i < QST__RUN; i++) {
        const uint32_t answer = (uint32_t)x[i];
        const uint32_t no_level = 0U - (answer - low > n_steps);
        const uint32_t is_na = 0U - (x[i] == QST_NA_INT);
        levels_out[i] = (int32_t)(((answer ^ flip) + start) | no_level);
        fault |= no_level & ~is_na;
    }
    return fault == 0;
}

QST__WIDE bool double_loop_wide(
    const qst_range *range, const double *x, bool reversed, int32_t *levels_out)
{
    return double_loop(range, x, reversed, levels_out);
}

QST__WIDE bool int_loop_wide(
    const qst_range *range, const int32_t *x, bool reversed, int32_t *levels_out)
{
    return int_loop(range, x, reversed, levels_out);
}

static bool levels_of_doubles(
    const qst_range *range, const double *x, bool reversed, int32_t *levels_out)
{
    return QST__IS_WIDE ? double_loop_wide(range, x, reversed, levels_out)
                        : double_loop(range, x, reversed, levels_out);
}

static bool levels_of_ints(
    const qst_range *range, const int32_t *x, bool reversed, int32_t *levels_out)
{
    return QST__IS_WIDE ? int_loop_wide(range, x, reversed, levels_out)
                        : int_loop(range, x, reversed, levels_out);
}

static bool is_integer_range(const qst_range *range)
{
    return range->step == 1.0 && range->min == floor(range->min) && fabs(range->min) <= MAX_STEPS;
}

static bool levels_of_int_column(
    const qst_range *range, const int32_t *x, bool reversed, int32_t *levels_out)
{
    if (is_integer_range(range)) {
        return levels_of_ints(range, x, reversed, levels_out);
    }
    double as_double[QST__RUN];
    for (int i = 0; i < QST__RUN; i++) {
        as_double[i] = x[i] == QST_NA_INT ? (double)NAN : (double)x[i];
    }
    return levels_of_doubles(range, as_double, reversed, levels_out);
}

/* The last run of a column is copied, so that every loop has the same length. */
static const void *whole_run(const qst_col *column, ptrdiff_t start, double pad[QST__RUN])
{
    const bool is_int = column->type == QST_COL_INT;
    const size_t size_bytes = is_int ? sizeof(int32_t) : sizeof(double);
    const char *from = (const char *)column->data + (size_t)start * size_bytes;
    const ptrdiff_t n = qst__min(column->n - start, QST__RUN);
    if (n == QST__RUN) {
        return from;
    }
    const int32_t missing = QST_NA_INT;
    for (ptrdiff_t i = n; i < QST__RUN; i++) {
        if (is_int) {
            memcpy((char *)pad + (size_t)i * size_bytes, &missing, size_bytes);
        } else {
            pad[i] = (double)NAN;
        }
    }
    memcpy(pad, from, (size_t)n * size_bytes);
    return pad;
}

bool qst__levels(
    const qst_scale *scale, ptrdiff_t item, ptrdiff_t start, int32_t levels_out[QST__RUN])
{
    double pad[QST__RUN];
    const qst_col *column = &scale->items[item];
    const bool reversed = scale->reversed != NULL && scale->reversed[item];
    const void *answers = whole_run(column, start, pad);
    return column->type == QST_COL_INT
               ? levels_of_int_column(&scale->range, answers, reversed, levels_out)
               : levels_of_doubles(&scale->range, answers, reversed, levels_out);
}

static double answer(const qst_col *column, ptrdiff_t row)
{
    if (column->type == QST_COL_DOUBLE) {
        return ((const double *)column->data)[row];
    }
    const int32_t value = ((const int32_t *)column->data)[row];
    return value == QST_NA_INT ? (double)NAN : (double)value;
}

int32_t qst__level_at(const qst_scale *scale, ptrdiff_t item, ptrdiff_t row)
{
    const double x = answer(&scale->items[item], row);
    return isnan(x) ? QST__NO_LEVEL : (int32_t)lround((x - scale->range.min) / scale->range.step);
}

bool qst__any_answer(const qst_col *column)
{
    ptrdiff_t row = 0;
    while (row < column->n && isnan(answer(column, row))) {
        row++;
    }
    return row < column->n;
}

/* First row of a bad run that holds an answer which came back as missing; `end` if none. */
static ptrdiff_t first_fault(const qst_scale *scale, ptrdiff_t item, ptrdiff_t start, ptrdiff_t end)
{
    int32_t levels[QST__RUN];
    if (qst__levels(scale, item, start, levels)) {
        return end;
    }
    ptrdiff_t row = start;
    while (row < end &&
           (levels[row - start] != QST__NO_LEVEL || isnan(answer(&scale->items[item], row)))) {
        row++;
    }
    return row;
}

qst_status qst__levels_fault(const qst_scale *scale, ptrdiff_t start, qst_err *err)
{
    ptrdiff_t row = qst__min(scale->n_rows, start + QST__RUN);
    ptrdiff_t item = 0;
    for (ptrdiff_t j = 0; j < scale->n_items; j++) {
        const ptrdiff_t fault = first_fault(scale, j, start, row);
        if (fault < row) {
            row = fault;
            item = j;
        }
    }
    const double value = answer(&scale->items[item], row);
    const qst_range *range = &scale->range;
    return qst__fail_at(err, QST_ERANGE, row, item, value,
        "the answer %.15g is not one of %.15g, %.15g, ..., %.15g", value, range->min,
        range->min + range->step, range->min + range->n_steps * range->step);
}

static qst_status column_check(const qst_scale *scale, ptrdiff_t item, qst_err *err)
{
    const qst_col *column = &scale->items[item];
    if (column->type == QST_COL_FACTOR) {
        return qst__fail_at(
            err, QST_EARGUMENT, -1, item, (double)NAN, "a factor has no numbers to score");
    }
    if (column->n != scale->n_rows) {
        return qst__fail_at(err, QST_EDIMENSION, -1, item, (double)NAN,
            "a column has %td rows where the scale has %td", column->n, scale->n_rows);
    }
    return QST_OK;
}

qst_status qst__scale_check(const qst_scale *scale, qst_err *err)
{
    const qst_range *range = &scale->range;
    if (!isfinite(range->min) || !(range->step > 0) || !isfinite(range->step)) {
        return qst__fail(err, QST_EARGUMENT, "a range needs a finite min and a step above 0");
    }
    if (fabs(range->min) > MAX_MIN_STEPS * range->step) {
        return qst__fail(
            err, QST_EARGUMENT, "steps of %g are lost beside a min of %g", range->step, range->min);
    }
    if (range->n_steps < 1 || range->n_steps > MAX_STEPS) {
        return qst__fail(
            err, QST_EARGUMENT, "a range of %d steps is not within 1 to 2^20", (int)range->n_steps);
    }
    if (scale->n_rows < 1 || scale->n_items < 1) {
        return qst__fail(err, QST_ENODATA, "there are no answers: %td rows of %td items",
            scale->n_rows, scale->n_items);
    }
    if (scale->n_items > INT32_MAX / range->n_steps) {
        return qst__fail(err, QST_EOVERFLOW, "%td items of %d steps are more than a sum can hold",
            scale->n_items, (int)range->n_steps);
    }
    for (ptrdiff_t j = 0; j < scale->n_items; j++) {
        const qst_status status = column_check(scale, j, err);
        if (status != QST_OK) {
            return status;
        }
    }
    return QST_OK;
}
