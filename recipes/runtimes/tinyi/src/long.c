/* RESHAPE and TRANSPOSE of tensors with more axes than those of other operators: what takes pictures apart into blocks,
 * and puts them together again. */
#include "tinyi/move.h"
#include "tinyi/operators.h"

void tinyi_reshape_long(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinyi_vector shape;
  tinyi_read_long(context, &context->inputs, &input, &shape);
  tinyi_read_long(context, &context->outputs, &output, &shape);
  tinyi_require(context, tinyi_is_alike(&input, &output), TINYI_UNSUPPORTED);
  tinyi_share(context, &input, &output);
}

/* Each axis of the output, the outermost first, with its step in the input. */
void tinyi_transpose_long(struct tinyi_context *context) {
  const struct tinyi_file *file = &context->file;
  struct tinyi_tensor input, output;
  struct tinyi_vector from, to;
  struct tinyi_move move = {.from = 0};
  int32_t count, strides[TINYI_MAX_RANK], seen = 0;
  tinyi_read_long(context, &context->inputs, &input, &from);
  tinyi_read_long(context, &context->outputs, &output, &to);
  const int32_t *order = tinyi_read_list(context, 1, &count);
  tinyi_require(context, tinyi_is_alike(&input, &output) && count == input.rank && count == output.rank,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  for (int32_t i = count - 1, stride = 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= (int32_t)tinyi_word(file, from.at + 4 * (uint32_t)i);
  }
  int32_t step = output.elements;
  for (int32_t i = 0; i < count && context->file.status == TINYI_OK; ++i) {
    const int32_t axis = order[i] < 0 ? order[i] + count : order[i];
    if (axis < 0 || axis >= count || (seen >> axis & 1) != 0) {
      tinyi_fail(&context->file, TINYI_UNSUPPORTED);
      return;
    }
    const int32_t size = (int32_t)tinyi_word(file, from.at + 4 * (uint32_t)axis);
    tinyi_require(context, (int32_t)tinyi_word(file, to.at + 4 * (uint32_t)i) == size, TINYI_UNSUPPORTED);
    seen |= 1 << axis;
    step /= size;
    tinyi_move_axis(context, &move, size, strides[axis], step);
  }
  tinyi_move(context, &move, &input, &output);
}
