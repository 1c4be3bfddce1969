/* FULLY_CONNECTED with weights of four bits: the rows of some channels at a time are unpacked. */
#include "tinyi/int4.h"
#define IS_INT4 1
#include "tinyi/fully_connected.inc"

/* Rows of a block unpacked; what follows in scratch is the kernel's. */
static uint32_t block_bytes(int32_t inputs) { return (uint32_t)(BLOCK * inputs); }

/* Some channels, for all batches, block by block. */
static void compute(struct tinyi_context *context, struct layer *layer) {
  struct tinynn_channel records[BLOCK];
  struct tinynn_rows *p = &layer->p;
  const struct tinynn_rows all = *p;
  const struct tinyi_quotient quotient = tinyi_quotient(layer->numerator, layer->denominator);
  const struct tinyi_fully_connected *kernel = all.is_per_channel ? NULL : make_record(context, layer);
  int8_t *rows = (int8_t *)context->scratch;
  const uint32_t used = block_bytes(all.inputs);
  p->widened = (int32_t)(context->scratch_bytes - used) / 2 & ~7;
  p->weights = rows;
  p->channels = all.is_per_channel ? records : &layer->record;
  p->batches = 1;
  for (int32_t first = 0; first < all.outputs; first += BLOCK) {
    p->outputs = all.outputs - first < BLOCK ? all.outputs - first : BLOCK;
    p->bias = all.bias == NULL ? NULL : all.bias + first;
    if (all.is_per_channel) {
      kernel = make_records(context, layer, &quotient, layer->scales + first, p->outputs, records);
    }
    if (context->file.status != TINYI_OK) {
      return;
    }
    tinyi_unpack_int4(all.weights, first * all.inputs, p->outputs * all.inputs, rows);
    for (int32_t n = 0; n < all.batches; ++n) {
      kernel->compute(p, layer->input + n * all.inputs, layer->output + n * all.outputs + first,
                      context->scratch + used);
    }
    p->is_widened = kernel->widens && all.batches == 1;
  }
}

/* Whether scales of all channels are valid. */
static int32_t has_scales(const struct layer *layer) {
  int32_t is_valid = 1;
  for (int32_t c = 0; layer->p.is_per_channel && c < layer->p.outputs; ++c) {
    is_valid &= tinyi_is_scale(layer->scales[c]);
  }
  return is_valid;
}

static void plan(struct tinyi_context *context) {
  struct tinyi_tensor weights;
  const struct tinyi_fully_connected *kernel = context->kernel;
  const uint32_t inputs = tinyi_plan_input(context, 0);
  tinyi_read_int4_weights(context, 1, &weights);
  context->scratch_least = block_bytes(weights.shape[4]);
  context->scratch_most = context->scratch_least + (kernel->widens ? 2 * (inputs & ~UINT32_C(7)) : 0);
  tinyi_plan_output(context, 0, 1 << TINYI_INT8);
}

static void plan_or_compute(struct tinyi_context *context) {
  struct layer layer;
  if (context->lifetimes != NULL) {
    plan(context);
    return;
  }
  read(context, &layer);
  tinyi_require(context, context->file.status != TINYI_OK || has_scales(&layer), TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK) {
    compute(context, &layer);
  }
}

void tinyi_fully_connected_int4(struct tinyi_context *context) {
  (tinyi_type(context, 1) == TINYI_INT4 ? plan_or_compute
   : context->lifetimes != NULL         ? tinyi_plan_fully_connected
                                        : tinyi_fully_connected)(context);
}

void tinyi_fully_connected_any_int4(struct tinyi_context *context) {
  (tinyi_type(context, 1) == TINYI_INT4 ? plan_or_compute : tinyi_fully_connected_any)(context);
}
