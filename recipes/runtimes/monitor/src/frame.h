/* Frames of a serial line; `tinyflow/targets/monitor/frames.py` is the other end.
 *
 *     END  kind  sequence  size (2)  payload  CRC-32 (4)  END      little-endian; the checksum is of all before it
 *
 * END and ESCAPE within a frame are written as two bytes (RFC 1055), so that a reader finds the next frame whatever
 * became of this one. */
#ifndef TF_FRAME_H
#define TF_FRAME_H

#include <stdint.h>

enum { TF_FRAME_END = 0xC0, TF_ESCAPE = 0xDB, TF_ESCAPED_END = 0xDC, TF_ESCAPED_ESCAPE = 0xDD };
enum { TF_HEAD = 4, TF_CHECK = 4, TF_MOST = 264 }; /* of a payload that is read: an address and 256 bytes */

struct tf_reader {
  uint32_t used;
  uint8_t is_escaped, is_damaged;
  uint8_t bytes[TF_HEAD + TF_MOST + TF_CHECK]; /* of a frame that is whole, until the next byte comes */
};

enum tf_taken { TF_MORE, TF_WHOLE, TF_DAMAGED };

/* What this byte makes of it. */
enum tf_taken tf_take(struct tf_reader *reader, uint8_t byte);

/* Write a frame by `put`. */
void tf_write(void (*put)(uint8_t), char kind, uint8_t sequence, const volatile uint8_t *payload, uint32_t size);

/* By serial.c: make the line ready; wait for a byte; write one. */
void tf_serial_begin(void);
uint8_t tf_serial_get(void);
void tf_serial_put(uint8_t byte);

#endif
