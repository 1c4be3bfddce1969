/* PAD, PADV2. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

enum { PADDINGS = 1, VALUE = 2 };

void tinyi_pad(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  struct tinynn_pad p;
  int32_t count = 0;
  tinyi_moved(visit, &input, &output);
  const int32_t *paddings = tinyi_list(visit, PADDINGS, &count);
  tinyi_require(visit, input.rank == output.rank && count == 2 * input.rank, TINYI_UNSUPPORTED);
  p.value = output.zero_point;
  if (visit->inputs.count > VALUE && visit->file.status == TINYI_OK) {
    struct tinyi_tensor value;
    tinyi_activation(visit, &visit->inputs, VALUE, &value);
    tinyi_require(visit, value.is_constant && value.elements == 1 && tinyi_is_quantised_alike(&value, &output),
                  TINYI_UNSUPPORTED);
    p.value = visit->file.status == TINYI_OK ? value.data[0] : 0;
  }
  if (visit->file.status != TINYI_OK) {
    return;
  }
  const int32_t front = TINYNN_RANK - input.rank;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    const int32_t before = i < front ? 0 : paddings[2 * (i - front)], after = i < front ? 0 : paddings[2 * (i - front) + 1];
    p.input_shape[i] = input.shape[i];
    p.output_shape[i] = output.shape[i];
    p.before[i] = before;
    tinyi_require(visit,
                  before >= 0 && before <= TINYI_MAX_SIZE && after >= 0 && after <= TINYI_MAX_SIZE &&
                      before + input.shape[i] + after == output.shape[i],
                  TINYI_UNSUPPORTED);
  }
  if (visit->file.status == TINYI_OK && visit->lives == NULL) {
    tinynn_pad_ref(&p, input.data, output.data);
  }
}
