#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

#define MAX_P 19
#define MAX_N 604

/* The same numbers by rows and by columns, those behind the last row 0. */
typedef struct {
    double by_column[MAX_N * MAX_P], by_row[MAX_N * 24];
    qst_cmat x;
    qst__rows rows;
} sample;

static void fill(sample *s, ptrdiff_t n, ptrdiff_t n_cols)
{
    uint64_t seed = 7;
    memset(s, 0, sizeof *s);
    s->x = (qst_cmat){s->by_column, (n + 3) & ~(ptrdiff_t)3, n_cols, MAX_N};
    s->rows = (qst__rows){s->by_row, n, n_cols, qst__up_to_8(n_cols)};
    for (ptrdiff_t i = 0; i < n * n_cols; i++) {
        const double value = 5.0 + test_normal(&seed);
        s->by_column[i / n_cols + i % n_cols * MAX_N] = value;
        s->by_row[i / n_cols * s->rows.stride + i % n_cols] = value;
    }
}

/* sum of a_i b_i over every step-th row. */
static double slow_sum(const double *a, const double *b, ptrdiff_t n, ptrdiff_t step)
{
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t i = 0; i < n; i += step) {
        sum = qst__dd_sum(sum, qst__two_product(a[i], b[i]));
    }
    return qst__dd_value(sum);
}

static const double coefficients[24] = {
    1, -2, 0.5, 3, 0, 0, 0, 0, 4, -3, 0.25, 2, 0, 1, 0, -1, 0.125, 6, 1};

static void check_gram(const sample *s)
{
    const ptrdiff_t p = s->rows.n_cols;
    double gram[MAX_P * MAX_P];
    qst__gram_rows(s->rows, gram);
    for (ptrdiff_t j = 0; j < p * p; j++) {
        const double *a = s->by_column + j / p * MAX_N, *b = s->by_column + j % p * MAX_N;
        assert_close(gram[j], slow_sum(a, b, s->rows.n_rows, 1), 1e-14, 0);
    }
}

/* Every third row. */
static void check_dots(const sample *s)
{
    ptrdiff_t which[MAX_N];
    double r[MAX_N], dots[24];
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0; i < s->rows.n_rows; i += 3) {
        which[n] = i;
        r[n++] = s->by_column[i];
    }
    qst__dot_rows(s->rows, which, n, r, dots);
    for (ptrdiff_t j = 0; j < s->rows.stride; j++) {
        double want = 0.0;
        if (j < s->rows.n_cols) {
            want = slow_sum(s->by_column, s->by_column + j * MAX_N, s->rows.n_rows, 3);
        }
        assert_close(dots[j], want, 1e-14, 0);
    }
}

static void check_sums(const sample *s)
{
    const ptrdiff_t p = s->rows.n_cols;
    double b[24] = {0.0}, eta[MAX_N], same[MAX_N];
    ptrdiff_t blocks[6], columns[MAX_P];
    for (ptrdiff_t j = 0; j < p; j++) {
        columns[j] = p - 1 - j;
        b[p - 1 - j] = coefficients[j];
    }
    qst__weigh_rows(s->rows, b, blocks, eta);
    qst__combine_columns(s->x, columns, p, coefficients, same);
    for (ptrdiff_t i = 0; i < s->rows.n_rows; i++) {
        double want = 0.0;
        for (ptrdiff_t j = 0; j < p; j++) {
            want += b[j] * s->by_column[i + j * MAX_N];
        }
        assert_close(eta[i], want, 1e-14, 1e-12);
        assert_close(same[i], want, 1e-14, 1e-12);
    }
}

static void every_shape_agrees_with_slow_sums(void **state)
{
    (void)state;
    static sample s;
    const ptrdiff_t rows[] = {0, 1, 3, 4, 5, 9, 128, 259, 600};
    for (int r = 0; r < 9; r++) {
        for (ptrdiff_t p = 1; p <= MAX_P; p++) {
            fill(&s, rows[r], p);
            check_gram(&s);
            check_dots(&s);
            check_sums(&s);
        }
    }
}

/* Matching depends on it: rows with equal numbers are equally near, wherever they stand. */
static void equal_rows_give_equal_bits(void **state)
{
    (void)state;
    static sample s;
    const ptrdiff_t all[11] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    double eta[MAX_N], by_column[MAX_N];
    ptrdiff_t blocks[4];
    fill(&s, 301, 11);
    for (ptrdiff_t i = 1; i < 301; i++) {
        for (ptrdiff_t j = 0; j < 11; j++) {
            s.by_column[i + j * MAX_N] = s.by_column[j * MAX_N];
            s.by_row[i * 16 + j] = s.by_row[j];
        }
    }
    double b[16] = {0.0};
    memcpy(b, coefficients, 11 * sizeof *b);
    qst__weigh_rows(s.rows, b, blocks, eta);
    qst__combine_columns(s.x, all, 11, b, by_column);
    for (ptrdiff_t i = 1; i < 301; i++) {
        assert_close(eta[i], eta[0], 0, 0);
        assert_close(by_column[i], by_column[0], 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_agrees_with_slow_sums),
        cmocka_unit_test(equal_rows_give_equal_bits),
    };
    return cmocka_run_group_tests_name("cross", tests, NULL, NULL);
}
