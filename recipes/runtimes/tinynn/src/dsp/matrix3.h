/* Three pixels by pairs of output channels, of FUNCTION; IS_WIDE: weights of 16 bits, else two in one word.
 *
 * Registers of the inner loop: r0 activations, r1 weights, r2 count, r3-r5 two activations of each pixel, r6-r7 weights,
 * r8-r10 sums of a for each pixel (of 256 a + b where two weights are in a word), r11 r12 lr sums of b.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

#define CHANNELS 0
#define X 4
#define OUTPUT 8
#define PITCH 12
#define EIGHTS 16
#define HAS_ODD_GROUP 20
#define BLOCKS 24
#define ZERO 28
#define FRAME_BYTES 36 /* with nine saved registers, a multiple of 8 */

#if IS_WIDE
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

.macro four_products
  two_products
  two_products
.endm
#else
.macro two_products weights
  ldm r0!, {r3-r5}
  smlad r8, r3, \weights, r8
  smlad r9, r4, \weights, r9
  smlad r10, r5, \weights, r10
  sxtb16 \weights, \weights
  smlad r11, r3, \weights, r11
  smlad r12, r4, \weights, r12
  smlad lr, r5, \weights, lr
.endm

.macro four_products
  ldrd r6, r7, [r1], #8
  two_products r6
  two_products r7
.endm
#endif

function FUNCTION
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r1-r5} /* weights, channels, x, output, pitch */
  ldm r0, {r6-r8}  /* groups, blocks, zero */
  lsr r9, r6, #1
  and r10, r6, #1
  stm sp, {r2-r5, r9, r10}
  strd r7, r8, [sp, #BLOCKS]

next_pair:
  ldr r2, [sp, #CHANNELS]
#if IS_WIDE
  ldr r8, [r2] /* biases */
  ldr r11, [r2, #12]
  mov r9, r8
  mov r10, r8
  mov r12, r11
  mov lr, r11
#else
  ldr r8, [r2, #12] /* bias of b; it leaves the difference again */
  mov r9, r8
  mov r10, r8
  mov r11, r8
  mov r12, r8
  mov lr, r8
#endif
  ldr r0, [sp, #X]
  ldrd r2, r3, [sp, #EIGHTS]
  cmp r2, #0
  beq odd_group
eight_products:
  four_products
  four_products
  subs r2, r2, #1
  bne eight_products
  ldr r3, [sp, #HAS_ODD_GROUP]
odd_group:
  cmp r3, #0
  beq summed
  four_products
summed:
  ldr r2, [sp, #CHANNELS]
  ldr r7, [sp, #ZERO]
#if !IS_WIDE
  sub r8, r8, r11
  sub r9, r9, r12
  sub r10, r10, lr
#endif
  ldm r2!, {r3-r5} /* bias, factor, shift of a */
  lsl r6, r7, r5
#if !IS_WIDE
  add r8, r3, r8, asr #8
  add r9, r3, r9, asr #8
  add r10, r3, r10, asr #8
#endif
  requantise r8, r4, r5, r6
  requantise r9, r4, r5, r6
  requantise r10, r4, r5, r6
  ldm r2!, {r3-r5} /* those of b */
  lsl r6, r7, r5
  requantise r11, r4, r5, r6
  requantise r12, r4, r5, r6
  requantise lr, r4, r5, r6
  str r2, [sp, #CHANNELS]
  ldrd r2, r3, [sp, #OUTPUT]
  strb r11, [r2, #1]
  strb r8, [r2], #2
  str r2, [sp, #OUTPUT]
  add r2, r2, r3
  strb r9, [r2, #-2]
  strb r12, [r2, #-1]
  add r2, r2, r3
  strb r10, [r2, #-2]
  strb lr, [r2, #-1]
  ldr r2, [sp, #BLOCKS]
  subs r2, r2, #1
  str r2, [sp, #BLOCKS]
  bne next_pair

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end FUNCTION
#endif
