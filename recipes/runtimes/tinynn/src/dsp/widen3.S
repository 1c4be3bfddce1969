/* Three rows of int8 to int16, side by side, a constant added: see matrix.h. 10 instructions for 12 values.
 *
 * uint32_t *tinynn_widen3_dsp(uint32_t *to, const int8_t *const from[3], int32_t groups, uint32_t zeros)
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

function tinynn_widen3_dsp
  cmp r2, #0
  it eq
  bxeq lr
  push {r4-r9, lr}
  mov r12, r2
  mov lr, r3
  ldm r1, {r1-r3}
next_group:
  ldr r7, [r1], #4
  ldr r8, [r2], #4
  ldr r9, [r3], #4
  sxtab16 r4, lr, r7
  sxtab16 r5, lr, r8
  sxtab16 r6, lr, r9
  sxtab16 r7, lr, r7, ror #8
  sxtab16 r8, lr, r8, ror #8
  sxtab16 r9, lr, r9, ror #8
  stm r0!, {r4-r9}
  subs r12, r12, #1
  bne next_group
  pop {r4-r9, pc}
end tinynn_widen3_dsp
#endif
