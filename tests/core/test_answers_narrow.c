/* The tests of test_answers.c for the loops of processors without AVX2. */
#define QST_NARROW
#include "stat/answers.c"

#include "test_answers.c"
