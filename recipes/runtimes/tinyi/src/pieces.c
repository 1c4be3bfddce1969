/* CONCATENATION and SPLIT: rows of bytes are copied piece by piece. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Fields of the schema's ConcatenationOptions. */
enum { AXIS = 0, ACTIVATION = 1 };
/* Inputs of SPLIT. */
enum { SPLIT_AXIS = 0, SPLIT_INPUT = 1 };

/* The whole tensor, and how far along its axis pieces have come. */
struct whole {
  struct tinyi_tensor tensor;
  int32_t axis, start;
};

/* Check the next piece; what its copying takes, and where in the whole it lies. */
static int32_t next(struct tinyi_visit *visit, struct whole *whole, const struct tinyi_tensor *piece,
                    struct tinynn_copy_rows *p) {
  const struct tinyi_tensor *tensor = &whole->tensor;
  const int32_t inner = tinyi_inner(tensor, whole->axis), size = piece->shape[whole->axis];
  tinyi_require(visit,
                tinyi_is_quantised_alike(piece, tensor) && tinyi_is_shaped_alike(piece, tensor, whole->axis) &&
                    size <= tensor->shape[whole->axis] - whole->start,
                TINYI_UNSUPPORTED);
  const int32_t pitch = inner * tensor->shape[whole->axis], at = whole->start * inner;
  p->rows = tensor->elements / pitch;
  p->bytes = inner * size;
  p->input_pitch = pitch;
  p->output_pitch = pitch;
  whole->start += size;
  return at;
}

/* All of it must have been met. */
static void end(struct tinyi_visit *visit, const struct whole *whole) {
  tinyi_require(visit, whole->start == whole->tensor.shape[whole->axis], TINYI_UNSUPPORTED);
}

void tinyi_concatenation(struct tinyi_visit *visit) {
  struct whole whole = {.start = 0};
  /* read before the output is written */
  for (uint32_t i = 0; visit->lives != NULL && i < visit->inputs.count; ++i) {
    tinyi_plan_input(visit, i);
  }
  tinyi_activation(visit, &visit->outputs, 0, &whole.tensor);
  tinyi_require(visit, tinyi_byte(&visit->file, &visit->options, ACTIVATION) == 0, TINYI_UNSUPPORTED);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  whole.axis = tinyi_axis(visit, &whole.tensor, tinyi_int(&visit->file, &visit->options, AXIS, 0));
  for (uint32_t i = 0; i < visit->inputs.count && visit->file.status == TINYI_OK; ++i) {
    struct tinyi_tensor input;
    struct tinynn_copy_rows p;
    tinyi_activation(visit, &visit->inputs, i, &input);
    if (visit->file.status != TINYI_OK) {
      return;
    }
    const int32_t at = next(visit, &whole, &input, &p);
    p.input_pitch = p.bytes;
    if (visit->file.status == TINYI_OK && visit->lives == NULL) {
      tinynn_copy_rows_ref(&p, input.data, whole.tensor.data + at);
    }
  }
  end(visit, &whole);
}

void tinyi_split(struct tinyi_visit *visit) {
  struct whole whole = {.start = 0};
  int32_t count = 0;
  const int32_t *axis = tinyi_list(visit, SPLIT_AXIS, &count);
  tinyi_activation(visit, &visit->inputs, SPLIT_INPUT, &whole.tensor);
  tinyi_require(visit, count == 1, TINYI_UNSUPPORTED);
  if (visit->file.status != TINYI_OK) {
    return;
  }
  whole.axis = tinyi_axis(visit, &whole.tensor, *axis);
  for (uint32_t i = 0; i < visit->outputs.count && visit->file.status == TINYI_OK; ++i) {
    struct tinyi_tensor output;
    struct tinynn_copy_rows p;
    tinyi_activation(visit, &visit->outputs, i, &output);
    if (visit->file.status != TINYI_OK) {
      return;
    }
    const int32_t at = next(visit, &whole, &output, &p);
    p.output_pitch = p.bytes;
    if (visit->file.status == TINYI_OK && visit->lives == NULL) {
      tinynn_copy_rows_ref(&p, whole.tensor.data + at, output.data);
    }
  }
  end(visit, &whole);
}
