/* One channel under a row of taps: see row.h. 20 instructions for 24 products, 36 more for four outputs.
 *
 * Registers of the products: r0 columns, r1 taps, r2-r7 a chunk's three pairs of taps for even columns and for odd ones,
 * r8-r11 the sums of four neighbouring outputs, r12 lr pairs of columns.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

#define OUTPUT 20 /* and what is left of them; before it factor, shift, offset, back, pitch, behind it 3 * pitch */
#define BIAS 32   /* and taps */
#define END 40
#define FRAME_BYTES 44 /* with nine saved registers, a multiple of 8 */

/* Two taps by four outputs: \first has the columns of two of them, \second those of the others. */
.macro pair_by_four first, second, even, odd
  smlad r8, \first, \even, r8
  smlad r9, \first, \odd, r9
  smlad r10, \second, \even, r10
  smlad r11, \second, \odd, r11
.endm

function tinynn_row_dsp
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r1, {r1-r3} /* bias, factor, shift */
  ldm r0, {r0, r4-r11}
  lsl r4, r4, r3 /* offset */
  stm sp, {r2-r9}
  strd r1, r10, [sp, #BIAS]
  str r11, [sp, #END]

1: /* next four outputs */
  ldrd r8, r1, [sp, #BIAS]
  mov r9, r8
  mov r10, r8
  mov r11, r8
2: /* next chunk */
  ldm r1!, {r2-r7}
  ldr r12, [r0]
  ldr lr, [r0, #16]
  pair_by_four r12, lr, r2, r3
  ldr r12, [r0, #32]
  pair_by_four lr, r12, r4, r5
  ldr lr, [r0, #48]!
  pair_by_four r12, lr, r6, r7
  ldr r2, [sp, #END]
  cmp r1, r2
  bne 2b
  ldm sp, {r2-r7, r12, lr}
  sub r0, r0, r5
  requantise r8, r2, r3, r4
  subs r12, r12, #4
  strb r8, [r7]
  blt 3f
  requantise r9, r2, r3, r4
  requantise r10, r2, r3, r4
  requantise r11, r2, r3, r4
  strb r9, [r7, r6]
  strb r10, [r7, r6, lsl #1]
  strb r11, [r7, lr]
  add r7, r7, r6, lsl #2
  strd r7, r12, [sp, #OUTPUT]
  bne 1b
  b 4f
3: /* one to three at the end */
  adds r12, r12, #3
  beq 4f
  requantise r9, r2, r3, r4
  strb r9, [r7, r6]
  subs r12, r12, #1
  beq 4f
  requantise r10, r2, r3, r4
  strb r10, [r7, r6, lsl #1]
4:
  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end tinynn_row_dsp
#endif
