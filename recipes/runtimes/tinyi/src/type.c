/* The type of a tensor, for operators that take several. */
#include "tinyi/context.h"

/* Field of the schema's Tensor. */
enum { TENSOR_TYPE = 1 };

int32_t tinyi_type_of(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position) {
  const int32_t index = tinyi_index(context, vector, position);
  tinyi_require(context, index >= 0, TINYI_DAMAGED);
  if (index < 0) {
    return TINYI_INT8;
  }
  const struct tinyi_table table = tinyi_element(&context->file, &context->model->tensors, (uint32_t)index);
  return tinyi_byte(&context->file, &table, TENSOR_TYPE);
}
