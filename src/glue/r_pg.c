#include "glue/glue.h"
#include "pg/pg.h"

SEXP qstr_pg_version(void)
{
    return Rf_ScalarInteger(qst_pg_version());
}
