/* Two rows of int8 weights to int16, by turns: the packing of conv2d_wide.c. 16 instructions for 16 weights.
 *
 * uint32_t *tinynn_widen_rows2_dsp(uint32_t *to, const int8_t *a, const int8_t *b, int32_t groups)
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

.macro group
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  sxtb16 r6, r4
  sxtb16 r7, r5
  sxtb16 r8, r4, ror #8
  sxtb16 r9, r5, ror #8
  stm r0!, {r6-r9}
.endm

function tinynn_widen_rows2_dsp
  push {r4-r9}
  lsrs r12, r3, #1
  beq 2f
1:
  group
  group
  subs r12, r12, #1
  bne 1b
2:
  lsls r3, r3, #31
  beq 3f
  group
3:
  pop {r4-r9}
  bx lr
end tinynn_widen_rows2_dsp
#endif
