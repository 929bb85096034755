#include "base/base.h"

#include <math.h>

/* Values that are placed between two polls. */
#define RUN 8192

static qst_status clear(const qst_wide *wide, const qst_ctx *ctx, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    qst_status status = QST_OK;
    for (ptrdiff_t j = 0; j < wide->n_cols && status == QST_OK; j++) {
        double *doubles = wide->columns[j].doubles;
        int32_t *ints = wide->columns[j].ints;
        for (ptrdiff_t i = 0; i < wide->n_rows; i++) {
            if (ints != NULL) {
                ints[i] = QST_NA_INT;
            } else {
                doubles[i] = qst_na_real();
            }
        }
        status = qst__tick(&ticker, err);
    }
    return status;
}

static qst_status outside(const qst_long *cells, ptrdiff_t at, const qst_wide *wide, qst_err *err)
{
    return qst__fail_at(err, QST_EARGUMENT, at, -1, (double)NAN,
        "value %td stands in row %d, column %d of a table of %td rows and %td columns", at + 1,
        (int)cells->row[at], (int)cells->column[at], wide->n_rows, wide->n_cols);
}

static qst_status second(ptrdiff_t at, ptrdiff_t column, double value, qst_err *err)
{
    return qst__fail_at(err, QST_EARGUMENT, at, column, value,
        "value %td (%g) is the second for its place in column %td", at + 1, value, column + 1);
}

static bool is_int(double value)
{
    return value > (double)INT32_MIN && value <= (double)INT32_MAX && value == floor(value);
}

static qst_status place_int(
    int32_t *cell, double value, ptrdiff_t at, ptrdiff_t column, qst_err *err)
{
    if (!is_int(value)) {
        return qst__fail_at(err, QST_ERANGE, at, column, value,
            "value %td (%g) is not a whole number, as column %td holds", at + 1, value, column + 1);
    }
    if (*cell != QST_NA_INT) {
        return second(at, column, value, err);
    }
    *cell = (int32_t)value;
    return QST_OK;
}

/* A free place holds the NA that clear() put there; no value is that NA, as NaN are refused. */
static qst_status place_double(
    double *cell, double value, ptrdiff_t at, ptrdiff_t column, qst_err *err)
{
    if (isnan(value)) {
        return qst__fail_at(
            err, QST_ERANGE, at, column, value, "value %td is missing or no number", at + 1);
    }
    if (!isnan(*cell)) {
        return second(at, column, value, err);
    }
    *cell = value;
    return QST_OK;
}

static qst_status place(const qst_long *cells, ptrdiff_t at, const qst_wide *wide, qst_err *err)
{
    const ptrdiff_t row = (ptrdiff_t)cells->row[at] - 1, column = (ptrdiff_t)cells->column[at] - 1;
    if (row < 0 || row >= wide->n_rows || column < 0 || column >= wide->n_cols) {
        return outside(cells, at, wide, err);
    }
    const qst_wide_col *to = &wide->columns[column];
    return to->ints != NULL ? place_int(&to->ints[row], cells->value[at], at, column, err)
                            : place_double(&to->doubles[row], cells->value[at], at, column, err);
}

qst_status qst_pivot(const qst_ctx *ctx, const qst_long *cells, const qst_wide *wide, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    qst_status status = clear(wide, ctx, err);
    for (ptrdiff_t start = 0; start < cells->n && status == QST_OK; start += RUN) {
        const ptrdiff_t end = qst__min(start + RUN, cells->n);
        for (ptrdiff_t at = start; at < end && status == QST_OK; at++) {
            status = place(cells, at, wide, err);
        }
        if (status == QST_OK) {
            status = qst__tick(&ticker, err);
        }
    }
    return status;
}
