/* CONV_2D: read it, choose how much of it is packed at a time, compute it block by block of channels. */
#include "tinyi/convolution.h"

/* Fields of the schema's Conv2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, ACTIVATION = 3, DILATION_W = 4, DILATION_H = 5 };

struct layer {
  struct tinyi_tensor input, weights, output;
  struct tinyi_channels channels;
  struct tinynn_conv2d p;
};

static void read(struct tinyi_visit *visit, struct layer *layer) {
  struct tinyi_file *file = &visit->file;
  struct tinyi_tensor *input = &layer->input, *weights = &layer->weights, *output = &layer->output;
  tinyi_activation(visit, &visit->inputs, 0, input);
  tinyi_weights(visit, 1, weights);
  tinyi_activation(visit, &visit->outputs, 0, output);
  if (file->status != TINYI_OK) {
    return;
  }
  const int32_t channels = weights->shape[1];
  tinyi_require(visit,
                input->rank == 4 && weights->rank == 4 && output->rank == 4 && weights->shape[4] == input->shape[4] &&
                    output->shape[4] == channels && output->shape[1] == input->shape[1] &&
                    (weights->scale_count == 1 || weights->scale_count == channels),
                TINYI_UNSUPPORTED);
  const int32_t padding = tinyi_byte(file, &visit->options, PADDING);
  struct tinyi_axis y = {input->shape[2], output->shape[2], weights->shape[2],
                         tinyi_int(file, &visit->options, STRIDE_H, 0),
                         tinyi_int(file, &visit->options, DILATION_H, 1), 0};
  struct tinyi_axis x = {input->shape[3], output->shape[3], weights->shape[3],
                         tinyi_int(file, &visit->options, STRIDE_W, 0),
                         tinyi_int(file, &visit->options, DILATION_W, 1), 0};
  tinyi_slide(visit, &y, padding);
  tinyi_slide(visit, &x, padding);
  const struct tinynn_conv2d p = {.batches = input->shape[1],
                                  .input_height = y.input,
                                  .input_width = x.input,
                                  .input_channels = input->shape[4],
                                  .output_height = y.output,
                                  .output_width = x.output,
                                  .output_channels = channels,
                                  .output_pitch = channels,
                                  .kernel_height = y.kernel,
                                  .kernel_width = x.kernel,
                                  .stride_y = y.stride,
                                  .stride_x = x.stride,
                                  .dilation_y = y.dilation,
                                  .dilation_x = x.dilation,
                                  .pad_top = y.pad,
                                  .pad_left = x.pad,
                                  .input_zero_point = input->zero_point,
                                  .output_zero_point = output->zero_point};
  layer->p = p;
  tinyi_clamp(visit, tinyi_byte(file, &visit->options, ACTIVATION), output, &layer->p.lowest, &layer->p.highest);
  struct tinyi_channels *all = &layer->channels;
  all->bias = tinyi_integers(visit, 2, channels);
  all->quotient = tinyi_quotient(input->scale, output->scale);
  all->scales = weights->scales;
  all->scale_step = weights->scale_count > 1;
  all->rows.weights = weights->data;
  all->rows.channels = channels;
  all->rows.products = weights->elements / channels;
  all->rows.step = all->rows.products;
  all->rows.pitch = 1;
  all->input_zero_point = input->zero_point;
  all->output_zero_point = output->zero_point;
  all->lowest = layer->p.lowest;
  all->highest = layer->p.highest;
}

/* Scratch for blocks of so many channels. */
static uint32_t block_bytes(const struct tinyi_conv2d *kernel, struct tinynn_conv2d *p, int32_t channels) {
  p->output_channels = channels;
  const uint32_t each = kernel->channel_bytes(p) + (uint32_t)sizeof(struct tinynn_channel);
  return (uint32_t)channels * each + kernel->scratch_bytes(p);
}

/* Blocks one after the other; their outputs lie side by side in each pixel. */
static void compute(struct tinyi_visit *visit, struct layer *layer, const struct tinyi_conv2d *kernel) {
  struct tinynn_conv2d *p = &layer->p;
  const int32_t channels = p->output_pitch;
  int32_t block = (channels + kernel->tile - 1) / kernel->tile * kernel->tile;
  while (block > kernel->tile && block_bytes(kernel, p, block) > visit->scratch_bytes) {
    block -= kernel->tile;
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
    kernel->compute(p, layer->input.data, layer->output.data + first, scratch);
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
  const int32_t tiles = (layer.p.output_channels + kernel->tile - 1) / kernel->tile;
  visit->scratch_most = block_bytes(kernel, &layer.p, tiles * kernel->tile);
  visit->scratch_least = block_bytes(kernel, &layer.p, kernel->tile);
}
