/* Channel records of tinynn's kernels, made from the file's scales and biases in each inference: keeping them would
 * take 12 bytes of RAM for each channel, and making one costs some fifty instructions. */
#ifndef TINYI_CHANNELS_H
#define TINYI_CHANNELS_H

#include "tinyi/context.h"

/* Weights of channel c: products of them, `pitch` apart, from `weights + c * step` on. */
struct tinyi_rows {
  const int8_t *weights;
  int32_t channels, products;
  int32_t step, pitch;
};

struct tinyi_channels {
  struct tinyi_quotient quotient; /* input scale / output scale */
  const uint32_t *scales;
  int32_t scale_step; /* 0: one for all */
  const int32_t *bias; /* NULL: none; of int16 layers it may have 64 bits, the lower half first */
  struct tinyi_rows rows;
  int32_t input_zero_point, output_zero_point;
  int32_t lowest, highest;
};

/* Whether rescaling by right shifts alone is exact for all channels, as tinynn/rescale_right.h needs it, for any input
 * and whether or not the input's zero point was folded into the bias. Channels whose weights are all zero are not
 * considered. Refuses scales that are negative, infinite, NaN, or too far apart from those of input and output. */
int32_t tinyi_has_right_shifts(struct tinyi_context *context, const struct tinyi_channels *channels);
int32_t tinyi_has_right_shifts_int4(struct tinyi_context *context, const struct tinyi_channels *channels);

/* Records of `count` channels from `first` on as the variant ref reads them: the input's zero point is folded in. */
void tinyi_plain_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                         struct tinynn_channel *records);

/* The same for rescale_right.h; the bias is the file's, unfolded. Only where tinyi_has_right_shifts. */
void tinyi_right_shift_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                               struct tinynn_channel *records);

/* The same for layers of int16 with biases of 64 bits, as tinynn/narrow.h reads them. */
void tinyi_narrow_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                          struct tinynn_channel *records);

/* -input_zero_point * Σ weights of channel c. */
int32_t tinyi_fold(const struct tinyi_channels *channels, int32_t c);

#endif
