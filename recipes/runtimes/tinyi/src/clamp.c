/* Clamps of fused activations, as TFLite makes them (CalculateActivationRangeQuantized). */
#include "tinyi/real.h"

/* Of TFLite's enumeration ActivationFunctionType. */
enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU_N1_TO_1 = 2, ACTIVATION_RELU6 = 3 };

/* round(real / scale), halves away from zero, limited to what can differ; the quotient is a float32. What 32 bits can't
 * hold is refused, as TFLM does. */
static inline int32_t quantised(struct tinyi_context *context, float real, uint32_t bits, int32_t limit) {
  const float quotient = real / tinyi_real(bits);
  tinyi_require(context, quotient < 0x1p31f, TINYI_UNSUPPORTED);
  if (!(quotient < (float)limit)) {
    return limit;
  }
  const int32_t whole = (int32_t)quotient;
  return whole + (quotient - (float)whole >= 0.5f);
}

/* `limit`: a power of two that no two values of the type differ by. */
static inline __attribute__((always_inline)) void clamp(struct tinyi_context *context, int32_t activation,
                                                        const struct tinyi_tensor *output, int32_t least, int32_t limit,
                                                        int32_t *lowest, int32_t *highest) {
  *lowest = least;
  *highest = -1 - least;
  if (activation == ACTIVATION_NONE) {
    return;
  }
  tinyi_require(context, activation > 0 && activation <= ACTIVATION_RELU6, TINYI_UNSUPPORTED);
  int32_t low = output->zero_point;
  if (activation != ACTIVATION_RELU) {
    const int32_t high = low + quantised(context, activation == ACTIVATION_RELU6 ? 6 : 1, output->scale, limit);
    *highest = high < *highest ? high : *highest;
  }
  if (activation == ACTIVATION_RELU_N1_TO_1) {
    low -= quantised(context, 1, output->scale, limit);
  }
  *lowest = low > *lowest ? low : *lowest;
}

void tinyi_clamp(struct tinyi_context *context, int32_t activation, const struct tinyi_tensor *output, int32_t *lowest,
                 int32_t *highest) {
  clamp(context, activation, output, INT8_MIN, 1 << 10, lowest, highest);
}

void tinyi_clamp_int16(struct tinyi_context *context, int32_t activation, const struct tinyi_tensor *output,
                       int32_t *lowest, int32_t *highest) {
  clamp(context, activation, output, INT16_MIN, 1 << 17, lowest, highest);
}
