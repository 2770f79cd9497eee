"""The queue of mail going out: the state of each attempt is committed before and after it.

waiting → sending → sent | waiting (refused for now) | failed (refused for good, or given up after some days).
A message that is found in `sending` when a run begins was in the hands of a server when an earlier run died.
Whether it went out nobody can know; so it is `in-doubt`, and only an operator sends it again.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from math import inf
from typing import Any, Final

import msgspec

from espomail.config.schema import Config, Mailbox
from espomail.config.sending import sending_mailbox
from espomail.crm.notes import Pen
from espomail.errors import ServerTrouble, WrongConfiguration
from espomail.outbox.messages import Message, due, messages, take
from espomail.outbox.outcome import Outcome, after, given_up, in_doubt
from espomail.outbox.smtp import Courier, open_courier
from espomail.outbox.waits import is_due
from espomail.report import OutboxReport
from espomail.sign_in.secret import secret_for
from espomail.store import write
from espomail.store.changes import change
from espomail.store.connection import writing
from espomail.store.ids import Ids
from espomail.store.models import Outbox
from espomail.store.read import rows_of
from espomail.store.troubles import program_fault

BY_PROGRAM: Final = ("auto-reply", "notification")
BY_PROGRAM_GIVEN_UP_AFTER: Final = timedelta(days=2)  # then nobody waits for it any more
GIVEN_UP_AFTER: Final = timedelta(days=5)  # RFC 5321 §4.5.4.1

Clock = Callable[[], datetime]


class Delivered(msgspec.Struct, frozen=True):
    """What has become of the due messages. `troubles`: each mailbox that was tried, None if all went well.

    `news` are reports of faults, for people.
    """

    outbox: OutboxReport
    troubles: dict[str, str | None]
    news: tuple[str, ...]


class Round(msgspec.Struct):
    """Messages that go to one server: that of `sender`, or to none where there is no server for them."""

    sender: Mailbox | None
    ids: deque[int] = msgspec.field(default_factory=deque)
    mailboxes: dict[str, None] = msgspec.field(default_factory=dict)  # whose they are, in that order


def deliver_due(config: Config, clock: Clock, *, deadline: float = inf) -> Delivered:
    """Hand every due message to its SMTP server. Only under the run's lock.

    One server in trouble does not stop the others, nor does a slow one take all of their time. `deadline` is
    a moment of the monotonic clock, in seconds: nothing is begun after it.
    """
    in_doubt_now = _end(Outbox.state == "sending", _interrupted, clock())
    given_up_now = _end(_is_late(clock()), given_up, clock())
    states = Counter(one.state for one in (*in_doubt_now, *given_up_now))
    news: list[str] = []
    troubles: dict[str, str | None] = {}
    rounds = _rounds(config, clock())
    for number, one in enumerate(rounds):
        now = time.monotonic()
        if now > deadline:
            break
        trouble = None
        try:
            for outcome in _deliver(config, one, clock, now + (deadline - now) / (len(rounds) - number)):
                states[outcome.state] += 1
        except (ServerTrouble, WrongConfiguration) as its_trouble:
            trouble = str(its_trouble)
            _show_why(list(one.mailboxes), trouble, clock())
        except Exception as raised:  # noqa: BLE001  # the guard around one server: none may stop the others
            fault = program_fault(raised)
            trouble = str(fault)
            if _show_why(list(one.mailboxes), trouble, clock()):
                news.append(fault.report)
        troubles |= dict.fromkeys(one.mailboxes, trouble)
    report = OutboxReport(
        sent=states["sent"], failed=states["failed"], waiting=waiting(), in_doubt=states["in-doubt"]
    )
    return Delivered(report, troubles, tuple(news))


def waiting() -> int:
    """How many messages wait."""
    return int(Outbox.select().where(Outbox.state == "waiting").count())


# --- what ends without an attempt


def _end(condition: Any, outcome_of: Callable[[Message, Pen], Outcome], now: datetime) -> list[Outcome]:
    """End the messages for which the condition holds."""
    if not Outbox.select().where(condition).exists():
        return []
    with writing():
        pen = Pen(Ids.load(), now)
        outcomes = [outcome_of(message, pen) for message in messages(condition)]
        write.apply((*chain.from_iterable(one.changes for one in outcomes), *pen.ids.changes()))
    return outcomes


def _interrupted(message: Message, pen: Pen) -> Outcome:
    why = "the program died while it handed the message over"
    return in_doubt(message, f"{why}; found at {pen.now:%Y-%m-%d %H:%M} UTC", pen)


def _is_late(now: datetime) -> Any:
    """The condition for what has waited for so long that it is not sent any more."""
    is_late_for_program = Outbox.kind.in_(BY_PROGRAM) & (Outbox.queued_at < now - BY_PROGRAM_GIVEN_UP_AFTER)
    return (Outbox.state == "waiting") & (is_late_for_program | (Outbox.queued_at < now - GIVEN_UP_AFTER))


# --- one server


def _rounds(config: Config, now: datetime) -> list[Round]:
    """What is due, by the server that is to send it."""
    rounds: dict[str, Round] = {}
    for outbox_id, key in due(now):
        mailbox = config.mailboxes.get(key)
        sender = sending_mailbox(config, mailbox) if mailbox is not None else None
        one = rounds.setdefault(sender.key if sender else key, Round(sender))
        one.ids.append(outbox_id)
        one.mailboxes[key] = None
    return list(rounds.values())


def _deliver(config: Config, one: Round, clock: Clock, deadline: float) -> Iterator[Outcome]:
    """Each message gets one attempt. Raises ServerTrouble or WrongConfiguration where none can go out."""
    if one.sender is None or one.sender.smtp is None:
        raise WrongConfiguration(_no_server(config, next(iter(one.mailboxes))))
    smtp = one.sender.smtp
    copy_for = one.sender.key if smtp.save_sent else None
    secret = secret_for(smtp, clock(), deadline=deadline) if smtp.username else None
    with open_courier(smtp, secret, deadline=deadline) as courier:
        while one.ids and time.monotonic() <= deadline:
            courier.be_ready()
            taken = take(one.ids.popleft(), clock()) if time.monotonic() <= deadline else None
            if taken is not None:
                yield _attempt(courier, config, taken, clock, copy_for)


def _attempt(
    courier: Courier, config: Config, taken: tuple[Message, bytes], clock: Clock, copy_for: str | None
) -> Outcome:
    message, raw = taken
    delivery = courier.deliver(_envelope_sender(config, message), message.recipients, raw)
    with writing():
        pen = Pen(Ids.load(), clock())
        outcome = after(delivery, message, pen, copy_for=copy_for)
        write.apply((*outcome.changes, *pen.ids.changes()))
    return outcome


def _envelope_sender(config: Config, message: Message) -> str:
    """What the configuration says by now counts, too: a server may have refused the empty one."""
    mailbox = config.mailboxes.get(message.mailbox)
    rules = mailbox.auto_reply if mailbox is not None and message.kind == "auto-reply" else None
    return message.envelope_sender or (rules.envelope_sender if rules is not None else None) or ""


def _no_server(config: Config, key: str) -> str:
    if key not in config.mailboxes:
        return "is not in the configuration any more; its mail waits in the outbox"
    return f"mailboxes.{key}.smtp: is missing, and system_mailbox shares none; mail waits in the outbox"


def _show_why(mailboxes: list[str], why: str, now: datetime) -> bool:
    """Let those that are due tell why they wait; gives whether none of them has told so before."""
    rows = rows_of(
        Outbox.select(Outbox.id, Outbox.error).where(
            Outbox.state == "waiting", is_due(Outbox.next_try_at, now), Outbox.mailbox.in_(mailboxes)
        )
    )
    others = [row["id"] for row in rows if row["error"] != why]
    if others:
        with writing():
            write.apply(change(Outbox, outbox_id, error=why) for outbox_id in others)
    return len(others) == len(rows)
