/* What int8 kernels with RISC-V's vectors share: copies, and products of a pixel's values, which are scalars, by channels that
 * lie beside each other. Reference: RISC-V "V" vector extension, version 1.0. */
#ifndef TF_RVV_H
#define TF_RVV_H

#include <riscv_vector.h>
#include <stdint.h>

#define TF_VECTOR static inline __attribute__((always_inline, unused))

#define TF_LOAD(address) __riscv_vle8_v_i8m2(address, lanes)

enum { TF_LANES = 32 /* of a block: what registers of 128 bits, the fewest of the extension V, hold of sums */ };

/* Channels of the next block where so many are left. */
TF_VECTOR size_t tf_vector_lanes(int32_t left) { return left < TF_LANES ? (size_t)left : (size_t)TF_LANES; }

/* Both return the end. */
TF_VECTOR int8_t *tf_vector_copy(void *to, const void *from, int32_t count) {
  int8_t *target = (int8_t *)to;
  const int8_t *source = (const int8_t *)from;
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(target, __riscv_vle8_v_i8m8(source, lanes), lanes);
    target += lanes;
    source += lanes;
  }
  return target;
}

TF_VECTOR int8_t *tf_vector_fill(void *to, int32_t value, int32_t count) {
  int8_t *target = (int8_t *)to;
  size_t lanes;
  for (size_t left = (size_t)count; left > 0; left -= lanes) {
    lanes = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(target, __riscv_vmv_v_x_i8m8((int8_t)value, lanes), lanes);
    target += lanes;
  }
  return target;
}

/* The products of `count` values with weights [count][lanes], added to the channels' sums. Two products fit 16 bits together:
 * no two weights of a pair are above 255 together. */
static inline __attribute__((unused)) vint32m8_t tf_vector_add_one(vint32m8_t sums, const int8_t *x, const int8_t *w, int32_t count, size_t lanes) {
#pragma GCC unroll 1
  for (const int8_t *end = x + count / 2 * 2; x != end; x += 2) {
    vint16m4_t products = __riscv_vwmul_vx_i16m4(TF_LOAD(w), x[0], lanes);
    products = __riscv_vwmacc_vx_i16m4(products, x[1], TF_LOAD(w + lanes), lanes);
    sums = __riscv_vwadd_wv_i32m8(sums, products, lanes);
    w += 2 * lanes;
  }
  if (count % 2 != 0) {
    sums = __riscv_vwadd_wv_i32m8(sums, __riscv_vwmul_vx_i16m4(TF_LOAD(w), *x, lanes), lanes);
  }
  return sums;
}

/* The same for two pixels; the end of the weights. */
TF_VECTOR const int8_t *tf_vector_add_two(vint32m8_t *sums0, vint32m8_t *sums1, const int8_t *x0, const int8_t *x1,
                                          const int8_t *w, int32_t count, size_t lanes) {
#pragma GCC unroll 1
  for (int32_t pairs = count / 2; pairs > 0; --pairs) {
    const vint8m2_t first = TF_LOAD(w), second = TF_LOAD(w + lanes);
    vint16m4_t products0 = __riscv_vwmul_vx_i16m4(first, x0[0], lanes);
    products0 = __riscv_vwmacc_vx_i16m4(products0, x0[1], second, lanes);
    vint16m4_t products1 = __riscv_vwmul_vx_i16m4(first, x1[0], lanes);
    products1 = __riscv_vwmacc_vx_i16m4(products1, x1[1], second, lanes);
    *sums0 = __riscv_vwadd_wv_i32m8(*sums0, products0, lanes);
    *sums1 = __riscv_vwadd_wv_i32m8(*sums1, products1, lanes);
    w += 2 * lanes;
    x0 += 2;
    x1 += 2;
  }
  if (count % 2 != 0) {
    const vint8m2_t last = TF_LOAD(w);
    *sums0 = __riscv_vwadd_wv_i32m8(*sums0, __riscv_vwmul_vx_i16m4(last, *x0, lanes), lanes);
    *sums1 = __riscv_vwadd_wv_i32m8(*sums1, __riscv_vwmul_vx_i16m4(last, *x1, lanes), lanes);
    w += lanes;
  }
  return w;
}

#endif
