/* The tests of test_design.c for the loops of processors without AVX2. */
#define QST_NARROW
#include "stat/design_rows.c"

#include "test_design.c"
