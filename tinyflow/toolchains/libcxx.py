"""C++'s own headers for a chip: LLVM's libc++ as it comes in the `ziglang` wheel, for clang of any origin.

Headers alone: what they define is compiled into whoever includes it. What lies in the library (streams, threads,
exceptions, and `operator new`) is not there, and a linker says so.
"""

from __future__ import annotations

from pathlib import Path

from tinyflow.core.identity import package_folder
from tinyflow.toolchains.protocol import Command

# In place of the header `__config_site`, which zig leaves out: what a program without an operating system has. Locales
# are declared, for headers of others name streams that nobody calls.
_CONFIGURATION = {
    "ABI_VERSION": "1",
    "ABI_NAMESPACE": "__1",
    "HARDENING_MODE_DEFAULT": "_LIBCPP_HARDENING_MODE_NONE",
    "ASSERTION_SEMANTIC_DEFAULT": "_LIBCPP_ASSERTION_SEMANTIC_HARDENING_DEPENDENT",
    **dict.fromkeys(("HAS_MUSL_LIBC", "HAS_LOCALIZATION", "HAS_UNICODE", "HAS_WIDE_CHARACTERS"), "1"),
    **dict.fromkeys(
        (
            *("HAS_THREADS", "HAS_MONOTONIC_CLOCK", "HAS_TERMINAL", "HAS_FILESYSTEM", "HAS_RANDOM_DEVICE"),
            *("HAS_TIME_ZONE_DATABASE", "HAS_VENDOR_AVAILABILITY_ANNOTATIONS"),
        ),
        "0",
    ),
}


def words(source: Path) -> Command:
    """For compiling one source, before the headers of C; none for what isn't C++."""
    if source.suffix in (".c", ".S", ".s"):
        return []
    defines = [f"-D_LIBCPP_{name}={value}" for name, value in _CONFIGURATION.items()]
    # As compilers of C++ have it on most systems: libc++ asks for all of the C library.
    return ["-D_GNU_SOURCE", *defines, "-isystem", package_folder("ziglang") / "lib" / "libcxx" / "include"]
