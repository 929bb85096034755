#include "pg/conninfo.h"
#include "pg/pg.h"

#include "base/base.h"

#ifdef QST_HAVE_LIBPQ

#include <libpq-fe.h>
#include <string.h>

/* What libpq would use without being asked is left to it; sslmode=prefer is nobody's wish. */
static bool is_wish(const PQconninfoOption *option)
{
    return option->val != NULL && option->val[0] != '\0' &&
           (option->compiled == NULL || strcmp(option->val, option->compiled) != 0);
}

static bool knows(const PQconninfoOption *options, const char *keyword)
{
    while (options->keyword != NULL && strcmp(options->keyword, keyword) != 0) {
        options++;
    }
    return options->keyword != NULL;
}

static qst_status check_known(
    const qst_conninfo *info, const PQconninfoOption *options, qst_err *err)
{
    const char *keywords[QST_CONNINFO_MAX], *values[QST_CONNINFO_MAX];
    const ptrdiff_t n = qst_conninfo_list(info, keywords, values);
    for (ptrdiff_t k = 0; k < n; k++) {
        if (!knows(options, keywords[k])) {
            return qst__fail(err, QST_EARGUMENT,
                "libpq %d does not know `%s` yet. Leave it out or update libpq",
                PQlibVersion() / 10000, keywords[k]);
        }
    }
    return QST_OK;
}

qst_status qst_pg_defaults(qst_conninfo *info, qst_err *err)
{
    PQconninfoOption *options = PQconndefaults();
    if (options == NULL) {
        return qst__fail(err, QST_ENOMEM, "no memory for a connection string");
    }
    qst_status status = check_known(info, options, err);
    for (const PQconninfoOption *o = options; o->keyword != NULL && status == QST_OK; o++) {
        if (is_wish(o)) {
            status = qst_conninfo_default(info, o->keyword, o->val, err);
        }
    }
    PQconninfoFree(options);
    return status;
}

#endif
