// What classes with virtual functions refer to, though nobody calls it: what can't be called, and the end of an object
// that is never deleted. There is no operator new.
#include <stddef.h>

extern "C" [[noreturn]] void __cxa_pure_virtual();
extern "C" void __cxa_pure_virtual() { __builtin_trap(); }

void operator delete(void *) noexcept { __builtin_trap(); }
void operator delete(void *, size_t) noexcept { __builtin_trap(); }
