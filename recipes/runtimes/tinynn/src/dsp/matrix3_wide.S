/* Three pixels by pairs of output channels, weights of 16 bits: see conv2d_wide.c. 16 instructions for 24 products. */
#define FUNCTION tinynn_matrix3_wide_dsp
#define IS_WIDE 1
#include "matrix3.h"
