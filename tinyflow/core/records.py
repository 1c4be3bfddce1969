"""What this checkout knows of its past: the last record of every action, and memos about files, in one SQLite file.

Each finished action is recorded at once and atomically. Losing this file costs time only: the cache has the results.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinyflow.core.digest import Stamp

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY, stage TEXT, title TEXT, key TEXT, seal TEXT, outputs TEXT, outcome TEXT, duration_s REAL,
    log TEXT, before_key TEXT, sequence INTEGER);
CREATE INDEX IF NOT EXISTS records_title ON records (stage, title, sequence);
CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, text TEXT);
CREATE TABLE IF NOT EXISTS memos (path TEXT PRIMARY KEY, stamp TEXT, text TEXT);
"""
_BUSY_S = 30.0


@dataclass(frozen=True)
class Record:
    """How an action last came to its outputs."""

    id: str
    stage: str
    title: str
    key: str
    seal: str  # a short stand-in for the key, see `Session.check`
    outputs: Mapping[str, str]
    outcome: str  # built | hit
    duration_s: float  # what building took when it was built, here or elsewhere
    log: str
    before_key: str  # the key that was current before this one; empty the first time


class Records:
    """The records and memos of one checkout."""

    def __init__(self, path: Path, say: Callable[[str], None] = lambda line: None) -> None:
        """Open or make the file; one that can't be read is moved aside, said through `say`."""
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            say(f"{path} was damaged; moved to {aside.name}. Finished work is still in the cache")
            self._database = _open(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._database:
            yield self._database

    def get(self, action_id: str) -> Record | None:
        """The last record of an action."""
        return self._one("WHERE id = ?", (action_id,))

    def latest_like(self, stage: str, title: str, but: str) -> Record | None:
        """The newest record of another action with this stage and title: what a changed parameter replaced."""
        return self._one("WHERE stage = ? AND title = ? AND id != ? ORDER BY sequence DESC", (stage, title, but))

    def find(self, stage: str, id_prefix: str) -> Record | None:
        """The newest record whose id begins so."""
        return self._one("WHERE stage = ? AND id LIKE ? ORDER BY sequence DESC", (stage, id_prefix + "%"))

    def _one(self, where: str, values: tuple[str, ...]) -> Record | None:
        columns = "id, stage, title, key, seal, outputs, outcome, duration_s, log, before_key"
        with self._lock:
            row = self._database.execute(f"SELECT {columns} FROM records {where} LIMIT 1", values).fetchone()
        if row is None:
            return None
        action_id, stage, title, key, seal, outputs, *rest = row
        return Record(action_id, stage, title, key, seal, json.loads(outputs), *rest)

    def put(self, record: Record, key_text: str) -> None:
        """Replace an action's record."""
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                "(SELECT coalesce(max(sequence), 0) + 1 FROM records))",
                (
                    *(record.id, record.stage, record.title, record.key, record.seal, json.dumps(dict(record.outputs))),
                    *(record.outcome, record.duration_s, record.log, record.before_key),
                ),
            )
            database.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (record.key, key_text))

    def forget(self, action_id: str) -> None:
        """Drop an action's record, so that it is looked up again."""
        with self._transaction() as database:
            database.execute("DELETE FROM records WHERE id = ?", (action_id,))

    def key_text(self, key: str) -> str | None:
        """The readable text behind a key that was current here once."""
        with self._lock:
            row = self._database.execute("SELECT text FROM texts WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def get_memo(self, path: str) -> tuple[Stamp, str] | None:
        """The stamp and text kept for a path."""
        with self._lock:
            row = self._database.execute("SELECT stamp, text FROM memos WHERE path = ?", (path,)).fetchone()
        if row is None:
            return None
        size, mtime, inode, ctime = json.loads(row[0])
        return (size, mtime, inode, ctime), str(row[1])

    def put_memo(self, path: str, stamp: Stamp, text: str) -> None:
        """Keep a stamp and text for a path."""
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO memos VALUES (?, ?, ?)", (path, json.dumps(stamp), text))


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in (0, _SCHEMA_VERSION):
        raise sqlite3.DatabaseError(f"schema {version}")
    database.executescript(_SCHEMA)
    database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
    return database
