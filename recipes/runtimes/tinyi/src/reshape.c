/* RESHAPE, SQUEEZE, EXPAND_DIMS: the output has the input's bytes. A constant's are copied to RAM. */
#include <string.h>

#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Set-up: the output, noted already, is no more than another name of the input. */
static void note_view(struct tinyi_visit *visit) {
  const int32_t from = tinyi_index(visit, &visit->inputs, 0), to = tinyi_index(visit, &visit->outputs, 0);
  uint16_t *numbers = visit->model->places;
  struct tinyi_life *view = &visit->lives[numbers[to]];
  view->size = 0;
  view->place = TINYI_UNPLACED;
  numbers[to] = numbers[from];
}

void tinyi_reshape(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  tinyi_read_unary(visit, &input, &output);
  tinyi_require(visit, input.elements == output.elements, TINYI_DAMAGED);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  if (visit->lives != NULL && !input.is_constant) {
    note_view(visit);
  }
  if (visit->lives == NULL && input.is_constant) {
    memcpy(output.data, input.data, (size_t)output.elements);
  }
}
