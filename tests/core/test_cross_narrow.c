/* The tests of test_cross.c for the loops of processors without AVX2. */
#define QST_NARROW
#include "la/cross.c"

#include "test_cross.c"
