"""The outbox's messages as the queue works on them, and how one is taken in hand."""

from datetime import datetime
from typing import Any

import msgspec

from espomail.crm.refs import Ref, parent_of
from espomail.outbox.waits import is_due
from espomail.store import write
from espomail.store.changes import change
from espomail.store.compression import decompress
from espomail.store.connection import writing
from espomail.store.models import Email, Outbox, RawMessage
from espomail.store.read import rows_of


class Message(msgspec.Struct, frozen=True):
    """A message on its way out. `sent_at`: taken for some, who are not among `recipients`."""

    id: int
    kind: str
    mailbox: str
    envelope_sender: str
    recipients: list[str]
    email: int
    subject: str
    parent: Ref | None
    queued_at: datetime
    tries: int
    sent_at: datetime | None
    error: str | None

    @property
    def to(self) -> str:
        """Whom it is for, in one line."""
        return ", ".join(self.recipients)


def due(now: datetime) -> list[tuple[int, str]]:
    """Id and mailbox of what is to be tried, the oldest first."""
    query = Outbox.select(Outbox.id, Outbox.mailbox).where(
        Outbox.state == "waiting", is_due(Outbox.next_try_at, now)
    )
    return [(row["id"], row["mailbox"]) for row in rows_of(query.order_by(Outbox.id))]


def messages(*conditions: Any) -> list[Message]:
    """The messages for which all that holds, the oldest first."""
    query = Outbox.select(Outbox, Email.subject, Email.parent_type, Email.parent_id).join(Email)
    rows = rows_of(query.where(*conditions).order_by(Outbox.id))
    names = [name for name in Message.__struct_fields__ if name != "parent"]
    return [Message(parent=parent_of(row), **{name: row[name] for name in names}) for row in rows]


def take(outbox_id: int, now: datetime) -> tuple[Message, bytes] | None:
    """The message and its bytes, now in the state `sending`; None if it is not due any more.

    Another program may have cancelled it meanwhile.
    """
    with writing():
        found = messages(Outbox.id == outbox_id, Outbox.state == "waiting", is_due(Outbox.next_try_at, now))
        if not found:
            return None
        message = msgspec.structs.replace(found[0], tries=found[0].tries + 1)
        sending = change(Outbox, outbox_id, state="sending", tries=message.tries)
        write.apply((sending, change(Email, message.email, status="sending")))
    return message, raw_of(message.email)


def raw_of(email_id: int) -> bytes:
    """The bytes of an e-mail of ours."""
    (row,) = rows_of(RawMessage.select(RawMessage.data).join(Email).where(Email.id == email_id))
    return decompress(row["data"])
