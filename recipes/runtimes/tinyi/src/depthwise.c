/* DEPTHWISE_CONV_2D: read it; its taps are gathered channel by channel for the fast kernels. */
#include "tinyi/convolution.h"

enum { TAPS = 9 /* of 3×3 */ };

/* [channel][taps], and records with the zero point folded in. */
static inline __attribute__((always_inline)) void gather(const struct tinyi_convolution *layer, int32_t taps,
                                                         int8_t *to, struct tinynn_channel *records) {
  const int32_t channels = layer->depthwise.output_channels;
  for (int32_t c = 0; c < channels; ++c) {
    const int8_t *from = layer->channels.rows.weights + c;
    int32_t sum = 0;
    for (int32_t i = 0; i < taps; ++i) {
      *to++ = *from;
      sum += *from;
      from += channels;
    }
    records[c].bias -= layer->depthwise.input_zero_point * sum;
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
  return context->choice == 0 ? NULL : context->choice == 1 ? kernel : kernel->fallback;
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

static void compute(struct tinyi_context *context, struct tinyi_convolution *layer,
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

void tinyi_depthwise(struct tinyi_context *context) {
  struct tinyi_convolution layer;
  tinyi_read_convolution(context, &layer, 1);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinynn_depthwise *p = &layer.depthwise;
  if (context->lifetimes == NULL) {
    compute(context, &layer, chosen(context));
    return;
  }
  tinyi_note_work(context, layer.outputs, layer.channels.rows.products);
  context->choice = choose(context, &layer);
  const struct tinyi_depthwise *kernel = chosen(context);
  const uint32_t padded_channels = (uint32_t)padded_channels_of(kernel, p);
  uint32_t bytes = padded_channels * (uint32_t)sizeof(struct tinynn_channel);
  if (kernel == NULL) {
    bytes += (uint32_t)p->output_channels * 4;
  } else {
    /* one byte more is read than there are taps */
    bytes +=
        ((kernel->scratch_bytes(p) + 3) & ~UINT32_C(3)) + padded_channels * (uint32_t)layer.channels.rows.products + 1;
    context->in_place = kernel->is_in_place && p->batches == 1 && p->depth_multiplier == 1 &&
                        p->output_height * p->output_width <= p->input_height * p->input_width;
  }
  context->scratch_least = bytes;
  context->scratch_most = bytes;
}
