"""The records of a checkout: what is read is what was written, or nothing; a file of no use costs time only."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.digest import Known
from tinyflow.core.records import Counter, Record, Records

STAMP = (1234567, 1700000000123456789, 42424242, 1700000000987654321)
RECORD = Record(
    "ab12" * 16, "stage", "the title", "sha256:" + "cd" * 32, "ef" * 32, {"out": "blob"}, "built", 1.5, "log"
)
READERS: dict[str, Callable[[Records], Any]] = {
    "get": lambda records: records.get(RECORD.id),
    "sealed": lambda records: records.sealed(RECORD.id),
    "seals": lambda records: records.seals().get(RECORD.id),
    "latest_like": lambda records: records.latest_like("stage", "the title", "another"),
    "durations": lambda records: records.durations() or None,
    "title_of": lambda records: records.title_of(RECORD.key),
    "key_text": lambda records: records.key_text(RECORD.key),
    "note": lambda records: records.note("the facts"),
    "memo": lambda records: records.get_memo("imports\0/some/file.py"),
    "built": lambda records: records.counters()["built"],
}


def filled(path: Path) -> dict[str, Any]:
    """Write one row of each table and close the file; what it says."""
    records = Records(path)
    records.put(RECORD, "the text of the key")
    records.put_note("the facts", "what was noted")
    records.put_memo("imports\0/some/file.py", Known(STAMP, "ab" * 16, "module.one module.two"))
    told = {name: read(records) for name, read in READERS.items()}
    records.close()
    return told


def flips(path: Path) -> Iterator[tuple[str, str]]:
    """SQL that flips one bit in a column of a table: in the first, a middle and the last letter, or in a number."""
    database = sqlite3.connect(path)
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
            (value,) = database.execute(f"SELECT {column} FROM {table}").fetchone()
            if kind == "TEXT":
                for place in {0, len(value) // 2, len(value) - 1} if value else ():
                    flipped = value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
                    yield f"UPDATE {table} SET {column} = ?", flipped
                yield f"UPDATE {table} SET {column} = ?", value + "\x01"
            else:
                yield f"UPDATE {table} SET {column} = {column} + ?", "1"
    database.close()


def test_a_flipped_bit_is_a_miss_in_every_table(tmp_path: Path) -> None:
    """Whatever bit flips in whatever column, keys and digests too: each reader gives what was written, or nothing; the
    row can be written again.
    """
    whole = filled(tmp_path / "whole.sqlite3")
    assert None not in whole.values()
    seen = set()
    for number, (order, value) in enumerate(list(flips(tmp_path / "whole.sqlite3"))):
        path = tmp_path / f"{number}.sqlite3"
        path.write_bytes((tmp_path / "whole.sqlite3").read_bytes())
        database = sqlite3.connect(path)
        database.execute(order, (value,))
        database.commit()
        database.close()
        records = Records(path)
        for name, read in READERS.items():
            told = read(records)
            assert told in (whole[name], None, Counter(0, 0.0)), f"{order} {value!r}: {name}"
            seen.add((order.split()[1], told == whole[name]))
        records.close()
        assert filled(path)["get"]._replace(before_key="") == RECORD
        path.unlink()
    assert seen == {(table, same) for table in ("records", "texts", "counters", "memos", "notes") for same in (0, 1)}


def test_flipped_bits_of_the_file_itself(tmp_path: Path) -> None:
    """The same for bits of the file, where SQLite's own pages, keys and indices lie, too."""
    whole = filled(tmp_path / "whole.sqlite3")
    data = (tmp_path / "whole.sqlite3").read_bytes()
    used = [place for place in range(100, len(data)) if data[place]]
    path = tmp_path / "state.sqlite3"
    for place in used[:: len(used) // 60]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        records = Records(path)
        for name, read in READERS.items():
            assert read(records) in (whole[name], None, Counter(0, 0.0)), f"byte {place}: {name}"
        records.close()


def lie_damaged_where_nothing_can_be_moved(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file in a folder that lets nothing go."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path.write_bytes(b"no database at all" * 1000)
    monkeypatch.setattr(Path, "replace", refuse)


FAULTS: dict[str, Callable[[Path, pytest.MonkeyPatch], None]] = {
    "a folder": lambda path, _: path.mkdir(),
    "a loop": lambda path, _: path.symlink_to(path),
    "a device": lambda path, _: path.symlink_to("/dev/null"),
    "no folder": lambda path, _: (path.parent.rmdir(), path.parent.write_text("a file"), None)[2],
    "not to be moved": lie_damaged_where_nothing_can_be_moved,
    "its journal a folder": lambda path, _: Path(f"{path}-wal").mkdir(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_of_no_use_is_told_once_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """One line says what is wrong, and the session goes on with what it notes in memory."""
    path = tmp_path / "state" / "state.sqlite3"
    path.parent.mkdir()
    FAULTS[fault](path, monkeypatch)
    said: list[str] = []
    records = Records(path, said.append)
    records.put(RECORD, "the text of the key")
    assert records.get(RECORD.id) == RECORD
    records.close()
    assert len(said) == 1, said
    assert str(path) in said[0]


def test_a_full_disk_takes_no_record_from_the_session(tmp_path: Path) -> None:
    """Where the file can grow no more, that is said once, and what was recorded in this session is still known."""
    said: list[str] = []
    records = Records(tmp_path / "state.sqlite3", said.append)
    records.put(RECORD, "text")
    (pages,) = records._database.execute("PRAGMA page_count").fetchone()
    records._database.execute(f"PRAGMA max_page_count = {pages}")
    others = [RECORD._replace(id=f"{number:064}", key=f"key {number}") for number in range(20)]
    for other in others:
        records.put(other, "text " * 1000)
    assert [records.get(other.id) for other in others] != [None] * 20
    assert all(record is not None for record in map(records.get, (RECORD.id, *(other.id for other in others))))
    records.close()
    assert len(said) == 1, said
    assert "full" in said[0]


def test_who_opens_while_another_makes_the_file_waits(tmp_path: Path) -> None:
    """A new file that is being written, which SQLite refuses at once: no line is said, the record is kept."""
    path = tmp_path / "state.sqlite3"
    maker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    maker.execute("CREATE TABLE others (one TEXT)")
    maker.execute("BEGIN IMMEDIATE")
    threading.Timer(0.1, lambda: maker.execute("COMMIT")).start()
    said: list[str] = []
    records = Records(path, said.append)
    records.put(RECORD, "the text of the key")
    records.close()
    maker.close()
    assert said == []
    assert Records(path).get(RECORD.id) == RECORD
