"""Random Thumb-2 functions that end: straight code of both lengths, IT blocks, branches forward, loops, calls."""

from __future__ import annotations

from random import Random

_CONDITIONS = ["eq", "ne", "cs", "cc", "mi", "pl", "gt", "le", "hi", "ls"]
_OPPOSITE = dict(zip(_CONDITIONS, ["ne", "eq", "cc", "cs", "pl", "mi", "le", "gt", "ls", "hi"], strict=True))


def functions(count: int, seed: int) -> str:
    """Assembly of `int random_<i>(void)`; all are roots of the link."""
    random = Random(seed)
    return "\n".join(
        [".syntax unified", ".thumb", '.section .text.random, "axR", %progbits']
        + [_function(random, i) for i in range(count)]
    )


def _function(random: Random, number: int) -> str:
    name = f"random_{number}"
    body = [line for i in range(random.randrange(2, 30)) for line in _piece(random, f".L{number}_{i}", number)]
    begin = [f".globl {name}", f".type {name}, %function", f"{name}:", "push {r4-r6, lr}"]
    return "\n".join([*begin, *body, "pop {r4-r6, pc}", f".size {name}, . - {name}"])


def _piece(random: Random, label: str, number: int) -> list[str]:
    """Every fourth function calls the three before it, which call none, so that all end soon."""
    pieces = [_straight, _conditional, _forward, _loop, _zero, _stack]
    if number % 4 == 3 and random.random() < 0.3:
        return [f"bl random_{number - random.randrange(1, 4)}"]
    return random.choice(pieces)(random, label)


def _low(random: Random) -> str:
    return f"r{random.randrange(4)}"


def _straight(random: Random, _: str) -> list[str]:
    short = [f"adds {_low(random)}, #{random.randrange(256)}", f"eors {_low(random)}, {_low(random)}", "nop"]
    wide = [f"add.w {_low(random)}, {_low(random)}, {_low(random)}, lsl #3", f"mul r3, {_low(random)}, r2"]
    return [random.choice(short + wide) for _ in range(random.randrange(1, 8))]


def _conditional(random: Random, _: str) -> list[str]:
    condition = random.choice(_CONDITIONS)
    pattern = "t" + "".join(random.choice("te") for _ in range(random.randrange(4)))
    taken = [condition if letter == "t" else _OPPOSITE[condition] for letter in pattern]
    lines = [f"add{c}{random.choice(['', '.w'])} {_low(random)}, {_low(random)}, #{random.randrange(8)}" for c in taken]
    return [f"cmp {_low(random)}, #{random.randrange(256)}", f"i{pattern} {condition}", *lines]


def _forward(random: Random, label: str) -> list[str]:
    branch = f"b{random.choice(_CONDITIONS)}{random.choice(['.n', '.w'])} {label}"
    return [f"cmp {_low(random)}, {_low(random)}", branch, *_straight(random, ""), f"{label}:"]


def _loop(random: Random, label: str) -> list[str]:
    return [f"movs r4, #{random.randrange(1, 20)}", f"{label}:", *_straight(random, ""), "subs r4, #1", f"bne {label}"]


def _zero(random: Random, label: str) -> list[str]:
    return [f"{random.choice(['cbz', 'cbnz'])} {_low(random)}, {label}", *_straight(random, ""), f"{label}:"]


def _stack(random: Random, _: str) -> list[str]:
    registers = random.choice(["{r0, r1}", "{r0-r3}", "{r5, r6}"])
    return [f"push {registers}", *_straight(random, ""), f"pop {registers}"]
