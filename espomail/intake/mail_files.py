"""Files of mail that an operator brings: found under the paths that were named, read message by message.

A Maildir is a folder with `cur` in it; folders inside it are Maildirs of their own, whether they are called
`Sent` or `.Sent`. In any other folder what is an .eml or an mbox file is taken, and the rest is passed over.
"""

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from espomail.mail import export_label, mbox
from espomail.mail.dates import parse_date
from espomail.mail.export_label import Label

Kind = Literal["eml", "mbox", "maildir"]

STDIN: Final = Path("-")
_MAILDIR: Final = frozenset({"cur", "new", "tmp"})
_BY_ENDING: Final[dict[str, Kind]] = {".eml": "eml", ".mbox": "mbox", ".mbx": "mbox"}
_COMPRESSED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")
_FLAGS: Final = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}
_NUMBER = re.compile(r"([0-9]+)")
_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?[A-Za-z][!-9;-~]*[ \t]*:")
_FIRST_LINES: Final = 50
_BEGINNING_BYTES: Final = 16 * 1024
_PIECE_BYTES: Final = 1024**2


class Unusable(Exception):  # it becomes a line of a report, never an error of ours
    """A file that cannot be read, or is none of mail; its text says why."""


class MailFile(msgspec.Struct, frozen=True):
    """One file with mail in it."""

    path: Path
    kind: Kind | None  # None: what it begins with tells
    size: int  # bytes


class Found(msgspec.Struct):
    """What stands under the paths that were named."""

    files: list[MailFile] = msgspec.field(default_factory=list)
    troubles: list[str] = msgspec.field(default_factory=list)
    passed_over: list[Path] = msgspec.field(default_factory=list)


class FromFile(msgspec.Struct, frozen=True):
    """One message of a file."""

    raw: bytes  # of a message that is larger than asked for, its beginning
    size: int  # bytes of the whole message
    written_at: datetime  # what the file itself says of its time, aware UTC
    flags: tuple[str, ...] = ()
    label: Label | None = None
    read_bytes: int = 0  # how far the file has been read


def find(paths: Sequence[Path], kind: Kind | None) -> Found:
    """The files of mail under these paths, in the order of their names; numbers in names are counted."""
    found = Found()
    for path in paths:
        before = len(found.files) + len(found.passed_over) + len(found.troubles)
        try:
            if path == STDIN:
                found.files.append(MailFile(path, kind, 0))
            elif path.is_dir():
                _look_into(path, kind, found)
                if len(found.files) + len(found.passed_over) + len(found.troubles) == before:
                    found.troubles += (
                        [] if _is_maildir(path) else [f"{path}: there is no mail in this folder"]
                    )
            else:
                found.files.append(MailFile(path, kind, path.stat().st_size))
        except OSError as trouble:
            found.troubles.append(_told(path, trouble))
    return found


def messages(
    file: MailFile, most_bytes: int, *, stdin: io.BufferedReader, now: datetime
) -> Iterator[FromFile]:
    """The messages of one file; of each at most so many bytes are held. Raises Unusable."""
    with _opened(file.path, stdin) as opened:
        written_at = now if opened is stdin else _modified_at(opened, now)
        kind = file.kind or _kind_by_content(file.path, opened)
        if kind == "mbox":
            yield from _of_mbox(opened, written_at, most_bytes)
        else:
            yield _of_eml(opened, written_at, file, most_bytes)


def _look_into(top: Path, kind: Kind | None, found: Found) -> None:
    folders = [top]
    while folders:
        folder = folders.pop()
        is_maildir = kind in {None, "maildir"} and _is_maildir(folder)
        if is_maildir:
            for entry in _in_order(
                [entry for sub in ("new", "cur") for entry in _listed(folder / sub, found)]
            ):
                if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                    _take(entry, "maildir", found)
        inner: list[Path] = []
        for entry in _in_order(_listed(folder, found)):
            if not entry.is_dir(follow_symlinks=False):
                if not is_maildir and kind != "maildir":
                    _take_if_mail(entry, kind, found)
            elif not (is_maildir and entry.name in _MAILDIR):
                inner.append(Path(entry.path))
        folders += reversed(inner)


def _take_if_mail(entry: "os.DirEntry[str]", kind: Kind | None, found: Found) -> None:
    if not entry.is_file(follow_symlinks=False) or entry.name.startswith("."):
        found.passed_over.append(Path(entry.path))
        return
    kind = kind or _BY_ENDING.get(Path(entry.name).suffix.lower())
    if kind is None:
        try:
            with _opened(Path(entry.path)) as opened:
                kind = "mbox" if opened.read(len(mbox.FROM)) == mbox.FROM else None
        except Unusable:
            kind = None
    if kind is None:
        found.passed_over.append(Path(entry.path))
    else:
        _take(entry, kind, found)


def _take(entry: "os.DirEntry[str]", kind: Kind, found: Found) -> None:
    found.files.append(MailFile(Path(entry.path), kind, entry.stat(follow_symlinks=False).st_size))


def _listed(folder: Path, found: Found) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # a Maildir may lack `new`
        return []
    except OSError as trouble:
        found.troubles.append(_told(folder, trouble))
        return []


def _is_maildir(folder: Path) -> bool:
    return (folder / "cur").is_dir()


def _in_order(entries: "Iterable[os.DirEntry[str]]") -> "list[os.DirEntry[str]]":
    """By their names, 2 before 10: mails are numbered, or named by the second of their arrival."""
    return sorted(entries, key=lambda entry: _counted(entry.name))


def _counted(name: str) -> list[tuple[int, str]]:
    parts = _NUMBER.split(name)
    return [(int(part), "") if part[:1].isdecimal() else (-1, part) for part in parts]


def _kind_by_content(path: Path, opened: io.BufferedReader) -> Kind:
    by_ending = _BY_ENDING.get(path.suffix.lower())
    return by_ending or ("mbox" if opened.peek(5).startswith(mbox.FROM) else "eml")


@contextmanager
def _opened(path: Path, stdin: io.BufferedReader | None = None) -> Iterator[io.BufferedReader]:
    """The open file. Whatever goes wrong with it becomes Unusable."""
    try:
        if path == STDIN and stdin is not None:
            yield stdin
            return
        # Opening a pipe that nobody writes to would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            _require_file(path, os.fstat(descriptor))
            yield opened
    except OSError as trouble:
        raise Unusable(_told(path, trouble)) from trouble
    except ValueError as trouble:
        raise Unusable(f"{path}: {trouble}") from trouble


def _require_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"it is no file; type: espomail import … - < {path}")


def _modified_at(opened: io.BufferedReader, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(int(os.fstat(opened.fileno()).st_mtime), UTC)
    except (ValueError, OverflowError):  # a year that there is not
        return now


def _of_mbox(opened: BinaryIO, modified_at: datetime, most_bytes: int) -> Iterator[FromFile]:
    for entry in mbox.entries(opened, most_bytes):
        label = export_label.of_envelope(entry.envelope)
        raw, size = entry.raw, entry.size
        if label is not None and label.is_unended:
            size -= 1
            raw = raw[:size]
        _, _, date = entry.envelope.partition(" ")
        written_at = parse_date(date) or modified_at
        yield FromFile(raw, size, written_at, label=label, read_bytes=entry.end)


def _of_eml(opened: BinaryIO, modified_at: datetime, file: MailFile, most_bytes: int) -> FromFile:
    name = file.path.name
    label = export_label.of_file_name(name)
    raw = opened.read(most_bytes + 1)
    if label is None and raw.startswith(_COMPRESSED):
        raise ValueError("it is compressed; unpack it first")
    if label is None and file.kind is None and not _begins_like_mail(raw):
        raise ValueError("it is no mail; --format eml takes it for one" if raw else "it is empty")
    size = len(raw)
    while piece := opened.read(_PIECE_BYTES):
        size += len(piece)
    flags = tuple(_FLAGS[letter] for letter in name.rpartition(":2,")[2] if letter in _FLAGS)
    return FromFile(raw[:most_bytes], size, modified_at, flags if ":2," in name else (), label, size)


def _begins_like_mail(raw: bytes) -> bool:
    """Whether one of the first lines, before any NUL as binary files have them, is a header field."""
    text, _, _ = raw[:_BEGINNING_BYTES].partition(b"\0")
    return any(_FIELD.match(line) for line in text.splitlines()[:_FIRST_LINES])


def _told(path: Path, trouble: OSError) -> str:
    return f"{path}: cannot be read: {trouble.strerror}"
