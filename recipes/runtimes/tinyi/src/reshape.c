/* RESHAPE, SQUEEZE, EXPAND_DIMS: the output has the input's bytes. A constant's are copied to RAM. */
#include <string.h>

#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Set-up: the output, noted already, is no more than another name of the input. */
static __attribute__((noinline)) void note_view(struct tinyi_context *context) {
  const int32_t from = tinyi_index(context, &context->inputs, 0), to = tinyi_index(context, &context->outputs, 0);
  uint16_t *numbers = context->model->places;
  struct tinyi_lifetime *view = &context->lifetimes[numbers[to]];
  view->size = 0;
  view->place = TINYI_UNPLACED;
  numbers[to] = numbers[from];
}

void tinyi_share(struct tinyi_context *context, const struct tinyi_tensor *input, const struct tinyi_tensor *output) {
  tinyi_require(context, input->elements == output->elements, TINYI_DAMAGED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  if (context->lifetimes != NULL && !input->is_constant) {
    note_view(context);
  }
  if (context->lifetimes == NULL && input->is_constant) {
    memcpy(output->data, input->data, (size_t)output->elements * output->element_bytes);
  }
}

void tinyi_reshape(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_unary(context, &input, &output);
  tinyi_share(context, &input, &output);
}

void tinyi_reshape_any(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_unary_alike(context, &input, &output);
  tinyi_share(context, &input, &output);
}
