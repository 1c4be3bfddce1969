"""A file as a symbol in flash."""

from __future__ import annotations

# the assembler looks for the file where it looks for headers
_SOURCE = """\
.section .rodata.{symbol}, "a"
.balign 16
.global {symbol}
{symbol}:
  .incbin "{file}"
{symbol}_end:
.global {symbol}_end
#if defined(__ELF__) && (defined(__linux__) || defined(__unix__))
.section .note.GNU-stack, "", %progbits
#endif
"""


def source(file: str) -> str:
    """Assembler text that has it, aligned to 16 bytes; `model_tflite` is the symbol of `model.tflite`."""
    return _SOURCE.format(symbol=file.replace(".", "_"), file=file)
