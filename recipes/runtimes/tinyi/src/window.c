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

void tinyi_note_work(struct tinyi_context *context, int32_t elements, int32_t each) {
  const uint64_t units = (uint64_t)elements * (uint64_t)each / TINYI_WORK_UNIT;
  context->work += units < TINYI_MAX_WORK ? (uint32_t)units : TINYI_MAX_WORK;
  tinyi_require(context, context->work < TINYI_MAX_WORK, TINYI_UNSUPPORTED);
}
