/* MEAN, int8.
 *
 *   out[…] = clamp(zero_point + rescale(Σ in[…] - count * input_zero_point)), over the reduced axes
 *
 * Bit for bit QuantizedMeanOrSum of TFLM (tensorflow/lite/kernels/internal/reference/reduce.h), which divides its
 * multiplier by the number of elements.
 */
#include "tinynn.h"
#include "tinynn/axes.h"
#include "tinynn/fixed_point.h"

void tinynn_mean_ref(const struct tinynn_mean *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const struct tinynn_axes axes = tinynn_axes(p);
  int32_t outer[TINYNN_RANK] = {0}, first = 0;
  do {
    int32_t inner[TINYNN_RANK] = {0}, place = first;
    int32_t sum = 0;
    do {
      sum += input[place] - p->input_zero_point;
    } while (tinynn_advance(axes.size + TINYNN_RANK, axes.stride + TINYNN_RANK, inner, &place));
    const int32_t scaled = tinynn_rescale(sum, p->multiplier, p->shift);
    *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
  } while (tinynn_advance(axes.size, axes.stride, outer, &first));
}
