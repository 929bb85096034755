#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

#define MAX_P 11
#define MAX_N 600

/* Columns of numbers, the last rows 0, in a matrix with room behind. */
typedef struct {
    double data[(MAX_N + 4) * MAX_P];
    qst_cmat x;
} sample;

static void fill(sample *s, ptrdiff_t n, ptrdiff_t n_cols)
{
    uint64_t seed = 7;
    memset(s->data, 0, sizeof s->data);
    s->x = (qst_cmat){s->data, (n + 3) & ~(ptrdiff_t)3, n_cols, MAX_N + 4};
    for (ptrdiff_t j = 0; j < n_cols; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            s->data[i + j * s->x.ld] = 5.0 + test_normal(&seed);
        }
    }
}

static double slow_dot(const double *a, const double *b, ptrdiff_t n)
{
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t i = 0; i < n; i++) {
        sum = qst__dd_sum(sum, qst__two_product(a[i], b[i]));
    }
    return qst__dd_value(sum);
}

static void check_shape(ptrdiff_t n, ptrdiff_t n_columns)
{
    static sample s;
    const ptrdiff_t order[MAX_P] = {3, 0, 10, 1, 9, 2, 8, 5, 7, 6, 4};
    double gram[MAX_P * MAX_P], dots[MAX_P], eta[MAX_N + 4];
    const double b[MAX_P] = {1, -2, 0.5, 3, 0, 7, -1, 2, 4, -3, 0.25};
    fill(&s, n, MAX_P);
    qst__gram_columns(s.x, order, n_columns, gram);
    for (ptrdiff_t j = 0; j < n_columns; j++) {
        const double *column = s.data + order[j] * s.x.ld;
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const double want = slow_dot(column, s.data + order[k] * s.x.ld, n);
            assert_close(gram[k + j * n_columns], want, 1e-14, 0);
        }
    }
    qst__dot_columns(s.x, s.data, dots);
    for (ptrdiff_t j = 0; j < MAX_P; j++) {
        assert_close(dots[j], slow_dot(s.data, s.data + j * s.x.ld, n), 1e-14, 0);
    }
    qst__combine_columns(s.x, order, n_columns, b, eta);
    for (ptrdiff_t i = 0; i < s.x.n_rows; i++) {
        double want = 0.0;
        for (ptrdiff_t j = 0; j < n_columns; j++) {
            want += b[j] * s.data[i + order[j] * s.x.ld];
        }
        assert_close(eta[i], want, 1e-14, 1e-12);
    }
}

static void every_shape_agrees_with_slow_sums(void **state)
{
    (void)state;
    const ptrdiff_t rows[] = {0, 1, 3, 4, 5, 9, 256, 259, 600};
    for (int r = 0; r < 9; r++) {
        for (ptrdiff_t k = 1; k <= MAX_P; k++) {
            check_shape(rows[r], k);
        }
    }
}

/* Matching depends on it: rows with equal numbers are equally near, wherever they stand. */
static void equal_rows_give_equal_bits(void **state)
{
    (void)state;
    static sample s;
    const ptrdiff_t all[MAX_P] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const double b[MAX_P] = {1, -2, 0.5, 3, 0.1, 7, -1, 2, 4, -3, 0.3};
    double eta[MAX_N + 4];
    fill(&s, 301, MAX_P);
    for (ptrdiff_t j = 0; j < MAX_P; j++) {
        for (ptrdiff_t i = 1; i < 301; i++) {
            s.data[i + j * s.x.ld] = s.data[j * s.x.ld];
        }
    }
    qst__combine_columns(s.x, all, MAX_P, b, eta);
    for (ptrdiff_t i = 1; i < 301; i++) {
        assert_close(eta[i], eta[0], 0, 0);
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
