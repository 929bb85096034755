/* What the entries of the connector share: readers of handles and texts. */
#ifndef QSTR_R_PG_H
#define QSTR_R_PG_H

#include "pg/pg.h"

#include <Rinternals.h>

/* The session of a handle; refuses one that is closed. */
qst_pg *qstr_session(SEXP handle);

/* A single text that is not NA. */
const char *qstr_text(SEXP x, const char *argument);

/* The texts of a character vector, in an R_alloc'd array; NA is NULL. */
const char *const *qstr_texts(SEXP x, const char *argument, ptrdiff_t *n_out);

/* Values to bind: R's NULL or a character vector, in which NA is SQL's NULL. */
qst_pg_params qstr_params(SEXP params);

#endif
