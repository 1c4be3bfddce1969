/* See tinyi/move.h. */
#include "tinyi/move.h"

void tinyi_move_axis(struct tinyi_context *context, struct tinyi_move *move, int32_t size, int32_t input_stride,
                     int32_t output_stride) {
  const int32_t last = move->axes - 1;
  if (size == 1) {
    return;
  }
  if (last >= 0 && move->input_strides[last] == size * input_stride &&
      move->output_strides[last] == size * output_stride) {
    move->shape[last] *= size;
    move->input_strides[last] = input_stride;
    move->output_strides[last] = output_stride;
    return;
  }
  if (move->axes == TINYNN_AXES - 1) { /* one is for the bytes of an element */
    tinyi_fail(&context->file, TINYI_UNSUPPORTED);
    return;
  }
  move->shape[move->axes] = size;
  move->input_strides[move->axes] = input_stride;
  move->output_strides[move->axes] = output_stride;
  ++move->axes;
}

void tinyi_move(struct tinyi_context *context, const struct tinyi_move *move, const struct tinyi_tensor *input,
                const struct tinyi_tensor *output) {
  if (!tinyi_computes(context)) {
    return;
  }
  const int32_t bytes = output->element_bytes;
  struct tinyi_move inner = *move;
  for (int32_t i = 0; i < inner.axes; ++i) {
    inner.input_strides[i] *= bytes;
    inner.output_strides[i] *= bytes;
  }
  tinyi_move_axis(context, &inner, bytes, 1, 1);
  struct tinynn_move p;
  const int32_t front = TINYNN_AXES - inner.axes;
  for (int32_t i = 0; i < TINYNN_AXES; ++i) {
    const int32_t axis = i - front;
    p.shape[i] = axis < 0 ? 1 : inner.shape[axis];
    p.input_strides[i] = axis < 0 ? 0 : inner.input_strides[axis];
    p.output_strides[i] = axis < 0 ? 0 : inner.output_strides[axis];
  }
  tinynn_move_ref(&p, input->data + move->from * bytes, output->data + move->to * bytes);
}

void tinyi_fill(const struct tinyi_context *context, const struct tinyi_tensor *output, int32_t value) {
  if (tinyi_computes(context)) {
    const struct tinynn_fill p = {output->elements * output->element_bytes, value};
    tinynn_fill_ref(&p, output->data);
  }
}
