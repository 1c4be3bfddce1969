/* PAD, PADV2. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

enum { PADDINGS = 1, VALUE = 2 };

void tinyi_pad(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_pad p;
  int32_t count = 0;
  tinyi_read_unary_alike(context, &input, &output);
  const int32_t *paddings = tinyi_read_list(context, PADDINGS, &count);
  tinyi_require(context, input.rank == output.rank && count == 2 * input.rank, TINYI_UNSUPPORTED);
  p.value = output.zero_point;
  if (context->inputs.count > VALUE && context->file.status == TINYI_OK) {
    struct tinyi_tensor value;
    tinyi_read_activation(context, &context->inputs, VALUE, &value);
    tinyi_require(context, value.is_constant && value.elements == 1 && tinyi_has_same_quantisation(&value, &output),
                  TINYI_UNSUPPORTED);
    p.value = context->file.status == TINYI_OK ? value.data[0] : 0;
  }
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t front = TINYNN_RANK - input.rank;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    const int32_t before = i < front ? 0 : paddings[2 * (i - front)],
                  after = i < front ? 0 : paddings[2 * (i - front) + 1];
    p.input_shape[i] = input.shape[i];
    p.output_shape[i] = output.shape[i];
    p.before[i] = before;
    tinyi_require(context,
                  before >= 0 && before <= TINYI_MAX_SIZE && after >= 0 && after <= TINYI_MAX_SIZE &&
                      before + input.shape[i] + after == output.shape[i],
                  TINYI_UNSUPPORTED);
  }
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    tinynn_pad_ref(&p, input.data, output.data);
  }
}
