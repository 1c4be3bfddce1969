/* TRANSPOSE, SLICE, STRIDED_SLICE, REVERSE_V2, BROADCAST_TO, TILE, SPACE_TO_DEPTH, DEPTH_TO_SPACE: the output is the
 * input's elements at regular places. */
#include "tinyi/move.h"
#include "tinyi/operators.h"

/* Fields of the schema's StridedSliceOptions. */
enum { BEGIN_MASK = 0, END_MASK = 1, ELLIPSIS_MASK = 2, NEW_AXIS_MASK = 3, SHRINK_AXIS_MASK = 4, OFFSET = 5 };
/* Of SpaceToDepthOptions and DepthToSpaceOptions. */
enum { BLOCK_SIZE = 0 };

/* The walk over an output that is written from its beginning to its end. */
struct view {
  struct tinyi_tensor input, output;
  struct tinyi_move move;
  int32_t left; /* elements of the output behind the axes so far */
};

/* Input and output, and a list of numbers where there is one; whether all are sound. */
static int32_t begin(struct tinyi_context *context, struct view *view, const int32_t **list, int32_t *count) {
  const int32_t is_sound = tinyi_read_unary_alike(context, &view->input, &view->output);
  if (list != NULL) {
    *list = tinyi_read_list(context, 1, count);
  }
  view->move.from = view->move.to = view->move.axes = 0;
  view->left = view->output.elements;
  return is_sound && context->file.status == TINYI_OK;
}

static void append(struct tinyi_context *context, struct view *view, int32_t size, int32_t stride) {
  tinyi_require(context, size >= 1 && view->left % size == 0, TINYI_UNSUPPORTED);
  view->left = context->file.status == TINYI_OK ? view->left / size : 1;
  tinyi_move_axis(context, &view->move, size, stride, view->left);
}

/* All of the output must have been met. */
static void end(struct tinyi_context *context, struct view *view) {
  tinyi_require(context, view->left == 1, TINYI_UNSUPPORTED);
  tinyi_move(context, &view->move, &view->input, &view->output);
}

/* The i-th axis of the file in a tensor's shape. */
static int32_t place_of(const struct tinyi_tensor *tensor, int32_t i) { return TINYNN_RANK - tensor->rank + i; }

void tinyi_transpose(struct tinyi_context *context) {
  struct view view;
  const int32_t *order;
  int32_t count, seen = 0;
  if (!begin(context, &view, &order, &count)) {
    return;
  }
  tinyi_require(context, count == view.input.rank && view.output.rank == count, TINYI_UNSUPPORTED);
  for (int32_t i = 0; i < count && context->file.status == TINYI_OK; ++i) {
    const int32_t from = tinyi_axis(context, &view.input, order[i]), size = view.input.shape[from];
    tinyi_require(context, (seen >> from & 1) == 0 && view.output.shape[place_of(&view.output, i)] == size,
                  TINYI_UNSUPPORTED);
    seen |= 1 << from;
    append(context, &view, size, tinyi_axis_stride(&view.input, from));
  }
  end(context, &view);
}

void tinyi_reverse(struct tinyi_context *context) {
  struct view view;
  const int32_t *axes;
  int32_t count, reversed = 0;
  if (!begin(context, &view, &axes, &count)) {
    return;
  }
  for (int32_t i = 0; i < count; ++i) {
    reversed |= 1 << tinyi_axis(context, &view.input, axes[i]);
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    const int32_t size = view.input.shape[i], stride = tinyi_axis_stride(&view.input, i), is_back = reversed >> i & 1;
    tinyi_require(context, view.output.shape[i] == size, TINYI_UNSUPPORTED);
    view.move.from += is_back ? (size - 1) * stride : 0;
    append(context, &view, size, is_back ? -stride : stride);
  }
  end(context, &view);
}

void tinyi_broadcast_to(struct tinyi_context *context) {
  struct view view;
  if (!begin(context, &view, NULL, NULL)) {
    return;
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    const int32_t size = view.input.shape[i];
    tinyi_require(context, size == 1 || size == view.output.shape[i], TINYI_UNSUPPORTED);
    append(context, &view, view.output.shape[i], size == 1 ? 0 : tinyi_axis_stride(&view.input, i));
  }
  end(context, &view);
}

void tinyi_tile(struct tinyi_context *context) {
  struct view view;
  if (!begin(context, &view, NULL, NULL)) {
    return;
  }
  for (int32_t i = 0; i < TINYNN_RANK; ++i) {
    const int32_t size = view.input.shape[i], made = view.output.shape[i];
    tinyi_require(context, made % size == 0, TINYI_UNSUPPORTED);
    append(context, &view, made / size, 0);
    append(context, &view, size, tinyi_axis_stride(&view.input, i));
  }
  end(context, &view);
}

void tinyi_slice(struct tinyi_context *context) {
  struct view view;
  const int32_t *first, *size;
  int32_t count, sizes;
  if (!begin(context, &view, &first, &count)) {
    return;
  }
  size = tinyi_read_list(context, 2, &sizes);
  tinyi_require(context, count == view.input.rank && sizes == count, TINYI_UNSUPPORTED);
  for (int32_t i = 0; i < count && context->file.status == TINYI_OK; ++i) {
    const int32_t axis = place_of(&view.input, i), all = view.input.shape[axis];
    const int32_t wanted = size[i] == -1 ? all - first[i] : size[i], stride = tinyi_axis_stride(&view.input, axis);
    tinyi_require(context, first[i] >= 0 && first[i] < all && wanted >= 1 && wanted <= all - first[i],
                  TINYI_UNSUPPORTED);
    if (context->file.status == TINYI_OK) {
      view.move.from += first[i] * stride;
      append(context, &view, wanted, stride);
    }
  }
  end(context, &view);
}

/* A bound as Python's slices have it: negative ones count from the end, and none leads outside. */
static int32_t bound(int32_t value, int32_t size, int32_t is_down) {
  value = value < 0 ? value + size : value;
  const int32_t least = is_down ? -1 : 0, most = is_down ? size - 1 : size;
  return value < least ? least : value > most ? most : value;
}

void tinyi_strided_slice(struct tinyi_context *context) {
  struct tinyi_file *file = &context->file;
  struct view view;
  const int32_t *lists[3]; /* begin, end, step */
  int32_t counts[3] = {0, 0, 0};
  if (!begin(context, &view, &lists[0], &counts[0])) {
    return;
  }
  for (uint32_t i = 1; i < 3; ++i) {
    lists[i] = tinyi_read_list(context, i + 1, &counts[i]);
  }
  const int32_t masks[] = {tinyi_int(file, &context->options, BEGIN_MASK, 0),
                           tinyi_int(file, &context->options, END_MASK, 0),
                           tinyi_int(file, &context->options, SHRINK_AXIS_MASK, 0)};
  const int32_t rank = view.input.rank;
  tinyi_require(context,
                counts[0] <= rank && counts[1] == counts[0] && counts[2] == counts[0] &&
                    tinyi_int(file, &context->options, ELLIPSIS_MASK, 0) == 0 &&
                    tinyi_int(file, &context->options, NEW_AXIS_MASK, 0) == 0 &&
                    tinyi_byte(file, &context->options, OFFSET) == 0,
                TINYI_UNSUPPORTED);
  for (int32_t i = 0; i < rank && file->status == TINYI_OK; ++i) {
    const int32_t axis = place_of(&view.input, i), size = view.input.shape[axis], is_told = i < counts[0];
    const int32_t is_one = is_told ? masks[2] >> i & 1 : 0, step = is_one || !is_told ? 1 : lists[2][i];
    const int32_t is_down = step < 0, stride = tinyi_axis_stride(&view.input, axis);
    int32_t first = is_down ? size - 1 : 0, last = is_down ? -1 : size;
    if (is_one) {
      first = lists[0][i] < 0 ? lists[0][i] + size : lists[0][i];
      last = first + (first < size);
    } else if (is_told) {
      first = masks[0] >> i & 1 ? first : bound(lists[0][i], size, is_down);
      last = masks[1] >> i & 1 ? last : bound(lists[1][i], size, is_down);
    }
    const int32_t distance = is_down ? first - last : last - first;
    tinyi_require(context,
                  first >= 0 && step != 0 && step >= -TINYI_MAX_SIZE && step <= TINYI_MAX_SIZE && distance >= 1,
                  TINYI_UNSUPPORTED);
    if (file->status == TINYI_OK) {
      view.move.from += first * stride;
      append(context, &view, (distance - 1) / (is_down ? -step : step) + 1, stride * step);
    }
  }
  end(context, &view);
}

/* Blocks of pixels become one pixel, or one becomes a block. */
static void blocks(struct tinyi_context *context, int32_t is_to_depth) {
  struct view view;
  if (!begin(context, &view, NULL, NULL)) {
    return;
  }
  const int32_t block = tinyi_int(&context->file, &context->options, BLOCK_SIZE, 0);
  const struct tinyi_tensor *space = is_to_depth ? &view.input : &view.output;
  const struct tinyi_tensor *depth = is_to_depth ? &view.output : &view.input;
  const int32_t *sizes = depth->shape, channels = space->shape[4];
  int32_t fits = view.input.rank == 4 && view.output.rank == 4 && block >= 1 && block <= TINYI_MAX_STRIDE;
  fits = fits && sizes[1] == space->shape[1] && space->shape[2] == sizes[2] * block &&
         space->shape[3] == sizes[3] * block && sizes[4] == channels * block * block;
  tinyi_require(context, fits, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t row = is_to_depth ? space->shape[3] * channels : block * channels;
  append(context, &view, sizes[1], tinyi_axis_stride(&view.input, 1));
  append(context, &view, sizes[2], is_to_depth ? block * row : tinyi_axis_stride(&view.input, 2));
  if (is_to_depth) {
    append(context, &view, sizes[3], block * channels);
    append(context, &view, block, row);
  } else {
    append(context, &view, block, row);
    append(context, &view, sizes[3], sizes[4]);
  }
  append(context, &view, block, channels);
  append(context, &view, channels, 1);
  end(context, &view);
}

void tinyi_space_to_depth(struct tinyi_context *context) { blocks(context, 1); }

void tinyi_depth_to_space(struct tinyi_context *context) { blocks(context, 0); }
