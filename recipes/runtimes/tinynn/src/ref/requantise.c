/* RELU, RELU6, RELU_N1_TO_1 and QUANTIZE between int8 and uint8.
 *
 *   out[i] = clamp(zero_point + rescale(in[i] - input_zero_point))
 *
 * Bit for bit ReluQuantized of TFLM (tensorflow/lite/micro/kernels/activations_common.cc) and Requantize
 * (tensorflow/lite/kernels/internal/reference/requantize.h). RELU6 of TFLM only clamps: its multiplier is 1.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

static inline int8_t requantise(const struct tinynn_requantise *p, int32_t value) {
  const int32_t scaled = tinynn_rescale(value - p->input_zero_point, p->multiplier, p->shift);
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
}

void tinynn_requantise_ref(const struct tinynn_requantise *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = requantise(p, input[i]);
  }
}

void tinynn_requantise_uint8_ref(const struct tinynn_requantise *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = requantise(p, (uint8_t)input[i]);
  }
}
