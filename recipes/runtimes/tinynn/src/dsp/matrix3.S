/* Three pixels by pairs of output channels: see tinynn/dsp/matrix.h. 17 instructions for 24 products. */
#define FUNCTION tinynn_matrix3_dsp
#define IS_WIDE 0
#include "matrix3.h"
