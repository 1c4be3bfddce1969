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

static inline int32x4_t dots(const int8_t *x, const int8_t *const rows[BLOCK], int32_t inputs,
                             const struct form *form) {
  const int8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
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
  return vmulq_n_s32((int32x4_t){sum_a, sum_b, sum_c, sum_d}, form->sign);
}

/* Records of four outputs. */
static inline int32x4_t gather(const int32_t *first, int32_t is_per_channel, mve_pred16_t lanes) {
  const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0, 1), is_per_channel ? 3 : 0);
  return vldrwq_gather_shifted_offset_z_s32(first, places, lanes);
}

void tinynn_rows_mve(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  const struct tinynn_mve_clamp clamp = tinynn_mve_clamp(p->output_zero_point, p->lowest, p->highest);
  const int32_t is_lowest = p->input_zero_point == INT8_MIN;
  const int32_t factor = is_lowest ? INT8_MIN + 1 : -p->input_zero_point;
  const struct form form = {vdupq_n_s8(is_lowest ? -1 : 0), vdupq_n_s8((int8_t)factor), is_lowest ? -1 : 1};
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *weights = p->weights;
#pragma GCC unroll 1
    for (int32_t o = 0; o < p->outputs; o += BLOCK) {
      const int32_t left = p->outputs - o;
      const mve_pred16_t lanes = vctp32q((uint32_t)left);
      const int8_t *rows[BLOCK] = {weights, weights + (left > 1 ? p->inputs : 0),
                                   weights + (left > 2 ? 2 * p->inputs : 0), weights + (left > 3 ? 3 * p->inputs : 0)};
      const struct tinynn_channel *channel = &p->channels[p->is_per_channel ? o : 0];
      int32x4_t sums = dots(input, rows, p->inputs, &form);
      if (p->bias != NULL) {
        sums = vaddq_s32(sums, vldrwq_z_s32(p->bias + o, lanes));
      }
      const int32x4_t multipliers = gather(&channel->multiplier, p->is_per_channel, lanes);
      const int32x4_t shifts = gather(&channel->shift, p->is_per_channel, lanes);
      vstrbq_p_s32(output + o, tinynn_mve_rescale(sums, multipliers, shifts, &clamp), lanes);
      weights += BLOCK * p->inputs;
    }
    input += p->inputs;
    output += p->outputs;
  }
}
#endif
