/* Sums to outputs by a line (line.h): 13 instructions.
 *
 *   void tinynn_outputs_mac16(const int32_t *sums, int8_t *output, int32_t count, int32_t pitch,
 *                              const struct tinynn_line *line, const int32_t clamp[2])
 *
 * a2 sums, a3 output, a4 count, a5 pitch, a6 upper, a7 lower, a8 offset, a9 zero, a10 lowest, a11
 * highest, a12 and a13 at work.
 */
#include "tinynn/xtensa.inc"

#define UPPER 0
#define LOWER 4
#define OFFSET 8
#define SHIFT 12
#define ZERO 16

.macro outputs done, edge
  loop a4, \done
  l32i a12, a2, 0
  addi a2, a2, 4
  extui a13, a12, 18, 14
  bnez a13, .Lcut\@
  mull a13, a12, a6
  mull a12, a12, a7
  add a13, a13, a8
  srli a12, a12, 14
  add a12, a12, a13
.ifnb \edge
  bge a12, a9, .Labove\@
  addmi a12, a12, -8192
.Labove\@:
.endif
  sra a12, a12
  min a12, a12, a11
.Lstore\@:
  s8i a12, a3, 0
  add a3, a3, a5
\done:
  leave

.Lcut\@:
  mov a13, a12
  mov a12, a11
  bgez a13, .Lstore\@
  mov a12, a10
  j .Lstore\@
.endm

function tinynn_outputs_mac16
  enter
  l32i a10, a7, 0
  l32i a11, a7, 4
  l32i a8, a6, OFFSET
  l32i a9, a6, SHIFT
  l32i a7, a6, LOWER
  ssr a9
  l32i a9, a6, ZERO
  l32i a6, a6, UPPER
  slli a12, a9, 1
  bnez a12, two_sided /* but for -2^31 */
  outputs above
two_sided:
  outputs on_both_sides, edge
end tinynn_outputs_mac16
