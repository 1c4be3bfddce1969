/* All outputs of one channel under a kernel of 3x3 taps: see depthwise3x3.c.
 *
 *   void tinynn_plane3x3_rv32(const struct tinynn_plane3x3 *job)
 *   void tinynn_plane3x3_line_rv32(const struct tinynn_plane3x3 *job), with records of backends/tinynn/lines.py
 *
 * Where neighbouring outputs have neighbouring windows each value is read once, and a column of three is added to the
 * three outputs that see it: 35 instructions for 9 products and an output, 27 to 31 with lines. 42 at any other stride.
 *
 * Registers: s0-s8 taps, row by row; a0-a2 three rows of the plane, ra the end of the first; t0-t2 a column's values; a3 a
 * sum, s9 and s10 those of the next two outputs; a4 a product; a5 bias, a6 factor, a7 shift, t3 offset, t4 lowest, t5
 * highest; t6 output, s11 bytes to the next one.
 */
#include "tinynn/rv32.inc"

/* struct tinynn_plane3x3 */
#define TAPS 0
#define PLANE 4
#define COLUMNS 8
#define LINE_STEP 12
#define STRIDE 16
#define LENGTH 20
#define LINES 24
#define OUTPUT 28
#define OUTPUT_STEP 32
#define OUTPUT_SKIP 36
#define JOB_FACTOR 40
#define JOB_SHIFT 44
#define OFFSET 48
#define JOB_BIAS 52
#define LOWEST 56
#define HIGHEST 60

#define FRAME_BYTES 64
#define JOB 0
#define LINES_LEFT 4
#define SKIP 8 /* from the end of a row that was read to the next one */
#define SAVED_REGISTERS 12

.macro load place
  lb t0, \place(a0)
  lb t1, \place(a1)
  lb t2, \place(a2)
.endm

/* sum = before + a column's values by its taps */
.macro multiply sum, before, tap0, tap1, tap2
  mul a4, t0, \tap0
  add \sum, \before, a4
  mul a4, t1, \tap1
  add \sum, \sum, a4
  mul a4, t2, \tap2
  add \sum, \sum, a4
.endm

.macro finish how
  \how a3, a6, a7, t3, t4, t5
  sb a3, 0(t6)
  add t6, t6, s11
.endm

.macro neighbour place, how
  load \place
  multiply a3, s9, s2, s5, s8
  multiply s9, s10, s1, s4, s7
  multiply s10, a5, s0, s3, s6
  finish \how
.endm

.macro advance by
  addi a0, a0, \by
  addi a1, a1, \by
  addi a2, a2, \by
.endm

.macro advance_by register
  add a0, a0, \register
  add a1, a1, \register
  add a2, a2, \register
.endm

.macro next_line to
  lw a4, SKIP(sp)
  lw a3, JOB(sp)
  advance_by a4
  lw a4, LINE_STEP(a3)
  lw a3, OUTPUT_SKIP(a3)
  add ra, ra, a4
  add t6, t6, a3
  lw a4, LINES_LEFT(sp)
  addi a4, a4, -1
  sw a4, LINES_LEFT(sp)
  bnez a4, \to
.endm

/* All of it, by one way to rescale. */
.macro plane name, how
function \name
  addi sp, sp, -FRAME_BYTES
  save_all sw, SAVED_REGISTERS
  sw a0, JOB(sp)
  mv a4, a0
  lw a3, TAPS(a4)
  lb s0, 0(a3)
  lb s1, 1(a3)
  lb s2, 2(a3)
  lb s3, 3(a3)
  lb s4, 4(a3)
  lb s5, 5(a3)
  lb s6, 6(a3)
  lb s7, 7(a3)
  lb s8, 8(a3)
  lw a3, LINES(a4)
  sw a3, LINES_LEFT(sp)
  lw a0, PLANE(a4)
  lw a3, COLUMNS(a4)
  add a1, a0, a3
  add a2, a1, a3
  lw t6, OUTPUT(a4)
  lw s11, OUTPUT_STEP(a4)
  lw a5, JOB_BIAS(a4)
  lw a6, JOB_FACTOR(a4)
  lw a7, JOB_SHIFT(a4)
  lw t3, OFFSET(a4)
  lw t4, LOWEST(a4)
  lw t5, HIGHEST(a4)
  lw s9, STRIDE(a4)
  lw ra, LENGTH(a4)
  lw t0, LINE_STEP(a4)
  addi t1, s9, -1
  bnez t1, .Lapart\@

  addi ra, ra, 2
  sub t0, t0, ra
  sw t0, SKIP(sp)
  add ra, ra, a0
.Lline\@:
  load 0
  multiply s10, a5, s0, s3, s6
  load 1
  multiply s9, s10, s1, s4, s7
  multiply s10, a5, s0, s3, s6
  advance 2
  sub a4, ra, a0
  andi a4, a4, 1
  beqz a4, .Ltwo\@
  neighbour 0, \how
  advance 1
  beq a0, ra, .Lline_done\@
.Ltwo\@:
  neighbour 0, \how
  neighbour 1, \how
  advance 2
  bne a0, ra, .Ltwo\@
.Lline_done\@:
  next_line .Lline\@
  j .Ldone\@

.Lapart\@:
  mul ra, ra, s9
  sub t0, t0, ra
  sw t0, SKIP(sp)
  add ra, ra, a0
.Lone\@:
  load 0
  multiply a3, a5, s0, s3, s6
  load 1
  multiply a3, a3, s1, s4, s7
  load 2
  multiply a3, a3, s2, s5, s8
  finish \how
  advance_by s9
  bne a0, ra, .Lone\@
  next_line .Lone\@

.Ldone\@:
  save_all lw, SAVED_REGISTERS
  addi sp, sp, FRAME_BYTES
  ret
end \name
.endm

plane tinynn_plane3x3_rv32, rescale_right
plane tinynn_plane3x3_line_rv32, rescale_line
