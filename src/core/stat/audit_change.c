#include "stat/audit.h"

/* The same people measured twice. */

/* SD of the change for a correlation of the two visits. */
static double change_sd(double before, double after, double correlation)
{
    return sqrt(fmax(before * before + after * after - 2.0 * correlation * before * after, 0.0));
}

/* Correlations from 1 to -1 leave |after - before| to after + before. What is usual lies around
 * USUAL, give or take HALF: how surprising a printed SD is, not what is possible. */
#define USUAL 0.5
#define HALF 0.25

static qst__range change_sds(const qst__sample *before, const qst__sample *after)
{
    const qst__interval apart = qst__sizes(
        (qst__interval){after->sds.low - before->sds.high, after->sds.high - before->sds.low});
    const double low = change_sd(before->sd, after->sd, USUAL + HALF);
    const double high = change_sd(before->sd, after->sd, USUAL - HALF);
    return (qst__range){change_sd(before->sd, after->sd, USUAL), apart.low,
        before->sds.high + after->sds.high, 0.5 * (high - low)};
}

bool qst__range_change_sd(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    if (check->n < 6) {
        return false;
    }
    const qst__sample before = qst__input_sample(audit, check, 0);
    const qst__sample after = qst__input_sample(audit, check, 3);
    *range_out = change_sds(&before, &after);
    return true;
}

/* ---- t of the change ---- */

typedef struct {
    double n;
    qst__range mean, t;
    qst__range error; /* of the mean */
} change;

/* From n, mean and SD of the change, or of the visits if six inputs are given. */
static bool read_change(const qst__audit *audit, const qst_check *check, change *change_out)
{
    if (check->n != 3 && check->n != 6) {
        return false;
    }
    const qst__sample first = qst__input_sample(audit, check, 0);
    change_out->n = first.n;
    change_out->mean = (qst__range){first.mean, first.means.low, first.means.high, (double)NAN};
    change_out->error = (qst__range){first.sd, first.sds.low, first.sds.high, (double)NAN};
    if (check->n == 6) {
        const qst__sample after = qst__input_sample(audit, check, 3);
        change_out->mean = (qst__range){after.mean - first.mean, after.means.low - first.means.high,
            after.means.high - first.means.low, (double)NAN};
        change_out->error = change_sds(&first, &after);
    }
    const double root = sqrt(first.n);
    change_out->error.value /= root;
    change_out->error.low /= root;
    change_out->error.high /= root;
    change_out->error.spread /= root;
    change_out->t = qst__quotient(change_out->mean, change_out->error);
    change_out->t.spread =
        fabs(change_out->t.value) * change_out->error.spread / change_out->error.value;
    return first.n >= 2.0;
}

bool qst__range_paired(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    change x;
    if (!read_change(audit, check, &x)) {
        return false;
    }
    *range_out = x.t;
    return true;
}

bool qst__range_paired_p(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    change x;
    if (!read_change(audit, check, &x)) {
        return false;
    }
    *range_out = qst__t_tails(x.t, x.n - 1.0);
    return true;
}

bool qst__range_paired_limit(const qst__audit *audit, const qst_check *check, qst__range *range_out)
{
    change x;
    if (!read_change(audit, check, &x)) {
        return false;
    }
    *range_out = qst__limit(check, x.mean, qst__t_half(check, x.error, x.n - 1.0));
    return true;
}
