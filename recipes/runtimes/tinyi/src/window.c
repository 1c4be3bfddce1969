/* A window along one axis, and the work of all its positions: see tinyi_check_window. The formulas are TFLite's
 * (kernels/padding.h). */
#include "tinyi/window.h"

void tinyi_check_window(struct tinyi_context *context, struct tinyi_axis *axis, int32_t padding) {
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

void tinyi_note_work(struct tinyi_context *context, int32_t elements, int32_t each) {
  const uint64_t units = (uint64_t)elements * (uint64_t)each / TINYI_WORK_UNIT;
  context->work += units < TINYI_MAX_WORK ? (uint32_t)units : TINYI_MAX_WORK;
  tinyi_require(context, context->work < TINYI_MAX_WORK, TINYI_UNSUPPORTED);
}
