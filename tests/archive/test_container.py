"""The container: one way to write it, any tar reads it, and nothing else is read."""

from __future__ import annotations

import gzip
import io
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
from archived import framed, member, tar_of
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.archive.container import pack, unpack
from tinyflow.core.errors import ArchiveError

PARTS = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters="/\\"), min_size=1, max_size=20
)
NAMES = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4).map("/".join)


@examples(40)
@given(st.dictionaries(NAMES, st.binary(max_size=700), max_size=4))
def test_what_was_packed_is_unpacked(files: dict[str, bytes]) -> None:
    """Whatever the names and contents, unless one is a file and a folder at once."""
    if any(f"{name}/" in other for name in files for other in files if other.startswith(f"{name}/")):
        with pytest.raises(ArchiveError, match="file and a folder"):
            unpack(pack(files))
    else:
        assert unpack(pack(files)) == (files, "")


def test_any_tar_unpacks_it() -> None:
    """Long names, an empty file, more than one block: what Python's own tarfile and gzip read, and how it is marked."""
    files = {"a": b"", "b/" + "long" * 24: b"x" * 70_000, "p" * 120 + "/" + "n" * 99: b"1", "é": b"utf-8"}
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(pack(files)))) as tar:
        assert {info.name: tar.extractfile(info).read() for info in tar} == files  # type: ignore[union-attr]
        marks = {(info.mode, info.uid, info.gid, info.uname, info.gname, info.mtime, info.type) for info in tar}
    assert marks == {(0o644, 0, 0, "", "", 315532800, tarfile.REGTYPE)}


def test_the_bytes_are_for_ever() -> None:
    """The same on every machine, Python and zlib: archives that are equal are compared by their digest."""
    files = {"README.md": b"# hello\n", "a/b/c.bin": bytes(range(256)) * 300, "z" * 101 + "/x": b""}
    assert sha256(pack(files)).hexdigest() == "fcb9f3769e93b263e4e7f1dcb35b72cbd88d074d807ccf0de73b10173419de59"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (member("../escape"), "../escape: leads out of the archive"),
        (member("a/../../escape"), "a/../../escape: leads out of the archive"),
        (member("/etc/escape"), "/etc/escape: is an absolute path"),
        (member("a//b"), "a//b: is not a name of a file"),
        (member("./a"), "./a: is not a name of a file"),
        (member("a\x1b[2J"), r"'a\x1b[2J': is not a name of a file"),
        (member("a\\b"), "a\\b: is not a name of a file"),
        (member(""), '"": is not a name of a file'),
        (member("link", kind=b"2", link=b"/etc/passwd"), "link: is a symbolic link"),
        (member("link", kind=b"1", link=b"a"), "link: is a hard link"),
        (member("null", kind=b"3"), "null: is a device"),
        (member("disk", kind=b"4"), "disk: is a device"),
        (member("folder/", kind=b"5"), "folder/: is a folder"),
        (member("pipe", kind=b"6"), "pipe: is a pipe"),
        (member("long", kind=b"L"), "long: its header is not one that tinyflow writes"),
        (member("pax", kind=b"x"), "pax: its header is not one"),
        (member("linked", b"x", link=b"/etc/passwd"), "linked: its header is not one"),
        (member("root", mode=b"0004755"), "root: its header is not one"),
        (member("mine", owner=b"0001750"), "mine: its header is not one"),
        (member("mine", user=b"me"), "mine: its header is not one"),
        (member("late", date=b"02263523001"), "late: its header is not one"),
        (member("bomb", size=b"77777777777"), "bomb: claims 8589934591 bytes, more than there are"),
        (member("bomb", size=b"\x80" + b"\xff" * 10), "bomb: its header is not one"),
        (member("bomb", size=b"-0000000001"), "bomb: its header is not one"),
    ],
)
def test_what_is_no_plain_file_is_refused_by_name(data: bytes, complaint: str) -> None:
    """Paths that leave the folder, links, devices, owners, modes, sizes that are not there."""
    with pytest.raises(ArchiveError) as caught:
        unpack(tar_of(data))
    assert f"{caught.value.where}: {caught.value.what}".startswith(complaint)


def test_a_name_twice_and_out_of_order_is_refused() -> None:
    """Else the second would silently win, and one content would have many archives."""
    assert unpack(tar_of(member("a", b"1"), member("b", b"2"))) == ({"a": b"1", "b": b"2"}, "")
    with pytest.raises(ArchiveError, match="is there twice") as caught:
        unpack(tar_of(member("a", b"1"), member("a", b"2")))
    assert caught.value.where == "a"
    with pytest.raises(ArchiveError, match="out of order"):
        unpack(tar_of(member("b", b"1"), member("a", b"2")))


def test_nothing_compressed_is_read() -> None:
    """So nothing gets larger by being read: a bomb of 10 MB in 10 kB is refused before it goes off."""
    bomb = gzip.compress(bytes(10_000_000), mtime=0)
    with pytest.raises(ArchiveError, match="does not begin"):
        unpack(bomb)
    with pytest.raises(ArchiveError, match="is compressed"):
        unpack(bytes(pack({})[:10]) + bomb[10:])


def test_padding_and_what_follows_are_refused() -> None:
    """Room that nothing looks at would be room for another message."""
    good = bytearray(pack({"a": b"x"}))
    for data in (bytes(good) + b"more", framed(gzip.decompress(bytes(good)) + bytes(512)), framed(b"")):
        with pytest.raises(ArchiveError):
            unpack(data)
    content = bytearray(gzip.decompress(bytes(good)))
    content[512 + 100] = 1  # behind the one byte of `a`
    with pytest.raises(ArchiveError, match="between its end and the next"):
        unpack(framed(bytes(content)))


def test_names_that_can_not_be_packed_are_refused(tmp_path: Path) -> None:
    """Rather than written cut."""
    for name in ("../a", "/a", "n" * 101, "p" * 156 + "/" + "n" * 99, "a\nb"):
        with pytest.raises(ArchiveError):
            pack({name: b""})
