#include "frame.h"

#include "tf_self.h"

static int is_whole(const struct tf_reader *reader, uint32_t used) {
  const uint8_t *const bytes = reader->bytes;
  if (reader->is_damaged || reader->is_escaped || used < TF_HEAD + TF_CHECK) return 0;
  const uint32_t size = used - TF_HEAD - TF_CHECK;
  if ((bytes[2] | (uint32_t)bytes[3] << 8) != size) return 0;
  const uint32_t crc = ~tf_crc32(~0u, bytes, TF_HEAD + size);
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < TF_CHECK; ++i) {
    wrong |= bytes[TF_HEAD + size + i] ^ (crc >> 8 * i & 0xFF);
  }
  return wrong == 0;
}

enum tf_taken tf_take(struct tf_reader *reader, uint8_t byte) {
  if (byte == TF_FRAME_END) {
    const int is_empty = reader->used == 0 && !reader->is_escaped && !reader->is_damaged;
    const enum tf_taken taken = is_empty ? TF_MORE : is_whole(reader, reader->used) ? TF_WHOLE : TF_DAMAGED;
    reader->used = 0, reader->is_escaped = 0, reader->is_damaged = 0;
    return taken;
  }
  if (!reader->is_escaped && byte == TF_ESCAPE) {
    reader->is_escaped = 1;
    return TF_MORE;
  }
  if (reader->is_escaped) {
    reader->is_escaped = 0;
    if (byte != TF_ESCAPED_END && byte != TF_ESCAPED_ESCAPE) reader->is_damaged = 1;
    byte = byte == TF_ESCAPED_END ? TF_FRAME_END : TF_ESCAPE;
  }
  if (reader->used == sizeof reader->bytes) {
    reader->is_damaged = 1;
  } else {
    reader->bytes[reader->used++] = byte;
  }
  return TF_MORE;
}

static uint32_t put_all(void (*put)(uint8_t), uint32_t crc, const volatile uint8_t *bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; ++i) {
    const uint8_t byte = bytes[i];
    crc = tf_crc32(crc, &byte, 1);
    if (byte == TF_FRAME_END || byte == TF_ESCAPE) {
      put(TF_ESCAPE);
      put(byte == TF_FRAME_END ? TF_ESCAPED_END : TF_ESCAPED_ESCAPE);
    } else {
      put(byte);
    }
  }
  return crc;
}

void tf_write(void (*put)(uint8_t), char kind, uint8_t sequence, const volatile uint8_t *payload, uint32_t size) {
  const uint8_t head[TF_HEAD] = {(uint8_t)kind, sequence, (uint8_t)size, (uint8_t)(size >> 8)};
  put(TF_FRAME_END);
  uint32_t crc = put_all(put, ~0u, head, sizeof head);
  crc = ~put_all(put, crc, payload, size);
  const uint8_t check[TF_CHECK] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
  put_all(put, 0, check, sizeof check);
  put(TF_FRAME_END);
}
