/* lgamma_r() under -std=c11. */
#define _DEFAULT_SOURCE

#include "qst_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P 3

/* A model of one matrix of P columns, and room for its fit. */
typedef struct {
    ptrdiff_t n;
    double *x, *y, *weights, *offset, *rows;
    bool separated[P];
    double coefficients[P], effects[P], covariance[P * P];
    qst_part part;
    qst_term term;
    qst_model model;
    qst_glm_data data;
    qst_glm_settings settings;
    qst_glm_result result;
    qst_glm_info info;
} problem;

static problem *make_problem(ptrdiff_t n, qst_family family, qst_link link)
{
    problem *p = calloc(1, sizeof *p);
    p->n = n;
    p->x = calloc((size_t)n * (P + 6), sizeof(double));
    p->y = p->x + n * P;
    p->weights = p->y + n;
    p->offset = p->weights + n;
    p->rows = p->offset + n;
    p->part = (qst_part){.x = p->x, .n_cols = P};
    p->term = (qst_term){&p->part, 1};
    p->model = (qst_model){&p->term, 1, n};
    p->data = (qst_glm_data){&p->model, p->y, NULL, NULL};
    qst_glm_settings_default(&p->settings);
    p->settings.family = family;
    p->settings.link = link;
    p->result = (qst_glm_result){p->coefficients, p->effects, {p->covariance, P, P, P}, p->rows,
        p->rows + n, p->rows + 2 * n, p->separated};
    return p;
}

static void free_problem(problem *p)
{
    free(p->x);
    free(p);
}

static qst_status fit(const qst_ctx *ctx, void *data, qst_err *err)
{
    problem *p = data;
    qst_glm_work *work = NULL;
    qst_status status = qst_glm_work_new(ctx, p->n, P, &work, err);
    if (status == QST_OK) {
        status = qst_glm_fit(ctx, &p->settings, &p->data, work, &p->result, &p->info, err);
    }
    qst_glm_work_free(work);
    return status;
}

static void assert_fit(problem *p)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(fit(NULL, p, &err), QST_OK, &err);
}

/* Cells of y = 0 and 1 at x = 0 and 1: n rows as weights, the third column is zero. */
static problem *make_table(const double cells[4])
{
    problem *p = make_problem(4, QST_FAMILY_BINOMIAL, QST_LINK_LOGIT);
    for (int i = 0; i < 4; i++) {
        p->x[i] = 1.0;
        p->x[i + 4] = i / 2;
        p->y[i] = i % 2;
        p->weights[i] = cells[i];
    }
    p->data.weights = p->weights;
    return p;
}

/* Log odds, their difference, and sums of 1 / n as variances (Woolf 1955). */
static void a_table_of_two_by_two(void **state)
{
    (void)state;
    const double cells[] = {7, 3, 2, 5};
    problem *p = make_table(cells);
    assert_fit(p);
    assert_true(p->info.is_converged && !p->info.is_separated && !p->info.is_boundary);
    assert_int_equal(p->info.rank, 2);
    assert_close(p->coefficients[0], log(3.0 / 7.0), 1e-14, 0);
    assert_close(p->coefficients[1], log(5.0 / 2.0) - log(3.0 / 7.0), 1e-14, 0);
    assert_true(qst_is_na_real(p->coefficients[2]));
    assert_close(p->covariance[0], 1.0 / 7 + 1.0 / 3, 1e-14, 0);
    assert_close(p->covariance[1], -(1.0 / 7 + 1.0 / 3), 1e-14, 0);
    assert_close(p->covariance[P + 1], 1.0 / 7 + 1.0 / 3 + 1.0 / 2 + 1.0 / 5, 1e-14, 0);
    const double deviance =
        -2.0 * (7 * log(0.7) + 3 * log(0.3) + 2 * log(2.0 / 7) + 5 * log(5.0 / 7));
    assert_close(p->info.deviance, deviance, 1e-14, 0);
    assert_close(p->info.pearson, 17.0, 1e-14, 0);
    assert_close(p->result.fitted[0], 0.3, 1e-14, 0);
    assert_close(p->result.linear[2], log(2.5), 1e-14, 0);
    assert_close(p->result.residuals[1], 1.0 / 0.3, 1e-14, 0); /* 0.7 / (0.3 0.7) */
    free_problem(p);
}

/* The penalised fit of a saturated table is the fit with 1/2 added to each cell (Firth 1993, sec.
 * 3.2), and its covariance that of the counts at these means. */
static void firth_adds_a_half_to_each_cell(void **state)
{
    (void)state;
    const double cells[] = {7, 3, 0, 5};
    problem *p = make_table(cells);
    p->settings.firth = true;
    p->settings.n_steps_max = 100;
    assert_fit(p);
    assert_false(p->info.is_separated);
    assert_close(p->coefficients[0], log(3.5 / 7.5), 1e-10, 0);
    assert_close(p->coefficients[1], log(5.5 / 0.5) - log(3.5 / 7.5), 1e-10, 0);
    const double a = 10 * (3.5 / 11) * (7.5 / 11), b = 5 * (5.5 / 6) * (0.5 / 6);
    assert_close(p->covariance[0], 1.0 / a, 1e-9, 0);
    assert_close(p->covariance[P + 1], 1.0 / a + 1.0 / b, 1e-9, 0);
    assert_close(p->info.log_det, log(a) + log(b), 1e-9, 0);
    free_problem(p);
}

static void separation_is_found_and_located(void **state)
{
    (void)state;
    const double cells[] = {7, 3, 0, 5};
    problem *p = make_table(cells);
    assert_fit(p);
    assert_true(p->info.is_separated);
    assert_false(p->separated[0]);
    assert_true(p->separated[1]);
    free_problem(p);
    p = make_problem(8, QST_FAMILY_BINOMIAL, QST_LINK_PROBIT);
    for (int i = 0; i < 8; i++) {
        p->x[i] = 1.0;
        p->x[i + 8] = i;
        p->x[i + 16] = i % 3;
        p->y[i] = i > 3;
    }
    assert_fit(p);
    assert_true(p->info.is_separated && p->separated[1]);
    /* One answer on the wrong side, and it is not. */
    p->y[1] = 1.0;
    p->y[6] = 0.0;
    assert_fit(p);
    assert_true(p->info.is_converged && !p->info.is_separated);
    assert_false(p->separated[0] || p->separated[1] || p->separated[2]);
    free_problem(p);
}

static void fill_columns(problem *p, uint64_t seed)
{
    for (ptrdiff_t i = 0; i < p->n; i++) {
        p->x[i] = 1.0;
        p->x[i + p->n] = test_uniform(&seed);
        p->x[i + 2 * p->n] = test_uniform(&seed);
        p->weights[i] = i % 4 == 1 ? 0.0 : 0.5 + test_uniform(&seed);
        p->offset[i] = 0.2 * test_uniform(&seed);
    }
    p->data.weights = p->weights;
    p->data.offset = p->offset;
}

/* A response near linear predictors from 0.6 to 1.6, where all links have means. */
static void fill_response(problem *p, uint64_t seed)
{
    for (ptrdiff_t i = 0; i < p->n; i++) {
        const double eta = 0.6 + 0.5 * p->x[i + p->n] + 0.3 * p->x[i + 2 * p->n] + p->offset[i];
        const double noise = 0.7 + 0.6 * test_uniform(&seed);
        double mu = eta;
        switch (p->settings.link) {
        case QST_LINK_LOG:
            mu = exp(p->settings.family == QST_FAMILY_BINOMIAL ? eta - 3.0 : eta);
            break;
        case QST_LINK_INVERSE:
            mu = 1.0 / eta;
            break;
        case QST_LINK_INVERSE_SQUARE:
            mu = 1.0 / sqrt(eta);
            break;
        case QST_LINK_SQRT:
            mu = eta * eta;
            break;
        default:
            break;
        }
        p->y[i] = mu * noise;
        if (p->settings.family == QST_FAMILY_BINOMIAL) {
            p->y[i] = test_uniform(&seed) < (p->settings.link == QST_LINK_LOG ? mu : 0.6);
        } else if (p->settings.family == QST_FAMILY_POISSON ||
                   p->settings.family == QST_FAMILY_NEGATIVE_BINOMIAL) {
            p->y[i] = floor(4.0 * mu * noise);
        }
    }
}

/* Slope and variance by numbers: the mean moved by a small change of eta, V by its formula. */
static double score_share(const problem *p, ptrdiff_t i)
{
    const double mu = p->result.fitted[i];
    double variance = 1.0;
    switch (p->settings.family) {
    case QST_FAMILY_BINOMIAL:
        variance = mu * (1.0 - mu);
        break;
    case QST_FAMILY_POISSON:
        variance = mu;
        break;
    case QST_FAMILY_GAMMA:
        variance = mu * mu;
        break;
    case QST_FAMILY_INVERSE_GAUSSIAN:
        variance = mu * mu * mu;
        break;
    case QST_FAMILY_NEGATIVE_BINOMIAL:
        variance = mu + mu * mu / p->settings.theta;
        break;
    default:
        break;
    }
    const double error = p->y[i] - mu;
    const double slope = error != 0.0 ? error / p->result.residuals[i] : 0.0;
    return p->weights[i] * error * slope / variance;
}

/* X' w (y - mu) mu' / V = 0, to rounding. */
static void assert_scores_are_zero(const problem *p)
{
    for (ptrdiff_t j = 0; j < P; j++) {
        double sum = 0.0, scale = 0.0;
        for (ptrdiff_t i = 0; i < p->n; i++) {
            const double term = score_share(p, i) * p->x[i + j * p->n];
            sum += term;
            scale += fabs(term);
        }
        assert_close(sum, 0.0, 0, 1e-11 * scale);
    }
}

static const struct {
    qst_family family;
    qst_link link;
} models[] = {{QST_FAMILY_GAUSSIAN, QST_LINK_LOG}, {QST_FAMILY_GAUSSIAN, QST_LINK_INVERSE},
    {QST_FAMILY_BINOMIAL, QST_LINK_LOGIT}, {QST_FAMILY_BINOMIAL, QST_LINK_PROBIT},
    {QST_FAMILY_BINOMIAL, QST_LINK_CLOGLOG}, {QST_FAMILY_BINOMIAL, QST_LINK_CAUCHIT},
    {QST_FAMILY_BINOMIAL, QST_LINK_LOG}, {QST_FAMILY_POISSON, QST_LINK_LOG},
    {QST_FAMILY_POISSON, QST_LINK_IDENTITY}, {QST_FAMILY_POISSON, QST_LINK_SQRT},
    {QST_FAMILY_GAMMA, QST_LINK_INVERSE}, {QST_FAMILY_GAMMA, QST_LINK_LOG},
    {QST_FAMILY_GAMMA, QST_LINK_IDENTITY}, {QST_FAMILY_INVERSE_GAUSSIAN, QST_LINK_INVERSE_SQUARE},
    {QST_FAMILY_INVERSE_GAUSSIAN, QST_LINK_LOG}, {QST_FAMILY_NEGATIVE_BINOMIAL, QST_LINK_LOG},
    {QST_FAMILY_NEGATIVE_BINOMIAL, QST_LINK_SQRT}};
#define N_MODELS (sizeof models / sizeof *models)

static void scores_of_every_family_are_zero(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_MODELS; k++) {
        problem *p = make_problem(500, models[k].family, models[k].link);
        p->settings.theta = 1.5;
        fill_columns(p, 21);
        fill_response(p, 22);
        assert_fit(p);
        assert_true(p->info.is_converged && !p->info.is_separated);
        assert_int_equal(p->info.n_used, 375);
        assert_int_equal(p->info.method, QST_GLM_BY_GRAM);
        for (ptrdiff_t i = 0; i < p->n; i++) {
            double eta = p->offset[i];
            for (int j = 0; j < P; j++) {
                eta += p->coefficients[j] * p->x[i + j * p->n];
            }
            assert_close(p->result.linear[i], eta, 1e-13, 1e-13);
        }
        assert_scores_are_zero(p);
        free_problem(p);
    }
}

/* x and x + 1e-5 z span what x and z span, so means agree; the columns are made orthogonal. */
static void ill_conditioned_columns_are_turned(void **state)
{
    (void)state;
    problem *p = make_problem(400, QST_FAMILY_POISSON, QST_LINK_LOG);
    fill_columns(p, 31);
    fill_response(p, 32);
    problem *q = make_problem(400, QST_FAMILY_POISSON, QST_LINK_LOG);
    memcpy(q->x, p->x, (size_t)(P + 3) * 400 * sizeof(double));
    q->data.weights = q->weights;
    q->data.offset = q->offset;
    for (int i = 0; i < 400; i++) {
        q->x[i + 800] = q->x[i + 400] + 1e-5 * q->x[i + 800];
    }
    assert_fit(p);
    assert_fit(q);
    assert_int_equal(p->info.method, QST_GLM_BY_GRAM);
    assert_int_equal(q->info.method, QST_GLM_BY_QR);
    assert_int_equal(q->info.rank, 3);
    /* The sum x + 1e-5 z keeps eleven digits of z. */
    assert_close(q->info.deviance, p->info.deviance, 1e-10, 0);
    for (int i = 0; i < 400; i++) {
        assert_close(q->result.fitted[i], p->result.fitted[i], 1e-9, 0);
    }
    assert_close(1e-5 * q->coefficients[2], p->coefficients[2], 1e-8, 0);
    assert_close(1e-10 * q->covariance[8], p->covariance[8], 1e-8, 0);
    free_problem(p);
    free_problem(q);
}

/* The log likelihood of theta by lgamma, whose constant terms are left out. */
static double log_likelihood(const problem *p, double theta)
{
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < p->n; i++) {
        const double y = p->y[i], mu = p->result.fitted[i];
        int sign;
        sum += p->weights[i] * (lgamma_r(y + theta, &sign) - lgamma_r(theta, &sign) -
                                   y * log1p(theta / mu) - theta * log1p(mu / theta));
    }
    return sum;
}

static void theta_is_the_likeliest(void **state)
{
    (void)state;
    problem *p = make_problem(500, QST_FAMILY_NEGATIVE_BINOMIAL, QST_LINK_LOG);
    p->settings.estimate_theta = true;
    fill_columns(p, 41);
    uint64_t seed = 42;
    for (ptrdiff_t i = 0; i < p->n; i++) { /* geometric of mean 4, and some of 40 and more */
        p->y[i] = floor(log(test_uniform(&seed)) / log(0.8)) + (i % 50 == 0 ? 40.0 : 0.0);
    }
    assert_fit(p);
    assert_true(p->info.is_converged);
    const double theta = p->info.theta, step = 1e-3 * theta;
    const double here = log_likelihood(p, theta), up = log_likelihood(p, theta + step),
                 down = log_likelihood(p, theta - step);
    const double slope = (up - down) / (2 * step), bend = (up - 2 * here + down) / (step * step);
    assert_close(slope / bend / theta, 0.0, 0, 1e-5);
    assert_close(p->info.theta_se, 1.0 / sqrt(-bend), 1e-4, 0);
    p->settings.theta = theta;
    assert_scores_are_zero(p);
    /* Counts that vary less than Poisson counts. */
    for (ptrdiff_t i = 0; i < p->n; i++) {
        p->y[i] = (double)(3 + i % 2);
    }
    assert_fit(p);
    assert_false(p->info.is_converged);
    assert_close(p->info.theta, 1e7, 0, 0);
    free_problem(p);
}

/* log(y) of a start cannot be had at y = 0, nor a share above 1 later: fits start at the mean and
 * halve their steps where R's glm() asks for starting values. */
static void hard_starts(void **state)
{
    (void)state;
    problem *p = make_problem(6, QST_FAMILY_GAUSSIAN, QST_LINK_LOG);
    const double y[] = {0, 1, 1, 3, 4, 9};
    for (int i = 0; i < 6; i++) {
        p->x[i] = 1.0;
        p->x[i + 6] = i;
        p->y[i] = y[i];
        p->weights[i] = 1.0;
    }
    assert_fit(p);
    assert_true(p->info.is_converged);
    assert_scores_are_zero(p);
    for (int i = 0; i < 6; i++) {
        p->y[i] = -1.0;
    }
    qst_err err;
    qst_err_init(&err);
    assert_status(fit(NULL, p, &err), QST_ENOTCONV, &err);
    assert_text(&err, "no coefficients were found");
    free_problem(p);
}

static void assert_refused(problem *p, const char *text)
{
    qst_err err;
    qst_err_init(&err);
    assert_status(fit(NULL, p, &err), QST_EARGUMENT, &err);
    assert_text(&err, text);
}

static void bad_input_is_named(void **state)
{
    (void)state;
    problem *p = make_problem(50, QST_FAMILY_BINOMIAL, QST_LINK_PROBIT);
    fill_columns(p, 51);
    fill_response(p, 52);
    p->settings.firth = true;
    assert_refused(p, "Firth's penalty is for binomial models with logit link");
    p->settings.firth = false;
    p->y[7] = 1.25;
    assert_refused(p, "response 1.25 in row 8 is not from 0 to 1");
    p->y[7] = (double)NAN;
    assert_refused(p, "response nan in row 8");
    p->y[7] = 1.0;
    p->settings.n_steps_max = 0;
    assert_refused(p, "0 steps");
    qst_glm_settings_default(&p->settings);
    p->settings.family = QST_FAMILY_NEGATIVE_BINOMIAL;
    p->settings.link = QST_LINK_LOG;
    p->settings.theta = 0.0;
    assert_refused(p, "theta 0 is not above 0");
    memset(p->weights, 0, 50 * sizeof(double));
    p->settings.theta = 1.0;
    assert_status(fit(NULL, p, NULL), QST_ENODATA, NULL);
    free_problem(p);
}

static void no_memory(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        problem *p = make_problem(80, QST_FAMILY_BINOMIAL, QST_LINK_LOGIT);
        fill_columns(p, 61);
        fill_response(p, 62);
        p->settings.firth = k == 1;
        for (int i = 0; k == 2 && i < 80; i++) { /* QR */
            p->x[i + 160] = p->x[i + 80] + 1e-5 * p->x[i + 160];
        }
        assert_true(assert_survives_no_memory(fit, p) >= 15);
        free_problem(p);
    }
}

static void it_can_be_stopped(void **state)
{
    (void)state;
    problem *p = make_problem(500000, QST_FAMILY_BINOMIAL, QST_LINK_LOGIT);
    fill_columns(p, 71);
    fill_response(p, 72);
    assert_cancels(fit, p, 1);
    assert_cancels(fit, p, 2);
    free_problem(p);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const int n_threads[] = {1, 2, 7};
        double first[P + P * P];
        problem *p = make_problem(30000, k == 0 ? QST_FAMILY_BINOMIAL : QST_FAMILY_GAMMA,
            k == 0 ? QST_LINK_LOGIT : QST_LINK_LOG);
        p->settings.firth = k == 0;
        fill_columns(p, 81);
        fill_response(p, 82);
        double *rows = calloc(3 * 30000, sizeof(double));
        for (int t = 0; t < 3; t++) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, n_threads[t]);
            assert_status(fit(&ctx, p, NULL), QST_OK, NULL);
            if (t == 0) {
                memcpy(first, p->coefficients, sizeof p->coefficients);
                memcpy(first + P, p->covariance, sizeof p->covariance);
                memcpy(rows, p->rows, 3 * 30000 * sizeof(double));
            }
            assert_memory_equal(first, p->coefficients, sizeof p->coefficients);
            assert_memory_equal(first + P, p->covariance, sizeof p->covariance);
            assert_memory_equal(rows, p->rows, 3 * 30000 * sizeof(double));
        }
        free(rows);
        free_problem(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_two_by_two),
        cmocka_unit_test(firth_adds_a_half_to_each_cell),
        cmocka_unit_test(separation_is_found_and_located),
        cmocka_unit_test(scores_of_every_family_are_zero),
        cmocka_unit_test(ill_conditioned_columns_are_turned),
        cmocka_unit_test(theta_is_the_likeliest),
        cmocka_unit_test(hard_starts),
        cmocka_unit_test(bad_input_is_named),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
    };
    return cmocka_run_group_tests_name("irls", tests, NULL, NULL);
}
