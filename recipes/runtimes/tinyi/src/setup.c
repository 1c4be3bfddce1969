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
  if (model->nodes.count - 1 >= TINYI_UNWRITTEN - 1 || model->tensors.count >= TINYI_UNWRITTEN) {
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
  for (uint32_t i = 0; i < tensors; ++i) {
    setup->lives[i].first = TINYI_UNWRITTEN;
    setup->lives[i].owner = (uint16_t)i;
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
    model->choices[node] = visit->choice;
  }
}

/* The graph's outputs live behind the last operator. */
static void keep_outputs(struct setup *setup) {
  struct tinyi_visit *visit = &setup->visit;
  for (uint32_t i = 0; i < setup->outputs.count; ++i) {
    const int32_t index = tinyi_index(visit, &setup->outputs, i);
    if (index < 0 || setup->lives[index].first == TINYI_UNWRITTEN) {
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
      if ((in_place >> i & 1) == 0 || index < 0 || lives[index].first == TINYI_UNWRITTEN) {
        continue;
      }
      const uint32_t root = root_of(setup, (uint32_t)index);
      if (lives[root].last == node && lives[root].units >= output->units) {
        lives[root].last = output->last;
        output->owner = (uint16_t)root;
        break;
      }
    }
  }
}

/* Buffers in the order of placing: by size downwards, then by first operator, then by number. */
static __attribute__((noinline)) void sort(struct setup *setup) {
  struct tinyi_life *lives = setup->lives;
  uint32_t count = 0;
  for (uint32_t i = 0; i < setup->model->tensors.count; ++i) {
    const struct tinyi_life *life = &lives[i];
    if (life->first == TINYI_UNWRITTEN || life->owner != i) {
      continue;
    }
    uint32_t at = count++;
    for (; at > 0; --at) {
      const struct tinyi_life *before = &lives[lives[at - 1].order];
      if (before->units > life->units || (before->units == life->units && before->first <= life->first)) {
        break;
      }
      lives[at].order = lives[at - 1].order;
    }
    lives[at].order = (uint16_t)i;
  }
  setup->buffers = count;
}

/* The lowest place of buffer number `which` among those that were placed before it. */
static uint32_t lowest_place(const struct setup *setup, uint32_t which) {
  const struct tinyi_life *lives = setup->lives, *life = &lives[lives[which].order];
  const uint16_t *places = setup->model->places;
  const uint32_t first = life->first, last = life->last, units = life->units;
  uint32_t place = 0;
  int32_t has_moved = 1;
  while (has_moved) { /* what was below may be in the way now */
    has_moved = 0;
    for (const struct tinyi_life *entry = lives; entry != lives + which; ++entry) {
      const uint32_t index = entry->order;
      const struct tinyi_life *other = &lives[index];
      if (other->first <= last && first <= other->last) {
        const uint32_t begin = places[index], end = begin + other->units;
        if (begin < place + units && place < end) {
          place = end;
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

static int32_t is_alive(const struct tinyi_life *life, uint32_t node) {
  return life->first <= node && node <= life->last;
}

/* Entry i of `owner`, which nobody needs any more: the buffer that lies as the i-th in an operator. Their number. */
static uint32_t line_up(const struct setup *setup, uint32_t node) {
  struct tinyi_life *lives = setup->lives;
  const struct tinyi_life *end = lives + setup->buffers;
  const uint16_t *places = setup->model->places;
  uint32_t count = 0;
  for (const struct tinyi_life *entry = lives; entry != end; ++entry) {
    const uint32_t index = entry->order;
    if (!is_alive(&lives[index], node)) {
      continue;
    }
    uint32_t at = count++;
    for (; at > 0 && places[lives[at - 1].owner] > places[index]; --at) {
      lives[at].owner = lives[at - 1].owner;
    }
    lives[at].owner = (uint16_t)index;
  }
  return count;
}

/* The first gap of so many units between the buffers of an operator, or the largest one; `limit` is the arena's end. */
static struct gap find_gap(const struct setup *setup, uint32_t node, uint32_t units, uint32_t limit) {
  const struct tinyi_life *lives = setup->lives;
  const uint32_t count = line_up(setup, node);
  struct gap best = {0, 0};
  uint32_t begin = 0;
  for (uint32_t i = 0; i <= count && best.units < units; ++i) {
    uint32_t end = limit, next = limit;
    if (i < count) {
      const uint32_t index = lives[i].owner;
      end = setup->model->places[index];
      next = end + lives[index].units;
    }
    if (end > begin && end - begin > best.units) {
      best.begin = begin;
      best.units = end - begin;
    }
    begin = next;
  }
  return best;
}

/* Scratch of all operators; `total` without it, in units, and with it when it returns. */
static uint32_t place_scratch(struct setup *setup, uint32_t total) {
  struct tinyi *model = setup->model;
  const uint32_t infinite = UINT32_C(1) << 30;
  for (uint32_t node = 0; node < model->nodes.count; ++node) {
    const uint32_t least = setup->wishes[node].least;
    /* as much as fits between the others for nothing, or behind them */
    if (least > 0 && find_gap(setup, node, least, total).units < least) {
      const uint32_t end = find_gap(setup, node, infinite, infinite).begin + least;
      total = end > total ? end : total;
    }
  }
  if (total > UINT16_MAX) {
    return total;
  }
  const uint32_t limit = total + total / 32 * 7 < UINT16_MAX ? total + total / 32 * 7 : UINT16_MAX;
  for (uint32_t node = 0; node < model->nodes.count; ++node) {
    const uint32_t most = setup->wishes[node].most;
    struct gap gap = {0, 0};
    if (most > 0) {
      gap = find_gap(setup, node, most, limit);
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
  struct tinyi *model = setup->model;
  uint32_t total = 0;
  for (uint32_t i = 0; i < setup->buffers; ++i) {
    const uint32_t index = setup->lives[i].order, at = lowest_place(setup, i);
    const uint32_t end = at + setup->lives[index].units;
    model->places[index] = (uint16_t)at;
    total = end > total ? end : total;
    if (total > UINT16_MAX) {
      return total;
    }
  }
  for (uint32_t i = 0; i < model->tensors.count; ++i) {
    model->places[i] = model->places[root_of(setup, i)];
  }
  return place_scratch(setup, total);
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
  setup.visit.file = model->file;
  setup.visit.model = model;
  setup.visit.lives = setup.lives;
  begin_inputs(&setup);
  visit_nodes(&setup);
  if (setup.visit.file.status == TINYI_OK) {
    keep_outputs(&setup);
  }
  if (setup.visit.file.status == TINYI_OK) {
    merge(&setup);
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
