"""What `debug` adds to generated sources: guards around what lies in the arena, and a text that says what went wrong.

Each tensor is followed by bytes of a pattern from its first use to its last; a kernel that writes behind its tensors is
named as soon as it has returned. TVM's own assertions are in packed functions only: they check arguments.
"""

from __future__ import annotations

from tinyflow.backends.generated import ARENA
from tinyflow.backends.tvm.program.memory import Memory
from tinyflow.backends.tvm.program.operations import Program

# as much as the arena's usual alignment: guards cost no padding
GUARD_BYTES = 16

# Whoever has a debugger, or our run stage, reads it where model_invoke didn't return 0.
_ERROR = """\
#define MODEL_ERROR_BYTES 160

char model_error[MODEL_ERROR_BYTES];

static void tell(const char* text) {
  int32_t at = 0;
  while (model_error[at] != 0) at++;
  for (; *text != 0 && at < MODEL_ERROR_BYTES - 1; text++) model_error[at++] = *text;
  model_error[at] = 0;
}

"""
# What TVM's code generator calls where an assertion fails: part of the TVM FFI's C interface.
_RAISED = """\
void TVMFFIErrorSetRaisedFromCStrParts(const char* kind, const char** parts, int32_t count) {
  model_error[0] = 0;
  tell(kind);
  tell(": ");
  for (int32_t i = 0; i < count; i++) tell(parts[i]);
}

"""
RAISED_PROTOTYPE = """\
void TVMFFIErrorSetRaisedFromCStrParts(const char* kind, const char** parts, int32_t count);

"""
_GUARDS = """\
#define GUARD_BYTES {guard_bytes}
#define TENSORS {count}

/* Where each tensor ends in the arena, and the first and the last step that knows it. */
static const int32_t ends[TENSORS] = {{{ends}}};
static const int16_t first[TENSORS] = {{{first}}};
static const int16_t last[TENSORS] = {{{last}}};
static const char* const names[TENSORS] = {{{names}}};

static int8_t pattern(int32_t at) {{ return (int8_t)(0x5a ^ (at & 0xff)); }}

static void set_guards(int32_t step) {{
  for (int32_t i = 0; i < TENSORS; i++)
    for (int32_t at = 0; first[i] == step && at < GUARD_BYTES; at++) {arena}[ends[i] + at] = pattern(at);
}}

static int check_guards(int32_t step, const char* function) {{
  for (int32_t i = 0; i < TENSORS; i++)
    for (int32_t at = 0; first[i] <= step && step <= last[i] && at < GUARD_BYTES; at++)
      if ({arena}[ends[i] + at] != pattern(at)) {{
        model_error[0] = 0;
        tell(function);
        tell(" wrote behind the end of ");
        tell(names[i]);
        return -1;
      }}
  return 0;
}}

"""


def definitions(memory: Memory, is_packed: bool) -> str:
    """The C that is before `model_invoke`."""
    return _ERROR + (_RAISED if is_packed else "") + (_guards(memory) if memory.guard_bytes else "")


def _guards(memory: Memory) -> str:
    places = memory.places.values()
    names = [place.name if place.name.isidentifier() else f"input {i}" for i, place in enumerate(places)]
    return _GUARDS.format(
        guard_bytes=memory.guard_bytes,
        arena=ARENA,
        count=len(places),
        ends=", ".join(str(place.end) for place in places),
        first=", ".join(str(place.first) for place in places),
        last=", ".join(str(place.last) for place in places),
        names=", ".join(f'"{name}"' for name in names),
    )


def guarded(program: Program, memory: Memory, statements: list[str]) -> list[str]:
    """The calls of one inference with guards set before and checked behind each of them."""
    if not memory.guard_bytes:
        return statements
    return [
        f'  set_guards({index});\n{statement}  if (check_guards({index}, "{step.function}") != 0) return -1;\n'
        for index, (step, statement) in enumerate(zip(program.steps, statements, strict=True))
    ]
