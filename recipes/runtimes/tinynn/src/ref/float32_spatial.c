/* Windows that slide over float32 pictures, and products of matrices: the formulas of TFLM's reference kernels
 * (tensorflow/lite/kernels/internal/reference/{conv,depthwiseconv_float,transpose_conv,pooling,resize_bilinear,
 * batch_matmul}.h). */
#include <stddef.h>

#include "tinynn.h"
#include "tinynn/window.h"

/*   out[n, y, x, o] = clamp(Σ in[n, y', x', i] * weights[o, ky, kx, i] + bias[o])
 *   y' = y * stride_y - pad_top + ky * dilation_y, x' likewise; what lies outside is left out */
void tinynn_conv2d_float32_ref(const struct tinynn_conv2d_float32 *restrict p, const float *restrict input,
                               float *restrict output, void *restrict scratch) {
  (void)scratch;
  const int32_t depth = p->input_channels / p->groups, outputs = p->output_channels / p->groups;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const float *weights = p->weights + o * p->kernel_height * p->kernel_width * depth;
          float sum = 0;
          for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
            const int32_t from_y = y * p->stride_y - p->pad_top + ky * p->dilation_y;
            for (int32_t kx = 0; kx < p->kernel_width; ++kx, weights += depth) {
              const int32_t from_x = x * p->stride_x - p->pad_left + kx * p->dilation_x;
              if (from_y < 0 || from_y >= p->input_height || from_x < 0 || from_x >= p->input_width) {
                continue;
              }
              const float *pixel =
                  input + (from_y * p->input_width + from_x) * p->input_channels + o / outputs * depth;
              for (int32_t i = 0; i < depth; ++i) {
                sum = tinynn_multiply_add(sum, pixel[i], weights[i]);
              }
            }
          }
          sum += p->bias == NULL ? 0 : p->bias[o];
          *output++ = tinynn_clamp_float32(sum, p->lowest, p->highest);
        }
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

/*   out[n, y, x, o] = clamp(Σ in[n, y', x', o / depth_multiplier] * weights[ky, kx, o] + bias[o]) */
void tinynn_depthwise_float32_ref(const struct tinynn_depthwise_float32 *restrict p, const float *restrict input,
                                  float *restrict output, void *restrict scratch) {
  (void)scratch;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const float *weights = p->weights + o;
          float sum = 0;
          for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
            const int32_t from_y = y * p->stride_y - p->pad_top + ky * p->dilation_y;
            for (int32_t kx = 0; kx < p->kernel_width; ++kx, weights += p->output_channels) {
              const int32_t from_x = x * p->stride_x - p->pad_left + kx * p->dilation_x;
              if (from_y < 0 || from_y >= p->input_height || from_x < 0 || from_x >= p->input_width) {
                continue;
              }
              const int32_t pixel = (from_y * p->input_width + from_x) * p->input_channels;
              sum = tinynn_multiply_add(sum, input[pixel + o / p->depth_multiplier], *weights);
            }
          }
          sum += p->bias == NULL ? 0 : p->bias[o];
          *output++ = tinynn_clamp_float32(sum, p->lowest, p->highest);
        }
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}

/* Each output adds up what the inputs under it send there, in the order in which TFLM's walk over the input does:
 *   out[n, y, x, o] = clamp(Σ in[n, y', x', i] * weights[o, ky, kx, i] + bias[o]), y' * stride_y - pad_top + ky = y */
void tinynn_transpose_conv_float32_ref(const struct tinynn_transpose_conv_float32 *restrict p, const float *input,
                                       float *output) {
  const int32_t depth = p->input_channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        for (int32_t o = 0; o < p->output_channels; ++o) {
          float sum = 0;
          for (int32_t ky = p->kernel_height - 1; ky >= 0; --ky) {
            const int32_t from_y = y + p->pad_top - ky;
            if (from_y < 0 || from_y % p->stride_y != 0 || from_y / p->stride_y >= p->input_height) {
              continue;
            }
            for (int32_t kx = p->kernel_width - 1; kx >= 0; --kx) {
              const int32_t from_x = x + p->pad_left - kx;
              if (from_x < 0 || from_x % p->stride_x != 0 || from_x / p->stride_x >= p->input_width) {
                continue;
              }
              const float *pixel = input + (from_y / p->stride_y * p->input_width + from_x / p->stride_x) * depth;
              const float *weights = p->weights + ((o * p->kernel_height + ky) * p->kernel_width + kx) * depth;
              for (int32_t i = 0; i < depth; ++i) {
                sum = tinynn_multiply_add(sum, pixel[i], weights[i]);
              }
            }
          }
          sum += p->bias == NULL ? 0 : p->bias[o];
          *output++ = tinynn_clamp_float32(sum, p->lowest, p->highest);
        }
      }
    }
    input += p->input_height * p->input_width * depth;
  }
}

/* What each pool does to the elements under its window, one after the other, and to what comes out. */
typedef float step(float so_far, float element);
typedef float finish(float result, int32_t count);

static inline __attribute__((always_inline)) void pool(const struct tinynn_pool_float32 *restrict p,
                                                       const float *restrict input, float *restrict output,
                                                       float first, step *add, finish *finish_window) {
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct tinynn_window rows = tinynn_window(y, p->stride_y, p->pad_top, p->kernel_height, p->input_height);
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct tinynn_window columns =
            tinynn_window(x, p->stride_x, p->pad_left, p->kernel_width, p->input_width);
        for (int32_t c = 0; c < p->channels; ++c) {
          output[c] = first;
        }
        for (int32_t row = rows.begin; row < rows.end; ++row) {
          const float *from = input + (row * p->input_width + columns.begin) * p->channels;
          for (int32_t column = columns.begin; column < columns.end; ++column, from += p->channels) {
            for (int32_t c = 0; c < p->channels; ++c) {
              output[c] = add(output[c], from[c]);
            }
          }
        }
        const int32_t count = (rows.end - rows.begin) * (columns.end - columns.begin);
        for (int32_t c = 0; c < p->channels; ++c) {
          output[c] = tinynn_clamp_float32(finish_window(output[c], count), p->lowest, p->highest);
        }
        output += p->channels;
      }
    }
    input += p->input_height * p->input_width * p->channels;
  }
}

static inline float sum_of(float a, float b) { return a + b; }
static inline float largest_of(float a, float b) { return a < b ? b : a; }
static inline float sum_of_squares(float a, float b) { return tinynn_multiply_add(a, b, b); }
static inline float as_it_is(float result, int32_t count) {
  (void)count;
  return result;
}
static inline float mean_of(float result, int32_t count) { return result / (float)count; }
static inline float root_of_mean(float result, int32_t count) { return __builtin_sqrtf(result / (float)count); }

void tinynn_average_pool_float32_ref(const struct tinynn_pool_float32 *restrict p, const float *input, float *output) {
  pool(p, input, output, 0, sum_of, mean_of);
}

void tinynn_max_pool_float32_ref(const struct tinynn_pool_float32 *restrict p, const float *input, float *output) {
  pool(p, input, output, -0x1.fffffep127f, largest_of, as_it_is);
}

void tinynn_l2_pool_float32_ref(const struct tinynn_pool_float32 *restrict p, const float *input, float *output) {
  pool(p, input, output, 0, sum_of_squares, root_of_mean);
}

/* Where an output row or column lies between two of the input. */
struct between {
  int32_t lower, upper;
  float share; /* of the upper one */
};

static struct between between(int32_t i, float scale, int32_t has_half_pixels, int32_t size) {
  const float at = has_half_pixels ? ((float)i + 0.5f) * scale - 0.5f : (float)i * scale;
  const float floor = __builtin_floorf(at);
  const int32_t lower = floor < 0 ? 0 : (int32_t)floor, next = (int32_t)floor + 1;
  const struct between made = {lower > size - 1 ? size - 1 : lower, next > size - 1 ? size - 1 : next,
                               at - (float)lower};
  return made;
}

static inline float made_float32(float x) {
  return x;
}

static inline uint8_t made_uint8(float x) {
  return (uint8_t)(x + 0.5f);
}

#define RESIZE_BILINEAR(name, type)                                                                                   \
  void tinynn_resize_bilinear_##name##_ref(const struct tinynn_resize_float32 *restrict p, const type *input,         \
                                           type *output) {                                                            \
    for (int32_t n = 0; n < p->batches; ++n) {                                                                        \
      for (int32_t y = 0; y < p->output_height; ++y) {                                                                \
        const struct between rows = between(y, p->scale_y, p->has_half_pixels, p->input_height);                      \
        for (int32_t x = 0; x < p->output_width; ++x) {                                                               \
          const struct between columns = between(x, p->scale_x, p->has_half_pixels, p->input_width);                  \
          const type *upper = input + rows.lower * p->input_width * p->channels;                                      \
          const type *lower = input + rows.upper * p->input_width * p->channels;                                      \
          const int32_t left = columns.lower * p->channels, right = columns.upper * p->channels;                      \
          for (int32_t c = 0; c < p->channels; ++c) {                                                                 \
            *output++ = made_##name(upper[left + c] * (1 - rows.share) * (1 - columns.share) +                        \
                        lower[left + c] * rows.share * (1 - columns.share) +                                          \
                        upper[right + c] * (1 - rows.share) * columns.share +                                         \
                        lower[right + c] * rows.share * columns.share);                                               \
          }                                                                                                           \
        }                                                                                                             \
      }                                                                                                               \
      input += p->input_height * p->input_width * p->channels;                                                        \
    }                                                                                                                 \
  }

RESIZE_BILINEAR(float32, float)
RESIZE_BILINEAR(uint8, uint8_t)

void tinynn_matmul_float32_ref(const struct tinynn_matmul_float32 *restrict p, const float *left, const float *right,
                               float *output) {
  for (int32_t a = 0; a < p->batches[0]; ++a) {
    for (int32_t b = 0; b < p->batches[1]; ++b) {
      for (int32_t c = 0; c < p->batches[2]; ++c) {
        const float *x = left + a * p->left_batches[0] + b * p->left_batches[1] + c * p->left_batches[2];
        const float *y = right + a * p->right_batches[0] + b * p->right_batches[1] + c * p->right_batches[2];
        for (int32_t i = 0; i < p->rows; ++i) {
          for (int32_t j = 0; j < p->columns; ++j) {
            float sum = 0;
            for (int32_t k = 0; k < p->depth; ++k) {
              sum = tinynn_multiply_add(sum, x[i * p->left_row + k * p->left_depth],
                                        y[k * p->right_depth + j * p->right_column]);
            }
            *output++ = tinynn_clamp_float32(sum, p->lowest, p->highest);
          }
        }
      }
    }
  }
}
