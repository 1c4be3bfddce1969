/* One channel under 3×3 taps, requantised in the short form: see plane3x3.h. 13.5 instructions for an output of 9 products,
 * 15 of stride 2.
 *
 * Registers of the products: r0 r1 r12 the three rows, r2 r3 columns 01, 23 (45), r4-r9 taps as (first, second) and
 * (second, third) of each row, times 256, r10 r11 the sums of two neighbouring outputs, lr output.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/short.inc"
#include "tinynn/function.inc"

#define OFFSET 0
#define MULTIPLIER 4 /* and what is added */
#define PITCH 12     /* and end */
#define PAIRS_BYTES 20
#define IS_ODD 24
#define HEIGHT 28
#define ROW_REST 32    /* from behind a row's pairs to the next row */
#define OUTPUT_REST 36
#define FRAME_BYTES 44 /* with nine saved registers, a multiple of 8 */
#define FRACTION_BITS 10

/* \first = taps 0 and 1, \second = taps 1 and 2 of the bytes of \taps. */
.macro split_taps first, second, taps
  and r3, r12, \taps
  and r10, r12, \taps, lsl #8
  pkhbt \first, r10, r3, lsl #16
  pkhbt \second, r3, r10
.endm

/* A row of two outputs, the second one column behind the first, which begin as the given sums. */
.macro row_of_two_stride1 row, first, second, sum0=r10
  ldrd r2, r3, [\row], #4
  smlad r10, r2, \first, \sum0
  smlatb r11, r2, \first, r11
  smlabt r10, r3, \second, r10
  smlad r11, r3, \second, r11
.endm

/* A row of two outputs, the second one two columns behind the first. */
.macro row_of_two_stride2 row, first, second, sum0=r10
  ldrd r2, r3, [\row], #8
  smlad r10, r2, \first, \sum0
  smlad r11, r3, \first, r11
  ldr r2, [\row]
  smlabt r10, r3, \second, r10
  smlabt r11, r2, \second, r11
.endm

.macro row_of_one row, first, second
  ldrd r2, r3, [\row]
  smlad r10, r2, \first, r10
  smlabt r10, r3, \second, r10
.endm

/* \step: bytes that a pair of outputs moves on, as a shift of the number of outputs. */
.macro plane_function name, row_of_two, step
function \name
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r0!, {r2, lr}              /* plane, output */
  ldm r0, {r3-r9}                /* pitch, width, height, row bytes, row step, zero, output rest */
  str r9, [sp, #OUTPUT_REST]
  ldm r1, {r0, r1, r9, r10, r11} /* rows of taps, the first with what is added behind them; offset, multiplier */
  lsr r12, r0, #24
  add r8, r8, r12, lsl #3
  strd r10, r11, [sp, #OFFSET]
  strd r8, r3, [sp, #MULTIPLIER + 4]
  and r10, r4, #1
  bic r4, r4, #1
  lsl r4, r4, #\step
  strd r4, r10, [sp, #PAIRS_BYTES]
  sub r7, r7, r4
  strd r5, r7, [sp, #HEIGHT]
  mov r11, r6
  mov r12, #0xff00ff00
  split_taps r4, r5, r0
  split_taps r6, r7, r1
  split_taps r8, r9, r9
  mov r0, r2
  add r1, r0, r11
  add r12, r1, r11

1: /* next row */
  ldr r2, [sp, #PAIRS_BYTES]
  add r2, r2, r0
  str r2, [sp, #PITCH + 4]
  cmp r0, r2
  beq 3f
2: /* next pair */
  ldr r11, [sp, #OFFSET]
  \row_of_two r0, r4, r5, r11
  \row_of_two r1, r6, r7
  \row_of_two r12, r8, r9
  ldrd r2, r3, [sp, #MULTIPLIER]
  short_form r10, r2, r3, FRACTION_BITS
  short_form r11, r2, r3, FRACTION_BITS
  ldrd r2, r3, [sp, #PITCH]
  strb r10, [lr]
  strb r11, [lr, r2]
  add lr, lr, r2, lsl #1
  cmp r0, r3
  bne 2b
3: /* the odd output at a row's end */
  ldr r2, [sp, #IS_ODD]
  cmp r2, #0
  beq 4f
  ldr r10, [sp, #OFFSET]
  row_of_one r0, r4, r5
  row_of_one r1, r6, r7
  row_of_one r12, r8, r9
  ldrd r2, r3, [sp, #MULTIPLIER]
  short_form r10, r2, r3, FRACTION_BITS
  ldr r2, [sp, #PITCH]
  strb r10, [lr]
  add lr, lr, r2
4:
  ldrd r2, r3, [sp, #HEIGHT]
  ldr r10, [sp, #OUTPUT_REST]
  add r0, r0, r3
  add r1, r1, r3
  add r12, r12, r3
  add lr, lr, r10
  subs r2, r2, #1
  str r2, [sp, #HEIGHT]
  bne 1b

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end \name
.endm

plane_function tinynn_plane3x3_short_stride1_dsp, row_of_two_stride1, 1
plane_function tinynn_plane3x3_short_stride2_dsp, row_of_two_stride2, 2
#endif
