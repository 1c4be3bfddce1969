/* TFLite_Detection_PostProcess: the best boxes that don't overlap.
 *
 *   centre = encoding / scale * size of anchor + anchor, size = exp(encoding / scale) * size of anchor
 *
 * As DetectionPostProcessEval of TFLM (tensorflow/lite/micro/kernels/detection_postprocess.cc) chooses, in another way:
 * a heap gives boxes from the best score on, and each is held against those that were taken before it.
 */
#include <string.h>

#include "tinynn.h"
#include "tinynn/float32.h"

enum { TOP, LEFT, BOTTOM, RIGHT, SIDES };
enum { HEIGHT = 2 }; /* and width behind it, behind y and x */

static inline float real(const struct tinynn_reals *p, const void *values, int32_t place) {
  const uint8_t *bytes = values;
  const float *floats = values;
  return p->is_uint8 ? ((float)bytes[place] - (float)p->zero_point) * p->scale : floats[place];
}

static void decode(const struct tinynn_detections *p, const void *encodings, const void *anchors, int32_t number,
                   float *box) {
  double encoding[SIDES], anchor[SIDES];
  for (int32_t i = 0; i < SIDES; ++i) {
    encoding[i] = (double)real(&p->encodings, encodings, number * p->coordinates + i) / p->scales[i];
    anchor[i] = real(&p->anchors, anchors, number * SIDES + i);
  }
  for (int32_t axis = 0; axis < 2; ++axis) {
    const float centre = (float)(encoding[axis] * anchor[HEIGHT + axis] + anchor[axis]);
    const float half = (float)(0.5 * __builtin_exp(encoding[HEIGHT + axis]) * anchor[HEIGHT + axis]);
    box[TOP + axis] = centre - half;
    box[BOTTOM + axis] = centre + half;
  }
}

static inline float area(const float *box) {
  return (box[BOTTOM] - box[TOP]) * (box[RIGHT] - box[LEFT]);
}

/* Of two boxes along one axis. */
static inline float shared(const float *a, const float *b) {
  const float begin = a[TOP] < b[TOP] ? b[TOP] : a[TOP], end = b[BOTTOM] < a[BOTTOM] ? b[BOTTOM] : a[BOTTOM];
  return end - begin < 0 ? 0 : end - begin;
}

static float overlap(const float *a, const float *b) {
  const float both = shared(a, b) * shared(a + 1, b + 1);
  return area(a) <= 0 || area(b) <= 0 ? 0 : both / (area(a) + area(b) - both);
}

/* The better score, the first of equal ones. */
static inline int is_better(const float *scores, int32_t a, int32_t b) {
  return scores[a] > scores[b] || (scores[a] >= scores[b] && a < b);
}

/* Put what lies at a place of a heap, the best on top, where it belongs. */
static void sink(const float *scores, int32_t *heap, int32_t count, int32_t place) {
  const int32_t sinking = heap[place];
  for (int32_t child; (child = 2 * place + 1) < count; place = child) {
    child += child + 1 < count && is_better(scores, heap[child + 1], heap[child]);
    if (!is_better(scores, heap[child], sinking)) {
      break;
    }
    heap[place] = heap[child];
  }
  heap[place] = sinking;
}

/* What is found: boxes [most][4], classes [most], scores [most], and how many there are. */
struct found {
  float *boxes, *classes, *scores;
  int32_t count;
};

/* Behind all of the same score and better ones, where there is room. */
static void insert(struct found *found, int32_t most, const float *box, float class, float score) {
  int32_t place = found->count < most ? found->count++ : most;
  for (; place > 0 && found->scores[place - 1] < score; --place) {
    if (place < most) {
      memcpy(found->boxes + SIDES * place, found->boxes + SIDES * (place - 1), SIDES * sizeof *box);
      found->classes[place] = found->classes[place - 1];
      found->scores[place] = found->scores[place - 1];
    }
  }
  if (place < most) {
    memcpy(found->boxes + SIDES * place, box, SIDES * sizeof *box);
    found->classes[place] = class;
    found->scores[place] = score;
  }
}

static inline float score_of(const struct tinynn_detections *p, const void *scores, int32_t box, int32_t class) {
  return real(&p->scores, scores, box * p->columns + p->columns - p->classes + class);
}

static int32_t best_class(const struct tinynn_detections *p, const void *scores, int32_t box) {
  int32_t best = 0;
  for (int32_t class = 1; class < p->classes; ++class) {
    best = score_of(p, scores, box, class) > score_of(p, scores, box, best) ? class : best;
  }
  return best;
}

void tinynn_detections_ref(const struct tinynn_detections *restrict p, const void *encodings, const void *scores,
                           const void *anchors, float *output, void *scratch) {
  float *of_boxes = scratch;
  float *taken = of_boxes + p->boxes;
  int32_t *heap = (int32_t *)(taken + SIDES * p->most_taken);
  struct found found = {output, output + SIDES * p->most, output + (SIDES + 1) * p->most, 0};
  memset(output, 0, (size_t)((SIDES + 2) * p->most) * sizeof *output);
  for (int32_t group = 0; group < (p->is_by_class ? p->classes : 1); ++group) {
    int32_t count = 0, selected = 0;
    for (int32_t i = 0; i < p->boxes; ++i) {
      of_boxes[i] = score_of(p, scores, i, p->is_by_class ? group : best_class(p, scores, i));
      if (of_boxes[i] >= p->least_score) {
        heap[count++] = i;
      }
    }
    for (int32_t i = count / 2 - 1; i >= 0; --i) {
      sink(of_boxes, heap, count, i);
    }
    while (count > 0 && selected < p->most_taken) {
      const int32_t best = heap[0];
      float *box = taken + SIDES * selected;
      int32_t i = 0;
      decode(p, encodings, anchors, best, box);
      while (i < selected && !(overlap(taken + SIDES * i, box) > p->most_overlap)) {
        ++i;
      }
      if (i == selected) {
        const int32_t class = p->is_by_class ? group : best_class(p, scores, best);
        insert(&found, p->most, box, (float)class, of_boxes[best]);
        ++selected;
      }
      heap[0] = heap[--count];
      sink(of_boxes, heap, count, 0);
    }
  }
  output[(SIDES + 2) * p->most] = (float)found.count;
}
