/* Two inputs of different shapes: a dimension of 1 is repeated. */
#include "tinyi/shapes.h"

static void set_strides(struct tinyi_visit *visit, const struct tinyi_tensor *input, const struct tinyi_tensor *output,
                        int32_t *strides) {
  int32_t step = 1;
  for (int32_t i = TINYNN_RANK - 1; i >= 0; --i) {
    const int32_t size = input->shape[i];
    tinyi_require(visit, size == 1 || size == output->shape[i], TINYI_UNSUPPORTED);
    strides[i] = size == 1 ? 0 : step;
    step *= size;
  }
}

void tinyi_broadcast(struct tinyi_visit *visit, const struct tinyi_tensor *left, const struct tinyi_tensor *right,
                     const struct tinyi_tensor *output, struct tinynn_broadcast *broadcast) {
  set_strides(visit, left, output, broadcast->left_strides);
  set_strides(visit, right, output, broadcast->right_strides);
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    broadcast->shape[i] = output->shape[i];
  }
}
