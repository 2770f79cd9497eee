"""Copies of what was sent, for Sent folders: which are still to be put there, and how often that is tried."""

from collections import Counter
from collections.abc import Mapping
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
AT_ONCE: Final = 20


class Copy(msgspec.Struct, frozen=True):
    """A copy of a message. `may_be_there`: nobody knows how far an earlier try has come."""

    id: int  # the message's, in the outbox
    message_id: str
    email: int
    sent_at: datetime
    may_be_there: bool

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return raw_of(self.email)


def mailboxes_with_copies(now: datetime) -> list[str]:
    """The mailboxes of whose Sent folders some are due."""
    query = SentCopy.select(SentCopy.mailbox).where(is_due(SentCopy.next_try_at, now)).distinct()
    return [key for (key,) in tuples_of(query.order_by(SentCopy.mailbox))]


def begin_try(mailbox: str, now: datetime) -> list[Copy]:
    """Some of what is due, another try of which is counted."""
    query = SentCopy.select(SentCopy, Outbox.email, Outbox.sent_at, Email.message_id).join(Outbox).join(Email)
    due = query.where(SentCopy.mailbox == mailbox, is_due(SentCopy.next_try_at, now))
    rows = rows_of(due.order_by(SentCopy.outbox).limit(AT_ONCE))
    with writing():
        for row in rows:
            tries = row["tries"] + 1
            write.apply([change(SentCopy, row["outbox"], tries=tries, next_try_at=next_try(tries, now))])
    return [
        Copy(row["outbox"], row["message_id"], row["email"], row["sent_at"], row["tries"] > 0) for row in rows
    ]


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
