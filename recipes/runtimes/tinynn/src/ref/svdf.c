/* SVDF.
 *
 *   state[f] = (state[f] without its oldest, clamp(rescale(Σ in * features[f])))
 *   out[u] = clamp(zero_point + rescale(bias[u] + Σ state[f] * time[f])), f: the filters of a unit
 *
 * Bit for bit EvalIntegerSvdfReference of TFLM (tensorflow/lite/micro/kernels/svdf_common.cc), which clamps to no
 * activation; float32 by the same formula.
 */
#include <string.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

static inline int32_t feature(const struct tinynn_svdf *p, const int8_t *x, const int8_t *weights, int32_t lowest,
                              int32_t highest) {
  uint32_t sum = 0;
  for (int32_t i = 0; i < p->inputs; ++i) {
    sum += (uint32_t)((x[i] - p->input_zero_point) * weights[i]);
  }
  return tinynn_clamp(tinynn_rescale((int32_t)sum, p->state_multiplier, p->state_shift), lowest, highest);
}

static inline int8_t output_of(const struct tinynn_svdf *p, uint32_t sum) {
  const int32_t scaled = tinynn_rescale((int32_t)sum, p->output_multiplier, p->output_shift);
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
}

/* For states of both types. */
#define SVDF(function, type, lowest, highest)                                                                        \
  void function(const struct tinynn_svdf *restrict p, const int8_t *restrict input, type *restrict state,            \
                int8_t *restrict output) {                                                                           \
    for (int32_t n = 0; n < p->batches; ++n, input += p->inputs) {                                                   \
      const int8_t *features = p->features;                                                                          \
      const type *time = p->time;                                                                                    \
      for (int32_t u = 0; u < p->units; ++u) {                                                                       \
        uint32_t sum = p->bias == NULL ? 0 : (uint32_t)p->bias[u];                                                   \
        for (int32_t r = 0; r < p->rank; ++r, features += p->pitch, time += p->memory, state += p->memory) {         \
          memmove(state, state + 1, (size_t)(p->memory - 1) * sizeof *state);                                        \
          state[p->memory - 1] = (type)(p->state_zero_point + feature(p, input, features, lowest, highest));         \
          for (int32_t i = 0; i < p->memory; ++i) {                                                                  \
            sum += (uint32_t)((state[i] - p->state_zero_point) * time[i]);                                           \
          }                                                                                                          \
        }                                                                                                            \
        *output++ = output_of(p, sum);                                                                               \
      }                                                                                                              \
    }                                                                                                                \
  }

SVDF(tinynn_svdf_int8_ref, int8_t, INT8_MIN, INT8_MAX)
SVDF(tinynn_svdf_int16_ref, int16_t, INT16_MIN, INT16_MAX)

void tinynn_svdf_float32_ref(const struct tinynn_svdf_float32 *restrict p, const float *restrict input,
                             float *restrict state, float *restrict output) {
  for (int32_t n = 0; n < p->batches; ++n, input += p->inputs) {
    const float *features = p->features, *time = p->time;
    for (int32_t u = 0; u < p->units; ++u) {
      float sum = p->bias == NULL ? 0 : p->bias[u];
      for (int32_t r = 0; r < p->rank; ++r, features += p->inputs, time += p->memory, state += p->memory) {
        float made = 0, filtered = 0;
        for (int32_t i = 0; i < p->inputs; ++i) {
          made = tinynn_multiply_add(made, input[i], features[i]);
        }
        memmove(state, state + 1, (size_t)(p->memory - 1) * sizeof *state);
        state[p->memory - 1] = made;
        for (int32_t i = 0; i < p->memory; ++i) {
          filtered = tinynn_multiply_add(filtered, state[i], time[i]);
        }
        sum += filtered;
      }
      *output++ = tinynn_clamp_float32(sum, p->lowest, p->highest);
    }
  }
}
