/* The tests of test_family.c for the loops of processors without AVX2. */
#define QST_NARROW
#include "stat/family.c"

#include "test_family.c"
