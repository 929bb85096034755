/* The connector of a build without libpq: every entry that needs a server fails. */
#include "pg/pg.h"

#ifndef QST_HAVE_LIBPQ

#include "base/base.h"

static qst_status absent(qst_err *err)
{
    return qst__fail(err, QST_ECONNECTION, "this build has no libpq");
}

qst_status qst_pg_open(const qst_ctx *ctx, qst_conninfo *info, qst_pg **pg_out, qst_err *err)
{
    (void)ctx, (void)info;
    *pg_out = NULL;
    return absent(err);
}

qst_status qst_pg_defaults(qst_conninfo *info, qst_err *err)
{
    (void)info;
    return absent(err);
}

void qst_pg_close(qst_pg *pg)
{
    (void)pg;
}

void qst_pg_abandon(qst_pg *pg)
{
    (void)pg;
}

void qst_pg_settle(qst_pg *pg)
{
    (void)pg;
}

bool qst_pg_is_usable(const qst_pg *pg)
{
    (void)pg;
    return false;
}

const qst_pg_failure *qst_pg_last_failure(const qst_pg *pg)
{
    static const qst_pg_failure none = {"", "", "", "", "", "", "", "", "", 0, true};
    (void)pg;
    return &none;
}

const char *qst_pg_notices(qst_pg *pg)
{
    (void)pg;
    return "";
}

qst_pg_info qst_pg_describe(const qst_pg *pg)
{
    (void)pg;
    return (qst_pg_info){"", "", "", "", 0, 0, false, 'X'};
}

qst_status qst_pg_run(const qst_ctx *ctx, qst_pg *pg, const char *sql, const qst_pg_params *params,
    int64_t *n_rows_out, qst_err *err)
{
    (void)ctx, (void)pg, (void)sql, (void)params;
    *n_rows_out = -1;
    return absent(err);
}

qst_status qst_pg_prepare(const qst_ctx *ctx, qst_pg *pg, const char *sql, qst_err *err)
{
    (void)ctx, (void)pg, (void)sql;
    return absent(err);
}

ptrdiff_t qst_pg_n_fields(const qst_pg *pg)
{
    (void)pg;
    return 0;
}

qst_pg_field qst_pg_field_at(const qst_pg *pg, ptrdiff_t j)
{
    (void)pg, (void)j;
    return (qst_pg_field){.name = ""};
}

ptrdiff_t qst_pg_n_params(const qst_pg *pg)
{
    (void)pg;
    return 0;
}

uint32_t qst_pg_param_oid(const qst_pg *pg, ptrdiff_t k)
{
    (void)pg, (void)k;
    return 0;
}

qst_status qst_pg_start(const qst_ctx *ctx, qst_pg *pg, const qst_pg_params *params,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err)
{
    (void)ctx, (void)pg, (void)params, (void)rules, (void)n_rules;
    *rows_out = NULL;
    return absent(err);
}

qst_status qst_pg_start_copy(const qst_ctx *ctx, qst_pg *pg, const char *copy_sql,
    const qst_pg_rule *rules, ptrdiff_t n_rules, qst_pg_rows **rows_out, qst_err *err)
{
    (void)ctx, (void)pg, (void)copy_sql, (void)rules, (void)n_rules;
    *rows_out = NULL;
    return absent(err);
}

qst_status qst_pg_rows_none(const qst_ctx *ctx, const qst_pg_rule *rules, ptrdiff_t n_rules,
    qst_pg_rows **rows_out, qst_err *err)
{
    (void)ctx, (void)rules, (void)n_rules;
    *rows_out = NULL;
    return absent(err);
}

qst_status qst_pg_fetch(const qst_ctx *ctx, qst_pg_rows *rows, ptrdiff_t n_max, qst_err *err)
{
    (void)ctx, (void)rows, (void)n_max;
    return absent(err);
}

qst_pg_column *qst_pg_rows_column(qst_pg_rows *rows, ptrdiff_t j)
{
    (void)rows, (void)j;
    return NULL;
}

ptrdiff_t qst_pg_rows_n_columns(const qst_pg_rows *rows)
{
    (void)rows;
    return 0;
}

void qst_pg_rows_drop(qst_pg_rows *rows, ptrdiff_t j)
{
    (void)rows, (void)j;
}

bool qst_pg_rows_at_end(const qst_pg_rows *rows)
{
    (void)rows;
    return true;
}

ptrdiff_t qst_pg_rows_fetched(const qst_pg_rows *rows)
{
    (void)rows;
    return 0;
}

int64_t qst_pg_rows_touched(const qst_pg_rows *rows)
{
    (void)rows;
    return -1;
}

qst_status qst_pg_rows_stop(const qst_ctx *ctx, qst_pg_rows *rows, qst_err *err)
{
    (void)ctx, (void)rows;
    return absent(err);
}

void qst_pg_rows_free(qst_pg_rows *rows)
{
    (void)rows;
}

#endif
