"""One run at a time: a kernel lock beside the database, which a run that dies gives back by itself."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from espomail.config.load import Loaded
from espomail.errors import TryAgainLater
from espomail.store import troubles
from espomail.store.connection import file_of


@contextmanager
def run_lock(loaded: Loaded, *, waits: bool, fails: bool) -> Iterator[bool]:
    """Hold the run's lock; gives whether it is ours.

    When another run has it: wait for its end, or raise TryAgainLater, or go on without it (False).
    Raises TryAgainLater or NotPermitted where its file cannot be made.
    """
    path = lock_file(loaded)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise troubles.of_file(path, trouble) from trouble
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            if fails:
                raise TryAgainLater(f"another run is going on (it holds {path}); try again later") from None
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def lock_file(loaded: Loaded) -> Path:
    """Beside the database, so that every configuration of one database shares it."""
    database = file_of(loaded.config.database)
    return database.with_name(f"{database.name}.lock")
