/* ADD, SUB and MUL of shapes that differ, row by row. */
#include "tinynn/broadcast_rows.h"

TINYNN_BROADCAST_ROWS(add, c, tinynn_add)
TINYNN_BROADCAST_ROWS(sub, c, tinynn_add)
TINYNN_BROADCAST_ROWS(mul, c, tinynn_mul)
