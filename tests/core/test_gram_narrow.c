/* The tests of test_gram.c for the loops of processors without AVX2. */
#define QST_NARROW
#include "la/gram.c"

#include "test_gram.c"
