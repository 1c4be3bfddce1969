/* FULLY_CONNECTED, int8.
 *
 *   out[n, o] = clamp(zero_point + rescale(bias[o] + Σ in[n, i] * weights[o, i]))
 *
 * Bit for bit FullyConnected and FullyConnectedPerChannel of TFLM
 * (tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h), weights with zero point 0.
 */
#include "tinynn.h"
#include "tinynn/dot.h"
#include "tinynn/fixed_point.h"

void tinynn_fully_connected_ref(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t o = 0; o < p->outputs; ++o) {
      const struct tinynn_channel *channel = &p->channels[o];
      const int32_t sum = tinynn_dot(channel->bias, input, p->weights + o * p->inputs, p->inputs);
      const int32_t scaled = tinynn_rescale(sum, channel->multiplier, channel->shift);
      *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
    }
    input += p->inputs;
  }
}
