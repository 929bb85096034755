#include "la/la.h"
#include "qst_test.h"

#include <math.h>

#define N 7

static double at(const double *a, ptrdiff_t i, ptrdiff_t j)
{
    return a[i + j * N];
}

/* V'V = I and V diag(values) V' = A, to `tol` of the largest element. */
static void check_eigen(const double *matrix, double *values, double tol)
{
    double work[N * N], vectors[N * N], largest = 0.0;
    for (int i = 0; i < N * N; i++) {
        work[i] = matrix[i];
        largest = fmax(largest, fabs(matrix[i]));
    }
    qst__eigen((qst_mat){work, N, N, N}, values, (qst_mat){vectors, N, N, N});
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            double product = 0.0, inner = 0.0;
            for (int k = 0; k < N; k++) {
                product += at(vectors, i, k) * values[k] * at(vectors, j, k);
                inner += at(vectors, k, i) * at(vectors, k, j);
            }
            assert_close(product, at(matrix, i, j), 0.0, tol * largest);
            assert_close(inner, i == j ? 1.0 : 0.0, 0.0, tol);
        }
    }
}

static void test_random_symmetric(void **state)
{
    (void)state;
    uint64_t seed = 3;
    for (int repeat = 0; repeat < 50; repeat++) {
        double matrix[N * N], values[N];
        for (int j = 0; j < N; j++) {
            for (int i = 0; i <= j; i++) {
                matrix[i + j * N] = test_normal(&seed) * exp(3.0 * test_normal(&seed));
                matrix[j + i * N] = matrix[i + j * N];
            }
        }
        check_eigen(matrix, values, 1e-13);
    }
}

/* min(i, j) has the eigenvalues 1 / (4 sin^2((2 k - 1) pi / (4 n + 2))). */
static void test_known_values(void **state)
{
    (void)state;
    double matrix[N * N], values[N];
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < N; i++) {
            matrix[i + j * N] = 1.0 + (i < j ? i : j);
        }
    }
    check_eigen(matrix, values, 1e-14);
    const double pi = acos(-1.0);
    for (int k = 1; k <= N; k++) {
        const double sine = sin((2.0 * k - 1.0) * pi / (4.0 * N + 2.0));
        const double want = 0.25 / (sine * sine);
        double nearest = (double)INFINITY;
        for (int j = 0; j < N; j++) {
            nearest = fmin(nearest, fabs(values[j] - want));
        }
        assert_close(nearest, 0.0, 0.0, 1e-13 * want);
    }
}

/* Zeros, the identity and a matrix of rank one: eigenvalues 0 are 0 to eps. */
static void test_degenerate(void **state)
{
    (void)state;
    double matrix[N * N] = {0.0}, values[N];
    check_eigen(matrix, values, 0.0);
    for (int j = 0; j < N; j++) {
        matrix[j + j * N] = 1.0;
    }
    check_eigen(matrix, values, 0.0);
    for (int j = 0; j < N; j++) {
        for (int i = 0; i < N; i++) {
            matrix[i + j * N] = (i + 1.0) * (j + 1.0);
        }
    }
    check_eigen(matrix, values, 1e-14);
    int n_zero = 0;
    for (int j = 0; j < N; j++) {
        n_zero += fabs(values[j]) < 1e-13;
    }
    assert_int_equal(n_zero, N - 1);
}

static void test_one_by_one(void **state)
{
    (void)state;
    double matrix[1] = {-2.5}, values[1], vectors[1];
    qst__eigen((qst_mat){matrix, 1, 1, 1}, values, (qst_mat){vectors, 1, 1, 1});
    assert_close(values[0], -2.5, 0.0, 0.0);
    assert_close(vectors[0], 1.0, 0.0, 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_symmetric),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_degenerate),
        cmocka_unit_test(test_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
