"""The files of a generated model: kernels, constants, the calls of one inference, and their declarations.

No path, date or name of a machine gets into them; equal programs give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from tinyflow.backends import arrays
from tinyflow.backends.arrays import Constant
from tinyflow.backends.generated import initialised, model_header, model_source, write_files
from tinyflow.backends.tvm.emit import calls, codegen, debug, objects, packed_calls, rows
from tinyflow.backends.tvm.program.memory import Memory
from tinyflow.backends.tvm.program.operations import Program, Step
from tinyflow.backends.tvm.program.streamed import Chains, RowKernel

# so many files are compiled at once, whatever machine it is
_KERNEL_FILES = 4
_INCLUDES = '#include "model.h"\n#include "kernels.h"\n#include "weights.h"\n'
Convention = Literal["packed", "unpacked", "objects"]

# The code generator names all that a tensor has, used or not, and puts `#pragma unroll 1` before loops for clang only.
_QUIET = """\
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
"""


def write(
    program: Program,
    memory: Memory,
    convention: Convention,
    backend: str,
    folder: Path,
    llvm: Mapping[str, object] | None = None,
    *,
    has_debug: bool = False,
    chains: Chains | None = None,
) -> None:
    """Write all files; `convention` is packed, unpacked, or objects: compiled for `llvm`, called like unpacked.

    `chains`: those that are steps of the program.

    `has_debug`: with TVM's assertions in packed functions, and guards where the memory has room for them.
    """
    if convention == "objects":
        compiled = objects.compile_kernels(program.functions, llvm or {})
        (folder / "kernels.o").write_bytes(compiled.content)
        (folder / "kernels.ll").write_text(compiled.text, encoding="utf-8")
        prototypes = [objects.prototype(name, kernel) for name, kernel in program.functions.items()]
        kernels = {"kernels.h": _kernels_header(prototypes)}
    else:
        kernels = kernel_files(program, convention, has_asserts=has_debug)
    reset, copied = initialised((memory.places[value], content) for value, content in program.initial.items())
    constants = _constants(program, chains)
    constants |= {name: Constant(np.frombuffer(one, np.int8)) for name, one in copied.items()}
    files = {
        "model.h": model_header(memory.total_bytes, has_state=bool(program.initial)),
        **kernels,
        **arrays.files(constants),
        "model.c": _model(program, memory, convention, has_debug, reset if program.initial else None, chains),
    }
    write_files(folder, backend, files)


def kernel_files(program: Program, convention: Convention, *, has_asserts: bool = False) -> dict[str, str]:
    """The functions of a program as C, shared out to a few files, and their header: name → text."""
    functions = {name: kernel.function for name, kernel in program.functions.items()}
    texts = codegen.packed(functions, has_asserts) if convention == "packed" else codegen.unpacked(functions)
    prototypes = [codegen.prototype(text) for text in texts.values()]
    types = packed_calls.TYPES + (debug.RAISED_PROTOTYPE if has_asserts else "") if convention == "packed" else ""
    files = {"kernels.h": _kernels_header(prototypes, program.headers, types)}
    for index, names in enumerate(_shared_out(texts)):
        body = "\n".join(texts[name] for name in names)
        files[f"kernels_{index}.c"] = f'#include "kernels.h"\n\n{_QUIET}\n{body}'
    return files


def _shared_out(texts: Mapping[str, str]) -> list[list[str]]:
    """Function names for each file, about the same amount of text in all; as few files as there are functions."""
    shares: list[list[str]] = [[] for _ in range(min(_KERNEL_FILES, len(texts)))]
    sizes = [0] * len(shares)
    for name in sorted(texts, key=lambda name: (-len(texts[name]), name)):
        smallest = sizes.index(min(sizes))
        shares[smallest].append(name)
        sizes[smallest] += len(texts[name])
    return shares


def _kernels_header(prototypes: Sequence[str], headers: Sequence[str] = (), types: str = "") -> str:
    includes = "".join(f"#include {header}\n" for header in ("<stdbool.h>", "<stddef.h>", "<stdint.h>"))
    includes += "".join(f'#include "{header}"\n' for header in headers)
    declarations = "\n".join(prototypes)
    return f"#ifndef KERNELS_H\n#define KERNELS_H\n\n{includes}\n{types}{declarations}\n\n#endif\n"


def _constants(program: Program, chains: Chains | None) -> dict[str, Constant]:
    """The constants, at addresses as their kernels want them."""
    kernels = chains.kernels.values() if chains is not None else ()
    each: list[Step | RowKernel] = [*program.steps, *(one for of_part in kernels for one in of_part)]
    return {
        one.constants[parameter.name]: Constant(program.constants[one.constants[parameter.name]], parameter.alignment)
        for one in each
        for parameter in one.kernel.constants
    }


def _model(
    program: Program,
    memory: Memory,
    convention: Convention,
    has_debug: bool,
    reset: Sequence[str] | None,
    chains: Chains | None,
) -> str:
    is_packed = convention == "packed"
    made = [
        calls.packed(index, step, memory, has_debug) if is_packed else calls.unpacked(index, step, memory)
        for index, step in enumerate(program.steps)
    ]
    before, statements = [text for text, _ in made], [text for _, text in made]
    if has_debug:
        before, statements = [debug.definitions(memory, is_packed), *before], debug.guarded(program, memory, statements)
    includes = _INCLUDES
    if chains is not None:
        before, includes = [*rows.texts(chains), *before], _INCLUDES + "#include <stddef.h>\n#include <string.h>\n"
    return model_source(includes, memory.alignment, memory.total_bytes, before, statements, reset)
