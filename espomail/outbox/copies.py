"""Copies of what was sent, for Sent folders: which are still to be put there, and how often that is tried."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from espomail.outbox.messages import raw_of
from espomail.outbox.waits import is_due, next_try
from espomail.store import write
from espomail.store.changes import change, remove
from espomail.store.connection import writing
from espomail.store.models import Email, Outbox, SentCopy
from espomail.store.read import rows_of, tuples_of

MOST_TRIES: Final = 8  # over about ten hours


class Copy(msgspec.Struct, frozen=True):
    """A copy of a message, and how often it was tried to put it there."""

    id: int  # the message's, in the outbox
    message_id: str
    email: int
    sent_at: datetime
    tries: int

    @property
    def may_be_there(self) -> bool:
        """Nobody knows how far an earlier try has come."""
        return self.tries > 0

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return raw_of(self.email)


def mailboxes_with_copies(now: datetime) -> list[str]:
    """The mailboxes of whose Sent folders some are due."""
    query = SentCopy.select(SentCopy.mailbox).where(is_due(SentCopy.next_try_at, now)).distinct()
    return [key for (key,) in tuples_of(query.order_by(SentCopy.mailbox))]


def due(mailbox: str, now: datetime) -> list[Copy]:
    """What is to be put into the mailbox's Sent folder, oldest first."""
    query = SentCopy.select(SentCopy, Outbox.email, Outbox.sent_at, Email.message_id).join(Outbox).join(Email)
    rows = rows_of(
        query.where(SentCopy.mailbox == mailbox, is_due(SentCopy.next_try_at, now)).order_by(SentCopy.outbox)
    )
    return [
        Copy(row["outbox"], row["message_id"], row["email"], row["sent_at"], row["tries"]) for row in rows
    ]


def begin_try(copy: Copy, now: datetime) -> None:
    """Count a try, so that it counts whatever it ends with."""
    tries = copy.tries + 1
    with writing():
        write.apply([change(SentCopy, copy.id, tries=tries, next_try_at=next_try(tries, now))])


def put_off(some: Sequence[Copy], behind: Copy, now: datetime) -> None:
    """Let them wait as long as one that was tried just now: the server lets none of them in."""
    later = next_try(behind.tries + 1, now)
    with writing():
        write.apply([change(SentCopy, copy.id, next_try_at=later) for copy in some])


def forget(copy: Copy) -> None:
    """It is where it belongs."""
    with writing():
        write.apply([remove(SentCopy, copy.id)])


def forget_all(mailbox: str) -> None:
    """Nobody wants copies of what this mailbox sends any more."""
    rows = rows_of(SentCopy.select().where(SentCopy.mailbox == mailbox))
    with writing():
        write.apply([remove(SentCopy, row["outbox"]) for row in rows])


def give_up(now: datetime) -> Mapping[str, int]:
    """Forget what has been tried too often; gives how many copies that are, by mailbox."""
    rows = rows_of(SentCopy.select().where(SentCopy.tries >= MOST_TRIES, is_due(SentCopy.next_try_at, now)))
    if rows:
        with writing():
            write.apply([remove(SentCopy, row["outbox"]) for row in rows])
    return Counter(row["mailbox"] for row in rows)
