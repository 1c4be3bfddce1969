/* Set-up: which operators read and write each tensor. */
#include "tinyi/context.h"

/* Each tensor is written once; an input of the graph counts as written by the first operator. Those that there is no
 * room for are counted, and take the first one's entry: this set-up will fail. */
void tinyi_note_written(struct tinyi_context *context, uint32_t index, uint32_t bytes) {
  uint16_t *number = &context->model->places[index];
  if (*number != TINYI_UNWRITTEN) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
    return;
  }
  *number = context->written < context->room ? (uint16_t)context->written : 0;
  struct tinyi_lifetime *lifetime = &context->lifetimes[*number];
  ++context->written;
  lifetime->size = bytes;
  lifetime->first = (uint16_t)context->node;
  lifetime->last = (uint16_t)context->node;
  lifetime->over = TINYI_NONE;
}

void tinyi_note_read(struct tinyi_context *context, uint32_t index) {
  const uint32_t number = context->model->places[index];
  if (number >= TINYI_CONSTANT) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
    return;
  }
  context->lifetimes[number].last = (uint16_t)context->node;
}

uint32_t tinyi_plan_input(struct tinyi_context *context, uint32_t position) {
  const struct tinyi_vector *inputs = &context->inputs;
  const uint32_t index = position < inputs->count ? tinyi_word(&context->file, inputs->at + 4 * position) : UINT32_MAX;
  if (index >= context->model->tensors.count) {
    tinyi_fail(&context->file, TINYI_DAMAGED);
    return 0;
  }
  uint16_t *number = &context->model->places[index];
  if (*number >= TINYI_CONSTANT) {
    *number = TINYI_CONSTANT;
    return 0;
  }
  struct tinyi_lifetime *lifetime = &context->lifetimes[*number];
  lifetime->last = (uint16_t)context->node;
  return lifetime->size;
}
