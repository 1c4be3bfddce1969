/* ADD and SUB, int8: the formula of ref/add.c where the input of the larger scale has the multiplier 1/2, the other
 * one a smaller one, and the sum is scaled down, as TFLite prepares them (see c/add.c).
 */
#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)

enum { LEFT_SHIFT = 20, HALF = 1 << 30 };

/* A rescaling by factor and 2^-(shift + 1), halves away from zero; offset is the half, and more. */
struct scaling {
  int32_t factor, shift, offset;
};

static inline struct scaling make_scaling(int32_t multiplier, int32_t right_shift, int32_t zero_point) {
  const struct scaling scaling = {(int32_t)((uint32_t)multiplier << 1), right_shift - 1,
                                  (2 * zero_point + 1) * (1 << (right_shift - 1))};
  return scaling;
}

/* Twice the result, the last bit to be cut. */
static inline int32_t rescale_twice(int32_t value, struct scaling scaling) {
  const int32_t high = tinynn_high_by_factor(value, scaling.factor);
  return (high + (high >> 31) + scaling.offset) >> scaling.shift;
}

static inline void combine(const struct tinynn_add *restrict p, const int8_t *whole, int32_t whole_zero,
                           int32_t whole_sign, const int8_t *other, int32_t other_zero, struct scaling term,
                           int32_t term_sign, int8_t *output) {
  const struct scaling result = make_scaling(p->output_multiplier, -p->output_multiplier_shift, p->output_zero_point);
  const int32_t constant = -whole_sign * whole_zero * (1 << (LEFT_SHIFT - 1));
  const int32_t other_constant = -other_zero * (1 << LEFT_SHIFT);
#pragma GCC unroll 4
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t sum = whole[i] * (whole_sign * (1 << (LEFT_SHIFT - 1))) + constant;
    const int32_t scaled = rescale_twice(other[i] * (1 << LEFT_SHIFT) + other_constant, term) >> 1;
    output[i] = (int8_t)tinynn_saturate_half(rescale_twice(sum + term_sign * scaled, result));
  }
  if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
    tinynn_clamp_dsp(output, p->elements, p->lowest, p->highest);
  }
}

static inline void add_or_sub(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right,
                              int8_t *output, int32_t right_sign) {
  if (p->left_multiplier == HALF && p->left_multiplier_shift == 0) {
    const struct scaling term = make_scaling(p->right_multiplier, -p->right_multiplier_shift, 0);
    combine(p, left, p->left_zero_point, 1, right, p->right_zero_point, term, right_sign, output);
  } else {
    const struct scaling term = make_scaling(p->left_multiplier, -p->left_multiplier_shift, 0);
    combine(p, right, p->right_zero_point, right_sign, left, p->left_zero_point, term, 1, output);
  }
}

void tinynn_add_dsp(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  add_or_sub(p, left, right, output, 1);
}

void tinynn_sub_dsp(const struct tinynn_add *restrict p, const int8_t *left, const int8_t *right, int8_t *output) {
  add_or_sub(p, left, right, output, -1);
}

#endif
