/* CONV_2D with Helium: weights as tinynn/src/mve/conv2d.c reads them, or unpacked where conv2d_rows.c can read them. */
#if defined(__ARM_FEATURE_MVE)
#include <arm_mve.h>

#include "tinyi/convolution.h"
#include "tinyi/mve/records.h"

enum { PIXELS = 2, LANES = 4, STEP = 16 };
/* Rows of at least so many weights are left where they are: shorter ones are packed quickly, and run faster packed. */
enum { LONG = 64 };

static inline int32_t steps_of(int32_t products) { return (products + STEP - 1) / STEP; }

static int32_t is_direct(const struct tinynn_conv2d *p) {
  return p->kernel_height * p->kernel_width == 1 && p->input_channels % STEP == 0 && p->input_channels >= LONG;
}

/* Sums of four rows of weights. */
static inline int32x4_t sum_rows(const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d, int32_t products) {
  register int32_t sum_a __asm__("r0") = 0;
  register int32_t sum_b __asm__("r2") = 0;
  register int32_t sum_c __asm__("r4") = 0;
  register int32_t sum_d __asm__("r6") = 0;
  __asm__ volatile(
      "wlstp.8 lr, %[count], 2f\n"
      "1:\n\t"
      "vldrb.u8 q0, [%[a]], #16\n\t"
      "vldrb.u8 q1, [%[b]], #16\n\t"
      "vaddva.s8 %[sa], q0\n\t"
      "vldrb.u8 q2, [%[c]], #16\n\t"
      "vaddva.s8 %[sb], q1\n\t"
      "vldrb.u8 q3, [%[d]], #16\n\t"
      "vaddva.s8 %[sc], q2\n\t"
      "vaddva.s8 %[sd], q3\n\t"
      "letp lr, 1b\n"
      "2:"
      : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [sa] "+r"(sum_a), [sb] "+r"(sum_b), [sc] "+r"(sum_c),
        [sd] "+r"(sum_d)
      : [count] "r"(products)
      : "lr", "q0", "q1", "q2", "q3", "memory");
  return (int32x4_t){sum_a, sum_b, sum_c, sum_d};
}

/* What gcc finds registers for only in a function by itself. */
#if defined(__clang__)
#define OF_ITS_OWN inline
#else
#define OF_ITS_OWN __attribute__((noinline))
#endif

/* Four rows of weights, step by step; their sums. */
static OF_ITS_OWN int32x4_t pack_rows(const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                      int32_t products, int8_t *to) {
  if (products % STEP != 0) { /* the last step is filled up */
    int8_t *last = to + (steps_of(products) - 1) * LANES * STEP;
    for (int32_t i = 0; i < LANES; ++i) {
      vst1q_s8(last + i * STEP, vdupq_n_s8(0));
    }
  }
  register int32_t sum_a __asm__("r0") = 0;
  register int32_t sum_b __asm__("r2") = 0;
  register int32_t sum_c __asm__("r4") = 0;
  register int32_t sum_d __asm__("r6") = 0;
  __asm__ volatile(
      "wlstp.8 lr, %[count], 2f\n"
      "1:\n\t"
      "vldrb.u8 q0, [%[a]], #16\n\t"
      "vldrb.u8 q1, [%[b]], #16\n\t"
      "vldrb.u8 q2, [%[c]], #16\n\t"
      "vldrb.u8 q3, [%[d]], #16\n\t"
      "vstrb.8 q0, [%[to]], #64\n\t"
      "vaddva.s8 %[sa], q0\n\t"
      "vstrb.8 q1, [%[to], #-48]\n\t"
      "vaddva.s8 %[sb], q1\n\t"
      "vstrb.8 q2, [%[to], #-32]\n\t"
      "vaddva.s8 %[sc], q2\n\t"
      "vstrb.8 q3, [%[to], #-16]\n\t"
      "vaddva.s8 %[sd], q3\n\t"
      "letp lr, 1b\n"
      "2:"
      : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [to] "+r"(to), [sa] "+r"(sum_a), [sb] "+r"(sum_b),
        [sc] "+r"(sum_c), [sd] "+r"(sum_d)
      : [count] "r"(products)
      : "lr", "q0", "q1", "q2", "q3", "memory");
  return (int32x4_t){sum_a, sum_b, sum_c, sum_d};
}

static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  const int32_t products = channels->rows.products, bytes = steps_of(products) * LANES * STEP;
  const int32_t is_packed = !is_direct(p);
  const int8_t *row = channels->rows.weights + first * products;
  int32_t *bias = (int32_t *)(void *)records;
  tinyi_mve_records(channels, first, count, 1, bias);
#pragma GCC unroll 1
  for (; count > 0; count -= LANES) {
    /* rows that aren't there are the first one again */
    const int8_t *b = count > 1 ? row + products : row, *c = count > 2 ? b + products : row;
    const int8_t *d = count > 3 ? c + products : row;
    const int32x4_t sums =
        is_packed ? pack_rows(row, b, c, d, products, weights) : sum_rows(row, b, c, d, products);
    vst1q_s32(bias, vmlaq_n_s32(vld1q_s32(bias), sums, -channels->input_zero_point));
    row += LANES * products;
    bias += 3 * LANES;
    weights += bytes;
  }
}

static void compute(const struct tinynn_conv2d *restrict p, const int8_t *restrict input, int8_t *restrict output,
                    void *restrict scratch) {
  (is_direct(p) ? tinynn_conv2d_rows_mve : tinynn_conv2d_mve)(p, input, output, scratch);
}

/* Each pixel's values under the kernel in whole steps; a place aside for outputs. */
static uint32_t scratch_bytes(const struct tinynn_conv2d *p) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  const int32_t is_input = p->kernel_height * p->kernel_width == 1 && products % STEP == 0 && products < LONG;
  const int32_t aside = (p->output_channels + LANES - 1) / LANES * LANES;
  return (uint32_t)(PIXELS * ((is_input ? 0 : steps_of(products) * STEP) + aside));
}

static uint32_t channel_bytes(const struct tinynn_conv2d *p) {
  return is_direct(p) ? 0 : (uint32_t)(steps_of(p->kernel_height * p->kernel_width * p->input_channels) * STEP);
}

const struct tinyi_conv2d tinyi_conv2d_mve = {pack, compute, scratch_bytes, channel_bytes, LANES, 1, NULL, PIXELS};

#endif
