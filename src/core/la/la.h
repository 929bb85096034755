/* Small dense kernels for tens of columns; not for callers of the library. */
#ifndef QST_LA_H
#define QST_LA_H

#include "base/base.h"

#endif
