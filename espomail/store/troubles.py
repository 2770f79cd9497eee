"""What keeps a database, or a file beside it, from being read or written, told to people."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from peewee import DatabaseError, OperationalError

from espomail.errors import EspomailError, NotPermitted, ProgramFault, TryAgainLater, WrongConfiguration

_IS_FULL: Final = "the disk is full; make room, nothing is lost"
_WRITE: Final = "let this login write there, or run as the one that may"
_IS_READ_ONLY: Final = f"it cannot be written: it is read-only for this login; {_WRITE}"
_IS_MOUNTED_SO: Final = "it cannot be written: its file system is read-only; mount it for writing"
_BY_ERRNO: Final[dict[int, tuple[type[EspomailError], str]]] = {
    errno.ENOSPC: (TryAgainLater, _IS_FULL),
    errno.EDQUOT: (TryAgainLater, _IS_FULL),
    errno.EFBIG: (TryAgainLater, _IS_FULL),
    errno.EROFS: (NotPermitted, _IS_MOUNTED_SO),
    errno.EACCES: (NotPermitted, _IS_READ_ONLY),
    errno.EPERM: (NotPermitted, _IS_READ_ONLY),
    errno.ENOENT: (WrongConfiguration, "the folder does not exist; make it first"),
    errno.ENOTDIR: (WrongConfiguration, "its path leads through a file that is no folder"),
    errno.EISDIR: (WrongConfiguration, "it is a folder; name a file in it"),
}
_BY_SQLITE: Final[dict[str, tuple[type[EspomailError], str]]] = {
    "SQLITE_BUSY": (TryAgainLater, "it is in use by another program"),
    "SQLITE_LOCKED": (TryAgainLater, "it is in use by another program"),
    "SQLITE_FULL": (TryAgainLater, _IS_FULL),
    "SQLITE_READONLY": (NotPermitted, _IS_READ_ONLY),
    "SQLITE_CORRUPT": (
        WrongConfiguration,
        "it is damaged; put a backup in its place, espomail db check tells more",
    ),
    "SQLITE_NOTADB": (WrongConfiguration, "it is no database, or damaged; put a backup in its place"),
    "SQLITE_CANTOPEN": (NotPermitted, "it, or a file beside it, may not be opened or made by this login"),
}
_OF_THE_FILE: Final = (OperationalError, DatabaseError, sqlite3.OperationalError, sqlite3.DatabaseError)
"""Their subclasses besides speak of one statement."""


def of_file(file: Path, trouble: OSError) -> EspomailError:
    """The error that tells why a file could not be opened or made."""
    kind, said = _BY_ERRNO.get(trouble.errno or 0, (TryAgainLater, trouble.strerror or str(trouble)))
    return kind(f"{file}: {said}")


def of_database(file: Path, trouble: DatabaseError | sqlite3.Error) -> EspomailError | None:
    """The error that tells what SQLite met with; None for a fault of our own, which is none of the file's."""
    if type(trouble) not in _OF_THE_FILE:
        return None
    said = trouble if isinstance(trouble, sqlite3.Error) else trouble.__context__
    name = getattr(said, "sqlite_errorname", "")
    if name == "SQLITE_ERROR":  # wrong SQL
        return None
    if name.startswith("SQLITE_IOERR") and _is_full(file):  # what SQLite says of files beside the database
        name = "SQLITE_FULL"
    for begin, (kind, why) in _BY_SQLITE.items():
        if name.startswith(begin):
            return kind(f"database {file}: {why} ({said})")
    is_for_now = isinstance(trouble, OperationalError | sqlite3.OperationalError)
    return (TryAgainLater if is_for_now else WrongConfiguration)(f"database {file}: {said or trouble}")


def why_not_written(*files: Path) -> EspomailError | None:
    """The error that tells of those of these files and folders that this login may not write."""
    locked = [one for one in files if not os.access(one, os.W_OK)]
    if not locked:
        return None
    _, said = _BY_ERRNO[errno.EROFS if any(map(is_on_read_only, locked)) else errno.EACCES]
    return NotPermitted(f"{' and '.join(map(str, locked))}: {said}")


def is_on_read_only(file: Path) -> bool:
    """Whether nobody at all can write there."""
    try:
        return bool(os.statvfs(file).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def is_of_sharing(trouble: DatabaseError) -> bool:
    """Whether there was no room for the file (-shm) by which several programs share a database."""
    name = getattr(trouble.__context__, "sqlite_errorname", "")
    return bool(name.startswith("SQLITE_IOERR_SHM"))


def _is_full(file: Path) -> bool:
    try:
        return os.statvfs(file.parent).f_bavail == 0
    except OSError:
        return False


def program_fault(raised: Exception) -> ProgramFault:
    """What was caught over one mailbox, as a fault of the program; what concerns all is raised again."""
    if isinstance(raised, EspomailError) or type(raised) in _OF_THE_FILE:
        raise raised
    return ProgramFault.of(raised)


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Whatever keeps the database in this file from being used becomes an error with its exit code."""
    try:
        yield
    except (DatabaseError, sqlite3.Error) as trouble:
        known = of_database(file, trouble)
        if known is None:
            raise
        raise known from trouble
