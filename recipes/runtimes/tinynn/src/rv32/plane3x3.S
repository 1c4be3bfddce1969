/* All outputs of one channel under a kernel of 3x3 taps: see depthwise3x3.c.
 *
 *   void tinynn_plane3x3_rv32(const struct tinynn_plane3x3 *job)
 *
 * Where neighbouring outputs have neighbouring windows each value is read once, and a column of three is added to the
 * three outputs that see it: 35 instructions for 9 products and an output. 42 at any other stride.
 *
 * Registers: s0-s8 taps, row by row; a0-a2 three rows of the plane, ra the end of the first; t0-t2 a column's values; a3 a
 * sum, s9 and s10 those of the next two outputs; a4 a product; a5 bias, a6 factor, a7 shift, t3 offset, t4 lowest, t5
 * highest; t6 output, s11 bytes to the next one.
 */
#include "tinynn/function.inc"

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
#define FACTOR 40
#define SHIFT 44
#define OFFSET 48
#define BIAS 52
#define LOWEST 56
#define HIGHEST 60

#define FRAME_BYTES 64
#define JOB 0
#define LINES_LEFT 4
#define SKIP 8 /* from the end of a row that was read to the next one */
#define SAVED_REGISTERS 12

.macro save instruction
  \instruction s0, SAVED_REGISTERS(sp)
  \instruction s1, SAVED_REGISTERS+4(sp)
  \instruction s2, SAVED_REGISTERS+8(sp)
  \instruction s3, SAVED_REGISTERS+12(sp)
  \instruction s4, SAVED_REGISTERS+16(sp)
  \instruction s5, SAVED_REGISTERS+20(sp)
  \instruction s6, SAVED_REGISTERS+24(sp)
  \instruction s7, SAVED_REGISTERS+28(sp)
  \instruction s8, SAVED_REGISTERS+32(sp)
  \instruction s9, SAVED_REGISTERS+36(sp)
  \instruction s10, SAVED_REGISTERS+40(sp)
  \instruction s11, SAVED_REGISTERS+44(sp)
  \instruction ra, SAVED_REGISTERS+48(sp)
.endm

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

/* a3 to one output: tinynn_rescale_right, then the clamp. */
.macro finish
  slli a3, a3, 1
  mulhsu a3, a3, a6
  bgez a3, 3f
  addi a3, a3, -2
3:
  add a3, a3, t3
  sra a3, a3, a7
  bge a3, t4, 1f
  mv a3, t4
1:
  ble a3, t5, 2f
  mv a3, t5
2:
  sb a3, 0(t6)
  add t6, t6, s11
.endm

.macro neighbour place
  load \place
  multiply a3, s9, s2, s5, s8
  multiply s9, s10, s1, s4, s7
  multiply s10, a5, s0, s3, s6
  finish
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

function tinynn_plane3x3_rv32
  addi sp, sp, -FRAME_BYTES
  save sw
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
  lw a5, BIAS(a4)
  lw a6, FACTOR(a4)
  lw a7, SHIFT(a4)
  lw t3, OFFSET(a4)
  lw t4, LOWEST(a4)
  lw t5, HIGHEST(a4)
  lw s9, STRIDE(a4)
  lw ra, LENGTH(a4)
  lw t0, LINE_STEP(a4)
  addi t1, s9, -1
  bnez t1, apart

  addi ra, ra, 2
  sub t0, t0, ra
  sw t0, SKIP(sp)
  add ra, ra, a0
line:
  load 0
  multiply s10, a5, s0, s3, s6
  load 1
  multiply s9, s10, s1, s4, s7
  multiply s10, a5, s0, s3, s6
  advance 2
  sub a4, ra, a0
  andi a4, a4, 1
  beqz a4, two
  neighbour 0
  advance 1
  beq a0, ra, line_done
two:
  neighbour 0
  neighbour 1
  advance 2
  bne a0, ra, two
line_done:
  next_line line
  j done

apart:
  mul ra, ra, s9
  sub t0, t0, ra
  sw t0, SKIP(sp)
  add ra, ra, a0
one:
  load 0
  multiply a3, a5, s0, s3, s6
  load 1
  multiply a3, a3, s1, s4, s7
  load 2
  multiply a3, a3, s2, s5, s8
  finish
  advance_by s9
  bne a0, ra, one
  next_line one

done:
  save lw
  addi sp, sp, FRAME_BYTES
  ret
end tinynn_plane3x3_rv32
