/* ADD, SUB and MUL of shapes that differ, row by row. */
#if defined(__ARM_FEATURE_MVE)
#include "tinynn/broadcast_rows.h"

TINYNN_BROADCAST_ROWS(add, mve, tinynn_add)
TINYNN_BROADCAST_ROWS(sub, mve, tinynn_add)
TINYNN_BROADCAST_ROWS(mul, mve, tinynn_mul)
#endif
