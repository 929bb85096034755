/*
 * What the audit*.c and repair.c share; not for callers of the library.
 */
#ifndef QST_AUDIT_H
#define QST_AUDIT_H

#include "base/base.h"

#include <math.h>

/* Tables under the cells of the moment: a repair changes cells, nothing else. */
typedef struct {
    const qst_tables *tables;
    const qst_printed *cells;
} qst__audit;

typedef struct {
    double low, high;
} qst__interval;

/* What a check recomputes. `spread` NaN: from the widths of recomputed and printed interval. */
typedef struct {
    double value, low, high, spread;
} qst__range;

/* ---- audit.c ---- */

/* The printed number, and all that it may stand for; a label's and an empty cell's are NaN. */
double qst__printed_value(const qst_printed *cell);
qst__interval qst__printed_interval(const qst_printed *cell, bool truncated);

/* Input number k of a check: its cell, value and interval. */
static inline const qst_printed *qst__input(const qst__audit *audit, const qst_check *check, int k)
{
    return &audit->cells[audit->tables->inputs[check->first + k]];
}

static inline double qst__input_value(const qst__audit *audit, const qst_check *check, int k)
{
    return qst__printed_value(qst__input(audit, check, k));
}

static inline qst__interval qst__input_interval(
    const qst__audit *audit, const qst_check *check, int k)
{
    return qst__printed_interval(qst__input(audit, check, k), audit->tables->truncated);
}

/* One check under the cells of the moment. */
qst_finding qst__check_cells(const qst__audit *audit, const qst_check *check);

/* The level that input k, a label, stands for, its margin and how many people have it in a column;
 * a check's function may be given cells that are no labels: -1, NULL, NaN. */
int32_t qst__input_level(const qst__audit *audit, const qst_check *check, int k);
const qst_margin *qst__input_margin(const qst__audit *audit, const qst_check *check, int k);
double qst__level_count(
    const qst__audit *audit, const qst_margin *margin, int32_t level, int32_t column);

/* QST_OK if cells, checks, inputs and margins point to one another as they should. */
QST_MUST_USE qst_status qst__tables_valid(const qst_tables *tables, qst_err *err);

/* ---- audit_means.c ---- */

/* A group by what is printed of it: n, mean and SD; NaN where a cell is no number. */
typedef struct {
    double n, mean;
    qst__interval means;
    double sd;
    qst__interval sds; /* not below 0 */
} qst__sample;

/* Inputs k, k + 1 and k + 2. */
qst__sample qst__input_sample(const qst__audit *audit, const qst_check *check, int k);

/* Of |x|. */
qst__interval qst__sizes(qst__interval x);

/* top / bottom for any of the one and any of the other, which is not negative. */
qst__range qst__quotient(qst__range top, qst__range bottom);

/* Two-sided P of t in its range. */
qst__range qst__t_tails(qst__range t, double df);

/* A limit of confidence: the centre plus (par[1] > 0) or less half the interval's width, which is
 * t's quantile for the level par[0] times the error. */
qst__range qst__t_half(const qst_check *check, qst__range error, double df);
qst__range qst__limit(const qst_check *check, qst__range centre, qst__range half);

/* ---- audit_grim.c ---- */

/* Can n scores, whole multiples of step > 0, have a mean (and an SD, n >= 2) in these intervals?
 * nearest_out: the mean (SD) they can have that is nearest to the middle; NaN if no sum is. */
bool qst__grim(qst__interval mean, double n, double step, double *nearest_out);
bool qst__grimmer(qst__interval mean, qst__interval sd, double n, double step, double *nearest_out);

/* ---- audit_counts.c, audit_means.c, audit_model.c: one function a kind ---- */

/* Recomputes the target; false if the inputs do not allow it (a mean of nobody, fewer inputs than
 * it takes). A NaN in the range, as inputs that are empty give, or low above high, as a negative SD
 * may, says the same. */
typedef bool qst__range_function(
    const qst__audit *audit, const qst_check *check, qst__range *range_out);

#define QST__RANGE_FUNCTION(name, function) qst__range_function qst__range_##function;
QST_CHECK_LIST(QST__RANGE_FUNCTION)
#undef QST__RANGE_FUNCTION

#endif
