/* DEPTHWISE_CONV_2D with weights of four bits, all of which are unpacked before anything else. */
#include "tinyi/int4.h"
#include "tinyi/operators.h"
#define IS_INT4 1
#define HAS_RIGHT_SHIFTS tinyi_has_right_shifts_int4
#include "tinyi/depthwise.inc"

static void compute_int4(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution_int4(context, &layer, 1);
  if (context->file.status == TINYI_OK) {
    turn(&layer.depthwise);
    run(context, &layer);
  }
}

void tinyi_depthwise_int4(struct tinyi_context *context) {
  (tinyi_type(context, 1) == TINYI_INT4 ? compute_int4 : tinyi_depthwise)(context);
}

void tinyi_depthwise_any_int4(struct tinyi_context *context) {
  (tinyi_type(context, 1) == TINYI_INT4 ? compute_int4 : tinyi_depthwise_any)(context);
}
