/* Three tiles by a pair of output channels, place by place: see winograd.h. 8 instructions for 12 products.
 *
 * Registers: r0 inputs, r1 weights, r2 count, r3-r5 two inputs of each tile, r6-r7 weights, r8-r10 sums of a,
 * r11 r12 lr sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

#define SUMS 0
#define SUMS_END 4
#define EIGHTS 8
#define FRAME_BYTES 12 /* with nine saved registers, a multiple of 8 */
#define PLACES_BYTES 384 /* 16 places of six sums */

.macro two_products
  ldm r0!, {r3-r5}
  ldrd r6, r7, [r1], #8
  smlad r8, r3, r6, r8
  smlad r9, r4, r6, r9
  smlad r10, r5, r6, r10
  smlad r11, r3, r7, r11
  smlad r12, r4, r7, r12
  smlad lr, r5, r7, lr
.endm

function tinynn_winograd_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  add r4, r0, #PLACES_BYTES
  strd r0, r4, [sp, #SUMS]
  str r3, [sp, #EIGHTS]
  mov r0, r1
  mov r1, r2
  mov r2, r3

next_place:
  ldm r0!, {r3-r5}
  ldrd r6, r7, [r1], #8
  smuad r8, r3, r6
  smuad r9, r4, r6
  smuad r10, r5, r6
  smuad r11, r3, r7
  smuad r12, r4, r7
  smuad lr, r5, r7
  b three_more
eight_products:
  two_products
three_more:
  two_products
  two_products
  two_products
  subs r2, r2, #1
  bne eight_products

  ldrd r3, r4, [sp, #SUMS]
  ldr r2, [sp, #EIGHTS]
  stm r3!, {r8-r12, lr}
  str r3, [sp, #SUMS]
  cmp r3, r4
  bne next_place

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end tinynn_winograd_dsp
#endif
