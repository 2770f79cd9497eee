"""What a mailbox's server hands over: messages as they are, and how far a folder has been read."""

from datetime import datetime

import msgspec


class Position(msgspec.Struct, frozen=True):
    """How far a folder has been read: every UID up to `last_uid` has its outcome in the journal."""

    folder: str
    uidvalidity: int | None = None
    last_uid: int = 0
    last_date: datetime | None = None  # the newest INTERNALDATE so far, aware UTC


class RawMessage(msgspec.Struct, frozen=True):
    """One message, byte for byte as the server sent it; of a partial one, its header fields."""

    folder: str
    uidvalidity: int
    uid: int
    flags: tuple[str, ...]
    internal_date: datetime  # aware UTC
    raw: bytes
    size: int  # bytes on the server
    is_partial: bool = False


class Batch(msgspec.Struct, frozen=True):
    """Some messages of a folder, with its position once they are kept, and how many more are waiting."""

    messages: list[RawMessage]
    position: Position
    remaining: int
