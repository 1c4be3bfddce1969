/* Set-up: which operators read and write each tensor. */
#include "tinyi/visit.h"

/* Each is written once: by the first operator, as it were, where it is an input of the graph. Those that there is no room
 * for are counted; the first one stands in for them, since nothing comes of this set-up. */
void tinyi_note_written(struct tinyi_visit *visit, uint32_t index, uint32_t bytes) {
  uint16_t *number = &visit->model->places[index];
  if (*number != TINYI_UNWRITTEN) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return;
  }
  *number = visit->written < visit->room ? (uint16_t)visit->written : 0;
  struct tinyi_life *life = &visit->lives[*number];
  ++visit->written;
  life->size = bytes;
  life->first = (uint16_t)visit->node;
  life->last = (uint16_t)visit->node;
}

void tinyi_note_read(struct tinyi_visit *visit, uint32_t index) {
  const uint32_t number = visit->model->places[index];
  if (number >= TINYI_CONSTANT) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return;
  }
  visit->lives[number].last = (uint16_t)visit->node;
}

uint32_t tinyi_plan_input(struct tinyi_visit *visit, uint32_t position) {
  const struct tinyi_vector *inputs = &visit->inputs;
  const uint32_t index = position < inputs->count ? tinyi_word(&visit->file, inputs->at + 4 * position) : UINT32_MAX;
  if (index >= visit->model->tensors.count) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return 0;
  }
  uint16_t *number = &visit->model->places[index];
  if (*number >= TINYI_CONSTANT) {
    *number = TINYI_CONSTANT;
    return 0;
  }
  struct tinyi_life *life = &visit->lives[*number];
  life->last = (uint16_t)visit->node;
  return life->size;
}
