"""The file that tokens are kept in: its owner's alone, whole or not there, renewed by one run at a time."""

import fcntl
import os
import shlex
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from espomail.config.oauth2 import OAuth2
from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.sign_in.grant import Grant

LONGEST_BYTES: Final = 128 * 1024
PAUSE_S: Final = 0.05

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def path_of(oauth2: OAuth2) -> Path:
    """The file; `load` sees to it that there is one."""
    return oauth2.token_file or Path()


def read(oauth2: OAuth2) -> Grant | None:
    """What is kept; None where nothing is. Raises WrongConfiguration."""
    path = path_of(oauth2)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise _wrong(oauth2, f"{path} is no regular file")
            if stat.S_IMODE(about.st_mode) & 0o077:
                open_to = f"is open to others (mode {stat.S_IMODE(about.st_mode):04o})"
                raise _wrong(oauth2, f"{path} {open_to}; type: chmod 600 {shlex.quote(str(path))}")
            content = file.read(LONGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as trouble:
        raise _wrong(oauth2, f"{path} cannot be read: {trouble.strerror}") from None
    try:
        return msgspec.json.decode(content, type=Grant)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the fault would quote what is in it
        raise _wrong(
            oauth2, f"{path} is not what espomail has written; remove it, and authorize again"
        ) from None


@contextmanager
def locked(oauth2: OAuth2, wait_s: float) -> Iterator[bool]:
    """Hold the file's lock, unless another run does so for longer than this; gives whether it is ours."""
    path = path_of(oauth2)
    with _told(oauth2):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        over_at = time.monotonic() + wait_s
        while not _is_taken(handle):
            if time.monotonic() > over_at:
                yield False
                return
            time.sleep(PAUSE_S)
        yield True
    finally:
        os.close(handle)


@contextmanager
def replacing(oauth2: OAuth2) -> Iterator[Callable[[Grant], None]]:
    """Gives what puts a grant in the place of the one that is kept. Only under the lock.

    Room for it is set aside at once: a provider that changes the refresh token with each renewal would not
    take the old one again, so a full disk has to be noticed before it is asked. Raises WrongConfiguration.
    """
    path = path_of(oauth2)
    part = path.with_name(f".{path.name}.new")
    with _told(oauth2):
        handle = os.open(part, _NEW, 0o600)
    try:
        with _told(oauth2):
            os.fchmod(handle, 0o600)
            os.pwrite(handle, bytes(LONGEST_BYTES), 0)
            os.fsync(handle)

        def save(grant: Grant) -> None:
            content = msgspec.json.format(msgspec.json.encode(grant)) + b"\n"
            with _told(oauth2):
                os.pwrite(handle, content, 0)
                os.ftruncate(handle, len(content))
                os.fsync(handle)
                part.replace(path)
                _sync_folder(path.parent)

        yield save
    finally:
        os.close(handle)
        with suppress(FileNotFoundError):
            part.unlink()


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told(oauth2: OAuth2) -> Iterator[None]:
    try:
        yield
    except OSError as trouble:
        raise _wrong(oauth2, f"{path_of(oauth2)} cannot be written: {trouble.strerror}") from trouble


def _wrong(oauth2: OAuth2, said: str) -> WrongConfiguration:
    return WrongConfiguration(f"{oauth2.place}.token_file: {said}")


def busy(oauth2: OAuth2) -> ServerTrouble:
    """Another run has not come to an end with the token server."""
    return ServerTrouble(
        f"{oauth2.place}: another run is renewing the tokens for a long time; try again later"
    )
