/* Three rows of int16 side by side, two values of each at a time: see matrix.h. 10 instructions for 12 values.
 *
 * uint32_t *tinynn_interleave3_dsp(uint32_t *to, const int16_t *const from[3], int32_t pairs)
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/function.inc"

function tinynn_interleave3_dsp
  push {r4-r9, lr}
  mov r12, r2
  ldm r1, {r1-r3}
  lsrs r12, r12, #1
  bcc even
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  ldr r6, [r3], #4
  stm r0!, {r4-r6}
even:
  cmp r12, #0
  beq done
next_two:
  ldr r4, [r1], #4
  ldr r5, [r2], #4
  ldr r6, [r3], #4
  ldr r7, [r1], #4
  ldr r8, [r2], #4
  ldr r9, [r3], #4
  stm r0!, {r4-r9}
  subs r12, r12, #1
  bne next_two
done:
  pop {r4-r9, pc}
end tinynn_interleave3_dsp
#endif
