/* tf_vector.h with Helium. Dot products go along the input: see tf_mve.h.
 *
 * Weights of tf_vector_pixels: [blocks of 4 channels][segments][steps of sixteen products][4][16], constants
 * [blocks][offset, multiplier(, shift)][4]. Of tf_vector_taps: blocks of 8 channels, [taps][8], no two neighbouring taps'
 * weights above 255 together, constants [offset, multiplier(, shift)][8] with the even channels first. Shifts are to the
 * left, so -31 to -1. */
#ifndef TF_VECTOR_MVE_H
#define TF_VECTOR_MVE_H

#include "tf_mve.h"

enum { TF_BLOCK = 4, TF_TAP_LANES = 8 };

struct tf_vector_window {
  int32_t rows, columns, row_bytes, column_bytes, step_bytes;
};

/* Four outputs before they are cut to bytes; `pitch`: from a channel's offset to its multiplier. */
TF_VECTOR int32x4_t tf_vector_scaled(int32x4_t sums, const int32_t *scale, int32_t pitch,
                                     const struct tf_vector_form *form) {
  const int32x4_t offset = vld1q_s32(scale), multiplier = vld1q_s32(scale + pitch);
  if (form->up >= 0) {
    const int32x4_t high = vmulhq_s32(vaddq_s32(vshlq_r_s32(sums, form->up), offset), multiplier);
    return vshrq_n_s32(vaddq_n_s32(high, form->zero_point << TF_FRACTION_BITS), TF_FRACTION_BITS);
  }
  /* VRSHL rounds halves up; a negative number is lowered by 1 before, which rounds halves away from zero */
  const int32x4_t high = vqrdmulhq_s32(vaddq_s32(sums, offset), multiplier);
  const int32x4_t moved = vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), vld1q_s32(scale + 2 * pitch));
  return vaddq_n_s32(moved, form->zero_point);
}

TF_VECTOR void tf_vector_store(int8_t *output, int32x4_t sums, const int32_t *scale, mve_pred16_t lanes,
                               const struct tf_vector_form *form) {
  const int32x4_t scaled = tf_vector_scaled(sums, scale, TF_BLOCK, form);
  vstrbq_p_s32(output, vminq_s32(vmaxq_s32(scaled, vdupq_n_s32(form->lowest)), vdupq_n_s32(form->highest)), lanes);
}

TF_VECTOR int32_t tf_vector_numbers(const struct tf_vector_form *form) { return form->up < 0 ? 3 : 2; }

TF_VECTOR void tf_vector_two(int8_t *output, int32_t pitch, const int8_t *x0, const int8_t *x1, const int8_t *w,
                             const int32_t *scale, int32_t segments, int32_t apart, int32_t run, int32_t channels,
                             const struct tf_vector_form *form) {
  const int32_t count = (run + TF_STEP - 1) / TF_STEP;
#pragma GCC unroll 1
  for (int32_t c = 0; c < channels; c += TF_BLOCK) {
    TF_TILE_SUMS(= 0);
    const int8_t *from0 = x0, *from1 = x1;
    for (int32_t segment = 0; segment < segments; ++segment) {
      int32_t steps = count;
      TF_TILE_ADD(TF_TILE_LOAD, [x0] "+r"(from0), [x1] "+r"(from1), [w] "+r"(w));
      from0 += apart - count * TF_STEP;
      from1 += apart - count * TF_STEP;
    }
    const mve_pred16_t lanes = vctp32q((uint32_t)(channels - c));
    tf_vector_store(output + c, (int32x4_t){s00, s01, s02, s03}, scale, lanes, form);
    tf_vector_store(output + pitch + c, (int32x4_t){s10, s11, s12, s13}, scale, lanes, form);
    scale += tf_vector_numbers(form) * TF_BLOCK;
  }
}

TF_VECTOR void tf_vector_one(int8_t *output, const int8_t *x, const int8_t *w, const int32_t *scale, int32_t run,
                             int32_t channels, const struct tf_vector_form *form) {
  const int32_t steps = (run + TF_STEP - 1) / TF_STEP;
#pragma GCC unroll 1
  for (int32_t c = 0; c < channels; c += TF_BLOCK) {
    tf_vector_store(output + c, tf_vector_dots(x, w, steps), scale, vctp32q((uint32_t)(channels - c)), form);
    w += TF_BLOCK * TF_STEP * steps;
    scale += tf_vector_numbers(form) * TF_BLOCK;
  }
}

TF_VECTOR int16x8_t tf_vector_product(const int8_t *x, const int8_t *w, int32_t tap, mve_pred16_t lanes,
                                      const struct tf_vector_window *window) {
  const int8_t *value = x + tap / window->columns * window->row_bytes + tap % window->columns * window->column_bytes;
  return vmulq_s16(vldrbq_z_s16(value, lanes), vldrbq_s16(w + tap * TF_TAP_LANES));
}

TF_VECTOR void tf_vector_filter(int8_t *output, const int8_t *x, const int8_t *w, const int32_t *scale, int32_t count,
                                const struct tf_vector_window *window, int32_t channels,
                                const struct tf_vector_form *form) {
  const int32_t taps = window->rows * window->columns;
  const int16x8_t lowest = vdupq_n_s16((int16_t)form->lowest), highest = vdupq_n_s16((int16_t)form->highest);
#pragma GCC unroll 1
  for (int32_t c = 0; c < channels; c += TF_TAP_LANES) {
    const mve_pred16_t lanes = vctp16q((uint32_t)(channels - c));
    const int8_t *from = x + c;
#pragma GCC unroll 1
    for (int32_t at = c; at < count; at += channels) {
      int32x4_t even = vdupq_n_s32(0), odd = even;
#pragma GCC unroll 8
      for (int32_t tap = 0; tap + 1 < taps; tap += 2) {
        const int16x8_t first = tf_vector_product(from, w, tap, lanes, window);
        const int16x8_t products = vaddq_s16(first, tf_vector_product(from, w, tap + 1, lanes, window));
        even = vaddq_s32(even, vmovlbq_s16(products));
        odd = vaddq_s32(odd, vmovltq_s16(products));
      }
      if (taps % 2 != 0) {
        const int16x8_t products = tf_vector_product(from, w, taps - 1, lanes, window);
        even = vaddq_s32(even, vmovlbq_s16(products));
        odd = vaddq_s32(odd, vmovltq_s16(products));
      }
      int16x8_t scaled = vqmovnbq_s32(vdupq_n_s16(0), tf_vector_scaled(even, scale, TF_TAP_LANES, form));
      scaled = vqmovntq_s32(scaled, tf_vector_scaled(odd, scale + TF_TAP_LANES / 2, TF_TAP_LANES, form));
      vstrbq_p_s16(output + at, vminq_s16(vmaxq_s16(scaled, lowest), highest), lanes);
      from += window->step_bytes;
    }
    w += taps * TF_TAP_LANES;
    scale += tf_vector_numbers(form) * TF_TAP_LANES;
  }
}

#endif
