/* pg.h - the PostgreSQL connector: libpq without R. */
#ifndef QST_PG_H
#define QST_PG_H

/* libpq's version as 150018, or 0 if this build has no libpq. */
int qst_pg_version(void);

#endif
