#include "stat/impute.h"

#include <string.h>

#define ROWS_A_PARAMETER 2

/* Rows whose normals are drawn together. */
#define RUN 64

static qst_rng_address address_of(const qst__visit *visit, uint32_t purpose, ptrdiff_t row)
{
    return (qst_rng_address){.purpose = purpose,
        .replicate = visit->imputation,
        .variable = visit->variable_index,
        .iteration = visit->iteration + (visit->group << QST__GROUP_SHIFT),
        .row = (uint32_t)row};
}

qst_rng qst__visit_stream(const qst__visit *visit, uint32_t purpose, ptrdiff_t row)
{
    const qst_rng_address address = address_of(visit, purpose, row);
    qst_rng rng = {.n_left = 0};
    const qst_status status = qst_rng_init(&rng, visit->seed, &address, NULL);
    QST_ASSERT(status == QST_OK);
    (void)status;
    return rng;
}

void qst__visit_normals(const qst__visit *visit, double *out)
{
    const qst_rng_address address = address_of(visit, QST__DRAW_VALUE, 0);
    for (ptrdiff_t begin = 0; begin < visit->n_missing; begin += RUN) {
        const ptrdiff_t n = qst__min(RUN, visit->n_missing - begin);
        uint32_t rows[RUN];
        for (ptrdiff_t k = 0; k < n; k++) {
            rows[k] = (uint32_t)visit->row_numbers[visit->missing[begin + k]];
        }
        qst__rng_uniforms(visit->seed, &address, rows, n, out + begin);
    }
    qst__normal_quantiles(out, visit->n_missing, out);
}

/* How many columns the rows can bear, one at least. */
static ptrdiff_t most_columns(const qst__visit *visit, ptrdiff_t n_parameters)
{
    const ptrdiff_t parameters =
        qst__min(visit->n_observed / ROWS_A_PARAMETER, QST__MOST_PARAMETERS);
    return qst__max(parameters / n_parameters, 1);
}

ptrdiff_t qst__visit_choose(
    const qst__visit *visit, ptrdiff_t n_parameters, qst_mat gram, double *pivots_out)
{
    const ptrdiff_t most = most_columns(visit, n_parameters);
    qst__cholesky(gram, QST__TOL_ALIASED, pivots_out);
    ptrdiff_t n_kept = 0;
    for (ptrdiff_t j = 0; j < gram.n_cols; j++) {
        double *column = gram.data + j * gram.ld;
        const bool is_free = column[j] != 0.0, is_kept = is_free && n_kept < most;
        if (is_free && !is_kept) {
            visit->decided_out[QST_DECIDED_FEW_ROWS] = 1;
            memset(column, 0, (size_t)gram.n_rows * sizeof *column);
        }
        visit->left_out[j] = !is_kept;
        n_kept += is_kept;
    }
    return n_kept;
}
