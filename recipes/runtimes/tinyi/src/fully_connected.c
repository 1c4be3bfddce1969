/* FULLY_CONNECTED: read it; the file's rows of weights are used as they are.
 *
 * Set-up notes what is read and written, and nothing else: the rest is checked in the inference. Records are made where
 * they are used: one for all channels, or some at a time.
 */
#define IS_INT4 0
#include "tinyi/fully_connected.inc"

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
