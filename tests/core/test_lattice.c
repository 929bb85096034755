#include "la/la.h"
#include "qst_test.h"

#include <math.h>
#include <string.h>

#define MOST 30
#define ROWS (MOST + 1)

/* Columns of whole numbers, so that all products with whole multiples are exact. */
typedef struct {
    ptrdiff_t n_rows, n;
    double b[ROWS * MOST];
    double r[MOST * MOST], u[MOST * MOST], pivots[MOST];
} lattice;

static lattice l;

/* 0, 1, ..., n - 1. */
static double draw_below(int n, uint64_t *stream)
{
    return floor(n * test_uniform(stream));
}

static double product(const double *x, const double *y, ptrdiff_t n)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

/* R of the columns of `b`, and the unit matrix for U. */
static void factor(lattice *x)
{
    const ptrdiff_t n = x->n;
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t i = 0; i < n; i++) {
            x->r[i + j * n] = product(x->b + i * x->n_rows, x->b + j * x->n_rows, x->n_rows);
            x->u[i + j * n] = i == j;
        }
    }
    assert_int_equal(qst__cholesky((qst_mat){x->r, n, n, n}, 1e-15, x->pivots), n);
}

static void draw(lattice *x, ptrdiff_t n, uint64_t seed)
{
    uint64_t stream = seed;
    x->n = x->n_rows = n;
    for (ptrdiff_t k = 0; k < n * n; k++) {
        x->b[k] = draw_below(201, &stream) - 100;
    }
    factor(x);
}

/* A unit matrix over a row of large weights: all columns point the same way. */
static void draw_nearly_dependent(lattice *x, ptrdiff_t n, uint64_t seed)
{
    uint64_t stream = seed;
    x->n = n;
    x->n_rows = n + 1;
    memset(x->b, 0, sizeof x->b);
    for (ptrdiff_t j = 0; j < n; j++) {
        x->b[j + j * x->n_rows] = 1;
        x->b[n + j * x->n_rows] = 500 + draw_below(500, &stream);
    }
    factor(x);
}

static void reduce(lattice *x)
{
    const ptrdiff_t n = x->n;
    qst__reduce_lattice((qst_mat){x->r, n, n, n}, (qst_mat){x->u, n, n, n});
}

/* Column j of B U. */
static void combine(const lattice *x, ptrdiff_t j, double *out)
{
    for (ptrdiff_t i = 0; i < x->n_rows; i++) {
        out[i] = 0;
        for (ptrdiff_t k = 0; k < x->n; k++) {
            out[i] += x->b[i + k * x->n_rows] * x->u[k + j * x->n];
        }
    }
}

/* ---- The multiples ---- */

#define PRIME 2147483647LL

static int64_t residue(int64_t a)
{
    return (a % PRIME + PRIME) % PRIME;
}

/* By Fermat: a^(p - 2). */
static int64_t inverse(int64_t a)
{
    int64_t power = 1;
    for (int64_t left = PRIME - 2; left > 0; left /= 2) {
        power = left % 2 == 1 ? power * a % PRIME : power;
        a = a * a % PRIME;
    }
    return power;
}

/* Row of the first element of column j that is not 0, from the diagonal down; -1: none. */
static ptrdiff_t pivot_row(int64_t a[MOST][MOST], ptrdiff_t n, ptrdiff_t j)
{
    for (ptrdiff_t i = j; i < n; i++) {
        if (a[i][j] != 0) {
            return i;
        }
    }
    return -1;
}

static void eliminate(int64_t a[MOST][MOST], ptrdiff_t n, ptrdiff_t j)
{
    for (ptrdiff_t i = j + 1; i < n; i++) {
        const int64_t times = a[i][j] * inverse(a[j][j]) % PRIME;
        for (ptrdiff_t k = j; k < n; k++) {
            a[i][k] = residue(a[i][k] - times * a[j][k] % PRIME);
        }
    }
}

/* Determinant of U in the field of 2^31 - 1 elements, where Gauss's elimination is exact. */
static int64_t determinant(const lattice *x)
{
    const ptrdiff_t n = x->n;
    int64_t a[MOST][MOST], product_so_far = 1;
    for (ptrdiff_t k = 0; k < n * n; k++) {
        assert_true(x->u[k] == nearbyint(x->u[k]) && fabs(x->u[k]) < 1e15);
        a[k % n][k / n] = residue((int64_t)x->u[k]);
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        const ptrdiff_t i = pivot_row(a, n, j);
        assert_true(i >= 0);
        if (i != j) {
            int64_t kept[MOST];
            memcpy(kept, a[i], sizeof kept);
            memcpy(a[i], a[j], sizeof kept);
            memcpy(a[j], kept, sizeof kept);
            product_so_far = PRIME - product_so_far;
        }
        product_so_far = product_so_far * a[j][j] % PRIME;
        eliminate(a, n, j);
    }
    return product_so_far;
}

static void assert_same_lattice(const lattice *x)
{
    const int64_t d = determinant(x);
    assert_true(d == 1 || d == PRIME - 1);
    const ptrdiff_t n = x->n;
    for (ptrdiff_t j = 0; j < n; j++) {
        double right[ROWS];
        combine(x, j, right);
        for (ptrdiff_t i = 0; i <= j; i++) {
            double left[ROWS];
            combine(x, i, left);
            const double size =
                sqrt(product(left, left, x->n_rows) * product(right, right, x->n_rows));
            assert_close(product(x->r + i * n, x->r + j * n, j + 1),
                product(left, right, x->n_rows), 0, 1e-9 * size);
        }
        for (ptrdiff_t i = j + 1; i < n; i++) {
            assert_true(x->r[i + j * n] == 0);
        }
    }
}

static void assert_reduced(const lattice *x)
{
    const ptrdiff_t n = x->n;
    for (ptrdiff_t j = 0; j < n; j++) {
        for (ptrdiff_t i = 0; i < j; i++) {
            assert_true(fabs(x->r[i + j * n]) <= (0.5 + 1e-9) * fabs(x->r[i + i * n]));
        }
        if (j > 0) {
            const double *at = x->r + (j - 1) + j * n;
            const double before = x->r[(j - 1) + (j - 1) * n];
            assert_true(at[0] * at[0] + at[1] * at[1] >= (0.99 - 1e-9) * before * before);
        }
    }
}

static void test_a_reduced_basis_spans_the_same_lattice(void **state)
{
    (void)state;
    for (ptrdiff_t n = 1; n <= MOST; n++) {
        draw(&l, n, (uint64_t)n);
        reduce(&l);
        assert_same_lattice(&l);
        assert_reduced(&l);
    }
}

static void test_nearly_dependent_columns_are_reduced(void **state)
{
    (void)state;
    for (ptrdiff_t n = 2; n <= MOST; n += 4) {
        draw_nearly_dependent(&l, n, (uint64_t)n);
        const double longest = fabs(l.r[0]);
        reduce(&l);
        assert_same_lattice(&l);
        assert_reduced(&l);
        assert_true(fabs(l.r[0]) < longest / 10);
    }
}

/* 10000, 16180 and 26180 are powers of the golden ratio: the shortest vector says that the third
 * is the sum of the others. */
static void test_the_golden_ratio_gives_its_polynomial(void **state)
{
    (void)state;
    const double b[12] = {1, 0, 0, 10000, 0, 1, 0, 16180, 0, 0, 1, 26180};
    l.n = 3;
    l.n_rows = 4;
    memcpy(l.b, b, sizeof b);
    factor(&l);
    reduce(&l);
    assert_true(fabs(l.u[0]) == 1 && l.u[1] == l.u[0] && l.u[2] == -l.u[0]);
    assert_close(
        fabs(l.r[0]), sqrt(3), 1e-3, 0); /* the factor of the long columns has six digits */
}

/* Columns (1, 1, 1), (-1, 0, 2), (3, 5, 6): the usual example; (0, 1, 0) is shortest. */
static void test_the_textbook_basis(void **state)
{
    (void)state;
    const double b[9] = {1, 1, 1, -1, 0, 2, 3, 5, 6};
    double shortest[3];
    l.n = l.n_rows = 3;
    memcpy(l.b, b, sizeof b);
    factor(&l);
    reduce(&l);
    combine(&l, 0, shortest);
    assert_true(shortest[0] == 0 && fabs(shortest[1]) == 1 && shortest[2] == 0);
    assert_close(fabs(l.r[0] * l.r[4] * l.r[8]), 3, 1e-12, 0);
}

/* With more rows than columns: the basis itself in the place of U becomes the reduced basis. */
static void test_any_number_of_rows_follows(void **state)
{
    (void)state;
    draw_nearly_dependent(&l, 6, 3);
    double b[7 * 6];
    memcpy(b, l.b, sizeof b);
    qst__reduce_lattice((qst_mat){l.r, 6, 6, 6}, (qst_mat){b, 7, 6, 7});
    for (ptrdiff_t j = 0; j < 6; j++) {
        assert_close(
            product(b + 7 * j, b + 7 * j, 7), product(l.r + 6 * j, l.r + 6 * j, j + 1), 1e-9, 0);
    }
}

/* ---- Nearest plane ---- */

static void draw_target(double *target, ptrdiff_t n, uint64_t *stream)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        target[i] = 1000 * (test_uniform(stream) - 0.5);
    }
}

static double squared_distance(const lattice *x, const double *target, const double *multiples)
{
    double sum = 0;
    for (ptrdiff_t i = 0; i < x->n; i++) {
        double left = target[i];
        for (ptrdiff_t j = i; j < x->n; j++) {
            left -= x->r[i + j * x->n] * multiples[j];
        }
        sum += left * left;
    }
    return sum;
}

/* The least over all whole numbers within 3 of `centre`. */
static double least_distance(const lattice *x, const double *target, const double *centre)
{
    int64_t n_all = 1;
    for (ptrdiff_t j = 0; j < x->n; j++) {
        n_all *= 7;
    }
    double least = HUGE_VAL;
    for (int64_t k = 0; k < n_all; k++) {
        double multiples[4];
        int64_t digits = k;
        for (ptrdiff_t j = 0; j < x->n; j++, digits /= 7) {
            multiples[j] = centre[j] + (double)(digits % 7) - 3;
        }
        least = fmin(least, squared_distance(x, target, multiples));
    }
    return least;
}

static void test_what_is_left_lies_within_half_of_each_step(void **state)
{
    (void)state;
    uint64_t stream = 9;
    for (ptrdiff_t n = 1; n <= MOST; n++) {
        double target[MOST], left[MOST], x[MOST];
        draw(&l, n, (uint64_t)n);
        reduce(&l);
        draw_target(target, n, &stream);
        memcpy(left, target, sizeof left);
        qst__nearest_plane((qst_cmat){l.r, n, n, n}, left, x);
        for (ptrdiff_t i = 0; i < n; i++) {
            assert_true(x[i] == nearbyint(x[i]));
            assert_true(fabs(left[i]) <= (0.5 + 1e-9) * fabs(l.r[i + i * n]));
        }
        assert_close(product(left, left, n), squared_distance(&l, target, x), 1e-9, 0);
    }
}

/* Babai's bound for reduced bases: the distance is at most 2^(n/2) times the least. */
static void test_little_is_lost_to_trying_all(void **state)
{
    (void)state;
    uint64_t stream = 10;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const ptrdiff_t n = 1 + (ptrdiff_t)(seed % 4);
        double target[4], left[4], x[4], half_steps = 0;
        draw(&l, n, seed);
        reduce(&l);
        draw_target(target, n, &stream);
        memcpy(left, target, sizeof left);
        qst__nearest_plane((qst_cmat){l.r, n, n, n}, left, x);
        for (ptrdiff_t j = 0; j < n; j++) {
            half_steps += l.r[j + j * n] * l.r[j + j * n] / 4;
        }
        const double distance = product(left, left, n);
        const double least = least_distance(&l, target, x);
        assert_true(distance <= half_steps * (1 + 1e-9));
        assert_true(distance <= pow(2, (double)n) * least * (1 + 1e-9));
    }
}

static void test_of_an_orthogonal_basis_the_nearest_is_found(void **state)
{
    (void)state;
    uint64_t stream = 11;
    for (int k = 0; k < 20; k++) {
        double target[4], left[4], x[4];
        l.n = l.n_rows = 4;
        memset(l.b, 0, sizeof l.b);
        for (ptrdiff_t j = 0; j < 4; j++) {
            l.b[5 * j] = 1 + draw_below(100, &stream);
        }
        factor(&l);
        draw_target(target, 4, &stream);
        memcpy(left, target, sizeof left);
        qst__nearest_plane((qst_cmat){l.r, 4, 4, 4}, left, x);
        assert_close(product(left, left, 4), least_distance(&l, target, x), 1e-9, 1e-12);
    }
}

static void test_without_columns_nothing_is_done(void **state)
{
    (void)state;
    double target[1] = {0.7}, x[1] = {5}, u[1] = {1};
    qst__reduce_lattice((qst_mat){l.r, 0, 0, 1}, (qst_mat){u, 0, 0, 1});
    qst__nearest_plane((qst_cmat){l.r, 0, 0, 1}, target, x);
    assert_true(target[0] == 0.7 && x[0] == 5 && u[0] == 1);
}

static void test_one_column_is_reduced_already(void **state)
{
    (void)state;
    double r[1] = {2}, u[1] = {1}, target[1] = {7.3}, x[1];
    qst__reduce_lattice((qst_mat){r, 1, 1, 1}, (qst_mat){u, 1, 1, 1});
    assert_true(r[0] == 2 && u[0] == 1);
    qst__nearest_plane((qst_cmat){r, 1, 1, 1}, target, x);
    assert_true(x[0] == 4);
    assert_close(target[0], -0.7, 1e-12, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reduced_basis_spans_the_same_lattice),
        cmocka_unit_test(test_nearly_dependent_columns_are_reduced),
        cmocka_unit_test(test_the_golden_ratio_gives_its_polynomial),
        cmocka_unit_test(test_the_textbook_basis),
        cmocka_unit_test(test_any_number_of_rows_follows),
        cmocka_unit_test(test_what_is_left_lies_within_half_of_each_step),
        cmocka_unit_test(test_little_is_lost_to_trying_all),
        cmocka_unit_test(test_of_an_orthogonal_basis_the_nearest_is_found),
        cmocka_unit_test(test_without_columns_nothing_is_done),
        cmocka_unit_test(test_one_column_is_reduced_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
