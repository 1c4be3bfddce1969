"""Digests name content; the memo never hides a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinyflow.core import digest
from tinyflow.core.errors import RecipeError
from tinyflow.core.records import Records

names = st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4}){0,2}", fullmatch=True)
digests = st.binary(max_size=3).map(digest.of_bytes)


class Table:
    """Memos in a dictionary, counting what is written."""

    def __init__(self) -> None:
        self.kept: dict[str, digest.Known] = {}

    def get_memo(self, path: str) -> digest.Known | None:
        """What is kept."""
        return self.kept.get(path)

    def put_memo(self, path: str, known: digest.Known) -> None:
        """Keep it."""
        self.kept[path] = known


def test_known_digest(tmp_path: Path) -> None:
    """The digest of nothing is sha256's well-known one."""
    (tmp_path / "empty").touch()
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest.of_file(tmp_path / "empty") == digest.of_bytes(b"") == empty


@given(st.dictionaries(names, digests))
def test_listing_is_read_back(files: dict[str, str]) -> None:
    """A tree's listing gives back the entries, whatever order they came in."""
    assume(not any(other.startswith(name + "/") for name in files for other in files))  # a file that is a folder
    listing = digest.tree_listing(files.items())
    assert digest.parse_listing(listing) == sorted(files.items())
    assert digest.tree_listing(reversed(files.items())) == listing


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a//b", "", "./x"])
def test_listing_that_leaves_its_folder_is_refused(name: str) -> None:
    """No listing, wherever it came from, can make us write outside the folder."""
    with pytest.raises(ValueError, match="not an entry"):
        digest.parse_listing(f"{digest.of_bytes(b'')} {name}\n".encode())


def test_memo_saves_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that kept its stamp is not read again, in this session or a later one."""
    path = tmp_path / "file"
    path.write_text("one")
    monkeypatch.setattr(digest, "_RACY_NS", 0)
    table = Table()
    first = digest.Memo(table).digest(path)
    monkeypatch.setattr(digest, "of_file", None)
    assert digest.Memo(table).digest(path) == first


def test_touched_file_is_only_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with another stamp and the same bytes keeps its digest without being digested; other bytes don't."""
    monkeypatch.setattr(digest, "_RACY_NS", 0)
    path = tmp_path / "file"
    path.write_text("one")
    table = Table()
    first = digest.Memo(table).digest(path)
    os.utime(path, ns=(0, 0))
    with monkeypatch.context() as patched:
        patched.setattr(digest, "of_file", None)
        assert digest.Memo(table).digest(path) == first
    assert table.kept[str(path)].stamp == digest.stamp_of(path)
    path.write_text("two")
    assert digest.Memo(table).digest(path) == digest.of_bytes(b"two")


def test_fresh_file_is_not_memoised(tmp_path: Path) -> None:
    """A file changed just now may change again within one tick of its time stamp, so it is read again."""
    path = tmp_path / "file"
    path.write_text("one")
    table = Table()
    digest.Memo(table).digest(path)
    assert table.kept == {}


def test_replaced_file_of_same_size_and_time_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and mtime alone don't decide: another inode or ctime is another file."""
    monkeypatch.setattr(digest, "_RACY_NS", 0)
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("one")
    other.write_text("two")
    stamp = path.stat()
    table = Table()
    before = digest.Memo(table).digest(path)
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    other.replace(path)
    assert digest.Memo(table).digest(path) != before


def test_tree_digest_follows_names_and_contents(tmp_path: Path) -> None:
    """Renaming a file and changing one both change the tree; the order of creation does not."""
    for order, folder in (("ab", "one"), ("ba", "two")):
        (tmp_path / folder).mkdir()
        for name in order:
            (tmp_path / folder / name).write_text(name)
    memo = digest.Memo(Table())
    same = memo.digest(tmp_path / "one")
    assert same == memo.digest(tmp_path / "two")
    (tmp_path / "two" / "a").rename(tmp_path / "two" / "c")
    assert digest.Memo(Table()).digest(tmp_path / "two") != same


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r", "\x1b[31m", " "])
def test_names_that_other_readers_split_at_are_names(tmp_path: Path, odd: str) -> None:
    """A tree with such file names is listed and read back whole.

    Guards splitting at line feeds alone.
    """
    for name in (f"a{odd}b.c", f"{odd}.h", f"in{odd}/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    entries = [(name, digest.of_file(path)) for name, path in digest.tree_files(tmp_path)]
    assert len(entries) == 3
    assert digest.parse_listing(digest.tree_listing(entries)) == entries


@pytest.mark.parametrize("name", [b"a\xffb.c", b"a\nb.c"])
def test_names_that_no_listing_can_hold_are_refused(tmp_path: Path, name: bytes) -> None:
    """Bytes that are not UTF-8 and line feeds: one error that says which file and what to do."""
    (tmp_path / os.fsdecode(name)).touch()
    with pytest.raises(RecipeError, match=r"the file name .* (is not UTF-8|has a line break)") as caught:
        digest.tree_files(tmp_path)
    assert caught.value.hint == "rename it"
    assert str(caught.value).isascii()


def test_a_memo_of_a_file_whose_path_is_no_text(tmp_path: Path) -> None:
    """Such a file's digest is remembered as any other's.

    Guards spelling paths for the records, which hold texts.
    """
    path = tmp_path / os.fsdecode(b"a\xff\xe9.c")
    path.write_text("text")
    os.utime(path, (1, 1))
    records = Records(tmp_path / "state.sqlite3")
    assert [digest.Memo(records).digest(path) for _ in range(2)] == [digest.of_bytes(b"text")] * 2
    records.close()
