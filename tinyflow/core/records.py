"""What this checkout knows of its past: the last record of every action, and memos about files, in one SQLite file.

Each finished action is recorded at once and atomically. Every row carries a digest of itself, and one that does not fit
is not a row. Losing the file costs time only: the cache has the results.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tinyflow.core.digest import Known, check_of
from tinyflow.core.states import BUILT, HIT

_SCHEMA_VERSION = 4
_OTHER_SCHEMA = "schema"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY, stage TEXT, title TEXT, key TEXT, seal TEXT, outputs TEXT, outcome TEXT, duration_s REAL,
    log TEXT, before_key TEXT, digest TEXT);
CREATE INDEX IF NOT EXISTS records_title ON records (stage, title);
CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, text TEXT, digest TEXT);
CREATE TABLE IF NOT EXISTS counters (outcome TEXT PRIMARY KEY, times INTEGER, seconds REAL, digest TEXT);
CREATE TABLE IF NOT EXISTS memos (path TEXT PRIMARY KEY, stamp TEXT, content TEXT, text TEXT, digest TEXT);
CREATE TABLE IF NOT EXISTS notes (facts TEXT PRIMARY KEY, text TEXT, digest TEXT);
"""
_LATEST_LIKE = "SELECT * FROM records WHERE stage = ? AND title = ? AND id != ? ORDER BY rowid DESC"
_BUSY_S = 30.0
_AGAIN_S = 0.01
# What SQLite says when the file is sound and can't be used all the same; its error codes need Python 3.11.
_NOT_DAMAGE = ("locked", "full", "readonly", "unable to open", "disk I/O")
# What damaged pages make sqlite3 raise; the latter where it quotes them.
_DAMAGE = (sqlite3.Error, UnicodeDecodeError)
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

    Anything that shows the file to be damaged makes it be moved aside and begun afresh. Where the file can't be read or
    written, the session does with what it notes in memory.
    """

    def __init__(self, path: Path, warn: Callable[[str], None] = lambda line: None) -> None:
        """Open or make the file. `warn` gets one line where it had to be begun afresh."""
        self._path = path
        self._warn = warn
        self._lock = threading.RLock()
        self._seen: dict[str, tuple[Any, ...]] = {}  # rows of records by id: they outlive damage to the file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = _open(path)
        except (*_DAMAGE, OSError) as error:
            self._begin_afresh(error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work in one transaction; where the file turns out to be of no use, once more without it."""

        def do() -> T:
            with self._database:
                return work(self._database)

        with self._lock:
            try:
                return _patiently(do)
            except _DAMAGE as error:
                self._begin_afresh(error)
                return do()

    def _begin_afresh(self, error: Exception) -> None:
        """Begin with a new file, the damaged one moved aside; in memory where the file is not the fault."""
        with contextlib.suppress(AttributeError, *_DAMAGE):
            self._database.close()
        try:
            if isinstance(error, OSError) or any(word in str(error) for word in _NOT_DAMAGE):
                raise error
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):  # the old file's journal is nothing to the new one
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._database = _open(self._path)
            what = "is of another version" if _OTHER_SCHEMA in str(error) else "was damaged"
            self._warn(f"{self._path} {what}; moved to {aside.name}. Finished work is still in the cache")
        except (*_DAMAGE, OSError) as refusal:
            why = getattr(refusal, "strerror", None) or refusal
            self._warn(
                f"{self._path} can't be used ({why}): this run does without. Finished work is still in the cache"
            )
            self._database = _open(":memory:")
        with self._database:
            _put(self._database, "records", self._seen.values())

    def _first(self, query: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        """The first sound row that a query finds."""
        return self._attempt(lambda database: _first(database, query, values))

    def get(self, action_id: str) -> Record | None:
        """The last record of an action."""
        row = self._first("SELECT * FROM records WHERE id = ?", (action_id,))
        if row is not None:
            self._seen[action_id] = row
        return _record(row)

    def sealed(self, action_id: str) -> Sealed | None:
        """Seal and outputs of an action."""
        record = self.get(action_id)
        return (record.seal, record.outputs) if record is not None else None

    def seals(self) -> dict[str, Sealed]:
        """Seal and outputs of every action that has a record, by id: quicker than one `get` each."""

        def read(database: sqlite3.Connection) -> dict[str, Sealed]:
            rows = list(_sound(database.execute("SELECT * FROM records").fetchall()))
            outputs = json.loads(f"[{','.join([row[5] for row in rows])}]")
            return {row[0]: (row[4], made) for row, made in zip(rows, outputs, strict=True)}

        return self._attempt(read)

    def latest_like(self, stage: str, title: str, but: str) -> Record | None:
        """The newest record of another action with this stage and title: what a changed parameter replaced."""
        return _record(self._first(_LATEST_LIKE, (stage, title, but)))

    def durations(self) -> list[tuple[str, str, str, float]]:
        """Id, stage, title and seconds of building of every action that has a record, oldest first."""
        query = "SELECT * FROM records ORDER BY rowid"
        rows = self._attempt(lambda database: list(_sound(database.execute(query))))
        return [(*row[:3], row[7]) for row in rows]

    def put(self, record: Record, key_text: str) -> None:
        """Replace an action's record."""
        row = (
            *(record.id, record.stage, record.title, record.key, record.seal, json.dumps(dict(record.outputs))),
            *(record.outcome, record.duration_s, record.log),
        )
        likeness = (record.stage, record.title)

        def write(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")  # what is read here is what the writing depends on
            before = _first(database, "SELECT * FROM records WHERE id = ?", (record.id,))
            before = before or _first(database, _LATEST_LIKE, (*likeness, record.id))
            whole = (*row, before[3] if before is not None else "")
            _put(database, "records", [whole])
            self._seen[record.id] = whole
            _put(database, "texts", [(record.key, key_text)])
            counted = _first(database, "SELECT * FROM counters WHERE outcome = ?", (record.outcome,))
            _, times, seconds = counted or (record.outcome, 0, 0.0)
            _put(database, "counters", [(record.outcome, times + 1, seconds + record.duration_s)])
            database.execute("DELETE FROM notes")

        self._attempt(write)

    def note(self, facts: str) -> str | None:
        """What was noted of a selection when nothing was to be done, these being the facts."""
        row = self._first("SELECT * FROM notes WHERE facts = ?", (facts,))
        return str(row[1]) if row else None

    def put_note(self, facts: str, text: str) -> None:
        """Keep a note until any record changes. Only the newest few are kept."""

        def write(database: sqlite3.Connection) -> None:
            _put(database, "notes", [(facts, text)])
            newest = "SELECT rowid FROM notes ORDER BY rowid DESC LIMIT ?"
            database.execute(f"DELETE FROM notes WHERE rowid NOT IN ({newest})", (_MOST_NOTES,))

        self._attempt(write)

    def counters(self) -> Mapping[str, Counter]:
        """How often this checkout built and how often it had a hit, since its records were begun."""
        rows = self._attempt(lambda database: list(_sound(database.execute("SELECT * FROM counters"))))
        return {outcome: Counter(0, 0.0) for outcome in (BUILT, HIT)} | {
            outcome: Counter(times, seconds) for outcome, times, seconds in rows
        }

    def title_of(self, key: str) -> str | None:
        """What the action whose last key this was is called."""
        record = _record(self._first("SELECT * FROM records WHERE key = ?", (key,)))
        return record.title if record is not None else None

    def key_text(self, key: str) -> str | None:
        """The readable text behind a key that was current here once."""
        row = self._first("SELECT * FROM texts WHERE key = ?", (key,))
        return str(row[1]) if row else None

    def get_memo(self, path: str) -> Known | None:
        """What is kept for a path."""
        row = self._first("SELECT * FROM memos WHERE path = ?", (path,))
        if row is None:
            return None
        size, mtime, inode, ctime = json.loads(row[1])
        return Known((size, mtime, inode, ctime), str(row[2]), str(row[3]))

    def put_memo(self, path: str, known: Known) -> None:
        """Keep what is known for a path."""
        row = (path, json.dumps(known.stamp), known.check, known.text)
        self._attempt(lambda database: _put(database, "memos", [row]))


def _put(database: sqlite3.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows under new, highest rowids, each with its digest behind it, in place of those with their keys."""
    for row in rows:
        places = ", ".join("?" * (len(row) + 1))
        database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({places})", (*row, _digest(row)))


def _first(database: sqlite3.Connection, query: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
    for row in database.execute(query, values):  # no generator, for it is asked of every source
        if row[-1] == _digest(row[:-1]):
            return tuple(row[:-1])
    return None


def _sound(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Rows that are as they were written, without their digests."""
    for row in rows:
        if row[-1] == _digest(row[:-1]):
            yield row[:-1]


def _digest(columns: Iterable[Any]) -> str:
    return check_of("\0".join(map(str, columns)))


def _record(row: tuple[Any, ...] | None) -> Record | None:
    """A row of the table of records."""
    if row is None:
        return None
    action_id, stage, title, key, seal, outputs, *rest = row
    return Record(action_id, stage, title, key, seal, json.loads(outputs), *rest)


def _patiently(work: Callable[[], T]) -> T:
    """Again and again while another process has the file.

    SQLite waits by itself, but for where two could wait for each other: when a new file gets its journal, and when the
    last process that had it open puts the journal away (sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY").
    """
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(_AGAIN_S)


def _open(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        _patiently(lambda: _prepare(database))
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in (0, _SCHEMA_VERSION):
        raise sqlite3.DatabaseError(f"{_OTHER_SCHEMA} {version}")
    database.executescript(_SCHEMA)
    if version != _SCHEMA_VERSION:
        database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
