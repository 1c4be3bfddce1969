/* Set-up: which operators read and write each tensor. */
#include "tinyi/visit.h"

/* Each is written once: by the first operator, as it were, where it is an input of the graph. */
void tinyi_note_written(struct tinyi_visit *visit, uint32_t index, uint32_t bytes) {
  struct tinyi_life *life = &visit->lives[index];
  if (life->first != TINYI_UNWRITTEN) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return;
  }
  life->size = bytes;
  life->first = (uint16_t)visit->node;
  life->last = (uint16_t)visit->node;
  life->owner = (uint16_t)index;
  visit->lives[visit->written++].written = (uint16_t)index;
}

void tinyi_note_read(struct tinyi_visit *visit, uint32_t index) {
  struct tinyi_life *life = &visit->lives[index];
  if (life->first >= TINYI_CONSTANT) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return;
  }
  visit->lives[life->owner].last = (uint16_t)visit->node;
}

uint32_t tinyi_plan_input(struct tinyi_visit *visit, uint32_t position) {
  const int32_t index = tinyi_index(visit, &visit->inputs, position);
  if (index < 0) {
    tinyi_fail(&visit->file, TINYI_DAMAGED);
    return 0;
  }
  struct tinyi_life *life = &visit->lives[index];
  if (life->first >= TINYI_CONSTANT) {
    life->first = TINYI_CONSTANT;
    return 0;
  }
  visit->lives[life->owner].last = (uint16_t)visit->node;
  return life->size;
}
