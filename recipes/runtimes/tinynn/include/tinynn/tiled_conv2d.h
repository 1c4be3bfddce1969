/* CONV_2D of the portable variants: the formula of ref/conv2d.c, TILE_PIXELS pixels by TILE_CHANNELS channels at a
 * time. The file that includes this defines both, and has the inner loops: `tile`. It may define TILE_ELEMENT, the type of
 * activations, TILE_STEP, to a multiple of
 * which `tile` reads products (what is behind them meets weights of 0), and TILE_COPIES if it has included tf_mve.h or tf_rvv.h.
 *
 * With TILE_WORDS `tile` has room for all values as words. With TILE_ROWS values come as rows of a kernel, which are left in the
 * input where they lie inside of it.
 *
 * With TILE_HALVES they become halves (mac16.h), one pixel after the other; the last tile may have fewer pixels.
 *
 * A 1×1 kernel reads the input where it is; any other kernel's values are brought together first. With TILE_PAIRS of
 * pixels all are: x[0] is words x0 + 65536 * x1 of all pairs, product by product.
 * Packing and scratch: backends/tinynn/scratch.py and packs.py.
 */
#ifndef TINYNN_TILED_CONV2D_H
#define TINYNN_TILED_CONV2D_H

#include <string.h>

#include "tinynn.h"

#ifndef TILE_STEP
#define TILE_STEP 1
#endif
#ifndef TILE_ELEMENT
#define TILE_ELEMENT int8_t
#endif

/* All outputs of TILE_PIXELS pixels. */
struct tinynn_tile {
  const int8_t *weights;                 /* [blocks][products][TILE_CHANNELS] */
  const struct tinynn_channel *channels; /* as in rescale_right.h, [blocks * TILE_CHANNELS] */
  const TILE_ELEMENT *x[TILE_PIXELS];    /* [products] of each pixel */
  TILE_ELEMENT *output;
  int32_t output_pitch; /* elements from one pixel's first channel to the next one's */
  int32_t products, blocks;
  int32_t output_zero_point, lowest, highest;
#ifdef TILE_WORDS
  int32_t *words; /* room for [products][TILE_PIXELS] */
#endif
#ifdef TILE_HALVES
  uint32_t *halves; /* [pixels][fours][2]; room for a channel's weights and a word behind */
  int32_t fours, pixels;
#endif
#ifdef TILE_ROWS
  int32_t rows, run;        /* products are `rows` times `run` */
  int32_t gap[TILE_PIXELS]; /* between the end of a pixel's row and the next one */
#endif
};

static inline void tile(const struct tinynn_tile *tile);

#ifndef TILE_PAIRS
#ifdef TILE_COPIES
static inline int8_t *copy_values(int8_t *restrict to, const int8_t *restrict from, int32_t count) {
  return tf_vector_copy(to, from, count);
}

static inline int8_t *fill_values(int8_t *to, int32_t value, int32_t count) {
  return tf_vector_fill(to, value, count);
}
#else
static inline TILE_ELEMENT *copy_values(TILE_ELEMENT *restrict to, const TILE_ELEMENT *restrict from, int32_t count) {
  for (; count >= 4; count -= 4) {
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to += 4;
    from += 4;
  }
  for (; count > 0; --count) {
    *to++ = *from++;
  }
  return to;
}

static inline TILE_ELEMENT *fill_values(TILE_ELEMENT *to, int32_t value, int32_t count) {
  for (; count > 0; --count) {
    *to++ = (TILE_ELEMENT)value;
  }
  return to;
}

#endif

#ifdef TILE_COPIES
/* A kernel whose columns are neighbours and inside the input: whole rows. */
static inline void copy_rows(const struct tinynn_conv2d *restrict p, const TILE_ELEMENT *restrict image,
                             TILE_ELEMENT *restrict patch, int32_t y, int32_t x) {
  const int32_t line_bytes = p->input_width * p->input_channels, row_bytes = p->kernel_width * p->input_channels;
  const TILE_ELEMENT *line = image + y * line_bytes + x * p->input_channels;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky, y += p->dilation_y) {
    if (y >= 0 && y < p->input_height) {
      copy_values(patch, line, row_bytes);
    } else {
      fill_values(patch, p->input_zero_point, row_bytes);
    }
    line += p->dilation_y * line_bytes;
    patch += row_bytes;
  }
}
#endif

/* The values under the kernel whose first row and column are y and x. */
static void copy_patch(const struct tinynn_conv2d *restrict p, const TILE_ELEMENT *restrict image, TILE_ELEMENT *restrict patch,
                       int32_t y, int32_t x) {
  const int32_t channels = p->input_channels;
  const int32_t width = p->dilation_x == 1 ? p->kernel_width : 1;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky, y += p->dilation_y) {
    const TILE_ELEMENT *line = image + y * p->input_width * channels;
    const int is_row_inside = y >= 0 && y < p->input_height;
    for (int32_t kx = 0; kx < p->kernel_width; kx += width) {
      const int32_t from = x + kx * p->dilation_x;
      int32_t before = from < 0 ? -from : 0;
      int32_t after = from + width > p->input_width ? from + width - p->input_width : 0;
      if (!is_row_inside || before > width || after > width) {
        before = width;
        after = 0;
      }
      patch = fill_values(patch, p->input_zero_point, before * channels);
      patch = copy_values(patch, line + (from + before) * channels, (width - before - after) * channels);
      patch = fill_values(patch, p->input_zero_point, after * channels);
    }
  }
}

#endif

/* Where in the input a pixel's kernel lies. */
struct place {
  const TILE_ELEMENT *image;
  int32_t y, x;
  const TILE_ELEMENT *last; /* from which on whole steps of TILE_STEP reach behind the input */
};

static inline void advance(const struct tinynn_conv2d *restrict p, struct place *place) {
  place->x += p->stride_x;
  if (place->x == p->output_width * p->stride_x - p->pad_left) {
    place->x = -p->pad_left;
    place->y += p->stride_y;
    if (place->y == p->output_height * p->stride_y - p->pad_top) {
      place->y = -p->pad_top;
      place->image += p->input_height * p->input_width * p->input_channels;
    }
  }
}

#ifndef TILE_PAIRS
#if defined(TILE_ROWS) || defined(TILE_HALVES)
/* Whether all that is under the kernel lies in the input, each row's values side by side. */
static inline int is_inside(const struct tinynn_conv2d *restrict p, const struct place *place) {
  return place->x >= 0 && place->x + p->kernel_width <= p->input_width && p->dilation_x == 1 && place->y >= 0 &&
         place->y + (p->kernel_height - 1) * p->dilation_y < p->input_height;
}
#endif

#ifdef TILE_ROWS
/* Point at the rows of one pixel's kernel: inside the input, or gathered in `patch`. */
static inline const TILE_ELEMENT *rows_of(const struct tinynn_conv2d *restrict p, const struct place *place,
                                          TILE_ELEMENT *restrict patch, int32_t *gap) {
  const int32_t line_bytes = p->input_width * p->input_channels;
  if (is_inside(p, place)) {
    *gap = p->dilation_y * line_bytes - p->kernel_width * p->input_channels;
    return place->image + place->y * line_bytes + place->x * p->input_channels;
  }
  copy_patch(p, place->image, patch, place->y, place->x);
  *gap = 0;
  return patch;
}
#endif

#ifndef TILE_HALVES
/* Point at one pixel's products, gathered in `patch` unless they are contiguous already. */
static inline const TILE_ELEMENT *products_of(const struct tinynn_conv2d *restrict p, const struct place *place,
                                        TILE_ELEMENT *restrict patch) {
  if (p->kernel_height * p->kernel_width == 1) {
    const TILE_ELEMENT *pixel = place->image + (place->y * p->input_width + place->x) * p->input_channels;
    if (TILE_STEP == 1 || pixel <= place->last) {
      return pixel;
    }
  }
#ifdef TILE_COPIES
  if (place->x >= 0 && place->x + p->kernel_width <= p->input_width && p->dilation_x == 1) {
    copy_rows(p, place->image, patch, place->y, place->x);
    return patch;
  }
#endif
  copy_patch(p, place->image, patch, place->y, place->x);
  return patch;
}
#else
static inline void bring_together(const struct tinynn_conv2d *restrict p, struct tinynn_tile *job, struct place *place,
                                  int32_t pixels, int8_t *restrict patch) {
  const int32_t pitch = p->input_width * p->input_channels, row = p->kernel_width * p->input_channels;
  uint32_t *halves = job->halves;
  job->pixels = pixels;
  if (p->kernel_height * p->kernel_width == 1 && p->input_width == p->output_width && row % 4 == 0 &&
      p->input_height == p->output_height && p->pad_left + p->pad_top == 0) {
    tinynn_widen(halves, place->image, pixels * job->fours);
    place->image += pixels * row;
    return;
  }
  for (; pixels > 0; --pixels) {
    if (row % 4 == 0 && is_inside(p, place)) {
      const int8_t *line = place->image + place->y * pitch + place->x * p->input_channels;
      for (int32_t left = p->kernel_height; left > 0; --left) {
        halves = tinynn_widen(halves, line, row / 4);
        line += p->dilation_y * pitch;
      }
    } else {
      copy_patch(p, place->image, patch, place->y, place->x);
      halves = tinynn_widen(halves, patch, job->fours);
    }
    advance(p, place);
  }
}
#endif
#else
static inline int32_t pair_of(int8_t first, int8_t second) { return first + second * 65536; }

static inline int32_t *pair_values(int32_t *restrict to, const int8_t *restrict first, const int8_t *restrict second,
                                   int32_t count) {
  const int8_t *const end = first + count;
  for (const int8_t *fours = first + (count & ~3); first != fours; first += 4) {
    to[0 * TILE_PAIRS] = pair_of(first[0], second[0]);
    to[1 * TILE_PAIRS] = pair_of(first[1], second[1]);
    to[2 * TILE_PAIRS] = pair_of(first[2], second[2]);
    to[3 * TILE_PAIRS] = pair_of(first[3], second[3]);
    to += 4 * TILE_PAIRS;
    second += 4;
  }
  for (; first != end; ++first) {
    *to = pair_of(*first, *second++);
    to += TILE_PAIRS;
  }
  return to;
}

/* Columns of a row of the input; none where there is no such row. */
static inline uint32_t columns_of(const struct tinynn_conv2d *restrict p, int32_t y) {
  return (uint32_t)y < (uint32_t)p->input_height ? (uint32_t)p->input_width : 0;
}

/* How a kernel lies: 2 all of it inside, 1 its columns, which are neighbours, or 0. */
static inline int how_inside(const struct tinynn_conv2d *restrict p, const struct place *place) {
  if (p->dilation_x != 1 || place->x < 0 || place->x + p->kernel_width > p->input_width) {
    return 0;
  }
  return place->y >= 0 && place->y + (p->kernel_height - 1) * p->dilation_y < p->input_height ? 2 : 1;
}

static void pair_pixels(const struct tinynn_conv2d *restrict p, const struct place *first, const struct place *second,
                        int32_t *restrict to, const int8_t *padding) {
  const int32_t channels = p->input_channels, step = p->dilation_x * channels, pitch = p->input_width * channels;
  const int one_is = how_inside(p, first), other_is = how_inside(p, second), are_whole = one_is & other_is & 2;
  const int8_t *one = first->image + first->y * pitch + first->x * channels;
  const int8_t *other = second->image + second->y * pitch + second->x * channels;
  for (int32_t ky = 0, down = 0; ky < p->kernel_height; ++ky, down += p->dilation_y) {
    if (are_whole || (one_is && other_is && columns_of(p, first->y + down) && columns_of(p, second->y + down))) {
      to = pair_values(to, one, other, p->kernel_width * channels);
    } else {
      const uint32_t columns = columns_of(p, first->y + down), others = columns_of(p, second->y + down);
      const int8_t *from = one, *beside = other;
      uint32_t x = (uint32_t)first->x, right = (uint32_t)second->x;
      for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
        to = pair_values(to, x < columns ? from : padding, right < others ? beside : padding, channels);
        x += (uint32_t)p->dilation_x;
        right += (uint32_t)p->dilation_x;
        from += step;
        beside += step;
      }
    }
    one += p->dilation_y * pitch;
    other += p->dilation_y * pitch;
  }
}

/* Whether all pixels of a tile lie side by side in a row, with all that is under their kernels inside the input. */
static inline int is_in_a_row(const struct tinynn_conv2d *restrict p, const struct place *place, int32_t pixels) {
  if (pixels < TILE_PIXELS) {
    return 0;
  }
  if (p->kernel_height * p->kernel_width == 1 && p->input_width == p->output_width && p->input_height == p->output_height) {
    return p->pad_left + p->pad_top == 0; /* from row to row, too */
  }
  const struct place last = {place->image, place->y, place->x + (TILE_PIXELS - 1) * p->stride_x, place->last};
  return last.x < p->output_width * p->stride_x - p->pad_left && how_inside(p, place) & how_inside(p, &last) & 2;
}

/* Values of such pixels, `step` bytes apart. */
static inline int32_t *row_values(int32_t *restrict to, const int8_t *restrict from, int32_t step, int32_t count) {
  const int8_t *x[TILE_PIXELS];
  for (int32_t i = 0; i < TILE_PIXELS; ++i) {
    x[i] = from + i * step;
  }
#define VALUES(k) \
  do { \
    for (int32_t i = 0; i < TILE_PAIRS; ++i) { \
      to[(k) * TILE_PAIRS + i] = pair_of(x[2 * i][k], x[2 * i + 1][k]); \
    } \
  } while (0)
#define ADVANCE(by) \
  do { \
    for (int32_t i = 0; i < TILE_PIXELS; ++i) { \
      x[i] += by; \
    } \
    to += by * TILE_PAIRS; \
  } while (0)
  const int8_t *const end = from + count;
  for (const int8_t *threes = from + count / 3 * 3; x[0] != threes;) {
    VALUES(0);
    VALUES(1);
    VALUES(2);
    ADVANCE(3);
  }
  while (x[0] != end) {
    VALUES(0);
    ADVANCE(1);
  }
#undef VALUES
#undef ADVANCE
  return to;
}

static inline void rows_of_pixels(const struct tinynn_conv2d *restrict p, const struct place *place,
                                  int32_t *restrict to) {
  const int32_t channels = p->input_channels, pitch = p->input_width * channels;
  const int8_t *line = place->image + place->y * pitch + place->x * channels;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky) {
    to = row_values(to, line, p->stride_x * channels, p->kernel_width * channels);
    line += p->dilation_y * pitch;
  }
}

/* All pixels of a tile by pairs; those that are not there are the first one. */
static inline void bring_together(const struct tinynn_conv2d *restrict p, struct tinynn_tile *job, struct place *place,
                                  int32_t pixels, int8_t *restrict scratch, int32_t pitch) {
  const int8_t *padding = scratch + TILE_PAIRS * (int32_t)sizeof(int32_t) * pitch;
  const struct place first = *place;
  job->x[0] = scratch;
  if (is_in_a_row(p, place, pixels)) {
    rows_of_pixels(p, place, (int32_t *)(void *)scratch);
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      advance(p, place);
    }
    return;
  }
  for (int32_t i = 0; i < TILE_PIXELS; i += 2) {
    struct place places[2] = {first, first};
    for (int32_t j = 0; j < 2 && i + j < pixels; ++j) {
      places[j] = *place;
      advance(p, place);
    }
    pair_pixels(p, &places[0], &places[1], (int32_t *)(void *)scratch + i / 2, padding);
  }
}
#endif

static inline void tiled_conv2d(const struct tinynn_conv2d *restrict p, const TILE_ELEMENT *input,
                                TILE_ELEMENT *output, TILE_ELEMENT *restrict scratch) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  const int32_t pitch = (products + TILE_STEP - 1) / TILE_STEP * TILE_STEP;
  const int is_direct = p->kernel_height * p->kernel_width == 1 && pitch == products;
#ifdef TILE_WORDS
  int32_t *const words = (int32_t *)(void *)scratch;
  scratch += TILE_PIXELS * (int32_t)sizeof *words * products;
#endif
#ifdef TILE_HALVES
  uint32_t *const halves = (uint32_t *)(void *)scratch;
  scratch += (int32_t)sizeof *halves * (2 * (TILE_PIXELS + 1) * (pitch / 4) + 1);
#endif
#ifdef TILE_PAIRS
  const int32_t padding = TILE_PAIRS * (int32_t)sizeof(int32_t) * pitch;
  const int32_t patches = padding + (is_direct ? 0 : p->input_channels);
  for (int32_t i = padding; i < patches; ++i) {
    scratch[i] = (int8_t)p->input_zero_point;
  }
#else
  const int32_t patches = is_direct ? 0 : TILE_PIXELS * pitch;
#endif
  const int32_t blocks = (p->output_channels + TILE_CHANNELS - 1) / TILE_CHANNELS;
  const int32_t pitch_aside = blocks * TILE_CHANNELS;
  TILE_ELEMENT *aside = scratch + patches;
  struct tinynn_tile job = {.weights = p->weights,
                            .channels = p->channels,
                            .products = products,
                            .blocks = blocks,
                            .output_zero_point = p->output_zero_point,
                            .lowest = p->lowest,
                            .highest = p->highest};
#ifdef TILE_WORDS
  job.words = words;
#endif
#ifdef TILE_HALVES
  job.halves = halves;
  job.fours = pitch / 4;
#endif
#ifdef TILE_ROWS
  job.rows = p->kernel_height;
  job.run = p->kernel_width * p->input_channels;
#endif
  const int32_t elements = p->batches * p->input_height * p->input_width * p->input_channels;
  struct place place = {input, -p->pad_top, -p->pad_left, input + elements - pitch};
  int32_t left = p->batches * p->output_height * p->output_width;
  while (left > 0) {
    const int32_t pixels = left < TILE_PIXELS ? left : TILE_PIXELS;
#ifdef TILE_PAIRS
    bring_together(p, &job, &place, pixels, scratch, pitch);
#elif defined(TILE_HALVES)
    bring_together(p, &job, &place, pixels, scratch);
#else
    for (int32_t i = 0; i < TILE_PIXELS; ++i) {
      job.x[i] = job.x[0]; /* pixels that are not there */
#ifdef TILE_ROWS
      job.gap[i] = job.gap[0];
#endif
      if (i < pixels) {
#ifdef TILE_ROWS
        job.x[i] = rows_of(p, &place, scratch + i * pitch, &job.gap[i]);
#else
        job.x[i] = products_of(p, &place, scratch + i * pitch);
#endif
        advance(p, &place);
      }
    }
#endif
    /* the tile is written as a whole, but the output may have fewer pixels or channels */
#ifdef TILE_HALVES
    const int is_aside = 0;
#else
    const int is_aside = pixels < TILE_PIXELS || p->output_channels < pitch_aside;
#endif
    job.output = is_aside ? aside : output;
    job.output_pitch = is_aside ? pitch_aside : p->output_pitch;
    tile(&job);
    for (int32_t i = 0; is_aside && i < pixels; ++i) {
      memcpy(output + i * p->output_pitch, aside + i * pitch_aside, (size_t)p->output_channels * sizeof *output);
    }
    output += pixels * p->output_pitch;
    left -= pixels;
  }
}

#endif
