/* The tests of test_num.c for processors without AVX2. */
#define QST_NARROW
#include "base/num.c"

#include "test_num.c"
