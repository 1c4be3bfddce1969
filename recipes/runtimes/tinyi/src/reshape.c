/* RESHAPE, SQUEEZE, EXPAND_DIMS: the output has the input's bytes. A constant's are copied to RAM. */
#include <string.h>

#include "tinyi/operators.h"

void tinyi_reshape(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  tinyi_activation(visit, &visit->inputs, 0, &input);
  tinyi_activation(visit, &visit->outputs, 0, &output);
  tinyi_require(visit, input.elements == output.elements, TINYI_DAMAGED);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  if (visit->lives != NULL && !input.is_constant) {
    tinyi_note_view(visit);
  }
  if (visit->lives == NULL && input.is_constant) {
    memcpy(output.data, input.data, (size_t)output.elements);
  }
}
