"""model.h: what a program that uses a generated model includes. Imports no TVM."""

from __future__ import annotations

from tinyflow.backends.tvm.emit.plan_document import ARENA

_TEXT = """\
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

/* Activations, inputs and outputs included; plan.json says what lies where. */
extern int8_t {arena}[{bytes}];

/* Both return 0. Write the inputs, call model_invoke, read the outputs; an invoke may overwrite the inputs. */
int model_setup(void);
int model_invoke(void);

#endif
"""


def model_header(arena_bytes: int) -> str:
    """The text of the file."""
    return _TEXT.format(arena=ARENA, bytes=arena_bytes)
