/* ADD, SUB, MUL, MINIMUM and MAXIMUM of shapes that differ, row by row. */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/broadcast_rows.h"

TINYNN_BROADCAST_ROWS(add, dsp, tinynn_add)
TINYNN_BROADCAST_ROWS(sub, dsp, tinynn_add)
TINYNN_BROADCAST_ROWS(mul, dsp, tinynn_mul)
TINYNN_BROADCAST_ROWS(minimum, dsp, tinynn_minmax)
TINYNN_BROADCAST_ROWS(maximum, dsp, tinynn_minmax)
#endif
