/* Two inputs of different shapes: a dimension of 1 is repeated. */
#include "tinyi/shapes.h"

void tinyi_broadcast_strides(struct tinyi_context *context, const struct tinyi_tensor *input,
                             const struct tinyi_tensor *output, int32_t *strides) {
  int32_t step = 1;
  for (int32_t i = TINYNN_RANK - 1; i >= 0; --i) {
    const int32_t size = input->shape[i];
    tinyi_require(context, size == 1 || size == output->shape[i], TINYI_UNSUPPORTED);
    strides[i] = size == 1 ? 0 : step;
    step *= size;
  }
}

/* Axis `from` goes to `to`, which it may be. */
static void move(struct tinynn_broadcast *broadcast, int32_t from, int32_t to) {
  broadcast->shape[to] = broadcast->shape[from];
  broadcast->left_strides[to] = broadcast->left_strides[from];
  broadcast->right_strides[to] = broadcast->right_strides[from];
}

/* Whether one step of the outer axis is as far as the whole inner one: both can be one axis. */
static int32_t is_one(const struct tinynn_broadcast *broadcast, int32_t outer, int32_t inner) {
  const int32_t size = broadcast->shape[inner];
  return broadcast->left_strides[outer] == size * broadcast->left_strides[inner] &&
         broadcast->right_strides[outer] == size * broadcast->right_strides[inner];
}

void tinyi_broadcast(struct tinyi_context *context, const struct tinyi_tensor *left, const struct tinyi_tensor *right,
                     const struct tinyi_tensor *output, struct tinynn_broadcast *broadcast) {
  tinyi_broadcast_strides(context, left, output, broadcast->left_strides);
  tinyi_broadcast_strides(context, right, output, broadcast->right_strides);
  int32_t kept = TINYNN_RANK; /* the axes from here on are done; the first of them may still grow */
  for (int32_t i = TINYNN_RANK - 1; i >= 0; --i) {
    broadcast->shape[i] = output->shape[i];
    if (broadcast->shape[i] == 1) {
      continue;
    }
    if (kept < TINYNN_RANK && is_one(broadcast, i, kept)) {
      broadcast->shape[kept] *= broadcast->shape[i];
    } else {
      move(broadcast, i, --kept);
    }
  }
  while (kept > 0) {
    broadcast->shape[--kept] = 1;
    broadcast->left_strides[kept] = 0;
    broadcast->right_strides[kept] = 0;
  }
}

int32_t tinyi_read_binary_int16(struct tinyi_context *context, struct tinyi_tensor *left, struct tinyi_tensor *right,
                                struct tinyi_tensor *output, struct tinynn_broadcast *broadcast) {
  tinyi_read_form(context, &context->inputs, 0, TINYI_INT16, left);
  tinyi_read_form(context, &context->inputs, 1, TINYI_INT16, right);
  tinyi_read_form(context, &context->outputs, 0, TINYI_INT16, output);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const int32_t is_plain = left->elements == output->elements && right->elements == output->elements;
  context->in_place = is_plain ? 3 : 0;
  if (!is_plain) {
    tinyi_broadcast(context, left, right, output, broadcast);
  }
  return is_plain;
}
