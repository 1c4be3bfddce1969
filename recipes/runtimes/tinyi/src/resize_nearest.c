/* RESIZE_NEAREST_NEIGHBOR: the tables of its kernel are made in each inference, in float32 as TFLite's
 * GetNearestNeighbor (resize_nearest_neighbor.h) does. */
#include "tinyi/operators.h"
#include "tinyi/shapes.h"

/* Fields of the schema's ResizeNearestNeighborOptions. */
enum { ALIGN_CORNERS = 0, HALF_PIXEL_CENTERS = 1 };

/* The input's index for each of the output's. */
static void fill(int32_t *table, int32_t size, int32_t wanted, int32_t is_aligned, int32_t is_centred) {
  const float scale = is_aligned && wanted > 1 ? (float)(size - 1) / (float)(wanted - 1) : (float)size / (float)wanted;
  for (int32_t i = 0; i < wanted; ++i) {
    const float place = ((float)i + (is_centred ? 0.5f : 0.0f)) * scale;
    const int32_t whole = (int32_t)place;
    const int32_t nearest = whole + (is_aligned && place - (float)whole >= 0.5f);
    table[i] = nearest < size ? nearest : size - 1;
  }
}

void tinyi_resize_nearest(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  int32_t count = 0;
  tinyi_read_unary_alike(context, &input, &output);
  const int32_t *size = tinyi_read_list(context, 1, &count);
  tinyi_require(context,
                input.rank == 4 && output.rank == 4 && count == 2 && input.shape[1] == output.shape[1] &&
                    input.shape[4] == output.shape[4],
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const int32_t height = output.shape[2], width = output.shape[3];
  tinyi_require(context, size[0] == height && size[1] == width, TINYI_UNSUPPORTED);
  context->scratch_least = 4 * (uint32_t)(height + width);
  context->scratch_most = context->scratch_least;
  if (context->file.status != TINYI_OK || context->lifetimes != NULL) {
    return;
  }
  const int32_t is_aligned = tinyi_byte(&context->file, &context->options, ALIGN_CORNERS) != 0;
  const int32_t is_centred = tinyi_byte(&context->file, &context->options, HALF_PIXEL_CENTERS) != 0;
  int32_t *rows = (int32_t *)(void *)context->scratch, *columns = rows + height;
  fill(rows, input.shape[2], height, is_aligned, is_centred);
  fill(columns, input.shape[3], width, is_aligned, is_centred);
  const struct tinynn_resize_nearest p = {.rows = rows,
                                          .columns = columns,
                                          .batches = input.shape[1],
                                          .input_height = input.shape[2],
                                          .input_width = input.shape[3],
                                          .channels = input.shape[4] * input.element_bytes,
                                          .output_height = height,
                                          .output_width = width};
  tinynn_resize_nearest_ref(&p, input.data, output.data);
}
