/* FULLY_CONNECTED: read it; the file's rows of weights are used as they are. */
#include "tinyi/operators.h"

/* Fields of the schema's FullyConnectedOptions. */
enum { ACTIVATION = 0, WEIGHTS_FORMAT = 1 };

struct layer {
  const int8_t *input;
  int8_t *output;
  struct tinynn_rows p;
  struct tinyi_quotient quotient;
  const uint32_t *scales; /* of the channels, or a 1 */
};

/* The product of two float32 numbers, rounded to float32: how TFLM makes the factor of one scale. */
static uint32_t product(uint32_t a, uint32_t b) {
  union {
    uint32_t bits;
    float value;
  } left = {a}, right = {b};
  left.value *= right.value;
  return left.bits;
}

/* One tensor after the other, so that the stack holds one of them at a time. */
static void read(struct tinyi_visit *visit, struct layer *layer) {
  struct tinyi_file *file = &visit->file;
  struct tinyi_tensor tensor;
  struct tinynn_rows *p = &layer->p;
  tinyi_activation(visit, &visit->inputs, 0, &tensor);
  const int32_t elements = tensor.elements;
  uint32_t numerator = tensor.scale;
  layer->input = tensor.data;
  p->input_zero_point = tensor.zero_point;
  tinyi_weights(visit, 1, &tensor);
  if (file->status != TINYI_OK) {
    return;
  }
  p->inputs = tensor.shape[4];
  p->outputs = tensor.shape[3];
  p->batches = elements / p->inputs;
  p->weights = tensor.data;
  p->is_per_channel = tensor.scale_count > 1;
  layer->scales = tensor.scales;
  if (!p->is_per_channel) {
    static const uint32_t one = 0x3f800000;
    numerator = product(numerator, tensor.scale);
    layer->scales = &one;
  }
  tinyi_require(visit,
                tensor.rank == 2 && p->batches * p->inputs == elements &&
                    (!p->is_per_channel || tensor.scale_count == p->outputs) &&
                    tinyi_byte(file, &visit->options, WEIGHTS_FORMAT) == 0 && tinyi_is_positive(numerator),
                TINYI_UNSUPPORTED);
  p->bias = tinyi_integers(visit, 2, p->outputs);
  tinyi_activation(visit, &visit->outputs, 0, &tensor);
  tinyi_require(visit, p->batches * p->outputs == tensor.elements, TINYI_UNSUPPORTED);
  layer->output = tensor.data;
  p->output_zero_point = tensor.zero_point;
  tinyi_clamp(visit, tinyi_byte(file, &visit->options, ACTIVATION), &tensor, &p->lowest, &p->highest);
  if (file->status == TINYI_OK) {
    layer->quotient = tinyi_quotient(numerator, tensor.scale);
  }
}

/* Beyond it a sum that is clamped to 30 bits could make a difference: see tinynn/saturated_rows.h. */
enum { LARGEST_SHIFT = 20 };

static struct tinyi_factor factor_of(const struct layer *layer, int32_t c) {
  return tinyi_factor(&layer->quotient, layer->scales[c]);
}

static int32_t record_count(const struct tinynn_rows *p) { return p->is_per_channel ? p->outputs : 1; }

/* Whether the fast kernels compute it; checks the scales. */
static int32_t is_right(struct tinyi_visit *visit, const struct layer *layer) {
  int32_t is_right = layer->p.inputs <= 1 << 13;
  for (int32_t c = 0; c < record_count(&layer->p); ++c) {
    const uint32_t scale = layer->scales[c];
    tinyi_require(visit, scale == 0 || tinyi_is_positive(scale), TINYI_UNSUPPORTED);
    const int32_t shift = factor_of(layer, c).shift;
    is_right &= shift <= -1 && shift >= -LARGEST_SHIFT;
  }
  return is_right;
}

static void compute(struct tinyi_visit *visit, struct layer *layer, const struct tinyi_fully_connected *kernel) {
  struct tinynn_rows *p = &layer->p;
  const int32_t count = record_count(p);
  struct tinynn_channel *records = (struct tinynn_channel *)(void *)visit->scratch;
  for (int32_t c = 0; c < count; ++c) {
    const struct tinyi_factor factor = factor_of(layer, c);
    const struct tinynn_channel right = {0, (int32_t)((uint32_t)factor.multiplier << 1), -factor.shift - 1};
    const struct tinynn_channel plain = {0, factor.multiplier, factor.shift};
    records[c] = kernel->is_right ? right : plain;
  }
  p->channels = records;
  p->widened = (int32_t)(visit->scratch_bytes - (uint32_t)count * (uint32_t)sizeof *records) / 2 & ~7;
  kernel->compute(p, layer->input, layer->output, records + count);
}

void tinyi_fully_connected(struct tinyi_visit *visit) {
  struct layer layer;
  read(visit, &layer);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const struct tinynn_rows *p = &layer.p;
  const struct tinyi_fully_connected *kernel = visit->kernel;
  if (visit->lives == NULL) {
    compute(visit, &layer, visit->choice ? kernel : &tinyi_fully_connected_ref);
    return;
  }
  visit->choice = (uint8_t)is_right(visit, &layer);
  kernel = visit->choice ? kernel : &tinyi_fully_connected_ref;
  visit->scratch_least = (uint32_t)record_count(p) * (uint32_t)sizeof(struct tinynn_channel);
  visit->scratch_most = visit->scratch_least + (kernel->widens ? 2 * ((uint32_t)p->inputs & ~UINT32_C(7)) : 0);
}
