"""The process in which the host's firmware lives: loads a shared object, then obeys requests from its standard input.

Run by its path, with nothing but the standard library, so that it starts fast under valgrind and its crash is its own.
A request is a line `VERB SYMBOL BYTES` and, behind `write`, `call` and `count`, the bytes (a function gets a pointer to
them, where there are some); verbs are load, read, write, call, count, break
and stop (of the last two the symbol is a list of addresses, see host_faults.c). An answer is a line `ok NUMBER NUMBER`
and, behind that to `read`, the bytes; or `error TEXT`; or, where the firmware faults or stops, the line that
host_faults.c writes.
"""

from __future__ import annotations

import ctypes
import sys
import time

_STACK_BYTES = 8 << 20  # what Linux gives a program by default


def main(path: str, watcher: str | None = None) -> None:
    """Serve until the other end closes; `watcher` is host_faults.so."""
    if watcher is not None:
        _watch(watcher)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        verb, symbol, size = line.decode().rstrip("\n").split(" ")
        data = requests.read(int(size)) if verb in ("write", "call", "count") else b""
        try:
            if verb in ("break", "stop"):
                answers.write(_break(str(watcher), symbol, verb == "stop"))
            else:
                answers.write(_answer(ctypes.CDLL(path), verb, symbol, int(size), data))
        except OSError as error:
            answers.write(f"error can't be loaded: {' '.join(str(error).split())}\n".encode())
        except (AttributeError, ValueError):  # from a call and from an access
            answers.write(f"error the firmware has no symbol {symbol}\n".encode())
        answers.flush()


def _answer(library: ctypes.CDLL, verb: str, symbol: str, size: int, data: bytes) -> bytes:
    if verb == "call":
        started_ns = time.perf_counter_ns()
        status = library[symbol](*([data] if data else []))
        return b"ok %d %d\n" % (status, time.perf_counter_ns() - started_ns)
    if verb == "count":
        return b"ok %d 0\n" % _call_through_libc(library, symbol, data)
    if verb == "write":
        ctypes.memmove(_address(library, symbol), data, size)
    content = ctypes.string_at(_address(library, symbol), size) if verb == "read" else b""
    return b"ok %d 0\n" % size + content


def _watch(watcher: str) -> None:
    """Have faults told; the stack is as large on every machine."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    if hard == resource.RLIM_INFINITY or hard >= _STACK_BYTES:
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES, hard))
    if ctypes.CDLL(watcher).tf_watch_faults() != 0:
        raise OSError("signals can't be watched")


def _break(watcher: str, places: str, has_stops: bool) -> bytes:
    """Count calls from now on, and stop at each if so wished; 0 where that can be done."""
    *entries, end = (ctypes.c_uint64(int(place, 16)) for place in places.split(","))
    array = (ctypes.c_uint64 * len(entries))(*entries)
    return b"ok %d 0\n" % ctypes.CDLL(watcher).tf_count_calls(array, len(entries), end, int(has_stops))


def _call_through_libc(library: ctypes.CDLL, symbol: str, data: bytes) -> int:
    """0 where the function returned 0, else 1.

    ctypes calls in a way that valgrind (3.19) doesn't see as a call: libffi changes stacks. So bsearch calls, which
    compares its key, what the function is given, with each element by a function of ours: once, for there is one.
    """
    bsearch = ctypes.CDLL(None).bsearch
    bsearch.restype = ctypes.c_void_p
    found = bsearch(data, b"", ctypes.c_size_t(1), ctypes.c_size_t(1), library[symbol])
    return 0 if found else 1


def _address(library: ctypes.CDLL, symbol: str) -> int:
    name, _, offset = symbol.partition("+")
    return ctypes.addressof(ctypes.c_char.in_dll(library, name)) + int(offset or "0", 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
