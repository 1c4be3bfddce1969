/* ADD and SUB of shapes that differ, row by row. */
#if defined(__riscv_vector)
#include "tinynn/broadcast_rows.h"

TINYNN_BROADCAST_ROWS(add, rvv, tinynn_add)
TINYNN_BROADCAST_ROWS(sub, rvv, tinynn_add)
#endif
