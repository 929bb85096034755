#include "stat/impute_levels.h"

#include <math.h>
#include <string.h>

/* The search ends when the squared length of Newton's step in standard errors is at most this: the
 * step after it is its square. */
#define TOLERANCE 1e-5
#define MOST_STEPS 50
#define MOST_HALVINGS 30
/* What rounding may take from a log likelihood. */
#define SLACK 1e-10
/* Below this the information is rounding error. */
#define SHARE_LEFT 1e-13
/* Steps after which likelihoods without a maximum have shown it. */
#define MOST_SEPARATED 10
/* Below every log likelihood that is finite. */
#define LEAST (-1e300)

/* ---- Room ---- */

typedef struct {
    ptrdiff_t n_levels, n_columns, n_rows, n_parameters;
} sizes;

static ptrdiff_t added_rows(const qst__level_model *model, ptrdiff_t n_levels, ptrdiff_t n_columns)
{
    return 2 * (n_columns - 1) * (model->one_row_a_level ? n_levels : 1);
}

static sizes most(const qst__visit *shape, const qst__level_model *model)
{
    const ptrdiff_t n_levels = qst__min(shape->n_levels, QST__MOST_PARAMETERS + 1);
    const ptrdiff_t n_columns = shape->n_columns;
    const ptrdiff_t n_rows = shape->x.n_rows + added_rows(model, n_levels, n_columns);
    const ptrdiff_t n = model->n_parameters(n_levels, n_columns);
    return (sizes){n_levels, n_columns, n_rows + QST__BLOCK,
        qst__max(qst__min(n, 2 * QST__MOST_PARAMETERS), n_columns)};
}

ptrdiff_t qst__levels_room(const qst__visit *shape, const qst__level_model *model)
{
    const sizes s = most(shape, model);
    return s.n_rows * (s.n_columns + 2) + 2 * shape->n_levels + 3 * s.n_columns +
           (s.n_levels + 4) * QST__BLOCK + 4 * s.n_parameters * (s.n_parameters + 1) +
           5 * s.n_parameters;
}

static void lay_out(qst__levels *levels)
{
    double *room = levels->visit->room;
    const sizes s = most(levels->visit, levels->model);
    levels->code = qst__take(&room, levels->visit->n_levels);
    levels->frequency = qst__take(&room, levels->visit->n_levels);
    levels->column = (ptrdiff_t *)(void *)qst__take(&room, s.n_columns);
    levels->mean = qst__take(&room, s.n_columns);
    levels->sd = qst__take(&room, s.n_columns);
    levels->panels = qst__take(&room, s.n_rows * s.n_columns);
    levels->level = qst__take(&room, s.n_rows);
    levels->weight = qst__take(&room, s.n_rows);
    levels->probability = qst__take(&room, s.n_levels * QST__BLOCK);
    levels->block = qst__take(&room, 4 * QST__BLOCK);
    levels->at = qst__take(&room, s.n_parameters);
    levels->drawn = qst__take(&room, s.n_parameters);
    levels->step = qst__take(&room, s.n_parameters);
    levels->gradient = qst__take(&room, s.n_parameters);
    levels->scratch = qst__take(&room, s.n_parameters);
    levels->information = qst__take(&room, s.n_parameters * (s.n_parameters + 1));
    levels->at_mode = qst__take(&room, s.n_parameters * (s.n_parameters + 1));
    levels->sums = (qst__dd *)(void *)room;
}

/* ---- Levels, rows and columns ---- */

/* Counts the observed levels. */
static void find_levels(qst__levels *levels)
{
    const qst__visit *visit = levels->visit;
    memset(levels->frequency, 0, (size_t)visit->n_levels * sizeof(double));
    for (ptrdiff_t i = 0; i < visit->n_observed; i++) {
        levels->frequency[(ptrdiff_t)visit->y[visit->observed[i]] - 1] += 1.0;
    }
    levels->n_levels = 0;
    for (ptrdiff_t code = 1; code <= visit->n_levels; code++) {
        const double n = levels->frequency[code - 1];
        if (n > 0.0) {
            levels->code[levels->n_levels] = (double)code;
            levels->frequency[levels->n_levels++] = n / (double)visit->n_observed;
        }
    }
}

/* The place of a code that is among them. */
static ptrdiff_t place_of(const qst__levels *levels, double code)
{
    ptrdiff_t low = 0, high = levels->n_levels - 1;
    while (low < high) {
        const ptrdiff_t middle = (low + high) / 2;
        if (levels->code[middle] < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void qst__levels_gather(
    const qst__levels *levels, const ptrdiff_t *rows, ptrdiff_t n, double *panel)
{
    const qst_cmat x = levels->visit->x;
    for (ptrdiff_t k = 0; k < levels->n_columns; k++) {
        const double *column = x.data + levels->column[k] * x.ld;
        const double mean = levels->mean[k], scale = 1.0 / levels->sd[k];
        double *out = panel + k * QST__BLOCK;
        for (ptrdiff_t i = 0; i < n; i++) {
            out[i] = (column[rows[i]] - mean) * scale;
        }
        for (ptrdiff_t i = n; i < QST__BLOCK; i++) {
            out[i] = 0.0;
        }
    }
}

static void gather_observed(qst__levels *levels)
{
    const qst__visit *visit = levels->visit;
    for (ptrdiff_t first = 0; first < visit->n_observed; first += QST__BLOCK) {
        const ptrdiff_t n = qst__min(visit->n_observed - first, QST__BLOCK);
        qst__levels_gather(
            levels, visit->observed + first, n, levels->panels + first * levels->n_columns);
    }
}

/* Cross-products of all columns, as they are, of the observed rows. */
static void find_gram(qst__levels *levels)
{
    const qst__visit *visit = levels->visit;
    levels->n_columns = visit->n_columns;
    for (ptrdiff_t j = 0; j < visit->n_columns; j++) {
        levels->column[j] = visit->columns[j];
        levels->mean[j] = 0.0;
        levels->sd[j] = 1.0;
    }
    gather_observed(levels);
    double *ones = levels->block;
    for (ptrdiff_t i = 0; i < QST__BLOCK; i++) {
        ones[i] = 1.0;
    }
    const ptrdiff_t p = levels->n_columns;
    memset(levels->sums, 0, (size_t)(p * (p + 1) / 2) * sizeof(qst__dd));
    for (ptrdiff_t first = 0; first < visit->n_observed; first += QST__BLOCK) {
        qst__gram_block(levels->panels + first * p, p, ones, levels->sums);
    }
    qst__spread_triangle(levels->sums, p, levels->information);
}

/* Means and SDs of the kept columns. A column that is not collinear with the intercept has an SD
 * above 1e-4 of its root mean square. */
static void keep_columns(qst__levels *levels)
{
    const ptrdiff_t p = levels->visit->n_columns;
    double *gram = levels->information;
    const double n = gram[0];
    for (ptrdiff_t j = 0; j < p; j++) { /* the factor will stand where these are */
        const double mean = gram[j * p] / n;
        levels->mean[j] = j == 0 ? 0.0 : mean;
        levels->sd[j] = j == 0 ? 1.0 : sqrt(fmax(gram[j + j * p] / n - mean * mean, 0.0));
    }
    const ptrdiff_t a_column = levels->model->n_parameters(levels->n_levels, 2) -
                               levels->model->n_parameters(levels->n_levels, 1);
    qst__visit_choose(levels->visit, a_column, (qst_mat){gram, p, p, p}, levels->gradient);
    levels->n_columns = 0;
    for (ptrdiff_t j = 0; j < p; j++) {
        if (!levels->visit->left_out[j]) {
            const ptrdiff_t k = levels->n_columns++;
            levels->column[k] = levels->visit->columns[j];
            levels->mean[k] = levels->mean[j];
            levels->sd[k] = levels->sd[j];
        }
    }
}

/* Rows added at + and - 1 SD of each predictor. */
static void add_rows(qst__levels *levels)
{
    const ptrdiff_t p = levels->n_columns;
    const ptrdiff_t n_each = levels->model->one_row_a_level ? levels->n_levels : 1;
    for (ptrdiff_t row = levels->n_data; row < levels->n_rows; row++) {
        const ptrdiff_t nth = (row - levels->n_data) / n_each, block = row / QST__BLOCK;
        double *cells = levels->panels + block * QST__BLOCK * p + row % QST__BLOCK;
        cells[0] = 1.0;
        cells[(1 + nth / 2) * QST__BLOCK] = nth % 2 == 0 ? 1.0 : -1.0;
        levels->level[row] =
            levels->model->one_row_a_level ? (double)((row - levels->n_data) % n_each) : -1.0;
    }
}

void qst__levels_weigh(const qst__levels *levels, double observed, double added)
{
    const double p = (double)(levels->n_columns - 1);
    for (ptrdiff_t row = 0; row < levels->n_data; row++) {
        levels->weight[row] = observed;
    }
    for (ptrdiff_t row = levels->n_data; row < levels->n_rows; row++) {
        const double level = levels->level[row];
        const double share = level < 0.0 ? 1.0 : levels->frequency[(ptrdiff_t)level];
        levels->weight[row] = added * share * (p + 1.0) / (2.0 * p);
    }
}

static void make_rows(qst__levels *levels)
{
    const qst__visit *visit = levels->visit;
    levels->n_data = visit->n_observed;
    levels->n_rows =
        levels->n_data + added_rows(levels->model, levels->n_levels, levels->n_columns);
    levels->n_blocks = (levels->n_rows + QST__BLOCK - 1) / QST__BLOCK;
    const ptrdiff_t n_padded = levels->n_blocks * QST__BLOCK;
    const ptrdiff_t first = levels->n_data / QST__BLOCK * QST__BLOCK;
    memset(levels->panels + first * levels->n_columns, 0,
        (size_t)((n_padded - first) * levels->n_columns) * sizeof(double));
    gather_observed(levels);
    for (ptrdiff_t i = 0; i < n_padded; i++) {
        const bool is_data = i < levels->n_data;
        levels->level[i] = is_data ? (double)place_of(levels, visit->y[visit->observed[i]]) : 0.0;
        levels->weight[i] = 0.0;
    }
    add_rows(levels);
    qst__levels_weigh(levels, 1.0, 1.0);
}

/* ---- The mode ---- */

static qst_mat information(const qst__levels *levels)
{
    return (qst_mat){levels->information, levels->n, levels->n, levels->n};
}

/* Newton's step, and its squared length in standard errors. */
static double find_step(const qst__levels *levels)
{
    const qst_mat a = information(levels);
    qst__cholesky(a, SHARE_LEFT, levels->scratch);
    memcpy(levels->step, levels->gradient, (size_t)levels->n * sizeof(double));
    qst__solve_upper_transposed(qst__view(a), levels->step);
    double length = 0.0;
    for (ptrdiff_t k = 0; k < levels->n; k++) {
        length += levels->step[k] * levels->step[k];
    }
    qst__solve_upper(qst__view(a), levels->step);
    return length;
}

static void move(const qst__levels *levels, double share)
{
    for (ptrdiff_t k = 0; k < levels->n; k++) {
        levels->at[k] += share * levels->step[k];
    }
}

/* The step, halved until the log likelihood does not fall. */
static double climb(const qst__levels *levels, double value)
{
    const double least = value - SLACK * (1.0 + fabs(value));
    double share = 1.0;
    move(levels, share);
    double next = levels->model->evaluate(levels, levels->at, 0);
    for (int i = 0; i < MOST_HALVINGS && !(next >= least); i++) {
        share /= 2.0;
        move(levels, -share);
        next = levels->model->evaluate(levels, levels->at, 0);
    }
    return next;
}

static bool find_mode(const qst__levels *levels)
{
    levels->model->start(levels, levels->at);
    double value = levels->model->evaluate(levels, levels->at, 0);
    for (int i = 0; i < MOST_STEPS; i++) {
        const double length = find_step(levels);
        value = climb(levels, value);
        if (length <= TOLERANCE) {
            return true;
        }
    }
    return false;
}

/* Gradient and information of the observed rows alone where those of all are in
 * levels->at_mode: a pass over the added ones. */
static void take_off_added(const qst__levels *levels)
{
    const ptrdiff_t n = levels->n;
    qst__levels_weigh(levels, 0.0, 1.0);
    levels->model->evaluate(levels, levels->at, levels->n_data / QST__BLOCK);
    for (ptrdiff_t k = 0; k < n; k++) {
        levels->gradient[k] = levels->at_mode[k] - levels->gradient[k];
    }
    for (ptrdiff_t k = 0; k < n * n; k++) {
        levels->information[k] = levels->at_mode[n + k] - levels->information[k];
    }
}

/*
 * Whether the likelihood of the observed rows alone has no maximum. It has one
 * if and only if every row's scores, with some positive weights, add up to 0
 * (Albert & Anderson 1984, Biometrika 71:1-10, by a theorem of the
 * alternative). Newton's step makes their first-order change cancel the
 * gradient; so if no residual changes its sign, the changed residuals are such
 * weights. A maximum is reached by ever shorter steps; towards infinity every
 * step is about 1 in some row.
 */
static bool is_separated(const qst__levels *levels)
{
    take_off_added(levels);
    qst__levels_weigh(levels, 1.0, 0.0);
    for (int i = 0; i < MOST_SEPARATED; i++) {
        find_step(levels);
        if (levels->model->largest_change(levels, levels->at, levels->step) < 1.0) {
            return false;
        }
        climb(levels, LEAST);
    }
    return true;
}

void qst__levels_keep_mode(const qst__levels *levels)
{
    const size_t n = (size_t)levels->n;
    memcpy(levels->at_mode, levels->gradient, n * sizeof(double));
    memcpy(levels->at_mode + n, levels->information, n * n * sizeof(double));
}

void qst__levels_decide_separated(const qst__levels *levels)
{
    levels->visit->decided_out[QST_DECIDED_SEPARATED] =
        levels->n_columns > 1 && is_separated(levels);
}

/* ---- Draws ---- */

void qst__levels_draw_normal(const qst__levels *levels, const double *at, double *drawn_out)
{
    qst_rng rng = qst__visit_stream(levels->visit, QST__DRAW_PARAMETERS, 0);
    for (ptrdiff_t k = 0; k < levels->n; k++) {
        drawn_out[k] = qst_rng_normal(&rng);
    }
    const qst_mat a = information(levels);
    qst__cholesky(a, SHARE_LEFT, levels->scratch);
    qst__solve_upper(qst__view(a), drawn_out);
    for (ptrdiff_t k = 0; k < levels->n; k++) {
        drawn_out[k] += at[k];
    }
}

/* The level in which a uniform number falls. */
static double pick(const qst__levels *levels, ptrdiff_t i, double u)
{
    ptrdiff_t k = 0;
    for (; k < levels->n_levels - 1; k++) {
        u -= levels->probability[i + k * QST__BLOCK];
        if (u <= 0.0) {
            break;
        }
    }
    return levels->code[k];
}

static void draw_rows(const qst__levels *levels)
{
    const qst__visit *visit = levels->visit;
    for (ptrdiff_t first = 0; first < visit->n_missing; first += QST__BLOCK) {
        const ptrdiff_t n = qst__min(visit->n_missing - first, QST__BLOCK);
        qst__levels_gather(levels, visit->missing + first, n, levels->panels);
        levels->model->predict(levels, levels->drawn, levels->panels);
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t row = visit->row_numbers[visit->missing[first + i]];
            qst_rng rng = qst__visit_stream(visit, QST__DRAW_VALUE, row);
            visit->drawn_out[first + i] = pick(levels, i, qst_rng_uniform(&rng));
        }
    }
}

/* With as many levels as that, each missing row takes that of an observed row. */
static void draw_donors(const qst__visit *visit)
{
    visit->decided_out[QST_DECIDED_FEW_ROWS] = 1;
    for (ptrdiff_t i = 0; i < visit->n_missing; i++) {
        qst_rng rng =
            qst__visit_stream(visit, QST__DRAW_VALUE, visit->row_numbers[visit->missing[i]]);
        const uint32_t donor = qst_rng_below(&rng, (uint32_t)visit->n_observed);
        visit->drawn_out[i] = visit->y[visit->observed[donor]];
    }
    for (ptrdiff_t j = 1; j < visit->n_columns; j++) {
        visit->left_out[j] = 1;
    }
}

static void draw_one(const qst__levels *levels)
{
    levels->visit->decided_out[QST_DECIDED_ONE_VALUE] = 1;
    for (ptrdiff_t i = 0; i < levels->visit->n_missing; i++) {
        levels->visit->drawn_out[i] = levels->code[0];
    }
}

static bool has_model(const qst__levels *levels)
{
    return levels->n_levels > 1 && levels->n_levels <= QST__MOST_PARAMETERS + 1;
}

void qst__levels_fit(
    const qst__visit *visit, const qst__level_model *model, qst__levels *levels_out)
{
    *levels_out = (qst__levels){.visit = visit, .model = model};
    lay_out(levels_out);
    find_levels(levels_out);
    if (has_model(levels_out)) {
        find_gram(levels_out);
        keep_columns(levels_out);
        make_rows(levels_out);
        levels_out->n = model->n_parameters(levels_out->n_levels, levels_out->n_columns);
        visit->decided_out[QST_DECIDED_NOT_CONVERGED] = !find_mode(levels_out);
    }
}

static void draw_model(const qst__levels *levels)
{
    qst__levels_keep_mode(levels);
    levels->model->draw(levels);
    qst__levels_decide_separated(levels);
    draw_rows(levels);
}

void qst__levels_draw(const qst__visit *visit, const qst__level_model *model)
{
    qst__levels levels;
    qst__levels_fit(visit, model, &levels);
    if (has_model(&levels)) {
        draw_model(&levels);
    } else if (levels.n_levels == 1) {
        draw_one(&levels);
    } else {
        draw_donors(visit);
    }
}
