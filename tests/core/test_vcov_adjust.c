#include "qst_test.h"
#include "stat/vcov.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 12
#define R 3

/* Rows with singular values below 1, as those of one cluster in an orthonormal basis. */
typedef struct {
    double z[N * R], weights[N], residuals[N], variances[N], total[R * R];
    double score[R], own[R * R], shared[2 * R * R];
    double *scratch;
    qst__cluster cluster;
    qst__adjusted out;
} rows;

static rows *make_rows(void)
{
    rows *s = calloc(1, sizeof *s);
    uint64_t seed = 21;
    for (int i = 0; i < N; i++) {
        s->weights[i] = 1.0;
        s->variances[i] = 0.3;
        s->residuals[i] = test_normal(&seed);
        for (int j = 0; j < R; j++) {
            s->z[i + j * N] = 0.15 * test_normal(&seed);
        }
    }
    for (int j = 0; j < R; j++) {
        s->total[j + j * R] = 1.0;
    }
    s->scratch = calloc((size_t)qst__adjust_scratch(N, R), sizeof(double));
    s->cluster = (qst__cluster){N, R, s->z, s->weights, s->residuals, s->variances};
    s->out = (qst__adjusted){s->score, s->own, s->shared};
    return s;
}

static void free_rows(rows *s)
{
    free(s->scratch);
    free(s);
}

static void by_columns(rows *s)
{
    double gram[R * R] = {0.0}, cross[R] = {0.0};
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < R; j++) {
            cross[j] += s->z[i + j * N] * s->residuals[i];
            for (int k = 0; k < R; k++) {
                gram[j + k * R] += s->z[i + j * N] * s->z[i + k * N];
            }
        }
    }
    qst__adjust_plain(R, gram, cross, &s->out, s->scratch);
}

static void assert_same(const rows *got, const rows *want, double tol)
{
    for (int j = 0; j < R * R; j++) {
        assert_close(got->own[j], want->own[j], tol, tol);
        assert_close(got->shared[j], want->shared[j], tol, tol);
        assert_close(got->score[j % R], want->score[j % R], tol, tol);
    }
}

/* With equal variances and weights 1 the three ways are one. */
static void test_ways_agree(void **state)
{
    (void)state;
    rows *plain = make_rows(), *inverse = make_rows(), *weighted = make_rows();
    by_columns(plain);
    qst__adjust_inverse(&inverse->cluster, &inverse->out, inverse->scratch);
    qst__adjust_weighted(&weighted->cluster, weighted->total, &weighted->out, weighted->scratch);
    assert_same(inverse, plain, 1e-12);
    assert_same(weighted, plain, 1e-12);
    free_rows(plain);
    free_rows(inverse);
    free_rows(weighted);
}

/* The same with a direction that residuals cannot have: the last column is a unit vector. */
static void test_null_space(void **state)
{
    (void)state;
    rows *plain = make_rows(), *inverse = make_rows();
    rows *both[] = {plain, inverse};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < N; i++) {
            both[k]->z[i + (R - 1) * N] = i == 4 ? 1.0 : 0.0;
            both[k]->z[i] = i == 4 ? 0.0 : both[k]->z[i];
            both[k]->z[i + N] = i == 4 ? 0.0 : both[k]->z[i + N];
        }
        both[k]->residuals[4] = 0.0;
    }
    by_columns(plain);
    qst__adjust_inverse(&inverse->cluster, &inverse->out, inverse->scratch);
    assert_same(inverse, plain, 1e-12);
    assert_close(plain->score[R - 1], 0.0, 0.0, 1e-14);
    free_rows(plain);
    free_rows(inverse);
}

/* Beside the root from all eigenvectors of G = Theta (I - Y Y') Theta. Variances differ by a factor
 * `span`, so the condition of G is at least its square. */
static void check_root(double span)
{
    rows *s = make_rows();
    double g[N * N], vectors[N * N], values[N], t[N * R];
    for (int i = 0; i < N; i++) {
        s->variances[i] = pow(span, (double)i / (N - 1));
    }
    for (int a = 0; a < N; a++) {
        for (int b = 0; b < N; b++) {
            double sum = a == b ? 1.0 : 0.0;
            for (int j = 0; j < R; j++) {
                sum -= s->z[a + j * N] * s->z[b + j * N];
            }
            g[a + b * N] = s->variances[a] * sum * s->variances[b];
        }
    }
    qst__eigen((qst_mat){g, N, N, N}, values, (qst_mat){vectors, N, N, N});
    memset(t, 0, sizeof t);
    for (int k = 0; k < N; k++) {
        for (int j = 0; j < R; j++) {
            double inner = 0.0;
            for (int i = 0; i < N; i++) {
                inner += vectors[i + k * N] * s->z[i + j * N];
            }
            for (int i = 0; i < N; i++) {
                t[i + j * N] += s->variances[i] * vectors[i + k * N] * inner / sqrt(values[k]);
            }
        }
    }
    qst__adjust_inverse(&s->cluster, &s->out, s->scratch);
    for (int j = 0; j < R; j++) {
        double score = 0.0;
        for (int i = 0; i < N; i++) {
            score += t[i + j * N] * s->residuals[i];
        }
        assert_close(s->score[j], score, 1e-9, 1e-10);
        for (int k = 0; k < R; k++) {
            double own = 0.0;
            for (int i = 0; i < N; i++) {
                own += t[i + j * N] * t[i + k * N];
            }
            assert_close(s->own[j + k * R], own, 1e-9, 1e-10);
        }
    }
    free_rows(s);
}

static void test_quadrature(void **state)
{
    (void)state;
    check_root(1.5);
    check_root(30.0);
    check_root(1000.0);
}

/* Fewer rows than columns, and a cluster of one row. */
static void test_few_rows(void **state)
{
    (void)state;
    rows *s = make_rows();
    s->cluster.n = 1;
    const double z[R] = {0.3, -0.2, 0.5};
    memcpy(s->z, z, sizeof z);
    qst__adjust_inverse(&s->cluster, &s->out, s->scratch);
    const double left = 1.0 - (0.09 + 0.04 + 0.25);
    for (int j = 0; j < R; j++) {
        assert_close(s->score[j], z[j] * s->residuals[0] / sqrt(left), 1e-12, 1e-14);
        assert_close(s->own[j], z[0] * z[j] / left, 1e-12, 1e-14);
    }
    qst__adjust_weighted(&s->cluster, s->total, &s->out, s->scratch);
    for (int j = 0; j < R; j++) {
        assert_close(s->score[j], z[j] * s->residuals[0] / sqrt(left), 1e-12, 1e-14);
    }
    free_rows(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ways_agree),
        cmocka_unit_test(test_null_space),
        cmocka_unit_test(test_quadrature),
        cmocka_unit_test(test_few_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
