/* tf_vector.h with RISC-V's vectors: channels lie beside each other, an input value is a scalar. Two products fit 16 bits
 * together and are then added to sums of 32 bits. Reference: RISC-V "V" vector extension, version 1.0.
 *
 * Weights: [blocks of 32 channels, the last one smaller][products][channels of the block], no two that are added to one
 * another before the sum above 255 together; constants [blocks][offset, multiplier(, shift)][channels of the block].
 * Shifts are to the right. 32 channels are what registers of 128 bits, the fewest of the extension, hold of sums. */
#ifndef TF_VECTOR_RVV_H
#define TF_VECTOR_RVV_H

#include <riscv_vector.h>

enum { TF_LANES = 32 };

struct tf_vector_window {
  int32_t rows, columns, row_bytes, column_bytes, step_bytes;
};

TF_VECTOR void tf_vector_copy(void *to, const void *from, int32_t count) {
  int8_t *target = (int8_t *)to;
  const int8_t *source = (const int8_t *)from;
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(target, __riscv_vle8_v_i8m8(source, lanes), lanes);
    target += lanes;
    source += lanes;
  }
}

TF_VECTOR void tf_vector_fill(void *to, int32_t value, int32_t count) {
  int8_t *target = (int8_t *)to;
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(target, __riscv_vmv_v_x_i8m8((int8_t)value, lanes), lanes);
    target += lanes;
  }
}

TF_VECTOR int32_t tf_vector_numbers(const struct tf_vector_form *form) { return form->up < 0 ? 3 : 2; }

TF_VECTOR size_t tf_vector_lanes(int32_t left) { return left < TF_LANES ? (size_t)left : (size_t)TF_LANES; }

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

#define TF_LOAD(address) __riscv_vle8_v_i8m2(address, lanes)

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
#pragma GCC unroll 1
      for (int32_t pairs = run / 2; pairs > 0; --pairs) {
        const vint8m2_t first = TF_LOAD(w), second = TF_LOAD(w + lanes);
        vint16m4_t products0 = __riscv_vwmul_vx_i16m4(first, from0[0], lanes);
        products0 = __riscv_vwmacc_vx_i16m4(products0, from0[1], second, lanes);
        vint16m4_t products1 = __riscv_vwmul_vx_i16m4(first, from1[0], lanes);
        products1 = __riscv_vwmacc_vx_i16m4(products1, from1[1], second, lanes);
        sums0 = __riscv_vwadd_wv_i32m8(sums0, products0, lanes);
        sums1 = __riscv_vwadd_wv_i32m8(sums1, products1, lanes);
        w += 2 * lanes;
        from0 += 2;
        from1 += 2;
      }
      if (run % 2 != 0) {
        const vint8m2_t last = TF_LOAD(w);
        sums0 = __riscv_vwadd_wv_i32m8(sums0, __riscv_vwmul_vx_i16m4(last, *from0++, lanes), lanes);
        sums1 = __riscv_vwadd_wv_i32m8(sums1, __riscv_vwmul_vx_i16m4(last, *from1++, lanes), lanes);
        w += lanes;
      }
      from0 += apart - run;
      from1 += apart - run;
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
    const int8_t *from = x;
    vint32m8_t sums = __riscv_vmv_v_x_i32m8(0, lanes);
#pragma GCC unroll 1
    for (int32_t pairs = run / 2; pairs > 0; --pairs) {
      vint16m4_t products = __riscv_vwmul_vx_i16m4(TF_LOAD(w), from[0], lanes);
      products = __riscv_vwmacc_vx_i16m4(products, from[1], TF_LOAD(w + lanes), lanes);
      sums = __riscv_vwadd_wv_i32m8(sums, products, lanes);
      w += 2 * lanes;
      from += 2;
    }
    if (run % 2 != 0) {
      sums = __riscv_vwadd_wv_i32m8(sums, __riscv_vwmul_vx_i16m4(TF_LOAD(w), *from, lanes), lanes);
      w += lanes;
    }
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
