/* RESIZE_NEAREST_NEIGHBOR in portable C: the formula of ref/resize_nearest.c; a row that is the same as the one before is
 * copied from it. */
#include <string.h>

#include "tinynn.h"
#include "tinynn/pieces.h"

enum { LONG = 16 /* bytes from which on memcpy pays */ };

static __attribute__((noinline)) void resize_row(const struct tinynn_resize_nearest *restrict p,
                                                 const int8_t *restrict row, int8_t *restrict output) {
  const int32_t bytes = p->channels;
#pragma GCC unroll 1
  for (int32_t x = 0; x < p->output_width; ++x) {
    const int8_t *restrict from = row + p->columns[x] * bytes;
    if (bytes < LONG) {
      tinynn_copy_short(output, from, bytes);
    } else {
      memcpy(output, from, (size_t)bytes);
    }
    output += bytes;
  }
}

void tinynn_resize_nearest_c(const struct tinynn_resize_nearest *restrict p, const int8_t *restrict input,
                             int8_t *restrict output) {
  const int32_t line_bytes = p->input_width * p->channels, output_bytes = p->output_width * p->channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      if (y > 0 && p->rows[y] == p->rows[y - 1]) {
        memcpy(output, output - output_bytes, (size_t)output_bytes);
      } else {
        resize_row(p, input + p->rows[y] * line_bytes, output);
      }
      output += output_bytes;
    }
    input += p->input_height * line_bytes;
  }
}
