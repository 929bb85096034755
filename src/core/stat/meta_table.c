#include "base/base.h"

#include <math.h>

/* One table: a of n1 and c of n2 have the event. */
typedef struct {
    double a, b, c, d, n1, n2, n;
} table;

static table table_of(const qst_meta_tables *tables, ptrdiff_t i)
{
    const double a = tables->events1[i], c = tables->events2[i];
    const double n1 = tables->n1[i], n2 = tables->n2[i];
    return (table){a, n1 - a, c, n2 - c, n1, n2, n1 + n2};
}

static qst_status check_tables(const qst_meta_tables *tables, qst_err *err)
{
    for (ptrdiff_t i = 0; i < tables->k; i++) {
        const table t = table_of(tables, i);
        if (!(t.a >= 0.0 && t.b >= 0.0 && t.c >= 0.0 && t.d >= 0.0 && isfinite(t.n))) {
            return qst__fail_at(err, QST_ERANGE, i, -1, t.b < 0.0 ? t.a : t.c,
                "table %td has %g of %g and %g of %g with the event", i + 1, t.a, t.n1, t.c, t.n2);
        }
    }
    return QST_OK;
}

/* Robins, Breslow & Greenland (1986, Biometrics 42:311-323). */
static void pool_odds(const qst_meta_tables *tables, double *weight_out, qst_meta_pooled *pooled)
{
    double r = 0.0, s = 0.0, pr = 0.0, cross = 0.0, qs = 0.0;
    for (ptrdiff_t i = 0; i < tables->k; i++) {
        const table t = table_of(tables, i);
        const double ri = t.a * t.d / t.n, si = t.b * t.c / t.n;
        const double pi = (t.a + t.d) / t.n, qi = (t.b + t.c) / t.n;
        r += ri;
        s += si;
        pr += pi * ri;
        cross += pi * si + qi * ri;
        qs += qi * si;
        weight_out[i] = si;
    }
    pooled->estimate = log(r / s);
    pooled->variance = 0.5 * (pr / (r * r) + cross / (r * s) + qs / (s * s));
}

/* Greenland & Robins (1985, Biometrics 41:55-68). */
static void pool_risks(const qst_meta_tables *tables, double *weight_out, qst_meta_pooled *pooled)
{
    double r = 0.0, s = 0.0, sum = 0.0;
    for (ptrdiff_t i = 0; i < tables->k; i++) {
        const table t = table_of(tables, i);
        r += t.a * t.n2 / t.n;
        s += t.c * t.n1 / t.n;
        sum += (t.n1 * t.n2 * (t.a + t.c) / t.n - t.a * t.c) / t.n;
        weight_out[i] = t.c * t.n1 / t.n;
    }
    pooled->estimate = log(r / s);
    pooled->variance = sum / (r * s);
}

/* Sato (1989, Biometrics 45:1323-1324), or Greenland & Robins as RevMan has it. */
static void pool_differences(
    const qst_meta_tables *tables, bool sato, double *weight_out, qst_meta_pooled *pooled)
{
    double difference = 0.0, weight = 0.0, p = 0.0, q = 0.0, each = 0.0;
    for (ptrdiff_t i = 0; i < tables->k; i++) {
        const table t = table_of(tables, i);
        const double s1 = t.n1 / t.n, s2 = t.n2 / t.n;
        weight_out[i] = t.n1 * s2;
        difference += t.a * s2 - t.c * s1;
        weight += weight_out[i];
        p += t.c * s1 * s1 - t.a * s2 * s2 + s1 * s2 * (t.n2 - t.n1) / 2.0;
        q += (t.a * t.d + t.c * t.b) / t.n / 2.0;
        each += t.a * t.b * s2 * s2 / t.n1 + t.c * t.d * s1 * s1 / t.n2;
    }
    pooled->estimate = difference / weight;
    const double sum = sato ? pooled->estimate * p + q : each;
    pooled->variance = sum / (weight * weight);
}

/* Yusuf et al. (1985, Prog Cardiovasc Dis 27:335-371): observed less expected events over their
 * hypergeometric variance. */
static void pool_peto(const qst_meta_tables *tables, double *weight_out, qst_meta_pooled *pooled)
{
    double excess = 0.0, variance = 0.0, squares = 0.0;
    for (ptrdiff_t i = 0; i < tables->k; i++) {
        const table t = table_of(tables, i);
        const double events = t.a + t.c, others = t.b + t.d;
        const double above = t.a - events * t.n1 / t.n;
        const double v = events * others * (t.n1 / t.n) * (t.n2 / t.n) / (t.n - 1.0);
        weight_out[i] = v;
        excess += above;
        variance += v;
        squares += v > 0.0 ? above * above / v : 0.0;
        pooled->n_informative += v > 0.0;
    }
    pooled->estimate = excess / variance;
    pooled->variance = 1.0 / variance;
    pooled->q = fmax(0.0, squares - excess * excess / variance);
}

qst_status qst_meta_pool_tables(const qst_meta_tables *tables, qst_meta_table_method method,
    double *weight_out, qst_meta_pooled *pooled_out, qst_err *err)
{
    *pooled_out = (qst_meta_pooled){.q = (double)NAN};
    const qst_status status = check_tables(tables, err);
    if (status != QST_OK) {
        return status;
    }
    switch (method) {
    case QST_META_MH_OR:
        pool_odds(tables, weight_out, pooled_out);
        break;
    case QST_META_MH_RR:
        pool_risks(tables, weight_out, pooled_out);
        break;
    case QST_META_MH_RD:
    case QST_META_MH_RD_GR:
        pool_differences(tables, method == QST_META_MH_RD, weight_out, pooled_out);
        break;
    case QST_META_PETO:
        pool_peto(tables, weight_out, pooled_out);
        break;
    }
    if (!isfinite(pooled_out->estimate) || !isfinite(pooled_out->variance)) {
        return qst__fail(err, QST_ENODATA,
            "no study, or no arm, has an event (or has none without): nothing can be estimated");
    }
    return QST_OK;
}
