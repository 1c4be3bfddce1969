/* MEAN, int8.
 *
 *   out[…] = clamp(zero_point + rescale(Σ in[…] - count * input_zero_point)), over the reduced axes
 *
 * Bit for bit QuantizedMeanOrSum of TFLM (tensorflow/lite/kernels/internal/reference/reduce.h), which divides its
 * multiplier by the number of elements.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* Axes in an order of loops: first those that stay, then those that are summed over. */
struct walk {
  int32_t size[2 * TINYNN_RANK];
  int32_t stride[2 * TINYNN_RANK];
};

static struct walk plan(const struct tinynn_mean *restrict p) {
  struct walk walk;
  int32_t stride = 1;
  for (int32_t axis = TINYNN_RANK - 1; axis >= 0; --axis) {
    const int32_t size = p->shape[axis];
    const int32_t reduced = p->reduced[axis];
    walk.size[axis] = reduced ? 1 : size;
    walk.size[TINYNN_RANK + axis] = reduced ? size : 1;
    walk.stride[axis] = walk.stride[TINYNN_RANK + axis] = stride;
    stride *= size;
  }
  return walk;
}

/* Move to the next element of five axes; 0 when all were visited. */
static int advance(const int32_t *restrict size, const int32_t *restrict stride, int32_t *restrict index,
                   const int8_t **place) {
  for (int32_t axis = TINYNN_RANK - 1; axis >= 0; --axis) {
    *place += stride[axis];
    if (++index[axis] < size[axis]) {
      return 1;
    }
    *place -= stride[axis] * size[axis];
    index[axis] = 0;
  }
  return 0;
}

void tinynn_mean_ref(const struct tinynn_mean *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const struct walk walk = plan(p);
  int32_t outer[TINYNN_RANK] = {0};
  const int8_t *first = input;
  do {
    int32_t inner[TINYNN_RANK] = {0};
    const int8_t *place = first;
    int32_t sum = 0;
    do {
      sum += *place - p->input_zero_point;
    } while (advance(walk.size + TINYNN_RANK, walk.stride + TINYNN_RANK, inner, &place));
    const int32_t scaled = tinynn_rescale(sum, p->multiplier, p->shift);
    *output++ = (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
  } while (advance(walk.size, walk.stride, outer, &first));
}
