/* Reset of a Cortex-A in 64 bits, with the MMU off. */

    .section .vectors, "ax", %progbits
    .globl _start
    .type _start, %function
_start:
    adrp x0, tf_stack_top
    add x0, x0, :lo12:tf_stack_top
    mov sp, x0
    mov x0, #0x300000 /* CPACR_EL1.FPEN */
    msr cpacr_el1, x0
    isb
    b tf_start
    .size _start, . - _start
