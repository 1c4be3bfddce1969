#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C"
#endif
/* out = clamp(zero_point + (bias + Σ weights * (in + offset)) * multiplier * 2^(shift - 31)), rounded as TFLM does. */
void fc_layer(const int8_t *weights, const int32_t *bias, int inputs, int outputs, int offset, int32_t multiplier,
              int shift, int32_t zero_point, int32_t lowest, const int8_t *in, int8_t *out);
