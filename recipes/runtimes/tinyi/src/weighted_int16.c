/* CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED of int16: the file's weights as they are, records in scratch. */
#include "tinyi/convolution.h"
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinynn/wide.h"

/* Fields of the schema's FullyConnectedOptions. */
enum { ACTIVATION = 0, WEIGHTS_FORMAT = 1 };

/* The biases, which come in two types; one factor for all channels, or one for each. */
struct wide {
  const int32_t *bias;
  uint32_t type;
  struct tinyi_quotient quotient;
  const uint32_t *scales;
  int32_t scale_step, channels;
};

static struct tinynn_wide_channel record_of(struct tinyi_context *context, const struct wide *wide, int32_t c) {
  const uint32_t scale = wide->scales[c * wide->scale_step];
  const int32_t is_wide = wide->type == TINYI_INT64;
  const int32_t place = is_wide ? 2 * c : c;
  struct tinynn_wide_channel record = {0, 0, 0, 0};
  tinyi_require(context, tinyi_is_scale(scale), TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return record;
  }
  const struct tinyi_factor factor = tinyi_factor(&wide->quotient, scale);
  tinyi_require(context, factor.shift <= (is_wide ? TINYI_LARGEST_WIDE_SHIFT : TINYI_LARGEST_SHIFT), TINYI_UNSUPPORTED);
  record.multiplier = is_wide ? tinyi_wide_multiplier(factor.multiplier) : factor.multiplier;
  record.shift = factor.shift;
  if (wide->bias != NULL) {
    record.bias = wide->bias[place];
    record.bias_high = is_wide ? wide->bias[place + 1] : record.bias >> 31;
  }
  return record;
}

/* Set-up: ask for scratch, refuse what has no record. An inference: write them. Whether there is something to compute. */
static int32_t make_records(struct tinyi_context *context, const struct wide *wide) {
  struct tinynn_wide_channel *records = (struct tinynn_wide_channel *)(void *)context->scratch;
  for (int32_t c = 0; c < wide->channels && context->file.status == TINYI_OK; ++c) {
    const struct tinynn_wide_channel record = record_of(context, wide, c);
    if (context->lifetimes == NULL) {
      records[c] = record;
    }
  }
  if (context->lifetimes != NULL) {
    context->scratch_least = (uint32_t)wide->channels * (uint32_t)sizeof *records;
    context->scratch_most = context->scratch_least;
  }
  return context->file.status == TINYI_OK && context->lifetimes == NULL;
}

/* The rest of a layer, whose bias is input `position`; whether there is something to compute. */
static int32_t prepare(struct tinyi_context *context, struct tinyi_convolution *layer, uint32_t position,
                       int32_t may_be_narrow) {
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  struct wide wide = {.quotient = layer->channels.quotient,
                      .scales = layer->channels.scales,
                      .scale_step = layer->channels.scale_step,
                      .channels = layer->channels.rows.channels};
  wide.bias = tinyi_read_bias(context, position, wide.channels, &wide.type);
  /* TFLM takes any other bias for int64 */
  tinyi_require(context, may_be_narrow || wide.type == TINYI_INT64, TINYI_UNSUPPORTED);
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, layer->outputs, layer->channels.rows.products);
  }
  layer->conv2d.weights = layer->channels.rows.weights;
  layer->conv2d.channels = (const struct tinynn_channel *)(void *)context->scratch;
  return make_records(context, &wide);
}

void tinyi_conv2d_int16(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution_int16(context, &layer, 0);
  if (prepare(context, &layer, 2, 1)) {
    tinynn_conv2d_int16_ref(&layer.conv2d, (const int16_t *)(const void *)layer.input, (int16_t *)(void *)layer.output);
  }
}

void tinyi_depthwise_int16(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution_int16(context, &layer, 1);
  if (prepare(context, &layer, 2, 0)) {
    tinynn_depthwise_int16_ref(&layer.depthwise, (const int16_t *)(const void *)layer.input,
                               (int16_t *)(void *)layer.output);
  }
}

void tinyi_transpose_conv_int16(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_transpose_conv(context, TINYI_INT16, &layer);
  if (prepare(context, &layer, 3, 0)) {
    tinynn_transpose_conv_int16_ref(&layer.conv2d, (const int16_t *)(const void *)layer.input,
                                    (int16_t *)(void *)layer.output);
  }
}

void tinyi_fully_connected_int16(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  struct tinyi_tensor input, weights, output;
  struct wide wide;
  tinyi_read_form(context, &context->inputs, 0, TINYI_INT16, &input);
  tinyi_read_weights(context, 1, &weights);
  tinyi_read_form(context, &context->outputs, 0, TINYI_INT16, &output);
  if (file->status != TINYI_OK) {
    return;
  }
  struct tinynn_fully_connected p = {.weights = weights.data,
                                     .channels = (const struct tinynn_channel *)(void *)context->scratch,
                                     .batches = input.elements / weights.shape[4],
                                     .inputs = weights.shape[4],
                                     .outputs = weights.shape[3]};
  wide.channels = p.outputs;
  wide.scales = weights.scales;
  wide.scale_step = weights.scale_count > 1;
  /* one scale's product with the input's is rounded to float32: GetQuantizedConvolutionMultipler */
  const uint32_t product = tinyi_bits(tinyi_real(input.scale) * tinyi_real(weights.scale));
  wide.quotient = tinyi_quotient(wide.scale_step ? input.scale : TINYI_ONE, output.scale);
  if (!wide.scale_step) {
    wide.scales = &product;
  }
  tinyi_require(context,
                weights.rank == 2 && p.batches * p.inputs == input.elements && p.batches * p.outputs == output.elements &&
                    (weights.scale_count == 1 || weights.scale_count == p.outputs) &&
                    tinyi_byte(file, &context->options, WEIGHTS_FORMAT) == 0,
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  wide.bias = tinyi_read_bias(context, 2, p.outputs, &wide.type);
  tinyi_clamp_int16(context, tinyi_byte(file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, output.elements, p.inputs);
  }
  if (make_records(context, &wide)) {
    tinynn_fully_connected_int16_ref(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}
