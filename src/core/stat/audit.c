#include "stat/audit.h"

#include <string.h>

typedef struct {
    const char *name;
    qst__range_function *range;
} kind_entry;

#define KIND_ENTRY(name, function) {#function, qst__range_##function},
static const kind_entry kinds[] = {QST_CHECK_LIST(KIND_ENTRY)};
#undef KIND_ENTRY

const char *qst_check_name(int32_t kind)
{
    return kind >= 0 && kind < QST_N_CHECKS ? kinds[kind].name : NULL;
}

int32_t qst_check_kind_of(const char *name)
{
    for (int32_t kind = 0; kind < QST_N_CHECKS; kind++) {
        if (strcmp(kinds[kind].name, name) == 0) {
            return kind;
        }
    }
    return -1;
}

/* ---- Printed numbers ---- */

static const double ten_to[QST_MAX_DECIMALS + 1] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

double qst__printed_value(const qst_printed *cell)
{
    if (cell->kind == QST_CELL_LABEL || cell->kind == QST_CELL_EMPTY) {
        return (double)NAN;
    }
    return (double)cell->digits / ten_to[cell->decimals];
}

/* Numbers cut off lie at or beyond what is printed, away from 0; a printed 0 on either side. */
static qst__interval cut_off(double digits, double unit)
{
    const double low = digits > 0.0 ? digits : digits - 1.0;
    const double high = digits < 0.0 ? digits : digits + 1.0;
    return (qst__interval){low / unit, high / unit};
}

qst__interval qst__printed_interval(const qst_printed *cell, bool truncated)
{
    const double unit = ten_to[cell->decimals];
    const double digits = (double)cell->digits;
    switch (cell->kind) {
    case QST_CELL_COUNT:
        return (qst__interval){digits / unit, digits / unit};
    case QST_CELL_NUMBER:
        return truncated ? cut_off(digits, unit)
                         : (qst__interval){(digits - 0.5) / unit, (digits + 0.5) / unit};
    case QST_CELL_BELOW:
        return (qst__interval){digits < 0.0 ? -(double)INFINITY : 0.0, digits / unit};
    case QST_CELL_ABOVE:
        return (qst__interval){digits / unit, (double)INFINITY};
    default:
        return (qst__interval){(double)NAN, (double)NAN};
    }
}

/* ---- Labels ---- */

static bool is_label(const qst_printed *cell)
{
    return cell->kind == QST_CELL_LABEL;
}

int32_t qst__input_level(const qst__audit *audit, const qst_check *check, int k)
{
    const qst_printed *cell = qst__input(audit, check, k);
    return is_label(cell) ? (int32_t)cell->digits : -1;
}

const qst_margin *qst__input_margin(const qst__audit *audit, const qst_check *check, int k)
{
    const qst_printed *cell = qst__input(audit, check, k);
    return is_label(cell) ? &audit->tables->margins[cell->decimals] : NULL;
}

double qst__level_count(
    const qst__audit *audit, const qst_margin *margin, int32_t level, int32_t column)
{
    if (margin == NULL) {
        return (double)NAN;
    }
    if (margin->count == NULL) {
        return level == column ? 1.0 : 0.0;
    }
    return qst__printed_value(&audit->cells[margin->count[level * margin->n_columns + column]]);
}

/* ---- Verdicts ---- */

/* Ties may fall on either side, and both sides were computed: a millionth of the last printed
 * digit's unit, and what doubles lose of x. */
static double hair(double x, const qst_printed *cell)
{
    return 1e-6 / ten_to[is_label(cell) ? 0 : cell->decimals] + 1e-11 * fabs(x);
}

static bool meets(double low, double high, const qst_printed *cell, qst__interval printed)
{
    return low <= printed.high + hair(printed.high, cell) &&
           high >= printed.low - hair(printed.low, cell);
}

static qst__range without_sign(qst__range x)
{
    const double a = fabs(x.low), b = fabs(x.high);
    const double least = x.low <= 0.0 && x.high >= 0.0 ? 0.0 : fmin(a, b);
    return (qst__range){fabs(x.value), least, fmax(a, b), x.spread};
}

/* Of two independent uniform errors, on the recomputed and on the printed interval. */
static double rounding_spread(const qst__range *range, qst__interval printed)
{
    const double ours = range->high - range->low, theirs = printed.high - printed.low;
    return sqrt((ours * ours + theirs * theirs) / 12.0);
}

qst_finding qst__check_cells(const qst__audit *audit, const qst_check *check)
{
    const double nan = (double)NAN;
    qst_finding finding = {nan, nan, nan, nan, QST_VERDICT_NONE};
    qst__range range = {nan, nan, nan, nan};
    const qst_printed *target = &audit->cells[check->target];
    if (!kinds[check->kind].range(audit, check, &range) ||
        !(range.low <= range.high + hair(range.high, target))) {
        return finding;
    }
    if (check->without_sign && target->digits >= 0) {
        range = without_sign(range);
    }
    finding = (qst_finding){range.value, range.low, range.high, range.spread, QST_VERDICT_NONE};
    if (target->kind == QST_CELL_EMPTY || is_label(target)) {
        return finding;
    }
    const qst__interval printed = qst__printed_interval(target, audit->tables->truncated);
    if (isnan(finding.spread)) {
        finding.spread = rounding_spread(&range, printed);
    }
    finding.verdict = meets(range.value, range.value, target, printed) ? QST_VERDICT_EXACT
                      : meets(range.low, range.high, target, printed)  ? QST_VERDICT_ROUNDING
                                                                       : QST_VERDICT_INCONSISTENT;
    return finding;
}

/* ---- Valid tables ---- */

static bool is_cell(const qst_tables *tables, int32_t cell)
{
    return cell >= 0 && cell < tables->n_cells;
}

static bool is_valid_cell(const qst_tables *tables, const qst_printed *cell)
{
    if (is_label(cell)) {
        return cell->decimals >= 0 && cell->decimals < tables->n_margins && cell->digits >= 0 &&
               cell->digits < tables->margins[cell->decimals].n_levels;
    }
    return cell->kind >= QST_CELL_COUNT && cell->kind <= QST_CELL_EMPTY && cell->decimals >= 0 &&
           cell->decimals <= QST_MAX_DECIMALS && cell->digits > -INT64_C(1000000000000000) &&
           cell->digits < INT64_C(1000000000000000);
}

static bool is_valid_margin(const qst_tables *tables, const qst_margin *margin)
{
    if (margin->n_levels < 1 || margin->n_columns < 1) {
        return false;
    }
    if (margin->count == NULL) {
        return margin->n_levels == margin->n_columns;
    }
    const ptrdiff_t n = (ptrdiff_t)margin->n_levels * margin->n_columns;
    for (ptrdiff_t k = 0; k < n; k++) {
        if (!is_cell(tables, margin->count[k])) {
            return false;
        }
    }
    return true;
}

static bool is_valid_check(const qst_tables *tables, const qst_check *check)
{
    const int64_t table = (int64_t)check->n_rows * check->n_cols;
    return qst_check_name(check->kind) != NULL && is_cell(tables, check->target) &&
           check->first >= 0 && check->n >= 0 &&
           (ptrdiff_t)check->first + check->n <= tables->n_inputs && check->n_rows >= 0 &&
           check->n_cols >= 0 && table <= check->n;
}

#define CHECK_ALL(n, is_valid, what)                                                               \
    for (ptrdiff_t i = 0; i < (n); i++) {                                                          \
        if (!(is_valid)) {                                                                         \
            return qst__fail_at(err, QST_EARGUMENT, i, -1, (double)NAN,                            \
                what " %td of the printed tables is not valid", i + 1);                            \
        }                                                                                          \
    }

qst_status qst__tables_valid(const qst_tables *tables, qst_err *err)
{
    CHECK_ALL(tables->n_margins, is_valid_margin(tables, &tables->margins[i]), "margin");
    CHECK_ALL(tables->n_cells, is_valid_cell(tables, &tables->cells[i]), "cell");
    CHECK_ALL(tables->n_inputs, is_cell(tables, tables->inputs[i]), "input");
    CHECK_ALL(tables->n_checks, is_valid_check(tables, &tables->checks[i]), "check");
    return QST_OK;
}

qst_status qst_audit(
    const qst_ctx *ctx, const qst_tables *tables, qst_finding *findings_out, qst_err *err)
{
    qst_status status = qst__tables_valid(tables, err);
    const qst__audit audit = {tables, tables->cells};
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    for (ptrdiff_t i = 0; status == QST_OK && i < tables->n_checks; i++) {
        findings_out[i] = qst__check_cells(&audit, &tables->checks[i]);
        if (i % 16 == 15) {
            status = qst__tick(&ticker, err);
        }
    }
    return status;
}
