/* Bytes between regular places, of both tensors or of one; and by indices, and by truth values.
 *
 * Elements of n bytes are n elements of an innermost axis. Which places an operator has in mind is found by whoever
 * calls: backends/tinyc/lower_moving.py, tinyi/src/moves.c. Moving the values, these are bit for bit TFLM's operators.
 */
#include <string.h>

#include "tinynn.h"

enum { LAST = TINYNN_AXES - 1, LONG = 16 /* bytes from which on memcpy pays */ };

static inline void copy_row(const struct tinynn_move *restrict p, const int8_t *restrict from, int8_t *restrict to) {
  const int32_t bytes = p->shape[LAST], step = p->input_strides[LAST], stride = p->output_strides[LAST];
  if (bytes >= LONG && step == 1 && stride == 1) {
    memcpy(to, from, (size_t)bytes);
    return;
  }
  for (int32_t i = 0; i < bytes; ++i) {
    to[i * stride] = from[i * step];
  }
}

void tinynn_move_ref(const struct tinynn_move *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  int32_t index[LAST] = {0}, from = 0, to = 0, axis;
  do {
    copy_row(p, input + from, output + to);
    for (axis = LAST - 1; axis >= 0; --axis) {
      from += p->input_strides[axis];
      to += p->output_strides[axis];
      if (++index[axis] < p->shape[axis]) {
        break;
      }
      index[axis] = 0;
      from -= p->input_strides[axis] * p->shape[axis];
      to -= p->output_strides[axis] * p->shape[axis];
    }
  } while (axis >= 0);
}

void tinynn_fill_ref(const struct tinynn_fill *restrict p, int8_t *restrict output) {
  memset(output, p->value, (size_t)p->bytes);
}

void tinynn_constant_ref(const struct tinynn_constant *restrict p, int8_t *restrict output) {
  memcpy(output, p->values, (size_t)p->bytes);
}

/* An index that leads outside is the nearest one that doesn't. */
static inline int32_t inside(int32_t index, int32_t size) { return index < 0 ? 0 : index < size ? index : size - 1; }

void tinynn_take_ref(const struct tinynn_take *restrict p, const int8_t *input, const int8_t *indices,
                     int8_t *output) {
  const int32_t *index = (const int32_t *)(const void *)indices;
  for (int32_t batch = 0; batch < p->batches; ++batch) {
    for (int32_t row = 0; row < p->rows; ++row) {
      for (int32_t i = 0; i < p->indices; ++i) {
        memcpy(output, input + inside(index[i], p->size) * p->bytes, (size_t)p->bytes);
        output += p->bytes;
      }
      input += p->size * p->bytes;
    }
    index += p->indices;
  }
}

void tinynn_take_nd_ref(const struct tinynn_take_nd *restrict p, const int8_t *input, const int8_t *indices,
                        int8_t *output) {
  const int32_t *index = (const int32_t *)(const void *)indices;
  for (int32_t i = 0; i < p->indices; ++i) {
    int32_t at = 0;
    for (int32_t axis = 0; axis < p->axes; ++axis) {
      at = at * p->shape[axis] + inside(*index++, p->shape[axis]);
    }
    memcpy(output, input + at * p->bytes, (size_t)p->bytes);
    output += p->bytes;
  }
}

void tinynn_select_ref(const struct tinynn_select *restrict p, const int8_t *condition, const int8_t *left,
                       const int8_t *right, int8_t *output) {
  int32_t index[TINYNN_RANK] = {0}, at = 0, at_left = 0, at_right = 0, axis;
  do {
    memcpy(output, condition[at] ? left + at_left * p->bytes : right + at_right * p->bytes, (size_t)p->bytes);
    output += p->bytes;
    for (axis = TINYNN_RANK - 1; axis >= 0; --axis) {
      const int32_t size = p->broadcast.shape[axis], go_back = ++index[axis] == size ? size : 0;
      at += p->condition_strides[axis] * (1 - go_back);
      at_left += p->broadcast.left_strides[axis] * (1 - go_back);
      at_right += p->broadcast.right_strides[axis] * (1 - go_back);
      if (go_back == 0) {
        break;
      }
      index[axis] = 0;
    }
  } while (axis >= 0);
}
