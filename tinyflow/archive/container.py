"""The container: named files ↔ the bytes of a `.tar.gz`, one way only to write them, and that way only is read.

A deflate stream's bytes depend on the zlib that made it, so nothing is compressed: gzip's frame around stored blocks
(RFC 1952; RFC 1951, 3.2.4), in it POSIX ustar headers with everything fixed but name and size. Any `tar` unpacks it.
Because nothing is compressed, nothing read here can become larger than the file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from tinyflow.core.errors import ArchiveError

# Deflate, no name, no date, no comment, system unknown.
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_GZIP_TAIL_BYTES = 8  # CRC-32 and length of the content
_STORED_BYTES = 0xFFFF  # the most that one stored block holds
_BLOCK_BYTES = 512
_END = bytes(2 * _BLOCK_BYTES)
# 1980-01-01: some programs complain of 1970, and zip knows nothing before.
_MTIME_S = 315_532_800
_NAME_BYTES, _PREFIX_BYTES, _SIZE_DIGITS = 100, 155, 11
MOST_BYTES = 2 << 30  # of an archive: it is held in memory
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a folder",
    b"6": "a pipe",
}
_REPACKED = "it was damaged, or packed by another program; take the file as `doit export:…` wrote it"


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive's bytes. Raises ArchiveError for a name that can't be in one, and where there is too much."""
    content = bytearray()
    for name in sorted(files, key=str.encode):
        _check_name(name)
        content += _header(name, len(files[name])) + files[name]
        content += bytes(-len(content) % _BLOCK_BYTES)
        if len(content) > MOST_BYTES:
            raise ArchiveError(f"more than {MOST_BYTES >> 30} GiB", hint="export parts of it")
    return _frame(content + _END)


def unpack(data: bytes) -> tuple[dict[str, bytes], str]:
    """The files, and what is wrong with the checksum over all (empty: nothing), which can't name a file.

    Raises ArchiveError, its `where` the entry, for whatever `pack` would have written otherwise.
    """
    content, fault = _unframe(data)
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    for name, body in _entries(content, fault):
        parents = [name[:index] for index, letter in enumerate(name) if letter == "/"]
        if name in folders or any(parent in files for parent in parents):
            raise ArchiveError("is a file and a folder", where=name, hint=_REPACKED)
        folders.update(parents)
        files[name] = body
    return files, "" if data.endswith(_tail(content)) else "the checksum of the whole is wrong"


def _frame(content: bytearray) -> bytes:
    """The content as stored blocks between gzip's head and tail."""
    framed = bytearray(_GZIP_HEAD)
    for start in range(0, len(content), _STORED_BYTES):
        block = content[start : start + _STORED_BYTES]
        size, is_last = len(block), start + len(block) == len(content)
        # The length stands there twice.
        framed += bytes([is_last]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + block
    return bytes(framed + _tail(content))


def _tail(content: bytearray) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little") + (len(content) & 0xFFFF_FFFF).to_bytes(4, "little")


def _unframe(data: bytes) -> tuple[bytearray, str]:
    """The content up to the first fault of the frame, and that fault (empty: none)."""
    content = bytearray()
    if not data.startswith(_GZIP_HEAD):
        return content, "it does not begin as an archive of tinyflow does"
    place, end = len(_GZIP_HEAD), len(data) - _GZIP_TAIL_BYTES
    while True:
        head = data[place : place + 5]
        if len(head) < 5 or place + 5 > end:
            return content, f"it is cut at byte {len(data)}"
        if head[0] not in (0, 1):
            return content, f"it is compressed at byte {place}"
        size = int.from_bytes(head[1:3], "little")
        is_full = size == _STORED_BYTES or (head[0] == 1 and size > 0)
        if size ^ 0xFFFF != int.from_bytes(head[3:5], "little") or not is_full:
            return content, f"the length at byte {place} is wrong"
        place += 5
        content += data[place : min(place + size, end)]
        if place + size > end:
            return content, f"it is cut at byte {len(data)}"
        place += size
        if head[0] == 1:
            return content, "" if place == end else f"more follows behind its end, from byte {place} on"


def _entries(content: bytearray, fault: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file. Raises ArchiveError at the first thing wrong, be it the frame's fault."""
    place, before = 0, ""
    while True:
        header = bytes(content[place : place + _BLOCK_BYTES])
        if len(header) == _BLOCK_BYTES and not any(header):
            break
        if len(header) < _BLOCK_BYTES:
            raise ArchiveError(fault or "it is cut", where=f"behind {before}" if before else "", hint=_REPACKED)
        name, size = _read_header(header)
        if name.encode() <= before.encode():
            what = "is there twice" if name == before else f"is behind {before}, out of order"
            raise ArchiveError(what, where=name, hint=_REPACKED)
        place += _BLOCK_BYTES
        padded = size + -size % _BLOCK_BYTES
        if place + padded > len(content):
            raise ArchiveError(fault or f"claims {size} bytes, more than there are", where=name, hint=_REPACKED)
        if any(content[place + size : place + padded]):
            raise ArchiveError("has something between its end and the next file", where=name, hint=_REPACKED)
        yield name, bytes(content[place : place + size])
        place, before = place + padded, name
    if fault or content[place:] != _END:
        what = fault or "something follows that is not an entry"
        raise ArchiveError(what, where=f"behind {before}" if before else "", hint=_REPACKED)


def _header(name: str, size: int) -> bytes:
    """An entry's ustar header (POSIX.1-1988): a plain file, mode 0644, of nobody, with a fixed date."""
    if not 0 <= size < 8**_SIZE_DIGITS:
        raise ArchiveError("its size can't be written", where=name)
    prefix, stem = _split(name)
    fields = [
        *(stem.ljust(_NAME_BYTES, b"\0"), b"0000644\0", b"0000000\0", b"0000000\0"),
        *(b"%011o\0" % size, b"%011o\0" % _MTIME_S, b" " * 8, b"0", bytes(_NAME_BYTES)),
        *(b"ustar\x0000", bytes(32), bytes(32), b"0000000\0", b"0000000\0", prefix.ljust(_PREFIX_BYTES, b"\0")),
    ]
    header = b"".join(fields).ljust(_BLOCK_BYTES, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _split(name: str) -> tuple[bytes, bytes]:
    """A name as ustar's prefix and stem; the prefix is as short as can be. Raises ArchiveError."""
    whole = name.encode()
    if len(whole) <= _NAME_BYTES:
        return b"", whole
    for index, letter in enumerate(whole):
        if letter == ord("/") and len(whole) - index - 1 <= _NAME_BYTES:
            if index <= _PREFIX_BYTES:
                return whole[:index], whole[index + 1 :]
            break
    raise ArchiveError("its name is too long for an archive", where=name, hint="shorten the names of files or folders")


def fits(name: str) -> bool:
    """Whether a name is short enough."""
    try:
        _split(name)
    except ArchiveError:
        return False
    return True


def _read_header(header: bytes) -> tuple[str, int]:
    """Name and size of an entry whose header is the one that we would write. Raises ArchiveError."""
    prefix, stem = header[345:500].rstrip(b"\0"), header[:_NAME_BYTES].rstrip(b"\0")
    shown = b"/".join(filter(None, (prefix, stem))).decode(errors="replace")
    kind = _KINDS.get(header[156:157])
    if kind is not None:
        raise ArchiveError(f"is {kind}; an archive holds plain files only", where=_printable(shown), hint=_REPACKED)
    _check_name(shown)
    try:
        size = int(header[124 : 124 + _SIZE_DIGITS], 8)
        is_ours = header == _header(shown, size)
    except (ValueError, ArchiveError):
        is_ours = False
    if not is_ours:
        raise ArchiveError("its header is not one that tinyflow writes", where=_printable(shown), hint=_REPACKED)
    return shown, size


def _check_name(name: str) -> None:
    """Raises ArchiveError for a name that leaves the folder, or that can't be printed as it is."""
    what = ""
    if name.startswith("/"):
        what = "is an absolute path"
    elif ".." in name.split("/"):
        what = "leads out of the archive"
    elif {"", "."} & set(name.split("/")) or not name.isprintable() or "\\" in name:
        what = "is not a name of a file in an archive"
    if what:
        raise ArchiveError(what, where=_printable(name) or '""', hint="nothing of it was read")


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)
