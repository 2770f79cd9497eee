"""Opening the database: SQLite in WAL mode, every commit durable, one writer at a time."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from peewee import DatabaseError, OperationalError, SqliteDatabase

from espomail.errors import TryAgainLater, WrongConfiguration
from espomail.store.models import Installation, TokenKey, database

SQLITE = "sqlite:///"
BUSY_TIMEOUT_S = 30
MIGRATIONS = Path(__file__).parent / "migrations"

PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    # FULL: a mail is deleted from its server, and an answer handed to another, only after a commit that a
    # power cut cannot take back. Commits are few (two a batch), so it costs little.
    "synchronous": "full",
    "busy_timeout": BUSY_TIMEOUT_S * 1000,
    "cache_size": -32_000,
    "wal_autocheckpoint": 8_000,  # 32 MB: a long intake does not stop for copying every few batches
    "temp_store": "memory",
}


def file_of(url: str) -> Path:
    """The file of a `sqlite:///` address. Raises WrongConfiguration for any other."""
    if not url.startswith(SQLITE):
        raise WrongConfiguration(f"database: {url!r} is not supported; write {SQLITE}espomail.db")
    return Path(url.removeprefix(SQLITE))


def open_database(url: str, *, now: datetime, may_upgrade: bool = False) -> list[str]:
    """Connect the models to the database; make it when there is none, migrate it when `may_upgrade` says so.

    Gives the names of the migrations that were applied to an old one.
    Raises TryAgainLater when the database is older than the program and may not be migrated here, and
    WrongConfiguration when it is newer, or not a database.
    """
    file = file_of(url)
    is_new = not file.exists()
    if is_new:
        if not file.parent.is_dir():
            raise WrongConfiguration(f"database: the folder {file.parent} does not exist; make it first")
        # Readable by its owner alone: SQLite gives the -wal and -shm files the mode of the database.
        file.touch(mode=0o600)
    # A cached statement would hold the last large message that was bound to it.
    database.initialize(SqliteDatabase(str(file), pragmas=PRAGMAS, cached_statements=0))
    try:
        database.connect(reuse_if_open=True)
        applied = _bring_up_to_date(file, now=now, is_allowed=may_upgrade or is_new)
    except OperationalError as trouble:
        raise TryAgainLater(f"database {file}: {trouble}") from trouble
    except (DatabaseError, sqlite3.DatabaseError) as trouble:
        raise WrongConfiguration(f"database {file}: {trouble}") from trouble
    return [] if is_new else applied


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

    Raises TryAgainLater when another program keeps the lock for longer than the busy time-out.
    """
    try:
        with database.atomic("IMMEDIATE"):
            yield
    except OperationalError as trouble:
        if "locked" in str(trouble) or "busy" in str(trouble):
            raise TryAgainLater(f"the database is in use by another program: {trouble}") from trouble
        raise


def pending_migrations() -> list[str]:
    """Names of the migrations that this database has not seen, oldest first."""
    applied = _applied_migrations()
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
    if not pending_migrations():
        return []
    if _applied_migrations():
        if not is_allowed:
            raise TryAgainLater(f"database {file} is not yet upgraded; run: espomail db upgrade")
        _back_up(file, before=pending_migrations()[0])
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
