#include "stat/cells.h"

#include <string.h>

/* Moments of all cells that stay in the second cache. */
#define MAX_MOMENTS 0x1p16
/* With fewer rows to a cell the moments take longer to collect than they save. */
#define MIN_ROWS_PER_CELL 16

/* ---- Factors and carriers ---- */

static ptrdiff_t factor_at(const qst__cells *cells, const qst_part *part)
{
    ptrdiff_t k = 0;
    while (k < cells->n_factors && !(cells->factors[k].codes == part->codes &&
                                       cells->factors[k].n_levels == part->n_levels)) {
        k++;
    }
    return k;
}

static void add_factor(qst__cells *cells, const qst_part *part)
{
    const ptrdiff_t k = factor_at(cells, part);
    if (k == cells->n_factors) {
        cells->factors[k] = (qst__factor){.codes = part->codes, .n_levels = part->n_levels};
        cells->n_factors++;
    }
}

/* The columns of numbers of a product, in the order of its parts; returns how many. */
static ptrdiff_t list_numbers(
    const qst__design *design, const qst__product *product, const double **columns_out)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t k = 0; k < product->n_picks; k++) {
        const qst__pick *pick = &product->picks[k];
        if (pick->part->codes == NULL) {
            columns_out[n++] = pick->part->x + pick->column * design->model->n_rows;
        }
    }
    return n;
}

static ptrdiff_t carrier_at(const qst__cells *cells, const double *const *columns, ptrdiff_t n)
{
    for (ptrdiff_t a = 0; a < cells->n_carriers; a++) {
        const qst__carrier *carrier = &cells->carriers[a];
        ptrdiff_t k = 0;
        while (k < n && carrier->n_columns == n && carrier->columns[k] == columns[k]) {
            k++;
        }
        if (k == n && carrier->n_columns == n) {
            return a;
        }
    }
    return cells->n_carriers;
}

/* `columns` is room for all columns of all carriers. */
static void find_parts(const qst__design *design, qst__cells *cells, const double **columns)
{
    cells->carriers[0] = (qst__carrier){.columns = columns};
    cells->n_carriers = 1;
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        const qst__product *product = &design->columns[j];
        for (ptrdiff_t k = 0; k < product->n_picks; k++) {
            if (product->picks[k].part->codes != NULL) {
                add_factor(cells, product->picks[k].part);
            }
        }
        const ptrdiff_t n = list_numbers(design, product, columns);
        const ptrdiff_t a = carrier_at(cells, columns, n);
        if (a == cells->n_carriers) {
            cells->carriers[a] = (qst__carrier){.columns = columns, .n_columns = n};
            cells->n_carriers++;
            columns += n;
        }
        cells->carrier_of[j] = a;
    }
}

static qst_status make_lists(const qst__design *design, qst__cells *cells, qst_err *err)
{
    ptrdiff_t n_picks = 0;
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        n_picks += design->columns[j].n_picks;
    }
    const ptrdiff_t p = design->n_cols;
    const double **columns = NULL;
    struct {
        void *out;
        ptrdiff_t n;
        size_t size_bytes;
    } lists[] = {{&cells->factors, n_picks, sizeof(qst__factor)},
        {&cells->carriers, p + 1, sizeof(qst__carrier)}, {&columns, n_picks, sizeof *columns},
        {&cells->carrier_of, p, sizeof(ptrdiff_t)}, {&cells->lift, p, sizeof(double)},
        {&cells->drop, p, sizeof(double)}};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        const qst_status status =
            qst__arena_array(design->arena, lists[k].n, lists[k].size_bytes, lists[k].out, err);
        if (status != QST_OK) {
            return status;
        }
    }
    find_parts(design, cells, columns);
    return QST_OK;
}

ptrdiff_t qst__cells_record(const qst__cells *cells, bool has_cross, bool has_gram)
{
    return cells->width * (has_cross + (has_gram ? cells->n_carriers : 0));
}

/* Sets the factors' strides; 0 if cells do not pay. Moments cost by carriers, panels by columns; an
 * addition to a panel's sums is the cheaper. */
static ptrdiff_t count_cells(const qst__design *design, qst__cells *cells)
{
    const double record = (double)qst__cells_record(cells, true, true);
    double n_cells = 1.0;
    for (ptrdiff_t k = 0; k < cells->n_factors; k++) {
        cells->factors[k].stride = (int32_t)n_cells;
        n_cells *= cells->factors[k].n_levels;
        if (!(n_cells * record <= MAX_MOMENTS)) {
            return 0;
        }
    }
    const double n_rows = (double)design->model->n_rows;
    const bool pays = 2 * cells->n_carriers <= design->n_cols;
    return pays && n_rows >= MIN_ROWS_PER_CELL * n_cells ? (ptrdiff_t)n_cells : 0;
}

/* ---- Pieces ---- */

static int32_t level_in(const qst__factor *factor, ptrdiff_t cell)
{
    return (int32_t)(cell / factor->stride % factor->n_levels);
}

/* What column j multiplies its carrier by. */
static double multiplier(const qst__design *design, ptrdiff_t j, ptrdiff_t cell)
{
    const qst__product *product = &design->columns[j];
    double by = 1.0;
    for (ptrdiff_t k = 0; k < product->n_picks; k++) {
        const qst_part *part = product->picks[k].part;
        if (part->codes != NULL) {
            const qst__factor *factor = &design->cells->factors[factor_at(design->cells, part)];
            by *= part->coding[level_in(factor, cell) + product->picks[k].column * part->n_levels];
        }
    }
    return by;
}

/* Counts the pieces of all cells, and writes them unless `pieces` is NULL. */
static ptrdiff_t list_pieces(const qst__design *design, qst__piece *pieces)
{
    ptrdiff_t n = 0;
    for (ptrdiff_t c = 0; c < design->cells->n_cells; c++) {
        design->cells->first[c] = n;
        for (ptrdiff_t j = 0; j < design->n_cols; j++) {
            const double by = multiplier(design, j, c);
            if (by != 0.0 && pieces != NULL) {
                pieces[n] = (qst__piece){j, by};
            }
            n += by != 0.0;
        }
    }
    design->cells->first[design->cells->n_cells] = n;
    return n;
}

static qst_status make_pieces(qst__design *design, qst_err *err)
{
    qst__cells *cells = design->cells;
    qst_status status =
        qst__arena_array(design->arena, cells->n_cells + 1, sizeof(ptrdiff_t), &cells->first, err);
    if (status == QST_OK) {
        const ptrdiff_t n = list_pieces(design, NULL);
        status = qst__arena_array(design->arena, n, sizeof(qst__piece), &cells->pieces, err);
    }
    if (status == QST_OK) {
        list_pieces(design, cells->pieces);
    }
    return status;
}

qst_status qst__cells_make(qst__design *design, qst_err *err)
{
    qst__cells *cells = NULL;
    qst_status status = qst__arena_array(design->arena, 1, sizeof *cells, &cells, err);
    if (status == QST_OK) {
        status = make_lists(design, cells, err);
    }
    if (status != QST_OK) {
        return status;
    }
    cells->width = (cells->n_carriers + 3) / 4 * 4;
    cells->n_cells = count_cells(design, cells);
    design->cells = cells;
    return cells->n_cells > 0 ? make_pieces(design, err) : QST_OK;
}

void qst__cells_shift(const qst__design *design)
{
    qst__cells *cells = design->cells;
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        const qst__product *column = &design->columns[j];
        cells->drop[j] = column->has_numbers ? 0.0 : column->shift;
        if (column->has_numbers && !column->has_factors) {
            cells->carriers[cells->carrier_of[j]].shift = column->shift;
        }
    }
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        const qst__product *column = &design->columns[j];
        const double of_carrier = cells->carriers[cells->carrier_of[j]].shift;
        cells->lift[j] = column->has_numbers ? of_carrier - column->shift : 0.0;
    }
}

/* ---- From coefficients to cells ---- */

void qst__cells_tabulate(const qst__design *design, const double *b, double *table_out)
{
    const qst__cells *cells = design->cells;
    double dropped = 0.0;
    for (ptrdiff_t j = 0; j < design->n_cols; j++) {
        dropped += cells->drop[j] * b[j];
    }
    memset(table_out, 0, (size_t)(cells->n_cells * cells->width) * sizeof *table_out);
    for (ptrdiff_t c = 0; c < cells->n_cells; c++) {
        double *row = table_out + c * cells->width;
        for (ptrdiff_t k = cells->first[c]; k < cells->first[c + 1]; k++) {
            const qst__piece *piece = &cells->pieces[k];
            const double slope = piece->by * b[piece->column];
            row[cells->carrier_of[piece->column]] += slope;
            row[0] += slope * cells->lift[piece->column];
        }
        row[0] -= dropped;
    }
}

/* The form that matrix `a` makes of the carriers of one cell; `dropped` is a times what is dropped
 * from the columns. */
static void tabulate_form(
    const qst__design *design, ptrdiff_t c, const double *a, const double *dropped, double *form)
{
    const qst__cells *cells = design->cells;
    for (ptrdiff_t k = cells->first[c]; k < cells->first[c + 1]; k++) {
        const qst__piece *u = &cells->pieces[k];
        double *row = form + cells->carrier_of[u->column] * cells->width;
        const double lift = cells->lift[u->column];
        for (ptrdiff_t m = cells->first[c]; m < cells->first[c + 1]; m++) {
            const qst__piece *v = &cells->pieces[m];
            const double part = a[u->column + v->column * design->n_cols] * u->by * v->by;
            const ptrdiff_t other = cells->carrier_of[v->column];
            row[other] += part;
            row[0] += part * cells->lift[v->column];
            form[other] += lift * part;
            form[0] += lift * part * cells->lift[v->column];
        }
        row[0] -= 2.0 * u->by * dropped[u->column];
        form[0] -= 2.0 * u->by * lift * dropped[u->column];
    }
}

void qst__cells_tabulate_form(
    const qst__design *design, const double *a, double *dropped, double *table_out)
{
    const qst__cells *cells = design->cells;
    const ptrdiff_t p = design->n_cols, size = cells->n_carriers * cells->width;
    double of_drop = 0.0;
    for (ptrdiff_t j = 0; j < p; j++) {
        dropped[j] = 0.0;
        for (ptrdiff_t k = 0; k < p; k++) {
            dropped[j] += a[k + j * p] * cells->drop[k];
        }
        of_drop += dropped[j] * cells->drop[j];
    }
    memset(table_out, 0, (size_t)(cells->n_cells * size) * sizeof *table_out);
    for (ptrdiff_t c = 0; c < cells->n_cells; c++) {
        tabulate_form(design, c, a, dropped, table_out + c * size);
        table_out[c * size] += of_drop;
    }
}

/* ---- From moments to columns ---- */

/* Moment (a, b) of a cell's matrix. */
static qst__dd moment(const qst__cells *cells, const qst__dd *matrix, ptrdiff_t a, ptrdiff_t b)
{
    return matrix[qst__min(a, b) * cells->width + qst__max(a, b)];
}

/* Residuals of a cell times column `j` before its multiplier. */
static qst__dd lifted(const qst__cells *cells, const qst__dd *vector, ptrdiff_t j)
{
    const qst__dd of_carrier = vector[cells->carrier_of[j]];
    const double lift = cells->lift[j];
    return lift != 0.0 ? qst__dd_sum(of_carrier, qst__dd_times(vector[0], lift)) : of_carrier;
}

/* Weights of a cell times columns j and k before their multipliers. */
static qst__dd lifted_pair(const qst__cells *cells, const qst__dd *matrix, ptrdiff_t j, ptrdiff_t k)
{
    const ptrdiff_t a = cells->carrier_of[j], b = cells->carrier_of[k];
    const double of_j = cells->lift[j], of_k = cells->lift[k];
    qst__dd sum = moment(cells, matrix, a, b);
    if (of_j != 0.0) {
        sum = qst__dd_sum(sum, qst__dd_times(moment(cells, matrix, 0, b), of_j));
    }
    if (of_k != 0.0) {
        sum = qst__dd_sum(sum, qst__dd_times(moment(cells, matrix, a, 0), of_k));
    }
    if (of_j != 0.0 && of_k != 0.0) {
        sum = qst__dd_sum(sum, qst__dd_times(qst__dd_times(matrix[0], of_j), of_k));
    }
    return sum;
}

/* Adds a cell to the upper triangle, column-major. */
static void collect_cell(
    const qst__design *design, ptrdiff_t c, const qst__dd *matrix, qst__dd *gram)
{
    const qst__cells *cells = design->cells;
    const qst__piece *first = cells->pieces + cells->first[c];
    const qst__piece *end = cells->pieces + cells->first[c + 1];
    for (const qst__piece *v = first; v < end; v++) {
        for (const qst__piece *u = first; u <= v; u++) {
            qst__dd *sum = gram + u->column + v->column * design->n_cols;
            const qst__dd part = lifted_pair(cells, matrix, u->column, v->column);
            *sum = qst__dd_sum(*sum, qst__dd_times(part, u->by * v->by));
        }
    }
}

/* The columns less multiples of the first: g_jk - m_j g_0k - m_k g_0j + m_j m_k g_00. */
static void drop_means(const qst__design *design, qst__dd *gram)
{
    const ptrdiff_t p = design->n_cols;
    for (ptrdiff_t k = p - 1; k >= 1; k--) {
        const double of_k = design->cells->drop[k] / design->constant;
        /* The first row after dropping; from the end on, because columns before need it as it is.
         */
        const qst__dd top = qst__dd_sum(gram[k * p], qst__dd_times(gram[0], -of_k));
        for (ptrdiff_t j = 1; j <= k; j++) {
            const double of_j = design->cells->drop[j] / design->constant;
            qst__dd *sum = gram + j + k * p;
            *sum = qst__dd_sum(*sum, qst__dd_times(gram[j * p], -of_k));
            *sum = qst__dd_sum(*sum, qst__dd_times(top, -of_j));
        }
        gram[k * p] = top;
    }
}

static void collect_gram(const qst__design *design, const qst__dd *moments, ptrdiff_t record,
    qst__dd *gram, double *gram_out)
{
    const ptrdiff_t p = design->n_cols;
    for (ptrdiff_t c = 0; c < design->cells->n_cells; c++) {
        collect_cell(design, c, moments + c * record, gram);
    }
    if (design->constant != 0.0) {
        drop_means(design, gram);
    }
    for (ptrdiff_t k = 0; k < p; k++) {
        for (ptrdiff_t j = 0; j <= k; j++) {
            gram_out[j + k * p] = qst__dd_value(gram[j + k * p]);
            gram_out[k + j * p] = gram_out[j + k * p];
        }
    }
}

static void collect_cross(const qst__design *design, const qst__dd *moments, ptrdiff_t record,
    qst__dd *cross, double *cross_out)
{
    const qst__cells *cells = design->cells;
    for (ptrdiff_t c = 0; c < cells->n_cells; c++) {
        for (ptrdiff_t k = cells->first[c]; k < cells->first[c + 1]; k++) {
            const qst__piece *piece = &cells->pieces[k];
            const qst__dd part = lifted(cells, moments + c * record, piece->column);
            cross[piece->column] =
                qst__dd_sum(cross[piece->column], qst__dd_times(part, piece->by));
        }
    }
    cross_out[0] = qst__dd_value(cross[0]);
    for (ptrdiff_t j = 1; j < design->n_cols; j++) {
        const double multiple = cells->drop[j] != 0.0 ? cells->drop[j] / design->constant : 0.0;
        cross_out[j] = qst__dd_value(qst__dd_sum(cross[j], qst__dd_times(cross[0], -multiple)));
    }
}

qst_status qst__cells_collect(const qst_ctx *ctx, const qst__design *design, const qst__dd *moments,
    double *cross_out, double *gram_out, qst_err *err)
{
    const ptrdiff_t p = design->n_cols;
    const ptrdiff_t record = qst__cells_record(design->cells, cross_out != NULL, gram_out != NULL);
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__dd *sums = NULL;
    const qst_status status =
        qst__arena_array(&arena, p + (gram_out != NULL ? p * p : 0), sizeof(qst__dd), &sums, err);
    if (status == QST_OK && cross_out != NULL) {
        collect_cross(design, moments, record, sums, cross_out);
        moments += design->cells->width;
    }
    if (status == QST_OK && gram_out != NULL) {
        collect_gram(design, moments, record, sums + p, gram_out);
    }
    qst__arena_free(&arena);
    return status;
}
