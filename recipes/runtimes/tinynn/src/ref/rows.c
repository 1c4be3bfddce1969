/* FULLY_CONNECTED, int8, with weights as a model has them.
 *
 *   out[n, o] = clamp(zero_point + rescale(bias[o] + Σ (in[n, i] - input_zero_point) * weights[o, i]))
 *
 * The formula of fully_connected.c; nothing is prepared but the factors.
 */
#include <stddef.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

void tinynn_rows_ref(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    for (int32_t o = 0; o < p->outputs; ++o) {
      const struct tinynn_channel *channel = &p->channels[p->is_per_channel ? o : 0];
      uint32_t sum = p->bias == NULL ? 0 : (uint32_t)p->bias[o]; /* modulo 2^32, as TFLM accumulates */
      for (int32_t i = 0; i < p->inputs; ++i) {
        sum += (uint32_t)((input[i] - p->input_zero_point) * *weights++);
      }
      const int32_t scaled = tinynn_rescale((int32_t)sum, channel->multiplier, channel->shift);
      *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), p->lowest, p->highest);
    }
    input += p->inputs;
  }
}
