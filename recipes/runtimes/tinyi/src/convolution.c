/* What CONV_2D and DEPTHWISE_CONV_2D have in common: tensors, options and windows. */
#include <stddef.h>

#include "tinyi/convolution.h"
#include "tinyi/real.h"
#include "tinyi/window.h"

_Static_assert(offsetof(struct tinynn_conv2d, output_pitch) == offsetof(struct tinynn_depthwise, depth_multiplier) &&
                   sizeof(struct tinynn_conv2d) == sizeof(struct tinynn_depthwise),
               "one struct is read, the other may be written");

/* Fields of the schema's Conv2DOptions; from ACTIVATION on DepthwiseConv2DOptions has them one place further. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, ACTIVATION = 3, DILATION_W = 4, DILATION_H = 5 };

/* One tensor after the other, so that the stack holds one of them at a time; and none when the kernel runs. */
static inline __attribute__((always_inline)) void read(struct tinyi_context *context, uint32_t type, uint32_t weights,
                                                       struct tinyi_convolution *layer, uint32_t kind) {
  const uint32_t is_depthwise = kind & TINYI_DEPTHWISE;
  struct tinyi_file *file = &context->file;
  struct tinynn_conv2d *p = &layer->conv2d;
  struct tinyi_channels *all = &layer->channels;
  struct tinyi_tensor tensor;
  tinyi_read_form(context, &context->inputs, 0, type, &tensor);
  layer->input = tensor.data;
  p->batches = tensor.shape[1];
  p->input_height = tensor.shape[2];
  p->input_width = tensor.shape[3];
  p->input_channels = tensor.shape[4];
  p->input_zero_point = tensor.zero_point;
  const uint32_t scale = tensor.scale;
  int32_t is_supported = tensor.rank == 4;
  if ((kind & TINYI_ASYMMETRIC) != 0) {
    tinyi_read_asymmetric_weights(context, 1, &tensor);
    layer->product = tinyi_bits(tinyi_real(scale) * tinyi_real(tensor.scale));
    layer->weight_zero_point = tensor.zero_point;
  } else {
    (weights == TINYI_INT8 ? tinyi_read_weights : tinyi_read_int4_weights)(context, 1, &tensor);
  }
  if (file->status != TINYI_OK) {
    return;
  }
  p->output_channels = tensor.shape[is_depthwise ? 4 : 1];
  p->kernel_height = tensor.shape[2];
  p->kernel_width = tensor.shape[3];
  if (is_depthwise) {
    layer->depthwise.depth_multiplier = p->output_channels / p->input_channels;
    is_supported &= tensor.shape[1] == 1 && layer->depthwise.depth_multiplier * p->input_channels == p->output_channels;
    all->rows.products = p->kernel_height * p->kernel_width;
    all->rows.step = 1;
    all->rows.pitch = p->output_channels;
  } else {
    p->output_pitch = p->output_channels;
    is_supported &= tensor.shape[4] == p->input_channels;
    all->rows.products = tensor.elements / p->output_channels;
    all->rows.step = all->rows.products;
    all->rows.pitch = 1;
  }
  is_supported &= tensor.rank == 4 && (tensor.scale_count == 1 || tensor.scale_count == p->output_channels);
  all->scales = tensor.scales;
  all->scale_step = tensor.scale_count > 1;
  all->rows.weights = tensor.data;
  all->rows.channels = p->output_channels;
  if (type == TINYI_INT8) {
    all->bias = tinyi_read_integers(context, 2, p->output_channels);
  }
  tinyi_read_form(context, &context->outputs, 0, type, &tensor);
  layer->output = tensor.data;
  layer->outputs = tensor.elements;
  p->output_height = tensor.shape[2];
  p->output_width = tensor.shape[3];
  p->output_zero_point = tensor.zero_point;
  is_supported &= tensor.rank == 4 && tensor.shape[4] == p->output_channels && tensor.shape[1] == p->batches;
  tinyi_require(context, is_supported, TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  tinyi_clamp_form(context, type, tinyi_byte(file, &context->options, ACTIVATION + is_depthwise), &tensor, &p->lowest,
                   &p->highest);
  const int32_t padding = tinyi_byte(file, &context->options, PADDING);
  struct tinyi_axis y = {p->input_height,
                         p->output_height,
                         p->kernel_height,
                         tinyi_int(file, &context->options, STRIDE_H, 0),
                         tinyi_int(file, &context->options, DILATION_H + is_depthwise, 1),
                         0};
  struct tinyi_axis x = {p->input_width,
                         p->output_width,
                         p->kernel_width,
                         tinyi_int(file, &context->options, STRIDE_W, 0),
                         tinyi_int(file, &context->options, DILATION_W + is_depthwise, 1),
                         0};
  tinyi_check_window(context, &y, padding);
  tinyi_check_window(context, &x, padding);
  p->stride_y = y.stride;
  p->stride_x = x.stride;
  p->dilation_y = y.dilation;
  p->dilation_x = x.dilation;
  p->pad_top = y.pad;
  p->pad_left = x.pad;
  if ((kind & TINYI_ASYMMETRIC) != 0) {
    tinyi_require(context, tinyi_is_positive(layer->product), TINYI_UNSUPPORTED);
    all->quotient = tinyi_quotient(TINYI_ONE, tensor.scale);
    all->scales = &layer->product;
  } else {
    all->quotient = tinyi_quotient(scale, tensor.scale);
  }
  all->input_zero_point = p->input_zero_point;
  all->output_zero_point = p->output_zero_point;
  all->lowest = p->lowest;
  all->highest = p->highest;
}

void tinyi_read_convolution(struct tinyi_context *context, struct tinyi_convolution *layer, uint32_t is_depthwise) {
  read(context, TINYI_INT8, TINYI_INT8, layer, is_depthwise);
}

void tinyi_read_convolution_int4(struct tinyi_context *context, struct tinyi_convolution *layer,
                                 uint32_t is_depthwise) {
  read(context, TINYI_INT8, TINYI_INT4, layer, is_depthwise);
}

void tinyi_read_convolution_int16(struct tinyi_context *context, struct tinyi_convolution *layer,
                                  uint32_t is_depthwise) {
  read(context, TINYI_INT16, TINYI_INT8, layer, is_depthwise);
}
