/* A window along one axis, and the work of all its positions: see tinyi_check_window. The formulas are TFLite's
 * (kernels/padding.h). */
#include "tinyi/window.h"

__attribute__((noinline)) void tinyi_check_window(struct tinyi_context *context, struct tinyi_axis *axis,
                                                  int32_t padding) {
  axis->pad = 0;
  tinyi_require(context,
                axis->kernel >= 1 && axis->kernel <= TINYI_MAX_SIZE && axis->stride >= 1 &&
                    axis->stride <= TINYI_MAX_STRIDE && axis->dilation >= 1 && axis->dilation <= TINYI_MAX_STRIDE &&
                    (padding & ~1) == 0,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t reach = (axis->kernel - 1) * axis->dilation + 1;
  const int32_t positions = padding == 0 ? axis->input : axis->input - reach + 1;
  if (positions < 1 || axis->output != (positions + axis->stride - 1) / axis->stride) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
    return;
  }
  const int32_t missing = (axis->output - 1) * axis->stride + reach - axis->input;
  axis->pad = padding == 0 && missing > 0 ? missing / 2 : 0;
}

struct tinyi_window tinyi_read_window(struct tinyi_context *context, const int32_t *given, const int32_t *kernel,
                                      const int32_t *made, uint32_t dilation) {
  enum { PADDING = 0, STRIDE_W = 1, STRIDE_H = 2 };
  struct tinyi_file *file = &context->file;
  const struct tinyi_table *options = &context->options;
  const int32_t padding = tinyi_byte(file, options, PADDING);
  struct tinyi_window window = {
      {given[0], made[0], kernel[0], tinyi_int(file, options, STRIDE_H, 0),
       dilation == 0 ? 1 : tinyi_int(file, options, dilation + 1, 1), 0},
      {given[1], made[1], kernel[1], tinyi_int(file, options, STRIDE_W, 0),
       dilation == 0 ? 1 : tinyi_int(file, options, dilation, 1), 0},
  };
  tinyi_check_window(context, &window.y, padding);
  tinyi_check_window(context, &window.x, padding);
  return window;
}

/* Steps along an axis up to position `i` of the window, in bytes that are written there, less those in front of it that
 * aren't read any more. */
static inline int32_t ahead(const struct tinyi_axis *axis, int32_t read, int32_t written, int32_t i) {
  const int32_t first = i * axis->stride - axis->pad;
  return i * written - (first > 0 ? first * read : 0);
}

/* The most of that up to position `last`: it rises until the window leaves the padding, from then on evenly. */
static int32_t most_ahead(const struct tinyi_axis *axis, int32_t read, int32_t written, int32_t last) {
  const int32_t inside = axis->pad / axis->stride, leaving = inside < last ? inside : last;
  const int32_t behind = leaving < last ? leaving + 1 : last;
  const int32_t a = ahead(axis, read, written, leaving), b = ahead(axis, read, written, behind);
  const int32_t c = ahead(axis, read, written, last);
  return a > b ? (a > c ? a : c) : (b > c ? b : c);
}

int32_t tinyi_lead(const struct tinyi_axis *y, const struct tinyi_axis *x, int32_t read, int32_t written,
                   int32_t at_once) {
  const int32_t last = y->output * x->output - at_once; /* the pixel with which the last ones are written */
  const int32_t row = last / x->output, read_row = x->input * read, written_row = x->output * written;
  if (last < 0 || (row + 1 < y->output && (row + 1) * y->stride <= y->pad)) { /* the first row is read later */
    return y->output * x->output * written;
  }
  int32_t most = ahead(y, read_row, written_row, row) + most_ahead(x, read, written, last % x->output);
  if (row > 0) {
    const int32_t above = most_ahead(y, read_row, written_row, row - 1) + most_ahead(x, read, written, x->output - 1);
    most = above > most ? above : most;
  }
  return most + at_once * written;
}

void tinyi_note_walk(struct tinyi_context *context, const struct tinyi_axis *y, const struct tinyi_axis *x,
                     int32_t read, int32_t written, int32_t at_once) {
  enum { LARGEST = 1 << 26 /* bytes: more than any arena has */ };
  const int64_t input = (int64_t)(y->input * x->input) * read, output = (int64_t)(y->output * x->output) * written;
  const int64_t saved = input < output ? input : output, more = context->scratch_most - context->scratch_least;
  if (input <= LARGEST && output <= LARGEST && more <= saved + (input + output + context->scratch_least) / 16 * 3) {
    context->in_place = 1;
    context->walk = 0;
    context->lead = tinyi_lead(y, x, read, written, at_once);
  }
}

void tinyi_note_work(struct tinyi_context *context, int32_t elements, int32_t each) {
  const uint64_t units = (uint64_t)elements * (uint64_t)each / TINYI_WORK_UNIT;
  context->work += units < TINYI_MAX_WORK ? (uint32_t)units : TINYI_MAX_WORK;
  tinyi_require(context, context->work < TINYI_MAX_WORK, TINYI_UNSUPPORTED);
}
