/* CONV_2D with RISC-V's vectors: up to 32 channels lie beside each other; an input value is a scalar. Three pixels at a time
 * have sums in the registers, six where no more than 16 channels are left.
 *
 * Packing: [blocks of 32 channels, the last one smaller][products][channels of the block] int8; records as in
 * rvv/rescale.h.
 */
#if defined(__riscv_vector)
#include "tf_rvv.h"
#include "tinynn/rvv/rescale.h"
#define TILE_PIXELS 6
#define TILE_CHANNELS 1
#define TILE_COPIES
#define TILE_ROWS
#include "tinynn/tiled_conv2d.h"

enum { NARROW = 16, WIDE_PIXELS = 3, UNROLLED = 8 };

#define THREE(of, by) of(0, by) of(1, by) of(2, by)
#define SIX(of, by) THREE(of, by) of(3, by) of(4, by) of(5, by)

/* A product of each pixel, `by` values on; the channels' weights have 16 bits in v4 and behind it. */
#define MULTIPLY(n, by) "lb %[value], " #by "(%[x" #n "])\n\tvwmacc.vx %[s" #n "], %[value], v4\n\t"
#define PRODUCT(pixels, by) \
  "vle8.v v2, (%[w])\n\tadd %[w], %[w], %[lanes]\n\tvsext.vf2 v4, v2\n\t" pixels(MULTIPLY, by)
#define FOUR(pixels, a, b, c, d) PRODUCT(pixels, a) PRODUCT(pixels, b) PRODUCT(pixels, c) PRODUCT(pixels, d)
#define MOVE(n, by) "addi %[x" #n "], %[x" #n "], " #by "\n\t"
#define OPERAND(n, unused) [x##n] "+&r"(x##n), [s##n] "+vr"(s##n),

/* Add a row of a kernel to the sums s0 and so on. */
#define ADD_ROW(pixels, registers)                                                                                \
  int32_t eights = tile->run / UNROLLED, rest = tile->run % UNROLLED, value;                                      \
  __asm__ volatile("vsetvli zero, %[lanes], e16, " registers ", ta, ma\n\t"                                      \
                   "beqz %[eights], 2f\n"                                                                         \
                   "1:\n\t" FOUR(pixels, 0, 1, 2, 3) FOUR(pixels, 4, 5, 6, 7) pixels(MOVE, 8)                     \
                   "addi %[eights], %[eights], -1\n\tbnez %[eights], 1b\n"                                       \
                   "2:\n\tbeqz %[rest], 4f\n"                                                                    \
                   "3:\n\t" PRODUCT(pixels, 0) pixels(MOVE, 1)                                                    \
                   "addi %[rest], %[rest], -1\n\tbnez %[rest], 3b\n"                                             \
                   "4:"                                                                                           \
                   : pixels(OPERAND, 0)[w] "+&r"(w), [eights] "+&r"(eights), [rest] "+&r"(rest), [value] "=&r"(value) \
                   : [lanes] "r"(lanes)                                                                           \
                   : "v2", "v3", "v4", "v5", "v6", "v7", "vl", "vtype", "memory")

/* For all rows of the kernels of pixels from `first` on; the weights' address behind the block. */
#define BEGIN(n, first) const int8_t *x##n = tile->x[(first) + n];
#define NEXT_ROW(n, first) x##n += tile->gap[(first) + n];
#define STORE(n, sums)                                                                                  \
  __riscv_vse8_v_i8m2(output, tinynn_rvv_rescale(sums(s##n), channel + lanes, clamp, lanes), lanes); \
  output += tile->output_pitch;

TF_VECTOR const int8_t *wide(const struct tinynn_tile *tile, int32_t first, const int8_t *w, const int32_t *channel,
                             int8_t *output, size_t lanes, struct tinynn_rvv_clamp clamp) {
  THREE(BEGIN, first)
  const vint32m8_t biases = __riscv_vle32_v_i32m8(channel, lanes);
  register vint32m8_t s0 __asm__("v8") = biases, s1 __asm__("v16") = biases, s2 __asm__("v24") = biases;
#pragma GCC unroll 1
  for (int32_t row = tile->rows; row > 0; --row) {
    ADD_ROW(THREE, "m4");
    THREE(NEXT_ROW, first)
  }
#define AS_IT_IS(sums) sums
  THREE(STORE, AS_IT_IS)
  return w;
}

TF_VECTOR const int8_t *narrow(const struct tinynn_tile *tile, const int8_t *w, const int32_t *channel,
                               int8_t *output, size_t lanes, struct tinynn_rvv_clamp clamp) {
  SIX(BEGIN, 0)
  const vint32m4_t biases = __riscv_vle32_v_i32m4(channel, lanes);
  register vint32m4_t s0 __asm__("v8") = biases, s1 __asm__("v12") = biases, s2 __asm__("v16") = biases;
  register vint32m4_t s3 __asm__("v20") = biases, s4 __asm__("v24") = biases, s5 __asm__("v28") = biases;
#pragma GCC unroll 1
  for (int32_t row = tile->rows; row > 0; --row) {
    ADD_ROW(SIX, "m2");
    SIX(NEXT_ROW, 0)
  }
  SIX(STORE, __riscv_vlmul_ext_v_i32m4_i32m8)
  return w;
}

static inline void tile(const struct tinynn_tile *tile) {
  const struct tinynn_rvv_clamp clamp = {tile->output_zero_point, tile->lowest, tile->highest};
  const int32_t *channel = (const int32_t *)tile->channels;
  const int8_t *w = tile->weights;
  int8_t *output = tile->output;
  size_t lanes;
#pragma GCC unroll 1
  for (int32_t left = tile->blocks; left > 0; left -= (int32_t)lanes) {
    lanes = tf_vector_lanes(left);
    if (lanes <= NARROW) {
      w = narrow(tile, w, channel, output, lanes, clamp);
    } else {
      const int8_t *const block = w;
#pragma GCC unroll 1
      for (int32_t i = 0; i < TILE_PIXELS; i += WIDE_PIXELS) {
        w = wide(tile, i, block, channel, output + i * tile->output_pitch, lanes, clamp);
      }
    }
    channel += 3 * lanes;
    output += lanes;
  }
}

void tinynn_conv2d_rvv(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                       void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
#endif
