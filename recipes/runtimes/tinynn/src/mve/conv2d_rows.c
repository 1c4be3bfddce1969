/* CONV_2D of 1×1 with Helium, weights as a model has them: products a multiple of sixteen. Tiles as in mve/conv2d.c, each
 * row of weights with a pointer of its own; the values of both pixels alternate in scratch, sixteen at a time.
 *
 * Records as in mve/rescale.h. Scratch: [steps][2][16] values, then a place aside for outputs, two rows of channels, filled
 * up to fours.
 */
#if defined(__ARM_FEATURE_MVE)
#include <stddef.h>
#include <string.h>

#include "tf_mve.h"
#include "tinynn/mve/rescale.h"

enum { PIXELS = 2, CHANNELS = 4 };

/* All fourteen core registers: more than gcc gives away. */
#if defined(__clang__)

#define LOAD                       \
  "vldrb.u8 q0, [%[x]], #32\n\t"   \
  "vldrb.u8 q2, [%[a]], #16\n\t"   \
  "vldrb.u8 q1, [%[x], #-16]\n\t"  \
  "vldrb.u8 q3, [%[b]], #16\n\t"   \
  "vldrb.u8 q4, [%[c]], #16\n\t"   \
  "vldrb.u8 q5, [%[d]], #16\n\t"

/* Sums of products of both pixels with four rows of weights; the address behind the last of these. */
static inline const int8_t *dots(const int8_t *x, const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                 int32_t steps, int32x4_t sums[PIXELS]) {
  TF_TILE_SUMS();
  TF_TILE(LOAD, [x] "+&r"(x), [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d));
  sums[0] = (int32x4_t){s00, s01, s02, s03};
  sums[1] = (int32x4_t){s10, s11, s12, s13};
  return d;
}

#else

/* Sums of both pixels with two rows; the address behind the second of these. */
static __attribute__((noinline)) const int8_t *dots2(const int8_t *x, const int8_t *a, const int8_t *b, int32_t steps,
                                                     int32_t *restrict sums) {
  register int32_t s00 __asm__("r4") = 0;
  register int32_t s01 __asm__("r6") = 0;
  register int32_t s10 __asm__("r8") = 0;
  register int32_t s11 __asm__("r10") = 0;
  __asm__ volatile(
      "dls lr, %[steps]\n"
      "1:\n\t"
      "vldrb.u8 q0, [%[x]], #32\n\t"
      "vldrb.u8 q2, [%[a]], #16\n\t"
      "vldrb.u8 q1, [%[x], #-16]\n\t"
      "vldrb.u8 q3, [%[b]], #16\n\t"
      "vmladava.s8 %[s00], q0, q2\n\t"
      "vmladava.s8 %[s10], q1, q2\n\t"
      "vmladava.s8 %[s01], q0, q3\n\t"
      "vmladava.s8 %[s11], q1, q3\n\t"
      "le lr, 1b"
      : [s00] "+r"(s00), [s01] "+r"(s01), [s10] "+r"(s10), [s11] "+r"(s11), [x] "+r"(x), [a] "+r"(a), [b] "+r"(b)
      : [steps] "r"(steps)
      : "lr", "q0", "q1", "q2", "q3", "memory");
  sums[0] = s00;
  sums[1] = s01;
  sums[CHANNELS] = s10;
  sums[CHANNELS + 1] = s11;
  return b;
}

static inline const int8_t *dots(const int8_t *x, const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                 int32_t steps, int32x4_t sums[PIXELS]) {
  int32_t all[PIXELS * CHANNELS];
  dots2(x, a, b, steps, all);
  d = dots2(x, c, d, steps, all + 2);
  sums[0] = vld1q_s32(all);
  sums[1] = vld1q_s32(all + CHANNELS);
  return d;
}

#endif

/* Where in the input the next pixel lies. */
struct place {
  const int8_t *image, *line;
  int32_t x, y;
};

static inline const int8_t *advance(const struct tinynn_conv2d *restrict p, struct place *place) {
  const int8_t *pixel = place->line + place->x * p->stride_x * p->input_channels;
  if (++place->x == p->output_width) {
    const int32_t line_bytes = p->input_width * p->input_channels;
    place->x = 0;
    place->line += p->stride_y * line_bytes;
    if (++place->y == p->output_height) {
      place->y = 0;
      place->image += p->input_height * line_bytes;
      place->line = place->image;
    }
  }
  return pixel;
}

static inline void interleave(const int8_t *first, const int8_t *second, int32_t steps, int8_t *to) {
  for (; steps > 0; --steps) {
    vst1q_s8(to, vld1q_s8(first));
    vst1q_s8(to + TF_STEP, vld1q_s8(second));
    first += TF_STEP;
    second += TF_STEP;
    to += 2 * TF_STEP;
  }
}

/* All outputs of two pixels; the last block may have fewer rows: any are read in place of the others. */
static inline void tile(const struct tinynn_conv2d *restrict p, const int8_t *x, int8_t *output, int32_t output_pitch) {
  const struct tinynn_mve_clamp clamp = tinynn_mve_clamp(p->output_zero_point, p->lowest, p->highest);
  const int32_t *channel = (const int32_t *)p->channels;
  const int32_t products = p->input_channels, steps = products / TF_STEP, rest = p->output_channels % CHANNELS;
  const int8_t *weights = p->weights;
  int32x4_t sums[PIXELS];
#pragma GCC unroll 1
  for (int32_t blocks = p->output_channels / CHANNELS; blocks > 0; --blocks) {
    const int8_t *b = weights + products, *c = b + products, *d = c + products;
    weights = dots(x, weights, b, c, d, steps, sums);
    tinynn_mve_store_two(output, output_pitch, sums, channel, &clamp);
    channel += 3 * CHANNELS;
    output += CHANNELS;
  }
  if (rest != 0) {
    const int8_t *b = rest > 1 ? weights + products : weights, *c = rest > 2 ? b + products : weights;
    dots(x, weights, b, c, weights, steps, sums);
    tinynn_mve_store_two(output, output_pitch, sums, channel, &clamp);
  }
}

void tinynn_conv2d_rows_mve(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                            int8_t *restrict output, void *restrict scratch) {
  const int32_t pitch_aside = (p->output_channels + CHANNELS - 1) / CHANNELS * CHANNELS;
  int8_t *values = scratch, *aside = values + PIXELS * p->input_channels;
  struct place place = {input, input, 0, 0};
  for (int32_t left = p->batches * p->output_height * p->output_width; left > 0; left -= PIXELS) {
    const int is_aside = left < PIXELS || p->output_channels < pitch_aside;
    const int8_t *first = advance(p, &place), *second = left < PIXELS ? first : advance(p, &place);
    interleave(first, second, p->input_channels / TF_STEP, values);
    tile(p, values, is_aside ? aside : output, is_aside ? pitch_aside : p->output_pitch);
    for (int32_t i = 0; is_aside && i < PIXELS && i < left; ++i) {
      memcpy(output + i * p->output_pitch, aside + i * pitch_aside, (size_t)p->output_channels);
    }
    output += PIXELS * p->output_pitch;
  }
}
#endif
