/* Layers with weights of four bits by the kernels of int8: the weights of some outputs are unpacked into scratch, the
 * kernel computes these outputs, then come the next ones.
 *
 * Packing (backends/tinynn/int4.py): what the kernel reads, eight bytes in a word: the four low halves are the first four
 * bytes, each 8 more than it is. Scratch: the bytes of a block; behind them what the kernel keeps.
 */
#ifndef TINYNN_INT4_H
#define TINYNN_INT4_H

#include <stddef.h>

#include "tinynn.h"

/* What takes the 8 off again: from each byte, or from both bytes of a pair as one number, a pair of rows being
 * 256 * a + b (dsp/matrix.h). No carry leaves a byte, or a pair. */
struct tinynn_int4_bias {
  uint32_t offset, sign;
};
static const struct tinynn_int4_bias TINYNN_INT4_BYTES = {0x78787878, 0x80808080};
static const struct tinynn_int4_bias TINYNN_INT4_PAIRS = {0x77f877f8, 0x80008000};

static inline __attribute__((always_inline)) void tinynn_unpack_int4(const int8_t *packed, int32_t words, void *to,
                                                                     struct tinynn_int4_bias bias) {
  const uint32_t *from = (const uint32_t *)(const void *)packed;
  uint32_t *restrict bytes = to;
#pragma GCC unroll 2
  for (int32_t i = 0; i < words; ++i) {
    const uint32_t both = from[i];
    bytes[2 * i] = ((both & 0x0f0f0f0f) + bias.offset) ^ bias.sign;
    bytes[2 * i + 1] = ((both >> 4 & 0x0f0f0f0f) + bias.offset) ^ bias.sign;
  }
}

static inline int32_t tinynn_lesser(int32_t a, int32_t b) { return a < b ? a : b; }

typedef void tinynn_conv2d_kernel(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                                  int8_t *restrict output, void *restrict scratch);
typedef void tinynn_depthwise_kernel(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                                     void *restrict scratch);
typedef void tinynn_fully_connected_kernel(const struct tinynn_fully_connected *restrict p,
                                           const int8_t *restrict input, int8_t *restrict output,
                                           void *restrict scratch);

static inline __attribute__((always_inline)) void tinynn_conv2d_int4(const struct tinynn_conv2d_int4 *p,
                                                                     const int8_t *input, int8_t *output, int8_t *scratch,
                                                                     tinynn_conv2d_kernel *kernel,
                                                                     struct tinynn_int4_bias bias) {
  struct tinynn_conv2d block = p->block;
  const int32_t count = block.output_channels;
  block.weights = scratch;
  for (int32_t first = 0, word = 0; first < block.output_pitch; first += count, word += p->block_words) {
    tinynn_unpack_int4(p->block.weights + 4 * word, tinynn_lesser(p->block_words, p->words - word), scratch, bias);
    block.output_channels = tinynn_lesser(count, block.output_pitch - first);
    kernel(&block, input, output + first, scratch + 8 * p->block_words);
    block.channels += count;
  }
}

/* All weights at once: planes of channels lie side by side. */
static inline __attribute__((always_inline)) void tinynn_depthwise_int4(const struct tinynn_depthwise_int4 *p,
                                                                        const int8_t *input, int8_t *output,
                                                                        int8_t *scratch,
                                                                        tinynn_depthwise_kernel *kernel) {
  struct tinynn_depthwise all = p->all;
  all.weights = scratch;
  tinynn_unpack_int4(p->all.weights, p->words, scratch, TINYNN_INT4_BYTES);
  kernel(&all, input, output, scratch + 8 * p->words);
}

static inline __attribute__((always_inline)) void tinynn_fully_connected_int4(
    const struct tinynn_fully_connected_int4 *p, const int8_t *input, int8_t *output, int8_t *scratch,
    tinynn_fully_connected_kernel *kernel, struct tinynn_int4_bias bias) {
  struct tinynn_fully_connected block = p->block;
  const int32_t count = block.outputs;
  block.weights = scratch;
  block.batches = 1;
  for (int32_t first = 0, word = 0; first < p->outputs; first += count, word += p->block_words) {
    tinynn_unpack_int4(p->block.weights + 4 * word, tinynn_lesser(p->block_words, p->words - word), scratch, bias);
    block.outputs = tinynn_lesser(count, p->outputs - first);
    for (int32_t n = 0; n < p->block.batches; ++n) {
      kernel(&block, input + n * block.inputs, output + n * p->outputs + first, scratch + 8 * p->block_words);
    }
    if (block.biases != NULL) {
      block.biases += count;
    } else {
      block.channels += count;
    }
  }
}

/* A function that gives a kernel what it unpacks. */
#define TINYNN_INT4_CONV2D(function, kernel, bias)                                                                   \
  void function(const struct tinynn_conv2d_int4 *restrict p, const int8_t *restrict input, int8_t *restrict output,  \
                void *restrict scratch) {                                                                            \
    tinynn_conv2d_int4(p, input, output, scratch, kernel, bias);                                                     \
  }
#define TINYNN_INT4_DEPTHWISE(function, kernel)                                                                      \
  void function(const struct tinynn_depthwise_int4 *restrict p, const int8_t *input, int8_t *output,                 \
                void *restrict scratch) {                                                                            \
    tinynn_depthwise_int4(p, input, output, scratch, kernel);                                                        \
  }
#define TINYNN_INT4_FULLY_CONNECTED(function, kernel, bias)                                                          \
  void function(const struct tinynn_fully_connected_int4 *restrict p, const int8_t *restrict input,                  \
                int8_t *restrict output, void *restrict scratch) {                                                   \
    tinynn_fully_connected_int4(p, input, output, scratch, kernel, bias);                                            \
  }

#endif
