#include "stat/reconstruct.h"

#include <math.h>

#define LARGEST_SUM 4e18 /* of squares, less than half of what 64 bits hold */

/* ---- Room ---- */

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : greatest_divisor(b, a % b);
}

/* Least common multiple of the numbers of answers that so many kinds of skipping leave. */
static int64_t common_unit(const qst_cohort_plan *plan, int32_t n_skips)
{
    int64_t unit = plan->n_items;
    for (int32_t k = 1; k <= n_skips; k++) {
        const int64_t n = plan->n_items - k;
        unit = unit / greatest_divisor(unit, n) * n;
    }
    return unit;
}

bool qst__has_room(const qst__search *s, int32_t parts)
{
    const qst_cohort_plan *plan = s->plan;
    const double range = (double)plan->max - plan->min;
    const double answer = fmax(fmax(fabs((double)plan->min), fabs((double)plan->max)), range);
    const double score = answer * (double)s->unit * parts;
    return plan->n_people * score * score <= LARGEST_SUM;
}

static qst_status make_model(qst__arena *arena, qst__search *s, qst_err *err)
{
    const ptrdiff_t p = s->n_coef = s->plan->n_terms > 0 ? s->plan->n_terms + 1 : 0;
    const ptrdiff_t small = s->plan->n_arms + s->n_places;
    qst_status status = qst__mat_make(arena, p, p, &s->inverse, err);
    if (status == QST_OK) {
        status = qst__mat_make(arena, p, p, &s->gram, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, small, small, &s->small, err);
    }
    if (status == QST_OK) {
        status = qst__mat_make(arena, small, small, &s->small_inverse, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, p, sizeof *s->coef, &s->coef, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, p + small, sizeof *s->cross, &s->cross, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, p + small, sizeof *s->pivots, &s->pivots, err);
    }
    return status;
}

static void number_people(qst__search *s, int32_t *arm_of)
{
    int32_t i = 0;
    for (int32_t a = 0; a < s->plan->n_arms; a++) {
        s->arm_start[a] = i;
        for (int32_t k = 0; k < s->plan->arm_size[a]; k++) {
            arm_of[i++] = a;
        }
    }
    s->arm_start[s->plan->n_arms] = i;
    s->arm_of = arm_of;
}

static void number_places(qst__search *s)
{
    s->n_places = 1;
    for (int32_t c = 0; c < s->n_columns; c++) {
        s->first_level[c] = s->n_places;
        s->n_places += qst__is_numeric(s, c) ? 1 : s->plan->n_levels[c];
    }
}

qst_status qst__search_make(qst__arena *arena, const qst_cohort_plan *plan, qst_cohort *people,
    qst__search *s, qst_err *err)
{
    *s = (qst__search){.plan = plan, .people = people, .n_skips = plan->n_skips, .fineness = 1};
    s->unit = common_unit(plan, s->n_skips);
    while (s->n_skips > 0 && !qst__has_room(s, 1)) {
        s->unit = common_unit(plan, --s->n_skips);
    }
    s->score_per_unit = plan->score_items / (double)s->unit;
    s->n_columns = plan->n_covariates + plan->n_numeric;
    int32_t *arm_of = NULL;
    qst_status status = qst__arena_array(arena, plan->n_people, sizeof *arm_of, &arm_of, err);
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, plan->n_arms + 1, sizeof *s->arm_start, &s->arm_start, err);
    }
    if (status == QST_OK) {
        status =
            qst__arena_array(arena, s->n_columns, sizeof *s->first_level, &s->first_level, err);
    }
    if (status == QST_OK) {
        number_people(s, arm_of);
        number_places(s);
        const ptrdiff_t n_cells = (ptrdiff_t)plan->n_arms * s->n_places;
        status = qst__arena_array(arena, n_cells, sizeof *s->cells, &s->cells, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, plan->n_figures, sizeof *s->value, &s->value, err);
    }
    if (status == QST_OK) {
        status = qst__arena_array(arena, (ptrdiff_t)QST_N_VISITS * plan->n_people,
            sizeof *s->is_small, &s->is_small, err);
    }
    return status == QST_OK ? make_model(arena, s, err) : status;
}

/* ---- Moments ---- */

static void find_baseline_mean(qst__search *s)
{
    int64_t sum = 0;
    int64_t n = 0;
    for (int32_t a = 0; a < s->plan->n_arms; a++) {
        const qst__cell *cell = s->cells + (ptrdiff_t)a * s->n_places;
        sum += cell->baseline;
        n += cell->n - cell->n_lone;
    }
    s->baseline_mean = n > 0 ? (double)sum / (double)n : 0.0;
}

/* Moments of an outcome in one cell: those without baseline stand at its mean m, so that their
 * change is f - m and sum (f - m)^2 = sum f^2 - 2 m sum f + n m^2. */
static qst__moments moments(const qst__search *s, int32_t arm, int32_t place, int32_t outcome)
{
    const qst__cell *cell = s->cells + (ptrdiff_t)arm * s->n_places + place;
    const double m = s->baseline_mean;
    const double n_lone = (double)cell->n_lone;
    const double n = (double)cell->n;
    if (outcome == QST_OUTCOME_BASELINE) {
        return (qst__moments){
            n, (double)cell->baseline + n_lone * m, (double)cell->baseline_sq + n_lone * m * m};
    }
    if (outcome == QST_OUTCOME_FOLLOWUP) {
        return (qst__moments){
            n, (double)(cell->followup + cell->lone), (double)(cell->followup_sq + cell->lone_sq)};
    }
    return (qst__moments){n, (double)(cell->change + cell->lone) - n_lone * m,
        (double)(cell->change_sq + cell->lone_sq) - 2 * m * (double)cell->lone + n_lone * m * m};
}

/* The same for one arm or, if arm < 0, all of them. */
static qst__moments group(const qst__search *s, int32_t arm, int32_t place, int32_t outcome)
{
    if (arm >= 0) {
        return moments(s, arm, place, outcome);
    }
    qst__moments all = {0, 0, 0};
    for (int32_t a = 0; a < s->plan->n_arms; a++) {
        const qst__moments m = moments(s, a, place, outcome);
        all.n += m.n;
        all.sum += m.sum;
        all.sum_sq += m.sum_sq;
    }
    return all;
}

static double within_ss(qst__moments m)
{
    return m.sum_sq - m.sum * m.sum / m.n;
}

/* ---- The linear model ---- */

/* Term k of the model: an arm, a level or number, or (k = 0) everybody. */
static void term_at(const qst__search *s, ptrdiff_t k, int32_t *arm_out, int32_t *place_out)
{
    *arm_out = -1;
    *place_out = 0;
    if (k > 0) {
        const qst_cohort_term *term = &s->plan->terms[k - 1];
        *arm_out = term->covariate < 0 ? term->level : -1;
        *place_out = term->covariate < 0 ? 0 : qst__place(s, term->covariate, term->level);
    }
}

static double term_of(const qst__search *s, int32_t i, ptrdiff_t k)
{
    if (k == 0) {
        return 1;
    }
    const qst_cohort_term *term = &s->plan->terms[k - 1];
    if (term->covariate < 0) {
        return s->arm_of[i] == term->level;
    }
    const bool counts =
        qst__place_of(s, i, term->covariate) == qst__place(s, term->covariate, term->level);
    return counts ? qst__weight(s, i, term->covariate) : 0;
}

static bool invert(qst_mat a, qst_mat factor, qst_mat inverse_out, double *pivots)
{
    for (ptrdiff_t j = 0; j < a.n_cols; j++) {
        for (ptrdiff_t i = 0; i < a.n_rows; i++) {
            factor.data[i + j * factor.ld] = a.data[i + j * a.ld];
        }
    }
    if (qst__cholesky(factor, 1e-9, pivots) < a.n_cols) {
        return false;
    }
    qst__inverse_gram(qst__view(factor), inverse_out);
    return true;
}

static void count_row(qst__search *s, int32_t i)
{
    const ptrdiff_t p = s->n_coef;
    for (ptrdiff_t j = 0; j < p; j++) {
        const double x = term_of(s, i, j);
        for (ptrdiff_t k = 0; x != 0 && k < p; k++) {
            s->gram.data[j * p + k] += x * term_of(s, i, k);
        }
    }
}

bool qst__invert_design(qst__search *s)
{
    const ptrdiff_t p = s->n_coef;
    return invert(s->gram, (qst_mat){s->small.data, p, p, p}, s->inverse, s->pivots);
}

bool qst__count_design(qst__search *s)
{
    const ptrdiff_t p = s->n_coef;
    for (ptrdiff_t k = 0; k < p * p; k++) {
        s->gram.data[k] = 0;
    }
    for (int32_t i = 0; i < s->plan->n_people; i++) {
        count_row(s, i);
    }
    return qst__invert_design(s);
}

static void solve_model(qst__search *s)
{
    const int32_t outcome = s->plan->model_outcome;
    const ptrdiff_t p = s->n_coef;
    s->residual_ss = group(s, -1, 0, outcome).sum_sq;
    for (ptrdiff_t k = 0; k < p; k++) {
        int32_t arm, place;
        term_at(s, k, &arm, &place);
        s->cross[k] = group(s, arm, place, outcome).sum;
    }
    for (ptrdiff_t j = 0; j < p; j++) {
        double b = 0;
        for (ptrdiff_t k = 0; k < p; k++) {
            b += s->inverse.data[j * p + k] * s->cross[k];
        }
        s->coef[j] = b;
        s->residual_ss -= b * s->cross[j];
    }
}

static double model_figure(const qst__search *s, const qst_figure *figure)
{
    const ptrdiff_t j = figure->level;
    const double df = (double)(s->plan->n_people - s->n_coef);
    const double b = s->coef[j] * s->score_per_unit;
    const double se =
        sqrt(s->residual_ss / df * s->inverse.data[j * s->n_coef + j]) * s->score_per_unit;
    switch (figure->kind) {
    case QST_FIGURE_ESTIMATE:
        return b;
    case QST_FIGURE_SE:
        return se;
    case QST_FIGURE_RATIO:
        return b / se;
    case QST_FIGURE_LOW:
        return b - s->plan->t_quantile * se;
    default:
        return b + s->plan->t_quantile * se;
    }
}

/* ---- F and t ---- */

/* One-way F over the arms within a level, or over the levels of a covariate within an arm. */
static double one_way(const qst__search *s, const qst_figure *figure)
{
    const bool arms = figure->kind == QST_FIGURE_F_ARMS;
    const int32_t k = arms ? s->plan->n_arms : s->plan->n_levels[figure->covariate];
    qst__moments all = {0, 0, 0};
    double between = 0;
    for (int32_t g = 0; g < k; g++) {
        const int32_t arm = arms ? g : figure->arm;
        const int32_t level = arms ? figure->level : g;
        const qst__moments m =
            group(s, arm, qst__place(s, figure->covariate, level), figure->outcome);
        all.n += m.n;
        all.sum += m.sum;
        all.sum_sq += m.sum_sq;
        between += m.sum * m.sum / m.n;
    }
    const double within = all.sum_sq - between;
    between -= all.sum * all.sum / all.n;
    return (between / (k - 1)) / (within / (all.n - k));
}

static double student_t(const qst__search *s, const qst_figure *figure)
{
    const int32_t place = qst__place(s, figure->covariate, figure->level);
    const qst__moments a = group(s, figure->arm, place, figure->outcome);
    const qst__moments b = group(s, figure->reference, place, figure->outcome);
    const double variance = (within_ss(a) + within_ss(b)) / (a.n + b.n - 2);
    return (a.sum / a.n - b.sum / b.n) / sqrt(variance * (1 / a.n + 1 / b.n));
}

/* The difference of two arms' means, or (WELCH) its ratio to the standard error without pooling. */
static double contrast(const qst__search *s, const qst_figure *figure)
{
    const int32_t place = qst__place(s, figure->covariate, figure->level);
    const qst__moments a = group(s, figure->arm, place, figure->outcome);
    const qst__moments b = group(s, figure->reference, place, figure->outcome);
    const double difference = a.sum / a.n - b.sum / b.n;
    if (figure->kind == QST_FIGURE_DIFFERENCE) {
        return difference * s->score_per_unit;
    }
    return difference / sqrt(within_ss(a) / (a.n - 1) / a.n + within_ss(b) / (b.n - 1) / b.n);
}

static double paired_t(const qst__search *s, const qst_figure *figure)
{
    const int32_t place = qst__place(s, figure->covariate, figure->level);
    const qst__moments m = group(s, figure->arm, place, figure->outcome);
    return m.sum / m.n / sqrt(within_ss(m) / (m.n - 1) / m.n);
}

/* Adds a cell of the additive model arm + covariate to its normal equations: column arm, and column
 * n_arms + level - 1 unless the level is the first. */
static void add_additive(
    qst_mat gram, double *cross, int32_t n_arms, int32_t arm, int32_t level, qst__moments m)
{
    gram.data[arm * gram.ld + arm] += m.n;
    cross[arm] += m.sum;
    if (level > 0) {
        const ptrdiff_t k = n_arms + level - 1;
        gram.data[k * gram.ld + k] += m.n;
        gram.data[k * gram.ld + arm] += m.n;
        gram.data[arm * gram.ld + k] += m.n;
        cross[k] += m.sum;
    }
}

/* F of the interaction arm x covariate: additive against cell means. */
static double interaction(qst__search *s, const qst_figure *figure)
{
    const int32_t n_arms = s->plan->n_arms;
    const int32_t n_levels = s->plan->n_levels[figure->covariate];
    const ptrdiff_t p = n_arms + n_levels - 1;
    qst_mat gram = {s->small.data, p, p, p};
    qst_mat inverse = {s->small_inverse.data, p, p, p};
    double *cross = s->cross + s->n_coef;
    for (ptrdiff_t k = 0; k < p; k++) {
        cross[k] = 0;
    }
    for (ptrdiff_t k = 0; k < p * p; k++) {
        gram.data[k] = 0;
    }
    double additive = 0, full = 0, n = 0;
    for (int32_t a = 0; a < n_arms; a++) {
        for (int32_t l = 0; l < n_levels; l++) {
            const qst__moments m =
                moments(s, a, qst__place(s, figure->covariate, l), figure->outcome);
            add_additive(gram, cross, n_arms, a, l, m);
            additive += m.sum_sq;
            full += within_ss(m);
            n += m.n;
        }
    }
    qst__cholesky(gram, 1e-9, s->pivots);
    qst__inverse_gram(qst__view(gram), inverse);
    for (ptrdiff_t j = 0; j < p; j++) {
        for (ptrdiff_t k = 0; k < p; k++) {
            additive -= cross[j] * inverse.data[j * p + k] * cross[k];
        }
    }
    const double df = (n_arms - 1) * (n_levels - 1);
    return ((additive - full) / df) / (full / (n - n_arms * n_levels));
}

/* ---- All figures ---- */

static double figure_value(qst__search *s, const qst_figure *figure)
{
    const int32_t place =
        figure->kind <= QST_FIGURE_SD ? qst__place(s, figure->covariate, figure->level) : 0;
    switch (figure->kind) {
    case QST_FIGURE_MEAN: {
        const qst__moments m = group(s, figure->arm, place, figure->outcome);
        return m.sum / m.n * s->score_per_unit;
    }
    case QST_FIGURE_SD: {
        const qst__moments m = group(s, figure->arm, place, figure->outcome);
        return sqrt(within_ss(m) / (m.n - 1)) * s->score_per_unit;
    }
    case QST_FIGURE_F_ARMS:
    case QST_FIGURE_F_LEVELS:
        return one_way(s, figure);
    case QST_FIGURE_T:
        return student_t(s, figure);
    case QST_FIGURE_WELCH:
    case QST_FIGURE_DIFFERENCE:
        return contrast(s, figure);
    case QST_FIGURE_PAIRED:
        return paired_t(s, figure);
    case QST_FIGURE_F_INTERACTION:
        return interaction(s, figure);
    default:
        return model_figure(s, figure);
    }
}

double qst__figure(qst__search *s, const qst_figure *figure)
{
    find_baseline_mean(s);
    return figure_value(s, figure);
}

void qst__figures(qst__search *s)
{
    find_baseline_mean(s);
    if (s->n_coef > 0) {
        solve_model(s);
    }
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        s->value[k] = figure_value(s, &s->plan->figures[k]);
    }
}

double qst__misfit(qst__search *s)
{
    qst__figures(s);
    double sum = 0;
    for (int32_t k = 0; k < s->plan->n_figures; k++) {
        const qst_figure *figure = &s->plan->figures[k];
        const double excess = qst__excess(figure, s->value[k]) / qst__half(figure);
        sum += excess * excess;
    }
    return sum;
}
