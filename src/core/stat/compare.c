#include "base/base.h"

#include <math.h>

/* Rows between two looks at the clock. */
#define ROWS_PER_TICK 65536

/* ---- Moments ---- */

/* Sums of deviations from the first value, and of their squares. */
typedef struct {
    double n;
    qst__dd sum, squares;
} sums;

static qst_status check_value(
    double x, int32_t group, int32_t n_groups, ptrdiff_t row, qst_err *err)
{
    if (isinf(x)) {
        return qst__fail_at(
            err, QST_EARGUMENT, row, -1, x, "value %g in row %td is not finite", x, row + 1);
    }
    if (group != QST_NA_INT && (group < 1 || group > n_groups)) {
        return qst__fail_at(err, QST_EARGUMENT, row, -1, (double)group,
            "group %d in row %td is not from 1 to %d", (int)group, row + 1, (int)n_groups);
    }
    return QST_OK;
}

static void add(sums *s, double x, double origin)
{
    const qst__dd deviation = qst__two_sum(x, -origin);
    s->n += 1.0;
    s->sum = qst__dd_sum(s->sum, deviation);
    s->squares = qst__dd_sum(s->squares, qst__dd_product(deviation, deviation));
}

static qst_status gather(const qst_ctx *ctx, const double *x, const int32_t *group, ptrdiff_t n,
    int32_t n_groups, sums *by_group, double *origin_out, ptrdiff_t *n_left_out, qst_err *err)
{
    qst__ticker ticker;
    qst__ticker_init(&ticker, ctx);
    bool is_first = true;
    *n_left_out = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        qst_status status = check_value(x[i], group[i], n_groups, i, err);
        if (status == QST_OK && i % ROWS_PER_TICK == 0) {
            status = qst__tick(&ticker, err);
        }
        if (status != QST_OK) {
            return status;
        }
        if (isnan(x[i]) || group[i] == QST_NA_INT) {
            ++*n_left_out;
            continue;
        }
        *origin_out = is_first ? x[i] : *origin_out;
        is_first = false;
        add(&by_group[group[i] - 1], x[i], *origin_out);
    }
    return is_first ? qst__fail(err, QST_ENODATA, "no row has both a value and a group") : QST_OK;
}

static double grand_mean(const sums *by_group, int32_t n_groups, double origin)
{
    double n = 0.0;
    qst__dd sum = {0.0, 0.0};
    for (int32_t g = 0; g < n_groups; g++) {
        n += by_group[g].n;
        sum = qst__dd_sum(sum, by_group[g].sum);
    }
    return qst__dd_value(qst__dd_add(qst__dd_over(sum, n), origin));
}

/* ss = sum d^2 - (sum d)^2 / n, which 106 bits bear. */
static qst_moments moments_of(const sums *s, double origin, double shift)
{
    if (s->n == 0.0) {
        return (qst_moments){0.0, (double)NAN, (double)NAN};
    }
    const qst__dd mean = qst__dd_over(s->sum, s->n);
    const qst__dd of_mean = qst__dd_product(mean, s->sum);
    const qst__dd ss = qst__dd_sum(s->squares, (qst__dd){-of_mean.high, -of_mean.low});
    const qst__dd less_shift = qst__dd_sum(mean, qst__two_sum(origin, -shift));
    return (qst_moments){s->n, qst__dd_value(less_shift), fmax(qst__dd_value(ss), 0.0)};
}

qst_status qst_moments_by_group(const qst_ctx *ctx, const double *x, const int32_t *group,
    ptrdiff_t n, int32_t n_groups, qst_moments *moments_out, double *shift_out,
    ptrdiff_t *n_left_out, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    sums *by_group = NULL;
    double origin = 0.0;
    qst_status status = qst__arena_array(&arena, n_groups, sizeof *by_group, &by_group, err);
    if (status == QST_OK) {
        status = gather(ctx, x, group, n, n_groups, by_group, &origin, n_left_out, err);
    }
    if (status == QST_OK) {
        *shift_out = grand_mean(by_group, n_groups, origin);
        for (int32_t g = 0; g < n_groups; g++) {
            moments_out[g] = moments_of(&by_group[g], origin, *shift_out);
        }
    }
    qst__arena_free(&arena);
    return status;
}

/* ---- Two means ---- */

static double variance(const qst_moments *m)
{
    return m->ss / (m->n - 1.0);
}

static qst_status too_few(ptrdiff_t group, double n, qst_err *err)
{
    return qst__fail_at(err, QST_ENODATA, group, -1, n, "%g values are too few for this test", n);
}

static qst_status all_equal(ptrdiff_t group, qst_err *err)
{
    return qst__fail_at(err, QST_ESINGULAR, group, -1, 0.0,
        "the values do not vary, so there is no error to test by");
}

static qst_status finish_t(
    double estimate, double squared_error, double df, qst_test *test_out, qst_err *err)
{
    if (!(squared_error > 0.0)) {
        return all_equal(-1, err);
    }
    const double std_error = sqrt(squared_error);
    *test_out = (qst_test){estimate, std_error, estimate / std_error, df, (double)NAN};
    return QST_OK;
}

qst_status qst_test_student(
    const qst_moments *a, const qst_moments *b, qst_test *test_out, qst_err *err)
{
    const double df = a->n + b->n - 2.0;
    if (!(a->n >= 1.0 && b->n >= 1.0 && df >= 1.0)) {
        return too_few(a->n < b->n ? 0 : 1, fmin(a->n, b->n), err);
    }
    const double pooled = (a->ss + b->ss) / df;
    return finish_t(a->mean - b->mean, pooled * (1.0 / a->n + 1.0 / b->n), df, test_out, err);
}

qst_status qst_test_welch(
    const qst_moments *a, const qst_moments *b, qst_test *test_out, qst_err *err)
{
    if (!(a->n >= 2.0 && b->n >= 2.0)) {
        return too_few(a->n < b->n ? 0 : 1, fmin(a->n, b->n), err);
    }
    const double of_a = variance(a) / a->n, of_b = variance(b) / b->n;
    const double sum = of_a + of_b;
    const double df = sum * sum / (of_a * of_a / (a->n - 1.0) + of_b * of_b / (b->n - 1.0));
    return finish_t(a->mean - b->mean, sum, df, test_out, err);
}

/* ---- Several means ---- */

static qst_status check_groups(const qst_moments *groups, ptrdiff_t k, double n_least, qst_err *err)
{
    if (k < 2) {
        return qst__fail(err, QST_EDIMENSION, "%td groups cannot be compared", k);
    }
    for (ptrdiff_t g = 0; g < k; g++) {
        if (!(groups[g].n >= n_least)) {
            return too_few(g, groups[g].n, err);
        }
    }
    return QST_OK;
}

qst_status qst_test_anova(const qst_moments *groups, ptrdiff_t k, qst_test *test_out, qst_err *err)
{
    const qst_status status = check_groups(groups, k, 1.0, err);
    if (status != QST_OK) {
        return status;
    }
    double n = 0.0, sum = 0.0, within = 0.0, between = 0.0;
    for (ptrdiff_t g = 0; g < k; g++) {
        n += groups[g].n;
        sum += groups[g].n * groups[g].mean;
        within += groups[g].ss;
    }
    for (ptrdiff_t g = 0; g < k; g++) {
        const double deviation = groups[g].mean - sum / n;
        between += groups[g].n * deviation * deviation;
    }
    const double df = (double)(k - 1), df_residual = n - (double)k;
    if (df_residual < 1.0) {
        return too_few(-1, n, err);
    }
    if (!(within > 0.0)) {
        return all_equal(-1, err);
    }
    *test_out = (qst_test){
        (double)NAN, (double)NAN, between / df / (within / df_residual), df, df_residual};
    return QST_OK;
}

/* Sums over groups of the weights w = n / variance, and of w times the mean. */
static qst_status weigh(
    const qst_moments *groups, ptrdiff_t k, double *total_out, double *mean_out, qst_err *err)
{
    double total = 0.0, sum = 0.0;
    for (ptrdiff_t g = 0; g < k; g++) {
        if (!(groups[g].ss > 0.0)) {
            return all_equal(g, err);
        }
        const double weight = groups[g].n / variance(&groups[g]);
        total += weight;
        sum += weight * groups[g].mean;
    }
    *total_out = total;
    *mean_out = sum / total;
    return QST_OK;
}

qst_status qst_test_welch_anova(
    const qst_moments *groups, ptrdiff_t k, qst_test *test_out, qst_err *err)
{
    double total = 0.0, mean = 0.0;
    qst_status status = check_groups(groups, k, 2.0, err);
    if (status == QST_OK) {
        status = weigh(groups, k, &total, &mean, err);
    }
    if (status != QST_OK) {
        return status;
    }
    double between = 0.0, unevenness = 0.0;
    for (ptrdiff_t g = 0; g < k; g++) {
        const double weight = groups[g].n / variance(&groups[g]);
        const double deviation = groups[g].mean - mean, rest = 1.0 - weight / total;
        between += weight * deviation * deviation;
        unevenness += rest * rest / (groups[g].n - 1.0);
    }
    const double groups_k = (double)k, squared_less_1 = groups_k * groups_k - 1.0;
    const double scale = 1.0 + 2.0 * (groups_k - 2.0) / squared_less_1 * unevenness;
    *test_out = (qst_test){(double)NAN, (double)NAN, between / (groups_k - 1.0) / scale,
        groups_k - 1.0, squared_less_1 / (3.0 * unevenness)};
    return QST_OK;
}

/* ---- Counts ---- */

static qst_status check_counts(qst_cmat counts, qst_err *err)
{
    if (counts.n_rows < 2 || counts.n_cols < 2) {
        return qst__fail(err, QST_EDIMENSION,
            "a table of %td x %td cannot be tested: it needs 2 rows and 2 columns", counts.n_rows,
            counts.n_cols);
    }
    for (ptrdiff_t j = 0; j < counts.n_cols; j++) {
        for (ptrdiff_t i = 0; i < counts.n_rows; i++) {
            const double count = counts.data[i + j * counts.ld];
            if (!(count >= 0.0 && isfinite(count))) {
                return qst__fail_at(err, QST_EARGUMENT, i, j, count,
                    "count %g in row %td, column %td is not a number from 0", count, i + 1, j + 1);
            }
        }
    }
    return QST_OK;
}

/* Sum of n counts that lie `step` apart. */
static double sum_of(const double *counts, ptrdiff_t n, ptrdiff_t step)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += counts[i * step];
    }
    return sum;
}

static qst_status check_margins(qst_cmat counts, qst_err *err)
{
    for (ptrdiff_t i = 0; i < counts.n_rows; i++) {
        if (sum_of(counts.data + i, counts.n_cols, counts.ld) == 0.0) {
            return qst__fail_at(err, QST_ENODATA, i, -1, 0.0, "row %td has no counts", i + 1);
        }
    }
    for (ptrdiff_t j = 0; j < counts.n_cols; j++) {
        if (sum_of(counts.data + j * counts.ld, counts.n_rows, 1) == 0.0) {
            return qst__fail_at(err, QST_ENODATA, -1, j, 0.0, "column %td has no counts", j + 1);
        }
    }
    return QST_OK;
}

/* Yates (1934) takes a half, but never more than the difference itself. */
static double deviation_of(double count, double expected, bool with_yates)
{
    const double deviation = fabs(count - expected);
    return with_yates ? deviation - fmin(0.5, deviation) : deviation;
}

qst_status qst_test_chisq(
    qst_cmat counts, bool correct, qst_test *test_out, ptrdiff_t *n_low_out, qst_err *err)
{
    qst_status status = check_counts(counts, err);
    if (status == QST_OK) {
        status = check_margins(counts, err);
    }
    if (status != QST_OK) {
        return status;
    }
    double total = 0.0, statistic = 0.0;
    for (ptrdiff_t j = 0; j < counts.n_cols; j++) {
        total += sum_of(counts.data + j * counts.ld, counts.n_rows, 1);
    }
    *n_low_out = 0;
    const bool with_yates = correct && counts.n_rows == 2 && counts.n_cols == 2;
    for (ptrdiff_t j = 0; j < counts.n_cols; j++) {
        const double of_column = sum_of(counts.data + j * counts.ld, counts.n_rows, 1);
        for (ptrdiff_t i = 0; i < counts.n_rows; i++) {
            const double of_row = sum_of(counts.data + i, counts.n_cols, counts.ld);
            const double expected = of_row * of_column / total;
            const double deviation =
                deviation_of(counts.data[i + j * counts.ld], expected, with_yates);
            statistic += deviation * deviation / expected;
            *n_low_out += expected < 5.0;
        }
    }
    *test_out = (qst_test){(double)NAN, (double)NAN, statistic,
        (double)(counts.n_rows - 1) * (double)(counts.n_cols - 1), (double)NAN};
    return QST_OK;
}
