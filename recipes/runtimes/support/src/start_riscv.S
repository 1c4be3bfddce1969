/* Reset of a RISC-V core in machine mode. */

    .section .vectors, "ax", %progbits
    .globl _start
    .type _start, %function
_start:
    .option push
    .option norelax /* gp is not yet what relaxation takes it for */
    la gp, __global_pointer$
    .option pop
    la sp, tf_stack_top
    la t0, tf_trap_entry
    csrw mtvec, t0
#if defined(__riscv_flen)
    li t0, 0x2000 /* mstatus.FS = initial */
    csrs mstatus, t0
    fscsr zero
#endif
#if defined(__riscv_vector)
    li t0, 0x200 /* mstatus.VS = initial */
    csrs mstatus, t0
#endif
    j tf_start
    .size _start, . - _start

    /* Some cores only have vectored traps and ignore mtvec's low eight bits; exceptions enter at its first word. */
    .balign 256
    .type tf_trap_entry, %function
tf_trap_entry:
    j tf_trap
    .size tf_trap_entry, . - tf_trap_entry
