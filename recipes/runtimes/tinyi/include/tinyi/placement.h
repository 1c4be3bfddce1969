/* What both ways to plan the arena share: see tinyi/src/plan.c and chain.c. */
#ifndef TINYI_PLACEMENT_H
#define TINYI_PLACEMENT_H

#include "tinyi/context.h"

/* Of the arena in units, so that places are below the marks. */
enum { TINYI_MAX_UNITS = TINYI_CONSTANT - 1 };

/* What an operator asked for. */
struct tinyi_memory_request {
  uint32_t least, most, step; /* bytes of scratch, see struct tinyi_context */
  uint32_t walk;    /* see the same */
  int32_t lead;
  uint16_t over[2]; /* the numbers of the inputs that the output may lie over; TINYI_CONSTANT or above: none */
};

struct tinyi_plan {
  const struct tinyi *model;
  struct tinyi_lifetime *lifetimes;
  uint32_t written; /* their number */
  struct tinyi_memory_request *requests;
  uint32_t buffers; /* lifetimes that have bytes of their own */
  uint32_t longest; /* of them: from the first operator to the last */
};

/* A stretch of the arena. */
struct tinyi_gap {
  uint32_t begin, units;
};

static inline uint32_t tinyi_larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

static inline uint32_t tinyi_units(const struct tinyi_plan *plan, uint32_t bytes) {
  return (bytes + plan->model->config->unit - 1) / plan->model->config->unit;
}

/* What an operator has of a gap: all that it asked for, or the least that cuts its work into as few parts. */
static inline uint32_t tinyi_fill(const struct tinyi_plan *plan, const struct tinyi_memory_request *request,
                                  uint32_t units) {
  const uint32_t most = tinyi_units(plan, request->most);
  if (units >= most) {
    return most;
  }
  if (request->step == 0) {
    return units;
  }
  const uint32_t room = units * plan->model->config->unit - request->least;
  const uint32_t steps = (request->most - request->least) / request->step + 1, at_once = room / request->step + 1;
  const uint32_t parts = (steps + at_once - 1) / at_once, needed = (steps + parts - 1) / parts;
  return tinyi_units(plan, request->least + (needed - 1) * request->step);
}

/* What so much may grow so that operators have more scratch than they need. */
static inline uint32_t tinyi_stretched(uint32_t size) { return size + size / 16 * 3; }

/* How far the arena may reach. */
static inline uint32_t tinyi_limit(const struct tinyi_plan *plan, uint32_t total) {
  const uint32_t limit = tinyi_stretched(total) + 112 / plan->model->config->unit;
  return limit < TINYI_MAX_UNITS ? limit : TINYI_MAX_UNITS;
}

/* The next place where one of two, of which the other is placed, is free of that or may lie over it. */
uint32_t tinyi_beside(const struct tinyi_plan *plan, const struct tinyi_lifetime *lifetime,
                      const struct tinyi_lifetime *other, uint32_t place);

/* The same, no lower than any `place`; what has none is never in the way. */
static inline uint32_t tinyi_behind(const struct tinyi_plan *plan, const struct tinyi_lifetime *lifetime,
                                    const struct tinyi_lifetime *other, uint32_t place) {
  if (TINYI_UNLIKELY(other->place < place + lifetime->size)) {
    return place < other->end ? tinyi_beside(plan, lifetime, other, place) : place;
  }
  return place;
}

/* Give a buffer its place; its end. */
static inline uint32_t tinyi_set_place(struct tinyi_lifetime *lifetime, uint32_t place) {
  const uint32_t end = place + lifetime->size;
  lifetime->place = (uint16_t)place;
  lifetime->end = (uint16_t)end;
  return end;
}

#endif
