"""One run at a time: a kernel lock beside the database, which a run that dies gives back by itself.

An `ingest` takes it, too, to decide its mail, which is soon done. A run does not give way to that: where mail
is handed over all the time, none would ever come to its turn. So an `ingest` also holds a second lock on that
file, by which a run knows that it is worth waiting.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from espomail.config.load import Loaded
from espomail.errors import TryAgainLater
from espomail.store import troubles
from espomail.store.connection import file_of

WAIT_S: Final = 10.0  # for an `ingest`; most take a fraction of a second
ASK_AGAIN_S: Final = 0.02


@contextmanager
def run_lock(loaded: Loaded, *, waits: bool, fails: bool, writes: bool = True) -> Iterator[bool]:
    """Hold the run's lock; gives whether it is ours.

    When another run has it: wait for its end, or raise TryAgainLater, or go on without it (False). One that
    `writes` nothing needs none on a file system that is read-only.
    Raises TryAgainLater or NotPermitted where its file cannot be made.
    """
    path = lock_file(loaded)
    if not writes and troubles.is_on_read_only(path.parent):
        yield True
        return
    with _opened(path) as handle:
        if waits:
            fcntl.flock(handle, fcntl.LOCK_EX)
        is_ours = waits or (_is_free_of_ingests(handle) and _take(fcntl.flock, handle))
        fcntl.lockf(handle, fcntl.LOCK_UN)
        if not is_ours and fails:
            raise TryAgainLater(f"another run is going on (it holds {path}); try again later")
        yield is_ours


@contextmanager
def ingest_lock(loaded: Loaded) -> Iterator[bool]:
    """Hold the run's lock to decide one mail; gives whether it is ours. A run that begins meanwhile waits.

    Raises as `run_lock` does.
    """
    with _opened(lock_file(loaded)) as handle:
        yield _take(fcntl.lockf, handle) and _take(fcntl.flock, handle)


def lock_file(loaded: Loaded) -> Path:
    """Beside the database, so that every configuration of one database shares it."""
    database = file_of(loaded.config.database)
    return database.with_name(f"{database.name}.lock")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file, open; what is held of it is given back at the end."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise troubles.of_file(path, trouble) from trouble
    try:
        yield handle
    finally:
        os.close(handle)


def _is_free_of_ingests(handle: int) -> bool:
    """Hold the second lock once no `ingest` does; False where one takes too long."""
    over_at = time.monotonic() + WAIT_S
    while not _take(fcntl.lockf, handle):
        if time.monotonic() > over_at:
            return False
        time.sleep(ASK_AGAIN_S)
    return True


def _take(lock: Callable[[int, int], object], handle: int) -> bool:
    try:
        lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
