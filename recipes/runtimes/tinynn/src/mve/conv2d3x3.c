/* CONV_2D with Helium, 3x3 taps side by side, input channels in whole sixteens: tiles of four neighbouring pixels by two
 * channels, whose six columns are loaded once for all three taps of a row (see rows3x3.h).
 *
 * Packing: [pairs of channels][sixteens of input channels][3 rows][3 columns][2][16] int8, records as in the struct, shifts
 * as in mve/rescale.h. Scratch: three rows, [sixteens of input channels][columns][16].
 */
#if defined(__ARM_FEATURE_MVE)
#include "tf_mve.h"
#include "tinynn/mve/rescale.h"
#define ROWS_STRUCT tinynn_conv2d
#define ROWS_PITCH output_pitch
#include "tinynn/rows3x3.h"

enum { PIXELS = 4, CHANNELS = 2 };

static inline void copy_row(const struct tinynn_conv2d *restrict p, int8_t *to, const int8_t *from, int32_t columns) {
  const int32_t inner = from == NULL ? 0 : inner_columns(p, columns), before = from == NULL ? columns : p->pad_left;
  const int32_t after = columns - before - inner, pitch = p->input_channels;
  for (int32_t c = 0; c < pitch; c += TF_STEP) {
    const int8_t *values = from + c;
    to = tf_vector_fill(to, p->input_zero_point, before * TF_STEP);
#pragma GCC unroll 4
    for (int32_t column = 0; column < inner; ++column) {
      vst1q_s8(to, vld1q_s8(values));
      to += TF_STEP;
      values += pitch;
    }
    to = tf_vector_fill(to, p->input_zero_point, after * TF_STEP);
  }
}

/* A column of a row meets the weights of `tap` for pixel `p`: q0 to q5. */
#define MULTIPLY(p, first, second, x) \
  "vmladava.s8 %[s" #p "0], " x ", " first "\n\tvmladava.s8 %[s" #p "1], " x ", " second "\n\t"
#define LEFT(p, x) MULTIPLY(p, "q0", "q1", x)
#define MIDDLE(p, x) MULTIPLY(p, "q2", "q3", x)
#define RIGHT(p, x) MULTIPLY(p, "q4", "q5", x)
#define LOAD(register, address) "vldrb.u8 " register ", [" address "]\n\t"
#define ROW(x)                                                                                                  \
  LOAD("q6", x) "vldrb.u8 q0, [%[w]], #96\n\t" LOAD("q1", "%[w], #-80") LEFT(0, "q6") LOAD("q7", x ", #16")    \
  LOAD("q2", "%[w], #-64") LOAD("q3", "%[w], #-48") LEFT(1, "q7") LOAD("q6", x ", #32") MIDDLE(0, "q7")         \
  LOAD("q4", "%[w], #-32") LOAD("q5", "%[w], #-16") LEFT(2, "q6") LOAD("q7", x ", #48") MIDDLE(1, "q6")         \
  RIGHT(0, "q6") LEFT(3, "q7") LOAD("q6", x ", #64") MIDDLE(2, "q7") RIGHT(1, "q7") MIDDLE(3, "q6")             \
  LOAD("q7", x ", #80") RIGHT(2, "q6") RIGHT(3, "q7")

/* Four pixels of two channels, `apart` bytes from one pixel's to the next one's; the weights' address behind them. */
static inline const int8_t *tile(const int8_t *a, const int8_t *b, const int8_t *d, const int8_t *w, int32_t sixteens,
                                 int32_t pitch, const struct tinynn_channel *channel, int8_t *output,
                                 uint32x4_t apart, const struct tinynn_mve_clamp *clamp) {
  const int32_t bias0 = channel[0].bias, bias1 = channel[1].bias;
  register int32_t s00 __asm__("r0") = bias0, s10 __asm__("r2") = bias0, s20 __asm__("r4") = bias0;
  register int32_t s30 __asm__("r6") = bias0, s01 __asm__("r8") = bias1, s11 __asm__("r10") = bias1;
  register int32_t s21 __asm__("r12") = bias1, s31 __asm__("lr") = bias1;
  do { /* in C, for GCC has no register for these as well */
    __asm__(ROW("%[a]") ROW("%[b]") ROW("%[d]")
            : [s00] "+r"(s00), [s10] "+r"(s10), [s20] "+r"(s20), [s30] "+r"(s30), [s01] "+r"(s01), [s11] "+r"(s11),
              [s21] "+r"(s21), [s31] "+r"(s31), [w] "+r"(w)
            : [a] "r"(a), [b] "r"(b), [d] "r"(d)
            : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "memory");
    a += pitch;
    b += pitch;
    d += pitch;
  } while (--sixteens);
  const int32x4_t first = {s00, s10, s20, s30}, second = {s01, s11, s21, s31};
  vstrbq_scatter_offset_s32(output, apart,
                            tinynn_mve_rescale_channel(first, channel[0].multiplier, channel[0].shift, clamp));
  vstrbq_scatter_offset_s32(output + 1, apart,
                            tinynn_mve_rescale_channel(second, channel[1].multiplier, channel[1].shift, clamp));
  return w;
}

static inline void compute_row(const struct tinynn_conv2d *restrict p, const int8_t *const rows[TAPS],
                               int32_t columns, int8_t *output) {
  const struct tinynn_mve_clamp clamp = tinynn_mve_clamp(p->output_zero_point, p->lowest, p->highest);
  const uint32x4_t apart = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)p->output_pitch);
  const int32_t sixteens = p->input_channels / TF_STEP, pitch = columns * TF_STEP;
#pragma GCC unroll 1
  for (int32_t x = 0; x < p->output_width; x += PIXELS) {
    const int8_t *const a = rows[0] + x * TF_STEP, *const b = rows[1] + x * TF_STEP, *const d = rows[2] + x * TF_STEP;
    const int8_t *w = p->weights;
    const struct tinynn_channel *channel = p->channels, *const end = channel + p->output_channels;
    int8_t *out = output + x * p->output_pitch;
#pragma GCC unroll 1
    for (; channel != end; channel += CHANNELS) {
      w = tile(a, b, d, w, sixteens, pitch, channel, out, apart, &clamp);
      out += CHANNELS;
    }
  }
}

void tinynn_conv2d3x3_mve(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                          void *restrict scratch) {
  rows3x3(p, input, output, scratch, TF_STEP);
}
#endif
