/* TRANSPOSE, SLICE, STRIDED_SLICE: elements of the input at regular places. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Fields of the schema's StridedSliceOptions. */
enum { BEGIN_MASK = 0, END_MASK = 1, ELLIPSIS_MASK = 2, NEW_AXIS_MASK = 3, SHRINK_AXIS_MASK = 4, OFFSET = 5 };

/* The whole input. */
static void begin(const struct tinyi_tensor *input, struct tinynn_gather *p) {
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    p->shape[i] = input->shape[i];
    p->strides[i] = tinyi_inner(input, i);
  }
  p->offset = 0;
}

/* Along one axis only `count` elements, every step-th; all of them lie inside. */
static void narrow(struct tinynn_gather *p, int32_t axis, int32_t first, int32_t count, int32_t step) {
  p->offset += first * p->strides[axis];
  p->shape[axis] = count;
  p->strides[axis] = count == 1 ? 0 : p->strides[axis] * step;
}

static void compute(struct tinyi_visit *visit, const struct tinynn_gather *p, const struct tinyi_tensor *input,
                    const struct tinyi_tensor *output) {
  if (visit->file.status == TINYI_OK && visit->lives == NULL) {
    tinynn_gather_ref(p, input->data, output->data);
  }
}

void tinyi_transpose(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  struct tinynn_gather p;
  int32_t count = 0, seen = 0;
  tinyi_moved(visit, &input, &output);
  const int32_t *order = tinyi_list(visit, 1, &count);
  tinyi_require(visit, count == input.rank && output.rank == input.rank, TINYI_UNSUPPORTED);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  begin(&input, &p);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t to = TINYNN_RANK - count + i, from = tinyi_axis(visit, &input, order[i]);
    p.shape[to] = input.shape[from];
    p.strides[to] = tinyi_inner(&input, from);
    tinyi_require(visit, (seen >> from & 1) == 0 && output.shape[to] == p.shape[to], TINYI_UNSUPPORTED);
    seen |= 1 << from;
  }
  compute(visit, &p, &input, &output);
}

void tinyi_slice(struct tinyi_visit *visit) {
  struct tinyi_tensor input, output;
  struct tinynn_gather p;
  int32_t count = 0, sizes = 0;
  tinyi_moved(visit, &input, &output);
  const int32_t *first = tinyi_list(visit, 1, &count);
  const int32_t *size = tinyi_list(visit, 2, &sizes);
  tinyi_require(visit, count == input.rank && sizes == count && output.rank == count, TINYI_UNSUPPORTED);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  begin(&input, &p);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t axis = TINYNN_RANK - count + i, all = input.shape[axis];
    const int32_t wanted = size[i] == -1 ? all - first[i] : size[i];
    tinyi_require(visit,
                  first[i] >= 0 && first[i] < all && wanted >= 1 && wanted <= all - first[i] &&
                      output.shape[axis] == wanted,
                  TINYI_UNSUPPORTED);
    if (visit->file.status != TINYI_OK) {
      return;
    }
    narrow(&p, axis, first[i], wanted, 1);
  }
  compute(visit, &p, &input, &output);
}

/* A bound as Python's slices have it: negative ones count from the end, and none leads outside. */
static int32_t bound(int32_t value, int32_t size, int32_t is_down) {
  value = value < 0 ? value + size : value;
  const int32_t least = is_down ? -1 : 0, most = is_down ? size - 1 : size;
  return value < least ? least : value > most ? most : value;
}

void tinyi_strided_slice(struct tinyi_visit *visit) {
  struct tinyi_file *file = &visit->file;
  struct tinyi_tensor input, output;
  struct tinynn_gather p;
  const int32_t *lists[3]; /* begin, end, step */
  int32_t counts[3] = {0, 0, 0}, elements = 1;
  tinyi_moved(visit, &input, &output);
  for (uint32_t i = 0; i < 3; ++i) {
    lists[i] = tinyi_list(visit, i + 1, &counts[i]);
  }
  const int32_t masks[] = {tinyi_int(file, &visit->options, BEGIN_MASK, 0),
                           tinyi_int(file, &visit->options, END_MASK, 0),
                           tinyi_int(file, &visit->options, SHRINK_AXIS_MASK, 0)};
  tinyi_require(visit,
                counts[0] <= input.rank && counts[1] == counts[0] && counts[2] == counts[0] &&
                    tinyi_int(file, &visit->options, ELLIPSIS_MASK, 0) == 0 &&
                    tinyi_int(file, &visit->options, NEW_AXIS_MASK, 0) == 0 &&
                    tinyi_byte(file, &visit->options, OFFSET) == 0,
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
    tinyi_require(visit, first >= 0 && step != 0 && step >= -TINYI_MAX_SIZE && step <= TINYI_MAX_SIZE && distance >= 1,
                  TINYI_UNSUPPORTED);
    if (file->status != TINYI_OK) {
      return;
    }
    narrow(&p, axis, first, (distance - 1) / (is_down ? -step : step) + 1, step);
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    elements *= p.shape[i];
  }
  tinyi_require(visit, elements == output.elements, TINYI_UNSUPPORTED);
  compute(visit, &p, &input, &output);
}
