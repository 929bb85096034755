#include "la/la.h"

qst_status qst__mat_make(
    qst__arena *arena, ptrdiff_t n_rows, ptrdiff_t n_cols, qst_mat *out, qst_err *err)
{
    *out = (qst_mat){NULL, n_rows, n_cols, qst__max(1, n_rows)};
    if (n_cols > 0 && n_rows > PTRDIFF_MAX / n_cols) {
        return qst__fail(err, QST_EOVERFLOW, "a matrix of %td x %td is too large", n_rows, n_cols);
    }
    return qst__arena_array(arena, n_rows * n_cols, sizeof(double), &out->data, err);
}
