/* Functions of one or two float32 values, of rows, and sums over axes: the formulas of TFLM's reference kernels
 * (tensorflow/lite/kernels/internal/reference/, micro/kernels/{activations,elementwise,…}.cc). */
#include "tinynn.h"

/* One function for each operator: all values through an expression of x. */
#define UNARY(name, expression)                                                                                     \
  void tinynn_##name##_float32_ref(const struct tinynn_unary_float32 *restrict p, const float *input, float *output) { \
    for (int32_t i = 0; i < p->elements; ++i) {                                                                      \
      const float x = input[i];                                                                                      \
      output[i] = (expression);                                                                                      \
    }                                                                                                                \
  }

/* 1 / (1 + exp(-x)) as TFLite has it: beyond these bounds float32 has no other value, or none that is more exact. */
static inline float logistic(float x) {
  if (x > 16.619047164916992188f) {
    return 1;
  }
  return x < -9 ? __builtin_expf(x) : 1 / (1 + __builtin_expf(-x));
}

UNARY(clamp, tinynn_clamp_float32(x, p->lowest, p->highest))
UNARY(leaky_relu, x > 0 ? x : x * p->alpha)
UNARY(elu, x < 0 ? __builtin_expm1f(x) : x)
UNARY(hard_swish, x *tinynn_clamp_float32(x + 3, 0, 6) / 6)
UNARY(logistic, logistic(x))
UNARY(tanh, __builtin_tanhf(x))
UNARY(abs, __builtin_fabsf(x))
UNARY(neg, -x)
UNARY(square, x *x)
UNARY(sqrt, __builtin_sqrtf(x))
UNARY(rsqrt, 1 / __builtin_sqrtf(x))
UNARY(exp, __builtin_expf(x))
UNARY(log, __builtin_logf(x))
UNARY(sin, __builtin_sinf(x))
UNARY(cos, __builtin_cosf(x))
UNARY(floor, __builtin_floorf(x))
UNARY(ceil, __builtin_ceilf(x))
UNARY(round, __builtin_rintf(x)) /* halves to even */

/* The same of x and y. */
#define BINARY(name, expression)                                                                              \
  void tinynn_##name##_float32_ref(const struct tinynn_binary_float32 *restrict p, const float *left,          \
                                   const float *right, float *output) {                                        \
    const int32_t *l = p->left_strides, *r = p->right_strides;                                                 \
    for (int32_t a = 0; a < p->shape[0]; ++a) {                                                                \
      for (int32_t b = 0; b < p->shape[1]; ++b) {                                                              \
        for (int32_t c = 0; c < p->shape[2]; ++c) {                                                            \
          for (int32_t d = 0; d < p->shape[3]; ++d) {                                                          \
            const float *from = left + a * l[0] + b * l[1] + c * l[2] + d * l[3];                              \
            const float *other = right + a * r[0] + b * r[1] + c * r[2] + d * r[3];                            \
            for (int32_t e = 0; e < p->shape[4]; ++e, from += l[4], other += r[4]) {                           \
              const float x = *from, y = *other;                                                               \
              *output++ = tinynn_clamp_float32((expression), p->lowest, p->highest);                           \
            }                                                                                                  \
          }                                                                                                    \
        }                                                                                                      \
      }                                                                                                        \
    }                                                                                                          \
  }

/* The remainder of x / y whose sign is y's. */
static inline float floor_mod(float x, float y) {
  const float rest = __builtin_fmodf(x, y);
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x *y)
BINARY(div, x / y)
BINARY(minimum, y < x ? y : x)
BINARY(maximum, x < y ? y : x)
BINARY(squared_difference, (x - y) * (x - y))
BINARY(floor_div, __builtin_floorf(x / y))
BINARY(floor_mod, floor_mod(x, y))
BINARY(pow, __builtin_powf(x, y))
BINARY(prelu, x < 0 ? x * y : x)

static float largest(const float *row, int32_t columns) {
  float found = row[0];
  for (int32_t c = 1; c < columns; ++c) {
    found = row[c] > found ? row[c] : found;
  }
  return found;
}

/*   out[c] = exp(beta * (in[c] - max in)) / Σ exp(…) */
void tinynn_softmax_float32_ref(const struct tinynn_rows_float32 *restrict p, const float *input, float *output) {
  for (int32_t row = 0; row < p->rows; ++row, input += p->columns, output += p->columns) {
    const float most = largest(input, p->columns);
    float sum = 0;
    for (int32_t c = 0; c < p->columns; ++c) {
      output[c] = __builtin_expf((input[c] - most) * p->beta);
      sum += output[c];
    }
    for (int32_t c = 0; c < p->columns; ++c) {
      output[c] /= sum;
    }
  }
}

/*   out[c] = in[c] - max in - log(Σ exp(in - max in)) */
void tinynn_log_softmax_float32_ref(const struct tinynn_rows_float32 *restrict p, const float *input, float *output) {
  for (int32_t row = 0; row < p->rows; ++row, input += p->columns, output += p->columns) {
    const float most = largest(input, p->columns);
    float sum = 0;
    for (int32_t c = 0; c < p->columns; ++c) {
      sum += __builtin_expf(input[c] - most);
    }
    const float logarithm = __builtin_logf(sum);
    for (int32_t c = 0; c < p->columns; ++c) {
      output[c] = input[c] - most - logarithm;
    }
  }
}

/*   out[c] = in[c] / max(√Σ in², 1e-6) */
void tinynn_l2_normalization_float32_ref(const struct tinynn_rows_float32 *restrict p, const float *input,
                                         float *output) {
  for (int32_t row = 0; row < p->rows; ++row, input += p->columns, output += p->columns) {
    float sum = 0;
    for (int32_t c = 0; c < p->columns; ++c) {
      sum = tinynn_multiply_add(sum, input[c], input[c]);
    }
    float length = __builtin_sqrtf(sum);
    length = length < 1e-6f ? 1e-6f : length;
    for (int32_t c = 0; c < p->columns; ++c) {
      output[c] = input[c] / length;
    }
  }
}

typedef float step(float so_far, float element);

/* All elements into the outputs that they belong to, in the input's order; how many each output has got. */
static inline __attribute__((always_inline)) int32_t reduce(const struct tinynn_mean *restrict p,
                                                            const float *input, float *output, float first,
                                                            step *add) {
  int32_t strides[5], outputs = 1, elements = 1;
  for (int32_t i = 4; i >= 0; --i) {
    strides[i] = p->reduced[i] ? 0 : outputs;
    outputs *= p->reduced[i] ? 1 : p->shape[i];
    elements *= p->shape[i];
  }
  for (int32_t i = 0; i < outputs; ++i) {
    output[i] = first;
  }
  for (int32_t a = 0; a < p->shape[0]; ++a) {
    for (int32_t b = 0; b < p->shape[1]; ++b) {
      for (int32_t c = 0; c < p->shape[2]; ++c) {
        for (int32_t d = 0; d < p->shape[3]; ++d) {
          float *to = output + a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3];
          for (int32_t e = 0; e < p->shape[4]; ++e, to += strides[4]) {
            *to = add(*to, *input++);
          }
        }
      }
    }
  }
  return elements / outputs;
}

static inline float sum_of(float a, float b) { return a + b; }
static inline float largest_of(float a, float b) { return b > a ? b : a; }
static inline float smallest_of(float a, float b) { return b < a ? b : a; }

void tinynn_sum_float32_ref(const struct tinynn_mean *restrict p, const float *input, float *output) {
  reduce(p, input, output, 0, sum_of);
}

void tinynn_mean_float32_ref(const struct tinynn_mean *restrict p, const float *input, float *output) {
  const float count = (float)reduce(p, input, output, 0, sum_of);
  int32_t outputs = 1;
  for (int32_t i = 0; i < 5; ++i) {
    outputs *= p->reduced[i] ? 1 : p->shape[i];
  }
  for (int32_t i = 0; i < outputs; ++i) {
    output[i] /= count;
  }
}

void tinynn_reduce_max_float32_ref(const struct tinynn_mean *restrict p, const float *input, float *output) {
  reduce(p, input, output, -0x1.fffffep127f, largest_of);
}

void tinynn_reduce_min_float32_ref(const struct tinynn_mean *restrict p, const float *input, float *output) {
  reduce(p, input, output, 0x1.fffffep127f, smallest_of);
}
