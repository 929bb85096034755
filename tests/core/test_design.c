#include "qst_test.h"
#include "stat/cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TERMS 8
#define MAX_PARTS 3
#define N_FACTORS 3
#define N_NUMBERS 3

/* Synthetic rows: factors of 3, 2 and 1 levels, matrices of 1, 2 and 1 columns. */
typedef struct {
    ptrdiff_t n;
    int32_t *codes[N_FACTORS];
    double *x[N_NUMBERS];
    double *weights, *y;
    double full[N_FACTORS][9], contrasts[N_FACTORS][6];
    qst_part parts[MAX_TERMS][MAX_PARTS];
    qst_term terms[MAX_TERMS];
    qst_model model;
} sample;

static const int32_t level_counts[N_FACTORS] = {3, 2, 1};
static const ptrdiff_t widths[N_NUMBERS] = {1, 2, 1};

static double *doubles(ptrdiff_t n)
{
    return calloc((size_t)n + 1, sizeof(double));
}

static int32_t draw_code(uint64_t *seed, int32_t n_levels)
{
    return 1 + (int32_t)(test_uniform(seed) * n_levels);
}

/* Identity, and treatment contrasts but for a number that is neither 0 nor 1. */
static void set_codings(sample *s)
{
    for (int f = 0; f < N_FACTORS; f++) {
        const int32_t n_levels = level_counts[f];
        for (int32_t k = 0; k < n_levels; k++) {
            s->full[f][k + k * n_levels] = 1.0;
            if (k > 0) {
                s->contrasts[f][k + (k - 1) * n_levels] = 1.0;
                s->contrasts[f][(k - 1) * n_levels] = -0.25;
            }
        }
    }
}

static void make_rows(sample *s, ptrdiff_t n)
{
    memset(s, 0, sizeof *s);
    s->n = n;
    s->weights = doubles(n);
    s->y = doubles(n);
    uint64_t seed = 5;
    for (int f = 0; f < N_FACTORS; f++) {
        s->codes[f] = calloc((size_t)n + 1, sizeof(int32_t));
        for (ptrdiff_t i = 0; i < n; i++) {
            s->codes[f][i] = draw_code(&seed, level_counts[f]);
        }
    }
    for (int k = 0; k < N_NUMBERS; k++) {
        s->x[k] = doubles(n * widths[k]);
        for (ptrdiff_t i = 0; i < n * widths[k]; i++) {
            s->x[k][i] = 10.0 * k + test_normal(&seed);
        }
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        s->weights[i] = i % 7 == 3 ? 0.0 : 0.5 + test_uniform(&seed);
        s->y[i] = test_normal(&seed);
    }
    set_codings(s);
    s->model = (qst_model){s->terms, 0, n};
}

static void free_rows(sample *s)
{
    for (int f = 0; f < N_FACTORS; f++) {
        free(s->codes[f]);
    }
    for (int k = 0; k < N_NUMBERS; k++) {
        free(s->x[k]);
    }
    free(s->weights);
    free(s->y);
}

/* Adds a term written as letters: a, b, c factors by contrasts, A, B, C by all levels, x, y, z
 * matrices; "" is the constant. */
static void add_term(sample *s, const char *letters)
{
    const ptrdiff_t t = s->model.n_terms++;
    ptrdiff_t n_parts = 0;
    for (; *letters != '\0'; letters++) {
        qst_part *part = &s->parts[t][n_parts++];
        if (*letters >= 'x') {
            const int k = *letters - 'x';
            *part = (qst_part){.x = s->x[k], .n_cols = widths[k]};
        } else {
            const bool is_full = *letters < 'a';
            const int f = *letters - (is_full ? 'A' : 'a');
            *part = (qst_part){.codes = s->codes[f],
                .coding = is_full ? s->full[f] : s->contrasts[f],
                .n_levels = level_counts[f],
                .n_cols = level_counts[f] - !is_full};
        }
    }
    s->terms[t] = (qst_term){s->parts[t], n_parts};
}

static void make_sample(sample *s, ptrdiff_t n, const char *const terms[])
{
    make_rows(s, n);
    for (int t = 0; terms[t] != NULL; t++) {
        add_term(s, terms[t]);
    }
}

static const char *const models[][MAX_TERMS + 1] = {
    {"", NULL},
    {"y", NULL},
    {"", "x", "y", "z", NULL},
    {"", "a", "b", NULL},
    {"A", NULL},
    {"", "a", "b", "x", "y", NULL},
    {"", "a", "b", "ab", NULL},
    {"", "a", "x", "ax", "xy", "xyz", NULL},
    {"A", "b", "Ay", "xbz", NULL},
    {"", "C", "c", "ca", "zz", "aA", NULL},
    {"ABC", "xA", NULL},
};
#define N_MODELS (sizeof models / sizeof *models)

/* ---- The slow version: the expanded matrix ---- */

static double part_at(const qst_part *part, ptrdiff_t n, ptrdiff_t i, ptrdiff_t column)
{
    return part->codes != NULL ? part->coding[part->codes[i] - 1 + column * part->n_levels]
                               : part->x[i + column * n];
}

/* n x p numbers to be freed; the first part's columns run fastest. */
static double *expand(const sample *s, ptrdiff_t p)
{
    double *x = doubles(s->n * p), *next = x;
    for (ptrdiff_t t = 0; t < s->model.n_terms; t++) {
        const qst_term *term = &s->terms[t];
        ptrdiff_t index[MAX_PARTS] = {0}, k = 0;
        bool is_empty = false;
        for (ptrdiff_t m = 0; m < term->n_parts; m++) {
            is_empty = is_empty || term->parts[m].n_cols == 0;
        }
        while (!is_empty && k >= 0) {
            for (ptrdiff_t i = 0; i < s->n; i++) {
                *next = 1.0;
                for (ptrdiff_t m = 0; m < term->n_parts; m++) {
                    *next *= part_at(&term->parts[m], s->n, i, index[m]);
                }
                next++;
            }
            for (k = 0; k < term->n_parts && ++index[k] == term->parts[k].n_cols; k++) {
                index[k] = 0;
            }
            k = k < term->n_parts ? k : -1;
        }
    }
    assert_int_equal(next - x, s->n * p);
    return x;
}

/* sum_i a_i b_i c_i in double-double; c may be NULL. */
static double slow_sum(ptrdiff_t n, const double *a, const double *b, const double *c)
{
    qst__dd sum = {0.0, 0.0};
    for (ptrdiff_t i = 0; i < n; i++) {
        const qst__dd product = qst__two_product(a[i], b[i]);
        sum = qst__dd_sum(sum, c != NULL ? qst__dd_times(product, c[i]) : product);
    }
    return qst__dd_value(sum);
}

static double norm(ptrdiff_t n, const double *a, const double *weights)
{
    return sqrt(slow_sum(n, a, a, weights));
}

/* ---- A pass: eta is kept, weights and y are what the sample has ---- */

typedef struct {
    const sample *s;
    double *eta;
} least_squares;

static qst_status weighted_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)err;
    const least_squares *work = data;
    assert_true(n >= 1 && n <= QST__BLOCK);
    for (ptrdiff_t i = 0; i < n; i++) {
        const double weight = work->s->weights[start + i];
        work->eta[start + i] = eta[i];
        if (weights_out != NULL) {
            weights_out[i] = weight;
        }
        if (residuals_out != NULL) {
            residuals_out[i] = weight * (work->s->y[start + i] - eta[i]);
        }
        sums[0] = qst__dd_add(sums[0], weight);
        sums[1] = qst__dd_add(sums[1], 1.0);
    }
    return QST_OK;
}

/* Everything that a design gives. */
typedef struct {
    double *gram, *cross, *eta, *quadratic, *b;
    double sums[2];
} answer;

static void free_answer(answer *a)
{
    free(a->gram);
    free(a->cross);
    free(a->eta);
    free(a->quadratic);
    free(a->b);
}

static void make_answer(answer *a, ptrdiff_t n, ptrdiff_t p)
{
    *a = (answer){doubles(p * p), doubles(p), doubles(n), doubles(n), doubles(p), {0.0, 0.0}};
    for (ptrdiff_t j = 0; j < p; j++) {
        a->b[j] = 1.0 / (double)(j + 2);
    }
}

static qst_status use_design(
    const qst_ctx *ctx, const sample *s, const qst__design *design, answer *a, qst_err *err)
{
    least_squares work = {s, a->eta};
    const qst__pass pass = {a->b, weighted_step, &work, 2, a->gram, a->cross, a->sums};
    qst_status status = qst__design_pass(ctx, design, &pass, err);
    if (status == QST_OK) {
        status = qst__design_quadratic(ctx, design, a->gram, a->quadratic, err);
    }
    return status;
}

static qst_status all_steps(
    const qst_ctx *ctx, const sample *s, bool centred, answer *a, qst_err *err)
{
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__design *design = NULL;
    qst_status status = qst__design_make(ctx, &arena, &s->model, &design, err);
    if (status == QST_OK) {
        make_answer(a, s->n, qst__design_cols(design));
        if (centred) {
            status = qst__design_centre(ctx, design, s->weights, err);
        }
        if (status == QST_OK) {
            status = use_design(ctx, s, design, a, err);
        }
    }
    qst__arena_free(&arena);
    return status;
}

/* The answer is what the n x p matrix gives. */
static void assert_answer(const sample *s, const answer *a, const double *x, ptrdiff_t p)
{
    double *residuals = doubles(s->n);
    double total = 0.0;
    for (ptrdiff_t i = 0; i < s->n; i++) {
        double eta = 0.0, size = 0.0, form = 0.0, form_size = 0.0;
        for (ptrdiff_t j = 0; j < p; j++) {
            eta += x[i + j * s->n] * a->b[j];
            size += fabs(x[i + j * s->n] * a->b[j]);
            for (ptrdiff_t k = 0; k < p; k++) {
                const double part = x[i + j * s->n] * a->gram[j + k * p] * x[i + k * s->n];
                form += part;
                form_size += fabs(part);
            }
        }
        assert_close(a->eta[i], eta, 0, 1e-14 * size);
        assert_close(a->quadratic[i], form, 0, 1e-13 * form_size);
        residuals[i] = s->y[i] - a->eta[i];
        total += s->weights[i];
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        const double *column = x + j * s->n;
        const double of_j = norm(s->n, column, s->weights);
        assert_close(a->cross[j], slow_sum(s->n, column, residuals, s->weights), 0,
            3e-15 * of_j * norm(s->n, residuals, s->weights));
        for (ptrdiff_t k = 0; k < p; k++) {
            const double *other = x + k * s->n;
            assert_close(a->gram[j + k * p], slow_sum(s->n, column, other, s->weights), 0,
                3e-15 * of_j * norm(s->n, other, s->weights));
        }
    }
    assert_close(a->sums[0], total, 1e-13, 0);
    assert_close(a->sums[1], (double)s->n, 0, 0);
    free(residuals);
}

static void test_every_model_is_its_matrix(void **state)
{
    (void)state;
    const ptrdiff_t sizes[] = {0, 1, 2, 127, 128, 129, 1000, 9001};
    for (size_t m = 0; m < N_MODELS; m++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            sample s;
            make_sample(&s, sizes[k], models[m]);
            const ptrdiff_t p = qst_model_cols(&s.model);
            double *x = expand(&s, p);
            answer a;
            assert_status(all_steps(NULL, &s, false, &a, NULL), QST_OK, NULL);
            assert_answer(&s, &a, x, p);
            free_answer(&a);
            free(x);
            free_rows(&s);
        }
    }
}

/* Columns of the slow matrix less their shifts, which are multiples of the constant. */
static void shift_columns(const qst__design *design, ptrdiff_t n, ptrdiff_t p, double *x)
{
    for (ptrdiff_t j = 0; j < p; j++) {
        const double shift = qst__design_multiple(design, j) * qst__design_constant(design);
        for (ptrdiff_t i = 0; i < n; i++) {
            x[i + j * n] -= shift;
        }
    }
}

static void test_every_model_can_be_centred(void **state)
{
    (void)state;
    for (size_t m = 0; m < N_MODELS; m++) {
        sample s;
        make_sample(&s, 2000, models[m]);
        const ptrdiff_t p = qst_model_cols(&s.model);
        double *x = expand(&s, p);
        qst__arena arena;
        qst__arena_init(&arena, NULL);
        qst__design *design = NULL;
        assert_status(qst__design_make(NULL, &arena, &s.model, &design, NULL), QST_OK, NULL);
        assert_int_equal(qst__design_cols(design), p);
        assert_int_equal(qst__design_rows(design), s.n);
        assert_status(qst__design_centre(NULL, design, s.weights, NULL), QST_OK, NULL);
        const bool has_constant = models[m][0][0] == '\0';
        assert_close(qst__design_constant(design), has_constant ? 1.0 : 0.0, 0, 0);
        shift_columns(design, s.n, p, x);
        answer a;
        make_answer(&a, s.n, p);
        assert_status(use_design(NULL, &s, design, &a, NULL), QST_OK, NULL);
        assert_answer(&s, &a, x, p);
        free_answer(&a);
        free(x);
        qst__arena_free(&arena);
        free_rows(&s);
    }
}

static void add_random_term(sample *s, uint64_t *seed)
{
    char letters[MAX_PARTS + 1] = "";
    const int n_parts = (int)(test_uniform(seed) * (MAX_PARTS + 1));
    for (int k = 0; k < n_parts; k++) {
        letters[k] = "abcABCxyz"[(int)(test_uniform(seed) * 9.0)];
    }
    add_term(s, letters);
}

static void test_random_models(void **state)
{
    (void)state;
    uint64_t seed = 99;
    int n_by_cells = 0;
    for (int m = 0; m < 80; m++) {
        sample s;
        make_rows(&s, 150 + 7 * m);
        add_term(&s, m % 2 == 0 ? "" : "A");
        const int n_terms = 1 + (int)(test_uniform(&seed) * (MAX_TERMS - 1));
        for (int t = 1; t < n_terms; t++) {
            add_random_term(&s, &seed);
        }
        const ptrdiff_t p = qst_model_cols(&s.model);
        double *x = expand(&s, p);
        qst__arena arena;
        qst__arena_init(&arena, NULL);
        qst__design *design = NULL;
        assert_status(qst__design_make(NULL, &arena, &s.model, &design, NULL), QST_OK, NULL);
        assert_status(qst__design_centre(NULL, design, s.weights, NULL), QST_OK, NULL);
        shift_columns(design, s.n, p, x);
        answer a;
        make_answer(&a, s.n, p);
        assert_status(use_design(NULL, &s, design, &a, NULL), QST_OK, NULL);
        assert_answer(&s, &a, x, p);
        n_by_cells += design->cells->n_cells > 0;
        free_answer(&a);
        free(x);
        qst__arena_free(&arena);
        free_rows(&s);
    }
    assert_true(n_by_cells >= 20 && n_by_cells <= 60);
}

static void test_numbers_are_centred_about_weighted_means(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 500, (const char *const[]){"", "a", "y", "ay", NULL});
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst__design *design = NULL;
    assert_status(qst__design_make(NULL, &arena, &s.model, &design, NULL), QST_OK, NULL);
    assert_status(qst__design_centre(NULL, design, s.weights, NULL), QST_OK, NULL);
    double total = 0.0, sum = 0.0;
    for (ptrdiff_t i = 0; i < s.n; i++) {
        total += s.weights[i];
        sum += s.weights[i] * s.x[1][i];
    }
    assert_close(qst__design_multiple(design, 3), sum / total, 1e-14, 0);
    assert_close(qst__design_multiple(design, 5), 0.0, 0, 0);
    double row[9];
    qst__design_fill(design, NULL, 7, 1, row, 1);
    assert_close(row[3], s.x[1][7] - sum / total, 1e-13, 0);
    qst__design_drop_centre(design);
    assert_close(qst__design_constant(design), 0.0, 0, 0);
    qst__design_fill(design, NULL, 7, 1, row, 1);
    assert_true(row[3] == s.x[1][7]);
    qst__arena_free(&arena);
    free_rows(&s);
}

/* Rows that do not count may differ: of the others nothing is left, exactly. */
static void test_equal_values_become_zero(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 300, (const char *const[]){"x", "z", NULL});
    for (ptrdiff_t i = 0; i < s.n; i++) {
        s.x[0][i] = s.weights[i] > 0.0 ? 2.0 : -7.0;
        s.x[2][i] = s.weights[i] > 0.0 ? 0.1 : 3.0;
    }
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst__design *design = NULL;
    assert_status(qst__design_make(NULL, &arena, &s.model, &design, NULL), QST_OK, NULL);
    assert_status(qst__design_centre(NULL, design, s.weights, NULL), QST_OK, NULL);
    assert_close(qst__design_constant(design), 2.0, 0, 0);
    double row[2];
    qst__design_fill(design, NULL, 0, 1, row, 1);
    assert_true(row[0] == 2.0 && row[1] == 0.0);
    memset(s.weights, 0, (size_t)s.n * sizeof(double));
    assert_status(qst__design_centre(NULL, design, s.weights, NULL), QST_OK, NULL);
    assert_close(qst__design_constant(design), 0.0, 0, 0);
    qst__arena_free(&arena);
    free_rows(&s);
}

/* b of x - 3 and x + 2 (from the constant 2): b0 2 + b1 (x - 3) + b2 (z + 2) has the constant
 * b0 - 1.5 b1 + b2, of variance v' V v with v = (1, -1.5, 1). */
static void test_uncentring_by_hand(void **state)
{
    (void)state;
    const double x[] = {2, 2, 2, 2, 2, 3, 3, 4, -1, -3, -3, -1};
    const qst_part part = {.x = x, .n_cols = 3};
    const qst_term term = {&part, 1};
    const qst_model model = {&term, 1, 4};
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst__design *design = NULL;
    assert_status(qst__design_make(NULL, &arena, &model, &design, NULL), QST_OK, NULL);
    assert_status(qst__design_centre(NULL, design, NULL, NULL), QST_OK, NULL);
    double b[] = {5, 2, 7}, low[] = {0, 0, 0}, v[] = {4, 1, 0, 1, 2, 1, 0, 1, 3};
    qst__design_uncentre(design, b, low, v);
    const double want_b[] = {9, 2, 7}, want_v[] = {5.5, -1, 1.5 + 0, -1, 2, 1, 1.5, 1, 3};
    for (int k = 0; k < 3; k++) {
        assert_close(b[k] + low[k], want_b[k], 0, 0);
    }
    for (int k = 0; k < 9; k++) {
        assert_close(v[k], want_v[k], 0, 0);
    }
    qst__arena_free(&arena);
}

static void test_rows_by_number(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 40, models[8]);
    const ptrdiff_t p = qst_model_cols(&s.model), rows[] = {39, 0, 17, 17};
    double *x = expand(&s, p), *panel = doubles(5 * p);
    qst__arena arena;
    qst__arena_init(&arena, NULL);
    qst__design *design = NULL;
    assert_status(qst__design_make(NULL, &arena, &s.model, &design, NULL), QST_OK, NULL);
    qst__design_fill(design, rows, 0, 4, panel, 5);
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t i = 0; i < 4; i++) {
            assert_true(panel[i + 5 * j] == x[rows[i] + s.n * j]);
        }
    }
    qst__arena_free(&arena);
    free(x);
    free(panel);
    free_rows(&s);
}

static void assert_refused(const sample *s, ptrdiff_t row, ptrdiff_t column, const char *text)
{
    qst_err err;
    qst_err_init(&err);
    answer a = {0};
    assert_status(all_steps(NULL, s, false, &a, &err), QST_EARGUMENT, &err);
    assert_int_equal(err.row, row);
    assert_int_equal(err.column, column);
    assert_text(&err, text);
}

static void test_bad_input_is_named(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 300, (const char *const[]){"", "a", "y", "xb", NULL});
    const double bad[] = {(double)NAN, (double)INFINITY};
    for (int k = 0; k < 2; k++) {
        const double before = s.x[1][200 + s.n];
        s.x[1][200 + s.n] = bad[k];
        assert_refused(&s, 200, 4, "not finite");
        s.x[1][200 + s.n] = before;
    }
    const int32_t codes[] = {0, 3, -1, QST_NA_INT};
    for (int k = 0; k < 4; k++) {
        const int32_t before = s.codes[1][299];
        s.codes[1][299] = codes[k];
        assert_refused(&s, 299, 5, "is not one of 2 levels");
        s.codes[1][299] = before;
    }
    s.x[0][3] = 1e200;
    s.model.n_terms = 0;
    add_term(&s, "xx");
    assert_refused(&s, 3, 0, "not finite");
    s.model.n_terms = 0;
    qst_err err;
    qst_err_init(&err);
    answer a = {0};
    assert_status(all_steps(NULL, &s, false, &a, &err), QST_EDIMENSION, &err);
    assert_text(&err, "no column");
    const qst_part wide = {.x = s.x[0], .n_cols = 65536};
    const qst_part twice[] = {wide, wide};
    s.terms[0] = (qst_term){twice, 2};
    s.model.n_terms = 1;
    qst_err_init(&err);
    assert_status(all_steps(NULL, &s, false, &a, &err), QST_EDIMENSION, &err);
    assert_text(&err, "2^31");
    free_rows(&s);
}

static qst_status failing_step(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)data;
    (void)eta;
    (void)weights_out;
    (void)residuals_out;
    (void)sums;
    return start + n > 5000
               ? qst__fail_at(err, QST_ERANGE, start, -1, (double)NAN, "block from %td", start)
               : QST_OK;
}

static void test_the_first_failing_block_decides(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 30000, models[5]);
    for (int n_threads = 1; n_threads <= 7; n_threads += 3) {
        test_memory memory = {0};
        const qst_ctx ctx = test_ctx(&memory, n_threads);
        qst__arena arena;
        qst__arena_init(&arena, &ctx);
        qst__design *design = NULL;
        assert_status(qst__design_make(&ctx, &arena, &s.model, &design, NULL), QST_OK, NULL);
        const qst__pass pass = {.step = failing_step};
        qst_err err;
        qst_err_init(&err);
        assert_status(qst__design_pass(&ctx, design, &pass, &err), QST_ERANGE, &err);
        assert_true(err.row + QST__BLOCK >= 5000 && err.row <= 5000);
        qst__arena_free(&arena);
    }
    free_rows(&s);
}

static qst_status entry(const qst_ctx *ctx, void *data, qst_err *err)
{
    const sample *s = data;
    answer a = {0};
    const qst_status status = all_steps(ctx, s, true, &a, err);
    free_answer(&a);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 300, models[5]);
    assert_true(assert_survives_no_memory(entry, &s) >= 8);
    free_rows(&s);
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    sample s;
    make_sample(&s, 1000000, models[5]);
    assert_cancels(entry, &s, 1);
    assert_cancels(entry, &s, 2);
    free_rows(&s);
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    for (size_t m = 2; m < N_MODELS; m += 3) {
        sample s;
        make_sample(&s, 100000, models[m]);
        const size_t p = (size_t)qst_model_cols(&s.model);
        const int n_threads[] = {1, 2, 7};
        answer a[3];
        for (int k = 0; k < 3; k++) {
            test_memory memory = {0};
            const qst_ctx ctx = test_ctx(&memory, n_threads[k]);
            assert_status(all_steps(&ctx, &s, true, &a[k], NULL), QST_OK, NULL);
            assert_memory_equal(a[k].gram, a[0].gram, p * p * sizeof(double));
            assert_memory_equal(a[k].cross, a[0].cross, p * sizeof(double));
            assert_memory_equal(a[k].eta, a[0].eta, (size_t)s.n * sizeof(double));
            assert_memory_equal(a[k].quadratic, a[0].quadratic, (size_t)s.n * sizeof(double));
            assert_memory_equal(a[k].sums, a[0].sums, sizeof a[0].sums);
        }
        for (int k = 0; k < 3; k++) {
            free_answer(&a[k]);
        }
        free_rows(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_model_is_its_matrix),
        cmocka_unit_test(test_every_model_can_be_centred),
        cmocka_unit_test(test_random_models),
        cmocka_unit_test(test_numbers_are_centred_about_weighted_means),
        cmocka_unit_test(test_equal_values_become_zero),
        cmocka_unit_test(test_uncentring_by_hand),
        cmocka_unit_test(test_rows_by_number),
        cmocka_unit_test(test_bad_input_is_named),
        cmocka_unit_test(test_the_first_failing_block_decides),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
