"""The queue of mail going out: the state of each attempt is committed before and after it.

waiting → sending → sent | waiting (refused for now) | failed (refused for good). A message that is found in
`sending` when a run begins was in the hands of a server when an earlier run died. Whether it went out nobody
can know; so it is `in-doubt`, and only an operator sends it again.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Any

import msgspec

from espomail.config.schema import Config, Mailbox
from espomail.config.secrets import secret_of
from espomail.crm.notes import Pen, note
from espomail.crm.refs import Ref, parent_of
from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.outbox.smtp import Accepted, Courier, Delivery, InDoubt, Refused, open_courier
from espomail.report import OutboxReport
from espomail.store import write
from espomail.store.changes import Changes, change
from espomail.store.compression import decompress
from espomail.store.connection import writing
from espomail.store.ids import Ids
from espomail.store.models import Email, Outbox, RawMessage
from espomail.store.read import rows_of

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
"""How long after each refused attempt the next one is due; the last one repeats."""

GIVEN_UP_AFTER = timedelta(days=5)  # RFC 5321 §4.5.4.1

Clock = Callable[[], datetime]


class Due(msgspec.Struct, frozen=True):
    """A message whose next attempt is due."""

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
    raw: bytes


def doubt_interrupted(now: datetime) -> int:
    """Mark what an earlier run left in the hands of a server. Only under the run's lock; gives how many."""
    rows = rows_of(Outbox.select(Outbox.id).where(Outbox.state == "sending"))
    error = f"the program died while the message was being handed over; found at {now:%Y-%m-%d %H:%M} UTC"
    with writing():
        write.apply(change(Outbox, row["id"], state="in-doubt", error=error) for row in rows)
    return len(rows)


class Delivered(msgspec.Struct, frozen=True):
    """What has become of the due messages. `troubles`: each mailbox that was tried, None if all went well."""

    outbox: OutboxReport
    troubles: dict[str, str | None]
    sent: dict[str, list[bytes]]  # mailbox → the raw messages that its server has taken


def deliver_due(config: Config, clock: Clock, is_over: Callable[[], bool]) -> Delivered:
    """Hand every due message to its mailbox's SMTP server. One server in trouble does not stop the others."""
    states: Counter[str] = Counter()
    troubles: dict[str, str | None] = {}
    sent: defaultdict[str, list[bytes]] = defaultdict(list)
    for key, group in groupby(_due_ids(clock()), key=lambda row: str(row["mailbox"])):
        troubles[key] = None
        due = deque(row["id"] for row in group)
        try:
            for message, state in _deliver_by(config.mailboxes.get(key), key, due, clock, is_over):
                states[state] += 1
                if state == "sent":
                    sent[key].append(message.raw)
        except (ServerTrouble, WrongConfiguration) as trouble:
            troubles[key] = str(trouble)
    report = OutboxReport(sent=states["sent"], failed=states["failed"], waiting=waiting())
    return Delivered(report, troubles, sent)


def waiting() -> int:
    """How many messages wait."""
    return int(Outbox.select().where(Outbox.state == "waiting").count())


def _due_ids(now: datetime) -> list[dict[str, Any]]:
    query = Outbox.select(Outbox.id, Outbox.mailbox).where(
        Outbox.state == "waiting", Outbox.next_try_at <= now
    )
    return rows_of(query.order_by(Outbox.mailbox, Outbox.id))


def _deliver_by(
    mailbox: Mailbox | None, key: str, due: deque[int], clock: Clock, is_over: Callable[[], bool]
) -> Iterator[tuple[Due, str]]:
    """Each message gets one attempt, over a new connection where the server has closed the last one."""
    if mailbox is None or mailbox.smtp is None:
        raise WrongConfiguration(f"mailboxes.{key}.smtp: is missing; the messages in the outbox need it")
    secret = secret_of(mailbox.smtp) if mailbox.smtp.username else None
    while due and not is_over():
        with open_courier(mailbox.smtp, secret) as courier:
            while due and courier.is_open and not is_over():
                message = _load(due.popleft())
                yield message, _attempt(courier, message, clock)


def _load(outbox_id: int) -> Due:
    row = rows_of(
        Outbox.select(Outbox, Email.subject, Email.parent_type, Email.parent_id, RawMessage.data)
        .join(Email)
        .join(RawMessage)
        .where(Outbox.id == outbox_id)
    )[0]
    return Due(
        id=row["id"],
        kind=row["kind"],
        mailbox=row["mailbox"],
        envelope_sender=row["envelope_sender"],
        recipients=row["recipients"],
        email=row["email"],
        subject=row["subject"],
        parent=parent_of(row),
        queued_at=row["queued_at"],
        tries=row["tries"],
        raw=decompress(row["data"]),
    )


def _attempt(courier: Courier, due: Due, clock: Clock) -> str:
    """One attempt, committed before and after; gives the message's new state."""
    tries = due.tries + 1
    with writing():
        write.apply(
            (
                change(Outbox, due.id, state="sending", tries=tries),
                change(Email, due.email, status="sending"),
            )
        )
    delivery = courier.deliver(due.envelope_sender, due.recipients, due.raw)
    now = clock()
    with writing():
        pen = Pen(Ids.load(), now)
        state, changes = _after(delivery, due, tries, pen)
        write.apply((*changes, *pen.ids.changes()))
    return state


def _after(delivery: Delivery, due: Due, tries: int, pen: Pen) -> tuple[str, Changes]:
    """The message's new state, and what follows from the server's answer."""
    match delivery:
        case Accepted(refused=refused):
            return "sent", _after_acceptance(due, refused, tries, pen)
        case InDoubt(said):
            return "in-doubt", (change(Outbox, due.id, state="in-doubt", error=said, next_try_at=None),)
        case Refused(said=said, is_temporary=True) if pen.now - due.queued_at < GIVEN_UP_AFTER:
            next_try_at = _next_try(tries, pen.now)
            return "waiting", (
                change(Outbox, due.id, state="waiting", error=said, next_try_at=next_try_at),
                change(Email, due.email, status="queued"),
            )
        case Refused(said=said):
            return "failed", (
                change(Outbox, due.id, state="failed", error=said, next_try_at=None),
                change(Email, due.email, status="failed"),
                *_noted(
                    due, "post", f"The {due.kind} to {', '.join(due.recipients)} was refused: {said}", pen
                ),
            )


def _after_acceptance(due: Due, refused: Sequence[Refused], tries: int, pen: Pen) -> Changes:
    """Sent; recipients that were refused for now get a try of their own, those refused for good are noted."""
    later = [recipient for one in refused if one.is_temporary for recipient in one.recipients]
    for_good = [one for one in refused if not one.is_temporary]
    said = "; ".join(f"{', '.join(one.recipients)}: {one.said}" for one in refused) or None
    if later:
        left = change(
            Outbox,
            due.id,
            state="waiting",
            recipients=later,
            error=said,
            next_try_at=_next_try(tries, pen.now),
        )
    else:
        left = change(Outbox, due.id, state="sent", sent_at=pen.now, error=said, next_try_at=None)
    noted = _noted(due, "email-sent", due.subject, pen) if due.tries == 0 or not refused else ()
    refusals = [
        _noted(due, "post", f"Refused for {', '.join(one.recipients)}: {one.said}", pen) for one in for_good
    ]
    return (left, change(Email, due.email, status="sent"), *noted, *chain(*refusals))


def _next_try(tries: int, now: datetime) -> datetime:
    return now + WAITS[min(tries, len(WAITS)) - 1]


def _noted(due: Due, kind: str, text: str, pen: Pen) -> Changes:
    if due.parent is None:
        return ()
    return (note(pen, due.parent, kind, text, email=due.email),)
