/* SVDF by SMLAD, where the file's rows of features are whole eights: see tinynn/src/dsp/recurrent.c. */
#include "tinyi/svdf_kernel.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"

static int32_t sum_of_bytes(const int8_t *from, int32_t count) {
  const tinynn_pair ones = tinynn_twice(1);
  int32_t sum = 0;
  for (; count >= 4; count -= 4, from += 4) {
    const uint32_t bytes = tinynn_load_word(from);
    sum = tinynn_multiply_pairs(tinynn_even_bytes(bytes), ones, sum);
    sum = tinynn_multiply_pairs(tinynn_odd_bytes(bytes), ones, sum);
  }
  for (; count > 0; --count) {
    sum += *from++;
  }
  return sum;
}

static uint32_t scratch_bytes(const struct tinynn_svdf *p) {
  return 2 * (uint32_t)p->inputs + 4 * (uint32_t)(p->units * p->rank) + 4 * (uint32_t)p->units;
}

/* With the state's zero point in the biases. */
static void compute(struct tinynn_svdf *p, const int8_t *input, void *state, int32_t is_wide, int8_t *output,
                    void *scratch) {
  const int32_t each = p->rank * p->memory;
  int32_t *bias = scratch;
  for (int32_t u = 0; u < p->units; ++u) {
    const int32_t given = p->bias == NULL ? 0 : p->bias[u];
    const int32_t times = p->state_zero_point == 0 ? 0 : sum_of_bytes((const int8_t *)p->time + u * each, each);
    bias[u] = (int32_t)((uint32_t)given - (uint32_t)p->state_zero_point * (uint32_t)times);
  }
  p->bias = bias;
  if (is_wide) {
    tinynn_svdf_int16_dsp(p, input, state, output, bias + p->units);
  } else {
    tinynn_svdf_int8_dsp(p, input, state, output, bias + p->units);
  }
}

const struct tinyi_svdf tinyi_svdf_dsp = {scratch_bytes, compute};

#endif
