/* FULLY_CONNECTED, weights as a model has them: the formula of ref/rows.c, two outputs at a time (see rows.h).
 *
 * As many inputs as scratch has room for are widened to 16 bits once, the others for each two outputs. Records as in
 * rescale_right.h; see saturated_rows.h. Rows that don't begin at whole words are left to the portable variant.
 */
#include "tinynn.h"
#include "tinynn/saturated_rows.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/rows.h"

/* Inputs as words of (0, 2), (1, 3) for each four, the zero point subtracted. */
static void widen(const int8_t *from, int32_t count, tinynn_pair zeros, tinynn_pair *to) {
#pragma GCC unroll 2
  for (int32_t i = 0; i < count; i += 4) {
    const uint32_t bytes = tinynn_load_word(from + i);
    *to++ = tinynn_add_even_bytes(zeros, bytes);
    *to++ = tinynn_add_odd_bytes(zeros, bytes);
  }
}

/* The last products of both rows, fewer than eight. */
static void add_rest(struct tinynn_rows2 *rows, int32_t count, int32_t zero_point) {
  const int8_t *x = rows->x;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t value = x[i] - zero_point;
    rows->sum_a += value * rows->a[i];
    rows->sum_b += value * rows->b[i];
  }
}

void tinynn_rows_dsp(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  const int32_t inputs = p->inputs, eights = inputs & ~7;
  const int32_t wide = p->widened < eights ? p->widened : eights;
  if (inputs % 4 != 0 || ((uintptr_t)p->weights | (uintptr_t)input) % 4 != 0) {
    tinynn_rows_c(p, input, output, scratch);
    return;
  }
  const tinynn_pair zeros = tinynn_twice(-p->input_zero_point);
  struct tinynn_right right = row_right(p, 0), next = right;
  for (int32_t n = 0; n < p->batches; ++n) {
    struct tinynn_rows2 rows = {.zeros = zeros};
    const int8_t *weights = p->weights;
    widen(input, wide, zeros, scratch);
    for (int32_t o = 0; o < p->outputs; o += 2) {
      const int32_t has_second = o + 1 < p->outputs;
      rows.x = scratch;
      rows.a = weights;
      rows.b = weights + has_second * inputs;
      weights += 2 * inputs;
      rows.sum_a = row_bias(p, o);
      rows.sum_b = row_bias(p, o + has_second);
      if (wide > 0) {
        tinynn_rows2_wide_dsp(&rows, wide);
      }
      rows.x = input + wide;
      if (eights > wide) {
        tinynn_rows2_narrow_dsp(&rows, eights - wide);
      }
      if (inputs > eights) {
        add_rest(&rows, inputs - eights, p->input_zero_point);
      }
      if (p->is_per_channel) {
        right = row_right(p, o);
        next = row_right(p, o + has_second);
      }
      output[o] = row_output(p, rows.sum_a, right);
      if (has_second) {
        output[o + 1] = row_output(p, rows.sum_b, next);
      }
    }
    input += inputs;
    output += p->outputs;
  }
}

#endif
