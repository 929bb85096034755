#include "qst_test.h"
#include "stat/family.h"

#include <float.h>
#include <math.h>

#define N_LINKS (QST_LINK_SQRT + 1)
#define N_FAMILIES (QST_FAMILY_NEGATIVE_BINOMIAL + 1)

/* eta, mu and d mu / d eta, the last two computed with 40 digits. */
typedef struct {
    qst_link link;
    double eta, mu, slope;
} point;

static const point points[] = {
    {QST_LINK_LOG, -3.5, 0.03019738342231850074, 0.03019738342231850074},
    {QST_LINK_LOG, 0, 1.0, 1.0},
    {QST_LINK_LOG, 2.25, 9.4877358363585257206, 9.4877358363585257206},
    {QST_LINK_LOGIT, -12.5, 3.7266392841865613861e-6, 3.7266253963462069436e-6},
    {QST_LINK_LOGIT, -0.5, 0.37754066879814543536, 0.23500371220159448907},
    {QST_LINK_LOGIT, 3.25, 0.9626731126558705398, 0.035933590825328128131},
    {QST_LINK_PROBIT, -6.5, 4.0160005838591178083e-11, 2.6695566147628519167e-10},
    {QST_LINK_PROBIT, -0.5, 0.30853753872598689636, 0.35206532676429947777},
    {QST_LINK_PROBIT, 1.75, 0.95994084313618290958, 0.086277318826511514432},
    {QST_LINK_CLOGLOG, -9.5, 0.000074849028559377109191, 0.000074846227300947605333},
    {QST_LINK_CLOGLOG, -0.25, 0.54104393069233618154, 0.35743534617218254738},
    {QST_LINK_CLOGLOG, 1.5, 0.98868571361954037685, 0.050707113609980716878},
    {QST_LINK_CAUCHIT, -1000.5, 0.0003181507048341654999, 3.1799149719722195306e-7},
    {QST_LINK_CAUCHIT, 0.5, 0.64758361765043327418, 0.25464790894703253723},
    {QST_LINK_CAUCHIT, 7.5, 0.95780753684115863898, 0.0055599980119439418609},
    {QST_LINK_INVERSE, -2.5, -0.4, -0.16},
    {QST_LINK_INVERSE, 0.125, 8.0, -64.0},
    {QST_LINK_INVERSE, 8.5, 0.11764705882352941176, -0.013840830449826989619},
    {QST_LINK_INVERSE_SQUARE, 0.03125, 5.6568542494923801952, -90.509667991878083123},
    {QST_LINK_INVERSE_SQUARE, 1.5, 0.81649658092772603273, -0.27216552697590867758},
    {QST_LINK_INVERSE_SQUARE, 40.5, 0.15713484026367722764, -0.0019399362995515707117},
    {QST_LINK_SQRT, 0.25, 0.0625, 0.5},
    {QST_LINK_SQRT, 3.5, 12.25, 7.0},
    {QST_LINK_SQRT, 9.5, 90.25, 19.0},
    {QST_LINK_IDENTITY, -1.5, -1.5, 1.0},
    {QST_LINK_IDENTITY, 0.25, 0.25, 1.0},
};

static void links_have_exact_values(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof points / sizeof *points; k++) {
        const point *at = points + k;
        double mu, slope, eta;
        qst__mean_block(at->link, &at->eta, 1, &mu, &slope);
        assert_close(mu, at->mu, 1e-14, 0);
        assert_close(slope, at->slope, 1e-14, 0);
        qst__link_block(at->link, &at->mu, 1, &eta);
        /* The mean is rounded, which its slope turns into an error of eta. */
        assert_close(eta, at->eta, 1e-14, DBL_EPSILON * fabs(at->mu / at->slope));
    }
}

/* Where the means stop: at 2^-52 and 1 - 2^-52, but for odds, whose mean rounds there. */
static void links_stop_at_the_ends(void **state)
{
    (void)state;
    const qst_link links[] = {QST_LINK_LOGIT, QST_LINK_PROBIT, QST_LINK_CLOGLOG, QST_LINK_CAUCHIT};
    const double far[] = {-1e300, 1e300};
    double mu[2], slope[2];
    for (int k = 0; k < 4; k++) {
        qst__mean_block(links[k], far, 2, mu, slope);
        assert_close(mu[0], DBL_EPSILON, 1e-9, 0);
        assert_close(1.0 - mu[1], DBL_EPSILON, 1e-9, 0);
        assert_close(slope[0], DBL_EPSILON, 0, 0);
        assert_close(slope[1], DBL_EPSILON, 0, 0);
        assert_true(qst__mu_is_valid(QST_FAMILY_BINOMIAL, mu, NULL, 2));
    }
    qst__mean_block(QST_LINK_LOG, far, 2, mu, slope);
    assert_close(mu[0], DBL_EPSILON, 0, 0);
    assert_close(mu[1], (double)INFINITY, 0, 0);
    const double eta[] = {-30.5, -29.5, 29.5, 30.5};
    double p[4], q[4];
    qst__mean_block(QST_LINK_LOGIT, eta, 4, p, q);
    assert_close(p[0], DBL_EPSILON, 1e-15, 0);
    assert_close(q[0], DBL_EPSILON, 0, 0);
    assert_close(p[1], exp(-29.5), 1e-12, 0);
    assert_close(q[2], exp(-29.5), 1e-12, 0);
    assert_close(q[3], DBL_EPSILON, 0, 0);
}

static void nan_goes_through(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    double a, b;
    for (int k = 0; k < N_LINKS; k++) {
        qst__mean_block((qst_link)k, &nan, 1, &a, &b);
        assert_true(isnan(a));
        assert_true(isnan(b) || k == QST_LINK_IDENTITY);
        qst__link_block((qst_link)k, &nan, 1, &a);
        assert_true(isnan(a));
        assert_false(qst__eta_is_valid((qst_link)k, &nan, NULL, 1));
    }
    for (int k = 0; k < N_FAMILIES; k++) {
        qst__variance_block((qst_family)k, 2.0, &nan, 1, &a);
        assert_true(isnan(a));
        qst__deviance_block((qst_family)k, 2.0, &(double){1.0}, &nan, NULL, 1, &a);
        assert_true(isnan(a));
        assert_false(qst__mu_is_valid((qst_family)k, &nan, NULL, 1));
        assert_status(qst__response_check((qst_family)k, &nan, 1, NULL), QST_EARGUMENT, NULL);
    }
}

/* The deviance is 0 at mu = y, and falls towards it at the rate -2 w (y - mu) / V(mu), which ties
 * it to the variance (McCullagh & Nelder 1989, sec. 9.2). */
static void deviances_belong_to_variances(void **state)
{
    (void)state;
    const double y[] = {0.15, 0.5, 0.85}, weights[] = {2.0, 1.0, 0.0}, step = 1e-6;
    for (int k = 0; k < N_FAMILIES; k++) {
        const qst_family family = (qst_family)k;
        double mu[] = {0.3, 0.45, 0.6}, d[3], up[3], down[3], variance[3];
        qst__deviance_block(family, 2.5, y, y, weights, 3, d);
        for (int i = 0; i < 3; i++) {
            assert_close(d[i], 0.0, 0, 1e-15);
        }
        qst__variance_block(family, 2.5, mu, 3, variance);
        for (int i = 0; i < 3; i++) {
            mu[i] += step;
        }
        qst__deviance_block(family, 2.5, y, mu, weights, 3, up);
        for (int i = 0; i < 3; i++) {
            mu[i] -= 2.0 * step;
        }
        qst__deviance_block(family, 2.5, y, mu, weights, 3, down);
        for (int i = 0; i < 3; i++) {
            const double slope = -2.0 * weights[i] * (y[i] - (mu[i] + step)) / variance[i];
            assert_close((up[i] - down[i]) / (2.0 * step), slope, 1e-7, 1e-9);
        }
    }
}

/* By hand, with logarithms of libm. */
static void deviances_at_the_ends(void **state)
{
    (void)state;
    const double y[] = {0.0, 1.0, 0.0, 1.0}, mu[] = {0.25, 0.25, 1e-10, 1.0 - 0x1p-40};
    double d[4];
    qst__deviance_block(QST_FAMILY_BINOMIAL, 0.0, y, mu, NULL, 4, d);
    assert_close(d[0], -2.0 * log(0.75), 1e-15, 0);
    assert_close(d[1], -2.0 * log(0.25), 1e-15, 0);
    assert_close(d[2], 2e-10, 1e-6, 0);
    assert_close(d[3], 0x1p-39, 1e-11, 0);
    const double counts[] = {0.0, 3.0}, means[] = {0.5, 2.0}, weights[] = {1.0, 4.0};
    qst__deviance_block(QST_FAMILY_POISSON, 0.0, counts, means, weights, 2, d);
    assert_close(d[0], 1.0, 1e-15, 0);
    assert_close(d[1], 8.0 * (3.0 * log(1.5) - 1.0), 1e-14, 0);
    qst__deviance_block(QST_FAMILY_NEGATIVE_BINOMIAL, 2.0, counts, means, NULL, 2, d);
    assert_close(d[0], 4.0 * log(2.5 / 2.0), 1e-14, 0);
    assert_close(d[1], 2.0 * (3.0 * log(1.5) - 5.0 * log(5.0 / 4.0)), 1e-13, 0);
}

/* More rows than fit the room of a block, one of them no answer of 0 or 1. */
static void a_block_may_be_long(void **state)
{
    (void)state;
    enum { N = 300 };
    double y[N], mu[N], whole[N], one;
    for (int i = 0; i < N; i++) {
        y[i] = i == 150 ? 0.25 : i % 2;
        mu[i] = (i + 0.5) / N;
    }
    qst__deviance_block(QST_FAMILY_BINOMIAL, 0.0, y, mu, NULL, N, whole);
    for (int i = 0; i < N; i++) {
        qst__deviance_block(QST_FAMILY_BINOMIAL, 0.0, y + i, mu + i, NULL, 1, &one);
        assert_close(whole[i], one, 4e-16, 4e-16);
    }
}

static void starts_are_those_of_r(void **state)
{
    (void)state;
    const double y[] = {0.0, 1.0}, weights[] = {3.0, 4.0};
    const struct {
        qst_family family;
        double at[2];
    } starts[] = {{QST_FAMILY_GAUSSIAN, {0.0, 1.0}}, {QST_FAMILY_BINOMIAL, {0.125, 0.9}},
        {QST_FAMILY_POISSON, {0.1, 1.1}}, {QST_FAMILY_GAMMA, {0.0, 1.0}},
        {QST_FAMILY_INVERSE_GAUSSIAN, {0.0, 1.0}},
        {QST_FAMILY_NEGATIVE_BINOMIAL, {1.0 / 6.0, 1.0}}};
    for (int k = 0; k < N_FAMILIES; k++) {
        double mu[2];
        qst__start_block(starts[k].family, y, weights, 2, mu);
        assert_close(mu[0], starts[k].at[0], 1e-15, 0);
        assert_close(mu[1], starts[k].at[1], 1e-15, 0);
    }
    double mu;
    qst__start_block(QST_FAMILY_BINOMIAL, y, NULL, 1, &mu);
    assert_close(mu, 0.25, 1e-15, 0);
}

static void domains(void **state)
{
    (void)state;
    const double inf = (double)INFINITY;
    assert_true(qst__eta_is_valid(QST_LINK_LOG, (double[]){-5.0, 0.0}, NULL, 2));
    assert_false(qst__eta_is_valid(QST_LINK_LOG, (double[]){1.0, inf}, NULL, 2));
    assert_false(qst__eta_is_valid(QST_LINK_INVERSE, (double[]){1.0, 0.0}, NULL, 2));
    assert_true(qst__eta_is_valid(QST_LINK_INVERSE, (double[]){1.0, -1.0}, NULL, 2));
    assert_false(qst__eta_is_valid(QST_LINK_SQRT, (double[]){1.0, 0.0}, NULL, 2));
    assert_false(qst__eta_is_valid(QST_LINK_INVERSE_SQUARE, (double[]){-1.0, 1.0}, NULL, 2));
    assert_true(qst__mu_is_valid(QST_FAMILY_GAUSSIAN, (double[]){-1.0, 0.0}, NULL, 2));
    assert_false(qst__mu_is_valid(QST_FAMILY_GAUSSIAN, &inf, NULL, 1));
    assert_false(qst__mu_is_valid(QST_FAMILY_BINOMIAL, (double[]){0.5, 1.0}, NULL, 2));
    assert_false(qst__mu_is_valid(QST_FAMILY_POISSON, (double[]){0.5, 0.0}, NULL, 2));
    assert_true(qst__mu_is_valid(QST_FAMILY_POISSON, (double[]){0.5, 0.0}, (double[]){1, 0}, 2));
    assert_true(qst__eta_is_valid(QST_LINK_SQRT, (double[]){0.5, -1.0}, (double[]){1, 0}, 2));
    assert_true(qst__mu_is_valid(QST_FAMILY_INVERSE_GAUSSIAN, &(double){-1.0}, NULL, 1));
}

static void responses_are_checked(void **state)
{
    (void)state;
    qst_err err;
    qst_err_init(&err);
    const double y[] = {0.5, 1.0, 1.5};
    assert_status(qst__response_check(QST_FAMILY_BINOMIAL, y, 2, &err), QST_OK, &err);
    assert_status(qst__response_check(QST_FAMILY_BINOMIAL, y, 3, &err), QST_EARGUMENT, &err);
    assert_text(&err, "response 1.5 in row 3 is not from 0 to 1");
    assert_int_equal(err.row, 2);
    assert_close(err.value, 1.5, 0, 0);
    const double zero = 0.0, below = -1.0;
    assert_status(qst__response_check(QST_FAMILY_POISSON, &zero, 1, NULL), QST_OK, NULL);
    assert_status(qst__response_check(QST_FAMILY_POISSON, &below, 1, NULL), QST_EARGUMENT, NULL);
    assert_status(qst__response_check(QST_FAMILY_GAMMA, &zero, 1, NULL), QST_EARGUMENT, NULL);
    assert_status(qst__response_check(QST_FAMILY_GAUSSIAN, &below, 1, NULL), QST_OK, NULL);
}

static void open_ends(void **state)
{
    (void)state;
    assert_int_equal(qst__open_end(QST_FAMILY_BINOMIAL, QST_LINK_LOGIT, 0.0), -1);
    assert_int_equal(qst__open_end(QST_FAMILY_BINOMIAL, QST_LINK_PROBIT, 1.0), 1);
    assert_int_equal(qst__open_end(QST_FAMILY_BINOMIAL, QST_LINK_LOGIT, 0.5), 0);
    assert_int_equal(qst__open_end(QST_FAMILY_BINOMIAL, QST_LINK_LOG, 1.0), 0);
    assert_int_equal(qst__open_end(QST_FAMILY_POISSON, QST_LINK_LOG, 0.0), -1);
    assert_int_equal(qst__open_end(QST_FAMILY_POISSON, QST_LINK_SQRT, 0.0), 0);
    assert_int_equal(qst__open_end(QST_FAMILY_GAMMA, QST_LINK_LOG, 0.0), 0);
    assert_true(qst__is_canonical(QST_FAMILY_BINOMIAL, QST_LINK_LOGIT));
    assert_false(qst__is_canonical(QST_FAMILY_GAMMA, QST_LINK_LOG));
}

#define WHOLE 128

/* A block of any link, also far from 0, of which the last rows are special. */
static void fill_eta(qst_link link, double *eta)
{
    for (int i = 0; i < WHOLE; i++) {
        const double step = (i - 60) * (i % 5 == 0 ? 0.7 : 0.05);
        const bool positive =
            link == QST_LINK_INVERSE || link == QST_LINK_INVERSE_SQUARE || link == QST_LINK_SQRT;
        eta[i] = positive ? fabs(step) + 0.1 : step;
    }
    eta[WHOLE - 1] = (double)NAN;
}

/* Whole blocks have loops of their own; their rows are those of blocks of one row. */
static void whole_blocks_are_their_rows(void **state)
{
    (void)state;
    for (int link = 0; link < N_LINKS; link++) {
        double eta[WHOLE], mu[WHOLE], slope[WHOLE], again[WHOLE];
        fill_eta((qst_link)link, eta);
        qst__mean_block((qst_link)link, eta, WHOLE, mu, slope);
        qst__link_block((qst_link)link, mu, WHOLE, again);
        for (int i = 0; i < WHOLE; i++) {
            double one_mu, one_slope, one_eta;
            qst__mean_block((qst_link)link, eta + i, 1, &one_mu, &one_slope);
            qst__link_block((qst_link)link, mu + i, 1, &one_eta);
            assert_close(mu[i], one_mu, 0, 0);
            assert_close(slope[i], one_slope, 0, 0);
            assert_close(again[i], one_eta, 0, 0);
        }
    }
}

static void whole_blocks_of_answers(void **state)
{
    (void)state;
    double y[WHOLE], mu[WHOLE], weights[WHOLE], terms[WHOLE], one;
    for (int share = 0; share < 2; share++) {
        for (int i = 0; i < WHOLE; i++) {
            y[i] = share == 1 && i == 77 ? 0.25 : i % 3 == 0;
            mu[i] = (i + 0.5) / WHOLE;
            weights[i] = i % 4;
        }
        for (int weighted = 0; weighted < 2; weighted++) {
            const double *w = weighted ? weights : NULL;
            double sum = 0.0;
            qst__deviance_block(QST_FAMILY_BINOMIAL, 0.0, y, mu, w, WHOLE, terms);
            for (int i = 0; i < WHOLE; i++) {
                qst__deviance_block(
                    QST_FAMILY_BINOMIAL, 0.0, y + i, mu + i, w != NULL ? w + i : NULL, 1, &one);
                assert_close(terms[i], one, share == 1 ? 1e-14 : 0.0, 0);
                sum += w != NULL && w[i] == 0.0 ? 0.0 : one;
            }
            assert_close(
                qst__deviance_sum(QST_FAMILY_BINOMIAL, 0.0, y, mu, w, WHOLE), sum, 1e-14, 0);
        }
    }
    assert_true(qst__mu_is_valid(QST_FAMILY_BINOMIAL, mu, NULL, WHOLE));
    assert_true(qst__eta_is_valid(QST_LINK_LOGIT, mu, NULL, WHOLE));
    mu[100] = 1.0;
    assert_false(qst__mu_is_valid(QST_FAMILY_BINOMIAL, mu, NULL, WHOLE));
    assert_true(qst__mu_is_valid(QST_FAMILY_BINOMIAL, mu, weights, WHOLE)); /* of weight 0 */
    mu[101] = (double)NAN;
    assert_false(qst__eta_is_valid(QST_LINK_LOGIT, mu, weights, WHOLE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_have_exact_values),
        cmocka_unit_test(links_stop_at_the_ends),
        cmocka_unit_test(nan_goes_through),
        cmocka_unit_test(deviances_belong_to_variances),
        cmocka_unit_test(deviances_at_the_ends),
        cmocka_unit_test(a_block_may_be_long),
        cmocka_unit_test(whole_blocks_are_their_rows),
        cmocka_unit_test(whole_blocks_of_answers),
        cmocka_unit_test(starts_are_those_of_r),
        cmocka_unit_test(domains),
        cmocka_unit_test(responses_are_checked),
        cmocka_unit_test(open_ends),
    };
    return cmocka_run_group_tests_name("family", tests, NULL, NULL);
}
