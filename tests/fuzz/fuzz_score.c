/*
 * Fuzzes qst_scale_score(): any shape, range, rule and answers that bytes can
 * spell. Whatever comes must end in an error with a text, or in scores that
 * equal those of a slow version of the definition.
 */
#include "qst.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ITEMS 24
#define MAX_ROWS 2500 /* more than two runs of rows */

/* The bytes, over and over: a short input fills a large table. */
typedef struct {
    const uint8_t *bytes;
    size_t n;
    size_t at;
} source;

static uint8_t next_byte(source *s)
{
    return s->bytes[s->at++ % s->n];
}

static void next_bytes(source *s, void *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((uint8_t *)out)[i] = next_byte(s);
    }
}

/* Mostly a small number, now and then any double. */
static double next_double(source *s)
{
    double x;
    const int8_t small = (int8_t)next_byte(s);
    if (small != 77) {
        return small / 2.0;
    }
    next_bytes(s, &x, sizeof x);
    return x;
}

/* Mostly an answer of the range, now and then missing or anything. */
static double next_answer(source *s, const qst_range *range)
{
    const uint8_t code = next_byte(s);
    if (code < 8) {
        return NAN;
    }
    if (code == 255) {
        return next_double(s);
    }
    const int32_t level = range->n_steps > 0 ? code % (range->n_steps + 1) : code;
    return range->min + level * range->step;
}

/* A column of exactly as many bytes as it says, so that a read beyond them is seen. */
static qst_col next_column(source *s, const qst_range *range, ptrdiff_t n_rows)
{
    const uint8_t code = next_byte(s);
    qst_col column = {.type = code == 255 ? QST_COL_FACTOR : (qst_col_type)(code % 2),
        .n = n_rows + (code == 254),
        .n_levels = 3};
    const bool is_double = column.type == QST_COL_DOUBLE;
    char *data = malloc((size_t)column.n * (is_double ? sizeof(double) : sizeof(int32_t)));
    for (ptrdiff_t i = 0; i < column.n && data != NULL; i++) {
        const double x = next_answer(s, range);
        if (is_double) {
            memcpy(data + (size_t)i * sizeof x, &x, sizeof x);
        } else {
            const int32_t whole = fabs(x) < 1e9 ? (int32_t)x : QST_NA_INT;
            memcpy(data + (size_t)i * sizeof whole, &whole, sizeof whole);
        }
    }
    column.data = data;
    return column;
}

static double answer_at(const qst_col *column, ptrdiff_t row)
{
    if (column->type == QST_COL_DOUBLE) {
        return ((const double *)column->data)[row];
    }
    const int32_t x = ((const int32_t *)column->data)[row];
    return x == QST_NA_INT ? NAN : x;
}

/* The definition: the mean of the answers given, reversed by the range. */
static double slow_score(const qst_scale *scale, const qst_score_rule *rule, ptrdiff_t row)
{
    const double min = scale->range.min;
    const double max = min + scale->range.n_steps * scale->range.step;
    double sum = 0;
    ptrdiff_t n = 0;
    for (ptrdiff_t j = 0; j < scale->n_items; j++) {
        const double x = answer_at(&scale->items[j], row);
        if (!isnan(x)) {
            sum += scale->reversed != NULL && scale->reversed[j] ? min + max - x : x;
            n++;
        }
    }
    if (n < scale->n_items - rule->n_missing_max) {
        return NAN;
    }
    const double mean = sum / (double)n;
    switch (rule->kind) {
    case QST_SCORE_SUM:
        return rule->multiply * mean * (double)scale->n_items;
    case QST_SCORE_PERCENT:
        return rule->multiply * 100 * (mean - min) / (max - min);
    default:
        return rule->multiply * mean;
    }
}

/* Answers are levels to single precision, so scores agree to that; below
   DBL_MIN doubles have fewer digits, so there they agree to as much of DBL_MIN. */
static bool agrees(const qst_scale *scale, const qst_score_rule *rule, const double *score)
{
    const qst_range *range = &scale->range;
    const double largest = fabs(range->min) + range->n_steps * fabs(range->step);
    const double factor = rule->kind == QST_SCORE_PERCENT ? 100 / (range->n_steps * range->step)
                                                          : (double)scale->n_items;
    const double tolerance = 1e-5 * (fabs(rule->multiply) * factor * largest + DBL_MIN);
    for (ptrdiff_t i = 0; i < scale->n_rows; i++) {
        const double want = slow_score(scale, rule, i);
        const bool both_missing = isnan(want) && isnan(score[i]);
        if (!both_missing && isfinite(tolerance) && !(fabs(score[i] - want) <= tolerance)) {
            return false;
        }
    }
    return true;
}

static void score_and_judge(const qst_scale *scale, const qst_score_rule *rule)
{
    const size_t n = (size_t)scale->n_rows;
    double *score = malloc(n * sizeof *score);
    int32_t *answered = malloc(n * sizeof *answered);
    qst_err err;
    qst_err_init(&err);
    const qst_status status = qst_scale_score(NULL, scale, rule, score, answered, &err);
    if (status == QST_OK ? !agrees(scale, rule, score) : err.text[0] == '\0') {
        abort();
    }
    free(score);
    free(answered);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 8) {
        return -1;
    }
    source s = {bytes, size, 0};
    qst_col items[MAX_ITEMS];
    bool reversed[MAX_ITEMS];
    qst_scale scale = {.items = items, .reversed = next_byte(&s) % 4 > 0 ? reversed : NULL};
    scale.n_items = next_byte(&s) % (MAX_ITEMS + 1);
    scale.n_rows = (next_byte(&s) * 256 + next_byte(&s)) % MAX_ROWS;
    scale.range = (qst_range){next_double(&s), next_double(&s), (int8_t)next_byte(&s)};
    const qst_score_rule rule = {(qst_score_kind)(next_byte(&s) % 3), next_double(&s),
        (int8_t)next_byte(&s) % (MAX_ITEMS + 2)};
    for (ptrdiff_t j = 0; j < scale.n_items; j++) {
        reversed[j] = next_byte(&s) % 2;
        items[j] = next_column(&s, &scale.range, scale.n_rows);
    }
    score_and_judge(&scale, &rule);
    for (ptrdiff_t j = 0; j < scale.n_items; j++) {
        free((void *)(uintptr_t)items[j].data);
    }
    return 0;
}
