#include "stat/audit.h"

/*
 * A linear model with an intercept and a factor makes residuals that sum to zero within each level
 * of the factor (their normal equations), so the level's mean outcome is that of the fitted
 * values: the constant and, for each coefficient, the mean of its column among the level's people
 * times the coefficient. The mean of a dummy is a share of people; counts are exact, so ranges are
 * sums of intervals times exact numbers, which is the exact range. Products with printed means of
 * numeric covariates have their extremes at corners, each mean and coefficient being in one term.
 */

typedef struct {
    double value;
    qst__interval x;
} number;

static number input_number(const qst__audit *audit, const qst_check *check, int k)
{
    return (number){qst__input_value(audit, check, k), qst__input_interval(audit, check, k)};
}

static number less(number x, number y)
{
    return (number){x.value - y.value, {x.x.low - y.x.high, x.x.high - y.x.low}};
}

static number exactly(double value)
{
    return (number){value, {value, value}};
}

static void add_product(number *sum, number x, number y)
{
    const double a = x.x.low * y.x.low, b = x.x.low * y.x.high;
    const double c = x.x.high * y.x.low, d = x.x.high * y.x.high;
    sum->value += x.value * y.value;
    sum->x.low += fmin(fmin(a, b), fmin(c, d));
    sum->x.high += fmax(fmax(a, b), fmax(c, d));
}

/* ---- Layout of a mean's check ---- */

/* par: the column (arm) of the target, -1 for all together; the number of arms; the column of the
 * arm that it is compared with, -1 for the constant. Inputs: the people in each arm's mean, the
 * constant or the mean compared with, and three for each coefficient: the coefficient; its level,
 * or the mean of a numeric covariate; its reference level, or that mean in the arm compared with.
 */
typedef struct {
    int column, n_arms, base, n_rows;
} layout;

static bool read_layout(const qst_check *check, layout *out)
{
    *out = (layout){(int)check->par[0], (int)check->par[1], (int)check->par[2], 0};
    out->n_rows = (check->n - out->n_arms - 1) / 3;
    return out->n_arms > 0 && out->column < out->n_arms && out->base < out->n_arms &&
           check->n == out->n_arms + 1 + 3 * out->n_rows;
}

static int row_input(const layout *at, int row)
{
    return at->n_arms + 1 + 3 * row;
}

/* ---- Shares ---- */

/* People of a level in a column, in all columns for -1. */
static double people(const qst__audit *audit, const qst_check *check, const layout *at,
    const qst_margin *margin, int32_t level, int column)
{
    double n = 0.0;
    for (int k = 0; k < at->n_arms; k++) {
        if (column < 0 || k == column) {
            n += margin->count == NULL ? (level == k ? qst__input_value(audit, check, k) : 0.0)
                                       : qst__level_count(audit, margin, level, k);
        }
    }
    return n;
}

/* People in the mean; NaN where it is not said. */
static double people_in_mean(
    const qst__audit *audit, const qst_check *check, const layout *at, int column)
{
    double n = 0.0;
    for (int k = 0; k < at->n_arms; k++) {
        n += column < 0 || k == column ? qst__input_value(audit, check, k) : 0.0;
    }
    return n;
}

/* The share of a level. NaN where the levels are not of the people in the mean: then the model
 * has not the people that are counted. */
static double share(const qst__audit *audit, const qst_check *check, const layout *at,
    const qst_margin *margin, int32_t level, int column)
{
    if (margin->count == NULL && column >= 0) {
        return level == column ? 1.0 : 0.0;
    }
    double total = 0.0;
    for (int32_t k = 0; k < margin->n_levels; k++) {
        total += people(audit, check, at, margin, k, column);
    }
    const double in_mean = people_in_mean(audit, check, at, column);
    if (!(total > 0.0) || (!isnan(in_mean) && total != in_mean)) {
        return (double)NAN;
    }
    return people(audit, check, at, margin, level, column) / total;
}

/* No other row may have the same level: then labels are no dummies of one factor. */
static bool is_only_row(const qst__audit *audit, const qst_check *check, const layout *at, int row)
{
    const qst_printed *own = qst__input(audit, check, row_input(at, row) + 1);
    for (int k = 0; k < row; k++) {
        const qst_printed *other = qst__input(audit, check, row_input(at, k) + 1);
        if (other->kind == QST_CELL_LABEL && other->decimals == own->decimals &&
            other->digits == own->digits) {
            return false;
        }
    }
    return true;
}

/* Mean of a coefficient's column among the people of the target, less that among those compared
 * with. */
static bool column_mean(
    const qst__audit *audit, const qst_check *check, const layout *at, int row, number *mean_out)
{
    const int k = row_input(at, row) + 1;
    const qst_margin *margin = qst__input_margin(audit, check, k);
    if (margin == NULL) {
        *mean_out = input_number(audit, check, k);
        if (at->base >= 0) {
            *mean_out = less(*mean_out, input_number(audit, check, k + 1));
        }
        return true;
    }
    const int32_t level = qst__input_level(audit, check, k);
    double x = share(audit, check, at, margin, level, at->column);
    if (at->base >= 0) {
        x -= share(audit, check, at, margin, level, at->base);
    }
    *mean_out = exactly(x);
    return margin == qst__input_margin(audit, check, k + 1) &&
           level != qst__input_level(audit, check, k + 1) && is_only_row(audit, check, at, row);
}

/* Also checks that rows can be dummies of one factor each; NaN where no mean can be had. */
bool qst__range_ols_mean(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    layout at;
    if (!read_layout(check, &at)) {
        return false;
    }
    number sum = input_number(audit, check, at.n_arms);
    for (int row = 0; row < at.n_rows; row++) {
        number mean;
        if (!column_mean(audit, check, &at, row, &mean)) {
            return false;
        }
        add_product(&sum, mean, input_number(audit, check, row_input(&at, row)));
    }
    *range_out = (qst__range){sum.value, sum.x.low, sum.x.high, (double)NAN};
    return !isnan(sum.value);
}
