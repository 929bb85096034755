/* What the connector's entries share about settings of a connection. */
#ifndef QSTR_PG_CONNINFO_H
#define QSTR_PG_CONNINFO_H

#include "pg/conninfo.h"

#include <Rinternals.h>

/* The settings behind `settings`, which belong to it until qstr_conninfo_given() says that a
 * session has them. Throws where there are none any more. */
qst_conninfo *qstr_conninfo(SEXP settings);
void qstr_conninfo_given(SEXP settings);

#endif
