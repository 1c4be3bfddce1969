/* Reset of an Xtensa core: no windows (Call0 ABI), no interrupts, exceptions on. */

    .literal_position
    .literal .Lstack_top, tf_stack_top

    .section .text._start, "ax", @progbits
    .align 4
    .globl _start
    .type _start, @function
_start:
    movi a0, 0
    wsr a0, ps
    rsync
    l32r a1, .Lstack_top
    j tf_start
    .size _start, . - _start
