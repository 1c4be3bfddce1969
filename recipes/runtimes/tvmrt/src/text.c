/* JSON read in place, see text.h. */
#include "text.h"

enum { MAX_DEPTH = 16 };

static void skip_space(text_t *text) {
  while (text->at != text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t' || *text->at == '\r')) {
    ++text->at;
  }
}

int text_symbol(text_t *text, char symbol) {
  skip_space(text);
  if (text->at == text->end || *text->at != symbol) {
    return 0;
  }
  ++text->at;
  return 1;
}

int text_is_at_end(text_t *text) {
  skip_space(text);
  return text->at == text->end;
}

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static int is_hexadecimal(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/* What follows a backslash. */
static int skip_escape(text_t *text) {
  if (text->at == text->end) {
    return 0;
  }
  const char kind = *text->at++;
  for (const char *c = "\"\\/bfnrt"; *c != 0; ++c) {
    if (kind == *c) {
      return 1;
    }
  }
  for (int i = 0; i < 4; ++i) {
    if (kind != 'u' || text->at == text->end || !is_hexadecimal(*text->at++)) {
      return 0;
    }
  }
  return 1;
}

int text_word(text_t *text, word_t *word) {
  if (!text_symbol(text, '"')) {
    return 0;
  }
  word->at = text->at;
  while (text->at != text->end) {
    const char c = *text->at++;
    if (c == '"') {
      word->length = (size_t)(text->at - word->at) - 1;
      return 1;
    }
    if ((unsigned char)c < 0x20 || (c == '\\' && !skip_escape(text))) {
      return 0;
    }
  }
  return 0;
}

int word_equals(word_t word, const char *expected) {
  size_t i = 0;
  for (; i < word.length && expected[i] != 0; ++i) {
    if (word.at[i] != expected[i]) {
      return 0;
    }
  }
  return i == word.length && expected[i] == 0;
}

static int skip_digits(text_t *text) {
  const char *const start = text->at;
  while (text->at != text->end && is_digit(*text->at)) {
    ++text->at;
  }
  return text->at != start;
}

static int is_next(text_t *text, char one, char other) {
  if (text->at == text->end || (*text->at != one && *text->at != other)) {
    return 0;
  }
  ++text->at;
  return 1;
}

static int skip_number(text_t *text) {
  is_next(text, '-', '-');
  if (!is_next(text, '0', '0') && !skip_digits(text)) {
    return 0;
  }
  if (is_next(text, '.', '.') && !skip_digits(text)) {
    return 0;
  }
  if (is_next(text, 'e', 'E')) {
    is_next(text, '+', '-');
    return skip_digits(text);
  }
  return 1;
}

int text_number(text_t *text, uint32_t *number) {
  skip_space(text);
  const char *const start = text->at;
  uint32_t value = 0;
  while (text->at != text->end && is_digit(*text->at)) {
    const uint32_t digit = (uint32_t)(*text->at - '0');
    if (value > (UINT32_MAX - digit) / 10) {
      return 0;
    }
    value = 10 * value + digit;
    ++text->at;
  }
  *number = value;
  return text->at != start && (*start != '0' || text->at == start + 1);
}

static int skip_literal(text_t *text, const char *literal) {
  for (; *literal != 0; ++literal) {
    if (!is_next(text, *literal, *literal)) {
      return 0;
    }
  }
  return 1;
}

int text_next_element(text_t *text, uint32_t index) {
  if (text_symbol(text, ']')) {
    return 0;
  }
  return index == 0 || text_symbol(text, ',') ? 1 : -1;
}

int text_next_key(text_t *text, uint32_t index, word_t *key) {
  if (text_symbol(text, '}')) {
    return 0;
  }
  if (index != 0 && !text_symbol(text, ',')) {
    return -1;
  }
  return text_word(text, key) && text_symbol(text, ':') ? 1 : -1;
}

static int skip(text_t *text, int depth) {
  word_t word;
  int more;
  if (depth == MAX_DEPTH) {
    return 0;
  }
  if (text_symbol(text, '[')) {
    for (uint32_t i = 0; (more = text_next_element(text, i)) > 0; ++i) {
      if (!skip(text, depth + 1)) {
        return 0;
      }
    }
    return more == 0;
  }
  if (text_symbol(text, '{')) {
    for (uint32_t i = 0; (more = text_next_key(text, i, &word)) > 0; ++i) {
      if (!skip(text, depth + 1)) {
        return 0;
      }
    }
    return more == 0;
  }
  if (text->at == text->end) {
    return 0;
  }
  switch (*text->at) {
    case '"':
      return text_word(text, &word);
    case 't':
      return skip_literal(text, "true");
    case 'f':
      return skip_literal(text, "false");
    case 'n':
      return skip_literal(text, "null");
    default:
      return skip_number(text);
  }
}

int text_skip(text_t *text) { return skip(text, 0); }
