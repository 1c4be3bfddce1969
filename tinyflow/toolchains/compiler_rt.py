"""The zig wheel's compiler_rt, without functions of numbers of 16, 80 and 128 bits where nothing needs any.

These take more than half of the time to compile it. All that it exports goes through one function of its root file,
of which a copy is compiled that has a condition more there; a root file that has no such function is taken as it is.
"""

from __future__ import annotations

from pathlib import Path

from tinyflow.core.action import Workspace
from tinyflow.core.identity import package_folder

NEEDED, ALL = "needed\n", "all\n"
"""What `needed.txt` says, which is empty where no function is needed."""

_SYMBOL = "pub inline fn symbol(comptime func: *const anyopaque, comptime name: []const u8) void {\n"
_CONDITION = "    if (comptime isRare(name)) return;\n"
# in names with two underscores: modes of GCC
_MODES = ("tf", "xf", "kf", "hf", "ti", "ei")
_ENDS = ("h", "x", "c3", "__cosl", "__sinl")
# and in functions of math.h
_MATH_ENDS = ("q", "l", "f128")
# multiplications that are checked call the second one
_NOT_RARE = ("ceil", "__multi3")
_IS_RARE = """
fn isRare(comptime name: []const u8) bool {{
    @setEvalBranchQuota(1 << 20);
    for ([_][]const u8{{ {not_rare} }}) |one| if (std.mem.eql(u8, name, one)) return false;
    if (!std.mem.startsWith(u8, name, "__")) {{
        for ([_][]const u8{{ {math_ends} }}) |end| if (std.mem.endsWith(u8, name, end)) return true;
        return false;
    }}
    for ([_][]const u8{{ {ends} }}) |end| if (std.mem.endsWith(u8, name, end)) return true;
    for ([_][]const u8{{ {modes} }}) |mode| if (std.mem.find(u8, name, mode) != null) return true;
    return false;
}}
"""


def is_rare(name: str) -> bool:
    """Whether the library doesn't have a function unless all of it is asked for."""
    if name in _NOT_RARE:
        return False
    if not name.startswith("__"):
        return name.endswith(_MATH_ENDS)
    return name.endswith(_ENDS) or any(mode in name for mode in _MODES)


def root(workspace: Workspace) -> Path:
    """The root file to compile for what `needed.txt` says; all, where there is none."""
    library = package_folder("ziglang") / "lib"
    needed, whole = workspace.inputs.get("needed.txt"), library / "compiler_rt.zig"
    text = whole.read_text(encoding="utf-8")
    if needed is None or needed.read_text(encoding="utf-8") == ALL or _SYMBOL not in text:
        return whole
    lists = {"modes": _MODES, "ends": _ENDS, "math_ends": _MATH_ENDS, "not_rare": _NOT_RARE}
    condition = _IS_RARE.format(**{name: ", ".join(f'"{one}"' for one in ones) for name, ones in lists.items()})
    made = workspace.folder / "compiler_rt.zig"
    made.write_text(text.replace(_SYMBOL, _SYMBOL + _CONDITION) + condition, encoding="utf-8")
    (workspace.folder / "compiler_rt").symlink_to(library / "compiler_rt")
    return made
