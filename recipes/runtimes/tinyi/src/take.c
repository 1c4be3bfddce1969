/* GATHER, GATHER_ND, EMBEDDING_LOOKUP, SELECT_V2: elements chosen by values; SHAPE and RANK: numbers of a shape. */
#include "tinyi/move.h"
#include "tinyi/operators.h"

/* Fields of the schema's GatherOptions. */
enum { AXIS = 0, BATCH_DIMS = 1 };

static int32_t product(const int32_t *shape, int32_t from, int32_t to) {
  int32_t elements = 1;
  for (int32_t i = from; i < to; ++i) {
    elements *= shape[i];
  }
  return elements;
}

/* What is chosen from, indices of int32, the output; whether all are sound. */
static int32_t read(struct tinyi_context *context, uint32_t main, struct tinyi_tensor *input,
                    struct tinyi_tensor *indices, struct tinyi_tensor *output) {
  tinyi_read_any(context, &context->inputs, main, input);
  tinyi_read_any(context, &context->inputs, 1 - main, indices);
  tinyi_read_any(context, &context->outputs, 0, output);
  tinyi_require(context, indices->type == TINYI_INT32 && tinyi_is_alike(input, output), TINYI_UNSUPPORTED);
  return context->file.status == TINYI_OK;
}

/* Along `axis` of the input's shape, behind `batches` axes that the indices have, too; both count from rank's begin. */
static void take(struct tinyi_context *context, const struct tinyi_tensor *input, const struct tinyi_tensor *indices,
                 const struct tinyi_tensor *output, int32_t axis, int32_t batches) {
  const int32_t *shape = input->shape + TINYNN_RANK - input->rank, rank = input->rank;
  tinyi_require(context, batches >= 0 && batches <= axis && axis < rank && batches <= indices->rank,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  struct tinynn_take p = {.batches = product(shape, 0, batches),
                          .rows = product(shape, batches, axis),
                          .size = shape[axis],
                          .bytes = product(shape, axis + 1, rank)};
  p.indices = indices->elements / p.batches;
  const uint64_t made = (uint64_t)(p.batches * p.rows) * (uint64_t)p.indices * (uint64_t)p.bytes;
  tinyi_require(context, indices->elements == p.indices * p.batches && made == (uint64_t)output->elements,
                TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    p.bytes *= input->element_bytes;
    tinynn_take_ref(&p, input->data, indices->data, output->data);
  }
}

void tinyi_gather(struct tinyi_context *context) {
  struct tinyi_tensor input, indices, output;
  if (read(context, 0, &input, &indices, &output)) {
    const int32_t axis = tinyi_int(&context->file, &context->options, AXIS, 0);
    const int32_t batches = tinyi_int(&context->file, &context->options, BATCH_DIMS, 0);
    take(context, &input, &indices, &output, axis < 0 ? axis + input.rank : axis,
         batches < 0 ? batches + indices.rank : batches);
  }
}

void tinyi_embedding_lookup(struct tinyi_context *context) {
  struct tinyi_tensor input, indices, output;
  if (read(context, 1, &input, &indices, &output)) {
    take(context, &input, &indices, &output, 0, 0);
  }
}

void tinyi_gather_nd(struct tinyi_context *context) {
  struct tinyi_tensor input, indices, output;
  if (!read(context, 0, &input, &indices, &output)) {
    return;
  }
  const int32_t *shape = input.shape + TINYNN_RANK - input.rank, axes = indices.shape[TINYNN_RANK - 1];
  tinyi_require(context, indices.rank >= 1 && axes <= input.rank, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  struct tinynn_take_nd p = {
      .indices = indices.elements / axes, .axes = axes, .bytes = product(shape, axes, input.rank)};
  for (int32_t i = 0; i < axes; ++i) {
    p.shape[i] = shape[i];
  }
  tinyi_require(context, (uint64_t)p.indices * (uint64_t)p.bytes == (uint64_t)output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    p.bytes *= input.element_bytes;
    tinynn_take_nd_ref(&p, input.data, indices.data, output.data);
  }
}

void tinyi_select(struct tinyi_context *context) {
  struct tinyi_tensor condition, left, right, output;
  struct tinynn_select p;
  tinyi_read_any(context, &context->inputs, 0, &condition);
  tinyi_read_any(context, &context->inputs, 1, &left);
  tinyi_read_any(context, &context->inputs, 2, &right);
  tinyi_read_any(context, &context->outputs, 0, &output);
  tinyi_require(context,
                condition.type == TINYI_BOOL && tinyi_is_alike(&left, &output) && tinyi_is_alike(&right, &output),
                TINYI_UNSUPPORTED);
  p.bytes = output.element_bytes;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p.broadcast.shape[i] = output.shape[i];
  }
  tinyi_broadcast_strides(context, &condition, &output, p.condition_strides);
  tinyi_broadcast_strides(context, &left, &output, p.broadcast.left_strides);
  tinyi_broadcast_strides(context, &right, &output, p.broadcast.right_strides);
  if (tinyi_computes(context)) {
    tinynn_select_ref(&p, condition.data, left.data, right.data, output.data);
  }
}

/* Numbers of 32 bits into a tensor of int32 or int64. */
static void tell(struct tinyi_context *context, const struct tinyi_tensor *output, const int32_t *numbers,
                 int32_t count) {
  const int32_t is_wide = output->type == TINYI_INT64;
  tinyi_require(context, (is_wide || output->type == TINYI_INT32) && output->elements == count, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    int32_t *words = (int32_t *)(void *)output->data;
    for (int32_t i = 0; i < count; ++i) {
      *words++ = numbers[i];
      if (is_wide) {
        *words++ = 0; /* none is negative */
      }
    }
  }
}

void tinyi_shape(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_any(context, &context->inputs, 0, &input);
  tinyi_read_any(context, &context->outputs, 0, &output);
  tell(context, &output, input.shape + TINYNN_RANK - input.rank, input.rank);
}

void tinyi_rank(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_any(context, &context->inputs, 0, &input);
  tinyi_read_any(context, &context->outputs, 0, &output);
  const int32_t rank = input.rank;
  tell(context, &output, &rank, 1);
}
