/* CONV_2D whose kernel's rows are a few values, in lines of the input: what its dsp variants share, three pixels of an output
 * row at a time.
 *
 * As many lines of the input as the kernel has rows are kept widened to 16 bits, padding around them: each is widened once, and
 * what lies under a window is copied word by word. Neighbours are pairs, unlike in conv2d.c.
 * Packing: rows of the kernel filled up to words of two values, all of them to groups of two words as in matrix.h.
 * Scratch: the copied values; a place aside for outputs; the lines.
 */
#include "tinynn.h"

#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/lines.h"
#include "tinynn/dsp/pixels.h"

/* Read by windows3.S. */
struct windows {
  int32_t step; /* bytes from one pixel's window to the next one's */
  int32_t rows, words;
  int32_t pitch; /* bytes of a line */
};

void tinynn_windows3_dsp(tinynn_pair *to, const struct windows *windows, const int16_t *first);

static int16_t *fill(int16_t *to, const int16_t *end, int32_t value) {
#pragma GCC unroll 1
  while (to < end) {
    *to++ = (int16_t)value;
  }
  return to;
}

/* One line, from the first column of padding to the end; row: NULL for padding alone. */
static void widen_line(const struct tinynn_conv2d *restrict p, const int8_t *restrict row, int16_t *restrict to,
                       const int16_t *end) {
  if (row != NULL) {
    to = fill(to, to + p->pad_left * p->input_channels, p->input_zero_point);
    int32_t left = p->input_width * p->input_channels;
#pragma GCC unroll 1
    for (; left >= 4; left -= 4, row += 4, to += 4) {
      const uint32_t bytes = tinynn_load_word(row);
      const tinynn_pair even = tinynn_even_bytes(bytes), odd = tinynn_odd_bytes(bytes);
      tinynn_store_word(to, tinynn_lower_halves(even, odd));
      tinynn_store_word(to + 2, tinynn_upper_halves(even, odd));
    }
#pragma GCC unroll 1
    for (; left > 0; --left) {
      *to++ = *row++;
    }
  }
  fill(to, end, p->input_zero_point);
}

void tinynn_convolve_lines_dsp(const struct tinynn_conv2d *restrict p, const int8_t *restrict input,
                               int8_t *restrict output, void *restrict scratch,
                               void (*multiply)(const struct tinynn_matrix *matrix)) {
  const int32_t channels = p->input_channels, step = p->stride_x * channels, line = p->input_width * channels;
  const int32_t words = (p->kernel_width * channels + 1) / 2, rows = p->kernel_height, groups = (rows * words + 1) / 2;
  const int32_t pixels = (p->output_width + PIXELS - 1) / PIXELS * PIXELS;
  /* read are as many columns as the last windows have, written all of the input's */
  const int32_t seen = (pixels - 1) * step + 2 * words, given = p->pad_left * channels + line;
  const int32_t pitch = ((seen > given ? seen : given) + 1) / 2 * 2;
  const int32_t pairs = (p->output_channels + 1) / 2;
  tinynn_pair *wide = scratch;
  int16_t *lines = (int16_t *)(wide + 2 * PIXELS * groups);
  int8_t *aside = (int8_t *)(lines + rows * pitch);
  const struct windows windows = {2 * step, rows, words, 2 * pitch};
  struct tinynn_matrix matrix = {.weights = p->weights,
                                 .channels = p->channels,
                                 .x = wide,
                                 .groups = groups,
                                 .blocks = pairs,
                                 .zero_twice_plus1 = 2 * p->output_zero_point + 1};
  const int32_t kept = p->stride_y < rows ? rows - p->stride_y : 0;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const int32_t top = y * p->stride_y - p->pad_top, first = y == 0 ? 0 : kept;
      if (first != 0) {
        memmove(lines, lines + (rows - kept) * pitch, (size_t)(2 * kept * pitch));
      }
      for (int32_t i = first; i < rows; ++i) {
        const int32_t is_inside = (uint32_t)(top + i) < (uint32_t)p->input_height;
        widen_line(p, is_inside ? input + (top + i) * line : NULL, lines + i * pitch,
                   lines + (i + 1) * pitch);
      }
      for (int32_t x = 0; x < p->output_width; x += PIXELS) {
        const int32_t left = p->output_width - x, count = left < PIXELS ? left : PIXELS;
        tinynn_windows3_dsp(wide, &windows, lines + x * step);
        multiply_pixels(p, &matrix, aside, count, output, multiply);
        output += count * p->output_pitch;
      }
    }
    input += p->input_height * line;
  }
}

#endif
