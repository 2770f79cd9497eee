"""What follows from a delivery, or from there being none: the message's state, notes, words for people."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

import msgspec

from espomail.crm.notes import Pen, note
from espomail.outbox.delivery import Accepted, Delivery, InDoubt, Refused
from espomail.outbox.messages import Message
from espomail.outbox.waits import next_try
from espomail.store.changes import Changes, add, change
from espomail.store.models import Email, Outbox, SentCopy


class Outcome(msgspec.Struct, frozen=True):
    """The message's new state, and what is to be written."""

    state: str
    changes: Changes


def after(delivery: Delivery, message: Message, pen: Pen, *, copy_for: str | None) -> Outcome:
    """What follows from an attempt. `copy_for`: the mailbox whose Sent folder gets a copy, if one does."""
    match delivery:
        case Accepted(refused=refused):
            return _accepted(message, refused, pen, copy_for)
        case InDoubt(said):
            return in_doubt(message, said, pen)
        case Refused(said=said, is_temporary=True):
            return Outcome("waiting", _waits(message, message.recipients, said, pen.now))
        case Refused(said=said):
            told = f"The {message.kind} to {message.to} was refused: {said}"
            return _failed(message, told, said, pen, untold="refused")


def in_doubt(message: Message, why: str, pen: Pen) -> Outcome:
    """Nobody knows whether it was delivered. Only a person has it sent again."""
    again = f"`espomail outbox retry {message.id}` sends it again"
    unknown = f"not known whether the {message.kind} to {message.to} was delivered: {why}"
    changes = (
        change(Outbox, message.id, state="in-doubt", error=why, next_try_at=None, untold="in-doubt"),
        change(Email, message.email, status="in-doubt"),
        *_noted(message, "post", f"It is {unknown}; {again}.", pen),
    )
    return Outcome("in-doubt", changes)


def given_up(message: Message, pen: Pen) -> Outcome:
    """It has waited for so long that it would be of no use any more."""
    since = f"it waited since {message.queued_at:%Y-%m-%d %H:%M} UTC"
    said = f"{since}: {message.error}" if message.error else since
    told = f"The {message.kind} to {message.to} was given up: {said}"
    return _failed(message, told, said, pen, untold="given-up")


def _accepted(message: Message, refused: Iterable[Refused], pen: Pen, copy_for: str | None) -> Outcome:
    """Sent; recipients that were refused for now get another try, those refused for good are noted."""
    is_first = message.sent_at is None
    sent_at = message.sent_at or pen.now
    later = [recipient for one in refused if one.is_temporary for recipient in one.recipients]
    error = "; ".join(f"{', '.join(one.recipients)}: {one.said}" for one in refused) or None
    taken = msgspec.structs.replace(message, sent_at=sent_at)
    changes = (
        change(Outbox, message.id, state="sent", sent_at=sent_at, error=error, next_try_at=None),
        change(Email, message.email, status="sent"),
        *(_waits(taken, later, error, pen.now) if later else ()),
        *(_noted(message, "email-sent", message.subject, pen) if is_first else ()),
        *chain.from_iterable(
            _noted(message, "post", f"Refused for {', '.join(one.recipients)}: {one.said}", pen)
            for one in refused
            if not one.is_temporary
        ),
    )
    if is_first and copy_for is not None:
        changes += (add(SentCopy, outbox=message.id, mailbox=copy_for, next_try_at=pen.now),)
    return Outcome("waiting" if later else "sent", changes)


def _waits(message: Message, recipients: list[str], said: str | None, now: datetime) -> Changes:
    next_try_at = next_try(message.tries, now)
    return (
        change(
            Outbox, message.id, state="waiting", recipients=recipients, error=said, next_try_at=next_try_at
        ),
        change(Email, message.email, status=_status(message, "queued")),
    )


def _failed(message: Message, told: str, said: str, pen: Pen, *, untold: str) -> Outcome:
    """Refused for good, or given up. One that was taken for other recipients stays sent."""
    state = _status(message, "failed")
    changes = (
        change(Outbox, message.id, state=state, error=said, next_try_at=None, untold=untold),
        change(Email, message.email, status=state),
        *_noted(message, "post", told, pen),
    )
    return Outcome("failed", changes)


def _status(message: Message, otherwise: str) -> str:
    return otherwise if message.sent_at is None else "sent"


def _noted(message: Message, kind: str, text: str, pen: Pen) -> Changes:
    """A quiet note in the Stream of its record: nobody is notified."""
    return (note(pen, message.parent, kind, text, email=message.email),) if message.parent else ()
