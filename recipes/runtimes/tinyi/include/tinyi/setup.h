/* Set-up: find the parts of the file, check every operator, plan the memory. setup.c has it for models without state,
 * setup_state.c for those with it (TINYI_HAS_STATE), setup_custom.c and setup_calls.c for those whose custom
 * operators keep some of their own (TINYI_HAS_CUSTOM), or whose operators call subgraphs (TINYI_HAS_CALLS), too.
 *
 * The arena: activations and scratch from its beginning; at its end what an inference needs to know (see context.h).
 * While set-up runs its own tables are where plan.c will put the activations.
 */
#include "tinyi/calls.h"
#include "tinyi/custom.h"
#include "tinyi/plan.h"
#include "tinyi/state.h"

/* Fields of TFLite's schema: Model, SubGraph. */
enum { MODEL_VERSION = 0, MODEL_OPERATOR_CODES = 1, MODEL_SUBGRAPHS = 2, MODEL_BUFFERS = 4 };
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS = 1, SUBGRAPH_OUTPUTS = 2, SUBGRAPH_OPERATORS = 3 };
enum { SCHEMA_VERSION = 3 };

struct setup {
  struct tinyi *model;
  struct tinyi_context context;
  struct tinyi_vector inputs, outputs;
  struct tinyi_memory_request *requests;
  uint32_t tables_bytes; /* of requests, and of what inferences need to know */
  uint32_t end;          /* bytes before the latter */
#if TINYI_HAS_CALLS
  uint32_t kept; /* bytes at the arena's end that other graphs have */
#endif
};

/* Bytes at the arena's end that other graphs have. */
static inline uint32_t kept_by_others(const struct setup *setup) {
#if TINYI_HAS_CALLS
  return setup->kept;
#else
  (void)setup;
  return 0;
#endif
}

/* `number`: of the graph. */
static __attribute__((noinline)) void find_parts(struct setup *setup, uint32_t number) {
  struct tinyi *model = setup->model;
  struct tinyi_file *file = &setup->context.file;
  if (file->size < 8 || file->size >= UINT32_C(1) << 31 || tinyi_word(file, 4) != UINT32_C(0x334c4654)) { /* TFL3 */
    tinyi_fail(file, TINYI_DAMAGED);
    return;
  }
  const struct tinyi_table root = tinyi_follow(file, 0);
  const struct tinyi_vector subgraphs = tinyi_vector(file, &root, MODEL_SUBGRAPHS, 2);
  if (tinyi_int(file, &root, MODEL_VERSION, 0) != SCHEMA_VERSION ||
      (TINYI_HAS_STATE ? subgraphs.count == 0 : subgraphs.count != 1)) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return;
  }
  const struct tinyi_table graph = tinyi_element(file, &subgraphs, number);
  model->codes = tinyi_vector(file, &root, MODEL_OPERATOR_CODES, 2);
  model->buffers = tinyi_vector(file, &root, MODEL_BUFFERS, 2);
  model->tensors = tinyi_vector(file, &graph, SUBGRAPH_TENSORS, 2);
  model->nodes = tinyi_vector(file, &graph, SUBGRAPH_OPERATORS, 2);
  setup->inputs = tinyi_vector(file, &graph, SUBGRAPH_INPUTS, 2);
  setup->outputs = tinyi_vector(file, &graph, SUBGRAPH_OUTPUTS, 2);
  /* a subgraph may just give what it got */
  const uint32_t least = number == 0;
  if (model->nodes.count - least >= TINYI_CONSTANT - least || model->tensors.count >= TINYI_UNWRITTEN) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
  }
}

static void need(struct setup *setup, uint32_t bytes) {
  struct tinyi *model = setup->model;
  model->needed_bytes = bytes > model->needed_bytes ? bytes : model->needed_bytes;
  if (bytes > model->config->arena_bytes) {
    tinyi_fail(&setup->context.file, TINYI_ARENA_TOO_SMALL);
  }
}

/* The tables of set-up at the arena's beginning, those of inferences at its end. */
static void place_tables(struct setup *setup) {
  struct tinyi *model = setup->model;
  const uint32_t tensors = model->tensors.count, nodes = model->nodes.count;
  const uint32_t tables_bytes = (2 * tensors + 5 * nodes + 3) & ~UINT32_C(3);
  const uint32_t requests_bytes = nodes * (uint32_t)sizeof(struct tinyi_memory_request);
  setup->tables_bytes = kept_by_others(setup) + tables_bytes + requests_bytes;
  need(setup, setup->tables_bytes + (uint32_t)sizeof(struct tinyi_lifetime));
  if (setup->context.file.status != TINYI_OK) {
    return;
  }
  setup->end = (model->config->arena_bytes & ~UINT32_C(3)) - kept_by_others(setup) - tables_bytes;
  setup->requests = (struct tinyi_memory_request *)(void *)model->config->arena;
  setup->context.lifetimes = (struct tinyi_lifetime *)(void *)(setup->requests + nodes);
  setup->context.room = (setup->end - requests_bytes) / (uint32_t)sizeof(struct tinyi_lifetime);
  model->places = (uint16_t *)(void *)(model->config->arena + setup->end) + 2 * nodes;
#pragma GCC unroll 8
  for (uint32_t i = 0; i < tensors; ++i) {
    model->places[i] = TINYI_UNWRITTEN;
  }
}

/* The graph's inputs live from the start: as if an operator before the first one wrote them. */
static __attribute__((noinline)) void begin_inputs(struct setup *setup) {
  struct tinyi_context *context = &setup->context;
  context->node = 0;
  context->outputs = setup->inputs;
  for (uint32_t i = 0; i < context->outputs.count && context->file.status == TINYI_OK; ++i) {
    tinyi_plan_output(context, i, UINT32_MAX);
  }
}

/* Inputs of an operator that its output may lie over. */
static __attribute__((noinline)) void note_inputs(struct tinyi_context *context, uint16_t over[2]) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < 2 && context->file.status == TINYI_OK; ++i) {
    const int32_t index = (context->in_place >> i & 1) != 0 ? tinyi_index(context, &context->inputs, i) : -1;
    if (index >= 0 && context->model->places[index] < TINYI_CONSTANT) {
      over[count] = context->model->places[index];
      ++count;
    }
  }
  if (count == 1) {
    over[1] = TINYI_NONE;
  }
}

static void run_nodes(struct setup *setup) {
  struct tinyi_context *context = &setup->context;
  struct tinyi_memory_request *request = setup->requests;
  uint8_t *choice = tinyi_choice_of(setup->model, 0);
  const uint32_t nodes = setup->model->nodes.count;
  for (uint32_t node = 0; node < nodes && context->file.status == TINYI_OK; ++node) {
    context->node = node;
    tinyi_run_node(context);
    request->least = context->scratch_least;
    request->most = context->scratch_most;
    request->step = context->scratch_step;
    request->lead = context->lead;
    request->walk = context->walk;
    request->over[0] = TINYI_NONE;
    if (context->in_place != 0) {
      note_inputs(context, request->over);
    }
    ++request;
    *choice++ = context->choice;
  }
}

/* The graph's outputs live behind the last operator; a subgraph may give constants. */
static void keep_outputs(struct setup *setup, uint32_t number) {
  struct tinyi_context *context = &setup->context;
  context->node = setup->model->nodes.count;
  if (number != 0) {
    context->inputs = setup->outputs;
    for (uint32_t i = 0; i < setup->outputs.count; ++i) {
      tinyi_plan_input(context, i);
    }
    return;
  }
  for (uint32_t i = 0; i < setup->outputs.count; ++i) {
    const int32_t index = tinyi_index(context, &setup->outputs, i);
    if (index < 0) {
      tinyi_fail(&context->file, TINYI_DAMAGED);
      return;
    }
    tinyi_note_read(context, (uint32_t)index);
  }
}

/* Whether an output over an input, with all the scratch that it then must have, is worth it: no more than both by
 * themselves and the least scratch may take, see plan.c. */
static int32_t pays(const struct tinyi_memory_request *request, uint32_t input, uint32_t output) {
  const uint32_t apart = tinyi_stretched(input + output + request->least);
  if (request->lead > 0) {
    input += (uint32_t)request->lead;
  } else {
    output += (uint32_t)-request->lead;
  }
  return tinyi_larger(input, output) + request->most <= apart;
}

/* An output may lie over an input that is not read any more, where the operator allows it and it pays. */
static __attribute__((noinline)) void note_overlap(const struct setup *setup, struct tinyi_lifetime *output) {
  const struct tinyi_memory_request *request = &setup->requests[output->first];
  const struct tinyi_config *config = setup->model->config;
  const int32_t unit = (int32_t)config->unit;
  for (uint32_t i = 0; i < 2 && request->over[i] < TINYI_CONSTANT; ++i) {
    const struct tinyi_lifetime *input = &setup->context.lifetimes[request->over[i]];
    if (input->last != output->first) {
      continue;
    }
    if (request->walk != 0) {
      const uint32_t walk = config->is_apart ? TINYI_IN_PLACE : request->walk;
      const uint32_t common = walk & -walk, step = walk / (common < config->unit ? common : config->unit);
      if (input->size >= output->size) {
        output->over = request->over[i];
        output->step = (uint16_t)(step < UINT16_MAX ? step : UINT16_MAX);
        return;
      }
    } else if (!config->is_apart && pays(request, input->size, output->size)) {
      const int32_t lead = ((request->lead + unit - 1) & -unit) / unit; /* no less */
      output->over = lead == (int16_t)lead ? request->over[i] : (uint16_t)TINYI_NONE;
      output->lead = (int16_t)lead;
      output->step = 0;
    }
  }
}

static __attribute__((noinline)) uint32_t plan(const struct setup *setup) {
  struct tinyi_plan plan = {.model = setup->model,
                            .lifetimes = setup->context.lifetimes,
                            .written = setup->context.written,
                            .requests = setup->requests};
  return tinyi_make_plan(&plan);
}

/* The first lifetimes, of state, never end. */
static inline void keep_state(struct setup *setup, uint32_t states) {
  for (uint32_t i = 0; i < states && i < setup->context.room; ++i) {
    setup->context.lifetimes[i].last = (uint16_t)setup->model->nodes.count;
  }
}

static inline void begin(struct setup *setup, struct tinyi *model) {
  const struct tinyi_file file = {model->config->data, model->config->size, TINYI_OK};
  model->needed_bytes = 0;
  setup->model = model;
  setup->context.file = file;
  setup->context.model = model;
}

/* One of the file's graphs; the units of its own arena. */
static inline uint32_t set_up_graph(struct setup *setup, uint32_t number) {
  struct tinyi *model = setup->model;
  setup->context.written = 0;
  setup->context.work = 0;
  setup->context.code = TINYI_NO_CODE;
  find_parts(setup, number);
  if (setup->context.file.status == TINYI_OK) {
    place_tables(setup);
  }
  if (setup->context.file.status != TINYI_OK) {
    return 0;
  }
  if (TINYI_HAS_STATE && number == 0) {
    tinyi_begin_state(&setup->context);
  }
  const uint32_t kept = TINYI_HAS_CUSTOM ? setup->context.written : 0;
  if (TINYI_HAS_CUSTOM) {
    tinyi_begin_kept(&setup->context);
  }
  const uint32_t states = TINYI_HAS_STATE ? setup->context.written : 0;
  begin_inputs(setup);
  const uint32_t begun = setup->context.written;
  run_nodes(setup);
  keep_state(setup, states);
  if (setup->context.file.status == TINYI_OK) {
    keep_outputs(setup, number);
  }
  if (setup->context.file.status == TINYI_OK) {
    need(setup, setup->tables_bytes + setup->context.written * (uint32_t)sizeof(struct tinyi_lifetime));
  }
  if (setup->context.file.status != TINYI_OK) {
    return 0;
  }
  for (uint32_t number = begun; number < setup->context.written; ++number) {
    struct tinyi_lifetime *output = &setup->context.lifetimes[number];
    if (output->size != 0 && setup->requests[output->first].over[0] < TINYI_CONSTANT) {
      note_overlap(setup, output);
    }
  }
  const uint32_t total = plan(setup);
  if (total > TINYI_MAX_UNITS) {
    tinyi_fail(&setup->context.file, TINYI_UNSUPPORTED);
  } else if (number == 0) {
    need(setup, total * model->config->unit + (model->config->arena_bytes & ~UINT32_C(3)) - setup->end);
  }
  if (TINYI_HAS_CUSTOM && setup->context.file.status == TINYI_OK) {
    tinyi_end_kept(&setup->context, kept);
  }
  return total;
}

#if TINYI_HAS_CALLS
int tinyi_setup_with_calls(struct tinyi *model) {
  struct setup setup;
  begin(&setup, model);
  setup.kept = tinyi_parts_bytes(&setup.context.file);
  need(&setup, setup.kept);
  tinyi_begin_parts(&setup.context);
  uint32_t number = 0, is_last = 0;
  while (setup.context.file.status == TINYI_OK && !is_last) {
    number = tinyi_next_part(&setup.context, number);
    is_last = number == 0;
    const uint32_t units = setup.context.file.status == TINYI_OK ? set_up_graph(&setup, number) : 0;
    if (setup.context.file.status == TINYI_OK && !is_last) {
      setup.kept = (model->config->arena_bytes & ~UINT32_C(3)) - setup.end;
      number = tinyi_end_part(&setup.context, number, units);
    }
  }
  return setup.context.file.status;
}
#else
#if TINYI_HAS_CUSTOM
int tinyi_setup_with_custom(struct tinyi *model) {
#elif TINYI_HAS_STATE
int tinyi_setup_with_state(struct tinyi *model) {
#else
int tinyi_setup(struct tinyi *model) {
#endif
  struct setup setup;
  begin(&setup, model);
  (void)set_up_graph(&setup, 0);
  return setup.context.file.status;
}
#endif
