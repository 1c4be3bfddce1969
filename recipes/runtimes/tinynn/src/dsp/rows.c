/* FULLY_CONNECTED, weights as a model has them: the formula of ref/rows.c, three or two outputs at a time (see rows.h).
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

/* What turns sums into outputs, in registers: stores of outputs can't change it. */
struct scaling {
  struct tinynn_right right;
  int32_t lowest, highest;
};

static inline int8_t output_of(int32_t sum, const struct scaling *scaling) {
  const int32_t high = tinynn_high_by_factor(tinynn_saturate_30(sum), scaling->right.factor);
  const int32_t value = (high + (high >> 31) + scaling->right.offset) >> scaling->right.shift;
  return (int8_t)tinynn_clamp(value, scaling->lowest, scaling->highest);
}

/* Whether outputs can be made by threes. */
static int32_t is_simple(const struct tinynn_rows *p) {
  return !p->is_per_channel && p->bias != NULL && p->inputs % 8 == 0 && p->outputs >= 3;
}

/* What rows3.S reads. */
_Static_assert(offsetof(struct tinynn_rows, weights) == 0 && offsetof(struct tinynn_rows, bias) == 4 &&
                   offsetof(struct tinynn_rows, channels) == 8 && offsetof(struct tinynn_rows, inputs) == 20 &&
                   offsetof(struct tinynn_rows, outputs) == 24 &&
                   offsetof(struct tinynn_rows, input_zero_point) == 28 &&
                   offsetof(struct tinynn_rows, output_zero_point) == 32 &&
                   offsetof(struct tinynn_rows, lowest) == 36 && offsetof(struct tinynn_rows, highest) == 40 &&
                   offsetof(struct tinynn_rows, widened) == 44,
               "as rows3.S has it");

/* All outputs of one row of inputs, two at a time. */
static __attribute__((noinline)) void multiply(const struct tinynn_rows *restrict p, const int8_t *restrict input,
                                               int8_t *restrict output, const tinynn_pair *wide,
                                               int32_t widened) {
  const int32_t inputs = p->inputs, outputs = p->outputs, eights = inputs & ~7, is_per_channel = p->is_per_channel;
  const int32_t *bias = p->bias;
  const int8_t *weights = p->weights;
  struct tinynn_rows2 rows = {.zeros = tinynn_twice(-p->input_zero_point)};
  struct scaling first = {row_right(p, 0), p->lowest, p->highest}, second = first;
  for (int32_t o = 0; o < outputs; o += 2) {
    const int32_t has_second = o + 1 < outputs;
    rows.x = wide;
    rows.a = weights;
    rows.b = weights + has_second * inputs;
    rows.sum_a = bias == NULL ? 0 : bias[o];
    rows.sum_b = bias == NULL ? 0 : bias[o + has_second];
    weights += 2 * inputs;
    if (widened > 0) {
      tinynn_rows2_wide_dsp(&rows, widened);
    }
    rows.x = input + widened;
    if (eights > widened) {
      tinynn_rows2_narrow_dsp(&rows, eights - widened);
    }
    if (inputs > eights) {
      add_rest(&rows, inputs - eights, p->input_zero_point);
    }
    if (is_per_channel) {
      first.right = row_right(p, o);
      second.right = row_right(p, o + has_second);
    }
    output[o] = output_of(rows.sum_a, &first);
    if (has_second) {
      output[o + 1] = output_of(rows.sum_b, &second);
    }
  }
}

static __attribute__((noinline)) void multiply_batches(const struct tinynn_rows *restrict p,
                                                       const int8_t *restrict input, int8_t *restrict output,
                                                       void *restrict scratch, int32_t widened) {
  const int32_t with_threes = is_simple(p);
  for (int32_t n = 0; n < p->batches; ++n) {
    if (!p->is_widened) {
      widen(input, widened, tinynn_twice(-p->input_zero_point), scratch);
    }
    if (with_threes) {
      tinynn_rows3_dsp(p, input, output, scratch);
    } else {
      multiply(p, input, output, scratch, widened);
    }
    input += p->inputs;
    output += p->outputs;
  }
}

/* Nothing of it is left on the stack when the others run. */
void tinynn_rows_dsp(const struct tinynn_rows *restrict p, const int8_t *restrict input, int8_t *restrict output,
                     void *restrict scratch) {
  const int32_t eights = p->inputs & ~7;
  const int32_t widened = p->widened < eights ? p->widened : eights;
  if (p->inputs % 4 != 0 || ((uintptr_t)p->weights | (uintptr_t)input) % 4 != 0) {
    tinynn_rows_c(p, input, output, scratch);
    return;
  }
  if (p->batches != 1 || !is_simple(p)) {
    multiply_batches(p, input, output, scratch, widened);
    return;
  }
  if (!p->is_widened) {
    widen(input, widened, tinynn_twice(-p->input_zero_point), scratch);
  }
  tinynn_rows3_dsp(p, input, output, scratch);
}

#endif
