/* JSON (RFC 8259) read in place: values are passed over or taken, nothing is copied. */
#ifndef TVMRT_TEXT_H
#define TVMRT_TEXT_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *at;
  const char *end;
} text_t;

/* A string without its quotes, as it is written: escapes are not undone. */
typedef struct {
  const char *at;
  size_t length;
} word_t;

/* All return whether what they look for is there; they go behind it, and behind white space before it. */
int text_symbol(text_t *text, char symbol);
int text_word(text_t *text, word_t *word);
int text_number(text_t *text, uint32_t *number); /* a decimal number without sign, fraction or exponent */
int text_skip(text_t *text);                     /* any value, nested at most 16 deep */
int text_is_at_end(text_t *text);

/* The next key of an object or the next place of an array, `index` counting from 0: 1 there is one, 0 it has ended, -1
   no such syntax. The opening bracket is read already. */
int text_next_key(text_t *text, uint32_t index, word_t *key);
int text_next_element(text_t *text, uint32_t index);

int word_equals(word_t word, const char *expected);

#endif
