/* 3x3 taps of the vector variants, DEPTHWISE_CONV_2D with one output for each channel, or the operator of ROWS_STRUCT.
 *
 * Three rows of the input with their padding lie in scratch, in a ring. A row of the output is written when the rows
 * that it needs are there; so the output may lie on the input where it is not wider. The file that includes this has
 * `copy_row` and `compute_row`.
 */
#ifndef TINYNN_ROWS3X3_H
#define TINYNN_ROWS3X3_H

#include <stddef.h>

#include "tinynn.h"

#ifndef ROWS_STRUCT
#define ROWS_STRUCT tinynn_depthwise
#define ROWS_PITCH output_channels
#endif

enum { TAPS = 3 };

/* A row of the input, or one of padding where `from` is NULL; `columns` with the padding on both sides. */
static inline void copy_row(const struct ROWS_STRUCT *restrict p, int8_t *to, const int8_t *from, int32_t columns);
static inline void compute_row(const struct ROWS_STRUCT *restrict p, const int8_t *const rows[TAPS],
                               int32_t columns, int8_t *output);

/* Columns of a row in scratch that the input fills, and those behind them. */
static inline int32_t inner_columns(const struct ROWS_STRUCT *restrict p, int32_t columns) {
  return p->input_width < columns - p->pad_left ? p->input_width : columns - p->pad_left;
}

static inline void rows3x3(const struct ROWS_STRUCT *restrict p, const int8_t *input, int8_t *output,
                           int8_t *scratch, int32_t lanes) {
  const int32_t columns = (p->output_width - 1) * p->stride_x + TAPS;
  const int32_t ring_bytes = columns * ((p->input_channels + lanes - 1) / lanes * lanes);
  const int32_t line_bytes = p->input_width * p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    int32_t next = 0; /* row of the padded input that is not yet in the ring */
    for (int32_t y = 0; y < p->output_height; ++y) {
      const int32_t first = y * p->stride_y;
      const int8_t *rows[TAPS];
      for (next = next < first ? first : next; next < first + TAPS; ++next) {
        const int32_t line = next - p->pad_top;
        const int is_inside = line >= 0 && line < p->input_height;
        copy_row(p, scratch + next % TAPS * ring_bytes, is_inside ? input + line * line_bytes : NULL, columns);
      }
      for (int32_t row = 0; row < TAPS; ++row) {
        rows[row] = scratch + (first + row) % TAPS * ring_bytes;
      }
      compute_row(p, rows, columns, output);
      output += p->output_width * p->ROWS_PITCH;
    }
    input += p->input_height * line_bytes;
  }
}

#endif
