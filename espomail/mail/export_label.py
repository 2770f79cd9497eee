"""What an exported message says of itself beside its bytes: when it was received, and of what it is a part.

It stands in the name of its file, or in the line that begins it in an mbox file, so that importing it makes
the same record again.
"""

import re
from datetime import UTC, datetime
from typing import Final

import msgspec

_MARK: Final = r"espomail(?:-headers-of-(?P<size>\d{1,15}))?(?P<unended>-unended)?"
_FILE_NAME = re.compile(rf"(?P<seconds>-?\d{{1,11}})\.\d+\.{_MARK}(?:\.eml)?(?::2,.*)?")
_ENVELOPE = re.compile(rf"{_MARK} (?P<moment>\w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d \d{{4}})")


class Label(msgspec.Struct, frozen=True):
    """What is said of a message."""

    received_at: datetime  # aware UTC
    whole_size: int | None = None  # bytes, where only the header fields of a larger message are here
    is_unended: bool = False  # its last line has no end; in an mbox file it gets one

    @property
    def mark(self) -> str:
        """The word that an mbox file has in the place of a sender."""
        part = "" if self.whole_size is None else f"-headers-of-{self.whole_size}"
        return f"espomail{part}{'-unended' if self.is_unended else ''}"

    def file_name(self, email_id: int) -> str:
        """A name as Maildir has them, without its flags: time, number, maker."""
        return f"{int(self.received_at.timestamp())}.{email_id}.{self.mark}"


def of_file_name(name: str) -> Label | None:
    """What the name of an exported file says; None for any other."""
    found = _FILE_NAME.fullmatch(name)
    return found and _label(found, datetime.fromtimestamp(int(found["seconds"]), UTC))


def of_envelope(envelope: str) -> Label | None:
    """What the first line of an exported message says in an mbox file; None for any other."""
    found = _ENVELOPE.fullmatch(envelope)
    try:
        moment = found and datetime.strptime(found["moment"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None
    return _label(found, moment) if found and moment else None


def _label(found: re.Match[str], received_at: datetime) -> Label:
    size = found["size"]
    return Label(received_at, None if size is None else int(size), bool(found["unended"]))
