/* CONV_2D and DEPTHWISE_CONV_2D of networks that were of uint8, told by version 1: weights have a zero point and one
 * scale, whose product with the input's is rounded to float32 (TFLite's GetQuantizedConvolutionMultipler). By tinynn's
 * definitions; layers of newer versions go where they would go else. */
#include "tinyi/convolution.h"
#include "tinyi/operators.h"
#include "tinyi/real.h"

enum { OF_UINT8 = 1 };

static void asymmetric(struct tinyi_context *context, uint32_t is_depthwise) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, is_depthwise | TINYI_ASYMMETRIC);
  if (context->file.status != TINYI_OK) {
    return;
  }
  struct tinynn_conv2d *p = &layer.conv2d; /* of either kind */
  const struct tinyi_channels *channels = &layer.channels;
  const struct tinyi_factor factor = tinyi_factor(&channels->quotient, channels->scales[0]);
  tinyi_require(context, factor.shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  if (context->lifetimes != NULL) {
    const uint32_t behind = is_depthwise ? 4 * (uint32_t)p->output_channels : tinyi_row_bytes(p);
    context->scratch_least = (uint32_t)p->output_channels * (uint32_t)sizeof(struct tinynn_channel) + behind;
    context->scratch_most = context->scratch_least;
    tinyi_note_work(context, layer.outputs, channels->rows.products);
    return;
  }
  if (context->file.status != TINYI_OK) {
    return;
  }
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)context->scratch;
  const int32_t zeros = p->input_zero_point * layer.weight_zero_point * channels->rows.products;
  for (int32_t c = 0; c < p->output_channels; ++c) {
    const int32_t bias = channels->bias == NULL ? 0 : channels->bias[c];
    records[c].bias = (int32_t)((uint32_t)bias + (uint32_t)tinyi_fold(channels, c) + (uint32_t)zeros);
    records[c].multiplier = factor.multiplier;
    records[c].shift = factor.shift;
  }
  p->channels = records;
  p->weights = channels->rows.weights;
  if (is_depthwise) {
    const struct tinynn_depthwise_asymmetric all = {layer.depthwise, layer.weight_zero_point};
    tinynn_depthwise_asymmetric_ref(&all, layer.input, layer.output, records + p->output_channels);
  } else {
    const struct tinynn_conv2d_asymmetric all = {layer.conv2d, layer.weight_zero_point};
    tinynn_conv2d_asymmetric_ref(&all, layer.input, layer.output, records + p->output_channels);
  }
}

void tinyi_conv2d_any(struct tinyi_context *context) {
  if (context->version == OF_UINT8) {
    asymmetric(context, 0);
  } else {
    tinyi_conv2d(context);
  }
}

void tinyi_depthwise_any(struct tinyi_context *context) {
  if (context->version == OF_UINT8) {
    asymmetric(context, 1);
  } else {
    tinyi_depthwise_rare(context);
  }
}
