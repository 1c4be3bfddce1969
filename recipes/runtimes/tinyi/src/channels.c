/* Channel records: see tinyi/channels.h. */
#include "tinyi/channels.h"
#include "tinynn/fixed_point.h"

static inline struct tinyi_factor factor_of(const struct tinyi_channels *channels, int32_t c) {
  return tinyi_factor(&channels->quotient, channels->scales[c * channels->scale_step]);
}

static inline int32_t bias_of(const struct tinyi_channels *channels, int32_t c) {
  return channels->bias == NULL ? 0 : channels->bias[c];
}

static inline uint32_t absolute(int32_t value) { return value < 0 ? -(uint32_t)value : (uint32_t)value; }

/* Whether all weights of channel c are zeros, as those of pruned channels are. */
static int32_t is_zero(const struct tinyi_rows *rows, int32_t c) {
  const int8_t *weight = rows->weights + c * rows->step;
  int32_t left = rows->products;
  if (rows->pitch == 1 && ((uintptr_t)weight & 3) == 0) {
    for (; left >= 32; left -= 32) {
      const uint32_t *words = (const uint32_t *)(const void *)weight;
      if ((words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7]) != 0) {
        return 0;
      }
      weight += 32;
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

/* The magnitudes of the weights of channel c, together. Rarely asked for: small rather than fast. */
static __attribute__((noinline)) int32_t magnitudes(const struct tinyi_rows *rows, int32_t c) {
  const int8_t *weight = rows->weights + c * rows->step;
  int32_t sum = 0;
#pragma GCC unroll 1
  for (int32_t left = rows->products; left > 0; --left) {
    sum += *weight < 0 ? -*weight : *weight;
    weight += rows->pitch;
  }
  return sum;
}

/* Whether channel c can be rescaled by right shifts alone, whatever its weights are. */
static inline int32_t is_safe(const struct tinyi_channels *channels, int32_t c, struct tinyi_factor factor) {
  /* |input - zero point| ≤ 255, |weight| ≤ 128 */
  const uint32_t most = absolute(bias_of(channels, c)) + (uint32_t)channels->rows.products * 255 * 128;
  const uint32_t offset = absolute(2 * channels->output_zero_point + 1);
  return (uint32_t)(-factor.shift - 1) < TINYNN_LARGEST_RIGHT_SHIFT && most < UINT32_C(1) << 30 &&
         2 * most + (offset << -factor.shift) < UINT32_C(1) << 31;
}

static inline int32_t output_of(const struct tinyi_channels *channels, int32_t sum, struct tinyi_factor factor) {
  const int32_t scaled = tinynn_rescale(sum, factor.multiplier, factor.shift);
  return tinynn_clamp(tinynn_from_zero(channels->output_zero_point, scaled), channels->lowest, channels->highest);
}

/* What a channel with one output becomes: 2^CONSTANT_BITS of it, scaled down as far. Sums of its weights that stay below
 * half of that leave it as it is. */
enum { CONSTANT_BITS = 22 };

/* Whether channel c has one output for any input, although its sums vary: most such are scaled to nothing. */
static __attribute__((noinline)) int32_t is_constant(const struct tinyi_channels *channels, int32_t c,
                                                     struct tinyi_factor factor, int32_t magnitudes) {
  const int32_t bias = bias_of(channels, c), swing = 255 * magnitudes;
  if (factor.shift > 0 || swing > (1 << (CONSTANT_BITS - 1)) - 2) {
    return 0;
  }
  /* what leaves 32 bits wraps around, and may be any sum */
  const int32_t wraps = absolute(bias) > (uint32_t)(INT32_MAX - swing);
  int32_t outputs[2];
#pragma GCC unroll 1
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t sum = i == 0 ? (wraps ? INT32_MIN : bias - swing) : (wraps ? INT32_MAX : bias + swing);
    outputs[i] = output_of(channels, sum, factor);
  }
  return outputs[0] == outputs[1];
}

/* The record of channel c for rescale_right.h, without the zero point's part of the bias. It is safe, or has one output
 * for any input. */
static inline __attribute__((always_inline)) void make_record(const struct tinyi_channels *channels, int32_t c,
                                                              struct tinynn_channel *record) {
  const struct tinyi_factor factor = factor_of(channels, c);
  const int32_t bias = bias_of(channels, c);
  record->bias = bias;
  record->multiplier = (int32_t)((uint32_t)factor.multiplier << 1);
  record->shift = -factor.shift - 1;
  if (is_safe(channels, c, factor)) {
    return;
  }
  const int32_t value = output_of(channels, bias, factor);
  record->bias = (value - channels->output_zero_point) * (1 << CONSTANT_BITS);
  record->multiplier = INT32_MIN; /* twice 2^30 */
  record->shift = CONSTANT_BITS - 2;
}

/* A quick test without a factor: scales whose bits are from `lowest` on, biases up to `bias`, are safe. */
struct range {
  uint32_t lowest, count;
  int32_t bias;
};

static struct range safe_range(const struct tinyi_channels *channels) {
  /* tinyi_factor's shift is the scale's exponent and this, or one more */
  const int32_t base = channels->quotient.exponent - channels->quotient.places - 126;
  const int32_t first = -TINYNN_LARGEST_RIGHT_SHIFT - base, last = -2 - base;
  const int32_t from = first < 1 ? 1 : first, to = last > 254 ? 254 : last;
  const uint32_t offset = absolute(2 * channels->output_zero_point + 1);
  const uint32_t most = ((UINT32_C(1) << 31) - (offset << TINYNN_LARGEST_RIGHT_SHIFT)) / 2 - 1;
  const struct range range = {(uint32_t)from << 23, to < from ? 0 : (uint32_t)(to - from + 1) << 23,
                              (int32_t)(most - (uint32_t)channels->rows.products * 255 * 128)};
  return range;
}

/* The first channel from c on that fails the quick test: a loop of its own, so that all is in registers. */
static __attribute__((noinline)) int32_t first_unsure(const struct tinyi_channels *channels, const struct range *range,
                                                      int32_t c) {
  const int32_t count = channels->rows.channels, step = channels->scale_step;
  const uint32_t lowest = range->lowest, width = range->count, limit = 2 * (uint32_t)range->bias;
  const uint32_t *scale = channels->scales + c * step;
  const int32_t *bias = channels->bias;
  for (; c < count && *scale - lowest < width; ++c) {
    if (bias != NULL && (uint32_t)bias[c] + (uint32_t)range->bias > limit) {
      break;
    }
    scale += step;
  }
  return c;
}

/* Whether the scale is valid, and its factor within what kernels can shift by. */
static int32_t can_rescale(const struct tinyi_channels *channels, int32_t c) {
  const uint32_t scale = channels->scales[c * channels->scale_step];
  /* The shift is two more at most. Most that get here have tiny scales, whose factors take long. */
  const int32_t least = (int32_t)(scale >> 23) - 126 + channels->quotient.exponent - channels->quotient.places;
  return tinyi_is_scale(scale) &&
         (least <= TINYI_LARGEST_SHIFT - 2 || factor_of(channels, c).shift <= TINYI_LARGEST_SHIFT);
}

static inline __attribute__((always_inline)) int32_t has_right_shifts(
    struct tinyi_context *context, const struct tinyi_channels *channels,
    int32_t (*is_zero)(const struct tinyi_rows *rows, int32_t c),
    int32_t (*magnitudes)(const struct tinyi_rows *rows, int32_t c)) {
  const int32_t count = channels->rows.channels, step = channels->scale_step;
  int32_t has_right_shifts = channels->rows.products <= 1 << 13;
  const struct range range = safe_range(channels);
  for (int32_t c = 0; has_right_shifts && (c = first_unsure(channels, &range, c)) < count; ++c) {
    has_right_shifts = can_rescale(channels, c);
    if (has_right_shifts && !is_zero(&channels->rows, c)) {
      const struct tinyi_factor factor = factor_of(channels, c);
      has_right_shifts =
          is_safe(channels, c, factor) || is_constant(channels, c, factor, magnitudes(&channels->rows, c));
    }
  }
  /* where it isn't, the others have not been looked at */
  for (int32_t c = 0; !has_right_shifts && c < (step ? count : 1); ++c) {
    tinyi_require(context, can_rescale(channels, c), TINYI_UNSUPPORTED);
  }
  return has_right_shifts;
}

int32_t tinyi_has_right_shifts(struct tinyi_context *context, const struct tinyi_channels *channels) {
  return has_right_shifts(context, channels, is_zero, magnitudes);
}

static int32_t is_zero_int4(const struct tinyi_rows *rows, int32_t c) {
  int32_t at = c * rows->step;
  for (int32_t left = rows->products; left > 0; --left) {
    if ((rows->weights[at / 2] & (at % 2 == 0 ? 0x0f : 0xf0)) != 0) {
      return 0;
    }
    at += rows->pitch;
  }
  return 1;
}

static int32_t magnitudes_int4(const struct tinyi_rows *rows, int32_t c) {
  int32_t at = c * rows->step, sum = 0;
  for (int32_t left = rows->products; left > 0; --left) {
    const uint32_t byte = (uint8_t)rows->weights[at / 2], weight = at % 2 == 0 ? byte & 15 : byte >> 4;
    sum += (int32_t)(weight < 8 ? weight : 16 - weight);
    at += rows->pitch;
  }
  return sum;
}

int32_t tinyi_has_right_shifts_int4(struct tinyi_context *context, const struct tinyi_channels *channels) {
  return has_right_shifts(context, channels, is_zero_int4, magnitudes_int4);
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

void tinyi_right_shift_records(const struct tinyi_channels *channels, int32_t first, int32_t count,
                               struct tinynn_channel *records) {
  for (int32_t c = 0; c < count; ++c) {
    make_record(channels, first + c, &records[c]);
  }
}
