/* DEPTHWISE_CONV_2D with weights of int8. */
#define IS_INT4 0
#define HAS_RIGHT_SHIFTS tinyi_has_right_shifts
#include "tinyi/depthwise.inc"

void tinyi_depthwise(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, 1);
  if (context->file.status == TINYI_OK) {
    run(context, &layer);
  }
}

/* What is above any place in a chain of kernels: the layer is computed as CONV_2D. */
enum { AS_CONV2D = UINT8_MAX };

static int32_t is_conv2d(struct tinyi_context *context, const struct tinyi_convolution *layer) {
  const struct tinyi_depthwise_general *kernel = context->kernel;
  if (context->lifetimes == NULL) {
    return context->choice == AS_CONV2D;
  }
  return kernel != NULL && kernel->of_one_channel != NULL && layer->depthwise.input_channels == 1 &&
         layer->depthwise.depth_multiplier > 1 && tinyi_has_right_shifts(context, &layer->channels);
}

void tinyi_depthwise_rare(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, 1);
  if (context->file.status != TINYI_OK) {
    return;
  }
  turn(&layer.depthwise);
  if (!is_conv2d(context, &layer)) {
    run(context, &layer);
    return;
  }
  const struct tinyi_conv2d *kernel = ((const struct tinyi_depthwise_general *)context->kernel)->of_one_channel;
  layer.conv2d.output_pitch = layer.conv2d.output_channels; /* in the place of the depth multiplier */
  if (context->lifetimes == NULL) {
    tinyi_conv2d_layer(context, &layer, kernel);
  } else {
    context->choice = AS_CONV2D;
    tinyi_plan_conv2d_layer(context, &layer, kernel);
  }
}
