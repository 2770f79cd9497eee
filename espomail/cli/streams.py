"""The three standard streams: there in any case, and one error for whatever goes wrong with them.

A program may be started without some of them (`espomail case list >&-`). The next file that it opens, such as
its database, would then be given their number, and be written to as if it were they.
"""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

from espomail.errors import TryAgainLater, UnusableInput

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

STDIN, STDOUT, STDERR = 0, 1, 2


def secure_streams() -> None:
    """Put our own streams in the place of Python's, which are None where they were closed.

    Reading from stdin raises UnusableInput where it fails, writing to stdout TryAgainLater; of stderr's
    troubles there is nobody to tell. A reader who went away still is a BrokenPipeError.
    """
    # Each opened the wrong way round, so that its use fails as that of a closed one does.
    for number, stream, way in (
        (STDIN, sys.stdin, os.O_WRONLY),
        (STDOUT, sys.stdout, os.O_RDONLY),
        (STDERR, sys.stderr, os.O_RDONLY),
    ):
        if stream is None:
            _put_nothing_at(number, way)
    sys.stdin = _as_text(io.BufferedReader(_Stdin(STDIN, "r", closefd=False)))
    sys.stdout = _as_text(io.BufferedWriter(_Stdout(STDOUT, "w", closefd=False)))
    sys.stderr = _as_text(io.BufferedWriter(_Stderr(STDERR, "w", closefd=False)))


def abandon_stdout() -> None:
    """What is still buffered cannot be written; what the interpreter flushes at its end goes nowhere."""
    _put_nothing_at(STDOUT, os.O_WRONLY)


def _put_nothing_at(number: int, way: int) -> None:
    nothing = os.open(os.devnull, way)
    os.dup2(nothing, number)  # inheritable, as a standard stream is
    if nothing != number:
        os.close(nothing)


def _as_text(stream: io.BufferedReader | io.BufferedWriter) -> io.TextIOWrapper:
    """UTF-8 whatever the locale is; terminals get each line at once."""
    is_interactive = stream.writable() and stream.isatty()
    return io.TextIOWrapper(stream, "utf-8", "backslashreplace", line_buffering=is_interactive)


def _told(trouble: OSError) -> str:
    return "it is closed" if trouble.errno == errno.EBADF else str(trouble.strerror)


class _Stdin(io.FileIO):
    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as trouble:
            raise UnusableInput(f"stdin cannot be read: {_told(trouble)}") from trouble

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as trouble:
            raise UnusableInput(f"stdin cannot be read: {_told(trouble)}") from trouble


class _Stdout(io.FileIO):
    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as trouble:
            abandon_stdout()
            raise TryAgainLater(f"the output cannot be written: {_told(trouble)}") from trouble


class _Stderr(io.FileIO):
    def write(self, data: "ReadableBuffer") -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes
