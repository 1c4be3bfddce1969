/* RELU, RELU6, RELU_N1_TO_1 and int8 → int8 QUANTIZE.
 *
 *   out[i] = clamp(zero_point + rescale(in[i] - input_zero_point))
 *
 * Bit for bit ReluQuantized of TFLM (tensorflow/lite/micro/kernels/activations_common.cc) and Requantize
 * (tensorflow/lite/kernels/internal/reference/requantize.h). RELU6 of TFLM only clamps: its multiplier is 1.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

void tinynn_requantise_ref(const struct tinynn_requantise *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t scaled = tinynn_rescale(input[i] - p->input_zero_point, p->multiplier, p->shift);
    output[i] = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
  }
}
