/* Five pixels by output channels, one after the other: see conv2d.c. Products of a channel by words of all pixels, which
 * one LDM loads: 13 instructions for 5 products; 7 with MLA, which Armv7-M has.
 *
 *   void tinynn_words5_armv6m(const int32_t *x, const int8_t *weights, int32_t products, int32_t *sums, int32_t channels)
 *
 * Registers of the inner loop: r0 words, r1 weights, r2-r6 values, r7 a weight; r8-r12 sums; lr end of the words.
 */
#include "tinynn/function.inc"

#define FRAME_BYTES 20
#define X 0
#define END 4
#define END_OF_EIGHTS 8
#define SUMS 12
#define CHANNELS_LEFT 16
#define PIXEL_BYTES 20 /* of a product's words */

#if __ARM_ARCH >= 7
.macro product place
  ldm r0!, {r2-r6}
  ldrsb r7, [r1], #1
  mla r8, r2, r7, r8
  mla r9, r3, r7, r9
  mla r10, r4, r7, r10
  mla r11, r5, r7, r11
  mla r12, r6, r7, r12
.endm

.macro step by
.endm
#else
.macro multiply value, sum
  muls \value, r7, \value
  add \sum, \sum, \value
.endm

.macro product place
  ldm r0!, {r2-r6}
  ldrb r7, [r1, #\place]
  sxtb r7, r7
  multiply r2, r8
  multiply r3, r9
  multiply r4, r10
  multiply r5, r11
  multiply r6, r12
.endm

.macro step by
  adds r1, r1, #\by
.endm
#endif

function tinynn_words5_armv6m
  push {r4-r7, lr}
  mov r4, r8
  mov r5, r9
  mov r6, r10
  mov r7, r11
  push {r4-r7}
  ldr r4, [sp, #36] /* the fifth argument */
  sub sp, sp, #FRAME_BYTES
  str r0, [sp, #X]
  str r3, [sp, #SUMS]
  str r4, [sp, #CHANNELS_LEFT]
  movs r4, #PIXEL_BYTES
  lsrs r5, r2, #3
  lsls r5, r5, #3
  muls r5, r4, r5
  muls r2, r4, r2
  adds r5, r5, r0
  adds r2, r2, r0
  str r5, [sp, #END_OF_EIGHTS]
  str r2, [sp, #END]

next_channel:
  ldr r2, [sp, #SUMS]
  ldr r2, [r2]
  mov r8, r2
  mov r9, r2
  mov r10, r2
  mov r11, r2
  mov r12, r2
  ldr r0, [sp, #X]
  ldr r2, [sp, #END_OF_EIGHTS]
  mov lr, r2
  cmp r0, lr
  beq rest
eight_products:
  product 0
  product 1
  product 2
  product 3
  product 4
  product 5
  product 6
  product 7
  step 8
  cmp r0, lr
  bne eight_products
rest:
  ldr r2, [sp, #END]
  mov lr, r2
  cmp r0, lr
  beq summed
one_product:
  product 0
  step 1
  cmp r0, lr
  bne one_product
summed:
  mov r2, r8
  mov r3, r9
  mov r4, r10
  mov r5, r11
  mov r6, r12
  ldr r0, [sp, #SUMS]
  stm r0!, {r2-r6}
  str r0, [sp, #SUMS]
  ldr r2, [sp, #CHANNELS_LEFT]
  subs r2, r2, #1
  str r2, [sp, #CHANNELS_LEFT]
  beq done
  b next_channel

done:
  add sp, sp, #FRAME_BYTES
  pop {r4-r7}
  mov r8, r4
  mov r9, r5
  mov r10, r6
  mov r11, r7
  pop {r4-r7, pc}
end tinynn_words5_armv6m
