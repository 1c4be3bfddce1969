/* SignalRfft: the Fourier transform of 2n real values, n a power of two, in fixed point.
 *
 *   out[k] = Σ in[t] exp(-2πikt / 2n) / 2n, k from 0 to n
 *
 * The values are taken as n complex ones, whose transform by decimation in time (factors 4, then one of 2) is taken apart
 * into that of the even and of the odd ones. Every stage divides by its factor, so that nothing overflows but for what
 * rounding adds. Bit for bit kissfft v130 with 16 bits (kiss_fft.c, kiss_fftr.c), which TFLM uses.
 */
#include "tinynn.h"

struct complex {
  int16_t real, imaginary;
};

static int16_t rounded(int32_t x) {
  return (int16_t)((x + (1 << 14)) >> 15);
}

static struct complex made(int32_t real, int32_t imaginary) {
  return (struct complex){(int16_t)real, (int16_t)imaginary};
}

static struct complex divided(struct complex x, int32_t by) {
  const int32_t reciprocal = INT16_MAX / by;
  return made(rounded(x.real * reciprocal), rounded(x.imaginary * reciprocal));
}

static struct complex sum(struct complex a, struct complex b) {
  return made(a.real + b.real, a.imaginary + b.imaginary);
}

static struct complex difference(struct complex a, struct complex b) {
  return made(a.real - b.real, a.imaginary - b.imaginary);
}

/* `turns` has pairs of numbers */
static struct complex turned(struct complex x, const int16_t *turns, int32_t number) {
  const int32_t real = turns[2 * number], imaginary = turns[2 * number + 1];
  return made(rounded(x.real * real - x.imaginary * imaginary), rounded(x.real * imaginary + x.imaginary * real));
}

/* Two transforms of m values side by side become one of 2m; `stride` is n / 2m. */
static void join_two(struct complex *x, int32_t m, const int16_t *turns, int32_t stride) {
  for (int32_t k = 0; k < m; ++k, ++x) {
    const struct complex even = divided(x[0], 2), odd = turned(divided(x[m], 2), turns, k * stride);
    x[m] = difference(even, odd);
    x[0] = sum(even, odd);
  }
}

/* Four become one of 4m; `stride` is n / 4m. */
static void join_four(struct complex *x, int32_t m, const int16_t *turns, int32_t stride) {
  for (int32_t k = 0; k < m; ++k, ++x) {
    const struct complex first = divided(x[0], 4);
    const struct complex second = turned(divided(x[m], 4), turns, k * stride);
    const struct complex third = turned(divided(x[2 * m], 4), turns, 2 * k * stride);
    const struct complex fourth = turned(divided(x[3 * m], 4), turns, 3 * k * stride);
    const struct complex even = sum(first, third), odd = sum(second, fourth);
    const struct complex apart = difference(first, third), across = difference(second, fourth);
    x[0] = sum(even, odd);
    x[2 * m] = difference(even, odd);
    x[m] = made(apart.real + across.imaginary, apart.imaginary - across.real);
    x[3 * m] = made(apart.real - across.imaginary, apart.imaginary + across.real);
  }
}

/* Every place's value of the input: the digits of the place, base 4 and last base 2, in reverse. */
static void spread(const int16_t *input, int32_t inputs, int32_t n, struct complex *x) {
  for (int32_t place = 0; place < n; ++place) {
    int32_t from = 0, stride = 1;
    for (int32_t m = n; m > 1;) {
      const int32_t factor = m % 4 == 0 ? 4 : 2;
      m /= factor;
      from += place / m % factor * stride;
      stride *= factor;
    }
    const int32_t even = 2 * from;
    x[place] = made(even < inputs ? input[even] : 0, even + 1 < inputs ? input[even + 1] : 0);
  }
}

static void transform(struct complex *x, int32_t n, const int16_t *turns) {
  int32_t m = n;
  while (m % 4 == 0) {
    m /= 4;
  }
  if (m == 2) { /* the factors are 4 … 4, 2: the last is the first to be joined */
    for (int32_t begin = 0; begin < n; begin += 2) {
      join_two(x + begin, 1, turns, n / 2);
    }
  }
  for (; m < n; m *= 4) {
    for (int32_t begin = 0; begin < n; begin += 4 * m) {
      join_four(x + begin, m, turns, n / (4 * m));
    }
  }
}

void tinynn_rfft_ref(const struct tinynn_rfft *restrict p, const int16_t *restrict input, int16_t *restrict output) {
  const int32_t n = p->length / 2;
  for (int32_t row = 0; row < p->rows; ++row, input += p->inputs, output += 2 * (n + 1)) {
    struct complex *x = (struct complex *)output;
    spread(input, p->inputs, n, x);
    transform(x, n, p->turns);
    const struct complex constant = divided(x[0], 2);
    x[0] = made(constant.real + constant.imaginary, 0);
    x[n] = made(constant.real - constant.imaginary, 0);
    for (int32_t k = 1; k <= n / 2; ++k) {
      const struct complex near = divided(x[k], 2);
      const struct complex far = divided(made(x[n - k].real, -x[n - k].imaginary), 2);
      const struct complex even = sum(near, far), odd = turned(difference(near, far), p->half_turns, k - 1);
      x[k] = made((even.real + odd.real) >> 1, (even.imaginary + odd.imaginary) >> 1);
      x[n - k] = made((even.real - odd.real) >> 1, (odd.imaginary - even.imaginary) >> 1);
    }
  }
}
