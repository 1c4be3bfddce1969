/* CONV_2D with Helium: tiles of 2 pixels by 4 channels. VMLADAVA adds sixteen products to a core register with an even
 * number, of which there are eight with LR: so each of the tile's sums has one, and six vectors are loaded for 128 products.
 *
 * Packing: [blocks of four channels][steps][4][16] int8, a step being sixteen products; records as in mve/rescale.h.
 */
#if defined(__ARM_FEATURE_MVE)
#include "tinynn/mve/copy.h"
#include "tinynn/mve/rescale.h"
#define TILE_PIXELS 2
#define TILE_CHANNELS 4
#define TILE_STEP 16
#define TILE_COPIES
#include "tinynn/tiled_conv2d.h"

#define LOAD                   \
  "vldrb.u8 q0, [%[x0]], #16\n\t"  \
  "vldrb.u8 q2, [%[w]], #64\n\t"   \
  "vldrb.u8 q1, [%[x1]], #16\n\t"  \
  "vldrb.u8 q3, [%[w], #-48]\n\t"  \
  "vldrb.u8 q4, [%[w], #-32]\n\t"  \
  "vldrb.u8 q5, [%[w], #-16]\n\t"
#define MULTIPLY(instruction)          \
  instruction ".s8 %[s00], q0, q2\n\t" \
  instruction ".s8 %[s10], q1, q2\n\t" \
  instruction ".s8 %[s01], q0, q3\n\t" \
  instruction ".s8 %[s11], q1, q3\n\t" \
  instruction ".s8 %[s02], q0, q4\n\t" \
  instruction ".s8 %[s12], q1, q4\n\t" \
  instruction ".s8 %[s03], q0, q5\n\t" \
  instruction ".s8 %[s13], q1, q5\n\t"

/* Sums of products of both pixels; the weights' address behind the block. */
static inline const int8_t *dots(const int8_t *x0, const int8_t *x1, const int8_t *w, int32_t steps, int32x4_t sums[2]) {
  register int32_t s00 __asm__("r0");
  register int32_t s01 __asm__("r2");
  register int32_t s02 __asm__("r4");
  register int32_t s03 __asm__("r6");
  register int32_t s10 __asm__("r8");
  register int32_t s11 __asm__("r10");
  register int32_t s12 __asm__("r12");
  register int32_t s13 __asm__("lr");
  __asm__(LOAD MULTIPLY("vmladav")
          "subs %[steps], #1\n\tbeq 2f\n"
          "1:\n\t" LOAD MULTIPLY("vmladava")
          "subs %[steps], #1\n\tbne 1b\n"
          "2:"
          : [s00] "=&r"(s00), [s01] "=&r"(s01), [s02] "=&r"(s02), [s03] "=&r"(s03), [s10] "=&r"(s10),
            [s11] "=&r"(s11), [s12] "=&r"(s12), [s13] "=&r"(s13), [x0] "+&r"(x0), [x1] "+&r"(x1), [w] "+&r"(w),
            [steps] "+&r"(steps)
          :
          : "q0", "q1", "q2", "q3", "q4", "q5", "cc", "memory");
  sums[0] = (int32x4_t){s00, s01, s02, s03};
  sums[1] = (int32x4_t){s10, s11, s12, s13};
  return w;
}

static inline void tile(const struct tinynn_tile *tile) {
  const struct tinynn_mve_clamp clamp = tinynn_mve_clamp(tile->output_zero_point, tile->lowest, tile->highest);
  const int32_t *channel = (const int32_t *)tile->channels;
  const int8_t *weights = tile->weights;
  int8_t *output = tile->output;
  const int32_t steps = (tile->products + TILE_STEP - 1) / TILE_STEP;
#pragma GCC unroll 1
  for (int32_t block = 0; block < tile->blocks; ++block) {
    int32x4_t sums[2];
    weights = dots(tile->x[0], tile->x[1], weights, steps, sums);
    const int32x4_t bias = vld1q_s32(channel), multipliers = vld1q_s32(channel + 4), shifts = vld1q_s32(channel + 8);
    vstrbq_s32(output, tinynn_mve_rescale(vaddq_s32(sums[0], bias), multipliers, shifts, &clamp));
    vstrbq_s32(output + tile->output_pitch, tinynn_mve_rescale(vaddq_s32(sums[1], bias), multipliers, shifts, &clamp));
    channel += 12;
    output += TILE_CHANNELS;
  }
}

void tinynn_conv2d_mve(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                       void *restrict scratch) {
  tiled_conv2d(p, input, output, scratch);
}
#endif
