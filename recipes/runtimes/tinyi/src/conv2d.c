/* CONV_2D: read it, choose how much of it is packed at a time, compute it block by block of channels. */
#include "tinyi/convolution.h"

/* Scratch for blocks of so many channels. */
static uint32_t block_bytes(const struct tinyi_conv2d *kernel, struct tinynn_conv2d *p, int32_t channels) {
  p->output_channels = channels;
  const uint32_t each = kernel->channel_bytes(p) + (uint32_t)sizeof(struct tinynn_channel);
  return (uint32_t)channels * each + kernel->scratch_bytes(p);
}

/* Blocks one after the other; their outputs are side by side in each pixel. */
static inline __attribute__((always_inline)) void compute(const struct tinyi_context *context,
                                                          struct tinyi_convolution *layer,
                                                          const struct tinyi_conv2d *kernel) {
  struct tinynn_conv2d *p = &layer->conv2d;
  const int32_t channels = p->output_pitch;
  const int32_t tile = kernel->tile;
  int32_t block = (channels + tile - 1) / tile * tile;
  if (block_bytes(kernel, p, block) > context->scratch_bytes) {
    const uint32_t least = block_bytes(kernel, p, tile), step = block_bytes(kernel, p, 2 * tile) - least;
    block = (int32_t)((context->scratch_bytes - least) / step + 1) * tile;
  }
  if (block < channels && block > kernel->lanes) {
    block &= -kernel->lanes;
  }
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)context->scratch;
  int8_t *packed = (int8_t *)(records + block);
  int8_t *scratch = packed + (uint32_t)block * kernel->channel_bytes(p);
  p->channels = records;
  for (int32_t first = 0; first < channels; first += block) {
    p->output_channels = channels - first < block ? channels - first : block;
    p->weights = packed == scratch ? layer->channels.rows.weights + first * layer->channels.rows.products : packed;
    kernel->pack(&layer->channels, p, first, p->output_channels, packed, records);
    kernel->compute(p, layer->input, layer->output + first, scratch);
  }
}

static inline __attribute__((always_inline)) void plan(struct tinyi_context *context, struct tinyi_convolution *layer,
                                                       const struct tinyi_conv2d *kernel) {
  tinyi_note_work(context, layer->outputs, layer->channels.rows.products);
  const int32_t tiles = (layer->conv2d.output_channels + kernel->tile - 1) / kernel->tile;
  context->scratch_most = block_bytes(kernel, &layer->conv2d, tiles * kernel->tile);
  context->scratch_least = block_bytes(kernel, &layer->conv2d, kernel->tile);
  context->scratch_step = block_bytes(kernel, &layer->conv2d, 2 * kernel->tile) - context->scratch_least;
  if (kernel->lanes > kernel->tile) { /* what is above a tile counts in whole lanes only */
    context->scratch_step *= (uint32_t)(kernel->lanes / kernel->tile);
  }
}

void tinyi_plan_conv2d_layer(struct tinyi_context *context, struct tinyi_convolution *layer,
                             const struct tinyi_conv2d *kernel) {
  plan(context, layer, kernel);
}

void tinyi_conv2d_layer(const struct tinyi_context *context, struct tinyi_convolution *layer,
                        const struct tinyi_conv2d *kernel) {
  compute(context, layer, kernel);
}

void tinyi_conv2d(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, 0);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_conv2d *kernel = context->kernel;
  if (context->lifetimes == NULL) {
    compute(context, &layer, context->choice ? kernel : &tinyi_conv2d_ref);
    return;
  }
  context->choice = (uint8_t)(tinyi_has_right_shifts(context, &layer.channels) &&
                              (kernel->supports_weights == NULL || kernel->supports_weights(&layer.channels)));
  plan(context, &layer, context->choice ? kernel : &tinyi_conv2d_ref);
}
