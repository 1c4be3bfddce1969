/* Layers with everything as the model has it: weights, biases, multipliers, shifts; zero points taken off one by one. */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

void plain_fully_connected(const struct tinynn_fully_connected_apart *a, const int8_t *input, int8_t *output) {
  const struct tinynn_fully_connected *p = &a->fully_connected;
  for (int32_t n = 0; n < p->batches; ++n, input += p->inputs, output += p->outputs) {
    for (int32_t o = 0; o < p->outputs; ++o) {
      int32_t sum = a->biases[o];
      for (int32_t i = 0; i < p->inputs; ++i) {
        sum += (input[i] - a->input_zero_point) * p->weights[o * p->inputs + i];
      }
      sum = tinynn_rescale(sum, a->multipliers[o], a->shifts[o]) + p->output_zero_point;
      output[o] = (int8_t)tinynn_clamp(sum, p->lowest, p->highest);
    }
  }
}

/* Of one pixel, whose inputs it widens into its scratch first. */
void plain_pixel(const struct tinynn_conv2d_apart *a, const int8_t *input, int8_t *output, void *scratch) {
  const struct tinynn_conv2d *p = &a->conv2d;
  int16_t *wide = scratch;
  const int32_t pixels = p->batches * p->output_height * p->output_width;
  for (int32_t n = 0; n < pixels; ++n, input += p->input_channels, output += p->output_channels) {
    for (int32_t i = 0; i < p->input_channels; ++i) {
      wide[i] = (int16_t)(input[i] - p->input_zero_point);
    }
    for (int32_t o = 0; o < p->output_channels; ++o) {
      int32_t sum = a->biases[o];
      for (int32_t i = 0; i < p->input_channels; ++i) {
        sum += wide[i] * p->weights[o * p->input_channels + i];
      }
      sum = tinynn_rescale(sum, a->multipliers[o], a->shifts[o]) + p->output_zero_point;
      output[o] = (int8_t)tinynn_clamp(sum, p->lowest, p->highest);
    }
  }
}
