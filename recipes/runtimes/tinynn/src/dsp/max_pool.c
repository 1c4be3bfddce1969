/* MAX_POOL_2D: the formula of ref/max_pool.c, four channels at a time by SSUB8 and SEL, two pixels of a row at a time. */
#include <string.h>

#include "tinynn.h"
#include "tinynn/dsp/bytes.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/pool.h"

static inline uint32_t larger_words(uint32_t most, const int8_t *a, const int8_t *b) {
  return tinynn_larger_bytes(most, tinynn_larger_bytes(tinynn_load_word(a), tinynn_load_word(b)));
}

static inline int8_t larger(int8_t a, int8_t b) { return a > b ? a : b; }

/* output[c] = max(output[c], a[c], b[c]) */
static __attribute__((noinline)) void raise(int8_t *output, const int8_t *a, const int8_t *b,
                                            int32_t channels) {
#pragma GCC unroll 1
  for (; channels >= 8; channels -= 8) {
    tinynn_store_word(output, larger_words(tinynn_load_word(output), a, b));
    tinynn_store_word(output + 4, larger_words(tinynn_load_word(output + 4), a + 4, b + 4));
    output += 8;
    a += 8;
    b += 8;
  }
#pragma GCC unroll 1
  for (; channels > 0; --channels) {
    *output = larger(*output, larger(*a++, *b++));
    ++output;
  }
}

static inline void pool_window(const struct tinynn_pool *restrict p, const struct pool_window *restrict window,
                               int8_t *output, void *restrict scratch) {
  const int8_t *line = window->from;
  (void)scratch;
  for (int32_t row = window->height; row > 0; --row) {
    const int8_t *pixel = line;
    for (int32_t left = window->width; left > 0; left -= 2) {
      raise(output, pixel, left > 1 ? pixel + p->channels : pixel, p->channels);
      pixel += 2 * p->channels;
    }
    line += p->input_width * p->channels;
  }
}

void tinynn_max_pool_dsp(const struct tinynn_pool *restrict p, const int8_t *input, int8_t *output) {
  const int32_t outputs = p->batches * p->output_height * p->output_width * p->channels;
  memset(output, p->lowest, (size_t)outputs);
  pool(p, input, output, NULL);
  if (p->highest < INT8_MAX) {
    tinynn_clamp_dsp(output, outputs, p->lowest, p->highest);
  }
}

#endif
