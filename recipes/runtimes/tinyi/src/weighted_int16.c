/* CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED of int16. By tinynn's definition, which reads the file's
 * weights as they are, or where sums have 32 bits by the kernels of a variant; records are made in scratch. */
#define IS_INT4 0
#define OUTPUT_BYTES 2
#include "tinyi/conv2d.inc"
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinynn/narrow.h"
#include "tinynn/wide.h"

/* Fields of the schema's FullyConnectedOptions. */
enum { ACTIVATION = 0, WEIGHTS_FORMAT = 1 };

/* What there is to do with a layer that was read. */
enum next { NOTHING, BY_DEFINITION, BY_KERNEL };

/* `type`: of the biases. */
static struct tinynn_wide_channel record_of(struct tinyi_context *context, const struct tinyi_channels *all,
                                            uint32_t type, int32_t c) {
  const uint32_t scale = all->scales[c * all->scale_step];
  const int32_t is_wide = type == TINYI_INT64;
  const int32_t place = is_wide ? 2 * c : c;
  struct tinynn_wide_channel record = {0, 0, 0, 0};
  tinyi_require(context, tinyi_is_scale(scale), TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return record;
  }
  const struct tinyi_factor factor = tinyi_factor(&all->quotient, scale);
  tinyi_require(context, factor.shift <= (is_wide ? TINYI_LARGEST_WIDE_SHIFT : TINYI_LARGEST_SHIFT), TINYI_UNSUPPORTED);
  record.multiplier = is_wide ? tinyi_wide_multiplier(factor.multiplier) : factor.multiplier;
  record.shift = factor.shift;
  if (all->bias != NULL) {
    record.bias = all->bias[place];
    record.bias_high = is_wide ? all->bias[place + 1] : record.bias >> 31;
  }
  return record;
}

void tinyi_narrow_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                          struct tinynn_channel *records) {
  for (int32_t c = first; c < first + count; ++c) {
    const struct tinyi_factor factor = tinyi_factor(&channels->quotient, channels->scales[c * channels->scale_step]);
    records->bias = channels->bias == NULL ? 0 : channels->bias[2 * c];
    records->multiplier = tinyi_wide_multiplier(factor.multiplier) << 16;
    records->shift = -1 - factor.shift;
    ++records;
  }
}

/* Whether no sum of a channel leaves 32 bits, whatever the input is: |bias| + 2^15 Σ |weight| < 2^31. */
static int32_t is_narrow(const struct tinyi_rows *rows, int32_t c, const struct tinynn_wide_channel *record) {
  const int8_t *weight = rows->weights + c * rows->step;
  const uint32_t bias = record->bias < 0 ? -(uint32_t)record->bias : (uint32_t)record->bias;
  int32_t sum = 0;
  for (int32_t i = 0; i < rows->products && sum < 1 << 16; ++i) {
    sum += *weight < 0 ? -*weight : *weight;
    weight += rows->pitch;
  }
  return record->bias_high == record->bias >> 31 && sum < 1 << 16 && bias + ((uint32_t)sum << 15) < UINT32_C(1) << 31;
}

/* Set-up: refuse channels that have no record; whether tinynn/narrow.h takes them all. */
static int32_t check(struct tinyi_context *context, const struct tinyi_channels *all, uint32_t type) {
  int32_t are_narrow = type == TINYI_INT64;
  for (int32_t c = 0; c < all->rows.channels && context->file.status == TINYI_OK; ++c) {
    const struct tinynn_wide_channel record = record_of(context, all, type, c);
    are_narrow = are_narrow && record.shift <= -2 && is_narrow(&all->rows, c, &record);
  }
  return are_narrow;
}

/* Set-up: check a layer and choose. An inference: write the definition's records. */
static enum next prepare(struct tinyi_context *context, const struct tinyi_channels *all, uint32_t type,
                         int32_t outputs, int32_t has_kernel) {
  struct tinynn_wide_channel *records = (struct tinynn_wide_channel *)(void *)context->scratch;
  if (context->file.status != TINYI_OK) {
    return NOTHING;
  }
  if (context->lifetimes != NULL) {
    tinyi_note_work(context, outputs, all->rows.products);
    context->choice = (uint8_t)(check(context, all, type) && has_kernel);
    context->scratch_least = (uint32_t)all->rows.channels * (uint32_t)sizeof *records;
    context->scratch_most = context->scratch_least;
    return context->file.status == TINYI_OK && context->choice ? BY_KERNEL : NOTHING;
  }
  if (context->choice) {
    return BY_KERNEL;
  }
  for (int32_t c = 0; c < all->rows.channels; ++c) {
    records[c] = record_of(context, all, type, c);
  }
  return context->file.status == TINYI_OK ? BY_DEFINITION : NOTHING;
}

/* The rest of a convolution, whose bias is input `position`. */
static enum next read_bias(struct tinyi_context *context, struct tinyi_convolution *layer, uint32_t position,
                           int32_t may_be_narrow, int32_t has_kernel) {
  uint32_t type = TINYI_INT64;
  if (context->file.status != TINYI_OK) {
    return NOTHING;
  }
  layer->channels.bias = tinyi_read_bias(context, position, layer->channels.rows.channels, &type);
  /* TFLM takes any other bias for int64 */
  tinyi_require(context, may_be_narrow || type == TINYI_INT64, TINYI_UNSUPPORTED);
  layer->conv2d.weights = layer->channels.rows.weights;
  layer->conv2d.channels = (const struct tinynn_channel *)(void *)context->scratch;
  return prepare(context, &layer->channels, type, layer->outputs, has_kernel);
}

static const int16_t *input_of(const struct tinyi_convolution *layer) { return (const int16_t *)(const void *)layer->input; }

static int16_t *output_of(const struct tinyi_convolution *layer) { return (int16_t *)(void *)layer->output; }

void tinyi_conv2d_int16(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  const struct tinyi_conv2d *kernel = context->kernel;
  tinyi_read_convolution_int16(context, &layer, 0);
  const enum next next = read_bias(context, &layer, 2, 1, kernel != NULL);
  if (next == BY_DEFINITION) {
    tinynn_conv2d_int16_ref(&layer.conv2d, input_of(&layer), output_of(&layer));
  } else if (next == BY_KERNEL && context->lifetimes != NULL) {
    plan_blocks(context, &layer, kernel);
  } else if (next == BY_KERNEL) {
    compute(context, &layer, kernel);
  }
}

/* For one output of each channel. */
typedef void depthwise_kernel(const struct tinynn_depthwise *restrict p, const int16_t *restrict input,
                              int16_t *restrict output, void *restrict scratch);

void tinyi_depthwise_int16(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  depthwise_kernel *const kernel = (depthwise_kernel *)(uintptr_t)context->kernel;
  tinyi_read_convolution_int16(context, &layer, 1);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const enum next next = read_bias(context, &layer, 2, 0, kernel != NULL && layer.depthwise.depth_multiplier == 1);
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)context->scratch;
  const int32_t channels = layer.depthwise.output_channels;
  if (next == BY_DEFINITION) {
    tinynn_depthwise_int16_ref(&layer.depthwise, input_of(&layer), output_of(&layer));
  } else if (next == BY_KERNEL && context->lifetimes != NULL) {
    /* two lists of taps */
    context->scratch_least =
        (uint32_t)channels * (uint32_t)sizeof *records + 16 * (uint32_t)layer.channels.rows.products;
    context->scratch_most = context->scratch_least;
  } else if (next == BY_KERNEL) {
    tinyi_narrow_records(&layer.channels, 0, channels, records);
    kernel(&layer.depthwise, input_of(&layer), output_of(&layer), records + channels);
  }
}

void tinyi_transpose_conv_int16(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_transpose_conv(context, TINYI_INT16, &layer);
  if (read_bias(context, &layer, 3, 0, 0) == BY_DEFINITION) {
    tinynn_transpose_conv_int16_ref(&layer.conv2d, input_of(&layer), output_of(&layer));
  }
}

void tinyi_fully_connected_int16(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  const struct tinyi_fully_connected_int16 *kernel = context->kernel;
  struct tinyi_tensor input, weights, output;
  struct tinyi_channels all;
  tinyi_read_form(context, &context->inputs, 0, TINYI_INT16, &input);
  tinyi_read_weights(context, 1, &weights);
  tinyi_read_form(context, &context->outputs, 0, TINYI_INT16, &output);
  if (file->status != TINYI_OK) {
    return;
  }
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)context->scratch;
  struct tinynn_fully_connected p = {.weights = weights.data,
                                     .channels = records,
                                     .batches = input.elements / weights.shape[4],
                                     .inputs = weights.shape[4],
                                     .outputs = weights.shape[3]};
  const struct tinyi_rows rows = {weights.data, p.outputs, p.inputs, p.inputs, 1};
  all.rows = rows;
  all.scales = weights.scales;
  all.scale_step = weights.scale_count > 1;
  /* one scale's product with the input's is rounded to float32: GetQuantizedConvolutionMultipler */
  const uint32_t product = tinyi_bits(tinyi_real(input.scale) * tinyi_real(weights.scale));
  all.quotient = tinyi_quotient(all.scale_step ? input.scale : TINYI_ONE, output.scale);
  if (!all.scale_step) {
    all.scales = &product;
  }
  tinyi_require(context,
                weights.rank == 2 && p.batches * p.inputs == input.elements && p.batches * p.outputs == output.elements &&
                    (weights.scale_count == 1 || weights.scale_count == p.outputs) &&
                    tinyi_byte(file, &context->options, WEIGHTS_FORMAT) == 0,
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  uint32_t type = TINYI_INT64;
  all.bias = tinyi_read_bias(context, 2, p.outputs, &type);
  tinyi_clamp_int16(context, tinyi_byte(file, &context->options, ACTIVATION), &output, &p.lowest, &p.highest);
  const enum next next = prepare(context, &all, type, output.elements, kernel != NULL);
  if (next == BY_DEFINITION) {
    tinynn_fully_connected_int16_ref(&p, tinyi_int16(&input), tinyi_int16(&output));
  } else if (next == BY_KERNEL && context->lifetimes != NULL) {
    context->scratch_least = (uint32_t)p.outputs * (uint32_t)sizeof *records +
                             (kernel->arranges ? 2 * ((uint32_t)p.inputs & ~UINT32_C(7)) : 0);
    context->scratch_most = context->scratch_least;
  } else if (next == BY_KERNEL) {
    tinyi_narrow_records(&all, 0, p.outputs, records);
    kernel->compute(&p, tinyi_int16(&input), tinyi_int16(&output), records + p.outputs);
  }
}

const struct tinyi_fully_connected_int16 tinyi_fully_connected_int16_c = {tinynn_rows_int16_c, 0};
#if defined(__ARM_FEATURE_DSP)
const struct tinyi_fully_connected_int16 tinyi_fully_connected_int16_dsp = {tinynn_rows_int16_dsp, 1};
#endif
