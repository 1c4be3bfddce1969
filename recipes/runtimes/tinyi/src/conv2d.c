/* CONV_2D: read it, choose how much of it is packed at a time, compute it block by block of channels. */
#include "tinyi/convolution.h"

/* Fields of the schema's Conv2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, ACTIVATION = 3, DILATION_W = 4, DILATION_H = 5 };

struct layer {
  const int8_t *input;
  int8_t *output;
  int32_t outputs; /* elements */
  struct tinyi_channels channels;
  struct tinynn_conv2d p;
};

/* One tensor after the other, so that the stack holds one of them at a time; and none when the kernel runs. */
static __attribute__((noinline)) void read(struct tinyi_visit *visit, struct layer *layer) {
  struct tinyi_file *file = &visit->file;
  struct tinynn_conv2d *p = &layer->p;
  struct tinyi_channels *all = &layer->channels;
  struct tinyi_tensor tensor;
  tinyi_activation(visit, &visit->inputs, 0, &tensor);
  layer->input = tensor.data;
  p->batches = tensor.shape[1];
  p->input_height = tensor.shape[2];
  p->input_width = tensor.shape[3];
  p->input_channels = tensor.shape[4];
  p->input_zero_point = tensor.zero_point;
  const uint32_t scale = tensor.scale;
  int32_t is_supported = tensor.rank == 4;
  tinyi_weights(visit, 1, &tensor);
  if (file->status != TINYI_OK) {
    return;
  }
  p->output_channels = tensor.shape[1];
  p->output_pitch = tensor.shape[1];
  p->kernel_height = tensor.shape[2];
  p->kernel_width = tensor.shape[3];
  is_supported &= tensor.rank == 4 && tensor.shape[4] == p->input_channels &&
                  (tensor.scale_count == 1 || tensor.scale_count == p->output_channels);
  all->scales = tensor.scales;
  all->scale_step = tensor.scale_count > 1;
  all->rows.weights = tensor.data;
  all->rows.channels = p->output_channels;
  all->rows.products = tensor.elements / p->output_channels;
  all->rows.step = all->rows.products;
  all->rows.pitch = 1;
  all->bias = tinyi_integers(visit, 2, p->output_channels);
  tinyi_activation(visit, &visit->outputs, 0, &tensor);
  layer->output = tensor.data;
  layer->outputs = tensor.elements;
  p->output_height = tensor.shape[2];
  p->output_width = tensor.shape[3];
  p->output_zero_point = tensor.zero_point;
  is_supported &= tensor.rank == 4 && tensor.shape[4] == p->output_channels && tensor.shape[1] == p->batches;
  tinyi_require(visit, is_supported, TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  tinyi_clamp(visit, tinyi_byte(file, &visit->options, ACTIVATION), &tensor, &p->lowest, &p->highest);
  const int32_t padding = tinyi_byte(file, &visit->options, PADDING);
  struct tinyi_axis y = {p->input_height, p->output_height, p->kernel_height,
                         tinyi_int(file, &visit->options, STRIDE_H, 0),
                         tinyi_int(file, &visit->options, DILATION_H, 1), 0};
  struct tinyi_axis x = {p->input_width, p->output_width, p->kernel_width,
                         tinyi_int(file, &visit->options, STRIDE_W, 0),
                         tinyi_int(file, &visit->options, DILATION_W, 1), 0};
  tinyi_slide(visit, &y, padding);
  tinyi_slide(visit, &x, padding);
  p->stride_y = y.stride;
  p->stride_x = x.stride;
  p->dilation_y = y.dilation;
  p->dilation_x = x.dilation;
  p->pad_top = y.pad;
  p->pad_left = x.pad;
  all->quotient = tinyi_quotient(scale, tensor.scale);
  all->input_zero_point = p->input_zero_point;
  all->output_zero_point = p->output_zero_point;
  all->lowest = p->lowest;
  all->highest = p->highest;
}

/* Scratch for blocks of so many channels. */
static uint32_t block_bytes(const struct tinyi_conv2d *kernel, struct tinynn_conv2d *p, int32_t channels) {
  p->output_channels = channels;
  const uint32_t each = kernel->channel_bytes(p) + (uint32_t)sizeof(struct tinynn_channel);
  return (uint32_t)channels * each + kernel->scratch_bytes(p);
}

/* Blocks one after the other; their outputs lie side by side in each pixel. */
static void compute(const struct tinyi_visit *visit, struct layer *layer, const struct tinyi_conv2d *kernel) {
  struct tinynn_conv2d *p = &layer->p;
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
  struct layer layer;
  read(visit, &layer);
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
  const int32_t tiles = (layer.p.output_channels + kernel->tile - 1) / kernel->tile;
  visit->scratch_most = block_bytes(kernel, &layer.p, tiles * kernel->tile);
  visit->scratch_least = block_bytes(kernel, &layer.p, kernel->tile);
  visit->scratch_step = block_bytes(kernel, &layer.p, 2 * kernel->tile) - visit->scratch_least;
  if (kernel->lanes > kernel->tile) { /* what is above a tile counts in whole lanes only */
    visit->scratch_step *= (uint32_t)(kernel->lanes / kernel->tile);
  }
}
