"""What a mailbox's server hands over: messages as they are, and how far a folder has been read."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Self

import msgspec


class Position(msgspec.Struct, frozen=True):
    """How far a folder has been read: every UID up to `last_uid` has its outcome in the journal."""

    folder: str
    uidvalidity: int | None = None
    last_uid: int = 0
    # The newest INTERNALDATE so far, aware UTC; None as long as the folder's first messages are still coming.
    last_date: datetime | None = None
    # What the server says the folder is for (RFC 6154), as `sent`; empty: for nothing; None: not asked yet.
    special_use: str | None = None
    # UIDs above over which the connection broke; each is asked for alone, after all others, in this order.
    suspects: tuple[int, ...] = ()
    untold: str | None = None  # that its server was set back, as long as nobody has heard of it

    def begin(self, uidvalidity: int, since: date, now: datetime) -> tuple[Self, date | None]:
        """Where to go on, and the day since which messages are wanted; None: all above this position.

        The first messages are found by date, over as many runs as they take: mail from before `since` may
        have any UID. So are those of a folder that has new UIDs: one day more of them, since a server's day
        need not be ours, and not only those of days to come that a server with a wrong clock has told.
        """
        if self.uidvalidity == uidvalidity:
            return self, since if self.last_date is None else None
        if self.last_date is not None:
            since = max(since, (min(self.last_date, now) - timedelta(days=1)).date())
        begun = msgspec.structs.replace(
            self, uidvalidity=uidvalidity, last_uid=0, last_date=None, suspects=()
        )
        return begun, since

    def set_back_to(self, moment: datetime, said: str) -> Self:
        """The position of a folder whose mail is to be looked through again, by date, from that moment on."""
        last_date = min(self.last_date, moment) if self.last_date is not None else None
        return msgspec.structs.replace(
            self, uidvalidity=None, last_uid=0, last_date=last_date, suspects=(), untold=said
        )

    def moved(self, last_uid: int, newest: datetime | None) -> Self:
        """The position once all up to this UID is kept; `newest`: the newest date, if that counts."""
        dates = [one for one in (newest, self.last_date) if one is not None]
        last_date = max(dates, default=None)
        return msgspec.structs.replace(self, last_uid=max(self.last_uid, last_uid), last_date=last_date)


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


class Known(msgspec.Struct, frozen=True):
    """What the journal has under a UID of a folder."""

    entry: int
    received_at: datetime  # INTERNALDATE
    size: int
    is_partial: bool = False
    is_former: bool = False  # kept before the folder was read again: the UID may be another message's now
    message_id_key: str = ""  # where its server is to be told something of it; empty if it has no Message-ID


Recall = Callable[[int, int], Mapping[int, Known]]
"""What the journal has of a folder under a UIDVALIDITY, by UID, from one UID on."""


class Target(msgspec.Struct, frozen=True):
    """The folder that messages are copied to, as it was before."""

    folder: str
    uidvalidity: int
    uid_next: int


class Batch(msgspec.Struct, frozen=True):
    """Some messages of a folder, with its position once they are kept, and how many more are waiting."""

    messages: list[RawMessage]
    position: Position
    remaining: int
    breaks_off: bool = False  # nothing more comes: the connection broke
