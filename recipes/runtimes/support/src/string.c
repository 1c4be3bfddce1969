/* Functions of C's string.h that zig's compiler_rt lacks, and libraries of others want: short, a byte at a time. */
#include <stddef.h>

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t most);
int strcmp(const char *one, const char *other);
int strncmp(const char *one, const char *other, size_t most);
char *strchr(const char *text, int wanted);
char *strcpy(char *restrict to, const char *restrict from);
char *strncpy(char *restrict to, const char *restrict from, size_t size);
void *memchr(const void *region, int wanted, size_t size);

size_t strlen(const char *text) { return strnlen(text, (size_t)-1); }

size_t strnlen(const char *text, size_t most) {
  size_t length = 0;
  while (length < most && text[length] != 0) {
    ++length;
  }
  return length;
}

int strcmp(const char *one, const char *other) { return strncmp(one, other, (size_t)-1); }

int strncmp(const char *one, const char *other, size_t most) {
  for (; most > 0; --most, ++one, ++other) {
    const unsigned char a = (unsigned char)*one, b = (unsigned char)*other;
    if (a != b || a == 0) {
      return a - b;
    }
  }
  return 0;
}

char *strchr(const char *text, int wanted) {
  for (; *text != (char)wanted; ++text) {
    if (*text == 0) {
      return NULL;
    }
  }
  return (char *)(size_t)text;
}

char *strcpy(char *restrict to, const char *restrict from) {
  char *place = to;
  while ((*place++ = *from++) != 0) {
  }
  return to;
}

char *strncpy(char *restrict to, const char *restrict from, size_t size) {
  size_t index = 0;
  for (; index < size && from[index] != 0; ++index) {
    to[index] = from[index];
  }
  for (; index < size; ++index) {
    to[index] = 0;
  }
  return to;
}

void *memchr(const void *region, int wanted, size_t size) {
  for (const unsigned char *byte = region; size > 0; --size, ++byte) {
    if (*byte == (unsigned char)wanted) {
      return (void *)(size_t)byte;
    }
  }
  return NULL;
}
