/* Sums of 32 elements at a time for add_linear.c, 16 fraction bits: 159 instructions. All addresses are whole words.
 *
 *   tinynn_add_blocks_dsp(struct of left, right, constant; left, right, output, end of left)
 *
 * Halves of words are sums of two elements without their fractions; even ones and odd ones of four are saturated alike,
 * without a sign, and put together.
 * Registers: r0 and r4 factors, r1 left, r2 right, r3 output, r5 constant, with 128 for the missing sign, r6 upper bytes.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

/* Two elements, in the halves of \a and \b, whose lower bytes are 0. */
.macro two to, a, b
  smlawb \to, r0, \a, r5
  smlawt \a, r0, \a, r5
  smlawb \to, r4, \b, \to
  smlawt \a, r4, \b, \a
  pkhtb \to, \a, \to, asr #16
  usat16 \to, #8, \to
.endm

/* Those of the words \a and \b; \x and \y are free. */
.macro four to, a, b, x, y
  and \x, r6, \a, lsl #8
  and \y, r6, \b, lsl #8
  and \a, \a, r6
  and \b, \b, r6
  two \to, \x, \y
  two \y, \a, \b
  orr \to, \to, \y, lsl #8
  eor \to, \to, #0x80808080
.endm

.macro eight
  ldrd r7, r8, [r1], #8
  ldrd r9, r10, [r2], #8
  four lr, r7, r9, r11, r12
  four r7, r8, r10, r11, r12
  strd lr, r7, [r3], #8
.endm

function tinynn_add_blocks_dsp
  push {r4-r11, lr}
  ldmia r0, {r0, r4, r5}
  add r5, r5, #0x800000
  mov r6, #0xff00ff00
1:
  eight
  eight
  eight
  eight
  ldr r8, [sp, #36]
  cmp r1, r8
  bne 1b
  pop {r4-r11, pc}
end tinynn_add_blocks_dsp
#endif
