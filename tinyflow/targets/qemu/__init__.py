"""Target implementations on QEMU's system emulators, for processors that the built-in simulator lacks.

`arm`, `riscv32` and `riscv64` are the modules that recipes name. QEMU runs the firmware; its GDB stub, on the standard
streams, loads, calls, reads and writes; a plugin of ours counts. Nothing of it is in the firmware.
"""
