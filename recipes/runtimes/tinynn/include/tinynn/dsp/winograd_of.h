/* CONV_2D by Winograd for generated code that has numbers in place of a struct: TVM's, whose calls take no others.
 * Weights and channels are those of struct tinynn_conv2d_winograd. */
#ifndef TINYNN_DSP_WINOGRAD_OF_H
#define TINYNN_DSP_WINOGRAD_OF_H

#include "tinynn.h"

static inline void tinynn_winograd_of(const int8_t *input, const void *weights, const void *channels, int8_t *output,
                                      void *scratch, int32_t input_height, int32_t input_width, int32_t input_channels,
                                      int32_t output_height, int32_t output_width, int32_t output_channels,
                                      int32_t pad_top, int32_t pad_left, int32_t input_zero_point,
                                      int32_t output_zero_point, int32_t lowest, int32_t highest, int32_t groups,
                                      int32_t is_transformed) {
  const struct tinynn_conv2d_winograd winograd = {
      {.weights = weights,
       .channels = channels,
       .batches = 1,
       .input_height = input_height,
       .input_width = input_width,
       .input_channels = input_channels,
       .output_height = output_height,
       .output_width = output_width,
       .output_channels = output_channels,
       .output_pitch = output_channels,
       .kernel_height = 3,
       .kernel_width = 3,
       .stride_y = 1,
       .stride_x = 1,
       .dilation_y = 1,
       .dilation_x = 1,
       .pad_top = pad_top,
       .pad_left = pad_left,
       .input_zero_point = input_zero_point,
       .output_zero_point = output_zero_point,
       .lowest = lowest,
       .highest = highest},
      groups,
      is_transformed};
  tinynn_conv2d_winograd_dsp(&winograd, input, output, scratch);
}

#endif
