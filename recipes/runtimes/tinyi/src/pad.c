/* PAD, PADV2, MIRROR_PAD, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND, FILL, ZEROS_LIKE: outputs with other elements than the
 * input's, or in several pieces. */
#include "tinyi/move.h"
#include "tinyi/operators.h"

enum { PADDINGS = 1, VALUE = 2, BLOCK = 1, AROUND = 2 };
/* Field of the schema's MirrorPadOptions, and its values. */
enum { MODE = 0, REFLECT = 0 };

/* A value everywhere. */
static void repeat(struct tinyi_context *context, const struct tinyi_tensor *value, const struct tinyi_tensor *output) {
  struct tinyi_move move = {.axes = 0};
  tinyi_require(context, value->elements == 1 && tinyi_is_alike(value, output), TINYI_UNSUPPORTED);
  tinyi_move_axis(context, &move, output->elements, 0, 1);
  tinyi_move(context, &move, value, output);
}

/* Input, output, and how many elements of it are before and behind along each axis; whether all are sound. */
static int32_t read_padded(struct tinyi_context *context, struct tinyi_tensor *input, struct tinyi_tensor *output,
                           int32_t (*around)[2]) {
  int32_t count = 0;
  if (!tinyi_read_unary_alike(context, input, output)) {
    return 0;
  }
  const int32_t *paddings = tinyi_read_list(context, PADDINGS, &count);
  tinyi_require(context, input->rank == output->rank && count == 2 * input->rank, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const int32_t front = TINYNN_RANK - input->rank;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    for (int32_t side = 0; side < 2; ++side) {
      around[i][side] = i < front ? 0 : paddings[2 * (i - front) + side];
      tinyi_require(context, around[i][side] >= 0 && around[i][side] <= TINYI_MAX_SIZE, TINYI_UNSUPPORTED);
    }
    tinyi_require(context,
                  context->file.status != TINYI_OK ||
                      around[i][0] + input->shape[i] + around[i][1] == output->shape[i],
                  TINYI_UNSUPPORTED);
  }
  return context->file.status == TINYI_OK;
}

void tinyi_pad(struct tinyi_context *context) {
  struct tinyi_tensor input, output, value;
  struct tinyi_move move = {.axes = 0};
  int32_t around[TINYNN_RANK][2];
  const int32_t has_value = context->inputs.count > VALUE;
  if (has_value) {
    tinyi_read_any(context, &context->inputs, VALUE, &value);
  }
  if (!read_padded(context, &input, &output, around)) {
    return;
  }
  if (has_value) {
    repeat(context, &value, &output);
  } else {
    tinyi_fill(context, &output, output.zero_point);
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    move.to += around[i][0] * tinyi_axis_stride(&output, i);
    tinyi_move_axis(context, &move, input.shape[i], tinyi_axis_stride(&input, i), tinyi_axis_stride(&output, i));
  }
  tinyi_move(context, &move, &input, &output);
}

/* The part in front of the input along an axis, the input itself, or the part behind it. */
static void mirror_axis(struct tinyi_context *context, struct tinyi_move *move, int32_t part, const int32_t *around,
                        int32_t size, int32_t edge, int32_t stride, int32_t made) {
  static const int8_t direction[] = {1, -1, -1};
  const int32_t begins[] = {0, around[0] + edge - 1, size - 1 - edge};
  const int32_t ends[] = {around[0], 0, around[0] + size};
  const int32_t sizes[] = {size, around[0], around[1]};
  move->from += begins[part] * stride;
  move->to += ends[part] * made;
  tinyi_move_axis(context, move, sizes[part], direction[part] * stride, made);
}

void tinyi_mirror_pad(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  int32_t around[TINYNN_RANK][2], parts[TINYNN_RANK] = {0}, axis;
  if (!read_padded(context, &input, &output, around)) {
    return;
  }
  /* at the edge itself, or next to it */
  const int32_t edge = tinyi_byte(&context->file, &context->options, MODE) == REFLECT;
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    const int32_t most = input.shape[i] - edge;
    tinyi_require(context, (around[i][0] <= most && around[i][1] <= most) || around[i][0] + around[i][1] == 0,
                  TINYI_UNSUPPORTED);
  }
  do {
    struct tinyi_move move = {.axes = 0};
    int32_t is_empty = 0;
    for (int32_t i = 0; i < TINYNN_RANK; ++i) {
      is_empty |= parts[i] > 0 && around[i][parts[i] - 1] == 0;
      mirror_axis(context, &move, parts[i], around[i], input.shape[i], edge, tinyi_axis_stride(&input, i),
                  tinyi_axis_stride(&output, i));
    }
    if (!is_empty) {
      tinyi_move(context, &move, &input, &output);
    }
    for (axis = TINYNN_RANK - 1; axis >= 0 && ++parts[axis] == 3; --axis) {
      parts[axis] = 0;
    }
  } while (axis >= 0 && context->file.status == TINYI_OK);
}

/* Elements [first, first + count) of a batch along one axis, which are every `block`-th from `at` on in space. */
struct stretch {
  int32_t first, count, at;
};

static struct stretch stretch_of(int32_t place, int32_t block, int32_t before, int32_t batched, int32_t spatial) {
  const int32_t distance = before - place;
  const int32_t first = distance > 0 ? (distance + block - 1) / block : 0;
  const int32_t last = spatial - 1 + distance;
  const int32_t end = last < 0 ? 0 : last / block + 1;
  const struct stretch stretch = {first, (end < batched ? end : batched) - first, first * block - distance};
  return stretch;
}

/* Batches of pixels, each of which is in the same place of all blocks; `is_split`: into them. */
static void batches(struct tinyi_context *context, int32_t is_split) {
  struct tinyi_tensor input, output;
  int32_t block[2] = {1, 1}, before[2] = {0, 0}, axes = 0, pairs = 0;
  if (!tinyi_read_unary_alike(context, &input, &output)) {
    return;
  }
  const int32_t *blocks = tinyi_read_list(context, BLOCK, &axes), *around = tinyi_read_list(context, AROUND, &pairs);
  const int32_t rank = input.rank, front = TINYNN_RANK - rank;
  tinyi_require(context, axes >= 1 && axes <= 2 && pairs == 2 * axes && rank == output.rank && axes < rank,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_tensor *batched = is_split ? &output : &input, *spatial = is_split ? &input : &output;
  for (int32_t i = 0; i < axes; ++i) {
    const int32_t axis = front + 1 + i, after = around[2 * i + 1];
    block[i] = blocks[i];
    before[i] = around[2 * i];
    tinyi_require(context,
                  block[i] >= 1 && block[i] <= TINYI_MAX_STRIDE && before[i] >= 0 && before[i] <= TINYI_MAX_SIZE &&
                      after >= 0 && after <= TINYI_MAX_SIZE,
                  TINYI_UNSUPPORTED);
    tinyi_require(context,
                  context->file.status != TINYI_OK ||
                      before[i] + spatial->shape[axis] + after == block[i] * batched->shape[axis],
                  TINYI_UNSUPPORTED);
  }
  const int32_t count = context->file.status == TINYI_OK ? block[0] * block[1] : 1, each = spatial->shape[front];
  tinyi_require(context, batched->shape[front] == count * each, TINYI_UNSUPPORTED);
  for (int32_t i = front + 1 + axes; i < TINYNN_RANK; ++i) {
    tinyi_require(context, input.shape[i] == output.shape[i], TINYI_UNSUPPORTED);
  }
  if (is_split) {
    tinyi_fill(context, &output, output.zero_point);
  }
  for (int32_t number = 0; number < count && tinyi_computes(context); ++number) {
    const int32_t places[] = {number / block[1], number % block[1]};
    int32_t in_batch = number * each * tinyi_axis_stride(batched, front), in_space = 0, is_empty = 0;
    struct tinyi_move move = {.axes = 0};
    for (int32_t i = front; i < TINYNN_RANK; ++i) {
      const int32_t step = tinyi_axis_stride(batched, i), stride = tinyi_axis_stride(spatial, i), at = i - front - 1;
      int32_t size = spatial->shape[i], far = stride;
      if (at >= 0 && at < axes) {
        const struct stretch part =
            stretch_of(places[at], block[at], before[at], batched->shape[i], spatial->shape[i]);
        size = part.count;
        is_empty |= size <= 0;
        in_batch += part.first * step;
        in_space += part.at * stride;
        far = stride * block[at];
      }
      tinyi_move_axis(context, &move, size, is_split ? far : step, is_split ? step : far);
    }
    move.from = is_split ? in_space : in_batch;
    move.to = is_split ? in_batch : in_space;
    if (!is_empty) {
      tinyi_move(context, &move, &input, &output);
    }
  }
}

void tinyi_space_to_batch(struct tinyi_context *context) { batches(context, 1); }

void tinyi_batch_to_space(struct tinyi_context *context) { batches(context, 0); }

void tinyi_fill_with(struct tinyi_context *context) {
  struct tinyi_tensor value, output;
  tinyi_read_any(context, &context->inputs, 1, &value);
  tinyi_read_any(context, &context->outputs, 0, &output);
  repeat(context, &value, &output);
}

void tinyi_zeros_like(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_any(context, &context->inputs, 0, &input);
  tinyi_read_any(context, &context->outputs, 0, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_DAMAGED);
  tinyi_fill(context, &output, 0);
}
