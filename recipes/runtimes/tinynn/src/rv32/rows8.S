/* Eight rows of weights by the same inputs: see rows.c. 218 instructions for 64 products, since rows as a
 * model has them need a pointer each.
 *
 * Registers: a0 x, a3 its zero point, t4 a value of it, a2 end of what is left; a1, a5-a7, t0-t3 the rows; s0-s7 their
 * sums; t5, t6 products.
 */
#include "tinynn/function.inc"

#define FRAME_BYTES 48

/* All sums, or the registers that they are in. */
.macro eight instruction, base
  \instruction s0, 0(\base)
  \instruction s1, 4(\base)
  \instruction s2, 8(\base)
  \instruction s3, 12(\base)
  \instruction s4, 16(\base)
  \instruction s5, 20(\base)
  \instruction s6, 24(\base)
  \instruction s7, 28(\base)
.endm

/* One weight of each of two rows; in this order no instruction waits for the one before it. */
.macro two place, row0, row1, sum0, sum1
  lb t5, \place(\row0)
  lb t6, \place(\row1)
  mul t5, t5, t4
  mul t6, t6, t4
  add \sum0, \sum0, t5
  add \sum1, \sum1, t6
.endm

.macro value place
  lb t4, \place(a0)
  sub t4, t4, a3
  two \place, a1, a5, s0, s1
  two \place, a6, a7, s2, s3
  two \place, t0, t1, s4, s5
  two \place, t2, t3, s6, s7
.endm

.macro advance bytes
.irp pointer, a0, a1, a5, a6, a7, t0, t1, t2, t3
  addi \pointer, \pointer, \bytes
.endr
.endm

function tinynn_sum_rows8_rv32
  addi sp, sp, -FRAME_BYTES
  eight sw, sp
  eight lw, a4
  add a5, a1, a2
  add a6, a5, a2
  add a7, a6, a2
  add t0, a7, a2
  add t1, t0, a2
  add t2, t1, a2
  add t3, t2, a2
  andi t4, a2, 7
  sw t4, 32(sp)
  sub a2, a2, t4
  beqz a2, rest
  add a2, a2, a0
eight_values:
  value 0
  value 1
  value 2
  value 3
  value 4
  value 5
  value 6
  value 7
  advance 8
  bne a0, a2, eight_values
rest:
  lw a2, 32(sp)
  beqz a2, done
  add a2, a2, a0
one_value:
  value 0
  advance 1
  bne a0, a2, one_value
done:
  eight sw, a4
  eight lw, sp
  addi sp, sp, FRAME_BYTES
  ret
end tinynn_sum_rows8_rv32
