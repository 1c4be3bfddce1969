/* FULLY_CONNECTED with RISC-V's vectors, weights as a model has them: the formula of ref/rows.c, row by row; the sums of 32
 * rows are then rescaled together.
 *
 * A product of a weight and an input without its zero point fits 16 bits. Where that is -128 the input is an unsigned number
 * of 8 bits; any other is subtracted as a product with the weight.
 */
#if defined(__riscv_vector)
#include <stddef.h>

#include "tf_rvv.h"
#include "tinynn/rvv/rescale.h"

enum { BLOCK = 4 };

#define VECTORS                                                                                                       \
  "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", \
      "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "vl", "vtype"

/* Products of two rows and their sums, in v0 to v3. */
#define TWO_ROWS(first, second, MULTIPLY)           \
  "vsetvli zero, zero, e8, m4, ta, ma\n\t"          \
  "vle8.v v8, (%[" first "])\n\t"                   \
  "vle8.v v12, (%[" second "])\n\t"                 \
  MULTIPLY                                          \
  "add %[" first "], %[" first "], %[lanes]\n\t"    \
  "add %[" second "], %[" second "], %[lanes]\n\t"  \
  "vsetvli zero, zero, e16, m8, ta, ma\n\t"
#define BY_UNSIGNED "vwmulsu.vv v16, v8, v4\n\tvwmulsu.vv v24, v12, v4\n\t"
#define BY_SIGNED                                         \
  "vwmul.vv v16, v8, v4\n\tvwmacc.vx v16, %[factor], v8\n\t" \
  "vwmul.vv v24, v12, v4\n\tvwmacc.vx v24, %[factor], v12\n\t"
#define SUM_ROWS(FLIP, MULTIPLY)                                                                          \
  "vsetvli %[lanes], zero, e32, m4, ta, ma\n\tvmv.v.i v0, 0\n"                                           \
  "1:\n\tvsetvli %[lanes], %[left], e8, m4, ta, ma\n\t"                                                  \
  "vle8.v v4, (%[x])\n\t" FLIP                                                                           \
  TWO_ROWS("a", "b", MULTIPLY) "vwredsum.vs v0, v16, v0\n\tvwredsum.vs v1, v24, v1\n\t"                  \
  TWO_ROWS("c", "d", MULTIPLY) "vwredsum.vs v2, v16, v2\n\tvwredsum.vs v3, v24, v3\n\t"                  \
  "sub %[left], %[left], %[lanes]\n\tadd %[x], %[x], %[lanes]\n\tbnez %[left], 1b\n\t"                   \
  "vsetivli zero, 1, e32, m1, ta, ma\n\t"                                                                \
  "vmv.x.s %[a], v0\n\tvmv.x.s %[b], v1\n\tvmv.x.s %[c], v2\n\tvmv.x.s %[d], v3"

/* Sums of four rows. */
static inline void sum_rows(const int8_t *x, const int8_t *const rows[BLOCK], size_t inputs, int32_t zero_point,
                            int32_t *sums) {
  const int8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  size_t left = inputs, lanes;
  if (zero_point == INT8_MIN) {
    __asm__ volatile(SUM_ROWS("vxor.vx v4, v4, %[factor]\n\t", BY_UNSIGNED)
                     : [x] "+r"(x), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [left] "+r"(left),
                       [lanes] "=&r"(lanes)
                     : [factor] "r"((size_t)INT8_MIN)
                     : VECTORS, "memory");
  } else {
    __asm__ volatile(SUM_ROWS("", BY_SIGNED)
                     : [x] "+r"(x), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [left] "+r"(left),
                       [lanes] "=&r"(lanes)
                     : [factor] "r"(-zero_point)
                     : VECTORS, "memory");
  }
  sums[0] = (int32_t)(intptr_t)a;
  sums[1] = (int32_t)(intptr_t)b;
  sums[2] = (int32_t)(intptr_t)c;
  sums[3] = (int32_t)(intptr_t)d;
}

static inline vint8m2_t rescale(const struct tinynn_rows *restrict p, int32_t o, vint32m8_t sums,
                                struct tinynn_rvv_clamp clamp, size_t lanes) {
  if (!p->is_per_channel) {
    const struct tinynn_channel all = {0, p->channels->multiplier, -p->channels->shift};
    return tinynn_rvv_rescale_all(sums, &all, clamp, lanes);
  }
  const ptrdiff_t pitch = sizeof(struct tinynn_channel);
  const vint32m8_t multipliers = __riscv_vlse32_v_i32m8(&p->channels[o].multiplier, pitch, lanes);
  vint32m8_t high = __riscv_vsmul_vv_i32m8(sums, multipliers, __RISCV_VXRM_RNU, lanes);
  high = __riscv_vadd_vv_i32m8(high, __riscv_vsra_vx_i32m8(high, 31, lanes), lanes);
  const vint32m8_t shifts = __riscv_vrsub_vx_i32m8(__riscv_vlse32_v_i32m8(&p->channels[o].shift, pitch, lanes), 0, lanes);
  high = __riscv_vssra_vv_i32m8(high, __riscv_vreinterpret_v_i32m8_u32m8(shifts), __RISCV_VXRM_RNU, lanes);
  return tinynn_rvv_clamped(high, clamp, lanes);
}

/* Sums of `count` rows, up to 32; the weights behind them. */
static inline const int8_t *sum_block(const struct tinynn_rows *restrict p, const int8_t *input, const int8_t *weights,
                                      int32_t count, int32_t *sums) {
  const size_t inputs = (size_t)p->inputs;
  int32_t i = 0;
#pragma GCC unroll 1
  for (; i + BLOCK <= count; i += BLOCK) {
    const int8_t *const rows[BLOCK] = {weights, weights + inputs, weights + 2 * inputs, weights + 3 * inputs};
    sum_rows(input, rows, inputs, p->input_zero_point, sums + i);
    weights += BLOCK * inputs;
  }
  if (i < count) { /* any rows are read in place of those that aren't there */
    const int8_t *second = weights + (count - i > 1 ? inputs : 0);
    const int8_t *const rows[BLOCK] = {weights, second, second + (count - i > 2 ? inputs : 0), weights};
    sum_rows(input, rows, inputs, p->input_zero_point, sums + i);
    weights += (size_t)(count - i) * inputs;
  }
  return weights;
}

void tinynn_rows_rvv(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  int32_t sums[TF_LANES];
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
    for (int32_t o = 0; o < p->outputs; o += TF_LANES) {
      const int32_t left = p->outputs - o, count = left < TF_LANES ? left : TF_LANES;
      weights = sum_block(p, input, weights, count, sums);
      const size_t lanes = (size_t)count;
      vint32m8_t wide = __riscv_vle32_v_i32m8(sums, lanes);
      if (p->bias != NULL) {
        wide = __riscv_vadd_vv_i32m8(wide, __riscv_vle32_v_i32m8(p->bias + o, lanes), lanes);
      }
      __riscv_vse8_v_i8m2(output + o, rescale(p, o, wide, clamp, lanes), lanes);
    }
    input += p->inputs;
    output += p->outputs;
  }
}
#endif
