/* DEPTHWISE_CONV_2D: read it; its taps are brought together channel by channel for the fast kernels. */
#include "tinyi/convolution.h"

/* Fields of the schema's DepthwiseConv2DOptions. */
enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2, ACTIVATION = 4, DILATION_W = 5, DILATION_H = 6 };
enum { TAPS = 9 /* of 3×3 */ };

struct layer {
  const int8_t *input;
  int8_t *output;
  int32_t outputs; /* elements */
  struct tinyi_channels channels;
  struct tinynn_depthwise p;
};

/* One tensor after the other, so that the stack holds one of them at a time; and none when the kernel runs. */
static __attribute__((noinline)) void read(struct tinyi_visit *visit, struct layer *layer) {
  struct tinyi_file *file = &visit->file;
  struct tinynn_depthwise *p = &layer->p;
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
  p->output_channels = tensor.shape[4];
  p->depth_multiplier = p->output_channels / p->input_channels;
  p->kernel_height = tensor.shape[2];
  p->kernel_width = tensor.shape[3];
  is_supported &= tensor.rank == 4 && tensor.shape[1] == 1 &&
                  p->depth_multiplier * p->input_channels == p->output_channels &&
                  (tensor.scale_count == 1 || tensor.scale_count == p->output_channels);
  all->scales = tensor.scales;
  all->scale_step = tensor.scale_count > 1;
  all->rows.weights = tensor.data;
  all->rows.channels = p->output_channels;
  all->rows.products = p->kernel_height * p->kernel_width;
  all->rows.step = 1;
  all->rows.pitch = p->output_channels;
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

/* [channel][taps], and records with the zero point folded in. */
static inline __attribute__((always_inline)) void gather(const struct layer *layer, int32_t taps, int8_t *to,
                                                         struct tinynn_channel *records) {
  const int32_t channels = layer->p.output_channels;
  for (int32_t c = 0; c < channels; ++c) {
    const int8_t *from = layer->channels.rows.weights + c;
    int32_t sum = 0;
    for (int32_t i = 0; i < taps; ++i) {
      *to++ = *from;
      sum += *from;
      from += channels;
    }
    records[c].bias -= layer->p.input_zero_point * sum;
  }
}

static void gather_taps(const struct layer *layer, int8_t *to, struct tinynn_channel *records) {
  if (layer->channels.rows.products == TAPS) {
    gather(layer, TAPS, to, records); /* without a loop */
  } else {
    gather(layer, layer->channels.rows.products, to, records);
  }
}

/* The kernel that set-up chose: 1 for the first; NULL for the definition. */
static const struct tinyi_depthwise *chosen(const struct tinyi_visit *visit) {
  const struct tinyi_depthwise *kernel = visit->kernel;
  return visit->choice == 0 ? NULL : visit->choice == 1 ? kernel : kernel->otherwise;
}

static uint8_t choose(struct tinyi_visit *visit, const struct layer *layer) {
  const struct tinyi_depthwise *kernel = visit->kernel;
  if (!tinyi_is_right(visit, &layer->channels)) {
    return 0;
  }
  for (uint8_t choice = 1; kernel != NULL; ++choice) {
    if (kernel->fits(&layer->p) && (kernel->takes == NULL || kernel->takes(&layer->channels))) {
      return choice;
    }
    kernel = kernel->otherwise;
  }
  return 0;
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
    p->weights = layer->channels.rows.weights;
    tinyi_plain_records(&layer->channels, 0, p->output_channels, records);
    tinynn_depthwise_ref(p, layer->input, layer->output, behind);
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
  kernel->compute(p, layer->input, layer->output, behind);
}

void tinyi_depthwise(struct tinyi_visit *visit) {
  struct layer layer;
  read(visit, &layer);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const struct tinynn_depthwise *p = &layer.p;
  if (visit->lives == NULL) {
    compute(visit, &layer, chosen(visit));
    return;
  }
  tinyi_note_work(visit, layer.outputs, layer.channels.rows.products);
  visit->choice = choose(visit, &layer);
  const struct tinyi_depthwise *kernel = chosen(visit);
  const uint32_t slots = (uint32_t)slots_of(kernel, p);
  uint32_t bytes = slots * (uint32_t)sizeof(struct tinynn_channel);
  if (kernel == NULL) {
    bytes += (uint32_t)p->output_channels * 4;
  } else {
    /* one byte more is read than there are taps */
    bytes += ((kernel->scratch_bytes(p) + 3) & ~UINT32_C(3)) + slots * (uint32_t)layer.channels.rows.products + 1;
    visit->in_place = kernel->is_in_place && p->batches == 1 && p->depth_multiplier == 1 &&
                      p->output_height * p->output_width <= p->input_height * p->input_width;
  }
  visit->scratch_least = bytes;
  visit->scratch_most = bytes;
}
