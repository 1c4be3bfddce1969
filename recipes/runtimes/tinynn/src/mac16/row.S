/* The sum of a row of weights by values: see mac16.h. Nine instructions for four products, which need no room for weights.
 *
 *   int32_t tinynn_row_mac16(const uint32_t *x, const int8_t *weights, int32_t fours, int32_t sum)
 *
 * a2 values, a3 weights, a4 fours, a5 256 times the sum so far, a6 and a7 weights, a8 0xff00ff00; m0 and m1 values.
 */
#include "tinynn/xtensa.inc"

function tinynn_row_mac16
  enter
  movi a8, -256
  extui a8, a8, 0, 16
  slli a6, a8, 16
  or a8, a8, a6
  addi a2, a2, -4 /* LDINC adds 4 first */
  ldinc m0, a2
  wsr a5, acclo
  loop a4, summed
  l32i a7, a3, 0
  addi a3, a3, 4
  and a6, a7, a8
  slli a7, a7, 8
  and a7, a7, a8
  mula.da.ll.ldinc m1, a2, m0, a6
  mula.da.hh m0, a6
  mula.da.ll.ldinc m0, a2, m1, a7
  mula.da.hh m1, a7
summed:
  rsr a2, acclo
  leave
end tinynn_row_mac16
