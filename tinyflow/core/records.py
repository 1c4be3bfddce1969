"""What this checkout knows of its past: the last record of every action, and memos about files, in one SQLite file.

Each finished action is recorded at once and atomically. Losing this file costs time only: the cache has the results.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tinyflow.core.digest import Known
from tinyflow.core.errors import CacheError

_SCHEMA_VERSION = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY, stage TEXT, title TEXT, key TEXT, seal TEXT, outputs TEXT, outcome TEXT, duration_s REAL,
    log TEXT, before_key TEXT);
CREATE INDEX IF NOT EXISTS records_title ON records (stage, title);
CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, text TEXT);
CREATE TABLE IF NOT EXISTS counters (outcome TEXT PRIMARY KEY, times INTEGER, seconds REAL);
CREATE TABLE IF NOT EXISTS memos (path TEXT PRIMARY KEY, stamp TEXT, content TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS notes (facts TEXT PRIMARY KEY, text TEXT);
"""
_COLUMNS = "id, stage, title, key, seal, outputs, outcome, duration_s, log, before_key"
_PUT = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # under a new, highest rowid
_LATEST_LIKE = "FROM records WHERE stage = ? AND title = ? AND id != ? ORDER BY rowid DESC"
_BUSY_S = 30.0
# What SQLite says when the file is sound and can't be used all the same; its error codes need Python 3.11.
_NOT_DAMAGE = ("locked", "full", "readonly", "unable to open", "disk I/O")
# What SQLite and the reading of its rows raise over damaged pages.
_DAMAGE = (sqlite3.Error, ValueError, TypeError)
_MOST_NOTES = 4  # each is as long as all digests of a selection
T = TypeVar("T")

Sealed = tuple[str, Mapping[str, str]]  # a record in short: seal and outputs


class Record(NamedTuple):
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
    before_key: str = ""  # the key that was current before this one, which `put` finds; empty the first time


class Counter(NamedTuple):
    """How often something happened, and the seconds of building that it took or saved."""

    times: int
    seconds: float


class Records:
    """The records and memos of one checkout; safe to use from several threads and processes.

    Anything that shows the file to be damaged makes it be moved aside and begun afresh.
    """

    def __init__(self, path: Path, say: Callable[[str], None] = lambda line: None) -> None:
        """Open or make the file. `say` gets one line where it had to be begun afresh."""
        self._path = path
        self._say = say
        self._lock = threading.RLock()
        self._seen: dict[str, tuple[Any, ...]] = {}  # rows of records by id: they outlive damage to the file
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = _open(path)
        except _DAMAGE as error:
            self._begin_afresh(error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work in one transaction; where the file turns out to be damaged, once more with a fresh one."""
        with self._lock:
            try:
                with self._database:
                    return work(self._database)
            except _DAMAGE as error:
                self._begin_afresh(error)
                with self._database:
                    return work(self._database)

    def _begin_afresh(self, error: Exception) -> None:
        """Move the file aside and make a new one. Raises CacheError where the fault is not the file's content."""
        if any(word in str(error) for word in _NOT_DAMAGE):
            raise CacheError(str(error), where=str(self._path), hint="free some space, or end the other run") from error
        with contextlib.suppress(AttributeError):
            self._database.close()
        aside = self._path.with_suffix(".damaged")
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):  # the old file's journal is nothing to the new one
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)
        self._say(f"{self._path} was damaged; moved to {aside.name}. Finished work is still in the cache")
        self._database = _open(self._path)
        with self._database:
            self._database.executemany(_PUT, list(self._seen.values()))

    def get(self, action_id: str) -> Record | None:
        """The last record of an action."""
        row = self._row(action_id)
        return _record(row) if row is not None else None

    def _row(self, action_id: str) -> tuple[Any, ...] | None:
        query = f"SELECT {_COLUMNS} FROM records WHERE id = ?"

        def read(database: sqlite3.Connection) -> tuple[Any, ...] | None:
            row: tuple[Any, ...] | None = database.execute(query, (action_id,)).fetchone()
            if row is not None:
                _record(row)  # raises what damage raises
                self._seen[action_id] = row
            return row

        return self._attempt(read)

    def sealed(self, action_id: str) -> Sealed | None:
        """Seal and outputs of an action."""
        record = self.get(action_id)
        return (record.seal, record.outputs) if record is not None else None

    def seals(self) -> dict[str, Sealed]:
        """Seal and outputs of every action that has a record, by id: quicker than one `get` each."""

        def read(database: sqlite3.Connection) -> dict[str, Sealed]:
            rows = database.execute("SELECT id, seal, outputs FROM records").fetchall()
            outputs = json.loads(f"[{','.join([row[2] for row in rows])}]")
            return {row[0]: (row[1], made) for row, made in zip(rows, outputs, strict=True)}

        return self._attempt(read)

    def latest_like(self, stage: str, title: str, but: str) -> Record | None:
        """The newest record of another action with this stage and title: what a changed parameter replaced."""
        return self._one(_LATEST_LIKE, (stage, title, but))

    def durations(self) -> list[tuple[str, str, str, float]]:
        """Id, stage, title and seconds of building of every action that has a record, oldest first."""
        query = "SELECT id, stage, title, duration_s FROM records ORDER BY rowid"
        return self._attempt(lambda database: database.execute(query).fetchall())

    def find(self, stage: str, id_prefix: str) -> Record | None:
        """The newest record whose id begins so."""
        return self._one("FROM records WHERE stage = ? AND id LIKE ? ORDER BY rowid DESC", (stage, id_prefix + "%"))

    def _one(self, from_where: str, values: tuple[str, ...]) -> Record | None:
        def read(database: sqlite3.Connection) -> Record | None:
            row = database.execute(f"SELECT {_COLUMNS} {from_where} LIMIT 1", values).fetchone()
            return _record(row) if row is not None else None

        return self._attempt(read)

    def put(self, record: Record, key_text: str) -> None:
        """Replace an action's record."""
        row = (
            *(record.id, record.stage, record.title, record.key, record.seal, json.dumps(dict(record.outputs))),
            *(record.outcome, record.duration_s, record.log),
        )
        likeness = (record.stage, record.title)

        def write(database: sqlite3.Connection) -> None:
            before = database.execute("SELECT key FROM records WHERE id = ?", (record.id,)).fetchone()
            before = before or database.execute(f"SELECT key {_LATEST_LIKE} LIMIT 1", (*likeness, record.id)).fetchone()
            whole = (*row, before[0] if before is not None else "")
            database.execute(_PUT, whole)
            self._seen[record.id] = whole
            database.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (record.key, key_text))
            database.execute(
                "INSERT INTO counters VALUES (?, 1, ?) ON CONFLICT DO UPDATE"
                " SET times = times + 1, seconds = seconds + excluded.seconds",
                (record.outcome, record.duration_s),
            )
            database.execute("DELETE FROM notes")

        self._attempt(write)

    def forget(self, action_id: str) -> None:
        """Drop an action's record, so that it is looked up again."""

        def write(database: sqlite3.Connection) -> None:
            self._seen.pop(action_id, None)
            database.execute("DELETE FROM records WHERE id = ?", (action_id,))
            database.execute("DELETE FROM notes")

        self._attempt(write)

    def note(self, facts: str) -> str | None:
        """What was noted of a selection when nothing was to be done, these being the facts."""
        row = self._attempt(
            lambda database: database.execute("SELECT text FROM notes WHERE facts = ?", (facts,)).fetchone()
        )
        return str(row[0]) if row else None

    def put_note(self, facts: str, text: str) -> None:
        """Keep a note until any record changes. Only the newest few are kept."""

        def write(database: sqlite3.Connection) -> None:
            database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (facts, text))
            newest = "SELECT rowid FROM notes ORDER BY rowid DESC LIMIT ?"
            database.execute(f"DELETE FROM notes WHERE rowid NOT IN ({newest})", (_MOST_NOTES,))

        self._attempt(write)

    def counters(self) -> Mapping[str, Counter]:
        """How often this checkout built and how often it had a hit, since its records were begun."""
        rows = self._attempt(lambda database: database.execute("SELECT * FROM counters").fetchall())
        return {outcome: Counter(0, 0.0) for outcome in ("built", "hit")} | {
            outcome: Counter(times, seconds) for outcome, times, seconds in rows
        }

    def title_of(self, key: str) -> str | None:
        """What the action whose last key this was is called."""
        row = self._attempt(
            lambda database: database.execute("SELECT title FROM records WHERE key = ? LIMIT 1", (key,)).fetchone()
        )
        return str(row[0]) if row else None

    def key_text(self, key: str) -> str | None:
        """The readable text behind a key that was current here once."""
        row = self._attempt(
            lambda database: database.execute("SELECT text FROM texts WHERE key = ?", (key,)).fetchone()
        )
        return str(row[0]) if row else None

    def get_memo(self, path: str) -> Known | None:
        """What is kept for a path."""

        def read(database: sqlite3.Connection) -> Known | None:
            row = database.execute("SELECT stamp, content, text FROM memos WHERE path = ?", (path,)).fetchone()
            if row is None:
                return None
            size, mtime, inode, ctime = json.loads(row[0])
            return Known((size, mtime, inode, ctime), str(row[1]), str(row[2]))

        return self._attempt(read)

    def put_memo(self, path: str, known: Known) -> None:
        """Keep what is known for a path."""
        row = (path, json.dumps(known.stamp), known.check, known.text)
        self._attempt(lambda database: database.execute("INSERT OR REPLACE INTO memos VALUES (?, ?, ?, ?)", row))


def _record(row: Any) -> Record:
    """A row with the columns of _COLUMNS. Raises ValueError or TypeError over damaged pages."""
    action_id, stage, title, key, seal, outputs, *rest = row
    return Record(action_id, stage, title, key, seal, json.loads(outputs), *rest)


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
