#include "stat/audit.h"

/* The possible number nearest to the target; its surprise is measured by the target's rounding
 * alone, for the bounds may be infinite. */
bool qst__range_bounds(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n != 0) {
        return false;
    }
    const qst_printed *target = &audit->cells[check->target];
    const qst__interval x = qst__printed_interval(target, audit->tables->truncated);
    const double low = check->par[0], high = check->par[1];
    const double value = fmin(fmax(qst__printed_value(target), low), high);
    *range_out = (qst__range){value, low, high, (x.high - x.low) / sqrt(12.0)};
    return true;
}

/* The first par[0] inputs are added, the others taken away. */
bool qst__range_sum(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    qst__range sum = {0.0, 0.0, 0.0, (double)NAN};
    for (int k = 0; k < check->n; k++) {
        const double value = qst__input_value(audit, check, k);
        const qst__interval x = qst__input_interval(audit, check, k);
        const bool is_added = k < (int)check->par[0];
        sum.value += is_added ? value : -value;
        sum.low += is_added ? x.low : -x.high;
        sum.high += is_added ? x.high : -x.low;
    }
    *range_out = sum;
    return true;
}

static double percentage(double part, double others)
{
    return part >= 0.0 && part + others > 0.0 ? 100.0 * part / (part + others) : (double)NAN;
}

/* With par[0] the part is not among the other inputs: it and they are the whole, and the share
 * rises with the part. Else they alone are the whole. */
bool qst__range_percent(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    const double own = check->par[0] != 0.0 ? 0.0 : 1.0;
    if (check->n < 2) {
        return false;
    }
    double others = 0.0;
    qst__interval rest = {0.0, 0.0};
    for (int k = 1; k < check->n; k++) {
        const qst__interval x = qst__input_interval(audit, check, k);
        others += qst__input_value(audit, check, k);
        rest.low += x.low;
        rest.high += x.high;
    }
    const double part = qst__input_value(audit, check, 0);
    const qst__interval x = qst__input_interval(audit, check, 0);
    *range_out = (qst__range){percentage(part, others - own * part),
        percentage(x.low, rest.high - own * x.low), percentage(x.high, rest.low - own * x.high),
        (double)NAN};
    return true;
}

/* ---- Tables of counts ---- */

enum { MAX_LINES = 64, MAX_COUNTS = 512 };

/* Counts of a table in which no row and no column is empty, row by row. */
typedef struct {
    int n_rows, n_cols;
    double n[MAX_COUNTS], row[MAX_LINES], col[MAX_LINES], total;
} count_table;

static double exact_count(const qst_printed *cell)
{
    const bool is_count = cell->kind == QST_CELL_COUNT && cell->decimals == 0 && cell->digits >= 0;
    return is_count ? (double)cell->digits : (double)NAN;
}

/* par[0] of a test of counts. */
enum { LEVELS, TOTALS, OTHERS };

/* One row of all but the first. */
static void merge_others(count_table *table)
{
    for (int k = 2 * table->n_cols; k < table->n_rows * table->n_cols; k++) {
        table->n[table->n_cols + k % table->n_cols] += table->n[k];
    }
    table->n_rows = table->n_rows < 2 ? table->n_rows : 2;
}

/* The counts as they stand; with TOTALS the last row holds totals of the columns and becomes what
 * the rows above leave of them. False: too large, or a count that is none. */
static bool read_counts(const qst__audit *audit, const qst_check *check, count_table *table)
{
    const int n_rows = check->n_rows, n_cols = check->n_cols;
    if (n_rows > MAX_LINES || n_cols > MAX_LINES || n_rows * n_cols > MAX_COUNTS) {
        return false;
    }
    table->n_rows = n_rows;
    table->n_cols = n_cols;
    bool is_valid = true;
    for (int k = 0; k < n_rows * n_cols; k++) {
        table->n[k] = exact_count(qst__input(audit, check, k));
        const bool is_total = (int)check->par[0] == TOTALS && k >= (n_rows - 1) * n_cols;
        for (int above = k - n_cols; is_total && above >= 0; above -= n_cols) {
            table->n[k] -= table->n[above];
        }
        is_valid = is_valid && table->n[k] >= 0.0;
    }
    if ((int)check->par[0] == OTHERS) {
        merge_others(table);
    }
    return is_valid;
}

static void sum_lines(count_table *table)
{
    for (int i = 0; i < table->n_rows; i++) {
        table->row[i] = 0.0;
    }
    for (int j = 0; j < table->n_cols; j++) {
        table->col[j] = 0.0;
    }
    table->total = 0.0;
    for (int k = 0; k < table->n_rows * table->n_cols; k++) {
        table->row[k / table->n_cols] += table->n[k];
        table->col[k % table->n_cols] += table->n[k];
        table->total += table->n[k];
    }
}

/* How many of n sums are not 0, moved to the front. */
static int drop_zeros(double *sum, int n)
{
    int n_kept = 0;
    for (int i = 0; i < n; i++) {
        if (sum[i] > 0.0) {
            sum[n_kept++] = sum[i];
        }
    }
    return n_kept;
}

/* Leaves out what nobody has, as programs do before they test. */
static void drop_empty_lines(count_table *table)
{
    const int n_counts = table->n_rows * table->n_cols;
    int n_kept = 0;
    for (int k = 0; k < n_counts; k++) {
        if (table->row[k / table->n_cols] > 0.0 && table->col[k % table->n_cols] > 0.0) {
            table->n[n_kept++] = table->n[k];
        }
    }
    table->n_rows = drop_zeros(table->row, table->n_rows);
    table->n_cols = drop_zeros(table->col, table->n_cols);
}

static bool read_table(const qst__audit *audit, const qst_check *check, count_table *table)
{
    if (!read_counts(audit, check, table)) {
        return false;
    }
    sum_lines(table);
    drop_empty_lines(table);
    return table->n_rows > 1 && table->n_cols > 1;
}

static qst__range exactly(double value)
{
    return (qst__range){value, value, value, (double)NAN};
}

/* ---- Chi-square ---- */

/* Pearson's, with every deviation made smaller by Yates's correction (1934, J R Stat Soc Suppl
 * 1:217-235), but not below 0. */
static double chi_square(const count_table *table, double correction)
{
    double sum = 0.0;
    for (int k = 0; k < table->n_rows * table->n_cols; k++) {
        const double expected =
            table->row[k / table->n_cols] * table->col[k % table->n_cols] / table->total;
        const double deviation = fmax(fabs(table->n[k] - expected) - correction, 0.0);
        sum += deviation * deviation / expected;
    }
    return sum;
}

static double table_df(const count_table *table)
{
    return (double)(table->n_rows - 1) * (table->n_cols - 1);
}

static double distance(double x, qst__interval printed)
{
    return fmax(0.0, fmax(printed.low - x, x - printed.high));
}

/* A 2 x 2 table has two chi-squares in use, without and with correction; others the first twice. */
typedef struct {
    double plain, corrected;
} chi_squares;

static chi_squares both_chi_squares(const count_table *table)
{
    const double plain = chi_square(table, 0.0);
    const bool is_2_by_2 = table->n_rows == 2 && table->n_cols == 2;
    return (chi_squares){plain, is_2_by_2 ? chi_square(table, 0.5) : plain};
}

/* The one that comes nearer to what is printed, the first if neither does. */
static double nearer(chi_squares x, qst__interval printed)
{
    return distance(x.corrected, printed) < distance(x.plain, printed) ? x.corrected : x.plain;
}

static qst__interval target_interval(const qst__audit *audit, const qst_check *check)
{
    return qst__printed_interval(&audit->cells[check->target], audit->tables->truncated);
}

bool qst__range_chisq(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    count_table table;
    if (!read_table(audit, check, &table)) {
        return false;
    }
    *range_out = exactly(nearer(both_chi_squares(&table), target_interval(audit, check)));
    return true;
}

static bool prints_as(double x, qst__interval printed)
{
    return distance(x, printed) <= 1e-9 * fmax(1.0, x);
}

/* P of the statistic printed; of its interval unless the counts say which of its numbers it is, or
 * which two: then that whose P comes nearer to the printed one. */
static qst__range tail_of_statistic(
    chi_squares x, double value, qst__interval printed, double df, qst__interval target)
{
    if (isnan(value)) {
        return exactly(value);
    }
    if (prints_as(x.plain, printed) && prints_as(x.corrected, printed)) {
        const chi_squares p = {qst_tail_chisq(x.plain, df), qst_tail_chisq(x.corrected, df)};
        return exactly(nearer(p, target));
    }
    const double near = nearer(x, printed);
    if (prints_as(near, printed)) {
        return exactly(qst_tail_chisq(near, df));
    }
    return (qst__range){qst_tail_chisq(fmax(value, 0.0), df), qst_tail_chisq(printed.high, df),
        qst_tail_chisq(fmax(printed.low, 0.0), df), (double)NAN};
}

bool qst__range_chisq_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    count_table table;
    if (!read_table(audit, check, &table)) {
        return false;
    }
    const chi_squares x = both_chi_squares(&table);
    const double df = table_df(&table);
    const int statistic = check->n_rows * check->n_cols;
    if (check->n > statistic) {
        *range_out = tail_of_statistic(x, qst__input_value(audit, check, statistic),
            qst__input_interval(audit, check, statistic), df, target_interval(audit, check));
    } else {
        const chi_squares p = {qst_tail_chisq(x.plain, df), qst_tail_chisq(x.corrected, df)};
        *range_out = exactly(nearer(p, target_interval(audit, check)));
    }
    return true;
}

bool qst__range_chisq_df(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    count_table table;
    if (!read_table(audit, check, &table)) {
        return false;
    }
    *range_out = exactly(table_df(&table));
    return true;
}

/* ---- Fisher's exact test ---- */

/* Some 20 ms; to begin a cell costs as much as many of its values. */
enum { MAX_FISHER_STEPS = 2000000, STEPS_OF_A_START = 20 };

/*
 * All tables with these margins, cell by cell: given the cells before it, a cell is hypergeometric,
 * so the probability of all tables that share their first cells is a product. Where it does not
 * exceed that of the table observed, none of them does, and they count as a whole (the idea of
 * Mehta & Patel 1983, JASA 78:427-434, with the plainest of bounds).
 */
typedef struct {
    int n_rows, n_cols;
    const double *row;
    double *col; /* what the rows above leave */
    double observed, p_value;
    long n_steps;
} fisher_search;

static double log_factorial(double n)
{
    return qst__log_gamma(n + 1.0);
}

static double log_choose(double n, double k)
{
    return log_factorial(n) - log_factorial(k) - log_factorial(n - k);
}

/* The cell of row i and column j is one of x from low to high when `left` of its row and `pool` of
 * this and the next columns are still to be had. */
typedef struct {
    int i, j;
    double left, pool, in_column, low, high, mode;
} fisher_cell;

static fisher_cell cell_at(const fisher_search *search, int i, int j, double left)
{
    fisher_cell cell = {i, j, left, 0.0, search->col[j], 0.0, 0.0, 0.0};
    for (int k = j; k < search->n_cols; k++) {
        cell.pool += search->col[k];
    }
    cell.low = fmax(0.0, left - (cell.pool - cell.in_column));
    cell.high = fmin(left, cell.in_column);
    const double mode = floor((left + 1.0) * (cell.in_column + 1.0) / (cell.pool + 2.0));
    cell.mode = fmin(fmax(mode, cell.low), cell.high);
    return cell;
}

/* P(x + 1) / P(x) of the hypergeometric. */
static double step_up(const fisher_cell *cell, double x)
{
    return (cell->in_column - x) * (cell->left - x) /
           ((x + 1.0) * (cell->pool - cell->in_column - cell->left + x + 1.0));
}

static void visit_cell(fisher_search *search, int i, int j, double left, double share);

/* All tables with x in this cell; `share` is their probability. */
static void visit_value(fisher_search *search, const fisher_cell *cell, double x, double share)
{
    const bool is_last_column = cell->j == search->n_cols - 2;
    search->n_steps++;
    if (share <= search->observed) {
        search->p_value += share;
        return;
    }
    if (is_last_column && cell->i == search->n_rows - 2) {
        return;
    }
    search->col[cell->j] -= x;
    if (is_last_column) {
        search->col[cell->j + 1] -= cell->left - x;
        visit_cell(search, cell->i + 1, 0, search->row[cell->i + 1], share);
        search->col[cell->j + 1] += cell->left - x;
    } else {
        visit_cell(search, cell->i, cell->j + 1, cell->left - x, share);
    }
    search->col[cell->j] += x;
}

/* From the mode outwards, until what is left is lost in the sum. */
static void visit_cell(fisher_search *search, int i, int j, double left, double share)
{
    const fisher_cell cell = cell_at(search, i, j, left);
    search->n_steps += STEPS_OF_A_START;
    const double rest = cell.pool - cell.in_column;
    const double at_mode =
        share * exp(log_choose(cell.in_column, cell.mode) + log_choose(rest, left - cell.mode) -
                    log_choose(cell.pool, left));
    const double lost = 1e-18;
    double here = at_mode;
    for (double x = cell.mode; search->n_steps < MAX_FISHER_STEPS && here > lost; x++) {
        visit_value(search, &cell, x, here);
        here = x < cell.high ? here * step_up(&cell, x) : 0.0;
    }
    here = cell.mode > cell.low ? at_mode / step_up(&cell, cell.mode - 1.0) : 0.0;
    for (double x = cell.mode - 1.0; search->n_steps < MAX_FISHER_STEPS && here > lost; x--) {
        visit_value(search, &cell, x, here);
        here = x > cell.low ? here / step_up(&cell, x - 1.0) : 0.0;
    }
}

/* P of one table given its margins. */
static double table_probability(const count_table *table)
{
    double sum = -log_factorial(table->total);
    for (int i = 0; i < table->n_rows; i++) {
        sum += log_factorial(table->row[i]);
    }
    for (int j = 0; j < table->n_cols; j++) {
        sum += log_factorial(table->col[j]);
    }
    for (int k = 0; k < table->n_rows * table->n_cols; k++) {
        sum -= log_factorial(table->n[k]);
    }
    return exp(sum);
}

/* The long lines last: their cells are left to the margins. */
static void sort_up(double *x, int n)
{
    for (int i = 1; i < n; i++) {
        const double moved = x[i];
        int j = i;
        for (; j > 0 && x[j - 1] > moved; j--) {
            x[j] = x[j - 1];
        }
        x[j] = moved;
    }
}

/* Tables as likely as the observed one to 1e-7 count as equally likely, as in R. */
bool qst__range_fisher(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    count_table table;
    if (!read_table(audit, check, &table)) {
        return false;
    }
    fisher_search search = {.n_rows = table.n_rows,
        .n_cols = table.n_cols,
        .row = table.row,
        .col = table.col,
        .observed = table_probability(&table) * (1.0 + 1e-7)};
    sort_up(table.row, table.n_rows);
    sort_up(table.col, table.n_cols);
    visit_cell(&search, 0, 0, table.row[0], 1.0);
    if (search.n_steps >= MAX_FISHER_STEPS) {
        return false;
    }
    *range_out = exactly(fmin(search.p_value, 1.0));
    return true;
}
