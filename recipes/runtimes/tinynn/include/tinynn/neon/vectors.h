/* What the kernels with Advanced SIMD share, in 32 and in 64 bits: products, copies, and sums to int8 outputs.
 *
 * Records of `lanes` channels hold [lanes] biases, [lanes] multipliers, [lanes] shifts (-31 to -1): layouts.py. */
#ifndef TINYNN_NEON_VECTORS_H
#define TINYNN_NEON_VECTORS_H

#include <arm_neon.h>
#include <string.h>

#include "tinynn.h"

/* Products that are multiplied at once; channels of a block. */
enum { NEON_STEP = 16, NEON_CHANNELS = 4 };

/* What is the same for a whole layer. */
struct tinynn_neon_clamp {
  int16x8_t zero_point;
  int8x8_t lowest, highest;
};

static inline struct tinynn_neon_clamp tinynn_neon_clamp(int32_t zero_point, int32_t lowest, int32_t highest) {
  const struct tinynn_neon_clamp clamp = {vdupq_n_s16((int16_t)zero_point), vdup_n_s8((int8_t)lowest),
                                          vdup_n_s8((int8_t)highest)};
  return clamp;
}

/* divide(high(x, multiplier), -shift) of fixed_point.h, of each: VQRDMULH is `high`, VRSHL rounds halves up; a negative
 * number is lowered by 1 before, which rounds halves away from zero. */
static inline int32x4_t tinynn_neon_scaled(int32x4_t x, int32x4_t multipliers, int32x4_t shifts) {
  const int32x4_t high = vqrdmulhq_s32(x, multipliers);
  return vrshlq_s32(vsraq_n_s32(high, high, 31), shifts);
}

/* Eight outputs of scaled sums. What leaves 16 bits is clamped, whatever the zero point. */
static inline int8x8_t tinynn_neon_clamped(int32x4_t first, int32x4_t second, struct tinynn_neon_clamp clamp) {
  const int16x8_t narrow = vcombine_s16(vqmovn_s32(first), vqmovn_s32(second));
  const int8x8_t out = vqmovn_s16(vqaddq_s16(narrow, clamp.zero_point));
  return vmin_s8(vmax_s8(out, clamp.lowest), clamp.highest);
}

/* Sums of each of four vectors. */
static inline int32x4_t tinynn_neon_totals(const int32x4_t sums[NEON_CHANNELS]) {
#if defined(__aarch64__)
  return vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]));
#else
  int32x2_t halves[NEON_CHANNELS];
  for (int32_t i = 0; i < NEON_CHANNELS; ++i) {
    halves[i] = vadd_s32(vget_low_s32(sums[i]), vget_high_s32(sums[i]));
  }
  return vcombine_s32(vpadd_s32(halves[0], halves[1]), vpadd_s32(halves[2], halves[3]));
#endif
}

/* Sixteen registers hold the sums of a tile if one vector of weights is read after the other. */
#if defined(__aarch64__)
#define NEON_IN_ORDER(vector) (void)(vector)
#else
#define NEON_IN_ORDER(vector) __asm__ volatile("" : "+w"(vector))
#endif

/* sums[i] of pixel i with four channels; the weights' address behind them. `pixels` is a constant, 2 at most. Two products
 * fit 16 bits together: no two weights of them are -128. */
static inline const int8_t *tinynn_neon_dots(const int8_t *const *pixel, int32_t pixels, const int8_t *w, int32_t steps,
                                             int32x4_t *sums) {
  int32x4_t parts[2][NEON_CHANNELS];
  const int8_t *x[2];
  for (int32_t i = 0; i < pixels; ++i) {
    x[i] = pixel[i];
    for (int32_t c = 0; c < NEON_CHANNELS; ++c) {
      parts[i][c] = vdupq_n_s32(0);
    }
  }
#pragma GCC unroll 1
  for (int32_t step = 0; step < steps; ++step) {
    int8x16_t values[2];
    for (int32_t i = 0; i < pixels; ++i) {
      values[i] = vld1q_s8(x[i]);
      x[i] += NEON_STEP;
    }
#pragma GCC unroll 4
    for (int32_t c = 0; c < NEON_CHANNELS; ++c) {
      const int8x16_t weights = vld1q_s8(w);
      w += NEON_STEP;
#pragma GCC unroll 2
      for (int32_t i = 0; i < pixels; ++i) {
        int16x8_t products = vmull_s8(vget_low_s8(weights), vget_low_s8(values[i]));
        products = vmlal_s8(products, vget_high_s8(weights), vget_high_s8(values[i]));
        parts[i][c] = vpadalq_s16(parts[i][c], products);
        NEON_IN_ORDER(parts[i][c]);
      }
    }
  }
  for (int32_t i = 0; i < pixels; ++i) {
    sums[i] = tinynn_neon_totals(parts[i]);
  }
  return w;
}

/* Some bytes, any two vectors of which may overlap. Both return the end. */
static inline int8_t *tf_vector_copy(int8_t *restrict to, const int8_t *restrict from, int32_t count) {
  int8_t *const end = to + count;
  if (count >= 16) {
    const int8x16_t last = vld1q_s8(from + count - 16);
    for (; count > 16; count -= 16) {
      vst1q_s8(to, vld1q_s8(from));
      to += 16;
      from += 16;
    }
    vst1q_s8(end - 16, last);
  } else if (count >= 8) {
    const int8x8_t last = vld1_s8(from + count - 8);
    vst1_s8(to, vld1_s8(from));
    vst1_s8(end - 8, last);
  } else if (count >= 4) {
    int32_t first, last;
    __builtin_memcpy(&first, from, sizeof first);
    __builtin_memcpy(&last, from + count - 4, sizeof last);
    __builtin_memcpy(to, &first, sizeof first);
    __builtin_memcpy(end - 4, &last, sizeof last);
  } else {
#pragma clang loop vectorize(disable) unroll(disable)
    while (to != end) {
      *to++ = *from++;
    }
  }
  return end;
}

static inline int8_t *tf_vector_fill(int8_t *to, int32_t value, int32_t count) {
  int8_t *const end = to + count;
  const int8x16_t values = vdupq_n_s8((int8_t)value);
  for (; count >= 16; count -= 16) {
    vst1q_s8(to, values);
    to += 16;
  }
#pragma clang loop vectorize(disable) unroll(disable)
  while (to != end) {
    *to++ = (int8_t)value;
  }
  return end;
}

#endif
