/* Weights of four bits, for the kernels of this variant: see tinynn/int4.h. */
#include "tinynn/int4.h"

#if defined(__ARM_FEATURE_DSP)
TINYNN_INT4_CONV2D(tinynn_conv2d_int4_dsp, tinynn_conv2d_dsp, TINYNN_INT4_PAIRS)
TINYNN_INT4_CONV2D(tinynn_conv2d_lines_int4_dsp, tinynn_conv2d_lines_dsp, TINYNN_INT4_PAIRS)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_int4_dsp, tinynn_depthwise_dsp)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise3x3_int4_dsp, tinynn_depthwise3x3_dsp)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_row_int4_dsp, tinynn_depthwise_row_dsp)
TINYNN_INT4_DEPTHWISE(tinynn_depthwise_pixel_int4_dsp, tinynn_depthwise_pixel_dsp)
#endif
