/* The plan of a chain of buffers, of which no more than two live in one operator: the same as plan.c makes, in fewer
 * steps.
 *
 * What matters to a buffer's place are the one before it and the one behind it, where they are larger and so placed
 * earlier; of equal ones the last is. So each is placed when its larger neighbours are: from every peak downwards.
 */
#include "tinyi/chain.h"

/* The neighbour of the first one and of the last one. */
static const struct tinyi_lifetime nothing = {.place = TINYI_UNPLACED, .over = TINYI_NONE};

static inline struct tinyi_lifetime *nth(const struct tinyi_plan *plan, uint32_t i) {
  return &plan->lifetimes[plan->lifetimes[i].order];
}

static inline const struct tinyi_lifetime *nth_or_nothing(const struct tinyi_plan *plan, uint32_t i) {
  return i < plan->buffers ? nth(plan, i) : &nothing;
}

/* Place the i-th; its end. */
static uint32_t put(const struct tinyi_plan *plan, uint32_t i) {
  struct tinyi_lifetime *lifetime = nth(plan, i);
  const struct tinyi_lifetime *left = nth_or_nothing(plan, i - 1), *right = nth_or_nothing(plan, i + 1);
  uint32_t place = lifetime->end, before;
  do { /* a step aside may lead to the other neighbour */
    before = place;
    place = tinyi_behind(plan, lifetime, right, tinyi_behind(plan, lifetime, left, place));
  } while (place != before);
  return tinyi_set_place(lifetime, place);
}

uint32_t tinyi_place_chain(const struct tinyi_plan *plan) {
  const uint32_t count = plan->buffers;
  uint32_t total = 0;
  for (uint32_t i = count; i > 0 && total <= TINYI_MAX_UNITS;) {
    uint32_t peak = i - 1;
    while (nth_or_nothing(plan, peak - 1)->size > nth(plan, peak)->size) {
      --peak;
    }
    for (uint32_t right = peak; right < i; ++right) {
      total = tinyi_larger(total, put(plan, right));
    }
    /* down to the first one before it goes up again */
    for (i = peak; i > 0 && nth_or_nothing(plan, i - 2)->size <= nth(plan, i - 1)->size; --i) {
      total = tinyi_larger(total, put(plan, i - 1));
    }
  }
  return total;
}

/* The one or two that live in an operator, by place. */
struct pair {
  const struct tinyi_lifetime *low, *high; /* the latter may be `nothing` */
};

/* `at`: the first that lives in this operator or later on. */
static inline struct pair pair_of(const struct tinyi_plan *plan, uint32_t *at, uint32_t node) {
  while (nth(plan, *at)->last < node) {
    ++*at; /* what the operator writes lives in it */
  }
  const struct tinyi_lifetime *first = nth(plan, *at), *second = nth_or_nothing(plan, *at + 1);
  second = second->first <= node ? second : &nothing;
  const struct pair pair = {first, second}, swapped = {second, first};
  return first->place < second->place ? pair : swapped;
}

/* The end of both; one may lie over the other. */
static inline uint32_t top_of(struct pair pair) {
  return pair.high == &nothing ? pair.low->end : tinyi_larger(pair.low->end, pair.high->end);
}

/* The first gap of so many units, or the largest one. */
static inline struct tinyi_gap find_gap(struct pair pair, uint32_t units, uint32_t limit) {
  struct tinyi_gap best = {0, pair.low->place};
  const uint32_t middle = pair.low->end, high = pair.high == &nothing ? limit : pair.high->place;
  if (best.units < units && high > middle && high - middle > best.units) {
    best.begin = middle;
    best.units = high - middle;
  }
  const uint32_t top = top_of(pair);
  if (best.units < units && pair.high != &nothing && limit - top > best.units) {
    best.begin = top;
    best.units = limit - top;
  }
  return best;
}

uint32_t tinyi_place_chain_scratch(const struct tinyi_plan *plan, uint32_t total) {
  const struct tinyi *model = plan->model;
  const uint32_t nodes = model->nodes.count;
  uint32_t at = 0;
  for (uint32_t node = 0; node < nodes; ++node) {
    if (plan->requests[node].least > 0) {
      const uint32_t least = tinyi_units(plan, plan->requests[node].least);
      const struct pair pair = pair_of(plan, &at, node);
      if (find_gap(pair, least, total).units < least) {
        total = tinyi_larger(total, top_of(pair) + least);
      }
    }
  }
  if (total > TINYI_MAX_UNITS) {
    return total;
  }
  const uint32_t limit = tinyi_limit(plan, total);
  uint16_t *scratch = tinyi_scratch_of(model, 0);
  at = 0;
  for (uint32_t node = 0; node < nodes; ++node) {
    const uint32_t most = tinyi_units(plan, plan->requests[node].most);
    struct tinyi_gap gap = {0, 0};
    if (most > 0) {
      gap = find_gap(pair_of(plan, &at, node), most, limit);
      gap.units = tinyi_fill(plan, &plan->requests[node], gap.units);
    }
    *scratch++ = (uint16_t)gap.begin;
    *scratch++ = (uint16_t)gap.units;
    total = tinyi_larger(total, gap.begin + gap.units);
  }
  return total;
}
