/* FULLY_CONNECTED with RISC-V's vectors: 32 outputs at a time; an input value is a scalar. Packing as in rvv/conv2d.c. */
#if defined(__riscv_vector)
#include "tf_rvv.h"
#include "tinynn/rvv/rescale.h"

void tinynn_fully_connected_rvv(const struct tinynn_fully_connected *restrict p, const int8_t *restrict input,
                                int8_t *restrict output, void *restrict scratch) {
  (void)scratch;
  const struct tinynn_rvv_clamp clamp = {p->output_zero_point, p->lowest, p->highest};
  for (int32_t n = 0; n < p->batches; ++n) {
    const int8_t *w = p->weights;
    const int is_one_scale = p->biases != NULL;
    const int32_t *channel = is_one_scale ? p->biases : (const int32_t *)p->channels;
    size_t lanes;
    for (int32_t left = p->outputs; left > 0; left -= (int32_t)lanes) {
      lanes = tf_vector_lanes(left);
      const vint32m8_t sums = tf_vector_add_one(__riscv_vle32_v_i32m8(channel, lanes), input, w, p->inputs, lanes);
      const vint8m2_t out = is_one_scale ? tinynn_rvv_rescale_all(sums, p->channels, clamp, lanes)
                                         : tinynn_rvv_rescale(sums, channel + lanes, clamp, lanes);
      __riscv_vse8_v_i8m2(output, out, lanes);
      w += (size_t)p->inputs * lanes;
      channel += is_one_scale ? lanes : 3 * lanes;
      output += lanes;
    }
    input += p->inputs;
  }
}
#endif
