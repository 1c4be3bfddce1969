/* QUANTIZE float32 → int16 and DEQUANTIZE int16 → float32: the formulas of quantise.c, the zero point being 0. */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* Outside of int16. */
#define FAR 65536.0f

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

void tinynn_quantise_int16_ref(const struct tinynn_affine *restrict p, const float *input, int16_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = (int16_t)tinynn_clamp(round_half_away(input[i] / p->scale), INT16_MIN, INT16_MAX);
  }
}

void tinynn_dequantise_int16_ref(const struct tinynn_affine *restrict p, const int16_t *input,
                                 float *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = p->scale * (float)input[i];
  }
}
