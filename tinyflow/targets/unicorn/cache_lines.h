/* Lines that a small memory in front of a larger one holds: a line may lie in any of the `ways` places of its set and takes that
 * which was used longest ago. `struct tf_lines` is mirrored in cache_lines.py.
 */
#include <stdint.h>

enum { HINTS = 1024 };

struct tf_lines {
    uint64_t *line; /* of each place: address / bytes of a line, plus 1; 0 is empty */
    uint64_t *used; /* when */
    uint64_t now;
    uint32_t hint[HINTS]; /* by a line's lowest bits, where it may be: a search is dear and most lines are there */
    uint32_t count;
    uint32_t ways;
    uint32_t bytes;
};

/* Whether a line (its number plus 1) was there; it is afterwards, at `hint[line % HINTS]`. */
static inline int touch(struct tf_lines *lines, uint64_t line)
{
    uint32_t first = (uint32_t)(line % (lines->count / lines->ways)) * lines->ways;
    uint32_t oldest = first;
    uint32_t *hint = &lines->hint[line % HINTS];
    lines->now++;
    if (lines->line[*hint] == line) {
        lines->used[*hint] = lines->now;
        return 1;
    }
    for (uint32_t place = first; place < first + lines->ways; place++) {
        if (lines->line[place] == line) {
            lines->used[place] = lines->now;
            *hint = place;
            return 1;
        }
        if (lines->used[place] < lines->used[oldest]) {
            oldest = place;
        }
    }
    lines->line[oldest] = line;
    lines->used[oldest] = lines->now;
    *hint = oldest;
    return 0;
}
