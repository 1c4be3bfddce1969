/* FULLY_CONNECTED: read it; the file's rows of weights are used as they are.
 *
 * Set-up notes what is read and written, and nothing else: the rest is checked in the inference. Records are made where
 * they are used: one for all channels, or some at a time.
 */
#include "tinyi/operators.h"
#include "tinyi/real.h"

/* Fields of the schema's FullyConnectedOptions. */
enum { ACTIVATION = 0, WEIGHTS_FORMAT = 1 };

/* Beyond it a sum that is clamped to 30 bits could make a difference: see tinynn/saturated_rows.h. */
enum { LARGEST_SHIFT = 20 };
enum { LARGEST_INPUTS = 1 << 13 };

/* Channels at a time, where each has a scale of its own. */
enum { BLOCK = 8 };

struct layer {
  const int8_t *input;
  int8_t *output;
  struct tinynn_rows p;
  union {
    struct tinynn_channel record; /* of all channels, once it is made */
    struct {
      uint32_t numerator, denominator; /* of a factor, but for the channel's scale */
      const uint32_t *scales;          /* of the channels, where there are several */
    };
  };
};

/* The product of two float32 numbers, rounded to float32: how TFLM makes the factor of one scale. */
static uint32_t product(uint32_t a, uint32_t b) { return tinyi_bits(tinyi_real(a) * tinyi_real(b)); }

/* One tensor after the other, so that the stack holds one of them at a time; and none when the kernel runs. */
static __attribute__((noinline)) void read(struct tinyi_context *context, struct layer *layer) {
  struct tinyi_file *file = &context->file;
  struct tinyi_tensor tensor;
  struct tinynn_rows *p = &layer->p;
  tinyi_read_activation(context, &context->inputs, 0, &tensor);
  const int32_t elements = tensor.elements;
  uint32_t numerator = tensor.scale;
  layer->input = tensor.data;
  p->input_zero_point = tensor.zero_point;
  tinyi_read_weights(context, 1, &tensor);
  if (file->status != TINYI_OK) {
    return;
  }
  p->inputs = tensor.shape[4];
  p->outputs = tensor.shape[3];
  p->batches = elements / p->inputs;
  tinyi_require(context,
                (uint64_t)(uint32_t)p->batches * (uint32_t)tensor.elements < (uint64_t)TINYI_MAX_WORK * TINYI_WORK_UNIT,
                TINYI_UNSUPPORTED);
  p->weights = tensor.data;
  p->is_per_channel = tensor.scale_count > 1;
  layer->scales = tensor.scales;
  if (!p->is_per_channel) {
    numerator = product(numerator, tensor.scale);
  }
  layer->numerator = numerator;
  tinyi_require(context,
                tensor.rank == 2 && p->batches * p->inputs == elements &&
                    (!p->is_per_channel || tensor.scale_count == p->outputs) &&
                    tinyi_byte(file, &context->options, WEIGHTS_FORMAT) == 0 && tinyi_is_scale(numerator),
                TINYI_UNSUPPORTED);
  p->bias = tinyi_read_integers(context, 2, p->outputs);
  tinyi_read_activation(context, &context->outputs, 0, &tensor);
  tinyi_require(context, p->batches * p->outputs == tensor.elements, TINYI_UNSUPPORTED);
  layer->output = tensor.data;
  layer->denominator = tensor.scale;
  p->output_zero_point = tensor.zero_point;
  tinyi_clamp(context, tinyi_byte(file, &context->options, ACTIVATION), &tensor, &p->lowest, &p->highest);
  p->widened = (int32_t)context->scratch_bytes / 2 & ~7;
  p->is_widened = 0;
}

/* Records of some channels for their kernel, which is returned. Refuses factors that no kernel can shift by. */
static const struct tinyi_fully_connected *make_records(struct tinyi_context *context, const struct layer *layer,
                                                        const struct tinyi_quotient *quotient, const uint32_t *scales,
                                                        int32_t count, struct tinynn_channel *records) {
  int32_t has_right_shifts = layer->p.inputs <= LARGEST_INPUTS;
  for (int32_t c = 0; c < count; ++c) {
    const struct tinyi_factor factor = tinyi_factor(quotient, scales[c]);
    records[c].bias = 0;
    records[c].multiplier = factor.multiplier;
    records[c].shift = factor.shift;
    has_right_shifts &= factor.shift <= -1 && factor.shift >= -LARGEST_SHIFT;
  }
  const struct tinyi_fully_connected *kernel = context->kernel;
  kernel = has_right_shifts ? kernel : &tinyi_fully_connected_ref;
  for (int32_t c = 0; c < count && !has_right_shifts; ++c) {
    tinyi_require(context, records[c].shift <= TINYI_LARGEST_SHIFT, TINYI_UNSUPPORTED);
  }
  for (int32_t c = 0; c < count && kernel->has_right_shifts; ++c) {
    records[c].multiplier = (int32_t)((uint32_t)records[c].multiplier << 1);
    records[c].shift = -records[c].shift - 1;
  }
  return kernel;
}

static __attribute__((noinline)) const struct tinyi_fully_connected *make_record(struct tinyi_context *context,
                                                                                 struct layer *layer) {
  const uint32_t numerator = layer->numerator; /* the record takes its place; it may be 0 */
  const struct tinyi_quotient quotient = tinyi_quotient(TINYI_ONE, layer->denominator);
  return make_records(context, layer, &quotient, &numerator, 1, &layer->record);
}

/* One scale for all channels. */
static void compute(struct tinyi_context *context, struct layer *layer) {
  const struct tinyi_fully_connected *kernel = make_record(context, layer);
  if (context->file.status != TINYI_OK) {
    return;
  }
  layer->p.channels = &layer->record;
  kernel->compute(&layer->p, layer->input, layer->output, context->scratch);
}

/* All channels of one batch, block by block. */
static __attribute__((noinline)) void compute_by_channel(struct tinyi_context *context, struct layer *layer) {
  struct tinynn_channel records[BLOCK];
  struct tinynn_rows *p = &layer->p;
  const struct tinyi_quotient quotient = tinyi_quotient(layer->numerator, layer->denominator);
  const struct tinynn_rows all = *p;
  p->channels = records;
  p->batches = 1;
  for (int32_t first = 0; first < all.outputs; first += BLOCK) {
    p->outputs = all.outputs - first < BLOCK ? all.outputs - first : BLOCK;
    p->weights = all.weights + first * all.inputs;
    p->bias = all.bias == NULL ? NULL : all.bias + first;
    const struct tinyi_fully_connected *kernel =
        make_records(context, layer, &quotient, layer->scales + first, p->outputs, records);
    if (context->file.status != TINYI_OK) {
      return;
    }
    kernel->compute(p, layer->input, layer->output + first, context->scratch);
    p->is_widened |= kernel->widens;
  }
  *p = all;
  p->is_widened = 0;
}

void tinyi_plan_fully_connected(struct tinyi_context *context) {
  const struct tinyi_fully_connected *kernel = context->kernel;
  const uint32_t inputs = tinyi_plan_input(context, 0);
  context->scratch_most = kernel->widens ? 2 * (inputs & ~UINT32_C(7)) : 0;
  tinyi_plan_output(context, 0, 1 << TINYI_INT8);
}

void tinyi_fully_connected(struct tinyi_context *context) {
  struct layer layer;
  read(context, &layer);
  for (int32_t c = 0; context->file.status == TINYI_OK && layer.p.is_per_channel && c < layer.p.outputs; ++c) {
    tinyi_require(context, tinyi_is_scale(layer.scales[c]), TINYI_UNSUPPORTED);
  }
  if (context->file.status != TINYI_OK) {
    return;
  }
  if (!layer.p.is_per_channel) {
    compute(context, &layer);
    return;
  }
  for (int32_t n = layer.p.batches; n > 0 && context->file.status == TINYI_OK; --n) {
    compute_by_channel(context, &layer);
    layer.input += layer.p.inputs;
    layer.output += layer.p.outputs;
  }
}

#define KERNEL(variant, widens, has_right_shifts) \
  const struct tinyi_fully_connected tinyi_fully_connected_##variant = {tinynn_rows_##variant, widens, has_right_shifts}
KERNEL(ref, 0, 0);
KERNEL(c, 0, 1);
#if defined(__ARM_FEATURE_DSP)
KERNEL(dsp, 1, 1);
#endif
#if defined(__ARM_FEATURE_MVE)
KERNEL(mve, 0, 0);
#endif
#if defined(__riscv)
KERNEL(rv32, 0, 1);
#endif
#if defined(__riscv_vector)
KERNEL(rvv, 0, 0);
#endif
