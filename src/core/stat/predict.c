#include "stat/design.h"

#include <math.h>
#include <string.h>

/* A pass that keeps the linear predictor. */
static qst_status keep_eta(void *data, ptrdiff_t start, ptrdiff_t n, const double *eta,
    double *weights_out, double *residuals_out, qst__dd *sums, qst_err *err)
{
    (void)weights_out;
    (void)residuals_out;
    (void)sums;
    (void)err;
    memcpy((double *)data + start, eta, (size_t)n * sizeof *eta);
    return QST_OK;
}

static qst_status check_finite(const double *x, ptrdiff_t n, const char *what, qst_err *err)
{
    for (ptrdiff_t k = 0; k < n; k++) {
        if (!isfinite(x[k])) {
            return qst__fail_at(err, QST_EARGUMENT, -1, -1, x[k], "%s number %td is %g, not finite",
                what, k + 1, x[k]);
        }
    }
    return QST_OK;
}

qst_status qst_model_predict(const qst_ctx *ctx, const qst_model *model, const double *b,
    const double *a, double *eta_out, double *quadratic_out, qst_err *err)
{
    const ptrdiff_t p = qst_model_cols(model);
    qst__arena arena;
    qst__arena_init(&arena, ctx);
    qst__design *design = NULL;
    qst_status status = qst__design_make(ctx, &arena, model, &design, err);
    if (status == QST_OK && eta_out != NULL) {
        status = check_finite(b, p, "coefficient", err);
    }
    if (status == QST_OK && quadratic_out != NULL) {
        status = check_finite(a, p * p, "element", err);
    }
    if (status == QST_OK && eta_out != NULL) {
        const qst__pass pass = {.b = b, .step = keep_eta, .data = eta_out};
        status = qst__design_pass(ctx, design, &pass, err);
    }
    if (status == QST_OK && quadratic_out != NULL) {
        status = qst__design_quadratic(ctx, design, a, quadratic_out, err);
    }
    qst__arena_free(&arena);
    return status;
}
