/* float32 by itself: comparisons, ARG_MAX, ARG_MIN, CAST; CUMSUM and ADD_N, one term after the other.
 *
 * As comparisons.cc, arg_min_max.cc, cast.cc, cumsum.cc and add_n.cc of TFLM (tensorflow/lite/micro/kernels/).
 */
#include "tinynn/argument.h"
#include "tinynn/cast.h"
#include "tinynn/pairs.h"

TINYNN_COMPARISONS_OF(float32, float)
TINYNN_ARGUMENT_OF(arg_max_float32, float, a > b)
TINYNN_ARGUMENT_OF(arg_min_float32, float, a < b)

static int64_t integer_of(float value) {
  return value >= 0x1p31f ? INT32_MAX : value >= -0x1p31f ? (int32_t)value : INT32_MIN;
}

/* From float32 or to it. What another type can't hold is the nearest number of 32 bits first, which C leaves open. */
void tinynn_cast_float32_ref(const struct tinynn_cast *restrict p, const void *restrict input, void *restrict output) {
  const float *reals = input;
  const int32_t is_real = p->from == TINYNN_FLOAT32;
  for (int32_t i = 0; i < p->elements; ++i) {
    if (p->to == TINYNN_FLOAT32) {
      ((float *)output)[i] = is_real ? reals[i] : (float)tinynn_read_integer(input, p->from, i);
    } else if (is_real && p->to == TINYNN_BOOL) {
      ((int8_t *)output)[i] = reals[i] != 0;
    } else {
      tinynn_write_integer(output, p->to, i, is_real ? integer_of(reals[i]) : tinynn_read_integer(input, p->from, i));
    }
  }
}

void tinynn_cumsum_float32_ref(const struct tinynn_totals *restrict p, const void *restrict input,
                               void *restrict output) {
  const float *values = input;
  float *made = output;
  const int32_t step = p->is_reversed ? -p->inner : p->inner, begin = p->is_reversed ? (p->size - 1) * p->inner : 0;
  for (int32_t o = 0; o < p->outer; ++o) {
    for (int32_t i = 0; i < p->inner; ++i) {
      int32_t at = o * p->size * p->inner + begin + i;
      float sum = 0;
      for (int32_t k = 0; k < p->size; ++k, at += step) {
        const float before = sum;
        sum += values[at];
        made[at] = p->is_exclusive ? before : sum;
      }
    }
  }
}

void tinynn_add_n_float32_ref(const struct tinynn_totals *restrict p, const int8_t *const *inputs, void *output) {
  float *made = output;
  for (int32_t i = 0; i < p->inner; ++i) {
    float sum = 0;
    for (int32_t k = 0; k < p->size; ++k) {
      sum += ((const float *)(const void *)inputs[k])[i];
    }
    made[i] = sum;
  }
}
