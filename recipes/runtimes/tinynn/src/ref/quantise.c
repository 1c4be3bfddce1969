/* QUANTIZE float32 → int8 and DEQUANTIZE int8, uint8 → float32.
 *
 *   out[i] = clamp(round(in[i] / scale) + zero_point), halves away from zero; out[i] = scale * (in[i] - zero_point)
 *
 * Bit for bit AffineQuantize and Dequantize of TFLM (tensorflow/lite/kernels/internal/reference/quantize.h,
 * dequantize.h). Not a number gives the lowest value.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* Far outside of int8 whatever the zero point. */
#define FAR 1024.0f

static int32_t round_half_away(float x) {
  if (!(x > -FAR)) {
    return -(int32_t)FAR;
  }
  if (x > FAR) {
    return (int32_t)FAR;
  }
  const int32_t whole = (int32_t)x;
  const float rest = x - (float)whole; /* exact */
  return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

void tinynn_quantise_ref(const struct tinynn_affine *restrict p, const float *restrict input, int8_t *restrict output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t value = round_half_away(input[i] / p->scale) + p->zero_point;
    output[i] = (int8_t)tinynn_clamp(value, INT8_MIN, INT8_MAX);
  }
}

void tinynn_dequantise_ref(const struct tinynn_affine *restrict p, const int8_t *restrict input,
                           float *restrict output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = p->scale * (float)(input[i] - p->zero_point);
  }
}

void tinynn_dequantise_uint8_ref(const struct tinynn_affine *restrict p, const uint8_t *restrict input,
                                 float *restrict output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = p->scale * (float)(input[i] - p->zero_point);
  }
}
