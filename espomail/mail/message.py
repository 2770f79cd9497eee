"""What a mail is, once it has been read: frozen values, safe to hand between processes."""

from datetime import datetime
from functools import cached_property

import msgspec


class Address(msgspec.Struct, frozen=True):
    """One mailbox of an address list. `address` is in lower case and holds an `@`; `name` may be empty."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Attachment(msgspec.Struct, frozen=True):
    """One part of a mail that is not its text. `size` is that of the decoded bytes."""

    index: int  # counted from 1, in the order of the parts
    filename: str  # safe on any file system, unique within the mail
    content_type: str
    size: int
    inline: bool
    content_id: str  # without angle brackets; empty where there is none
    sha256: str


class ParsedMail(msgspec.Struct, frozen=True, dict=True):
    """A mail as far as intake needs it. What is missing is said (None, empty), never invented."""

    message_id: str  # in angle brackets, without white space; made from the bytes where `has_own_id` is false
    has_own_id: bool
    subject: str  # decoded, one line; empty where there is none
    sender: Address | None  # the first usable address of From
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    date: datetime | None  # the Date header, aware UTC
    received_date: datetime | None  # the topmost Received header's, aware UTC
    in_reply_to: tuple[str, ...]  # Message-IDs with their angle brackets
    references: tuple[str, ...]
    body_plain: str  # the text; made from the HTML where the mail has no other
    attachments: tuple[Attachment, ...]
    headers: tuple[tuple[str, str], ...]  # every field in order: (name in lower case, decoded value)
    size: int  # bytes of the raw message
    defects: tuple[str, ...]  # what is odd, in the terms of the standard library where it has one

    def header(self, name: str) -> str | None:
        """The first value of a header field, or None."""
        values = self._values_by_name.get(name)
        return values[0] if values else None

    def header_values(self, name: str) -> list[str]:
        """Every value of a header field, the topmost first."""
        return self._values_by_name.get(name, [])

    @cached_property
    def _values_by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in self.headers:
            found.setdefault(name, []).append(value)
        return found
