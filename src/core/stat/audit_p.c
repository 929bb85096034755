#include "stat/audit.h"

/* P-values from a printed statistic and its degrees of freedom. Each falls as the size of the
 * statistic grows, so the ends of its interval are at the ends of the statistic's. */

/* All degrees of freedom that a printed number may stand for. Welch's are no whole numbers, and
 * some print them cut off, whatever they do elsewhere. */
static qst__interval df_interval(const qst__audit *audit, const qst_check *check, int k)
{
    const qst_printed *cell = qst__input(audit, check, k);
    qst__interval df = qst__input_interval(audit, check, k);
    if (cell->kind == QST_CELL_NUMBER && cell->decimals == 0) {
        df.high = (double)cell->digits + 1.0;
    }
    return df;
}

bool qst__range_p_t(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n < 2) {
        return false;
    }
    const qst__interval t = qst__sizes(qst__input_interval(audit, check, 0));
    const qst__interval df = df_interval(audit, check, 1);
    range_out->value =
        qst_tail_t(qst__input_value(audit, check, 0), qst__input_value(audit, check, 1));
    range_out->low = qst_tail_t(t.high, df.high);
    range_out->high = qst_tail_t(t.low, df.low);
    return true;
}

bool qst__range_p_normal(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n < 1) {
        return false;
    }
    const qst__interval z = qst__sizes(qst__input_interval(audit, check, 0));
    range_out->value = qst_tail_normal(qst__input_value(audit, check, 0));
    range_out->low = qst_tail_normal(z.high);
    range_out->high = qst_tail_normal(z.low);
    return true;
}

bool qst__range_p_chisq(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n < 2) {
        return false;
    }
    const qst__interval x = qst__input_interval(audit, check, 0);
    const double df = qst__input_value(audit, check, 1);
    range_out->value = qst_tail_chisq(qst__input_value(audit, check, 0), df);
    range_out->low = qst_tail_chisq(x.high, df);
    range_out->high = qst_tail_chisq(x.low, df);
    return true;
}

/* The tail of F need not be monotone in df2, so a df2 that is no count is looked at in between. */
#define DF2_STEPS 8

bool qst__range_p_f(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n < 3) {
        return false;
    }
    const qst__interval f = qst__input_interval(audit, check, 0);
    const qst__interval df2 = df_interval(audit, check, 2);
    const double df1 = qst__input_value(audit, check, 1);
    const int n_steps = df2.high > df2.low ? DF2_STEPS : 0;
    range_out->value =
        qst_tail_f(qst__input_value(audit, check, 0), df1, qst__input_value(audit, check, 2));
    range_out->low = qst_tail_f(f.high, df1, df2.low);
    range_out->high = qst_tail_f(f.low, df1, df2.low);
    for (int k = 1; k <= n_steps; k++) {
        const double df = df2.low + (df2.high - df2.low) * k / n_steps;
        range_out->low = fmin(range_out->low, qst_tail_f(f.high, df1, df));
        range_out->high = fmax(range_out->high, qst_tail_f(f.low, df1, df));
    }
    return true;
}
