/* tf_vector.h with RISC-V's vectors: channels lie beside each other, an input value is a scalar (tf_rvv.h).
 *
 * Weights: [blocks of 32 channels, the last one smaller][products][channels of the block], no two that are added to one
 * another before the sum above 255 together; constants [blocks][offset, multiplier(, shift)][channels of the block].
 * Shifts are to the right. */
#ifndef TF_VECTOR_RVV_H
#define TF_VECTOR_RVV_H

#include "tf_rvv.h"

struct tf_vector_window {
  int32_t rows, columns, row_bytes, column_bytes, step_bytes;
};

TF_VECTOR int32_t tf_vector_numbers(const struct tf_vector_form *form) { return form->up < 0 ? 3 : 2; }

TF_VECTOR void tf_vector_store(int8_t *output, vint32m8_t sums, const int32_t *scale, size_t pitch, size_t lanes,
                               const struct tf_vector_form *form) {
  if (form->up > 0) {
    sums = __riscv_vsll_vx_i32m8(sums, (size_t)form->up, lanes);
  }
  sums = __riscv_vadd_vv_i32m8(sums, __riscv_vle32_v_i32m8(scale, lanes), lanes);
  const vint32m8_t multipliers = __riscv_vle32_v_i32m8(scale + pitch, lanes);
  if (form->up >= 0) {
    sums = __riscv_vmulh_vv_i32m8(sums, multipliers, lanes);
    sums = __riscv_vadd_vx_i32m8(sums, form->zero_point << TF_FRACTION_BITS, lanes);
    sums = __riscv_vsra_vx_i32m8(sums, TF_FRACTION_BITS, lanes);
  } else {
    /* VSMUL and VSSRA round halves up; a negative number is lowered by 1 between, which rounds halves away from zero */
    sums = __riscv_vsmul_vv_i32m8(sums, multipliers, __RISCV_VXRM_RNU, lanes);
    sums = __riscv_vadd_vv_i32m8(sums, __riscv_vsra_vx_i32m8(sums, 31, lanes), lanes);
    const vuint32m8_t shifts = __riscv_vle32_v_u32m8((const uint32_t *)scale + 2 * pitch, lanes);
    sums = __riscv_vssra_vv_i32m8(sums, shifts, __RISCV_VXRM_RNU, lanes);
    sums = __riscv_vadd_vx_i32m8(sums, form->zero_point, lanes);
  }
  sums = __riscv_vmin_vx_i32m8(__riscv_vmax_vx_i32m8(sums, form->lowest, lanes), form->highest, lanes);
  __riscv_vse8_v_i8m2(output, __riscv_vncvt_x_x_w_i8m2(__riscv_vncvt_x_x_w_i16m4(sums, lanes), lanes), lanes);
}

TF_VECTOR void tf_vector_two(int8_t *output, int32_t pitch, const int8_t *x0, const int8_t *x1, const int8_t *w,
                             const int32_t *scale, int32_t segments, int32_t apart, int32_t run, int32_t channels,
                             const struct tf_vector_form *form) {
  size_t lanes;
#pragma GCC unroll 1
  for (int32_t left = channels; left > 0; left -= (int32_t)lanes) {
    lanes = tf_vector_lanes(left);
    const int8_t *from0 = x0, *from1 = x1;
    vint32m8_t sums0 = __riscv_vmv_v_x_i32m8(0, lanes), sums1 = sums0;
#pragma GCC unroll 1
    for (int32_t segment = 0; segment < segments; ++segment) {
      w = tf_vector_add_two(&sums0, &sums1, from0, from1, w, run, lanes);
      from0 += apart;
      from1 += apart;
    }
    tf_vector_store(output, sums0, scale, lanes, lanes, form);
    tf_vector_store(output + pitch, sums1, scale, lanes, lanes, form);
    scale += (size_t)tf_vector_numbers(form) * lanes;
    output += lanes;
  }
}

TF_VECTOR void tf_vector_one(int8_t *output, const int8_t *x, const int8_t *w, const int32_t *scale, int32_t run,
                             int32_t channels, const struct tf_vector_form *form) {
  size_t lanes;
#pragma GCC unroll 1
  for (int32_t left = channels; left > 0; left -= (int32_t)lanes) {
    lanes = tf_vector_lanes(left);
    const vint32m8_t sums = tf_vector_add_one(__riscv_vmv_v_x_i32m8(0, lanes), x, w, run, lanes);
    w += (size_t)run * lanes;
    tf_vector_store(output, sums, scale, lanes, lanes, form);
    scale += (size_t)tf_vector_numbers(form) * lanes;
    output += lanes;
  }
}

TF_VECTOR const int8_t *tf_vector_tap(const int8_t *x, int32_t tap, const struct tf_vector_window *window) {
  return x + tap / window->columns * window->row_bytes + tap % window->columns * window->column_bytes;
}

TF_VECTOR void tf_vector_filter(int8_t *output, const int8_t *x, const int8_t *w, const int32_t *scale, int32_t count,
                                const struct tf_vector_window *window, int32_t channels,
                                const struct tf_vector_form *form) {
  const int32_t taps = window->rows * window->columns;
#pragma GCC unroll 1
  for (int32_t c = 0; c < channels; c += TF_LANES) {
    const size_t pitch = tf_vector_lanes(channels - c);
    const int8_t *from = x + c;
#pragma GCC unroll 1
    for (int32_t at = c; at < count; at += channels) {
      const size_t lanes = (size_t)(count - at) < pitch ? (size_t)(count - at) : pitch;
      vint32m8_t sums = __riscv_vmv_v_x_i32m8(0, lanes);
#pragma GCC unroll 8
      for (int32_t tap = 0; tap + 1 < taps; tap += 2) {
        const int8_t *first = tf_vector_tap(from, tap, window), *second = tf_vector_tap(from, tap + 1, window);
        const int8_t *weights = w + (size_t)tap * pitch;
        vint16m4_t products = __riscv_vwmul_vv_i16m4(TF_LOAD(first), TF_LOAD(weights), lanes);
        products = __riscv_vwmacc_vv_i16m4(products, TF_LOAD(second), TF_LOAD(weights + pitch), lanes);
        sums = __riscv_vwadd_wv_i32m8(sums, products, lanes);
      }
      if (taps % 2 != 0) {
        const int8_t *last = tf_vector_tap(from, taps - 1, window);
        const vint8m2_t weights = TF_LOAD(w + (size_t)(taps - 1) * pitch);
        sums = __riscv_vwadd_wv_i32m8(sums, __riscv_vwmul_vv_i16m4(TF_LOAD(last), weights, lanes), lanes);
      }
      tf_vector_store(output + at, sums, scale, pitch, lanes, form);
      from += window->step_bytes;
    }
    w += (size_t)taps * pitch;
    scale += (size_t)tf_vector_numbers(form) * pitch;
  }
}

#endif
