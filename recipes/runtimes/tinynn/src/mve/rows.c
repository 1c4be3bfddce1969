/* FULLY_CONNECTED with Helium, weights as a model has them: the formula of ref/rows.c, four outputs at a time.
 *
 * Σ (x - zero_point) * w = Σ x * w - zero_point * Σ w, with both sums in one register: the second is a product with a
 * vector of -zero_point. For -128 that has no int8: there all is negated, with ~x = -x - 1 and 1 + zero_point = -127.
 */
#if defined(__ARM_FEATURE_MVE)
#include <stddef.h>

#include "tinynn/mve/rescale.h"

enum { BLOCK = 4 };

/* How the zero point is subtracted. */
struct form {
  int8x16_t flip, factor;
  int32_t sign;
};

/* Sums of four rows from `w` on. Rows that aren't there are the first one again. */
static inline int32x4_t dots(const int8_t *x, const int8_t *w, int32_t inputs, int32_t rows,
                             const struct form *form) {
  const int8_t *a = w, *b = rows > 1 ? w + inputs : w, *c = rows > 2 ? b + inputs : w, *d = rows > 3 ? c + inputs : w;
  register int32_t sum_a __asm__("r0") = 0;
  register int32_t sum_b __asm__("r2") = 0;
  register int32_t sum_c __asm__("r4") = 0;
  register int32_t sum_d __asm__("r6") = 0;
  __asm__ volatile(
      "wlstp.8 lr, %[inputs], 2f\n"
      "1:\n\t"
      "vldrb.u8 q0, [%[x]], #16\n\t"
      "vldrb.u8 q1, [%[a]], #16\n\t"
      "veor q0, q0, %q[flip]\n\t"
      "vldrb.u8 q2, [%[b]], #16\n\t"
      "vmladava.s8 %[sa], q0, q1\n\t"
      "vmladava.s8 %[sa], q1, %q[factor]\n\t"
      "vldrb.u8 q1, [%[c]], #16\n\t"
      "vmladava.s8 %[sb], q0, q2\n\t"
      "vmladava.s8 %[sb], q2, %q[factor]\n\t"
      "vldrb.u8 q2, [%[d]], #16\n\t"
      "vmladava.s8 %[sc], q0, q1\n\t"
      "vmladava.s8 %[sc], q1, %q[factor]\n\t"
      "vmladava.s8 %[sd], q0, q2\n\t"
      "vmladava.s8 %[sd], q2, %q[factor]\n\t"
      "letp lr, 1b\n"
      "2:"
      : [x] "+r"(x), [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [sa] "+r"(sum_a), [sb] "+r"(sum_b),
        [sc] "+r"(sum_c), [sd] "+r"(sum_d)
      : [inputs] "r"(inputs), [flip] "w"(form->flip), [factor] "w"(form->factor)
      : "lr", "q0", "q1", "q2", "memory");
  return (int32x4_t){sum_a, sum_b, sum_c, sum_d};
}

/* Multipliers or shifts of four outputs. */
static inline int32x4_t gather(const int32_t *first, mve_pred16_t lanes) {
  return vldrwq_gather_shifted_offset_z_s32(first, vmulq_n_u32(vidupq_n_u32(0, 1), 3), lanes);
}

/* What is the same for a whole layer. */
struct layer {
  struct form form;
  struct tinynn_mve_clamp clamp;
  int32_t multiplier;
  int32x4_t shift;
};

/* Outputs from their biases and sums. */
static inline int32x4_t rescale(const struct layer *layer, int32x4_t biases, int32x4_t sums) {
  const int32x4_t high = vqrdmulhq_n_s32(vmlaq_n_s32(biases, sums, layer->form.sign), layer->multiplier);
  return tinynn_mve_clamped(vrshlq_s32(vaddq_s32(high, vshrq_n_s32(high, 31)), layer->shift), &layer->clamp);
}

/* The outputs of one row of inputs that are whole blocks and have biases and one scale: how many. */
static inline int32_t multiply_blocks(const struct tinynn_rows *restrict p, const int8_t *restrict input,
                                      int8_t *restrict output, const struct layer *layer) {
  const int8_t *weights = p->weights;
  const int32_t *bias = p->bias;
  int32_t blocks = p->is_per_channel || bias == NULL ? 0 : p->outputs / BLOCK;
  const int32_t done = blocks * BLOCK, inputs = p->inputs;
#pragma GCC unroll 1
  for (; blocks > 0; --blocks) {
    const int32x4_t sums = dots(input, weights, inputs, BLOCK, &layer->form);
    vstrbq_s32(output, rescale(layer, vld1q_s32(bias), sums));
    weights += BLOCK * inputs;
    bias += BLOCK;
    output += BLOCK;
  }
  return done;
}

/* The others, from o on. */
static inline void multiply_rest(const struct tinynn_rows *restrict p, const int8_t *restrict input,
                                 int8_t *restrict output, const struct layer *layer, int32_t o) {
#pragma GCC unroll 1
  for (; o < p->outputs; o += BLOCK) {
    const mve_pred16_t lanes = vctp32q((uint32_t)(p->outputs - o));
    const int32x4_t sums = dots(input, p->weights + o * p->inputs, p->inputs, p->outputs - o, &layer->form);
    int32x4_t biases = vdupq_n_s32(0);
    if (p->bias != NULL) {
      biases = vldrwq_z_s32(p->bias + o, lanes);
    }
    int32x4_t outputs = rescale(layer, biases, sums);
    if (p->is_per_channel) {
      const int32x4_t multipliers = gather(&p->channels[o].multiplier, lanes);
      const int32x4_t shifts = gather(&p->channels[o].shift, lanes);
      outputs = tinynn_mve_rescale(vmlaq_n_s32(biases, sums, layer->form.sign), multipliers, shifts, &layer->clamp);
    }
    vstrbq_p_s32(output + o, outputs, lanes);
  }
}

void tinynn_rows_mve(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  const int32_t is_lowest = p->input_zero_point == INT8_MIN;
  const int32_t factor = is_lowest ? INT8_MIN + 1 : -p->input_zero_point;
  const struct layer layer = {
      .form = {vdupq_n_s8(is_lowest ? -1 : 0), vdupq_n_s8((int8_t)factor), is_lowest ? -1 : 1},
      .clamp = tinynn_mve_clamp(p->output_zero_point, p->lowest, p->highest),
      .multiplier = p->channels->multiplier,
      .shift = vdupq_n_s32(p->channels->shift),
  };
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    multiply_rest(p, input, output, &layer, multiply_blocks(p, input, output, &layer));
    input += p->inputs;
    output += p->outputs;
  }
}
#endif
