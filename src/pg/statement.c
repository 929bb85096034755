#include "pg/session.h"

#ifdef QST_HAVE_LIBPQ

#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Statements without rows ---- */

int64_t qst__pg_touched(PGresult *result)
{
    const char *count = result == NULL ? "" : PQcmdTuples(result);
    return count[0] == '\0' ? -1 : (int64_t)strtoll(count, NULL, 10);
}

qst_status qst__pg_sent(const qst_ctx *ctx, qst_pg *pg, int ok, qst_err *err)
{
    const qst_status status = ok == 1 ? qst__pg_flush(ctx, pg, err) : qst__pg_broken(pg, err);
    if (status == QST_ECANCEL) {
        qst__pg_cancel(pg);
    }
    return status;
}

qst_status qst__pg_begin_with(
    const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params, int *n_params_out, qst_err *err)
{
    const ptrdiff_t n = params == NULL ? 0 : params->n;
    *n_params_out = (int)qst__min(n, UINT16_MAX);
    if (n > UINT16_MAX) {
        return qst__fail(
            err, QST_EARGUMENT, "%td parameters, more than the 65535 a statement takes", n);
    }
    return qst__pg_begin(ctx, pg, err);
}

qst_status qst_pg_run(const qst_ctx *ctx, qst_pg *pg, const char *sql, const qst_pg_params *params,
    int64_t *n_rows_out, qst_err *err)
{
    PGresult *last = NULL;
    int n;
    *n_rows_out = -1;
    qst_status status = qst__pg_begin_with(ctx, pg, params, &n, err);
    if (status != QST_OK) {
        return status;
    }
    const int ok = n == 0
                       ? PQsendQuery(pg->conn, sql)
                       : PQsendQueryParams(pg->conn, sql, n, NULL, params->values, NULL, NULL, 0);
    status = qst__pg_sent(ctx, pg, ok, err);
    if (status == QST_OK) {
        status = qst__pg_finish(ctx, pg, NULL, &last, err);
    }
    *n_rows_out = qst__pg_touched(last);
    PQclear(last);
    return status;
}

/* ---- Preparing ---- */

qst_status qst_pg_prepare(const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err)
{
    PGresult *shape = NULL;
    qst_status status = qst__pg_begin(ctx, pg, err);
    if (status != QST_OK) {
        return status;
    }
    PQclear(pg->shape);
    pg->shape = NULL;
    status = qst__pg_sent(ctx, pg, PQsendPrepare(pg->conn, "", sql, 0, NULL), err);
    if (status == QST_OK) {
        status = qst__pg_finish(ctx, pg, NULL, NULL, err);
    }
    if (status == QST_OK) {
        status = qst__pg_sent(ctx, pg, PQsendDescribePrepared(pg->conn, ""), err);
    }
    if (status == QST_OK) {
        status = qst__pg_finish(ctx, pg, NULL, &shape, err);
    }
    pg->shape = shape;
    return status;
}

ptrdiff_t qst_pg_n_fields(const qst_pg *pg)
{
    return PQnfields(pg->shape);
}

qst_pg_field qst_pg_field_at(const qst_pg *pg, ptrdiff_t j)
{
    const int at = (int)j;
    return (qst_pg_field){.name = PQfname(pg->shape, at),
        .oid = PQftype(pg->shape, at),
        .typmod = PQfmod(pg->shape, at),
        .table_oid = PQftable(pg->shape, at),
        .table_column = PQftablecol(pg->shape, at)};
}

ptrdiff_t qst_pg_n_params(const qst_pg *pg)
{
    return PQnparams(pg->shape);
}

uint32_t qst_pg_param_oid(const qst_pg *pg, ptrdiff_t k)
{
    return PQparamtype(pg->shape, (int)k);
}

#endif
