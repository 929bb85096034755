/* Answers as whole levels, in runs of rows; what scoring, reliability and answer quality share. */
#ifndef QST_ANSWERS_H
#define QST_ANSWERS_H

#include "base/base.h"

/* Rows in a run. Loops over a run have a constant number of steps, which compilers turn into
 * vector code at -O2, and its arrays stay in the nearest cache. */
#define QST__RUN 1024

/* Rows in one task of qst_par_for(): large enough to outweigh the start of a thread. */
#define QST__TASK_ROWS (16 * (ptrdiff_t)QST__RUN)

/* The level of a missing answer. */
#define QST__NO_LEVEL (-1)

/* Sizes, range and column types can be worked with; level sums of a row fit int32. */
QST_MUST_USE qst_status qst__scale_check(const qst_scale *scale, qst_err *err);

/* Levels of one item for QST__RUN rows from `start`: QST__NO_LEVEL for missing answers and for rows
 * beyond the last. False if an answer among them is no level; those levels are unspecified. */
QST_MUST_USE bool qst__levels(
    const qst_scale *scale, ptrdiff_t item, ptrdiff_t start, int32_t levels_out[QST__RUN]);

/* The error for the first answer that is no level in the run from `start`, which has one. */
qst_status qst__levels_fault(const qst_scale *scale, ptrdiff_t start, qst_err *err);

/* The level of one answer that is known to have one, before reversal. */
int32_t qst__level_at(const qst_scale *scale, ptrdiff_t item, ptrdiff_t row);

/* Is any answer of the column there? */
bool qst__any_answer(const qst_col *column);

static inline ptrdiff_t qst__n_tasks(const qst_scale *scale)
{
    return (scale->n_rows - 1) / QST__TASK_ROWS + 1;
}

/* The row after the last of a task. */
static inline ptrdiff_t qst__task_end(const qst_scale *scale, ptrdiff_t task)
{
    return qst__min(scale->n_rows, (task + 1) * QST__TASK_ROWS);
}

#endif
