/* Features of sound, TFLM's operators Signal…: shapes and options are read and checked, tinynn's kernels compute. */
#include "tinyi/sound.h"

#include <string.h>

#include "tinyi/custom.h"
#include "tinyi/move.h"

enum { LEAST_TRANSFORM = 4, LARGEST_TRANSFORM = 1 << 14, GAINS = 125, LARGEST_KEPT = 1 << 20 };

static void read_typed(struct tinyi_context *context, const struct tinyi_vector *vector, uint32_t position,
                       uint32_t type, struct tinyi_tensor *tensor) {
  tinyi_read_any(context, vector, position, tensor);
  tinyi_require(context, tensor->type == type, TINYI_UNSUPPORTED);
}

static void read_input(struct tinyi_context *context, uint32_t position, uint32_t type, struct tinyi_tensor *tensor) {
  read_typed(context, &context->inputs, position, type, tensor);
}

static void read_output(struct tinyi_context *context, uint32_t position, uint32_t type, struct tinyi_tensor *tensor) {
  read_typed(context, &context->outputs, position, type, tensor);
}

/* Constant numbers of int16, so many at least. */
static const int16_t *read_numbers(struct tinyi_context *context, uint32_t position, int32_t least, int32_t *count) {
  struct tinyi_tensor tensor;
  read_input(context, position, TINYI_INT16, &tensor);
  tinyi_require(context, tensor.is_constant && tensor.elements >= least, TINYI_UNSUPPORTED);
  *count = tensor.elements;
  return (const int16_t *)(const void *)tensor.data;
}

static int32_t option_below(struct tinyi_context *context, const char *name, int32_t end) {
  const int32_t value = tinyi_option(context, name);
  tinyi_require(context, value >= 0 && value < end, TINYI_UNSUPPORTED);
  return value;
}

static int16_t *int16s(const struct tinyi_tensor *tensor) { return (int16_t *)(void *)tensor->data; }
static int32_t *int32s(const struct tinyi_tensor *tensor) { return (int32_t *)(void *)tensor->data; }
static uint32_t *uint32s(const struct tinyi_tensor *tensor) { return (uint32_t *)(void *)tensor->data; }
static tinynn_uint64 *uint64s(const struct tinyi_tensor *tensor) { return (tinynn_uint64 *)(void *)tensor->data; }

/* What the current operator kept, of so many bytes; NULL where it isn't to compute. */
static void *kept(struct tinyi_context *context, uint32_t bytes) {
  if (!tinyi_computes(context)) {
    return NULL;
  }
  tinyi_require(context, context->scratch_bytes >= bytes, TINYI_UNSUPPORTED); /* by a set-up that knows of it */
  return context->file.status == TINYI_OK ? context->scratch : NULL;
}

void tinyi_signal_window(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  int32_t columns;
  read_input(context, 0, TINYI_INT16, &input);
  const int16_t *window = read_numbers(context, 1, 1, &columns);
  read_output(context, 0, TINYI_INT16, &output);
  const int32_t shift = option_below(context, "shift", 32);
  tinyi_require(context, input.elements % columns == 0 && output.elements == input.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_signal_window p = {window, input.elements / columns, columns, shift};
    tinynn_signal_window_ref(&p, int16s(&input), int16s(&output));
  }
}

void tinyi_signal_auto_scale(struct tinyi_context *context) {
  struct tinyi_tensor input, output, places;
  read_input(context, 0, TINYI_INT16, &input);
  read_output(context, 0, TINYI_INT16, &output);
  read_output(context, 1, TINYI_INT32, &places);
  tinyi_require(context, input.elements == output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_signal_scale p = {output.elements};
    tinynn_signal_headroom_ref(&p, int16s(&input), int32s(&places));
    tinynn_signal_scale_ref(&p, int16s(&input), int32s(&places), int16s(&output));
  }
}

void tinyi_signal_rfft(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  read_input(context, 0, TINYI_INT16, &input);
  read_output(context, 0, TINYI_INT16, &output);
  const int32_t length = tinyi_option(context, "fft_length"), inputs = input.shape[TINYNN_RANK - 1];
  const struct tinyi_turns *turns = context->kernel;
  while (turns->length != 0 && turns->length != length) {
    ++turns;
  }
  const int32_t rows = input.elements / inputs;
  tinyi_require(context,
                length >= LEAST_TRANSFORM && length <= LARGEST_TRANSFORM && turns->length == length &&
                    inputs <= length && output.elements % (length + 2) == 0 && output.elements / (length + 2) == rows,
                TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_rfft p = {turns->turns, turns->half_turns, rows, inputs, length};
    tinynn_rfft_ref(&p, int16s(&input), int16s(&output));
  }
}

void tinyi_signal_energy(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  read_input(context, 0, TINYI_INT16, &input);
  read_output(context, 0, TINYI_UINT32, &output);
  const int32_t end = option_below(context, "end_index", output.elements + 1);
  const int32_t first = option_below(context, "start_index", end + 1);
  tinyi_require(context, input.elements / 2 >= output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_signal_energy p = {output.elements, first, end};
    tinynn_signal_energy_ref(&p, int16s(&input), uint32s(&output));
  }
}

/* Whether each channel's numbers are there. */
static int32_t reach(const int16_t *starts, const int16_t *widths, int32_t channels, int32_t elements) {
  int32_t is_inside = 1;
  for (int32_t i = 0; i <= channels; ++i) {
    is_inside &= starts[i] >= 0 && starts[i] + widths[i] <= elements;
  }
  return is_inside;
}

void tinyi_signal_filter_bank(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  struct tinynn_signal_filter_bank p;
  int32_t weights, unweights, count;
  read_input(context, 0, TINYI_UINT32, &input);
  read_output(context, 0, TINYI_UINT64, &output);
  p.channels = tinyi_option(context, "num_channels");
  tinyi_require(context, p.channels == output.elements, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  p.weights = read_numbers(context, 1, 1, &weights);
  p.unweights = read_numbers(context, 2, 1, &unweights);
  p.starts = read_numbers(context, 3, p.channels + 1, &count);
  p.weight_starts = read_numbers(context, 4, p.channels + 1, &count);
  p.widths = read_numbers(context, 5, p.channels + 1, &count);
  tinyi_require(context,
                context->file.status == TINYI_OK && reach(p.starts, p.widths, p.channels, input.elements) &&
                    reach(p.weight_starts, p.widths, p.channels, weights < unweights ? weights : unweights),
                TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    tinynn_signal_filter_bank_ref(&p, uint32s(&input), uint64s(&output));
  }
}

void tinyi_signal_square_root(struct tinyi_context *context) {
  struct tinyi_tensor input, places, output;
  read_input(context, 0, TINYI_UINT64, &input);
  read_input(context, 1, TINYI_INT32, &places);
  read_output(context, 0, TINYI_UINT32, &output);
  tinyi_require(context, input.elements == output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    tinyi_require(context, int32s(&places)[0] >= 0 && int32s(&places)[0] < 32, TINYI_UNSUPPORTED);
  }
  if (tinyi_computes(context)) {
    const struct tinynn_signal_channels p = {output.elements};
    tinynn_signal_square_root_ref(&p, uint64s(&input), int32s(&places), uint32s(&output));
  }
}

uint32_t tinyi_kept_noise(struct tinyi_context *context) {
  struct tinyi_tensor noise;
  tinyi_read_shape(context, &context->outputs, 1, &noise);
  return 4 * (uint32_t)noise.elements;
}

void tinyi_signal_subtraction(struct tinyi_context *context) {
  struct tinyi_tensor input, output, noise;
  read_input(context, 0, TINYI_UINT32, &input);
  read_output(context, 0, TINYI_UINT32, &output);
  read_output(context, 1, TINYI_UINT32, &noise);
  const struct tinynn_signal_subtraction p = {
      .channels = tinyi_option(context, "num_channels"),
      .smoothing = {tinyi_option(context, "smoothing"), tinyi_option(context, "alternate_smoothing")},
      .keeping = {tinyi_option(context, "one_minus_smoothing"), tinyi_option(context, "alternate_one_minus_smoothing")},
      .smoothing_bits = option_below(context, "smoothing_bits", 32),
      .subtraction_bits = option_below(context, "spectral_subtraction_bits", 32),
      .least = tinyi_option(context, "min_signal_remaining"),
      .is_clamped = tinyi_option(context, "clamping"),
  };
  tinyi_require(context,
                input.elements == p.channels && output.elements == p.channels && noise.elements == p.channels,
                TINYI_UNSUPPORTED);
  uint32_t *estimate = kept(context, 4 * (uint32_t)noise.elements);
  if (estimate != NULL) {
    tinynn_signal_noise_ref(&p, uint32s(&input), estimate);
    tinynn_signal_subtract_ref(&p, uint32s(&input), estimate, uint32s(&output));
    memcpy(noise.data, estimate, 4 * (size_t)p.channels);
  }
}

void tinyi_signal_gain(struct tinyi_context *context) {
  struct tinyi_tensor input, noise, output;
  int32_t count;
  read_input(context, 0, TINYI_UINT32, &input);
  read_input(context, 1, TINYI_UINT32, &noise);
  const int16_t *gains = read_numbers(context, 2, GAINS, &count);
  read_output(context, 0, TINYI_UINT32, &output);
  const int32_t shift = option_below(context, "snr_shift", 64);
  tinyi_require(context, input.elements == output.elements && noise.elements == output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    const struct tinynn_signal_gain p = {gains, output.elements, shift};
    tinynn_signal_gain_ref(&p, uint32s(&input), uint32s(&noise), uint32s(&output));
  }
}

void tinyi_signal_logarithm(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  read_input(context, 0, TINYI_UINT32, &input);
  read_output(context, 0, TINYI_INT16, &output);
  const int32_t places = option_below(context, "input_correction_bits", 32);
  const struct tinynn_signal_logarithm p = {context->kernel, output.elements, places,
                                            tinyi_option(context, "output_scale")};
  tinyi_require(context, input.elements == output.elements, TINYI_UNSUPPORTED);
  if (tinyi_computes(context)) {
    tinynn_signal_logarithm_ref(&p, uint32s(&input), int16s(&output));
  }
}

/* Windows over what came before: the fields of each operator's kernel. Its inputs' shape alone tells `rows`. */
static void read_rows(struct tinyi_context *context, int32_t step, struct tinynn_signal_frames *p) {
  struct tinyi_tensor input;
  tinyi_read_shape(context, &context->inputs, 0, &input);
  const int32_t values = input.shape[TINYNN_RANK - 1];
  tinyi_require(context, step >= 1 && values % (step < 1 ? 1 : step) == 0, TINYI_UNSUPPORTED);
  p->rows = input.elements / values;
  p->frames = values / (step < 1 ? 1 : step);
  p->step = step;
}

static struct tinynn_signal_frames read_framer(struct tinyi_context *context) {
  struct tinynn_signal_frames p = {.period = 1};
  const int32_t step = tinyi_option(context, "frame_step"), is_filled = tinyi_option(context, "prefill") != 0;
  p.size = option_below(context, "frame_size", LARGEST_KEPT);
  read_rows(context, step, &p);
  tinyi_require(context, p.size >= (is_filled ? step : 1), TINYI_UNSUPPORTED);
  if (context->file.status == TINYI_OK) {
    const int32_t before = (p.size + step - 1) / step - 1;
    p.kept = is_filled ? p.size - step : before * step;
    p.waits = is_filled ? 0 : before;
  }
  return p;
}

static struct tinynn_signal_frames read_stacker(struct tinyi_context *context) {
  struct tinynn_signal_frames p = {.rows = 1, .frames = 1, .repeats = 1};
  struct tinyi_tensor input;
  const int32_t left = option_below(context, "stacker_left_context", LARGEST_KEPT);
  p.waits = option_below(context, "stacker_right_context", LARGEST_KEPT);
  p.period = option_below(context, "stacker_step", left + p.waits + 2);
  p.step = option_below(context, "num_channels", TINYI_MAX_SIZE + 1);
  tinyi_read_shape(context, &context->inputs, 0, &input);
  const int64_t values = (int64_t)(left + p.waits) * p.step;
  tinyi_require(context,
                p.period >= 1 && input.rank == 1 && input.elements == p.step && values <= LARGEST_KEPT,
                TINYI_UNSUPPORTED);
  p.kept = context->file.status == TINYI_OK ? (int32_t)values : 0;
  p.size = p.kept + p.step;
  return p;
}

static struct tinynn_signal_frames read_delay(struct tinyi_context *context) {
  struct tinynn_signal_frames p = {.frames = 1, .period = 1};
  struct tinyi_tensor input;
  p.kept = option_below(context, "delay_length", LARGEST_KEPT);
  tinyi_read_shape(context, &context->inputs, 0, &input);
  p.size = input.shape[TINYNN_RANK - 1];
  p.step = p.size;
  p.rows = input.elements / p.size;
  return p;
}

static uint32_t frames_bytes(struct tinyi_context *context, const struct tinynn_signal_frames *p) {
  const uint64_t values = (uint64_t)(uint32_t)p->rows * (uint32_t)p->kept;
  tinyi_require(context, values <= LARGEST_KEPT, TINYI_UNSUPPORTED);
  return 4 * TINYNN_FRAMES_STATE + 2 * (uint32_t)values;
}

static void frames(struct tinyi_context *context, const struct tinynn_signal_frames *p, int32_t tells) {
  struct tinyi_tensor input, output, is_valid;
  read_input(context, 0, TINYI_INT16, &input);
  read_output(context, 0, TINYI_INT16, &output);
  if (tells) {
    read_output(context, 1, TINYI_BOOL, &is_valid);
  }
  tinyi_require(context,
                output.elements / p->size == p->rows * p->frames && output.elements % p->size == 0 &&
                    output.shape[TINYNN_RANK - 1] == p->size,
                TINYI_UNSUPPORTED);
  int32_t *state = kept(context, frames_bytes(context, p));
  if (state != NULL) {
    tinynn_signal_frames_ref(p, int16s(&input), state, int16s(&output));
    if (tells) {
      tinynn_signal_is_valid_ref(p, state, (uint8_t *)is_valid.data);
    }
  }
}

#define FRAMES(name, tells)                                               \
  uint32_t tinyi_kept_##name(struct tinyi_context *context) {             \
    const struct tinynn_signal_frames p = read_##name(context);           \
    return frames_bytes(context, &p);                                     \
  }                                                                       \
  void tinyi_signal_##name(struct tinyi_context *context) {               \
    const struct tinynn_signal_frames p = read_##name(context);           \
    if (context->file.status == TINYI_OK) {                               \
      frames(context, &p, tells);                                         \
    }                                                                     \
  }

FRAMES(framer, 1)
FRAMES(stacker, 1)
FRAMES(delay, 0)

/* [rows…, frames, size] → [rows…, frames * step]. */
uint32_t tinyi_kept_overlap(struct tinyi_context *context) {
  struct tinyi_tensor input;
  tinyi_read_shape(context, &context->inputs, 0, &input);
  const uint32_t bytes = tinyi_type(context, 0) == TINYI_FLOAT32 ? 4 : 2;
  return bytes * (uint32_t)(input.elements / input.shape[TINYNN_RANK - 2]);
}

void tinyi_signal_overlap(struct tinyi_context *context) {
  struct tinyi_tensor input, output;
  tinyi_read_any(context, &context->inputs, 0, &input);
  tinyi_read_any(context, &context->outputs, 0, &output);
  const int32_t step = tinyi_option(context, "frame_step");
  const int32_t size = input.shape[TINYNN_RANK - 1], count = input.shape[TINYNN_RANK - 2];
  tinyi_require(context,
                input.rank >= 2 && input.type == output.type && step >= 1 && step <= size &&
                    (input.type == TINYI_INT16 || input.type == TINYI_FLOAT32),
                TINYI_UNSUPPORTED);
  tinyi_require(context,
                context->file.status != TINYI_OK || (output.elements / step == input.elements / size &&
                                                     output.elements % step == 0),
                TINYI_UNSUPPORTED);
  void *state = kept(context, (uint32_t)input.element_bytes * (uint32_t)(input.elements / count));
  if (state == NULL) {
    return;
  }
  const struct tinynn_signal_overlap p = {input.elements / size / count, count, size, step};
  if (input.type == TINYI_INT16) {
    tinynn_signal_overlap_int16_ref(&p, int16s(&input), state, int16s(&output));
  } else {
    tinynn_signal_overlap_float32_ref(&p, (const float *)(const void *)input.data, state, (float *)(void *)output.data);
  }
}
