#include "stat/audit.h"
