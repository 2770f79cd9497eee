"""mbox files, in the variant mboxrd: what is written so is read again byte for byte.

A line that begins with `From `, behind any number of `>`, gets one more `>` when it is written, and loses it
when it is read; so the lines that begin a message cannot be mistaken, and every message can be had back.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, Final, NamedTuple

FROM: Final = b"From "
_LINE_BYTES: Final = 64 * 1024  # what is read at once of a line that does not end
_TO_BE_QUOTED = re.compile(rb"(?m)^(?=>*From )")
_QUOTED = re.compile(rb">+From ")
_DATED = re.compile(rb"From .*\d:\d\d.*\b\d{4}\b")
_LONGEST_FIRST_LINE_BYTES: Final = 500


class Entry(NamedTuple):
    """One message of an mbox file."""

    envelope: str  # what its first line says behind `From `: the sender, and when the message arrived
    raw: bytes  # of a message that is larger than asked for, as much of it
    size: int  # bytes of the whole message
    end: int  # bytes of the file up to its end


def written(raw: bytes, sender: str, received_at: datetime) -> bytes:
    """The message as it stands in an mbox file. `sender` has no blanks; the time is written in UTC."""
    end = b"\n" if raw.endswith(b"\n") else b"\n\n"
    first = f"From {sender} {received_at.replace(tzinfo=None).ctime()}\n".encode()
    return first + _TO_BE_QUOTED.sub(b">", raw) + end


def entries(file: BinaryIO, most_bytes: int) -> Iterator[Entry]:
    """The messages of an mbox file in their order, whatever its size; of each at most so many bytes.

    Raises ValueError where the file does not begin as an mbox file does. A line `From …` begins a message
    when there is a time in it, or none in the file's first line either.
    """
    reader = _Lines(file, most_bytes)
    first = reader.next_line()
    while first in (b"\n", b"\r\n"):
        first = reader.next_line()
    if not first:
        return
    if not first.startswith(FROM):
        raise ValueError("it does not begin with a line From …, as an mbox file does")
    is_dated = _is_dated(first)
    while first:
        message = _Message(first, most_bytes)
        before = reader.at
        while line := reader.next_line():
            if line.startswith(FROM) and (not is_dated or _is_dated(line)):
                break
            message.add(line[1:] if _QUOTED.match(line) is not None else line)
            while reader.is_inside and (more := reader.next_piece()):
                message.add(more)
            before = reader.at
        yield message.entry(before)
        first = line


def _is_dated(line: bytes) -> bool:
    return len(line) <= _LONGEST_FIRST_LINE_BYTES and _DATED.match(line) is not None


class _Message:
    """A message while it is being read."""

    def __init__(self, first: bytes, most_bytes: int) -> None:
        self._envelope = first.removeprefix(FROM).decode("utf-8", "replace").strip()
        self._pieces: list[bytes] = []
        self._room = most_bytes + 2  # for the blank line behind it
        self._size = 0
        self._tail = b""

    def add(self, piece: bytes) -> None:
        if self._room > 0:
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)
        self._size += len(piece)
        self._tail = (self._tail + piece)[-4:] if len(piece) < 4 else piece[-4:]

    def entry(self, end: int) -> Entry:
        size = self._size - self._blank_line_bytes()
        return Entry(self._envelope, b"".join(self._pieces)[:size], size, end)

    def _blank_line_bytes(self) -> int:
        """The length of the blank line that parts it from the next message; 0 where there is none."""
        if self._tail.endswith(b"\n\n") or self._tail == b"\n":
            return 1
        return 2 if self._tail == b"\r\n\r\n" or self._tail == b"\r\n" else 0


class _Lines:
    """A file's lines, each with its end; of one that is too long for memory the pieces."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self.at = 0  # bytes read so far
        self.is_inside = False  # the line goes on after what was read of it

    def next_line(self) -> bytes:
        """The next line, or its beginning; empty at the file's end."""
        line = self._read()
        # Whether such a line is a quoted one, only what comes behind its `>` tells.
        while self.is_inside and len(line) <= self._most_bytes and FROM.startswith(line.lstrip(b">")):
            line += self._read()
        return line

    def next_piece(self) -> bytes:
        return self._read()

    def _read(self) -> bytes:
        piece = self._file.readline(_LINE_BYTES)
        self.at += len(piece)
        self.is_inside = bool(piece) and not piece.endswith(b"\n")
        return piece
