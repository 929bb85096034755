#include "pg/pg.h"

#ifdef QST_HAVE_LIBPQ

#include <libpq-fe.h>

int qst_pg_version(void)
{
    return PQlibVersion();
}

#else

int qst_pg_version(void)
{
    return 0;
}

#endif
