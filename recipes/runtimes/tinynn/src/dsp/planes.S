/* One channel under 5×5 or 7×7 taps: see planes.h. 34 instructions for an output of 25 products, 54 for one of 49.
 *
 * Registers of the products: r0 the row, r1 taps, r2 r3 the sums of two neighbouring outputs, r4-r9 words of taps and
 * behind them words of two columns, lr from one row of taps to the next.
 */
#if defined(__ARM_FEATURE_DSP)
#include "tinynn/dsp/requantise.inc"
#include "tinynn/function.inc"

#define FACTOR 0 /* and shift, offset: read together */
#define OUTPUT 12
#define PITCH 16
#define BIAS 20
#define NEXT 24 /* from behind the rows of a pair of outputs to the next pair */
#define LEFT 28
#define WIDTH 32
#define HEIGHT 36
#define ROW_REST 40    /* from behind a row's pairs to the next row */
#define FRAME_BYTES 44 /* with nine saved registers, a multiple of 8 */

.macro two_sums x, for_first, y, for_second
  smlad r2, \x, \for_first, r2
  smlad r3, \y, \for_second, r3
.endm

/* The second output one column behind the first. */
.macro row_5_stride1
  ldm r1!, {r4-r9}
  ldm r0, {r10-r12}
  add r0, r0, lr
  two_sums r10, r4, r10, r5
  two_sums r11, r6, r11, r7
  two_sums r12, r8, r12, r9
.endm

.macro row_7_stride1
  ldm r1!, {r4-r7}
  ldm r0, {r8-r11}
  add r0, r0, lr
  two_sums r8, r4, r8, r5
  two_sums r9, r6, r9, r7
  ldm r1!, {r4-r7}
  two_sums r10, r4, r10, r5
  two_sums r11, r6, r11, r7
.endm

/* The second output two columns behind the first: the same pairs of taps. */
.macro row_5_stride2
  ldm r1!, {r4-r6}
  ldm r0, {r7-r10}
  add r0, r0, lr
  two_sums r7, r4, r8, r4
  two_sums r8, r5, r9, r5
  two_sums r9, r6, r10, r6
.endm

.macro row_7_stride2
  ldm r1!, {r4-r7}
  ldm r0, {r8-r12}
  add r0, r0, lr
  two_sums r8, r4, r9, r4
  two_sums r9, r5, r10, r5
  two_sums r10, r6, r11, r6
  two_sums r11, r7, r12, r7
.endm

.macro plane_function name, taps, stride, taps_bytes
function \name
  push {r4-r11, lr}
  sub sp, sp, #FRAME_BYTES
  ldm r2, {r3-r5}  /* bias, factor, shift */
  ldm r0, {r6-r12} /* plane, output, pitch, width, height, row bytes, row step */
  ldr lr, [r0, #28]
  lsl lr, lr, r5   /* offset */
  strd r4, r5, [sp, #FACTOR]
  strd lr, r7, [sp, #FACTOR + 8]
  strd r8, r3, [sp, #PITCH]
  mov r4, #\taps
  mul r4, r4, r11
  rsb r4, r4, #4 * \stride
  str r4, [sp, #NEXT]
  add r5, r9, #1
  bic r5, r5, #1
  sub r12, r12, r5, lsl #\stride
  strd r9, r10, [sp, #WIDTH]
  str r12, [sp, #ROW_REST]
  mov r0, r6
  mov lr, r11

1: /* next row */
  ldr r10, [sp, #WIDTH]
  str r10, [sp, #LEFT]
2: /* next pair */
  ldr r2, [sp, #BIAS]
  mov r3, r2
  .rept \taps
  row_\taps\()_stride\stride
  .endr
  ldm sp, {r4, r5, r6, r7, r8} /* factor, shift, offset, output, pitch */
  requantise r2, r4, r5, r6
  ldrd r9, r10, [sp, #NEXT]
  sub r1, r1, #\taps_bytes
  add r0, r0, r9
  strb r2, [r7]
  subs r10, r10, #2
  blt 3f
  requantise r3, r4, r5, r6
  strb r3, [r7, r8]
  add r7, r7, r8, lsl #1
  str r7, [sp, #OUTPUT]
  str r10, [sp, #LEFT]
  bne 2b
  b 4f
3: /* the row's last output had no neighbour */
  add r7, r7, r8
  str r7, [sp, #OUTPUT]
4:
  ldrd r2, r3, [sp, #HEIGHT]
  add r0, r0, r3
  subs r2, r2, #1
  str r2, [sp, #HEIGHT]
  bne 1b

  add sp, sp, #FRAME_BYTES
  pop {r4-r11, pc}
end \name
.endm

plane_function tinynn_plane5_stride1_dsp, 5, 1, 120
plane_function tinynn_plane5_stride2_dsp, 5, 2, 60
plane_function tinynn_plane7_stride1_dsp, 7, 1, 224
plane_function tinynn_plane7_stride2_dsp, 7, 2, 112
#endif
