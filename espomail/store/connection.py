"""Opening the database: SQLite in WAL mode, every commit durable, one writer at a time."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from peewee import OperationalError, SqliteDatabase

from espomail.errors import TryAgainLater, WrongConfiguration
from espomail.store import troubles
from espomail.store.models import Installation, TokenKey, database

SQLITE = "sqlite:///"
BUSY_TIMEOUT_S = 30
OURS = frozenset({"schema_migration", "installation"})
MIGRATIONS = Path(__file__).parent / "migrations"

PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    # FULL: a mail is deleted from its server, and an answer handed to another, only after a commit that a
    # power cut cannot take back. Commits are few (two a batch), so it costs little.
    "synchronous": "full",
    "busy_timeout": BUSY_TIMEOUT_S * 1000,
    "cache_size": -16_000,
    "wal_autocheckpoint": 8_000,  # 32 MB: a long intake does not stop for copying every few batches
    "temp_store": "memory",
}


ALONE = {"locking_mode": "exclusive"}
"""Before the others: nobody else uses the database while it is open, so no file is needed to share it."""


class Database(SqliteDatabase):
    """A database in one file."""

    def __init__(self, file: Path, *, is_shared: bool = True) -> None:
        self.file = file
        name, is_uri = str(file), False
        if _is_left_alone(file):
            name, is_uri = f"file:{quote(str(file))}?immutable=1", True
        # A cached statement would hold the last large message that was bound to it.
        pragmas = PRAGMAS if is_shared else ALONE | PRAGMAS
        super().__init__(name, pragmas=pragmas, cached_statements=0, uri=is_uri)

    def rollback(self) -> None:
        """Take the transaction back, unless SQLite has: it does when the disk is full, or broken."""
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()


def file_of(url: str) -> Path:
    """The file of a `sqlite:///` address, itself where that names a link to it: what lies beside it is one.

    Raises WrongConfiguration for any other address, and for a folder.
    """
    if not url.startswith(SQLITE):
        raise WrongConfiguration(f"database: {url!r} is not supported; write {SQLITE}espomail.db")
    file = Path(os.path.realpath(url.removeprefix(SQLITE)))
    if file.is_dir():
        raise WrongConfiguration(f"database: {file} is a folder; name a file in it")
    return file


def open_database(url: str, *, now: datetime, may_upgrade: bool = False) -> list[str]:
    """Connect the models to the database; make it when there is none, migrate it when `may_upgrade` says so.

    Gives the names of the migrations that were applied to an old one. One that nobody can write is opened for
    reading; so is one on a full disk. Raises TryAgainLater when the database is older than the program and
    may not be migrated here, when it is in use, or when there is no room to make it; NotPermitted where files
    may not be opened or made; WrongConfiguration when it is newer than the program, that of another one, or
    not a database.
    """
    file = file_of(url)
    is_new = not file.exists()
    if is_new:
        _make(file)
    elif _is_of_another_program(file):
        raise WrongConfiguration(f"database: {file} is that of another program; name a file of its own")
    with troubles.told(file):
        _connect(file)
        applied = _bring_up_to_date(file, now=now, is_allowed=may_upgrade or is_new)
    return [] if is_new else applied


def _connect(file: Path) -> None:
    """Connect the models; alone where a full disk has no room for the file by which others share it."""
    database.initialize(Database(file))
    try:
        database.connect(reuse_if_open=True)
    except OperationalError as trouble:
        if not troubles.is_of_sharing(trouble):
            raise
        database.initialize(Database(file, is_shared=False))
        database.connect()


def _make(file: Path) -> None:
    """An empty file, readable by its owner alone: SQLite gives the -wal and -shm files the same mode."""
    if not file.parent.is_dir():
        raise WrongConfiguration(f"database: the folder {file.parent} does not exist; make it first")
    try:
        file.touch(mode=0o600)
    except OSError as trouble:
        raise troubles.of_file(file, trouble) from trouble


def _is_of_another_program(file: Path) -> bool:
    """Whether it has tables, and not those of ours. Nothing is changed, not even its journal mode."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as opened:
            tables = {
                name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
    except sqlite3.Error:
        return False  # whatever it is, opening it in earnest tells
    return bool(tables) and not tables >= OURS


def _is_left_alone(file: Path) -> bool:
    """Whether nobody writes the database, since the file beside it cannot be made that writing takes.

    Without that file SQLite would not even read it, unless it is told that the database stays as it is.
    """
    return not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


def damage() -> list[str]:
    """What SQLite finds wrong with the open database, a line each; nothing where it is whole."""
    integrity = [row[0] for row in database.execute_sql("PRAGMA integrity_check").fetchall()]
    orphans = database.execute_sql("PRAGMA foreign_key_check").fetchall()
    return [line for line in integrity if line != "ok"] + [
        f"row {row} of {table} points at nothing in {target}" for table, row, target, _ in orphans
    ]


def close_database() -> None:
    if database.obj is not None and not database.is_closed():
        database.close()


@contextmanager
def writing() -> Iterator[None]:
    """A transaction that holds the write lock from its first statement.

    Raises TryAgainLater when another program keeps the lock for longer than the busy time-out, and when the
    disk is full; NotPermitted where the database cannot be written.
    """
    with troubles.told(database.file), database.atomic("IMMEDIATE"):
        yield


def pending_migrations() -> list[str]:
    """Names of the migrations that this database has not seen, oldest first."""
    return _pending(_applied_migrations())


def _pending(applied: set[str]) -> list[str]:
    known = sorted(file.stem for file in MIGRATIONS.glob("[0-9]*.py"))
    newer = sorted(applied - set(known))
    if newer:
        raise WrongConfiguration(
            f"the database was upgraded by a newer espomail ({newer[-1]}); install that one"
        )
    return [name for name in known if name not in applied]


def _applied_migrations() -> set[str]:
    if not database.table_exists("schema_migration"):
        return set()
    return {name for (name,) in database.execute_sql("SELECT name FROM schema_migration").fetchall()}


def _bring_up_to_date(file: Path, *, now: datetime, is_allowed: bool) -> list[str]:
    applied = _applied_migrations()  # asked once: another program may be making the database right now
    if not (pending := _pending(applied)):
        return []
    if applied:
        if not is_allowed:
            raise TryAgainLater(f"database {file} is not yet upgraded; run: espomail db upgrade")
        _back_up(file, before=pending[0])
    from playhouse.migrations import Runner

    # In one transaction: another program may be at the same, and this one may be killed in the middle.
    with writing():
        pending = pending_migrations()
        Runner(database.obj, directory=str(MIGRATIONS)).up()
        if Installation.select().count() == 0:
            Installation.create(id=secrets.token_hex(4), created_at=now)
            TokenKey.create(id=1, key=secrets.token_bytes(32), created_at=now)
    return pending


def _back_up(file: Path, *, before: str) -> None:
    """Keep the database as it is before the upgrade; one that an interrupted upgrade has kept is replaced."""
    target = file.with_name(f"{file.name}.before-{before}")
    scratch = target.with_name(f"{target.name}.part")
    scratch.unlink(missing_ok=True)
    database.execute_sql("VACUUM INTO ?", (str(scratch),))
    scratch.chmod(0o600)
    scratch.replace(target)
