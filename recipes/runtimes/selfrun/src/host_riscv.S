    .section .text.tf_host, "ax", %progbits
    .globl tf_host
    .type tf_host, %function
    .balign 16 /* the three instructions must lie in one page */
    .option push
    .option norvc
tf_host:
    slli zero, zero, 0x1f
    ebreak
    srai zero, zero, 7
    ret
    .option pop
    .size tf_host, . - tf_host

    .section .text.tf_nothing, "ax", %progbits
    .globl tf_nothing
    .type tf_nothing, %function
tf_nothing:
    li a0, 0
    ret
    .size tf_nothing, . - tf_nothing

    .section .text.tf_self_trap, "ax", %progbits
    .type tf_self_trap, %function
    .balign 256
tf_self_trap:
    csrr a0, mcause
    csrr a1, mepc
    csrr a2, mtval
    la sp, tf_stack_top
    j tf_fault
    .size tf_self_trap, . - tf_self_trap

    .section .text.tf_resume, "ax", %progbits
    .globl tf_resume
    .type tf_resume, %function
tf_resume:
    la sp, tf_stack_top
    jr a0
    .size tf_resume, . - tf_resume

    .section .text.tf_again, "ax", %progbits
    .globl tf_again
    .type tf_again, %function
tf_again:
    la sp, tf_stack_top
    j tf_start
    .size tf_again, . - tf_again

    .section .text.tf_catch_traps, "ax", %progbits
    .globl tf_catch_traps
    .type tf_catch_traps, %function
tf_catch_traps:
    la t0, tf_self_trap
    csrw mtvec, t0
    ret
    .size tf_catch_traps, . - tf_catch_traps
