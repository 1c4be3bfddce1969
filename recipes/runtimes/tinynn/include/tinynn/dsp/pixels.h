/* Three pixels by all output channels: what the dsp variants of CONV_2D do with values that lie side by side. */
#ifndef TINYNN_DSP_PIXELS_H
#define TINYNN_DSP_PIXELS_H

#include <string.h>

#include "tinynn.h"
#include "tinynn/dsp/clamp.h"
#include "tinynn/dsp/instructions.h"
#include "tinynn/dsp/matrix.h"

enum { PIXELS = TINYNN_MATRIX_PIXELS };

static inline void clamp_pixels(const struct tinynn_conv2d *p, int8_t *output, int32_t pixels) {
  if (p->output_pitch == p->output_channels) {
    tinynn_clamp_dsp(output, pixels * p->output_channels, p->lowest, p->highest);
    return;
  }
  for (int32_t i = 0; i < pixels; ++i) {
    tinynn_clamp_dsp(output + i * p->output_pitch, p->output_channels, p->lowest, p->highest);
  }
}

static inline int32_t has_clamp(const struct tinynn_conv2d *p) {
  return p->lowest > INT8_MIN || p->highest < INT8_MAX;
}

/* Whether matrix3 writes three pixels as they are. */
static inline int32_t is_plain(const struct tinynn_conv2d *p) { return p->output_channels % 2 == 0 && !has_clamp(p); }

/* The first `count` of them. */
static inline void multiply_pixels(const struct tinynn_conv2d *restrict p, struct tinynn_matrix *matrix,
                                   int8_t *restrict aside, int32_t count, int8_t *output,
                                   void (*multiply)(const struct tinynn_matrix *matrix)) {
  if (count == PIXELS && is_plain(p)) {
    matrix->output = output;
    matrix->output_pitch = p->output_pitch;
    multiply(matrix);
    return;
  }
  /* matrix3 writes three pixels of even channels, but the output may have fewer or odd ones */
  const int is_aside = count < PIXELS || p->output_channels % 2 != 0;
  const int32_t pitch = (p->output_channels + 1) / 2 * 2;
  matrix->output = is_aside ? aside : output;
  matrix->output_pitch = is_aside ? pitch : p->output_pitch;
  multiply(matrix);
  for (int32_t i = 0; is_aside && i < count; ++i) {
    memcpy(output + i * p->output_pitch, aside + i * pitch, (size_t)p->output_channels);
  }
  if (has_clamp(p)) {
    clamp_pixels(p, output, count);
  }
}

#endif
