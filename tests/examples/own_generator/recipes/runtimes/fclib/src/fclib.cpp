#include "fclib.h"

namespace {

template <typename T> T clamp(T value, T lowest, T highest) {
  return value < lowest ? lowest : value > highest ? highest : value;
}

/* TFLM's MultiplyByQuantizedMultiplier for factors below 1: the product rounded, then the shift rounded. */
int32_t rescale(int32_t value, int32_t multiplier, int shift) {
  const int64_t product = static_cast<int64_t>(value) * multiplier;
  const int64_t nudge = product >= 0 ? INT64_C(1) << 30 : 1 - (INT64_C(1) << 30);
  const int32_t high = static_cast<int32_t>((product + nudge) / (INT64_C(1) << 31));
  const int right = -shift;
  const int32_t mask = (INT32_C(1) << right) - 1;
  const int32_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
  return (high >> right) + ((high & mask) > threshold ? 1 : 0);
}

} // namespace

void fc_layer(const int8_t *weights, const int32_t *bias, int inputs, int outputs, int offset, int32_t multiplier,
              int shift, int32_t zero_point, int32_t lowest, const int8_t *in, int8_t *out) {
  for (int o = 0; o < outputs; ++o) {
    int32_t sum = bias[o];
    for (int i = 0; i < inputs; ++i) {
      sum += *weights++ * (in[i] + offset);
    }
    out[o] = static_cast<int8_t>(clamp<int32_t>(zero_point + rescale(sum, multiplier, shift), lowest, 127));
  }
}
