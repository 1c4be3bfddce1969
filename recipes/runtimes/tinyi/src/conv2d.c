/* CONV_2D: read it, choose how much of it is packed at a time, compute it block by block of channels. */
#include "tinyi/convolution.h"

/* Scratch for blocks of so many channels. */
static uint32_t block_bytes(const struct tinyi_conv2d *kernel, struct tinynn_conv2d *p, int32_t channels) {
  p->output_channels = channels;
  const uint32_t each = kernel->channel_bytes(p) + (uint32_t)sizeof(struct tinynn_channel);
  return (uint32_t)channels * each + kernel->scratch_bytes(p);
}

/* Blocks one after the other; their outputs lie side by side in each pixel. */
static void compute(const struct tinyi_visit *visit, struct tinyi_convolution *layer, const struct tinyi_conv2d *kernel) {
  struct tinynn_conv2d *p = &layer->conv2d;
  const int32_t channels = p->output_pitch;
  const int32_t tile = kernel->tile;
  int32_t block = (channels + tile - 1) / tile * tile;
  if (block_bytes(kernel, p, block) > visit->scratch_bytes) {
    const uint32_t least = block_bytes(kernel, p, tile), step = block_bytes(kernel, p, 2 * tile) - least;
    block = (int32_t)((visit->scratch_bytes - least) / step + 1) * tile;
  }
  if (block < channels && block > kernel->lanes) {
    block &= -kernel->lanes;
  }
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)visit->scratch;
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

void tinyi_conv2d(struct tinyi_visit *visit) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(visit, &layer, 0);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_conv2d *kernel = visit->kernel;
  if (visit->lives == NULL) {
    compute(visit, &layer, visit->choice ? kernel : &tinyi_conv2d_ref);
    return;
  }
  visit->choice =
      (uint8_t)(tinyi_is_right(visit, &layer.channels) && (kernel->takes == NULL || kernel->takes(&layer.channels)));
  kernel = visit->choice ? kernel : &tinyi_conv2d_ref;
  tinyi_note_work(visit, layer.outputs, layer.channels.rows.products);
  const int32_t tiles = (layer.conv2d.output_channels + kernel->tile - 1) / kernel->tile;
  visit->scratch_most = block_bytes(kernel, &layer.conv2d, tiles * kernel->tile);
  visit->scratch_least = block_bytes(kernel, &layer.conv2d, kernel->tile);
  visit->scratch_step = block_bytes(kernel, &layer.conv2d, 2 * kernel->tile) - visit->scratch_least;
  if (kernel->lanes > kernel->tile) { /* what is above a tile counts in whole lanes only */
    visit->scratch_step *= (uint32_t)(kernel->lanes / kernel->tile);
  }
}
