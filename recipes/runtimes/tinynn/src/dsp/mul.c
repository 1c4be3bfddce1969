/* MUL: the formula of ref/mul.c where the product is scaled down by 2^-1 to 2^-22, four products at a time. */
#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)

struct scaling {
  int32_t factor, shift, offset;
};

static inline int8_t rescaled(int32_t product, struct scaling scaling) {
  const int32_t high = tinynn_high_by_factor(product, scaling.factor);
  return (int8_t)tinynn_saturate_half((high + (high >> 31) + scaling.offset) >> scaling.shift);
}

static inline int32_t low_product(tinynn_pair a, tinynn_pair b) { return (int16_t)a * (int16_t)b; }

static inline int32_t high_product(tinynn_pair a, tinynn_pair b) { return ((int32_t)a >> 16) * ((int32_t)b >> 16); }

void tinynn_mul_dsp(const struct tinynn_mul *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  const int32_t shift = -p->output_multiplier_shift - 1;
  const struct scaling scaling = {(int32_t)((uint32_t)p->output_multiplier << 1), shift,
                                  (2 * p->output_zero_point + 1) * (INT32_C(1) << shift)};
  const tinynn_pair left_zeros = tinynn_twice(-p->left_zero_point), right_zeros = tinynn_twice(-p->right_zero_point);
  int8_t *to = output;
  int32_t count = p->elements;
#pragma GCC unroll 1
  for (; count >= 4; count -= 4) {
    const uint32_t a = tinynn_load_word(left), b = tinynn_load_word(right);
    const tinynn_pair even_a = tinynn_add_even_bytes(left_zeros, a), even_b = tinynn_add_even_bytes(right_zeros, b);
    const tinynn_pair odd_a = tinynn_add_odd_bytes(left_zeros, a), odd_b = tinynn_add_odd_bytes(right_zeros, b);
    to[0] = rescaled(low_product(even_a, even_b), scaling);
    to[1] = rescaled(low_product(odd_a, odd_b), scaling);
    to[2] = rescaled(high_product(even_a, even_b), scaling);
    to[3] = rescaled(high_product(odd_a, odd_b), scaling);
    left += 4;
    right += 4;
    to += 4;
  }
#pragma GCC unroll 1
  for (; count > 0; --count) {
    *to++ = rescaled((*left++ - p->left_zero_point) * (*right++ - p->right_zero_point), scaling);
  }
  if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
    tinynn_clamp_dsp(output, p->elements, p->lowest, p->highest);
  }
}

#endif
