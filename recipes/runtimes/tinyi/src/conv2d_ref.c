/* CONV_2D by tinynn's definition: the file's weights as they are. */
#include "tinyi/convolution.h"

static void pack(const struct tinyi_channels *channels, const struct tinynn_conv2d *p, int32_t first, int32_t count,
                 int8_t *weights, struct tinynn_channel *records) {
  (void)p;
  (void)weights;
  tinyi_plain_records(channels, first, count, records);
}

/* The input values under the kernel. */
static uint32_t scratch_bytes(const struct tinynn_conv2d *p) { return tinyi_row_bytes(p); }

static uint32_t channel_bytes(const struct tinynn_conv2d *p) {
  (void)p;
  return 0;
}

const struct tinyi_conv2d tinyi_conv2d_ref = {pack, tinynn_conv2d_ref, scratch_bytes, channel_bytes, 1, 1, NULL, 1};
