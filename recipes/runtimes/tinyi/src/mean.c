/* MEAN and SUM. MEAN's multiplier is divided by the number of elements, as QuantizedMeanOrSum of TFLite's reduce.h does. */
#include "tinyi/operators.h"
#include "tinyi/real.h"
#include "tinyi/shapes.h"

enum { AXES = 1 };
/* of elements of a sum, which then has 31 bits */
enum { MOST = 1 << 22 };

static void set_multiplier(struct tinynn_mean *p, struct tinyi_factor factor, int32_t count) {
  int32_t extra = 0; /* bits of the multiplier that are kept; shifts beyond 31 are not */
  while (extra < 31 + factor.shift && count >> (extra + 1) != 0) {
    ++extra;
  }
  p->multiplier = (int32_t)tinyi_divide((uint32_t)factor.multiplier, extra, (uint32_t)count);
  p->shift = factor.shift - extra;
}

/* Axes before the reduced ones, these, and those behind, where they are neighbours: what the fast kernels want. */
static int32_t merge(struct tinynn_mean *p) {
  int32_t sizes[4] = {1, 1, 1, 1}, group = 0; /* kept axes, reduced ones, kept ones, … */
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    if (p->shape[i] == 1) {
      continue;
    }
    group += p->reduced[i] != (group & 1);
    if (group > 2) {
      return 0;
    }
    sizes[group] *= p->shape[i];
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p->shape[i] = i < 2 ? 1 : sizes[i - 2];
    p->reduced[i] = i == 3;
  }
  return 1;
}

/* Whether there is something to compute now. */
static inline __attribute__((always_inline)) int32_t read(struct tinyi_context *context, uint32_t type,
                                                          int32_t is_mean, struct tinyi_tensor *input,
                                                          struct tinyi_tensor *output, struct tinynn_mean *p) {
  int32_t axes = 0, count = 1;
  tinyi_read_form(context, &context->inputs, 0, type, input);
  const int32_t *axis = tinyi_read_list(context, AXES, &axes);
  tinyi_read_form(context, &context->outputs, 0, type, output);
  tinyi_require(context, axes <= TINYNN_RANK, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p->shape[i] = input->shape[i];
    p->reduced[i] = 0;
  }
  for (int32_t i = 0; i < axes; ++i) {
    p->reduced[tinyi_axis(context, input, axis[i])] = 1;
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    count *= p->reduced[i] ? p->shape[i] : 1;
  }
  const struct tinyi_factor factor = tinyi_ratio(input->scale, output->scale, TINYI_ONE);
  tinyi_require(context,
                count <= MOST && input->elements / count == output->elements && factor.shift <= TINYI_LARGEST_SHIFT,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return 0;
  }
  p->input_zero_point = input->zero_point;
  p->output_zero_point = output->zero_point;
  set_multiplier(p, factor, is_mean ? count : 1);
  return 1;
}

static inline __attribute__((always_inline)) void reduce_int16(struct tinyi_context *context, int32_t is_mean) {
  struct tinyi_tensor input, output;
  struct tinynn_mean p;
  if (read(context, TINYI_INT16, is_mean, &input, &output, &p)) {
    tinynn_mean_int16_ref(&p, tinyi_int16(&input), tinyi_int16(&output));
  }
}

void tinyi_mean_int16(struct tinyi_context *context) { reduce_int16(context, 1); }

void tinyi_sum_int16(struct tinyi_context *context) { reduce_int16(context, 0); }

static inline __attribute__((always_inline)) void reduce(struct tinyi_context *context, int32_t is_mean) {
  struct tinyi_tensor input, output;
  struct tinynn_mean p;
  if (!read(context, TINYI_INT8, is_mean, &input, &output, &p)) {
    return;
  }
  const struct tinyi_mean *kernel = context->kernel;
  (kernel != NULL && merge(&p) ? kernel->compute : tinynn_mean_ref)(&p, input.data, output.data);
}

void tinyi_mean(struct tinyi_context *context) { reduce(context, 1); }

void tinyi_sum(struct tinyi_context *context) { reduce(context, 0); }

const struct tinyi_mean tinyi_mean_c = {tinynn_mean_c};
#if defined(__ARM_FEATURE_DSP)
const struct tinyi_mean tinyi_mean_dsp = {tinynn_mean_dsp};
#endif
