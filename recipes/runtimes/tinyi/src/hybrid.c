/* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of float32 with weights of int8, or of float32 where the same network
 * has both. Scratch: a scale for each channel where the file has one for all, a batch's inputs in int8, the weights of
 * a depthwise convolution channel by channel. */
#include "tinyi/float32.h"
#include "tinyi/operators.h"

/* 2^16 products of 255 * 128 fit 32 bits. */
enum { MAX_PRODUCTS = 1 << 16, WEIGHTS = 1 };

static void compute(struct tinyi_context *context, const struct tinynn_conv2d_float32 *layer, uint32_t is_depthwise,
                    int32_t is_symmetric, const struct tinyi_tensor *input, const struct tinyi_tensor *weights,
                    const struct tinyi_tensor *output) {
  const int32_t channels = layer->output_channels, taps = layer->kernel_height * layer->kernel_width;
  const int32_t products = weights->elements / channels, has_one = weights->scale_count != channels;
  tinyi_require(context, products <= MAX_PRODUCTS && (!has_one || weights->scale_count == 1), TINYI_UNSUPPORTED);
  const uint32_t scale_bytes = has_one ? 4 * (uint32_t)channels : 0;
  const uint32_t batch = (uint32_t)layer->input_height * (uint32_t)layer->input_width * (uint32_t)layer->input_channels;
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, output->elements, products);
    context->scratch_least = scale_bytes + batch + (is_depthwise ? (uint32_t)weights->elements : 0);
    context->scratch_most = context->scratch_least;
  }
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  uint32_t *scales = (uint32_t *)(void *)context->scratch;
  for (int32_t c = 0; has_one && c < channels; ++c) {
    scales[c] = weights->scale;
  }
  int8_t *values = (int8_t *)context->scratch + scale_bytes, *turned = values + batch;
  for (int32_t i = 0; is_depthwise && i < weights->elements; ++i) {
    turned[i] = weights->data[i % taps * channels + i / taps];
  }
  const struct tinynn_hybrid p = {
      .weights = is_depthwise ? turned : weights->data,
      .scales = (const float *)(const void *)(has_one ? scales : weights->scales),
      .bias = layer->bias,
      .batches = layer->batches,
      .input_height = layer->input_height,
      .input_width = layer->input_width,
      .input_channels = layer->input_channels,
      .output_height = layer->output_height,
      .output_width = layer->output_width,
      .output_channels = channels,
      .groups = is_depthwise ? layer->input_channels : layer->groups,
      .kernel_height = layer->kernel_height,
      .kernel_width = layer->kernel_width,
      .stride_y = layer->stride_y,
      .stride_x = layer->stride_x,
      .dilation_y = layer->dilation_y,
      .dilation_x = layer->dilation_x,
      .pad_top = layer->pad_top,
      .pad_left = layer->pad_left,
      .is_symmetric = is_symmetric,
      .lowest = layer->lowest,
      .highest = layer->highest,
  };
  tinynn_hybrid_ref(&p, tinyi_reals(input), tinyi_results(output), values);
}

static void convolution(struct tinyi_context *context, uint32_t is_depthwise) {
  struct tinyi_tensor input, weights, output;
  struct tinynn_conv2d_float32 layer;
  tinyi_read_weights(context, WEIGHTS, &weights);
  tinyi_read_convolution_float32(context, is_depthwise, &input, &weights, &output, &layer);
  if (context->file.status == TINYI_OK) {
    compute(context, &layer, is_depthwise, weights.scale_count == 1, &input, &weights, &output);
  }
}

void tinyi_conv2d_hybrid(struct tinyi_context *context) {
  if (tinyi_type(context, WEIGHTS) == TINYI_FLOAT32) {
    tinyi_conv2d_float32(context);
  } else {
    convolution(context, 0);
  }
}

void tinyi_depthwise_hybrid(struct tinyi_context *context) {
  if (tinyi_type(context, WEIGHTS) == TINYI_FLOAT32) {
    tinyi_depthwise_float32(context);
  } else {
    convolution(context, 1);
  }
}

/* Field of its options. */
enum { ASYMMETRIC_INPUTS = 3 };

void tinyi_fully_connected_hybrid(struct tinyi_context *context) {
  struct tinyi_tensor input, weights, output;
  struct tinynn_conv2d_float32 layer;
  if (tinyi_type(context, WEIGHTS) == TINYI_FLOAT32) {
    tinyi_fully_connected_float32(context);
    return;
  }
  tinyi_read_weights(context, WEIGHTS, &weights);
  tinyi_read_dense_float32(context, &input, &weights, &output, &layer);
  const int32_t is_symmetric = tinyi_byte(&context->file, &context->options, ASYMMETRIC_INPUTS) == 0;
  if (context->file.status == TINYI_OK) {
    compute(context, &layer, 0, is_symmetric, &input, &weights, &output);
  }
}
