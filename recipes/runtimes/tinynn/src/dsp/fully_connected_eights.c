/* FULLY_CONNECTED, int8, one scale for all outputs: the formula of ref/fully_connected.c, eight outputs at a time, in the
 * long and in the short form of requantisation (see matrix8.S). */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/matrix.h"

enum { EIGHT = 8 };

static inline void multiply(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                            int8_t *restrict output, void (*eights)(const struct tinynn_matrix *matrix)) {
  struct tinynn_matrix matrix = {.weights = p->weights,
                                 .channels = p->channels,
                                 .x = input,
                                 .output = output,
                                 .groups = p->inputs / 4,
                                 .blocks = p->outputs / EIGHT,
                                 .zero_twice_plus1 = 2 * p->output_zero_point + 1};
#pragma GCC unroll 1
  for (int32_t n = 0; n < p->batches; ++n) {
    eights(&matrix);
    if (p->lowest > INT8_MIN || p->highest < INT8_MAX) {
      tinynn_clamp_dsp(matrix.output, p->outputs, p->lowest, p->highest);
    }
    matrix.x = (const int8_t *)matrix.x + p->inputs;
    matrix.output += p->outputs;
  }
}

void tinynn_fully_connected_eights_dsp(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                       int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  multiply(p, input, output, tinynn_matrix8_dsp);
}

void tinynn_fully_connected_eights_short_dsp(const struct tinynn_fully_connected *restrict p,
                                             const int8_t *restrict input, int8_t *restrict output,
                                             void *restrict scratch) {
  (void)scratch;
  multiply(p, input, output, tinynn_matrix8_short_dsp);
}

#endif
