/* LEAKY_RELU, int8.
 *
 *   out[i] = clamp(zero_point + rescale(in[i] - input_zero_point)), by another scale below 0
 *
 * Bit for bit QuantizeLeakyRelu of TFLM (tensorflow/lite/kernels/internal/reference/leaky_relu.h).
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

void tinynn_leaky_relu_ref(const struct tinynn_leaky_relu *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t value = input[i] - p->input_zero_point;
    const int32_t scaled = value >= 0 ? tinynn_rescale(value, p->identity_multiplier, p->identity_shift)
                                      : tinynn_rescale(value, p->alpha_multiplier, p->alpha_shift);
    output[i] = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
  }
}
