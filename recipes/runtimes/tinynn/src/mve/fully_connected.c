/* FULLY_CONNECTED with Helium: four outputs at a time, which share the loading of the inputs. Packing as in mve/conv2d.c.
 * Scratch: the inputs filled up to groups of sixteen, where they aren't a multiple of that. */
#if defined(__ARM_FEATURE_MVE)
#include <stddef.h>

#include "tf_mve.h"
#include "tinynn/mve/rescale.h"

enum { BLOCK = 4 };

/* All outputs of a row, each four with records of their own. */
static inline void by_channel(const struct tinynn_fully_connected *restrict p, const int8_t *x, int8_t *output,
                              int32_t steps, const struct tinynn_mve_clamp *clamp) {
  const int8_t *weights = p->weights;
  const int32_t *channel = (const int32_t *)p->channels;
#pragma GCC unroll 1
  for (int32_t o = 0; o < p->outputs; o += BLOCK) {
    const int32x4_t sums = vaddq_s32(tf_vector_dots(x, weights, steps), vld1q_s32(channel));
    const int32x4_t out = tinynn_mve_rescale(sums, vld1q_s32(channel + 4), vld1q_s32(channel + 8), clamp);
    vstrbq_p_s32(output + o, out, vctp32q((uint32_t)(p->outputs - o)));
    weights += BLOCK * TF_STEP * steps;
    channel += 12;
  }
}

/* The same with one scale for all; biases are filled up to fours. */
static inline void by_tensor(const struct tinynn_fully_connected *restrict p, const int8_t *x, int8_t *output,
                             int32_t steps, const struct tinynn_mve_clamp *clamp) {
  const int8_t *weights = p->weights;
  const struct tinynn_channel all = p->channels[0];
#pragma GCC unroll 1
  for (int32_t o = 0; o < p->outputs; o += BLOCK) {
    const int32x4_t sums = vaddq_s32(tf_vector_dots(x, weights, steps), vld1q_s32(p->biases + o));
    const int32x4_t out = tinynn_mve_rescale_channel(sums, all.multiplier, all.shift, clamp);
    vstrbq_p_s32(output + o, out, vctp32q((uint32_t)(p->outputs - o)));
    weights += BLOCK * TF_STEP * steps;
  }
}

void tinynn_fully_connected_mve(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  const struct tinynn_mve_clamp clamp = tinynn_mve_clamp(p->output_zero_point, p->lowest, p->highest);
  const int32_t steps = (p->inputs + TF_STEP - 1) / TF_STEP;
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *x = input;
    if (p->inputs % TF_STEP != 0) {
      tf_vector_copy(scratch, input, p->inputs); /* what follows there meets weights of 0 */
      x = scratch;
    }
    if (p->biases == NULL) {
      by_channel(p, x, output, steps, &clamp);
    } else {
      by_tensor(p, x, output, steps, &clamp);
    }
    input += p->inputs;
    output += p->outputs;
  }
}
#endif
