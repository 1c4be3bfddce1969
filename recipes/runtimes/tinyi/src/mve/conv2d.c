/* CONV_2D with Helium: weights as tinynn/src/mve/conv2d.c wants them. */
#if defined(__ARM_FEATURE_MVE)
#include "tinyi/mve/records.h"

#include "tinyi/convolution.h"

enum { PIXELS = 2, LANES = 4, STEP = 16 };

static inline int32_t steps_of(int32_t products) { return (products + STEP - 1) / STEP; }

/* Four rows of weights, step by step; their sums. */
static inline int32x4_t pack_rows(const int8_t *const rows[LANES], int32_t products, int8_t *to) {
  const int8_t *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  register int32_t sum_a __asm__("r0") = 0;
  register int32_t sum_b __asm__("r2") = 0;
  register int32_t sum_c __asm__("r4") = 0;
  register int32_t sum_d __asm__("r6") = 0;
  if (products % STEP != 0) { /* the last step is filled up */
    int8_t *last = to + (steps_of(products) - 1) * LANES * STEP;
    for (int32_t i = 0; i < LANES; ++i) {
      vst1q_s8(last + i * STEP, vdupq_n_s8(0));
    }
  }
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
  const int32_t products = channels->rows.products;
  int32_t *to = (int32_t *)(void *)records;
  (void)p;
  for (int32_t c = 0; c < count; c += LANES) {
    const int8_t *rows[LANES];
    for (int32_t i = 0; i < LANES; ++i) { /* of the last block some may be missing: any will do */
      rows[i] = channels->rows.weights + (first + (c + i < count ? c + i : c)) * products;
    }
    const int32x4_t sums = pack_rows(rows, products, weights);
    const struct tinyi_mve_records made = tinyi_mve_records(channels, first + c, 1, count - c);
    vst1q_s32(to, vsubq_s32(made.biases, vmulq_n_s32(sums, channels->input_zero_point)));
    vst1q_s32(to + LANES, made.multipliers);
    vst1q_s32(to + 2 * LANES, made.shifts);
    to += 3 * LANES;
    weights += steps_of(products) * LANES * STEP;
  }
}

/* Each pixel's values under the kernel in whole steps; a place aside for outputs. */
static uint32_t scratch_bytes(const struct tinynn_conv2d *p) {
  const int32_t products = p->kernel_height * p->kernel_width * p->input_channels;
  const int32_t is_direct = p->kernel_height * p->kernel_width == 1 && products % STEP == 0;
  const int32_t aside = (p->output_channels + LANES - 1) / LANES * LANES;
  return (uint32_t)(PIXELS * ((is_direct ? 0 : steps_of(products) * STEP) + aside));
}

static uint32_t channel_bytes(const struct tinynn_conv2d *p) {
  return (uint32_t)(steps_of(p->kernel_height * p->kernel_width * p->input_channels) * STEP);
}

const struct tinyi_conv2d tinyi_conv2d_mve = {pack, tinynn_conv2d_mve, scratch_bytes, channel_bytes, LANES, 1, NULL};

#endif
