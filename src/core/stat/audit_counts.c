#include "stat/audit.h"

/* The first par[0] inputs are added, the others taken away. */
bool qst__range_sum(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    qst__range sum = {0.0, 0.0, 0.0, (double)NAN};
    for (int k = 0; k < check->n; k++) {
        const double value = qst__input_value(audit, check, k);
        const qst__interval x = qst__input_interval(audit, check, k);
        const bool is_added = k < (int)check->par[0];
        sum.value += is_added ? value : -value;
        sum.low += is_added ? x.low : -x.high;
        sum.high += is_added ? x.high : -x.low;
    }
    *range_out = sum;
    return true;
}
