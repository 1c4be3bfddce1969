/* Channel records: see tinyi/channels.h. */
#include "tinyi/channels.h"
#include "tinynn/fixed_point.h"

/* Beyond it the kernels' rounding offset could leave 31 bits. */
enum { LARGEST_SHIFT = 22 };

static inline struct tinyi_factor factor_of(const struct tinyi_channels *channels, int32_t c) {
  return tinyi_factor(&channels->quotient, channels->scales[c * channels->scale_step]);
}

static inline int32_t bias_of(const struct tinyi_channels *channels, int32_t c) {
  return channels->bias == NULL ? 0 : channels->bias[c];
}

static inline uint32_t absolute(int32_t value) { return value < 0 ? -(uint32_t)value : (uint32_t)value; }

/* Whether channel c has no weight but zeros: what a network trained with pruned channels has many of. */
static int32_t is_zero(const struct tinyi_rows *rows, int32_t c) {
  const int8_t *weight = rows->weights + c * rows->step;
  int32_t left = rows->products;
  if (rows->pitch == 1 && ((uintptr_t)weight & 3) == 0) {
    for (; left >= 16; left -= 16) {
      const uint32_t *words = (const uint32_t *)(const void *)weight;
      if ((words[0] | words[1] | words[2] | words[3]) != 0) {
        return 0;
      }
      weight += 16;
    }
  }
  for (; left > 0; --left) {
    if (*weight != 0) {
      return 0;
    }
    weight += rows->pitch;
  }
  return 1;
}

/* The record of channel c for rescale_right.h, without the zero point's part of the bias; 0 where there is none. What
 * was checked once need not be looked at again. */
static inline __attribute__((always_inline)) int32_t make_record(const struct tinyi_channels *channels, int32_t c,
                                                                 int32_t is_checked, struct tinynn_channel *record) {
  const struct tinyi_factor factor = factor_of(channels, c);
  const int32_t bias = bias_of(channels, c);
  /* |input - zero point| ≤ 255, |weight| ≤ 128 */
  const uint32_t most = absolute(bias) + (uint32_t)channels->rows.products * 255 * 128;
  const uint32_t offset = absolute(2 * channels->output_zero_point + 1);
  record->bias = bias;
  record->multiplier = (int32_t)((uint32_t)factor.multiplier << 1);
  record->shift = -factor.shift - 1;
  if ((uint32_t)record->shift < LARGEST_SHIFT && most < UINT32_C(1) << 30 &&
      2 * most + (offset << -factor.shift) < UINT32_C(1) << 31) {
    return 1;
  }
  if (!is_checked && !is_zero(&channels->rows, c)) {
    return 0;
  }
  /* One value whatever the input; a quarter of four times it. */
  const int32_t scaled = tinynn_rescale(bias, factor.multiplier, factor.shift);
  const int32_t value = tinynn_clamp(channels->output_zero_point + scaled, channels->lowest, channels->highest);
  record->bias = 4 * (value - channels->output_zero_point);
  record->multiplier = INT32_MIN; /* twice 2^30 */
  record->shift = 0;
  return 1;
}

int32_t tinyi_is_right(const struct tinyi_channels *channels) {
  struct tinynn_channel record;
  int32_t is_right = channels->rows.products <= 1 << 13;
  for (int32_t c = 0; is_right && c < channels->rows.channels; ++c) {
    is_right = make_record(channels, c, 0, &record);
  }
  return is_right;
}

int32_t tinyi_fold(const struct tinyi_channels *channels, int32_t c) {
  const struct tinyi_rows *rows = &channels->rows;
  const int8_t *weight = rows->weights + c * rows->step;
  int32_t sum = 0;
  for (int32_t i = 0; i < rows->products; ++i) {
    sum += *weight;
    weight += rows->pitch;
  }
  return -channels->input_zero_point * sum;
}

void tinyi_plain_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                         struct tinynn_channel *records) {
  for (int32_t c = first; c < first + count; ++c) {
    const struct tinyi_factor factor = factor_of(channels, c);
    records->bias = (int32_t)((uint32_t)bias_of(channels, c) + (uint32_t)tinyi_fold(channels, c));
    records->multiplier = factor.multiplier;
    records->shift = factor.shift;
    ++records;
  }
}

void tinyi_right_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                         struct tinynn_channel *records) {
  for (int32_t c = 0; c < count; ++c) {
    make_record(channels, first + c, 1, &records[c]);
  }
}
