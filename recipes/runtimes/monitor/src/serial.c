/* The serial line as the target's recipe describes it (`monitor: {uart: …}`), or semihosting. */
#include "frame.h"
#include "tf_self.h"

#define TYPE_OF(bits) uint##bits##_t
#define TYPE(bits) TYPE_OF(bits)
#define REGISTER(bits, address) (*(volatile TYPE(bits) *)(uintptr_t)(address))
/* Words of TF_SETUP, TF_RECEIVED and TF_SENT. */
#define WRITE(bits, address, value) REGISTER(bits, address) = (TYPE(bits))(value);
#define CHANGE(bits, address, off, on) REGISTER(bits, address) = (TYPE(bits))((REGISTER(bits, address) & ~(off)) | (on));
#define ANY(bits, address, mask) ((REGISTER(bits, address) & (mask)) != 0)
#define NONE(bits, address, mask) ((REGISTER(bits, address) & (mask)) == 0)
#define WAIT(condition) while (!condition) {}
#define CSR(number, value) __asm volatile("csrw " #number ", %0" ::"r"(value));

#if defined(TF_UART)
void tf_serial_begin(void) { TF_SETUP }

uint8_t tf_serial_get(void) {
  WAIT(TF_RECEIVED)
  TF_AFTER_RECEIVED
  return (uint8_t)REGISTER(TF_UART, TF_RECEIVE);
}

void tf_serial_put(uint8_t byte) {
  WRITE(TF_UART, TF_SEND, byte)
  WAIT(TF_SENT)
  TF_AFTER_SENT
}
#else
enum { SYS_WRITEC = 0x03, SYS_READC = 0x07 };

void tf_serial_begin(void) {}

uint8_t tf_serial_get(void) { return (uint8_t)tf_host(SYS_READC, 0); }

void tf_serial_put(uint8_t byte) { tf_host(SYS_WRITEC, &byte); }
#endif
