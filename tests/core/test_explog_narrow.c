/* The tests of test_explog.c for the loops of processors without AVX2. */
#define QST_NARROW
#include "base/explog.c"

#include "test_explog.c"
