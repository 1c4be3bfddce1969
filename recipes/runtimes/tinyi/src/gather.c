/* TRANSPOSE, SLICE, STRIDED_SLICE: elements of the input at regular places. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Fields of the schema's StridedSliceOptions. */
enum { BEGIN_MASK = 0, END_MASK = 1, ELLIPSIS_MASK = 2, NEW_AXIS_MASK = 3, SHRINK_AXIS_MASK = 4, OFFSET = 5 };

/* The whole input. */
static void begin(const struct tinyi_tensor *input, struct tinynn_gather *p) {
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p->shape[i] = input->shape[i];
    p->strides[i] = tinyi_axis_stride(input, i);
  }
  p->offset = 0;
}

/* Keep `count` elements along one axis, every step-th; all of them are inside. */
static void narrow(struct tinynn_gather *p, int32_t axis, int32_t first, int32_t count, int32_t step) {
  p->offset += first * p->strides[axis];
  p->shape[axis] = count;
  p->strides[axis] = count == 1 ? 0 : p->strides[axis] * step;
}

static void compute(struct tinyi_context *context, const struct tinynn_gather *p, const struct tinyi_tensor *input,
                    const struct tinyi_tensor *output) {
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    tinynn_gather_ref(p, input->data, output->data);
  }
}

void tinyi_transpose(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_gather p;
  int32_t count = 0, seen = 0;
  tinyi_read_unary_alike(context, &input, &output);
  const int32_t *order = tinyi_read_list(context, 1, &count);
  tinyi_require(context, count == input.rank && output.rank == input.rank, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  begin(&input, &p);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t to = TINYNN_RANK - count + i, from = tinyi_axis(context, &input, order[i]);
    p.shape[to] = input.shape[from];
    p.strides[to] = tinyi_axis_stride(&input, from);
    tinyi_require(context, (seen >> from & 1) == 0 && output.shape[to] == p.shape[to], TINYI_UNSUPPORTED);
    seen |= 1 << from;
  }
  compute(context, &p, &input, &output);
}

void tinyi_slice(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_gather p;
  int32_t count = 0, sizes = 0;
  tinyi_read_unary_alike(context, &input, &output);
  const int32_t *first = tinyi_read_list(context, 1, &count);
  const int32_t *size = tinyi_read_list(context, 2, &sizes);
  tinyi_require(context, count == input.rank && sizes == count && output.rank == count, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  begin(&input, &p);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t axis = TINYNN_RANK - count + i, all = input.shape[axis];
    const int32_t wanted = size[i] == -1 ? all - first[i] : size[i];
    tinyi_require(
        context,
        first[i] >= 0 && first[i] < all && wanted >= 1 && wanted <= all - first[i] && output.shape[axis] == wanted,
        TINYI_UNSUPPORTED);
    if (context->file.status != TINYI_OK) {
      return;
    }
    narrow(&p, axis, first[i], wanted, 1);
  }
  compute(context, &p, &input, &output);
}

/* A bound as Python's slices have it: negative ones count from the end, and none leads outside. */
static int32_t bound(int32_t value, int32_t size, int32_t is_down) {
  value = value < 0 ? value + size : value;
  const int32_t least = is_down ? -1 : 0, most = is_down ? size - 1 : size;
  return value < least ? least : value > most ? most : value;
}

void tinyi_strided_slice(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  struct tinyi_tensor input, output;
  struct tinynn_gather p;
  const int32_t *lists[3]; /* begin, end, step */
  int32_t counts[3] = {0, 0, 0}, elements = 1;
  tinyi_read_unary_alike(context, &input, &output);
  for (uint32_t i = 0; i < 3; ++i) {
    lists[i] = tinyi_read_list(context, i + 1, &counts[i]);
  }
  const int32_t masks[] = {tinyi_int(file, &context->options, BEGIN_MASK, 0),
                           tinyi_int(file, &context->options, END_MASK, 0),
                           tinyi_int(file, &context->options, SHRINK_AXIS_MASK, 0)};
  tinyi_require(context,
                counts[0] <= input.rank && counts[1] == counts[0] && counts[2] == counts[0] &&
                    tinyi_int(file, &context->options, ELLIPSIS_MASK, 0) == 0 &&
                    tinyi_int(file, &context->options, NEW_AXIS_MASK, 0) == 0 &&
                    tinyi_byte(file, &context->options, OFFSET) == 0,
                TINYI_UNSUPPORTED);
  if (file->status != TINYI_OK) {
    return;
  }
  begin(&input, &p);
  for (int32_t i = 0; i < counts[0]; ++i) {
    const int32_t axis = TINYNN_RANK - input.rank + i, size = input.shape[axis];
    const int32_t is_one = masks[2] >> i & 1, step = is_one ? 1 : lists[2][i], is_down = step < 0;
    int32_t first = bound(lists[0][i], size, is_down), last = bound(lists[1][i], size, is_down);
    if (is_one) {
      first = lists[0][i] < 0 ? lists[0][i] + size : lists[0][i];
      last = first + (first < size);
    } else {
      first = masks[0] >> i & 1 ? (is_down ? size - 1 : 0) : first;
      last = masks[1] >> i & 1 ? (is_down ? -1 : size) : last;
    }
    const int32_t distance = is_down ? first - last : last - first;
    tinyi_require(context,
                  first >= 0 && step != 0 && step >= -TINYI_MAX_SIZE && step <= TINYI_MAX_SIZE && distance >= 1,
                  TINYI_UNSUPPORTED);
    if (file->status != TINYI_OK) {
      return;
    }
    narrow(&p, axis, first, (distance - 1) / (is_down ? -step : step) + 1, step);
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    elements *= p.shape[i];
  }
  tinyi_require(context, elements == output.elements, TINYI_UNSUPPORTED);
  compute(context, &p, &input, &output);
}
