/* DEPTHWISE_CONV_2D: read it; its taps are gathered channel by channel for the fast kernels. */
#include "tinyi/convolution.h"

enum { TAPS = 9 /* of 3×3 */ };

/* [channel][taps], and records with the zero point folded in. */
static inline __attribute__((always_inline)) void gather(const struct tinyi_convolution *layer, int32_t taps,
                                                         int8_t *to, struct tinynn_channel *record) {
  const int32_t channels = layer->depthwise.output_channels, zero_point = layer->depthwise.input_zero_point;
  for (int32_t c = 0; c < channels; ++c) {
    const int8_t *from = layer->channels.rows.weights + c;
    int32_t sum = 0;
    for (int32_t i = 0; i < taps; ++i) {
      *to++ = *from;
      sum += *from;
      from += channels;
    }
    record->bias -= zero_point * sum;
    ++record;
  }
}

static void gather_taps(const struct tinyi_convolution *layer, int8_t *to, struct tinynn_channel *records) {
  if (layer->channels.rows.products == TAPS) {
    gather(layer, TAPS, to, records); /* without a loop */
  } else {
    gather(layer, layer->channels.rows.products, to, records);
  }
}

/* The kernel that set-up chose: 1 for the first; NULL for the definition. */
static const struct tinyi_depthwise *chosen(const struct tinyi_context *context) {
  const struct tinyi_depthwise *kernel = context->kernel;
  if (context->choice == 0) {
    return NULL;
  }
#pragma GCC unroll 1
  for (uint8_t choice = 1; choice < context->choice; ++choice) {
    kernel = kernel->fallback;
  }
  return kernel;
}

static uint8_t choose(struct tinyi_context *context, const struct tinyi_convolution *layer) {
  const struct tinyi_depthwise *kernel = context->kernel;
  if (!tinyi_has_right_shifts(context, &layer->channels)) {
    return 0;
  }
  for (uint8_t choice = 1; kernel != NULL; ++choice) {
    if (kernel->supports_shape(&layer->depthwise) &&
        (kernel->supports_weights == NULL || kernel->supports_weights(&layer->channels))) {
      return choice;
    }
    kernel = kernel->fallback;
  }
  return 0;
}

static int32_t padded_channels_of(const struct tinyi_depthwise *kernel, const struct tinynn_depthwise *p) {
  return kernel == NULL || kernel->padded_channels == NULL ? p->output_channels : kernel->padded_channels(p);
}

static inline __attribute__((always_inline)) void compute(struct tinyi_context *context,
                                                          struct tinyi_convolution *layer,
                                                          const struct tinyi_depthwise *kernel) {
  struct tinynn_depthwise *p = &layer->depthwise;
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)context->scratch;
  int8_t *behind = (int8_t *)(records + padded_channels_of(kernel, p));
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
    tinyi_right_shift_records(&layer->channels, 0, p->output_channels, records);
    gather_taps(layer, taps, records);
  }
  kernel->compute(p, layer->input, layer->output, behind);
}

static inline __attribute__((always_inline)) void run(struct tinyi_context *context, struct tinyi_convolution *layer) {
  const struct tinynn_depthwise *p = &layer->depthwise;
  if (context->lifetimes == NULL) {
    compute(context, layer, chosen(context));
    return;
  }
  tinyi_note_work(context, layer->outputs, layer->channels.rows.products);
  context->choice = choose(context, layer);
  const struct tinyi_depthwise *kernel = chosen(context);
  const uint32_t padded_channels = (uint32_t)padded_channels_of(kernel, p);
  uint32_t bytes = padded_channels * (uint32_t)sizeof(struct tinynn_channel);
  if (kernel == NULL) {
    bytes += (uint32_t)p->output_channels * 4;
  } else {
    /* one byte more is read than there are taps */
    const int32_t taps = kernel->packed_taps == NULL ? layer->channels.rows.products : kernel->packed_taps(p);
    bytes += ((kernel->scratch_bytes(p) + 3) & ~UINT32_C(3)) + padded_channels * (uint32_t)taps + 1;
    context->in_place = kernel->is_in_place && p->batches == 1 && p->depth_multiplier == 1 &&
                        p->output_height * p->output_width <= p->input_height * p->input_width;
  }
  context->scratch_least = bytes;
  context->scratch_most = bytes;
}

void tinyi_depthwise(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, 1);
  if (context->file.status == TINYI_OK) {
    run(context, &layer);
  }
}

/* What is above any place in a chain of kernels: the layer is computed as CONV_2D. */
enum { AS_CONV2D = UINT8_MAX };

static int32_t is_conv2d(struct tinyi_context *context, const struct tinyi_convolution *layer) {
  const struct tinyi_depthwise_general *kernel = context->kernel;
  if (context->lifetimes == NULL) {
    return context->choice == AS_CONV2D;
  }
  return kernel != NULL && kernel->of_one_channel != NULL && layer->depthwise.input_channels == 1 &&
         layer->depthwise.depth_multiplier > 1 && tinyi_has_right_shifts(context, &layer->channels);
}

static void exchange(int32_t *a, int32_t *b) {
  const int32_t value = *a;
  *a = *b;
  *b = value;
}

/* A column as a row, whose bytes are the same: kernels read and write along rows. */
static void turn(struct tinynn_depthwise *p) {
  if (p->input_width == 1 && p->output_width == 1 && p->kernel_width == 1) {
    exchange(&p->input_height, &p->input_width);
    exchange(&p->output_height, &p->output_width);
    exchange(&p->kernel_height, &p->kernel_width);
    exchange(&p->stride_y, &p->stride_x);
    exchange(&p->dilation_y, &p->dilation_x);
    exchange(&p->pad_top, &p->pad_left);
  }
}

void tinyi_depthwise_rare(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, 1);
  if (context->file.status != TINYI_OK) {
    return;
  }
  turn(&layer.depthwise);
  if (!is_conv2d(context, &layer)) {
    run(context, &layer);
    return;
  }
  const struct tinyi_conv2d *kernel = ((const struct tinyi_depthwise_general *)context->kernel)->of_one_channel;
  layer.conv2d.output_pitch = layer.conv2d.output_channels; /* in the place of the depth multiplier */
  if (context->lifetimes == NULL) {
    tinyi_conv2d_layer(context, &layer, kernel);
  } else {
    context->choice = AS_CONV2D;
    tinyi_plan_conv2d_layer(context, &layer, kernel);
  }
}
