/* AVERAGE_POOL_2D and MEAN over a whole image, int8, some rows of it at a time: the formulas of ref/average_pool.c and
 * ref/mean.c, whose sums stay from one call to the next.
 *
 * Scratch: [channels] int32 sums.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

static __attribute__((noinline)) void add_up(const struct tinynn_row_sums *restrict p, const int8_t *restrict input,
                                             int32_t *restrict sums) {
  if (p->is_first) {
    for (int32_t c = 0; c < p->channels; ++c) {
      sums[c] = 0;
    }
  }
  for (int32_t i = 0; i < p->pixels; ++i) {
    for (int32_t c = 0; c < p->channels; ++c) {
      sums[c] += *input++;
    }
  }
}

void tinynn_average_pool_rows_ref(const struct tinynn_pool_rows *restrict p, const int8_t *restrict input,
                                  int8_t *restrict output, void *restrict scratch) {
  const int32_t *const sums = scratch;
  const int32_t count = p->rows.count;
  add_up(&p->rows, input, scratch);
  for (int32_t c = 0; c < p->rows.channels && count > 0; ++c) {
    const int32_t half = sums[c] > 0 ? count / 2 : -(count / 2);
    output[c] = (int8_t)tinynn_clamp((sums[c] + half) / count, p->lowest, p->highest);
  }
}

void tinynn_mean_rows_ref(const struct tinynn_mean_rows *restrict p, const int8_t *restrict input,
                          int8_t *restrict output, void *restrict scratch) {
  const int32_t *const sums = scratch;
  const int32_t count = p->rows.count;
  add_up(&p->rows, input, scratch);
  for (int32_t c = 0; c < p->rows.channels && count > 0; ++c) {
    const int32_t scaled = tinynn_rescale(sums[c] - count * p->input_zero_point, p->multiplier, p->shift);
    output[c] = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
  }
}
