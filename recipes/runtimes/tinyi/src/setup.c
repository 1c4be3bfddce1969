/* Set-up: find the parts of the file, visit every operator, plan the memory.
 *
 * The arena: activations and scratch from its beginning; at its end what an inference needs to know, `places` and
 * `scratches`. While set-up runs its own tables lie where the activations will be.
 *
 * The plan is the one that tinyflow/backends/tinyi/planner.py makes too: buffers in order of size, the largest first,
 * each at the lowest place where it overlaps none that lives at the same time. Scratch lies between
 * them; where more of it makes an operator faster, it gets what 7/32 more than the least arena leave.
 */
#include "tinyi/visit.h"

/* Fields of TFLite's schema: Model, SubGraph. */
enum { MODEL_VERSION = 0, MODEL_OPERATOR_CODES = 1, MODEL_SUBGRAPHS = 2, MODEL_BUFFERS = 4 };
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS = 1, SUBGRAPH_OUTPUTS = 2, SUBGRAPH_OPERATORS = 3 };
enum { SCHEMA_VERSION = 3 };

/* What an operator asked for. */
struct wish {
  uint32_t least, most; /* units of scratch */
  uint32_t in_place;
};

struct setup {
  struct tinyi *model;
  struct tinyi_visit visit;
  struct tinyi_vector inputs, outputs;
  struct tinyi_life *lives;
  struct wish *wishes;
  uint32_t buffers; /* tensors that have bytes of their own */
  uint32_t end;     /* bytes before the tables at the arena's end */
  uint32_t least, most, in_place; /* all wishes' bits: 0 where there are none */
};

static __attribute__((noinline)) void find_parts(struct setup *setup) {
  struct tinyi *model = setup->model;
  struct tinyi_file *file = &model->file;
  if (file->size < 8 || file->size >= UINT32_C(1) << 31 || tinyi_word(file, 4) != UINT32_C(0x334c4654)) { /* TFL3 */
    tinyi_fail(file, TINYI_DAMAGED);
    return;
  }
  const struct tinyi_table root = tinyi_follow(file, 0);
  const struct tinyi_vector subgraphs = tinyi_vector(file, &root, MODEL_SUBGRAPHS, 2);
  if (tinyi_int(file, &root, MODEL_VERSION, 0) != SCHEMA_VERSION || subgraphs.count != 1) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
    return;
  }
  const struct tinyi_table graph = tinyi_element(file, &subgraphs, 0);
  model->codes = tinyi_vector(file, &root, MODEL_OPERATOR_CODES, 2);
  model->buffers = tinyi_vector(file, &root, MODEL_BUFFERS, 2);
  model->tensors = tinyi_vector(file, &graph, SUBGRAPH_TENSORS, 2);
  model->nodes = tinyi_vector(file, &graph, SUBGRAPH_OPERATORS, 2);
  setup->inputs = tinyi_vector(file, &graph, SUBGRAPH_INPUTS, 2);
  setup->outputs = tinyi_vector(file, &graph, SUBGRAPH_OUTPUTS, 2);
  if (model->nodes.count - 1 >= TINYI_CONSTANT - 1 || model->tensors.count >= TINYI_UNWRITTEN) {
    tinyi_fail(file, TINYI_UNSUPPORTED);
  }
}

static void need(struct setup *setup, uint32_t bytes) {
  struct tinyi *model = setup->model;
  model->needed_bytes = bytes > model->needed_bytes ? bytes : model->needed_bytes;
  if (bytes > model->arena_bytes) {
    tinyi_fail(&model->file, TINYI_ARENA_TOO_SMALL);
  }
}

/* The tables of set-up at the arena's beginning, those of inferences at its end. */
static void place_tables(struct setup *setup) {
  struct tinyi *model = setup->model;
  const uint32_t tensors = model->tensors.count, nodes = model->nodes.count;
  const uint32_t tables_bytes = (2 * tensors + 5 * nodes + 3) & ~UINT32_C(3);
  const uint32_t work_bytes = tensors * (uint32_t)sizeof(struct tinyi_life) + nodes * (uint32_t)sizeof(struct wish);
  need(setup, work_bytes + tables_bytes);
  if (model->file.status != TINYI_OK) {
    return;
  }
  setup->end = (model->arena_bytes & ~UINT32_C(3)) - tables_bytes;
  setup->lives = (struct tinyi_life *)(void *)model->arena;
  setup->wishes = (struct wish *)(void *)(setup->lives + tensors);
  model->scratches = (uint16_t *)(void *)(model->arena + setup->end);
  model->places = model->scratches + 2 * nodes;
  model->choices = (uint8_t *)(model->places + tensors);
#pragma GCC unroll 4
  for (uint32_t i = 0; i < tensors; ++i) {
    setup->lives[i].first = TINYI_UNWRITTEN;
    model->places[i] = TINYI_UNWRITTEN;
  }
}

/* The graph's inputs live from the start: they are what an operator before the first one writes. */
static __attribute__((noinline)) void begin_inputs(struct setup *setup) {
  struct tinyi_visit *visit = &setup->visit;
  visit->node = 0;
  visit->outputs = setup->inputs;
  for (uint32_t i = 0; i < visit->outputs.count && visit->file.status == TINYI_OK; ++i) {
    struct tinyi_tensor tensor;
    if (tinyi_type_of(visit, &visit->outputs, i) == TINYI_FLOAT32) {
      tinyi_reals(visit, &visit->outputs, i, &tensor);
    } else {
      tinyi_activation(visit, &visit->outputs, i, &tensor);
    }
  }
}

static void visit_nodes(struct setup *setup) {
  struct tinyi_visit *visit = &setup->visit;
  const struct tinyi *model = setup->model;
  const uint32_t bias = model->unit - 1;
  for (uint32_t node = 0; node < model->nodes.count && visit->file.status == TINYI_OK; ++node) {
    visit->node = node;
    tinyi_visit_node(visit);
    struct wish *wish = &setup->wishes[node];
    wish->least = (visit->scratch_least + bias) / model->unit;
    wish->most = (visit->scratch_most + bias) / model->unit;
    wish->in_place = visit->in_place;
    setup->least |= wish->least;
    setup->most |= wish->most;
    setup->in_place |= wish->in_place;
    model->choices[node] = visit->choice;
  }
}

/* The graph's outputs live behind the last operator. */
static void keep_outputs(struct setup *setup) {
  struct tinyi_visit *visit = &setup->visit;
  for (uint32_t i = 0; i < setup->outputs.count; ++i) {
    const int32_t index = tinyi_index(visit, &setup->outputs, i);
    if (index < 0 || setup->lives[index].first >= TINYI_CONSTANT) {
      tinyi_fail(&visit->file, TINYI_DAMAGED);
      return;
    }
    setup->lives[setup->lives[index].owner].last = (uint16_t)setup->model->nodes.count;
  }
}

/* The tensor whose place it is in the end. */
static uint32_t root_of(const struct setup *setup, uint32_t index) {
  while (setup->lives[index].owner != index) {
    index = setup->lives[index].owner;
  }
  return index;
}

/* Put outputs on inputs that nobody reads any more, where the operator allows it and they fit. */
static __attribute__((noinline)) void merge(struct setup *setup) {
  struct tinyi_visit *visit = &setup->visit;
  struct tinyi_life *lives = setup->lives;
  for (uint32_t node = 0; node < setup->model->nodes.count; ++node) {
    const uint32_t in_place = setup->wishes[node].in_place;
    if (in_place == 0) {
      continue;
    }
    const struct tinyi_table table = tinyi_element(&visit->file, &setup->model->nodes, node);
    visit->inputs = tinyi_vector(&visit->file, &table, TINYI_OPERATOR_INPUTS, 2);
    visit->outputs = tinyi_vector(&visit->file, &table, TINYI_OPERATOR_OUTPUTS, 2);
    struct tinyi_life *output = &lives[tinyi_index(visit, &visit->outputs, 0)];
    for (uint32_t i = 0; i < visit->inputs.count; ++i) {
      const int32_t index = tinyi_index(visit, &visit->inputs, i);
      if ((in_place >> i & 1) == 0 || index < 0 || lives[index].first >= TINYI_CONSTANT) {
        continue;
      }
      const uint32_t root = root_of(setup, (uint32_t)index);
      if (lives[root].last == node && lives[root].size >= output->size) {
        lives[root].last = output->last;
        output->owner = (uint16_t)root;
        break;
      }
    }
  }
}

/* Buffers in the order of placing: by size downwards, then as they are written. */
static __attribute__((noinline)) void sort(struct setup *setup) {
  struct tinyi_life *lives = setup->lives;
  const uint32_t unit = setup->model->unit, written = setup->visit.written;
  uint32_t count = 0;
  for (uint32_t i = 0; i < written; ++i) {
    const uint32_t index = lives[i].written;
    struct tinyi_life *life = &lives[index];
    if (life->owner != index) {
      continue;
    }
    const uint32_t units = (life->size + unit - 1) / unit;
    life->size = units;
    struct tinyi_life *at = lives + count++;
    for (; at != lives && lives[at[-1].order].size < units; --at) {
      at->order = at[-1].order;
    }
    at->order = (uint16_t)index;
  }
  setup->buffers = count;
}

/* The lowest place of a buffer among those that were placed before it: the entries up to `end`. */
static uint32_t lowest_place(const struct tinyi_life *lives, const struct tinyi_life *end,
                             const struct tinyi_life *life) {
  const uint32_t first = life->first, last = life->last, units = life->size;
  uint32_t place = 0;
  int32_t has_moved = 1;
  while (has_moved) { /* what was below may be in the way now */
    has_moved = 0;
    for (const struct tinyi_life *entry = lives; entry != end; ++entry) {
      const struct tinyi_life *other = &lives[entry->order];
      if (other->first <= last && first <= other->last) {
        const uint32_t from = other->place, to = from + other->size;
        if (from < place + units && place < to) {
          place = to;
          has_moved = 1;
        }
      }
    }
  }
  return place;
}

/* A stretch of the arena. */
struct gap {
  uint32_t begin, units;
};

/* The buffers that live in one operator after the other: the first `count` entries of `order`, by place. */
struct line {
  struct tinyi_life *lives;
  uint32_t written, next; /* of the list of tensors as they are written: how many, and the first that wasn't looked at */
  uint32_t count;
};

/* Go on to operator `node`. */
static void advance(struct line *line, uint32_t node) {
  struct tinyi_life *lives = line->lives;
  uint32_t count = 0;
  for (uint32_t i = 0; i < line->count; ++i) {
    const uint16_t index = lives[i].order;
    if (lives[index].last >= node) {
      lives[count++].order = index;
    }
  }
  while (line->next < line->written) {
    const uint32_t index = lives[line->next].written;
    const struct tinyi_life *life = &lives[index];
    if (life->first > node) {
      break;
    }
    ++line->next;
    if (life->owner == index && life->last >= node) {
      struct tinyi_life *at = lives + count++;
      for (; at != lives && lives[at[-1].order].place > life->place; --at) {
        at->order = at[-1].order;
      }
      at->order = (uint16_t)index;
    }
  }
  line->count = count;
}

/* The first gap of so many units in a line, or the largest one; `limit` is the arena's end. */
static struct gap find_gap(const struct line *line, uint32_t units, uint32_t limit) {
  const struct tinyi_life *lives = line->lives;
  struct gap best = {0, 0};
  uint32_t begin = 0;
  for (uint32_t i = 0; i <= line->count && best.units < units; ++i) {
    uint32_t end = limit, next = limit;
    if (i < line->count) {
      const struct tinyi_life *life = &lives[lives[i].order];
      end = life->place;
      next = end + life->size;
    }
    if (end > begin && end - begin > best.units) {
      best.begin = begin;
      best.units = end - begin;
    }
    begin = next;
  }
  return best;
}

/* The arena's end, in units, where all have the least scratch; `total` without any. */
static __attribute__((noinline)) uint32_t fit_least(const struct setup *setup, uint32_t total) {
  const uint32_t infinite = UINT32_C(1) << 30;
  struct line line = {setup->lives, setup->visit.written, 0, 0};
  for (uint32_t node = 0; node < setup->model->nodes.count; ++node) {
    const uint32_t least = setup->wishes[node].least;
    if (least == 0) {
      continue;
    }
    advance(&line, node);
    /* as much as fits between the others for nothing, or behind them */
    if (find_gap(&line, least, total).units < least) {
      const uint32_t end = find_gap(&line, infinite, infinite).begin + least;
      total = end > total ? end : total;
    }
  }
  return total;
}

/* Scratch of all operators; `total` with the least of it, in units, and with all when it returns. */
static __attribute__((noinline)) uint32_t place_scratch(const struct setup *setup, uint32_t total) {
  const struct tinyi *model = setup->model;
  const uint32_t limit = total + total / 32 * 7 < UINT16_MAX ? total + total / 32 * 7 : UINT16_MAX;
  struct line line = {setup->lives, setup->visit.written, 0, 0};
  for (uint32_t node = 0; node < model->nodes.count; ++node) {
    const uint32_t most = setup->wishes[node].most;
    struct gap gap = {0, 0};
    if (most > 0) {
      advance(&line, node);
      gap = find_gap(&line, most, limit);
      gap.units = gap.units < most ? gap.units : most;
    }
    model->scratches[2 * node] = (uint16_t)gap.begin;
    model->scratches[2 * node + 1] = (uint16_t)gap.units;
    total = gap.begin + gap.units > total ? gap.begin + gap.units : total;
  }
  return total;
}

/* Places of all tensors and of all scratch; the arena's end in units. */
static __attribute__((noinline)) uint32_t place(struct setup *setup) {
  struct tinyi_life *lives = setup->lives;
  uint32_t total = 0;
  for (struct tinyi_life *entry = lives; entry != lives + setup->buffers; ++entry) {
    struct tinyi_life *life = &lives[entry->order];
    const uint32_t at = lowest_place(lives, entry, life), end = at + life->size;
    life->place = (uint16_t)at;
    total = end > total ? end : total;
    if (total > UINT16_MAX) {
      return total;
    }
  }
  for (uint32_t i = 0; i < setup->visit.written; ++i) {
    const uint32_t index = lives[i].written;
    setup->model->places[index] = lives[root_of(setup, index)].place;
  }
  if (setup->least != 0) {
    total = fit_least(setup, total);
  }
  return total > UINT16_MAX ? total : place_scratch(setup, total);
}

int tinyi_setup(struct tinyi *model) {
  struct setup setup;
  model->file.status = TINYI_OK;
  model->needed_bytes = 0;
  setup.model = model;
  find_parts(&setup);
  if (model->file.status == TINYI_OK) {
    place_tables(&setup);
  }
  if (model->file.status != TINYI_OK) {
    return model->file.status;
  }
  setup.least = 0;
  setup.most = 0;
  setup.in_place = 0;
  setup.visit.file = model->file;
  setup.visit.model = model;
  setup.visit.lives = setup.lives;
  setup.visit.written = 0;
  setup.visit.code = TINYI_NO_CODE;
  begin_inputs(&setup);
  visit_nodes(&setup);
  if (setup.visit.file.status == TINYI_OK) {
    keep_outputs(&setup);
  }
  if (setup.visit.file.status == TINYI_OK) {
    if (setup.in_place != 0) {
      merge(&setup);
    }
    sort(&setup);
    const uint32_t total = place(&setup);
    if (total > UINT16_MAX) {
      tinyi_fail(&setup.visit.file, TINYI_UNSUPPORTED);
    } else {
      need(&setup, total * model->unit + (model->arena_bytes & ~UINT32_C(3)) - setup.end);
    }
  }
  tinyi_fail(&model->file, setup.visit.file.status);
  return model->file.status;
}
