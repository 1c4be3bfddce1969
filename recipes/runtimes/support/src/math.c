/* Functions of C's math.h that zig's compiler_rt lacks; exp, log, sin, cos, sqrt, floor, ceil, trunc, round are there.
 *
 * How far they are from the real function (tests/runtimes/test_math.py):
 *   expm1f            2 ulp
 *   tanhf             4 ulp
 *   powf              1 ulp
 *   nearbyintf, rintf exact
 * A C library behind this one has the same names; these come first, so that every compiler's firmware computes the same.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* x is 1.5 * 2**23 away from where a float's last bit is 1: what is added and taken off again rounds to nearest even. */
float nearbyintf(float x) {
  const float magnitude = __builtin_fabsf(x);
  if (!(magnitude < 0x1p23f)) return x;
  const volatile float moved = magnitude + 0x1p23f; /* else a compiler could see that nothing is left */
  return __builtin_copysignf(moved - 0x1p23f, x);
}

float rintf(float x) { return nearbyintf(x); }

/* 2**k for -126 <= k <= 127. */
static float power_of_two(int32_t k) {
  const union {
    uint32_t bits;
    float value;
  } made = {(uint32_t)(k + 127) << 23};
  return made.value;
}

/* exp(x) - 1 = 2**k * (exp(r) - 1) + (2**k - 1), x = k * ln 2 + r, |r| <= ln 2 / 2; exp(r) - 1 by Taylor's series. */
float expm1f(float x) {
  if (!(x < 0x1.62e43p6f)) return x != x ? x : INFINITY; /* 128 * ln 2, and a little less */
  if (x < -18.0f) return -1.0f;                           /* 2**-26 is below half an ulp */
  if (__builtin_fabsf(x) < 0x1p-24f) return x;
  const float k = nearbyintf(x * 0x1.715476p0f);
  const float r = (x - k * 0x1.62e4p-1f) - k * 0x1.7f7d1cp-20f; /* ln 2 in two parts, the first of 14 bits */
  float sum = 0x1.a01a02p-16f;                                  /* 1 / 8! … 1 / 3! */
  sum = sum * r + 0x1.a01a02p-13f;
  sum = sum * r + 0x1.6c16c2p-10f;
  sum = sum * r + 0x1.111112p-7f;
  sum = sum * r + 0x1.555556p-5f;
  sum = sum * r + 0x1.555556p-3f;
  const float tail = (sum * r + 0.5f) * (r * r); /* exp(r) - 1 - r */
  if (k == 0) return r + tail;
  if (k == 128) return (tail + r + 1.0f) * 0x1p127f * 2.0f; /* which 1 less doesn't change */
  const float scale = power_of_two((int32_t)k);
  return scale * tail + (scale * r + (scale - 1.0f));
}

float tanhf(float x) {
  const float magnitude = __builtin_fabsf(x);
  if (!(magnitude < 9.1f)) return x != x ? x : __builtin_copysignf(1.0f, x);
  const float less = expm1f(-2.0f * magnitude); /* -1 … 0 */
  return __builtin_copysignf(-less / (2.0f + less), x);
}

/* 2**(y * log2 |x|) in double precision; the sign and what isn't a number as C's Annex F has them. */
float powf(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  if (x != x || y != y) return x + y;
  const float magnitude = __builtin_fabsf(x);
  const bool is_whole = truncf(y) == y;
  const bool is_odd = is_whole && __builtin_fabsf(y) < 0x1p24f && (int32_t)y % 2 != 0;
  float power;
  if (magnitude == 0.0f) {
    power = y > 0.0f ? 0.0f : INFINITY;
  } else if (isinf(y)) {
    power = magnitude == 1.0f ? 1.0f : (magnitude > 1.0f) == (y > 0.0f) ? INFINITY : 0.0f;
  } else if (isinf(magnitude)) {
    power = y > 0.0f ? INFINITY : 0.0f;
  } else if (x < 0.0f && !is_whole) {
    return NAN;
  } else {
    power = (float)exp2((double)y * log2((double)magnitude));
  }
  return is_odd && signbit(x) ? -power : power;
}
