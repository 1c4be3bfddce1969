/* CONV_2D with RISC-V's vectors: two pixels by up to 32 channels, which lie beside each other; an input value is a scalar.
 * Two products fit 16 bits together and are then added to the sums of 32 bits.
 *
 * Packing: [blocks of 32 channels, the last one smaller][products][channels of the block] int8, no two weights of a pair
 * above 255 together; records as in rvv/rescale.h.
 */
#if defined(__riscv_vector)
#include "tf_rvv.h"
#include "tinynn/rvv/rescale.h"
#define TILE_PIXELS 2
#define TILE_CHANNELS 1
#define TILE_COPIES
#include "tinynn/tiled_conv2d.h"

static inline void tile(const struct tinynn_tile *tile) {
  const struct tinynn_rvv_clamp clamp = {tile->output_zero_point, tile->lowest, tile->highest};
  const int32_t *channel = (const int32_t *)tile->channels;
  const int8_t *w = tile->weights;
  int8_t *output = tile->output;
  size_t lanes;
#pragma GCC unroll 1
  for (int32_t left = tile->blocks; left > 0; left -= (int32_t)lanes) {
    lanes = tf_vector_lanes(left);
    vint32m8_t sums0 = __riscv_vle32_v_i32m8(channel, lanes), sums1 = sums0;
    w = tf_vector_add_two(&sums0, &sums1, tile->x[0], tile->x[1], w, tile->products, lanes);
    __riscv_vse8_v_i8m2(output, tinynn_rvv_rescale(sums0, channel + lanes, clamp, lanes), lanes);
    int8_t *next = output + tile->output_pitch;
    __riscv_vse8_v_i8m2(next, tinynn_rvv_rescale(sums1, channel + lanes, clamp, lanes), lanes);
    channel += 3 * lanes;
    output += lanes;
  }
}

void tinynn_conv2d_rvv(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                       void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
#endif
