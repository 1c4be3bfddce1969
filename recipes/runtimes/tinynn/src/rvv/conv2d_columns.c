/* CONV_2D of few output channels with RISC-V's vectors: up to 32 pixels of a row lie beside each other; weights of three
 * channels are scalars.
 *
 * Packing: [blocks of three channels][products][3] int8, records with right shifts. Scratch: values under the kernels of these
 * pixels, [rows of the kernel][input channels][columns].
 */
#if defined(__riscv_vector)
#include "tf_rvv.h"
#include "tinynn/rvv/rescale.h"

enum { CHANNELS = 3, UNROLLED = 4 };

/* Columns `x` to `x + columns` of rows `y` and so on, channel by channel. */
static inline void gather(const struct tinynn_conv2d *restrict p, const int8_t *image, int8_t *to, int32_t y, int32_t x,
                          int32_t columns) {
  const int32_t before = x < 0 ? -x : 0, end = p->input_width - x < columns ? p->input_width - x : columns;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky, ++y) {
    const int32_t inside = y < 0 || y >= p->input_height || end < before ? 0 : end - before;
    const int8_t *from = image + (y * p->input_width + x + before) * p->input_channels;
    for (int32_t c = 0; c < p->input_channels; ++c) {
      if (inside < columns) {
        __riscv_vse8_v_i8m8(to, __riscv_vmv_v_x_i8m8((int8_t)p->input_zero_point, (size_t)columns), (size_t)columns);
      }
      if (inside > 0) {
        const vint8m8_t values = __riscv_vlse8_v_i8m8(from + c, p->input_channels, (size_t)inside);
        __riscv_vse8_v_i8m8(to + before, values, (size_t)inside);
      }
      to += columns;
    }
  }
}

/* A product of each pixel with three weights; values have 16 bits in v4 to v7. */
#define MULTIPLY(n, at) "lb %[weight], " #at "(%[w])\n\tvwmacc.vx %[s" #n "], %[weight], v4\n\t"
#define PRODUCT(a, b, c)                                                                      \
  "vlse8.v v2, (%[x]), %[stride]\n\tadd %[x], %[x], %[columns]\n\tvsext.vf2 v4, v2\n\t" \
  MULTIPLY(0, a) MULTIPLY(1, b) MULTIPLY(2, c)

/* All outputs of `lanes` pixels. */
static inline void compute(const struct tinynn_conv2d *restrict p, const int8_t *values, int32_t columns,
                           int8_t *output, size_t lanes) {
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  const struct tinynn_channel *channel = p->channels;
  const int8_t *w = p->weights;
#pragma GCC unroll 1
  for (int32_t c = 0; c < p->output_channels; c += CHANNELS, channel += CHANNELS) {
    register vint32m8_t s0 __asm__("v8") = __riscv_vmv_v_x_i32m8(channel[0].bias, lanes);
    register vint32m8_t s1 __asm__("v16") = __riscv_vmv_v_x_i32m8(channel[1].bias, lanes);
    register vint32m8_t s2 __asm__("v24") = __riscv_vmv_v_x_i32m8(channel[2].bias, lanes);
    const int8_t *row = values;
#pragma GCC unroll 1
    for (int32_t tap = 0, kx = 0; tap < p->kernel_height * p->kernel_width; ++tap) {
      const int8_t *x = row + kx;
      int32_t fours = p->input_channels / UNROLLED, rest = p->input_channels % UNROLLED, weight;
      __asm__ volatile("vsetvli zero, %[lanes], e16, m4, ta, ma\n\t"
                       "beqz %[fours], 2f\n"
                       "1:\n\t" PRODUCT(0, 1, 2) PRODUCT(3, 4, 5) PRODUCT(6, 7, 8) PRODUCT(9, 10, 11)
                       "addi %[w], %[w], 12\n\taddi %[fours], %[fours], -1\n\tbnez %[fours], 1b\n"
                       "2:\n\tbeqz %[rest], 4f\n"
                       "3:\n\t" PRODUCT(0, 1, 2)
                       "addi %[w], %[w], 3\n\taddi %[rest], %[rest], -1\n\tbnez %[rest], 3b\n"
                       "4:"
                       : [s0] "+vr"(s0), [s1] "+vr"(s1), [s2] "+vr"(s2), [x] "+&r"(x), [w] "+&r"(w),
                         [fours] "+&r"(fours), [rest] "+&r"(rest), [weight] "=&r"(weight)
                       : [lanes] "r"(lanes), [stride] "r"(p->stride_x), [columns] "r"(columns)
                       : "v2", "v3", "v4", "v5", "v6", "v7", "vl", "vtype", "memory");
      if (++kx == p->kernel_width) {
        kx = 0;
        row += p->input_channels * columns;
      }
    }
#define STORE(n)                                                                                              \
  if (c + n < p->output_channels) {                                                                           \
    __riscv_vsse8_v_i8m2(output + c + n, p->output_pitch, tinynn_rvv_rescale_all(s##n, channel + n, clamp, lanes), \
                         lanes);                                                                              \
  }
    STORE(0)
    STORE(1)
    STORE(2)
  }
}

void tinynn_conv2d_columns_rvv(const struct tinynn_conv2d *restrict p, const int8_t *input, int8_t *output,
                               void *restrict scratch) {
  size_t lanes;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      for (int32_t x = 0; x < p->output_width; x += (int32_t)lanes) {
        lanes = tf_vector_lanes(p->output_width - x);
        const int32_t columns = ((int32_t)lanes - 1) * p->stride_x + p->kernel_width;
        gather(p, input, scratch, y * p->stride_y - p->pad_top, x * p->stride_x - p->pad_left, columns);
        compute(p, scratch, columns, output, lanes);
        output += (int32_t)lanes * p->output_pitch;
      }
    }
    input += p->input_height * p->input_width * p->input_channels;
  }
}
#endif
