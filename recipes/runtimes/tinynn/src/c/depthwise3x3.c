/* DEPTHWISE_CONV_2D, int8, 3×3 taps, depth multiplier 1: the formula of ref/depthwise.c, one channel after the other.
 *
 * A channel is brought together, with padding around it, before its first output is written, and no other channel's
 * place is touched: input and output may begin at one address. The nine taps stay in registers where there are enough.
 * Packing: [channel][3][3] int8; records as in rescale_right.h.
 * Scratch: [(output_height - 1) * stride_y + 3][(output_width - 1) * stride_x + 3] int8.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"
#include "tinynn/plane.h"
#include "tinynn/rescale_right.h"

enum { TAPS = 3 };

/* Three neighbouring values of a column, one in each row. */
struct column {
  int32_t a, b, c;
};

static inline struct column load(const int8_t *from, int32_t columns) {
  const struct column column = {from[0], from[columns], from[2 * columns]};
  return column;
}

static inline int32_t sum(int32_t bias, const int32_t *taps, struct column left, struct column middle,
                          struct column right) {
  bias += left.a * taps[0] + middle.a * taps[1] + right.a * taps[2];
  bias += left.b * taps[3] + middle.b * taps[4] + right.b * taps[5];
  bias += left.c * taps[6] + middle.c * taps[7] + right.c * taps[8];
  return bias;
}

/* One row of outputs at horizontal stride 1: each column is read once. */
static inline int8_t *row_of_neighbours(const struct tinynn_depthwise *restrict p, const int8_t *restrict row,
                                        int32_t columns, const int32_t *taps, int32_t bias, struct tinynn_right right,
                                        int8_t *output) {
  struct column first = load(row, columns), second = load(row + 1, columns);
  int32_t left = p->output_width;
  row += 2;
  while (left > 0) {
    const struct column third = load(row, columns);
    int32_t out = tinynn_rescale_right(sum(bias, taps, first, second, third), right);
    *output = (int8_t)tinynn_clamp(out, p->lowest, p->highest);
    output += p->output_channels;
    if (--left == 0) {
      break;
    }
    first = load(row + 1, columns);
    out = tinynn_rescale_right(sum(bias, taps, second, third, first), right);
    *output = (int8_t)tinynn_clamp(out, p->lowest, p->highest);
    output += p->output_channels;
    if (--left == 0) {
      break;
    }
    second = load(row + 2, columns);
    out = tinynn_rescale_right(sum(bias, taps, third, first, second), right);
    *output = (int8_t)tinynn_clamp(out, p->lowest, p->highest);
    output += p->output_channels;
    --left;
    row += 3;
  }
  return output;
}

/* One row of outputs at any horizontal stride. */
static inline int8_t *row_of_outputs(const struct tinynn_depthwise *restrict p, const int8_t *restrict row,
                                     int32_t columns, const int32_t *taps, int32_t bias, struct tinynn_right right,
                                     int8_t *output) {
  for (int32_t x = 0; x < p->output_width; ++x) {
    const int32_t acc = sum(bias, taps, load(row, columns), load(row + 1, columns), load(row + 2, columns));
    *output = (int8_t)tinynn_clamp(tinynn_rescale_right(acc, right), p->lowest, p->highest);
    output += p->output_channels;
    row += p->stride_x;
  }
  return output;
}

static void compute_channel(const struct tinynn_depthwise *restrict p, const int8_t *restrict plane, int32_t columns,
                            int32_t c, int8_t *output) {
  int32_t taps[TAPS * TAPS];
  for (int32_t i = 0; i < TAPS * TAPS; ++i) {
    taps[i] = p->weights[c * TAPS * TAPS + i];
  }
  const struct tinynn_right right = tinynn_right(&p->channels[c], p->output_zero_point);
  const int32_t bias = p->channels[c].bias;
  for (int32_t y = 0; y < p->output_height; ++y) {
    if (p->stride_x == 1) {
      output = row_of_neighbours(p, plane, columns, taps, bias, right, output);
    } else {
      output = row_of_outputs(p, plane, columns, taps, bias, right, output);
    }
    plane += p->stride_y * columns;
  }
}

void tinynn_depthwise3x3_c(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                           void *restrict scratch) {
  int8_t *restrict values = scratch;
  const int32_t channels = p->input_channels;
  const struct tinynn_plane plane = tinynn_plane(p, TAPS, TAPS, 1);
  for (int32_t i = 0; i < plane.rows * plane.columns; ++i) {
    values[i] = (int8_t)p->input_zero_point;
  }
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t c = 0; c < channels; ++c) {
      tinynn_copy_channel(values + plane.inner, input + c, plane, channels, p->input_width * channels);
      compute_channel(p, values, plane.columns, c, output + c);
    }
    input += p->input_height * p->input_width * channels;
    output += p->output_height * p->output_width * channels;
  }
}
