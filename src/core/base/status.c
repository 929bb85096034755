#include "base/base.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const kinds[] = {
#define QST_STATUS_KIND(name, kind, text) kind,
    QST_STATUS_LIST(QST_STATUS_KIND)
#undef QST_STATUS_KIND
};

static const char *const texts[] = {
#define QST_STATUS_TEXT(name, kind, text) text,
    QST_STATUS_LIST(QST_STATUS_TEXT)
#undef QST_STATUS_TEXT
};

static const char *look_up(const char *const *list, qst_status status)
{
    /* Through unsigned, so that a number from outside the enum is caught whatever its sign. */
    return (unsigned)status < (unsigned)QST_N_STATUS ? list[status] : "unknown";
}

const char *qst_status_kind(qst_status status)
{
    return look_up(kinds, status);
}

const char *qst_status_text(qst_status status)
{
    return look_up(texts, status);
}

void qst_err_init(qst_err *err)
{
    if (err != NULL) {
        *err = (qst_err){
            .status = QST_OK, .row = -1, .column = -1, .iteration = -1, .value = (double)NAN};
    }
}

static qst_status set(qst_err *err, qst_status status, ptrdiff_t row, ptrdiff_t column,
    double value, const char *format, va_list arguments) QST_PRINTF(6, 0);

static qst_status set(qst_err *err, qst_status status, ptrdiff_t row, ptrdiff_t column,
    double value, const char *format, va_list arguments)
{
    if (err == NULL) {
        return status;
    }
    if (err->status != QST_OK) {
        return err->status;
    }
    qst_err_init(err);
    err->status = status;
    err->row = row;
    err->column = column;
    err->value = value;
    vsnprintf(err->text, sizeof err->text, format, arguments);
    return status;
}

qst_status qst__fail(qst_err *err, qst_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    status = set(err, status, -1, -1, (double)NAN, format, arguments);
    va_end(arguments);
    return status;
}

qst_status qst__fail_at(qst_err *err, qst_status status, ptrdiff_t row, ptrdiff_t column,
    double value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    status = set(err, status, row, column, value, format, arguments);
    va_end(arguments);
    return status;
}

qst_status qst__pass_on(qst_err *err, const qst_err *from)
{
    if (err == NULL) {
        return from->status;
    }
    if (err->status == QST_OK) {
        *err = *from;
    }
    return err->status;
}
