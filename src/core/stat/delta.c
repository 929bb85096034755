#include "base/base.h"

#include <math.h>

#define PURPOSE 49

/* expit(logit(p) + delta), exactly p where delta is 0. */
static double shifted(double p, double delta)
{
    if (delta == 0.0 || p == 0.0 || p == 1.0) {
        return p;
    }
    return p / (p + (1.0 - p) * exp(-delta));
}

static qst_status check_value(const qst_delta *values, ptrdiff_t at, qst_err *err)
{
    const double p = values->probability[at], delta = values->delta[at];
    const ptrdiff_t row = at % values->n_values, column = at / values->n_values;
    if (!(p >= 0.0 && p <= 1.0)) {
        return qst__fail_at(
            err, QST_ERANGE, row, column, p, "probability %g is not one from 0 to 1", p);
    }
    if (isnan(delta)) {
        return qst__fail_at(err, QST_ERANGE, row, column, delta, "a shift is missing");
    }
    return QST_OK;
}

qst_status qst_delta_shift(
    const qst_delta *values, uint64_t seed, int32_t *second_out, qst_err *err)
{
    for (ptrdiff_t at = 0; at < values->n_values * values->n_imputations; at++) {
        qst_rng rng;
        const qst_rng_address address = {.purpose = PURPOSE,
            .replicate = (uint32_t)(at / values->n_values),
            .variable = (uint32_t)values->variable,
            .row = (uint32_t)(at % values->n_values)};
        qst_status status = check_value(values, at, err);
        if (status == QST_OK) {
            status = qst_rng_init(&rng, seed, &address, err);
        }
        if (status != QST_OK) {
            return status;
        }
        const double p = values->probability[at], u = qst_rng_uniform(&rng);
        const double latent = values->second[at] ? u * p : p + u * (1.0 - p);
        const double limit = shifted(p, values->delta[at]);
        second_out[at] = limit == p ? values->second[at] : latent < limit;
    }
    return QST_OK;
}
