#include "pg/decode.h"

#include <string.h>

/* ---- Formats ---- */

#define FORMAT_NAME(name, text, n_bytes) text,
static const char *const format_names[] = {QST_PG_FORMAT_LIST(FORMAT_NAME)};

const char *qst_pg_format_name(qst_pg_format format)
{
    return (unsigned)format < QST_PG_N_FORMATS ? format_names[format] : "unknown";
}

qst_pg_format qst_pg_format_named(const char *name)
{
    for (int k = 0; k < QST_PG_N_FORMATS; k++) {
        if (strcmp(format_names[k], name) == 0) {
            return (qst_pg_format)k;
        }
    }
    return QST_PG_N_FORMATS;
}

/* ---- Making and freeing ---- */

static qst_pg_kind kind_of_bigint(qst_pg_bigint bigint)
{
    switch (bigint) {
    case QST_PG_BIGINT_INT64:
        return QST_PG_AS_INT64;
    case QST_PG_BIGINT_DOUBLE:
        return QST_PG_AS_DOUBLE;
    case QST_PG_BIGINT_INT:
        return QST_PG_AS_INT;
    default:
        return QST_PG_AS_TEXT;
    }
}

static qst_pg_kind kind_of(const qst_pg_rule *rule)
{
    if (rule->is_array) {
        return QST_PG_AS_LIST;
    }
    switch (rule->format) {
    case QST_PG_BOOL:
    case QST_PG_VOID:
        return QST_PG_AS_LOGICAL;
    case QST_PG_INT2:
    case QST_PG_INT4:
        return QST_PG_AS_INT;
    case QST_PG_INT8:
        return kind_of_bigint(rule->bigint);
    case QST_PG_OID:
    case QST_PG_FLOAT4:
    case QST_PG_FLOAT8:
    case QST_PG_DATE:
    case QST_PG_TIME:
    case QST_PG_TIMESTAMP:
        return QST_PG_AS_DOUBLE;
    case QST_PG_NUMERIC:
        return rule->numeric == QST_PG_NUMERIC_DOUBLE ? QST_PG_AS_DOUBLE : QST_PG_AS_TEXT;
    case QST_PG_BYTEA:
        return QST_PG_AS_BYTES;
    default:
        return QST_PG_AS_TEXT;
    }
}

static size_t width_of(qst_pg_kind kind)
{
    switch (kind) {
    case QST_PG_AS_DOUBLE:
        return sizeof(double);
    case QST_PG_AS_INT64:
        return sizeof(int64_t);
    case QST_PG_AS_BYTES:
        return sizeof(qst__byte_row);
    case QST_PG_AS_LIST:
        return sizeof(qst__array_row);
    default:
        return sizeof(int32_t);
    }
}

static bool is_known(const qst_pg_rule *rule)
{
    return (unsigned)rule->format < QST_PG_N_FORMATS &&
           (unsigned)rule->bigint <= QST_PG_BIGINT_TEXT &&
           (unsigned)rule->numeric <= QST_PG_NUMERIC_TEXT &&
           (unsigned)rule->infinity <= QST_PG_INFINITY_NA &&
           !(rule->is_array && rule->format == QST_PG_VOID);
}

static qst_status add_elements(
    const qst_ctx *ctx, const qst_pg_rule *rule, qst_pg_column *column, qst_err *err)
{
    qst_pg_rule of_elements = *rule;
    of_elements.is_array = false;
    return qst_pg_column_new(ctx, &of_elements, &column->elements, err);
}

qst_status qst_pg_column_new(
    const qst_ctx *ctx, const qst_pg_rule *rule, qst_pg_column **column_out, qst_err *err)
{
    *column_out = NULL;
    if (!is_known(rule)) {
        return qst__fail(err, QST_EARGUMENT, "there is no such rule for a column");
    }
    qst_ctx standard;
    qst_ctx_init(&standard);
    const qst_allocator *allocator = ctx != NULL ? &ctx->allocator : &standard.allocator;
    qst_pg_column *column = allocator->get(allocator->data, sizeof *column);
    if (column == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a column");
    }
    *column = (qst_pg_column){
        .rule = *rule, .kind = kind_of(rule), .counts = {0, -1, 0, -1}, .allocator = *allocator};
    qst__values_init(&column->values, &column->allocator, width_of(column->kind));
    qst__texts_init(&column->texts, &column->allocator);
    qst__store_init(&column->store, &column->allocator);
    if (rule->is_array) {
        const qst_status status = add_elements(ctx, rule, column, err);
        if (status != QST_OK) {
            qst_pg_column_free(column);
            return status;
        }
    }
    *column_out = column;
    return QST_OK;
}

void qst_pg_column_free(qst_pg_column *column)
{
    if (column == NULL) {
        return;
    }
    qst_pg_column_free(column->elements);
    qst__values_free(&column->values);
    qst__texts_free(&column->texts);
    qst__store_free(&column->store);
    const qst_allocator allocator = column->allocator;
    if (column->space != NULL) {
        allocator.release(allocator.data, column->space);
    }
    allocator.release(allocator.data, column);
}

/* ---- Reading it ---- */

qst_pg_kind qst_pg_column_kind(const qst_pg_column *column)
{
    return column->kind;
}

ptrdiff_t qst_pg_column_rows(const qst_pg_column *column)
{
    return qst__values_n(&column->values);
}

qst_pg_counts qst_pg_column_counts(const qst_pg_column *column)
{
    return column->counts;
}

void qst_pg_column_take(qst_pg_column *column, void *out)
{
    qst__values_take(&column->values, out);
}

ptrdiff_t qst_pg_column_n_texts(const qst_pg_column *column)
{
    return column->texts.n;
}

const char *qst_pg_column_text(const qst_pg_column *column, ptrdiff_t k, ptrdiff_t *n_bytes_out)
{
    *n_bytes_out = column->texts.texts[k].n_bytes;
    return column->texts.texts[k].bytes;
}

const unsigned char *qst_pg_column_bytes(
    const qst_pg_column *column, ptrdiff_t row, ptrdiff_t *n_bytes_out)
{
    const qst__byte_row *at = qst__values_at(&column->values, row);
    *n_bytes_out = at->n_bytes;
    return at->bytes;
}

qst_pg_column *qst_pg_column_elements(qst_pg_column *column)
{
    return column->elements;
}

int qst_pg_column_dims(const qst_pg_column *column, ptrdiff_t row, const int32_t **dims_out)
{
    const qst__array_row *at = qst__values_at(&column->values, row);
    *dims_out = at->dims;
    return at->n_dims;
}
