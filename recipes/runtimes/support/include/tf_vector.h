/* Inner loops of int8 kernels for processors with vectors: Helium of Cortex-M55 (MVE) and RISC-V's extension V.
 *
 * Both files have the same functions; what differs is how weights and constants lie, which `lanes` says: blocks of so many
 * channels. Numbers are constants where these are called, so every kernel gets loops of its own. */
#ifndef TF_VECTOR_H
#define TF_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "tf_hidden.h"

enum { TF_FRACTION_BITS = 12 /* of the short form of requantisation */ };

/* How accumulators become outputs: the short form, with them shifted `up`, or the long one where that is negative. */
struct tf_vector_form {
  int32_t up, zero_point, lowest, highest;
};

#if defined(__ARM_FEATURE_MVE)
#include "tf_vector_mve.h"
#elif defined(__riscv_vector)
#include "tf_vector_rvv.h"
#else
#error "the kernels are for a processor with vectors, which the compiler doesn't know of"
#endif

/* Two pixels, all channels. A pixel's products are `segments` runs of `run` bytes, so many `apart`; `pitch`: bytes from
 * one pixel's first output to the other's. */
TF_VECTOR void tf_vector_pixels(int8_t *output, int32_t pitch, const int8_t *x0, const int8_t *x1, const int8_t *w,
                                const int32_t *scale, int32_t segments, int32_t apart, int32_t run, int32_t channels,
                                int32_t up, int32_t zero_point, int32_t lowest, int32_t highest) {
  const struct tf_vector_form form = {up, zero_point, lowest, highest};
  tf_vector_two(output, pitch, x0, x1, w, scale, segments, apart, run, channels, &form);
}

/* One pixel, all channels. */
TF_VECTOR void tf_vector_pixel(int8_t *output, const int8_t *x, const int8_t *w, const int32_t *scale, int32_t run,
                               int32_t channels, int32_t up, int32_t zero_point, int32_t lowest, int32_t highest) {
  const struct tf_vector_form form = {up, zero_point, lowest, highest};
  tf_vector_one(output, x, w, scale, run, channels, &form);
}

/* A row of a depthwise convolution, `count` bytes of it: `rows` x `columns` taps, that are row_bytes and column_bytes apart.
 * A block of `channels` outputs is one pixel, or several, with weights to match; the next one is step_bytes further on. */
TF_VECTOR void tf_vector_taps(int8_t *output, const int8_t *x, const int8_t *w, const int32_t *scale, int32_t count,
                              int32_t rows, int32_t columns, int32_t row_bytes, int32_t column_bytes,
                              int32_t step_bytes, int32_t channels, int32_t up, int32_t zero_point, int32_t lowest,
                              int32_t highest) {
  const struct tf_vector_form form = {up, zero_point, lowest, highest};
  const struct tf_vector_window window = {rows, columns, row_bytes, column_bytes, step_bytes};
  tf_vector_filter(output, x, w, scale, count, &window, channels, &form);
}

#endif
