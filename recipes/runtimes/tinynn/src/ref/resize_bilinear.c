/* RESIZE_BILINEAR, int8: each output lies between four inputs, at places with 10 fraction bits.
 *
 * Bit for bit ResizeBilinearInteger of TFLM (tensorflow/lite/kernels/internal/reference/resize_bilinear.h).
 */
#include "tinynn.h"

enum { BITS = 10, ONE = 1 << BITS };

/* The inputs around a place along one axis, and the second one's share. */
struct between {
  int32_t first, second, share;
};

static struct between between(const struct tinynn_resize_bilinear *p, int32_t i, int32_t scale, int32_t size) {
  const int32_t place = i * scale + (p->is_centred ? scale / 2 - ONE / 2 : 0);
  const int32_t floor = place / ONE, ceiling = (place + ONE - 1) / ONE, first = floor > 0 ? floor : 0;
  const struct between found = {first, ceiling < size ? ceiling : size - 1, place - first * ONE};
  return found;
}

void tinynn_resize_bilinear_ref(const struct tinynn_resize_bilinear *restrict p, const int8_t *restrict input,
                                int8_t *restrict output) {
  const int32_t pitch = p->input_width * p->channels;
  for (int32_t n = 0; n < p->batches; ++n) {
    for (int32_t y = 0; y < p->output_height; ++y) {
      const struct between rows = between(p, y, p->row_scale, p->input_height);
      const int8_t *upper = input + rows.first * pitch, *lower = input + rows.second * pitch;
      for (int32_t x = 0; x < p->output_width; ++x) {
        const struct between columns = between(p, x, p->column_scale, p->input_width);
        const int32_t left = columns.first * p->channels, right = columns.second * p->channels;
        const int32_t a = (ONE - rows.share) * (ONE - columns.share), b = rows.share * (ONE - columns.share);
        const int32_t c = (ONE - rows.share) * columns.share, d = rows.share * columns.share;
        for (int32_t k = 0; k < p->channels; ++k) {
          const int32_t sum =
              upper[left + k] * a + lower[left + k] * b + upper[right + k] * c + lower[right + k] * d;
          *output++ = (int8_t)((sum + (sum > 0 ? ONE * ONE / 2 : -ONE * ONE / 2)) / (ONE * ONE));
        }
      }
    }
    input += p->input_height * pitch;
  }
}
