/* CONV_2D with weights of four bits: each block of channels is unpacked before it is packed for its kernel. */
#include "tinyi/int4.h"
#include "tinyi/operators.h"
#define IS_INT4 1
#define FUNCTION compute_int4
#define LINKAGE static
#define HAS_RIGHT_SHIFTS tinyi_has_right_shifts_int4
#define READ tinyi_read_convolution_int4
#include "tinyi/conv2d.inc"

void tinyi_conv2d_int4(struct tinyi_context *context) {
  (tinyi_type(context, 1) == TINYI_INT4 ? compute_int4 : tinyi_conv2d)(context);
}

void tinyi_conv2d_any_int4(struct tinyi_context *context) {
  (tinyi_type(context, 1) == TINYI_INT4 ? compute_int4 : tinyi_conv2d_any)(context);
}
