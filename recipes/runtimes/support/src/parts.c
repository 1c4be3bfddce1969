/* Numbers of floating point taken apart and put together: functions of C's math.h that zig's compiler_rt lacks. Exact. */
#include <math.h>
#include <stdint.h>

enum { BIAS = 1022, MOST = 2046 };

typedef union {
  double value;
  uint64_t bits;
} parts_t;

static int exponent_of(parts_t number) { return (int)(number.bits >> 52 & 0x7FF); }

double frexp(double value, int *exponent) {
  parts_t number = {value};
  *exponent = 0;
  if (value == 0.0 || exponent_of(number) > MOST) { /* zero, infinity, not a number */
    return value;
  }
  if (exponent_of(number) == 0) { /* subnormal */
    number.value = value * 0x1p54;
    *exponent = -54;
  }
  *exponent += exponent_of(number) - BIAS;
  number.bits = (number.bits & ~(UINT64_C(0x7FF) << 52)) | (uint64_t)BIAS << 52;
  return number.value;
}

float frexpf(float value, int *exponent) { return (float)frexp((double)value, exponent); }
