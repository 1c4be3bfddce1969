/* The type of a tensor, for operators that take several. */
#include "tinyi/visit.h"

/* Field of the schema's Tensor. */
enum { TENSOR_TYPE = 1 };

int32_t tinyi_type_of(struct tinyi_visit *visit, const struct tinyi_vector *vector, uint32_t position) {
  const int32_t index = tinyi_index(visit, vector, position);
  tinyi_require(visit, index >= 0, TINYI_DAMAGED);
  if (index < 0) {
    return TINYI_INT8;
  }
  const struct tinyi_table table = tinyi_element(&visit->file, &visit->model->tensors, (uint32_t)index);
  return tinyi_byte(&visit->file, &table, TENSOR_TYPE);
}
