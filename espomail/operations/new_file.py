"""Writing a file that is there whole or not at all, and in the place of no other unless that is asked for."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from espomail.errors import NotFound, NotPermitted, TryAgainLater, UnusableInput

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def new_file(target: Path, *, replaces: bool, made_in: Path | None = None) -> Iterator[BinaryIO]:
    """The file to write to; it gets its name when the block is left, and is gone when the block raises.

    Until then it stands beside `target`, or in the folder `made_in`. Raises UnusableInput where something is
    there already that it does not replace, NotFound where the folder is missing, TryAgainLater where the disk
    is full, NotPermitted.
    """
    if not replaces and os.path.lexists(target):
        raise UnusableInput(f"{target} is there already; --force replaces it")
    if os.path.lexists(target) and not target.is_file():
        raise UnusableInput(f"{target} is no file that could be replaced")
    part = (made_in or target.parent) / f".{secrets.token_hex(8)}.part"
    with _told(target):
        descriptor = os.open(part, _NEW, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            if replaces:
                part.replace(target)
            else:
                _link(part, target)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()


def _link(part: Path, target: Path) -> None:
    """Give the file its name, unless that is taken meanwhile."""
    try:
        target.hardlink_to(part)
    except OSError as trouble:
        if trouble.errno not in _NO_HARD_LINKS:
            raise
        # vfat and the like have no hard links.
        os.close(os.open(target, _NEW, 0o666))
        part.replace(target)


@contextmanager
def _told(target: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise UnusableInput(f"{target} is there already; --force replaces it") from None
    except FileNotFoundError:
        raise NotFound(f"there is no folder {target.parent}") from None
    except PermissionError:
        raise NotPermitted(f"{target} may not be written by this login") from None
    except OSError as trouble:
        kind = TryAgainLater if trouble.errno in _NO_ROOM else UnusableInput
        raise kind(f"{target} cannot be written: {trouble.strerror}") from trouble
