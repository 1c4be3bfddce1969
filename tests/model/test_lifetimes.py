"""How long bytes must stay, and who may take them over."""

from __future__ import annotations

from tinyflow.model.memory import in_place
from tinyflow.model.memory.arena import Buffer
from tinyflow.model.memory.lifetimes import lifetimes


def test_lifetimes_reach_from_the_first_writer_to_the_last_reader() -> None:
    """Inputs are there from the start, outputs stay to the end; constants have none; parts are written one by one."""
    steps = [(["in", "weights"], ["a"]), (["a"], ["parts"]), (["in"], ["parts"]), (["parts", "absent"], ["out"])]
    assert lifetimes(["in"], steps, ["a", "out", "weights"], 9) == {
        **{"in": (0, 2), "a": (0, 9), "parts": (1, 2 + 1), "out": (3, 9)},
    }


def test_bytes_are_handed_over_where_an_input_dies_and_is_large_enough() -> None:
    """Through any number of steps. An input that is smaller than the output, however large its buffer, is none:
    it would be read again and again.
    """
    lives = {"in": (0, 0), "a": (0, 1), "b": (1, 2), "c": (2, 3), "d": (3, 4), "e": (4, 4)}
    sizes = {"in": 8, "a": 8, "b": 4, "c": 8, "d": 8, "e": 8}
    allowed = [(0, "a", ["weights", "in"]), (1, "b", ["a"]), (2, "c", ["b"]), (3, "d", ["b"]), (4, "e", ["d"])]
    owners = in_place.owners(lives, sizes, allowed)
    assert owners == {"in": "in", "a": "in", "b": "in", "c": "c", "d": "d", "e": "d"}
    assert in_place.buffers(lives, sizes, owners) == {
        "in": Buffer("tensor in", 8, 0, 2),
        "c": Buffer("tensor c", 8, 2, 3),
        "d": Buffer("tensor d", 8, 3, 4),
    }


def test_what_is_written_in_parts_takes_no_input_over() -> None:
    """The later parts would overwrite it while it is read."""
    lives = {"in": (0, 1), "out": (0, 1)}
    assert in_place.owners(lives, {"in": 4, "out": 4}, [(1, "out", ["in"])]) == {"in": "in", "out": "out"}
