/* What LLVM calls by its own names on a core without instructions for 64 bits (Cortex-M0+), where the compiler's support
 * library has the names of Arm's run-time ABI alone: __aeabi_lmul, __aeabi_llsl, … The compiler makes calls of those, or
 * a few instructions, of the operators here. Weak, since libgcc has both names.
 */
#include <stdint.h>

#define WEAK __attribute__((weak))

int64_t __muldi3(int64_t a, int64_t b);
int64_t __ashldi3(int64_t a, int places);
int64_t __ashrdi3(int64_t a, int places);
int64_t __lshrdi3(int64_t a, int places);

WEAK int64_t __muldi3(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }

WEAK int64_t __ashldi3(int64_t a, int places) { return (int64_t)((uint64_t)a << places); }

WEAK int64_t __ashrdi3(int64_t a, int places) { return a >> places; }

WEAK int64_t __lshrdi3(int64_t a, int places) { return (int64_t)((uint64_t)a >> places); }
