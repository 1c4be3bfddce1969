"""What an action key leads to, and its file. Who reads one may get it from anywhere, so it is checked wholly first."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tinyflow.core import digest

# Those of the built-in suites have some kilobytes, one of an action with 10,000 inputs a megabyte.
MAX_RESULT_BYTES = 1 << 24
_HEADER = b"tinyflow result 1 "
_FIELDS = {"key", "key_text", "outputs", "duration_s", "log"}
_LONGEST_S = 1e9


@dataclass(frozen=True)
class Result:
    """What an action key leads to."""

    key: str
    key_text: str
    outputs: Mapping[str, str]  # output name → digest; of a tree: digest of its listing
    duration_s: float
    log: str  # digest

    def to_file(self) -> bytes:
        """The bytes of a result's file: a header with the digest of the JSON that follows."""
        body = json.dumps(asdict(self), sort_keys=True).encode()
        return _HEADER + digest.of_bytes(body).encode() + b"\n" + body

    @staticmethod
    def from_file(data: bytes) -> Result:
        """The inverse of `to_file`; ValueError where the bytes are damaged or something else, whoever made them."""
        header, _, body = data.partition(b"\n")
        if len(data) > MAX_RESULT_BYTES or header != _HEADER + digest.of_bytes(body).encode():
            raise ValueError("damaged")
        try:
            fields = json.loads(body, parse_int=float)  # an integer of a million digits would take long
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(fields, dict) or fields.keys() != _FIELDS:
            raise ValueError("not a result")
        _check(**fields)
        return Result(**fields)


def _check(key: Any, key_text: Any, outputs: Any, duration_s: Any, log: Any) -> None:
    """Raise ValueError for what no action can have led to."""
    if not isinstance(outputs, dict) or not isinstance(key_text, str):
        raise ValueError("not a result")
    if not all(map(digest.is_digest, (key, log, *outputs.values()))):  # they become paths
        raise ValueError("names what is not a digest")
    if not all(map(_is_output_name, outputs)):
        raise ValueError("names what can be no output")
    if digest.of_bytes(key_text.encode()) != key:
        raise ValueError("its key is not that of its text")
    if not isinstance(duration_s, float) or not math.isfinite(duration_s) or not 0 <= duration_s <= _LONGEST_S:
        raise ValueError("its duration is not a number of seconds")


def _is_output_name(name: str) -> bool:
    """Whether this is a relative path to a file below a folder, or, with `/` at its end, to a folder."""
    return not {"", ".", ".."} & set(name.removesuffix("/").split("/")) and "\0" not in name
