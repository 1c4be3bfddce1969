"""Texts of others (names, descriptions, keys, what tools print) as terminals, logs and files can show them.

Every text that leaves tinyflow passes here at its border: nothing in it is an order to a terminal, turns the reading
direction, or can't be encoded.
"""

from __future__ import annotations

import json
import re
from typing import Any
from unicodedata import category

_LONGEST_WORD = 240  # letters: as long as a file's name may be; digests and most paths are shorter
_LONGEST_LINE = 4000
_CUT = "…"
_HARMLESS = ("Zs",)  # spaces of all kinds, which Python calls not printable either
# https://owasp.org/www-community/attacks/CSV_Injection; tabs and line ends are spelled out before.
_FORMULA = tuple("=+-@＝＋－＠")
_RARE = re.compile("[^\n -~\xa1-\xac\xae-\u02ff]")  # what may be odd
# Behind `://` (a path keeps `:/` of it) all up to `@`, and up to a later one where what precedes a slash may be the
# beginning of a password.
_PASSWORD = re.compile(r"""(?<=:/)(/?)[^\s/"'<>]{0,100}(?::[^\s"'<>]{0,100})?@""")
_TOKEN = re.compile(
    r"""(?i)([?&;][\w.-]{0,40}(?:token|secret|passw|pwd|signature|credential|key|auth|jwt|sig)[\w.-]{0,40}=)[^\s&;"'<>]+"""
)
_WORD = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def plain(text: str, *, is_line: bool = False) -> str:
    r"""A text with control characters, bidirectional overrides, lone surrogates and the like spelled out: `\x1b`.

    `is_line`: ends of lines, too.
    """
    if text.isprintable():
        return text
    found = _RARE.sub(lambda rare: rare[0] if _is_harmless(rare[0]) else ascii(rare[0])[1:-1], text)
    return found.replace("\n", "\\n") if is_line else found


def plain_json(text: str) -> str:
    r"""JSON that means the same, with such characters as `\u` escapes: outside of its strings it has none of them."""
    return _RARE.sub(lambda rare: rare[0] if _is_harmless(rare[0]) else _escaped(rare[0]), text)


def json_text(value: Any, **options: Any) -> str:
    """A document as lines of such JSON; `options` are those of json.dumps."""
    return plain_json(json.dumps(value, **{"indent": 1, "ensure_ascii": False, **options})) + "\n"


def plain_log(content: bytes) -> bytes:
    """What tools printed, plainly: as it is but for what terminals take for orders and what is not UTF-8."""
    text = content.decode(errors="backslashreplace").replace("\r\n", "\n")
    return "\t".join(map(plain, text.split("\t"))).encode()


def cut(text: str) -> str:
    """A text whose overlong words and lines are cut in the middle; both ends of a name often tell it from others."""
    if len(text) <= _LONGEST_WORD:
        return text
    shorter = _WORD.sub(lambda word: _without_middle(word[0], _LONGEST_WORD), text)
    return "\n".join(_without_middle(line, _LONGEST_LINE) for line in shorter.split("\n"))


def shown(text: str) -> str:
    """A text as messages show it: plain and cut, addresses without passwords and tokens, whoever put them there."""
    if ":/" in text:
        text = _TOKEN.sub(r"\1…", _PASSWORD.sub(r"\1…@", text))
    return cut(plain(text))


def for_csv(value: Any) -> Any:
    """A cell of a CSV file: one line of plain text, which no spreadsheet takes for a formula; numbers as they are."""
    if not isinstance(value, str):
        return value
    text = plain(value, is_line=True)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def for_markdown(text: str) -> str:
    """Somebody's text in a line of Markdown: plain, and no tag."""
    return plain(text, is_line=True).replace("<", "&lt;")


def markdown_cell(text: str) -> str:
    """The same in a cell of a table."""
    return for_markdown(text).replace("|", "\\|")


def is_encodable(text: str) -> bool:
    """Whether a text is Unicode, without the lone surrogates by which Python stands for a file name's odd bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or category(letter) in _HARMLESS


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = (most - len(_CUT)) // 2
    return text[: most - len(_CUT) - half] + _CUT + text[len(text) - half :]
