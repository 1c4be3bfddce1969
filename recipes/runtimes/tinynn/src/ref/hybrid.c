/* CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of float32 with weights of int8 (dynamic range quantisation): a batch's
 * values become int8, by their own range, and products are those of integers.
 *
 *   out[n, y, x, o] = clamp(scale[n] * scales[o] * Σ (q[n, y', x', i] - zero[n]) * weights[o, ky, kx, i] + bias[o])
 *
 * As LiteRT computes it: SymmetricQuantizeFloats and AsymmetricQuantizeFloats of portable_tensor_utils.cc, HybridConv of
 * conv.cc, HybridConvPerChannel of internal/reference/conv.h.
 */
#include <stddef.h>

#include "tinynn.h"
#include "tinynn/fixed_point.h"

/* Far outside of int8. */
#define FAR 1024.0f

/* Halves away from zero; not a number gives the lowest value. */
static int8_t rounded(float x, int32_t lowest) {
  x = x > FAR ? FAR : x > -FAR ? x : -FAR;
  const int32_t whole = (int32_t)x;
  const float rest = x - (float)whole; /* exact */
  return (int8_t)tinynn_clamp(whole + (rest >= 0.5f) - (rest <= -0.5f), lowest, INT8_MAX);
}

/* `elements` values as int8 of one scale and zero point; what a step is worth. */
static float quantised(const struct tinynn_hybrid *restrict p, const float *input, int32_t elements, int8_t *made,
                       int32_t *zero) {
  float lowest = 0, highest = 0;
  for (int32_t i = 0; i < elements; ++i) {
    lowest = input[i] < lowest ? input[i] : lowest;
    highest = input[i] > highest ? input[i] : highest;
  }
  const int32_t least = p->is_symmetric ? -INT8_MAX : INT8_MIN;
  float scale = 1, steps = 0;
  *zero = 0;
  if (p->is_symmetric && lowest < highest) {
    const float range = -lowest > highest ? -lowest : highest;
    scale = range / INT8_MAX;
    steps = INT8_MAX / range;
  } else if (lowest < highest) {
    const double step = ((double)highest - lowest) / (INT8_MAX - INT8_MIN);
    /* the end from which the other lies nearer */
    const double from_lowest = INT8_MIN - lowest / step, from_highest = INT8_MAX - highest / step;
    const double place = -INT8_MIN - lowest / step < INT8_MAX + highest / step ? from_lowest : from_highest;
    const double up = place + (place < 0 ? -0.5 : 0.5); /* halves away from zero */
    *zero = up <= INT8_MIN ? INT8_MIN : up >= INT8_MAX ? INT8_MAX : (int32_t)up;
    scale = (float)step;
    steps = 1.0f / scale;
  }
  for (int32_t i = 0; i < elements; ++i) {
    made[i] = rounded((float)*zero + input[i] * steps, least);
  }
  return scale;
}

/* Σ (q - zero) * weights under the window at y, x; `weights` are an output channel's, `values` begin at its inputs. */
static int32_t products(const struct tinynn_hybrid *restrict p, const int8_t *values, int32_t zero,
                        const int8_t *weights, int32_t y, int32_t x) {
  const int32_t depth = p->input_channels / p->groups;
  int32_t sum = 0;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    const int32_t from_y = y * p->stride_y - p->pad_top + ky * p->dilation_y;
    for (int32_t kx = 0; kx < p->kernel_width; ++kx, weights += depth) {
      const int32_t from_x = x * p->stride_x - p->pad_left + kx * p->dilation_x;
      if (from_y < 0 || from_y >= p->input_height || from_x < 0 || from_x >= p->input_width) {
        continue;
      }
      const int8_t *pixel = values + (from_y * p->input_width + from_x) * p->input_channels;
      for (int32_t i = 0; i < depth; ++i) {
        sum += (pixel[i] - zero) * weights[i];
      }
    }
  }
  return sum;
}

void tinynn_hybrid_ref(const struct tinynn_hybrid *restrict p, const float *restrict input, float *restrict output,
                       void *restrict scratch) {
  const int32_t elements = p->input_height * p->input_width * p->input_channels;
  const int32_t depth = p->input_channels / p->groups, outputs = p->output_channels / p->groups;
  const int32_t taps = p->kernel_height * p->kernel_width * depth;
  for (int32_t n = 0; n < p->batches; ++n, input += elements) {
    int32_t zero;
    const float scale = quantised(p, input, elements, scratch, &zero);
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; ++x) {
        for (int32_t o = 0; o < p->output_channels; ++o) {
          const int8_t *values = (const int8_t *)scratch + o / outputs * depth;
          const float sum = (float)products(p, values, zero, p->weights + o * taps, y, x) * (scale * p->scales[o]);
          *output++ = tinynn_clamp_float32(p->bias == NULL ? sum : sum + p->bias[o], p->lowest, p->highest);
        }
      }
    }
  }
}
