/* Two inputs element by element, dimensions of 1 repeated: plain integers and truth values, and comparisons of any type.
 *
 * Bit for bit the functions of these names in TFLM's kernels (tensorflow/lite/micro/kernels/: add.cc, sub.cc, mul.cc,
 * div.cc, maximum_minimum.cc, squared_difference.cc, comparisons.cc, logical.cc), and of FLOOR_DIV and FLOOR_MOD in
 * TFLite's; sums and products are modulo 2^32. A divisor of 0 gives 0, where TFLM ends the program.
 */
#include "tinynn/pairs.h"

static inline int32_t add(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

static inline int32_t subtract(int32_t a, int32_t b) { return (int32_t)((uint32_t)a - (uint32_t)b); }

static inline int32_t multiply(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }

static inline int32_t divide(int32_t a, int32_t b) { return b == 0 ? 0 : b == -1 ? subtract(0, a) : a / b; }

static inline int32_t floor_divide(int32_t a, int32_t b) {
  const int32_t quotient = divide(a, b);
  return quotient - (b != 0 && multiply(quotient, b) != a && (a < 0) != (b < 0));
}

static inline int32_t square(int32_t a) { return multiply(a, a); }

TINYNN_PLAIN(add_int32, int32_t, int32_t, tinynn_clamp(add(a, b), p->lowest, p->highest))
TINYNN_PLAIN(sub_int32, int32_t, int32_t, tinynn_clamp(subtract(a, b), p->lowest, p->highest))
TINYNN_PLAIN(mul_int32, int32_t, int32_t, tinynn_clamp(multiply(a, b), p->lowest, p->highest))
TINYNN_PLAIN(div_int32, int32_t, int32_t, tinynn_clamp(divide(a, b), p->lowest, p->highest))
TINYNN_PLAIN(floor_div_int32, int32_t, int32_t, floor_divide(a, b))
TINYNN_PLAIN(floor_mod_int32, int32_t, int32_t, subtract(a, multiply(floor_divide(a, b), b)))
TINYNN_PLAIN(squared_difference_int32, int32_t, int32_t, square(subtract(a, b)))
TINYNN_PLAIN(minimum_int32, int32_t, int32_t, a < b ? a : b)
TINYNN_PLAIN(maximum_int32, int32_t, int32_t, a > b ? a : b)
TINYNN_PLAIN(minimum_int64, tinynn_int64, tinynn_int64, a < b ? a : b)
TINYNN_PLAIN(maximum_int64, tinynn_int64, tinynn_int64, a > b ? a : b)
TINYNN_PLAIN(logical_and_bool, int8_t, int8_t, (a != 0) & (b != 0))
TINYNN_PLAIN(logical_or_bool, int8_t, int8_t, (a != 0) | (b != 0))
TINYNN_PLAIN(equal_bool, int8_t, int8_t, (a != 0) == (b != 0))
TINYNN_PLAIN(not_equal_bool, int8_t, int8_t, (a != 0) != (b != 0))

TINYNN_COMPARISONS_OF(int32, int32_t)
TINYNN_COMPARISONS_OF(int64, tinynn_int64)

void tinynn_logical_not_ref(const struct tinynn_copy *restrict p, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < p->bytes; ++i) {
    output[i] = input[i] == 0;
  }
}
