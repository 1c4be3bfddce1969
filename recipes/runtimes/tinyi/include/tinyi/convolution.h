/* What CONV_2D and DEPTHWISE_CONV_2D share: windows, channels, and kernels as they are chosen by the operator table. */
#ifndef TINYI_CONVOLUTION_H
#define TINYI_CONVOLUTION_H

#include "tinyi/channels.h"

/* A layer. The two structs have members of the same types in the same order, so that either may be read. */
struct tinyi_convolution {
  const int8_t *input;
  int8_t *output;
  int32_t outputs; /* elements */
  int32_t weight_zero_point;
  uint32_t product; /* bits of the input's scale times the weights', of an asymmetric layer */
  struct tinyi_channels channels;
  union {
    struct tinynn_conv2d conv2d;
    struct tinynn_depthwise depthwise;
  };
};

/* Read and check a layer, except for what its kernel needs: CONV_2D, or what is said. */
enum { TINYI_DEPTHWISE = 1, TINYI_ASYMMETRIC = 2 };
void tinyi_read_convolution(struct tinyi_context *context, struct tinyi_convolution *layer, uint32_t kind);

/* The same with weights of int4, which rows.weights points to as they are packed. */
void tinyi_read_convolution_int4(struct tinyi_context *context, struct tinyi_convolution *layer, uint32_t kind);

/* The same of int16, without the bias. */
void tinyi_read_convolution_int16(struct tinyi_context *context, struct tinyi_convolution *layer,
                                  uint32_t is_depthwise);

/* TRANSPOSE_CONV of either, without the bias. */
void tinyi_read_transpose_conv(struct tinyi_context *context, uint32_t type, struct tinyi_convolution *layer);

/* A way to compute CONV_2D: weights are packed block by block of channels into scratch, then the kernel runs. */
struct tinyi_conv2d {
  /* Weights and records of `count` channels from `first` on; the rest of a tile is filled with zeros. */
  void (*pack)(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
               int8_t *weights, struct tinynn_channel *records);
  void (*compute)(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                  void *restrict scratch);
  /* Bytes of scratch for a block of p->output_channels, apart from weights and records. */
  uint32_t (*scratch_bytes)(const struct tinynn_conv2d *p);
  uint32_t (*channel_bytes)(const struct tinynn_conv2d *p); /* packed weights of one channel; 0: those of the file */
  int32_t tile; /* channels of a block are a multiple of it */
  int32_t lanes; /* a power of two; blocks of more channels, but not all, are a multiple of this, too */
  int32_t (*supports_weights)(const struct tinyi_channels *channels); /* whether it computes these weights; NULL: any */
  int32_t pixels; /* that it reads, then writes */
};

/* Weights of a channel. */
static inline uint32_t tinyi_row_bytes(const struct tinynn_conv2d *p) {
  return (uint32_t)(p->kernel_height * p->kernel_width * p->input_channels);
}

/* Scratch of tinynn/tiled_conv2d.h: each pixel's values under the kernel; room for outputs to be copied from. */
static inline uint32_t tinyi_tile_bytes(const struct tinynn_conv2d *p, int32_t pixels) {
  const int32_t patch = p->kernel_height * p->kernel_width == 1 ? 0 : p->kernel_height * p->kernel_width;
  return (uint32_t)(pixels * (patch * p->input_channels + p->output_channels));
}

extern const struct tinyi_conv2d tinyi_conv2d_ref, tinyi_conv2d_c, tinyi_conv2d_rv32, tinyi_conv2d_dsp,
    tinyi_conv2d_mve, tinyi_conv2d_rvv;

/* The same of int16, where sums have 32 bits: tinynn/narrow.h. */
extern const struct tinyi_conv2d tinyi_conv2d_int16_c, tinyi_conv2d_int16_rv32, tinyi_conv2d_int16_dsp;

/* The same where the weights of a channel lie apart, of one input channel. */
extern const struct tinyi_conv2d tinyi_conv2d_apart_dsp;

/* A layer that was read: ask for memory, or compute it by a kernel, or by the definition where set-up chose that. */
void tinyi_plan_conv2d_layer(struct tinyi_context *context, struct tinyi_convolution *layer,
                             const struct tinyi_conv2d *kernel);
void tinyi_conv2d_layer(const struct tinyi_context *context, struct tinyi_convolution *layer,
                        const struct tinyi_conv2d *kernel);

enum { TINYI_ALONG_PIXELS = 1, TINYI_ALONG_PLANES = 2 };

/* A kernel of DEPTHWISE_CONV_2D. */
struct tinyi_depthwise {
  void (*compute)(const struct tinynn_depthwise *restrict p, const int8_t *input, int8_t *output,
                  void *restrict scratch);
  int32_t (*supports_shape)(const struct tinynn_depthwise *p); /* whether it computes these shapes */
  uint32_t (*scratch_bytes)(const struct tinynn_depthwise *p);
  /* Where each channel has one output channel, and the output has no more pixels: TINYI_ALONG_PIXELS, it may begin
   * where the input does; TINYI_ALONG_PLANES, any number of pixels away. */
  int32_t is_in_place;
  const struct tinyi_depthwise *fallback; /* where it doesn't fit; NULL: the definition */
  /* All four NULL: weights are [channel][taps], and any are supported. */
  int32_t (*supports_weights)(const struct tinyi_channels *channels); /* whether it computes these weights */
  int32_t (*padded_channels)(const struct tinynn_depthwise *p); /* channels that weights and records have room for */
  int32_t (*packed_taps)(const struct tinynn_depthwise *p); /* bytes of each of them; NULL: as many as there are taps */
  void (*pack)(const struct tinyi_channels *channels, const struct tinynn_depthwise *p, int8_t *taps,
               struct tinynn_channel *records);
};

/* Kernels of 3×3, and those with one for any other taps behind. */
extern const struct tinyi_depthwise tinyi_depthwise_c, tinyi_depthwise_rv32, tinyi_depthwise_dsp, tinyi_depthwise_mve,
    tinyi_depthwise_rvv;
struct tinyi_depthwise_general {
  struct tinyi_depthwise first;
  const struct tinyi_conv2d *of_one_channel; /* for several outputs of one channel: any convolution; NULL: no other */
};
extern const struct tinyi_depthwise_general tinyi_depthwise_general_c, tinyi_depthwise_general_rv32,
    tinyi_depthwise_general_dsp, tinyi_depthwise_general_mve, tinyi_depthwise_general_rvv;

/* 3×3 taps without dilation, one output channel for each input channel. */
static inline int32_t tinyi_is_3x3(const struct tinynn_depthwise *p) {
  return p->kernel_height == 3 && p->kernel_width == 3 && p->depth_multiplier == 1 && p->dilation_y == 1 &&
         p->dilation_x == 1;
}

static inline int32_t tinyi_has_one_output_each(const struct tinynn_depthwise *p) { return p->depth_multiplier == 1; }

/* Scratch of tinynn/taps.h: where a pixel's taps lie, inside and at an edge; a pixel of padding. */
static inline uint32_t tinyi_tap_bytes(const struct tinynn_depthwise *p) {
  return 8 * (uint32_t)(p->kernel_height * p->kernel_width) + (uint32_t)p->input_channels;
}

/* What the kernel sees of one channel, padding included; 0 and 0 where that is larger than any memory. */
struct tinyi_plane {
  int32_t rows, columns;
};

static inline struct tinyi_plane tinyi_plane(const struct tinynn_depthwise *p) {
  struct tinyi_plane plane = {(p->output_height - 1) * p->stride_y + (p->kernel_height - 1) * p->dilation_y + 1,
                              (p->output_width - 1) * p->stride_x + (p->kernel_width - 1) * p->dilation_x + 1};
  if ((int64_t)plane.rows * plane.columns > 1 << 26) {
    plane.rows = 0;
    plane.columns = 0;
  }
  return plane;
}

void tinyi_conv2d(struct tinyi_context *context);
void tinyi_depthwise(struct tinyi_context *context); /* kernel NULL: any taps */
void tinyi_depthwise_rare(struct tinyi_context *context); /* kernel: struct tinyi_depthwise_general, or NULL */

#endif
