/* Along one axis: ARG_MAX, ARG_MIN, CUMSUM, L2_NORMALIZATION, LOG_SOFTMAX, int8; and
 * REDUCE_MAX, REDUCE_MIN, REDUCE_ALL along any, and ADD_N.
 *
 *   CUMSUM            clamp(zero_point + rescale(Σ (in[j] - input_zero_point) * 2^19)), j ≤ i
 *   ADD_N             the same over all inputs; both begin with -input_zero_point * 2^19
 *   L2_NORMALIZATION  clamp(128 * x[i] / sqrt(Σ x²)), x = in - input_zero_point
 *   LOG_SOFTMAX       clamp(127 + 16 * (x[i] - log Σ exp x)), x = scale * (in - max in)
 *
 * Bit for bit arg_min_max.h, cumsum.h, add_n.h, integer_ops/l2normalization.h, log_softmax.h and reduce.h of TFLM
 * (tensorflow/lite/kernels/internal/reference/), with gemmlowp's fixed point.
 */
#include "tinynn/argument.h"
#include "tinynn/axes.h"
#include "tinynn/exponential.h"
#include "tinynn/square_root.h"

TINYNN_ARGUMENT_OF(arg_max, int8_t, a > b)
TINYNN_ARGUMENT_OF(arg_min, int8_t, a < b)

#define REDUCTION(name, type, is_better)                                                                         \
  void tinynn_##name##_ref(const struct tinynn_mean *restrict p, const void *input, void *restrict output) {     \
    const struct tinynn_axes axes = tinynn_axes(p);                                                              \
    const type *values = input;                                                                                  \
    type *made = output;                                                                                         \
    int32_t outer[TINYNN_RANK] = {0}, first = 0;                                                                 \
    do {                                                                                                         \
      int32_t inner[TINYNN_RANK] = {0}, place = first;                                                           \
      type b = values[first];                                                                                    \
      do {                                                                                                       \
        const type a = values[place];                                                                            \
        b = (is_better) ? a : b;                                                                                 \
      } while (tinynn_advance(axes.size + TINYNN_RANK, axes.stride + TINYNN_RANK, inner, &place));               \
      *made++ = b;                                                                                               \
    } while (tinynn_advance(axes.size, axes.stride, outer, &first));                                             \
  }

REDUCTION(reduce_max, int8_t, a > b)
REDUCTION(reduce_min, int8_t, a < b)
REDUCTION(reduce_all_bool, int8_t, a == 0)

enum { SUM_SHIFT = 19 /* 20, times 1/2 */ };

static int8_t sum_of(const struct tinynn_totals *p, int32_t sum) {
  const int32_t scaled = tinynn_rescale(tinynn_shift_left(sum, SUM_SHIFT), p->multiplier, p->shift);
  return (int8_t)tinynn_clamp(tinynn_from_zero(p->output_zero_point, scaled), INT8_MIN, INT8_MAX);
}

void tinynn_cumsum_ref(const struct tinynn_totals *restrict p, const int8_t *restrict input, int8_t *restrict output) {
  const int32_t step = p->is_reversed ? -p->inner : p->inner, begin = p->is_reversed ? (p->size - 1) * p->inner : 0;
  for (int32_t o = 0; o < p->outer; ++o) {
    for (int32_t i = 0; i < p->inner; ++i) {
      int32_t at = o * p->size * p->inner + begin + i, sum = -p->input_zero_point;
      for (int32_t k = 0; k < p->size; ++k, at += step) {
        const int32_t before = sum;
        sum += input[at] - p->input_zero_point;
        output[at] = sum_of(p, p->is_exclusive ? before : sum);
      }
    }
  }
}

void tinynn_add_n_ref(const struct tinynn_totals *restrict p, const int8_t *const *inputs, int8_t *output) {
  for (int32_t i = 0; i < p->inner; ++i) {
    int32_t sum = -p->input_zero_point;
    for (int32_t k = 0; k < p->size; ++k) {
      sum += inputs[k][i] - p->input_zero_point;
    }
    output[i] = sum_of(p, sum);
  }
}

void tinynn_l2_normalization_ref(const struct tinynn_totals *restrict p, const int8_t *input, int8_t *output) {
  enum { OUTPUT_BITS = 7 };
  for (int32_t o = 0; o < p->outer; ++o) {
    uint32_t squares = 0;
    for (int32_t i = 0; i < p->size; ++i) {
      const int32_t value = input[i] - p->input_zero_point;
      squares += (uint32_t)(value * value);
    }
    const struct tinynn_factor root = tinynn_inverse_square_root((int32_t)squares);
    for (int32_t i = 0; i < p->size; ++i) {
      const int32_t value = input[i] - p->input_zero_point;
      const int32_t scaled = tinynn_rescale(value, root.multiplier, root.shift + OUTPUT_BITS);
      output[i] = (int8_t)tinynn_clamp(scaled, INT8_MIN, INT8_MAX);
    }
    input += p->size;
    output += p->size;
  }
}

/* LOG_SOFTMAX */

enum { INTEGER_BITS = 5, SUM_BITS = 12, OUTPUT_BITS = 4, LOG_BITS = INTEGER_BITS + 1 };

static int32_t leading_zeros(int32_t x) {
  int32_t count = 0;
  while (count < 32 && ((uint32_t)x & (UINT32_C(1) << (31 - count))) == 0) {
    ++count;
  }
  return count;
}

static int32_t half_sum(int32_t a, int32_t b) {
  const int64_t sum = (int64_t)a + b;
  return (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/* log(x) in Q5.26 for x ≥ 1 in Q12.19: log_x_for_x_greater_than_or_equal_to_1_impl of common.h, a rational function
 * around the fourth root of 1/2 of whichever of x and x * sqrt(1/2) is nearer to it, times a power of two. */
static int32_t logarithm(int32_t x) {
  const int32_t log_2 = 1488522236, root = 1805811301 /* (1/2)^(1/4) */, half_root = 1518500250 /* sqrt(1/2) */;
  const int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;
  const int32_t quarter = tinynn_divide(INT32_C(1) << 29, LOG_BITS);
  const int32_t zeros = leading_zeros(x), y = tinynn_high(x, half_root), room = leading_zeros(y) - 1;
  const int32_t whole = tinynn_saturating_shift(x, zeros - 1);
  const int32_t first = tinynn_saturating_shift(tinynn_high(whole, half_root), 1);
  const int32_t second = tinynn_saturating_shift(x, room);
  const int32_t first_power = tinynn_shift_left(SUM_BITS - zeros, 31 - LOG_BITS) + quarter;
  const int32_t second_power = tinynn_shift_left(SUM_BITS - room, 31 - LOG_BITS) - quarter;
  const int32_t r = first < second ? first : second, power = first_power > second_power ? first_power : second_power;
  const int32_t p = half_sum(r, root), q = 2 * (r - root), squared = tinynn_high(q, q);
  const int32_t numerator = tinynn_high(q, r) + tinynn_high(tinynn_high(q, squared), alpha_n);
  const int32_t denominator =
      tinynn_high(p, alpha_i + q + tinynn_high(alpha_d, squared)) + tinynn_high(alpha_f, q); /* less 1 */
  const int32_t rest = tinynn_high(tinynn_divide(numerator, LOG_BITS), tinynn_one_over_one_plus(denominator));
  return tinynn_saturating_shift(tinynn_high(power, log_2) + rest, 1);
}

void tinynn_log_softmax_ref(const struct tinynn_log_softmax *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    int32_t largest = INT8_MIN, sum = 0;
    for (int32_t c = 0; c < p->columns; ++c) {
      largest = input[c] > largest ? input[c] : largest;
    }
    for (int32_t c = 0; c < p->columns; ++c) {
      const int32_t difference = input[c] - largest;
      if (difference >= p->least_difference) {
        const int32_t scaled = tinynn_rescale(difference, p->multiplier, p->left_shift);
        sum += tinynn_divide(tinynn_exp_on_negative_values(scaled, INTEGER_BITS), SUM_BITS);
      }
    }
    const int32_t log_sum = logarithm(sum);
    const int32_t bound = tinynn_rescale((int32_t)((uint32_t)log_sum + UINT32_C(0x80000000)), p->reverse_multiplier,
                                         p->reverse_shift);
    const int32_t least = p->least_difference - 1 > bound ? p->least_difference - 1 : bound;
    for (int32_t c = 0; c < p->columns; ++c) {
      const int32_t difference = input[c] - largest;
      int32_t made = INT8_MIN;
      if (difference > least) {
        const int32_t scaled = tinynn_rescale(difference, p->multiplier, p->left_shift);
        made = tinynn_divide(scaled - log_sum, 31 - INTEGER_BITS - OUTPUT_BITS) + INT8_MAX;
      }
      output[c] = (int8_t)tinynn_clamp(made, INT8_MIN, INT8_MAX);
    }
    input += p->columns;
    output += p->columns;
  }
}
