/* Draws that are to be compatible with a model of the outcome: where nearly all is observed,
 * parameters hardly vary, and what is drawn for a row has a distribution that quadrature over the
 * two densities gives. */
#include "impute_case.h"
#include "visit.h"

/* Columns of x: 1, z, a covariate, the outcome. */
#define N 1200
#define N_MISSING 6
#define N_DRAWS 1200

/* 1, x, z, x^2 */
static const ptrdiff_t starts[] = {0, 0, 1, 2, 4}, factors[] = {2, 1, 2, 2};

typedef struct {
    test_visit *t;
    qst__outcome outcome;
    ptrdiff_t missing[N_MISSING];
} fixture;

static double eta_of(double x, double z)
{
    return 0.5 + x + 0.5 * z + 0.7 * x * x;
}

/* A covariate that is a number or two levels; an outcome that is one or the other. The outcomes of
 * rows with a missing covariate are spread; that of row 0 is missing too. */
static void make_fixture(fixture *f, bool has_levels, bool is_binary)
{
    f->t = test_visit_make(N, 4, has_levels ? 2 : 0);
    uint64_t random = 5;
    double *x = f->t->x;
    for (ptrdiff_t i = 0; i < N; i++) {
        const double z = test_normal(&random), noise = test_normal(&random);
        const double above = 0.5 * z + noise > 0.0 ? 1.0 : 0.0;
        const double value = has_levels ? above : 0.5 * z + noise;
        const double eta = eta_of(value, z);
        const double is_one = test_uniform(&random) < 1.0 / (1.0 + exp(-eta)) ? 1.0 : 0.0;
        x[i + N] = z;
        x[i + 2 * N] = value;
        x[i + 3 * N] = is_binary ? is_one : eta + test_normal(&random);
        f->t->y[i] = i < N_MISSING ? (double)NAN : has_levels ? value + 1.0 : value;
    }
    for (ptrdiff_t i = 0; i < N_MISSING; i++) {
        x[i + 3 * N] = is_binary ? (double)(i % 2) : (double)i - 1.0;
    }
    f->outcome = (qst__outcome){.is_binary = is_binary,
        .y = 3,
        .n_columns = has_levels ? 3 : 4,
        .starts = starts,
        .factors = factors,
        .missing = f->missing,
        .n_missing = 1};
    f->missing[0] = 0;
    f->t->variable = (qst_impute_variable){
        .method = QST_IMPUTE_NORM, .min = (double)NAN, .max = (double)NAN, .step = (double)NAN};
    qst__visit *v = &f->t->visit;
    v->n_columns = 2;
    v->own = has_levels ? -1 : 2;
    v->first = 2;
    v->outcome = &f->outcome;
    test_visit_finish(f->t, qst__draw_compatible_room);
}

/* What is drawn at missing rows must have values, as in a run. */
static void draw(fixture *f, uint32_t iteration)
{
    for (ptrdiff_t i = 0; i < N_MISSING; i++) {
        f->t->y[i] = f->t->visit.n_levels > 0 ? 1.0 : 0.0;
    }
    f->t->visit.iteration = iteration;
    test_visit_draw(f->t, qst__draw_compatible);
}

/* Density of the outcome of row i if the covariate were x, at the truth. */
static double likelihood(const fixture *f, ptrdiff_t i, double x)
{
    const double y = f->t->x[i + 3 * N], eta = eta_of(x, f->t->x[i + N]);
    if (i == 0) {
        return 1.0;
    }
    return f->outcome.is_binary ? 1.0 / (1.0 + exp(y > 0.5 ? -eta : eta))
                                : exp(-0.5 * (y - eta) * (y - eta));
}

/* Mean of the covariate of row i given all else. */
static double mean_of(const fixture *f, ptrdiff_t i)
{
    const double centre = 0.5 * f->t->x[i + N];
    double sum = 0.0, total = 0.0;
    for (int k = -800; k <= 800; k++) {
        const double x = centre + k / 100.0;
        const double p = exp(-0.5 * (x - centre) * (x - centre)) * likelihood(f, i, x);
        sum += p * x;
        total += p;
    }
    return sum / total;
}

/* The probit of the covariate is near a logit, so 0.03 more. */
static double share_of_ones(const fixture *f, ptrdiff_t i)
{
    const double p = 0.5 * erfc(-0.5 * f->t->x[i + N] / sqrt(2.0));
    const double one = p * likelihood(f, i, 1.0), zero = (1.0 - p) * likelihood(f, i, 0.0);
    return one / (one + zero);
}

static void assert_means(bool has_levels, bool is_binary, double tol)
{
    fixture f;
    make_fixture(&f, has_levels, is_binary);
    double sum[N_MISSING] = {0.0};
    for (uint32_t k = 0; k < N_DRAWS; k++) {
        draw(&f, k);
        for (ptrdiff_t i = 0; i < N_MISSING; i++) {
            sum[i] += f.t->drawn[i] - (has_levels ? 1.0 : 0.0);
        }
    }
    for (ptrdiff_t i = 0; i < N_MISSING; i++) {
        const double want = has_levels ? share_of_ones(&f, i) : mean_of(&f, i);
        assert_close(sum[i] / N_DRAWS, want, 0, tol);
    }
    test_visit_free(f.t);
}

/* An SD is at most 1, so 4.5 Monte Carlo errors are 0.13; parameters have errors of about
 * 1 / sqrt(N). */
static void numbers_have_their_density(void **state)
{
    (void)state;
    assert_means(false, false, 0.15);
    assert_means(false, true, 0.15);
}

static void levels_have_their_probabilities(void **state)
{
    (void)state;
    assert_means(true, false, 0.12);
    assert_means(true, true, 0.12);
}

/* ---- Through the engine ---- */

static const int32_t term_starts[] = {0, 0, 1, 2, 4}, term_factors[] = {1, 2, 1, 1},
                     term_levels[] = {0, 0, 0, 0};

/* Variable 0 given 1, 2 and the square of 1; all three miss values. */
static void make_compatible(impute_case *c, qst_impute_outcome *o)
{
    make_case(c, 80, 4, 3, 0.2);
    c->variables[1].predictors = c->predictors[0] + 1; /* 2 and 3 */
    c->variables[1].n_predictors = 2;
    c->predictors[2][0] = 1;
    c->predictors[2][1] = 3;
    c->variables[2].n_predictors = 2;
    *o = (qst_impute_outcome){0, 4, term_starts, term_factors, term_levels};
    c->data.outcome = o;
}

/* With four observed outcomes and no covariate the variance is that of three degrees of freedom
 * taken for five: s^2 5 / chi-square(5), whose mean is 5 / 3 s^2. Its SD in units of s^2 is 2.4. */
static void few_outcomes_have_the_variance_of_five(void **state)
{
    (void)state;
    impute_case c;
    make_case(&c, 204, 1, 1, 0.0);
    double mean = 0.0, ss = 0.0;
    for (ptrdiff_t i = 0; i < 204; i++) {
        mean += i < 4 ? c.values[0][i] / 4.0 : 0.0;
        c.values[0][i] = i < 4 ? c.values[0][i] : (double)NAN;
    }
    for (ptrdiff_t i = 0; i < 4; i++) {
        ss += (c.values[0][i] - mean) * (c.values[0][i] - mean);
    }
    const int32_t none[] = {0, 0};
    const qst_impute_outcome o = {0, 1, none, none, none};
    c.data.outcome = &o;
    c.settings.n_iterations = 1;
    c.settings.n_imputations = 4000;
    assert_status(run_case(NULL, &c, NULL), QST_OK, NULL);
    double variance = 0.0;
    for (int i = 0; i < 4000; i++) {
        variance += c.sd[i] * c.sd[i] / 4000.0;
    }
    assert_close(variance / (ss / 3.0), 5.0 / 3.0, 0, 4 * 2.4 / sqrt(4000.0));
    assert_int_equal(c.decided[QST_DECIDED_FEW_ROWS], 4000);
    free_case(&c);
}

static qst_status run(const qst_ctx *ctx, void *data, qst_err *err)
{
    return run_case(ctx, data, err);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    impute_case c, other;
    qst_impute_outcome o, o_other;
    make_compatible(&c, &o);
    make_compatible(&other, &o_other);
    assert_status(run_case(NULL, &c, NULL), QST_OK, NULL);
    for (int threads = 2; threads <= 7; threads += 5) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, threads);
        assert_status(run_case(&ctx, &other, NULL), QST_OK, NULL);
        for (int j = 0; j < 3; j++) {
            const size_t n = (size_t)count_case(&c, j) * 4;
            assert_memory_equal(c.imputed[j], other.imputed[j], n * sizeof(double));
        }
    }
    free_case(&c);
    free_case(&other);
}

static void ends_of_memory_and_cancelling_leave_nothing(void **state)
{
    (void)state;
    impute_case c;
    qst_impute_outcome o;
    make_compatible(&c, &o);
    assert_true(assert_survives_no_memory(run, &c) > 10);
    assert_cancels(run, &c, 1);
    free_case(&c);
}

static void models_of_other_kinds_are_refused(void **state)
{
    (void)state;
    impute_case c;
    qst_impute_outcome o;
    qst_err err;
    make_compatible(&c, &o);
    const int32_t itself[] = {0, 2, 1, 1}, levels[] = {0, 2, 0, 0}, late[] = {0, 1, 2, 3, 4},
                  beyond[] = {0, 0, 900, 900, 4};
    const qst_impute_outcome bad[] = {{9, 4, term_starts, term_factors, term_levels},
        {0, 0, term_starts, term_factors, term_levels}, {0, 4, term_starts, itself, term_levels},
        {0, 4, term_starts, term_factors, levels}, {0, 4, late, term_factors, term_levels},
        {0, 4, beyond, term_factors, term_levels}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        o = bad[k];
        qst_err_init(&err);
        assert_status(run_case(NULL, &c, &err), QST_EARGUMENT, &err);
        assert_text(&err, "the model is not one of a number or two levels");
    }
    free_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_their_density),
        cmocka_unit_test(levels_have_their_probabilities),
        cmocka_unit_test(few_outcomes_have_the_variance_of_five),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(ends_of_memory_and_cancelling_leave_nothing),
        cmocka_unit_test(models_of_other_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
