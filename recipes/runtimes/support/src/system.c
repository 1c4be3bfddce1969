/* What libraries expect below them where there is no operating system: whoever gives up faults, with its caller on the
 * stack; what is printed is gone; the heap is what the recipe of target or backend grants, and a link without one fails.
 *
 * assert calls __assert_func with newlib, __assert_fail with musl; names with one _ are the system calls of newlib. */
#include <stddef.h>
#include <stdint.h>

_Noreturn void abort(void);
_Noreturn void exit(int status);
_Noreturn void _exit(int status);
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *condition);
_Noreturn void __assert_fail(const char *condition, const char *file, int line, const char *function);
int _kill(int process, int signal);
int _getpid(void);
void *_sbrk(ptrdiff_t bytes);
int _write(int file, const void *text, int size);
int _read(int file, void *text, int size);
int _lseek(int file, int offset, int from);
int _close(int file);
int _fstat(int file, void *status);
int _isatty(int file);

extern uint8_t tf_heap_start[], tf_heap_end[];

/* One function for each name, so that a fault tells how it came about. */
void abort(void) { __builtin_trap(); }
void exit(int status) { _exit(status); }

void _exit(int status) {
  (void)status;
  __builtin_trap();
}

void __assert_func(const char *file, int line, const char *function, const char *condition) {
  (void)file, (void)line, (void)function, (void)condition;
  __builtin_trap();
}

void __assert_fail(const char *condition, const char *file, int line, const char *function) {
  (void)file, (void)line, (void)function, (void)condition;
  __builtin_trap();
}

int _kill(int process, int signal) {
  (void)process, (void)signal;
  return -1;
}

int _getpid(void) { return 1; }

void *_sbrk(ptrdiff_t bytes) {
  static ptrdiff_t used;
  if (bytes > tf_heap_end - tf_heap_start - used || bytes < -used) {
    return (void *)-1;
  }
  used += bytes;
  return tf_heap_start + (used - bytes);
}

int _write(int file, const void *text, int size) {
  (void)file, (void)text;
  return size;
}

int _read(int file, void *text, int size) {
  (void)file, (void)text, (void)size;
  return 0;
}

int _lseek(int file, int offset, int from) {
  (void)file, (void)offset, (void)from;
  return 0;
}

int _close(int file) {
  (void)file;
  return -1;
}

int _fstat(int file, void *status) {
  (void)file, (void)status;
  return -1;
}

int _isatty(int file) {
  (void)file;
  return 1;
}
