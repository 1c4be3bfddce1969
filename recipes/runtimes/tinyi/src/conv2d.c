/* CONV_2D with weights of int8. */
#define IS_INT4 0
#define LINKAGE
#define FUNCTION tinyi_conv2d
#define HAS_RIGHT_SHIFTS tinyi_has_right_shifts
#define READ tinyi_read_convolution
#include "tinyi/conv2d.inc"

void tinyi_plan_conv2d_layer(struct tinyi_context *context, struct tinyi_convolution *layer,
                             const struct tinyi_conv2d *kernel) {
  plan(context, layer, kernel);
}

void tinyi_conv2d_layer(const struct tinyi_context *context, struct tinyi_convolution *layer,
                        const struct tinyi_conv2d *kernel) {
  compute(context, layer, kernel);
}
