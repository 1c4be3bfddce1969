/* DEPTHWISE_CONV_2D: read it; its taps are brought together channel by channel for the kernels of 3×3. */
#include "tinyi/convolution.h"

/* Fields of the schema's DepthwiseConv2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, ACTIVATION = 4, DILATION_W = 5, DILATION_H = 6 };
enum { TAPS = 9 };

struct layer {
  struct tinyi_tensor input, weights, output;
  struct tinyi_channels channels;
  struct tinynn_depthwise p;
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
  const int32_t channels = weights->shape[4];
  tinyi_require(visit,
                input->rank == 4 && weights->rank == 4 && output->rank == 4 && weights->shape[1] == 1 &&
                    channels % input->shape[4] == 0 && output->shape[4] == channels &&
                    output->shape[1] == input->shape[1] &&
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
  const struct tinynn_depthwise p = {.batches = input->shape[1],
                                     .input_height = y.input,
                                     .input_width = x.input,
                                     .input_channels = input->shape[4],
                                     .output_height = y.output,
                                     .output_width = x.output,
                                     .output_channels = channels,
                                     .depth_multiplier = channels / input->shape[4],
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
  all->rows.products = y.kernel * x.kernel;
  all->rows.step = 1;
  all->rows.pitch = channels;
  all->input_zero_point = input->zero_point;
  all->output_zero_point = output->zero_point;
  all->lowest = layer->p.lowest;
  all->highest = layer->p.highest;
}

static int32_t is_for(const struct tinyi_depthwise *kernel, const struct layer *layer) {
  const struct tinynn_depthwise *p = &layer->p;
  return kernel != NULL && p->kernel_height == 3 && p->kernel_width == 3 && p->depth_multiplier == 1 &&
         p->dilation_y == 1 && p->dilation_x == 1 && p->stride_x <= kernel->largest_stride_x;
}

/* [channel][3][3], and records with the zero point folded in. */
static void gather_taps(const struct layer *layer, int8_t *to, struct tinynn_channel *records) {
  const int32_t channels = layer->p.output_channels;
  for (int32_t c = 0; c < channels; ++c) {
    const int8_t *from = layer->weights.data + c;
    int32_t sum = 0;
    for (int32_t i = 0; i < TAPS; ++i) {
      *to++ = *from;
      sum += *from;
      from += channels;
    }
    records[c].bias -= layer->p.input_zero_point * sum;
  }
}

static int32_t slots_of(const struct tinyi_depthwise *kernel, const struct tinynn_depthwise *p) {
  return kernel == NULL || kernel->slots == NULL ? p->output_channels : kernel->slots(p);
}

static void compute(struct tinyi_visit *visit, struct layer *layer, const struct tinyi_depthwise *kernel) {
  struct tinynn_depthwise *p = &layer->p;
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)visit->scratch;
  int8_t *behind = (int8_t *)(records + slots_of(kernel, p));
  p->channels = records;
  if (kernel == NULL) {
    p->weights = layer->weights.data;
    tinyi_plain_records(&layer->channels, 0, p->output_channels, records);
    tinynn_depthwise_ref(p, layer->input.data, layer->output.data, behind);
    return;
  }
  const uint32_t plane_bytes = (kernel->scratch_bytes(p) + 3) & ~UINT32_C(3);
  int8_t *taps = behind + plane_bytes;
  p->weights = taps;
  if (kernel->pack != NULL) {
    kernel->pack(&layer->channels, p, taps, records);
  } else {
    tinyi_right_records(&layer->channels, 0, p->output_channels, records);
    gather_taps(layer, taps, records);
  }
  kernel->compute(p, layer->input.data, layer->output.data, behind);
}

void tinyi_depthwise(struct tinyi_visit *visit) {
  struct layer layer;
  read(visit, &layer);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const struct tinynn_depthwise *p = &layer.p;
  if (visit->lives == NULL) {
    compute(visit, &layer, visit->choice ? visit->kernel : NULL);
    return;
  }
  const struct tinyi_depthwise *kernel = visit->kernel;
  visit->choice = (uint8_t)(tinyi_is_right(visit, &layer.channels) && is_for(kernel, &layer) &&
                            (kernel->takes == NULL || kernel->takes(&layer.channels)));
  kernel = visit->choice ? kernel : NULL;
  const uint32_t slots = (uint32_t)slots_of(kernel, p);
  uint32_t bytes = slots * (uint32_t)sizeof(struct tinynn_channel);
  if (kernel == NULL) {
    bytes += (uint32_t)p->output_channels * 4;
  } else {
    /* one byte more is read than there are taps */
    bytes += ((kernel->scratch_bytes(p) + 3) & ~UINT32_C(3)) + slots * TAPS + 1;
    visit->in_place = p->batches == 1 && p->output_height * p->output_width <= p->input_height * p->input_width;
  }
  visit->scratch_least = bytes;
  visit->scratch_most = bytes;
}
