/* SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM: state is an operand, which the kernels read and write. */
#include "tinyi/operators.h"
#include "tinyi/real.h"

/* Fields of the schema's SVDFOptions and UnidirectionalSequenceLSTMOptions. */
enum { RANK = 0, SVDF_ACTIVATION = 1 };
enum { ACTIVATION = 0, CELL_CLIP = 1, TIME_MAJOR = 3 };
enum { ACTIVATION_NONE = 0, ACTIVATION_RELU = 1, ACTIVATION_RELU6 = 3, ACTIVATION_TANH = 4 };
/* Inputs of SVDF. */
enum { FEATURES = 1, TIME = 2, BIAS = 3, STATE = 4 };
/* Inputs of an LSTM, the first gate's where there are four. */
enum { INPUT_WEIGHTS = 1, STATE_WEIGHTS = 5, PEEPHOLES = 9, BIASES = 12, PROJECTION = 16, LSTM_STATE = 18, MEMORY = 19 };
enum { NORMALISATION = 20, LSTM_INPUTS = 24, GATES = 4 };

static const float gate_steps = 4096; /* of 2^-12 */
static const float no_bound = 3.4028234663852886e38f;
static const uint32_t least_square = UINT32_C(0x30800000); /* 2^-30: of two numbers of Q0.15 */

/* A constant of so many rows and columns. */
static void read_matrix(struct tinyi_context *context, uint32_t position, uint32_t type, int32_t rows, int32_t columns,
                        struct tinyi_tensor *tensor) {
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->inputs, position, tensor);
  } else {
    tinyi_read_quantised(context, &context->inputs, position, type, tensor);
  }
  tinyi_require(context,
                tensor->is_constant && tensor->zero_point == 0 && tensor->shape[4] == columns &&
                    tensor->shape[3] == rows && tensor->elements == rows * columns,
                TINYI_UNSUPPORTED);
}

/* An activation that holds so many elements, and isn't a constant. */
static void read_state(struct tinyi_context *context, uint32_t position, uint32_t type, int32_t elements,
                       struct tinyi_tensor *tensor) {
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->inputs, position, tensor);
  } else {
    tinyi_read_quantised(context, &context->inputs, position, type, tensor);
  }
  tinyi_require(context, !tensor->is_constant && tensor->elements == elements, TINYI_UNSUPPORTED);
}

/* A constant list of float32; NULL where it is absent. */
static const float *read_reals(struct tinyi_context *context, uint32_t position, int32_t count) {
  struct tinyi_tensor tensor;
  if (tinyi_index(context, &context->inputs, position) < 0) {
    return NULL;
  }
  tinyi_read_floats(context, &context->inputs, position, &tensor);
  tinyi_require(context, tensor.is_constant && tensor.elements == count, TINYI_UNSUPPORTED);
  return (const float *)(const void *)tensor.data;
}

/* What both kinds of SVDF have: sizes, checked. */
struct svdf {
  struct tinyi_tensor input, features, time, state, output;
  int32_t rank, units;
};

static int32_t read_svdf(struct tinyi_context *context, uint32_t type, uint32_t state_type, struct svdf *svdf) {
  const uint32_t weights = type == TINYI_FLOAT32 ? TINYI_FLOAT32 : TINYI_INT8;
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->inputs, 0, &svdf->input);
    tinyi_read_floats(context, &context->inputs, FEATURES, &svdf->features);
    tinyi_read_floats(context, &context->inputs, TIME, &svdf->time);
  } else {
    tinyi_read_activation(context, &context->inputs, 0, &svdf->input);
    tinyi_read_quantised(context, &context->inputs, FEATURES, weights, &svdf->features);
    tinyi_read_quantised(context, &context->inputs, TIME, state_type, &svdf->time);
  }
  svdf->rank = tinyi_int(&context->file, &context->options, RANK, 0);
  tinyi_require(context, svdf->rank > 0 && svdf->input.rank == 2 && context->inputs.count == STATE + 1,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const int32_t filters = svdf->features.shape[3], inputs = svdf->input.shape[4], memory = svdf->time.shape[4];
  svdf->units = filters / svdf->rank;
  tinyi_require(context,
                svdf->features.is_constant && svdf->time.is_constant && svdf->features.zero_point == 0 &&
                    svdf->time.zero_point == 0 && svdf->features.elements == filters * inputs &&
                    svdf->features.shape[4] == inputs && svdf->time.elements == filters * memory &&
                    svdf->time.shape[3] == filters && svdf->units * svdf->rank == filters,
                TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  /* as products of at most 2^27 elements each they could leave 32 bits */
  const int64_t kept = (int64_t)svdf->input.shape[3] * svdf->time.elements;
  read_state(context, STATE, state_type, kept <= INT32_MAX ? (int32_t)kept : -1, &svdf->state);
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->outputs, 0, &svdf->output);
  } else {
    tinyi_read_activation(context, &context->outputs, 0, &svdf->output);
  }
  tinyi_require(context, svdf->output.elements == svdf->input.shape[3] * svdf->units, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes != NULL) {
    tinyi_note_work(context, svdf->input.shape[3] * filters, inputs + memory);
  }
  return context->file.status == TINYI_OK;
}

void tinyi_svdf(struct tinyi_context *context) {
  struct svdf svdf;
  const uint32_t type = tinyi_type(context, TIME);
  tinyi_require(context, type == TINYI_INT8 || type == TINYI_INT16, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK || !read_svdf(context, TINYI_INT8, type, &svdf)) {
    return;
  }
  const float input = tinyi_real(svdf.input.scale), state = tinyi_real(svdf.state.scale);
  const float features = tinyi_real(svdf.features.scale), time = tinyi_real(svdf.time.scale);
  const float given = input * features, kept = state * time;
  const struct tinyi_factor to_state = tinyi_factor_of_real(context, given / state);
  const struct tinyi_factor to_output = tinyi_factor_of_real(context, kept / tinyi_real(svdf.output.scale));
  struct tinynn_svdf p = {.features = svdf.features.data,
                                .time = svdf.time.data,
                                .bias = tinyi_read_integers(context, BIAS, svdf.units),
                                .batches = svdf.input.shape[3],
                                .inputs = svdf.input.shape[4],
                                .units = svdf.units,
                                .rank = svdf.rank,
                                .memory = svdf.time.shape[4],
                                .pitch = svdf.input.shape[4],
                                .input_zero_point = svdf.input.zero_point,
                                .state_zero_point = svdf.state.zero_point,
                                .output_zero_point = svdf.output.zero_point,
                                .state_multiplier = to_state.multiplier,
                                .state_shift = to_state.shift,
                                .output_multiplier = to_output.multiplier,
                                .output_shift = to_output.shift};
  tinyi_require(context, type == TINYI_INT8 || svdf.state.zero_point == 0, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_svdf *kernel = context->kernel;
  const int32_t is_whole = kernel != NULL && p.pitch % 8 == 0;
  if (context->lifetimes != NULL) {
    context->scratch_least = is_whole ? kernel->scratch_bytes(&p) : 0;
    context->scratch_most = context->scratch_least;
    return;
  }
  if (is_whole && ((uintptr_t)p.features & 3) == 0) {
    kernel->compute(&p, svdf.input.data, svdf.state.data, type == TINYI_INT16, svdf.output.data, context->scratch);
  } else if (type == TINYI_INT8) {
    tinynn_svdf_int8_ref(&p, svdf.input.data, svdf.state.data, svdf.output.data);
  } else {
    tinynn_svdf_int16_ref(&p, svdf.input.data, tinyi_int16(&svdf.state), svdf.output.data);
  }
}

void tinyi_svdf_float32(struct tinyi_context *context) {
  struct svdf svdf;
  if (!read_svdf(context, TINYI_FLOAT32, TINYI_FLOAT32, &svdf)) {
    return;
  }
  const int32_t activation = tinyi_byte(&context->file, &context->options, SVDF_ACTIVATION);
  tinyi_require(context, activation >= 0 && activation <= ACTIVATION_RELU6, TINYI_UNSUPPORTED);
  const int32_t is_plain = activation == ACTIVATION_NONE, is_open = is_plain || activation == ACTIVATION_RELU;
  const int32_t has_zero = activation == ACTIVATION_RELU || activation == ACTIVATION_RELU6;
  const struct tinynn_svdf_float32 p = {.features = (const float *)(const void *)svdf.features.data,
                                        .time = (const float *)(const void *)svdf.time.data,
                                        .bias = read_reals(context, BIAS, svdf.units),
                                        .batches = svdf.input.shape[3],
                                        .inputs = svdf.input.shape[4],
                                        .units = svdf.units,
                                        .rank = svdf.rank,
                                        .memory = svdf.time.shape[4],
                                        .lowest = is_plain ? -no_bound : has_zero ? 0 : -1,
                                        .highest = is_open ? no_bound : activation == ACTIVATION_RELU6 ? 6 : 1};
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    tinynn_svdf_float32_ref(&p, (const float *)(const void *)svdf.input.data, (float *)(void *)svdf.state.data,
                            (float *)(void *)svdf.output.data);
  }
}

/* What all kinds of LSTM have, checked. */
struct lstm {
  struct tinyi_tensor input, state, memory, output, input_weights[GATES], state_weights[GATES];
  int32_t is_time_major, batches, steps, cells;
};

static void require_absent(struct tinyi_context *context, uint32_t first, uint32_t end) {
  for (uint32_t i = first; i < end; ++i) {
    tinyi_require(context, tinyi_index(context, &context->inputs, i) < 0, TINYI_UNSUPPORTED);
  }
}

static __attribute__((noinline)) int32_t read_lstm(struct tinyi_context *context, uint32_t type, struct lstm *lstm) {
  const uint32_t weights = type == TINYI_FLOAT32 ? TINYI_FLOAT32 : TINYI_INT8;
  tinyi_require(context, context->inputs.count == LSTM_INPUTS, TINYI_UNSUPPORTED);
  require_absent(context, PEEPHOLES, BIASES);
  require_absent(context, PROJECTION, LSTM_STATE);
  require_absent(context, NORMALISATION, LSTM_INPUTS);
  tinyi_require(context, tinyi_byte(&context->file, &context->options, ACTIVATION) == ACTIVATION_TANH,
                TINYI_UNSUPPORTED);
  lstm->is_time_major = tinyi_byte(&context->file, &context->options, TIME_MAJOR) != 0;
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->inputs, 0, &lstm->input);
    tinyi_read_floats(context, &context->inputs, INPUT_WEIGHTS, &lstm->input_weights[0]);
  } else {
    tinyi_read_quantised(context, &context->inputs, 0, type, &lstm->input);
    tinyi_read_quantised(context, &context->inputs, INPUT_WEIGHTS, weights, &lstm->input_weights[0]);
  }
  tinyi_require(context, lstm->input.rank == 3, TINYI_UNSUPPORTED);
  if (context->file.status != TINYI_OK) {
    return 0;
  }
  const int32_t inputs = lstm->input.shape[4], cells = lstm->input_weights[0].shape[3];
  lstm->cells = cells;
  lstm->batches = lstm->input.shape[lstm->is_time_major ? 3 : 2];
  lstm->steps = lstm->input.shape[lstm->is_time_major ? 2 : 3];
  for (uint32_t g = 0; g < GATES && context->file.status == TINYI_OK; ++g) {
    read_matrix(context, INPUT_WEIGHTS + g, weights, cells, inputs, &lstm->input_weights[g]);
    read_matrix(context, STATE_WEIGHTS + g, weights, cells, cells, &lstm->state_weights[g]);
  }
  const int64_t kept = (int64_t)lstm->batches * cells, made = kept * lstm->steps;
  read_state(context, LSTM_STATE, type, kept <= INT32_MAX ? (int32_t)kept : -1, &lstm->state);
  read_state(context, MEMORY, type == TINYI_FLOAT32 ? TINYI_FLOAT32 : TINYI_INT16, (int32_t)kept, &lstm->memory);
  if (type == TINYI_FLOAT32) {
    tinyi_read_floats(context, &context->outputs, 0, &lstm->output);
  } else {
    tinyi_read_quantised(context, &context->outputs, 0, type, &lstm->output);
  }
  tinyi_require(context, lstm->output.elements == made, TINYI_DAMAGED);
  if (context->file.status == TINYI_OK && context->lifetimes != NULL) {
    tinyi_note_work(context, lstm->output.elements, GATES * (inputs + cells));
  }
  return context->file.status == TINYI_OK;
}

/* floor(clip / scale), both bits of float32, at most INT16_MAX; 0 for a clip that isn't above 0. */
static int32_t clip_of(uint32_t clip, uint32_t scale) {
  if (!tinyi_is_positive(clip) || clip >> 23 == 0) {
    return 0;
  }
  const int32_t places = (int32_t)(clip >> 23) - (int32_t)(scale >> 23);
  const uint64_t mantissa = (clip & 0x7fffff) | 0x800000, divisor = (scale & 0x7fffff) | 0x800000;
  if (places > 16 || places < -1) {
    return places > 0 ? INT16_MAX : 0;
  }
  const uint64_t quotient = (mantissa << (places + 1)) / (2 * divisor);
  return quotient < INT16_MAX ? (int32_t)quotient : INT16_MAX;
}

/* Of both integer forms. */
static inline __attribute__((always_inline)) void lstm_of(struct tinyi_context *context, uint32_t type) {
  struct lstm lstm;
  if (!read_lstm(context, type, &lstm)) {
    return;
  }
  const uint32_t clip = (uint32_t)tinyi_int(&context->file, &context->options, CELL_CLIP, 0);
  /* the power of two that is nearest: the square root of 2 is halfway */
  const uint32_t scale = lstm.memory.scale;
  const int32_t places = 12 - 127 + (int32_t)(scale >> 23) + ((scale & 0x7fffff) > 0x3504f3);
  tinyi_require(context,
                lstm.memory.zero_point == 0 && places >= -16 && places <= 11 &&
                    (type == TINYI_INT8 || (lstm.input.zero_point == 0 && lstm.state.zero_point == 0)),
                TINYI_UNSUPPORTED);
  const struct tinyi_factor keep = {INT32_C(1) << 30, -14};
  const struct tinyi_factor update = tinyi_ratio(least_square, scale, TINYI_ONE);
  const struct tinyi_factor output = tinyi_ratio(least_square, lstm.state.scale, TINYI_ONE);
  tinyi_require(context, update.shift <= TINYI_LARGEST_SHIFT && output.shift <= TINYI_LARGEST_SHIFT,
                TINYI_UNSUPPORTED);
  struct tinynn_lstm p = {.batches = lstm.batches,
                          .steps = lstm.steps,
                          .inputs = lstm.input.shape[4],
                          .cells = lstm.cells,
                          .is_time_major = lstm.is_time_major,
                          .input_pitch = lstm.input.shape[4],
                          .state_pitch = lstm.cells,
                          .input_zero_point = lstm.input.zero_point,
                          .state_zero_point = lstm.state.zero_point,
                          .keep_multiplier = keep.multiplier,
                          .keep_shift = keep.shift,
                          .update_multiplier = update.multiplier,
                          .update_shift = update.shift,
                          .tanh_multiplier = places > 0 ? 3 << places : 3,
                          .tanh_right_shift = places < 0 ? -places : 0,
                          .output_multiplier = output.multiplier,
                          .output_shift = output.shift,
                          .clip = clip_of(clip, scale)};
  for (uint32_t g = 0; g < GATES && context->file.status == TINYI_OK; ++g) {
    uint32_t bias_type = 0;
    p.input_weights[g] = lstm.input_weights[g].data;
    p.state_weights[g] = lstm.state_weights[g].data;
    p.bias[g] = tinyi_read_bias(context, BIASES + g, lstm.cells, &bias_type);
    tinyi_require(context, p.bias[g] != NULL && bias_type == (type == TINYI_INT8 ? TINYI_INT32 : TINYI_INT64),
                  TINYI_UNSUPPORTED);
    const float given = tinyi_real(lstm.input.scale) * tinyi_real(lstm.input_weights[g].scale);
    const float kept = tinyi_real(lstm.state.scale) * tinyi_real(lstm.state_weights[g].scale);
    struct tinyi_factor of_input = tinyi_factor_of_real(context, given * gate_steps);
    struct tinyi_factor of_state = tinyi_factor_of_real(context, kept * gate_steps);
    if (type == TINYI_INT16) { /* see tinynn/wide.h */
      tinyi_require(context, of_input.shift <= 7 && of_state.shift <= 7, TINYI_UNSUPPORTED);
      of_input.multiplier = of_input.multiplier < 0x7fff0000 ? (of_input.multiplier + (1 << 15)) >> 16 : 0x7fff;
      of_state.multiplier = of_state.multiplier < 0x7fff0000 ? (of_state.multiplier + (1 << 15)) >> 16 : 0x7fff;
    }
    p.input_multipliers[g] = of_input.multiplier;
    p.input_shifts[g] = of_input.shift;
    p.state_multipliers[g] = of_state.multiplier;
    p.state_shifts[g] = of_state.shift;
  }
  if (context->file.status != TINYI_OK) {
    return;
  }
  const struct tinyi_lstm *kernel = type == TINYI_INT8 ? context->kernel : NULL;
  if (context->lifetimes != NULL) {
    if (kernel != NULL && kernel->supports(&p)) {
      context->choice = 1;
      context->scratch_least = kernel->scratch_bytes(&p);
      context->scratch_most = context->scratch_least;
    }
    return;
  }
  if (kernel != NULL && context->choice) {
    kernel->compute(&p, lstm.input.data, lstm.state.data, tinyi_int16(&lstm.memory), lstm.output.data,
                    context->scratch);
  } else if (type == TINYI_INT8) {
    tinynn_lstm_int8_ref(&p, lstm.input.data, lstm.state.data, tinyi_int16(&lstm.memory), lstm.output.data);
  } else {
    tinynn_lstm_int16_ref(&p, tinyi_int16(&lstm.input), tinyi_int16(&lstm.state), tinyi_int16(&lstm.memory),
                          tinyi_int16(&lstm.output));
  }
}

void tinyi_lstm(struct tinyi_context *context) { lstm_of(context, TINYI_INT8); }

void tinyi_lstm_int16(struct tinyi_context *context) { lstm_of(context, TINYI_INT16); }

void tinyi_lstm_float32(struct tinyi_context *context) {
  struct lstm lstm;
  if (!read_lstm(context, TINYI_FLOAT32, &lstm)) {
    return;
  }
  struct tinynn_lstm_float32 p = {
      .batches = lstm.batches,
      .steps = lstm.steps,
      .inputs = lstm.input.shape[4],
      .cells = lstm.cells,
      .is_time_major = lstm.is_time_major,
      .clip = tinyi_real((uint32_t)tinyi_int(&context->file, &context->options, CELL_CLIP, 0))};
  for (uint32_t g = 0; g < GATES; ++g) {
    p.input_weights[g] = (const float *)(const void *)lstm.input_weights[g].data;
    p.state_weights[g] = (const float *)(const void *)lstm.state_weights[g].data;
    p.bias[g] = read_reals(context, BIASES + g, lstm.cells);
    tinyi_require(context, p.bias[g] != NULL, TINYI_UNSUPPORTED);
  }
  if (context->file.status == TINYI_OK && context->lifetimes == NULL) {
    tinynn_lstm_float32_ref(&p, (const float *)(const void *)lstm.input.data, (float *)(void *)lstm.state.data,
                            (float *)(void *)lstm.memory.data, (float *)(void *)lstm.output.data);
  }
}
