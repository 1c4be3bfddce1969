/* Features of sound, in integers: the operators Signal… of TFLM's audio preprocessor but for the transform (rfft.c).
 *
 * Bit for bit what tflite-micro's signal/src computes, wraparounds included. `bits(x)`: those of x without zeros in front.
 */
#include "tinynn.h"
#include "tinynn/fixed_point.h"

static int32_t bits(uint32_t x) {
  int32_t count = 0;
  for (; x > 0; x >>= 1) {
    ++count;
  }
  return count;
}

/* out = clamp(in * window >> shift), window by window */
void tinynn_signal_window_ref(const struct tinynn_signal_window *restrict p, const int16_t *input, int16_t *output) {
  for (int32_t row = 0; row < p->rows; ++row) {
    for (int32_t i = 0; i < p->columns; ++i) {
      *output++ = (int16_t)tinynn_clamp((*input++ * p->window[i]) >> p->shift, INT16_MIN, INT16_MAX);
    }
  }
}

/* The places by which all values can be shifted to the left; 0 for zeros alone. */
void tinynn_signal_headroom_ref(const struct tinynn_signal_scale *restrict p, const int16_t *input, int32_t *output) {
  int32_t largest = 0;
  for (int32_t i = 0; i < p->elements; ++i) {
    const int32_t size = input[i] < 0 ? -input[i] : input[i];
    largest = size > largest ? size : largest;
  }
  *output = largest == 0 || largest > INT16_MAX ? 0 : 15 - bits((uint32_t)largest);
}

void tinynn_signal_scale_ref(const struct tinynn_signal_scale *restrict p, const int16_t *input, const int32_t *places,
                             int16_t *output) {
  for (int32_t i = 0; i < p->elements; ++i) {
    output[i] = (int16_t)((uint32_t)input[i] << *places);
  }
}

/* re² + im² of the places from `first` to `end`; 0 for others */
void tinynn_signal_energy_ref(const struct tinynn_signal_energy *restrict p, const int16_t *input, uint32_t *output) {
  for (int32_t i = 0; i < p->elements; ++i, input += 2) {
    const int32_t real = input[0], imaginary = input[1];
    output[i] = i < p->first || i >= p->end ? 0 : (uint32_t)(real * real) + (uint32_t)(imaginary * imaginary);
  }
}

/* Overlapping filters: what one place doesn't weigh in a channel, it weighs in the next. The one before the first channel
 * is not written. */
void tinynn_signal_filter_bank_ref(const struct tinynn_signal_filter_bank *restrict p, const uint32_t *input,
                                   tinynn_uint64 *output) {
  uint64_t sum = 0;
  for (int32_t channel = 0; channel <= p->channels; ++channel) {
    const uint32_t *values = input + p->starts[channel];
    const int16_t *weights = p->weights + p->weight_starts[channel];
    const int16_t *unweights = p->unweights + p->weight_starts[channel];
    uint64_t next = 0;
    for (int32_t i = 0; i < p->widths[channel]; ++i) {
      sum += (uint64_t)weights[i] * values[i];
      next += (uint64_t)unweights[i] * values[i];
    }
    if (channel > 0) {
      output[channel - 1] = sum;
    }
    sum = next;
  }
}

/* The nearest integer to the square root, the largest one of 16 bits (for 32) or 32 bits at most. */
static uint32_t square_root(uint64_t x) {
  const uint64_t most = x >> 32 > 0 ? UINT32_MAX : UINT16_MAX;
  uint64_t root = 0;
  uint64_t bit = UINT64_C(1) << 62;
  while (bit > x) {
    bit >>= 2;
  }
  for (; bit > 0; bit >>= 2) {
    const uint64_t step = root + bit;
    root >>= 1;
    if (x >= step) {
      x -= step;
      root += bit;
    }
  }
  return (uint32_t)(root + (x > root && root != most));
}

void tinynn_signal_square_root_ref(const struct tinynn_signal_channels *restrict p, const tinynn_uint64 *input,
                                   const int32_t *places, uint32_t *output) {
  for (int32_t i = 0; i < p->channels; ++i) {
    output[i] = square_root(input[i]) >> *places;
  }
}

/* noise = (smoothing * (in << smoothing_bits) + (1 - smoothing) * noise), every other channel with numbers of its own */
void tinynn_signal_noise_ref(const struct tinynn_signal_subtraction *restrict p, const uint32_t *input,
                             uint32_t *noise) {
  for (int32_t i = 0; i < p->channels; ++i) {
    const uint32_t scaled = input[i] << p->smoothing_bits;
    const uint64_t sum = (uint64_t)scaled * (uint32_t)p->smoothing[i & 1] + (uint64_t)noise[i] * (uint32_t)p->keeping[i & 1];
    const uint32_t estimate = (uint32_t)(sum >> p->subtraction_bits);
    noise[i] = p->is_clamped && estimate > scaled ? scaled : estimate;
  }
}

/* out = in - noise, a share of in at least */
void tinynn_signal_subtract_ref(const struct tinynn_signal_subtraction *restrict p, const uint32_t *input,
                                const uint32_t *noise, uint32_t *output) {
  for (int32_t i = 0; i < p->channels; ++i) {
    const uint32_t scaled = input[i] << p->smoothing_bits;
    const uint32_t rest = (noise[i] > scaled ? 0 : scaled - noise[i]) >> p->smoothing_bits;
    const uint32_t least = (uint32_t)(((uint64_t)input[i] * (uint32_t)p->least) >> p->subtraction_bits);
    output[i] = rest > least ? rest : least;
  }
}

/* Automatic gain by the noise: a table of parabolas, three numbers of four for each power of two. */
static uint32_t gain_of(const int16_t *gains, uint32_t x) {
  if (x <= 2) {
    return (uint32_t)gains[x];
  }
  const int32_t interval = bits(x);
  const int16_t *parabola = gains + 4 * interval - 6;
  const int32_t fraction = (int32_t)(interval < 11 ? x << (11 - interval) : x >> (interval - 11)) & 0x3ff;
  const uint32_t slope = (uint32_t)((parabola[2] * fraction) >> 5) + ((uint32_t)parabola[1] << 5);
  const int32_t rounded = (int32_t)(slope * (uint32_t)fraction + (UINT32_C(1) << 14)) >> 15;
  return (uint32_t)(int16_t)(rounded + parabola[0]);
}

/* x²/4 below 2, else x - 1; of 12 bits behind the point, with 6 in the result */
static uint32_t shrunk(uint32_t x) {
  return x < UINT32_C(2) << 12 ? (x * x) >> 20 : (x >> 6) - 64;
}

void tinynn_signal_gain_ref(const struct tinynn_signal_gain *restrict p, const uint32_t *input, const uint32_t *noise,
                            uint32_t *output) {
  for (int32_t i = 0; i < p->channels; ++i) {
    output[i] = shrunk((uint32_t)(((uint64_t)input[i] * gain_of(p->gains, noise[i])) >> p->shift));
  }
}

/* log2(x), x > 0, of 16 bits behind the point: the fraction is x itself and a correction, linear between 129 places */
static uint32_t binary_logarithm(const uint16_t *corrections, uint32_t x) {
  const int32_t whole = bits(x) - 1;
  const uint32_t rest = x - (UINT32_C(1) << whole);
  const int32_t fraction = (int32_t)(whole < 16 ? rest << (16 - whole) : rest >> (whole - 16));
  const uint16_t *near = corrections + (fraction >> 9);
  return (uint32_t)((whole << 16) + fraction + near[0] + (((near[1] - near[0]) * (fraction & 511)) >> 16));
}

/* out = scale * ln(in << places), 0 below 2 */
void tinynn_signal_logarithm_ref(const struct tinynn_signal_logarithm *restrict p, const uint32_t *input,
                                 int16_t *output) {
  const uint32_t half = UINT32_C(1) << 15;
  const uint32_t ln_of_2 = 45426; /* 16 bits behind the point */
  for (int32_t i = 0; i < p->channels; ++i) {
    const uint32_t x = input[i] << p->places;
    uint32_t scaled = 0;
    if (x > 1) {
      const uint32_t natural = (uint32_t)(((uint64_t)ln_of_2 * binary_logarithm(p->corrections, x) + half) >> 16);
      scaled = ((uint32_t)p->scale * natural + half) >> 16;
    }
    output[i] = (int16_t)(scaled < INT16_MAX ? scaled : INT16_MAX);
  }
}
