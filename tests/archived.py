"""Archives for tests: small made-up ones, tar files of any kind in our frame, and good ones changed consistently."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from hashlib import sha256

from tinyflow.archive import container, contents
from tinyflow.archive.contents import ArchivedAction
from tinyflow.core.digest import of_bytes, tree_listing

FIRMWARE, SOURCE = b"\x7fELF and the rest", b"int main(void) { return 0; }\n"
LISTING = tree_listing([("main.c", of_bytes(SOURCE))])


def action(stage: str, title: str, outputs: dict[str, bytes], *facts: str, is_local: bool = False) -> ArchivedAction:
    """An action with these facts in its key."""
    lines = ["tinyflow key 1", f"stage {stage} somewhere:{stage}", *facts, *(f'output "{name}"' for name in outputs)]
    text = "\n".join(lines) + "\n"
    digests = {name: of_bytes(content) for name, content in outputs.items()}
    return ArchivedAction(stage, title, of_bytes(text.encode()), text, digests, is_local)


GENERATE = action("generate", "generate net good", {"sources/": LISTING}, 'tool zig "0.17"')
LINKS = [
    action(
        "link", f"link net-good-{target}", {"firmware.elf": FIRMWARE, "firmware.map": target.encode()}, f"x {target} 1"
    )
    for target in ("chip", "host")
]


def small() -> bytes:
    """Two benches that share an action and a blob."""
    benches = {f"net-good-{target}": [GENERATE, link] for target, link in zip(("chip", "host"), LINKS, strict=True)}
    sources = {"models/net.tflite": b"TFL3", "recipes/models/net.yaml": b"description: for tests\nfile: net.tflite\n"}
    blobs = [LISTING, SOURCE, FIRMWARE, b"chip", b"host"]
    return contents.compose("both", benches, sources, {of_bytes(blob): blob for blob in blobs}, "0.1.0")


def framed(content: bytes) -> bytes:
    """A gzip file of stored blocks, written down once more from RFC 1951 and 1952."""
    blocks = [content[start : start + 65535] for start in range(0, len(content), 65535)]
    out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    for index, block in enumerate(blocks):
        size = len(block)
        out += (
            bytes([index == len(blocks) - 1])
            + size.to_bytes(2, "little")
            + (65535 - size).to_bytes(2, "little")
            + block
        )
    return out + zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")


def member(
    name: str,
    body: bytes = b"",
    kind: bytes = b"0",
    mode: bytes = b"0000644",
    owner: bytes = b"0000000",
    user: bytes = b"",
    date: bytes = b"02263523000",
    size: bytes = b"",
    link: bytes = b"",
) -> bytes:
    """A member of a tar with a right checksum; without more than name and body, as we write it."""
    fields = [
        *(name.encode().ljust(100, b"\0"), mode + b"\0", owner + b"\0", b"0000000\0"),
        *((size or b"%011o" % len(body)) + b"\0", date + b"\0", b" " * 8, kind, link.ljust(100, b"\0")),
        *(b"ustar\x0000", user.ljust(32, b"\0"), bytes(32), b"0000000\x000000000\0", bytes(155 + 12)),
    ]
    header = b"".join(fields)
    header = header[:148] + b"%06o\0 " % sum(header) + header[156:]
    return header + body + bytes(-len(body) % 512)


def tar_of(*members: bytes) -> bytes:
    """A framed tar."""
    return framed(b"".join(members) + bytes(1024))


def resealed(data: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A good archive with other content and a manifest to match: what somebody makes who knows how it is done."""
    files, _ = container.unpack(data)
    change(files)
    del files[contents.MANIFEST]
    lines = [f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())]
    return container.pack({**files, contents.MANIFEST: "".join(lines).encode()})
