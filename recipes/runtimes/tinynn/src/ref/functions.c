/* ABS and RSQRT, int8.
 *
 *   ABS    clamp(zero_point + rescale(|in[i] - input_zero_point|))
 *   RSQRT  clamp(zero_point + rescale(1 / sqrt(in[i] - input_zero_point))); what is not above 0 gives the largest value
 *
 * Bit for bit elementwise.cc of TFLM (tensorflow/lite/micro/kernels/), which refuses inputs below 0.
 */
#include "tinynn.h"
#include "tinynn/square_root.h"

enum { PLACES = 20 /* so that a reciprocal stays an integer */ };

static inline int8_t clamped(const struct tinynn_requantise *p, int32_t scaled) {
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
}

void tinynn_abs_ref(const struct tinynn_requantise *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t value = input[i] - p->input_zero_point;
    output[i] = clamped(p, tinynn_rescale(value < 0 ? -value : value, p->multiplier, p->shift));
  }
}

void tinynn_rsqrt_ref(const struct tinynn_requantise *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t value = input[i] - p->input_zero_point;
    const struct tinynn_factor root = tinynn_inverse_square_root(value);
    const int32_t inverse = tinynn_rescale(1, root.multiplier, root.shift + PLACES);
    output[i] =
        value <= 0 ? (int8_t)p->highest : clamped(p, tinynn_rescale(inverse, p->multiplier, p->shift - PLACES));
  }
}
