/* CONV_2D with RISC-V's vectors: weights as tinynn/src/rvv/conv2d.c reads them. */
#if defined(__riscv_vector)
#include "tinyi/convolution.h"
#include "tinyi/rvv/records.h"

enum { PIXELS = 6, LANES = 32, TILE = 8, MOST_OF_16_BITS = 255 /* times 128 */ };

/* Rows of weights as columns, [products][lanes]; their sums, times -zero_point, are added to the biases. */
static void pack_block(const int8_t *rows, int32_t products, size_t lanes, int8_t *to, int32_t zero_point,
                       int32_t *biases) {
  vint32m8_t sums = __riscv_vmv_v_x_i32m8(0, lanes);
  for (int32_t left = products; left > 0; left -= MOST_OF_16_BITS) {
    vint16m4_t some = __riscv_vmv_v_x_i16m4(0, lanes);
#pragma GCC unroll 4
    for (int32_t i = left < MOST_OF_16_BITS ? left : MOST_OF_16_BITS; i > 0; --i) {
      const vint8m2_t weights = __riscv_vlse8_v_i8m2(rows, products, lanes);
      __riscv_vse8_v_i8m2(to, weights, lanes);
      some = __riscv_vwadd_wv_i16m4(some, weights, lanes);
      ++rows;
      to += lanes;
    }
    sums = __riscv_vwadd_wv_i32m8(sums, some, lanes);
  }
  const vint32m8_t folded = __riscv_vnmsac_vx_i32m8(__riscv_vle32_v_i32m8(biases, lanes), zero_point, sums, lanes);
  __riscv_vse32_v_i32m8(biases, folded, lanes);
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  const int32_t products = channels->rows.products;
  int32_t *to = (int32_t *)(void *)records;
  (void)p;
  for (int32_t c = 0; c < count; c += LANES) {
    const size_t lanes = (size_t)(count - c < LANES ? count - c : LANES);
    tinyi_rvv_records(channels, first + c, lanes, to, lanes);
    pack_block(channels->rows.weights + (first + c) * products, products, lanes, weights, channels->input_zero_point,
               to);
    weights += lanes * (size_t)products;
    to += 3 * lanes;
  }
}

static uint32_t scratch_bytes(const struct tinynn_conv2d *p) { return tinyi_tile_bytes(p, PIXELS); }

const struct tinyi_conv2d tinyi_conv2d_rvv = {.pack = pack,
                                              .compute = tinynn_conv2d_rvv,
                                              .scratch_bytes = scratch_bytes,
                                              .channel_bytes = tinyi_row_bytes,
                                              .tile = TILE,
                                              .lanes = LANES,
                                              .pixels = PIXELS};

#endif
