/* Where everything is placed in the arena: the same plan that tinyflow/backends/tinyi/planner.py makes.
 *
 * Buffers in order of size, the largest first, the last of equal ones, each at the lowest place where it overlaps none
 * that lives at the same time, but for an output over an input that dies, as far as its kernel has read that by then.
 * Scratch is placed between them; where more of it makes an operator faster, it gets what an arena of 3/16 and 112 bytes more
 * than the least one leaves.
 */
#include "tinyi/chain.h"
#include "tinyi/plan.h"

/* Sizes in units, and the list of buffers as they are written. Whether no more than two live in one operator; -1 where
 * one is too large. */
static __attribute__((noinline)) int32_t list_buffers(struct tinyi_plan *plan) {
  struct tinyi_lifetime *lifetimes = plan->lifetimes, *before = NULL, *last = NULL;
  uint32_t count = 0, longest = 0;
  int32_t is_chain = 1;
#pragma GCC unroll 1
  for (uint32_t number = 0; number < plan->written; ++number) {
    struct tinyi_lifetime *lifetime = &lifetimes[number];
    lifetime->place = TINYI_UNPLACED;
    lifetime->end = 0;
    if (lifetime->size == 0) {
      continue;
    }
    lifetime->size = tinyi_units(plan, lifetime->size);
    if (lifetime->size > TINYI_MAX_UNITS) {
      return -1;
    }
    longest = tinyi_larger(longest, (uint32_t)lifetime->last - lifetime->first);
    is_chain &= before == NULL || before->last < lifetime->first;
    before = last;
    last = lifetime;
    lifetimes[count++].order = (uint16_t)number;
  }
  plan->buffers = count;
  plan->longest = longest;
  return is_chain;
}

/* What an output needs below an input that is placed before it. */
static __attribute__((noinline)) void leave_room(const struct tinyi_plan *plan) {
  for (const struct tinyi_lifetime *output = plan->lifetimes + plan->written; output-- != plan->lifetimes;) {
    if (output->size == 0 || output->over == TINYI_NONE) {
      continue;
    }
    struct tinyi_lifetime *input = &plan->lifetimes[output->over];
    if (output->step != 0 || output->size <= input->size) {
      const int32_t least = output->end + (output->step != 0 ? 0 : output->lead);
      input->end = (uint16_t)(least > input->end ? least : input->end);
    }
  }
}

uint32_t tinyi_beside(const struct tinyi_plan *plan, const struct tinyi_lifetime *lifetime,
                      const struct tinyi_lifetime *other, uint32_t place) {
  const int32_t is_born = plan->lifetimes + lifetime->over == other;
  const struct tinyi_lifetime *born = is_born ? lifetime : other;
  if (!is_born && plan->lifetimes + other->over != lifetime) {
    return other->end;
  }
  int32_t next = (int32_t)place;
  if (born->step != 0) {
    const int32_t steps = (next - other->place) / born->step * born->step;
    next = other->place + (other->place + steps < next ? steps + born->step : steps);
  } else if (is_born) {
    next = next + born->lead > other->place ? other->end : next;
  } else {
    next = next < other->place + born->lead ? other->place + born->lead : next;
  }
  return next < other->end ? (uint32_t)next : other->end;
}

/* By size downwards, of equal ones the last that is written. */
static __attribute__((noinline)) void sort(const struct tinyi_plan *plan) {
  struct tinyi_lifetime *lifetimes = plan->lifetimes;
  for (uint32_t i = 1; i < plan->buffers; ++i) {
    const uint16_t number = lifetimes[i].order;
    const uint32_t size = lifetimes[number].size;
    struct tinyi_lifetime *at = &lifetimes[i];
    for (; at != lifetimes && lifetimes[at[-1].order].size <= size; --at) {
      at->order = at[-1].order;
    }
    at->order = number;
  }
}

/* The lowest place of a buffer among those that are placed already. Its neighbours in time are those behind it as long
 * as it lives, and those before it as far as the longest lifetime reaches. */
static uint32_t lowest_place(const struct tinyi_plan *plan, const struct tinyi_lifetime *lifetime) {
  const struct tinyi_lifetime *lifetimes = plan->lifetimes, *end = lifetimes + plan->written;
  const uint32_t first = lifetime->first, last = lifetime->last, longest = plan->longest;
  uint32_t place = lifetime->end, before;
  do { /* what was below may be in the way now */
    before = place;
    for (const struct tinyi_lifetime *other = lifetime; other != lifetimes && (--other)->first + longest >= first;) {
      if (other->last >= first) {
        place = tinyi_behind(plan, lifetime, other, place);
      }
    }
    for (const struct tinyi_lifetime *other = lifetime + 1; other != end && other->first <= last; ++other) {
      place = tinyi_behind(plan, lifetime, other, place);
    }
  } while (place != before);
  return place;
}

static __attribute__((noinline)) uint32_t place_buffers(const struct tinyi_plan *plan) {
  struct tinyi_lifetime *lifetimes = plan->lifetimes;
  uint32_t total = 0;
  sort(plan);
  for (uint32_t i = 0; i < plan->buffers && total <= TINYI_MAX_UNITS; ++i) {
    struct tinyi_lifetime *lifetime = &lifetimes[lifetimes[i].order];
    total = tinyi_larger(total, tinyi_set_place(lifetime, lowest_place(plan, lifetime)));
  }
  return total;
}

/* Those that live in one operator after the other, linked by place. */
struct live_list {
  struct tinyi_lifetime *lifetimes, *next, *end; /* all, and the first that wasn't looked at */
  uint16_t head;
};

static struct live_list begin_live(const struct tinyi_plan *plan) {
  struct tinyi_lifetime *lifetimes = plan->lifetimes;
  const struct live_list live = {lifetimes, lifetimes, lifetimes + plan->written, TINYI_NONE};
  return live;
}

/* Put what operators up to `node` write into the list. */
static inline void advance(struct live_list *live, uint32_t node) {
  struct tinyi_lifetime *lifetimes = live->lifetimes;
  for (; live->next != live->end && live->next->first <= node; ++live->next) {
    struct tinyi_lifetime *lifetime = live->next;
    if (lifetime->size == 0) {
      continue;
    }
    uint16_t *link = &live->head;
    while (*link != TINYI_NONE && lifetimes[*link].place < lifetime->place) {
      link = &lifetimes[*link].next;
    }
    lifetime->next = *link;
    *link = (uint16_t)(lifetime - lifetimes);
  }
}

/* The first gap of so many units between what lives in an operator, or the largest one; `limit` is the arena's end. */
static struct tinyi_gap find_gap(struct live_list *live, uint32_t node, uint32_t units, uint32_t limit) {
  advance(live, node);
  struct tinyi_gap best = {0, 0};
  uint16_t *link = &live->head;
  uint32_t begin = 0;
  while (best.units < units) {
    const uint32_t number = *link;
    struct tinyi_lifetime *lifetime = &live->lifetimes[number];
    if (number != TINYI_NONE && lifetime->last < node) {
      *link = lifetime->next;
      continue;
    }
    const uint32_t end = number != TINYI_NONE ? lifetime->place : limit;
    if (end > begin && end - begin > best.units) {
      best.begin = begin;
      best.units = end - begin;
    }
    if (number == TINYI_NONE) {
      break;
    }
    begin = tinyi_larger(begin, lifetime->end);
    link = &lifetime->next;
  }
  return best;
}

/* The arena's end where all have the least scratch; `total` without any. */
static __attribute__((noinline)) uint32_t fit_least(const struct tinyi_plan *plan, uint32_t total) {
  const uint32_t infinite = UINT32_C(1) << 30;
  struct live_list live = begin_live(plan);
  for (uint32_t node = 0; node < plan->model->nodes.count; ++node) {
    const uint32_t least = tinyi_units(plan, plan->requests[node].least);
    /* in a gap between the others, or behind them */
    if (least > 0 && find_gap(&live, node, least, total).units < least) {
      total = tinyi_larger(total, find_gap(&live, node, infinite, infinite).begin + least);
    }
  }
  return total;
}

/* Scratch of all operators; `total` without any. */
static __attribute__((noinline)) uint32_t place_scratch(const struct tinyi_plan *plan, uint32_t total) {
  const struct tinyi *model = plan->model;
  total = fit_least(plan, total);
  if (total > TINYI_MAX_UNITS) {
    return total;
  }
  const uint32_t limit = tinyi_limit(plan, total);
  struct live_list live = begin_live(plan);
  uint16_t *scratch = tinyi_scratch_of(model, 0);
  for (uint32_t node = 0; node < model->nodes.count; ++node) {
    const uint32_t most = tinyi_units(plan, plan->requests[node].most);
    struct tinyi_gap gap = {0, 0};
    if (most > 0) {
      gap = find_gap(&live, node, most, limit);
      gap.units = tinyi_fill(plan, &plan->requests[node], gap.units);
    }
    *scratch++ = (uint16_t)gap.begin;
    *scratch++ = (uint16_t)gap.units;
    total = tinyi_larger(total, gap.begin + gap.units);
  }
  return total;
}

/* From the numbers of lifetimes to places. */
static void write_places(const struct tinyi_plan *plan) {
  const struct tinyi_lifetime *lifetimes = plan->lifetimes;
  uint16_t *places = plan->model->places;
#pragma GCC unroll 1
  for (const uint16_t *end = places + plan->model->tensors.count; places != end; ++places) {
    if (*places < TINYI_CONSTANT) {
      *places = lifetimes[*places].place;
    }
  }
}

/* A kernel that goes through its input more than once, with less scratch, may not overwrite it. */
static void note_scratch(const struct tinyi_plan *plan) {
  const struct tinyi_lifetime *lifetimes = plan->lifetimes;
  for (uint32_t i = 0; i < plan->buffers; ++i) {
    const struct tinyi_lifetime *born = &lifetimes[lifetimes[i].order], *other = lifetimes + born->over;
    if (born->over != TINYI_NONE && born->step == 0 && born->place < other->end && other->place < born->end) {
      plan->requests[born->first].least = plan->requests[born->first].most;
    }
  }
}

uint32_t tinyi_make_plan(struct tinyi_plan *plan) {
  const int32_t is_chain = list_buffers(plan);
  if (is_chain < 0) {
    return UINT32_MAX;
  }
  leave_room(plan);
  const uint32_t total = is_chain ? tinyi_place_chain(plan) : place_buffers(plan);
  if (total > TINYI_MAX_UNITS) {
    return total;
  }
  write_places(plan);
  note_scratch(plan);
  return is_chain ? tinyi_place_chain_scratch(plan, total) : place_scratch(plan, total);
}
