/* DEPTHWISE_CONV_2D: read it; its taps are brought together channel by channel for the fast kernels. */
#include "tinyi/convolution.h"

enum { TAPS = 9 /* of 3×3 */ };

/* [channel][taps], and records with the zero point folded in. */
static inline __attribute__((always_inline)) void gather(const struct tinyi_convolution *layer, int32_t taps, int8_t *to,
                                                         struct tinynn_channel *records) {
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
static const struct tinyi_depthwise *chosen(const struct tinyi_visit *visit) {
  const struct tinyi_depthwise *kernel = visit->kernel;
  return visit->choice == 0 ? NULL : visit->choice == 1 ? kernel : kernel->otherwise;
}

static uint8_t choose(struct tinyi_visit *visit, const struct tinyi_convolution *layer) {
  const struct tinyi_depthwise *kernel = visit->kernel;
  if (!tinyi_is_right(visit, &layer->channels)) {
    return 0;
  }
  for (uint8_t choice = 1; kernel != NULL; ++choice) {
    if (kernel->fits(&layer->depthwise) && (kernel->takes == NULL || kernel->takes(&layer->channels))) {
      return choice;
    }
    kernel = kernel->otherwise;
  }
  return 0;
}

static int32_t slots_of(const struct tinyi_depthwise *kernel, const struct tinynn_depthwise *p) {
  return kernel == NULL || kernel->slots == NULL ? p->output_channels : kernel->slots(p);
}

static void compute(struct tinyi_visit *visit, struct tinyi_convolution *layer, const struct tinyi_depthwise *kernel) {
  struct tinynn_depthwise *p = &layer->depthwise;
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
  struct tinyi_convolution layer;
  tinyi_read_convolution(visit, &layer, 1);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const struct tinynn_depthwise *p = &layer.depthwise;
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
