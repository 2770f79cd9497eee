"""From kept to decided: everything that follows from a batch of raw messages, in the second commit."""

import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from peewee import DataError, IntegrityError, InterfaceError

from espomail.config.schema import Config
from espomail.crm.arrival import Arrival
from espomail.crm.context import Context
from espomail.crm.loading import load
from espomail.intake import journal
from espomail.intake.journal import Kept
from espomail.intake.reader import Unreadable
from espomail.mail.reading import Reading, read
from espomail.pipeline.decide import Failure, Outcome, decide_all
from espomail.store import write
from espomail.store.changes import Changes
from espomail.store.connection import writing
from espomail.store.ids import Ids


class Failed(NamedTuple):
    """A message that could not be decided: it waits for another try, or is parked after the last one."""

    mailbox: str
    folder: str
    entry: int  # in the journal
    error: str  # one line
    is_parked: bool


Settled = Outcome | Failed

FAULTS_OF_A_MAIL = (DataError, IntegrityError, InterfaceError, OverflowError, TypeError, ValueError)
"""What is said of a row that the database will not take. A full disk or a lock is no mail's fault."""


class Pace:
    """How many mails a batch holds, so that the write lock is never held for long."""

    LONGEST_LOCK_S = 0.1  # half of what others may have to wait
    MOST = 400

    def __init__(self, size: int = 50) -> None:
        self.size = size

    def learn(self, mails: int, took_s: float) -> None:
        """Adapt to how long the last batch has held the lock."""
        if took_s > self.LONGEST_LOCK_S:
            self.size = max(1, int(mails * self.LONGEST_LOCK_S / took_s))
        elif mails >= self.size and took_s < self.LONGEST_LOCK_S / 2:
            self.size = min(self.MOST, self.size * 2)


def settle_kept(
    kept: Sequence[Kept], readings: Sequence[Reading | Unreadable], context: Context, pace: Pace
) -> Iterator[Settled]:
    """Decide messages that are kept and read, in batches as large as the pace says."""
    waiting = deque(zip(kept, readings, strict=True))
    while waiting:
        some = [waiting.popleft() for _ in range(min(pace.size, len(waiting)))]
        for one, reading in some:
            if isinstance(reading, Unreadable):
                yield fail(one, reading.because, context)
        readable = [(one, reading) for one, reading in some if isinstance(reading, Reading)]
        yield from settle(readable, context, pace)


def preview(kept: Sequence[Kept], context: Context) -> list[Settled]:
    """What would become of these messages, each knowing of those before it; nothing is written."""
    arrivals = [arrival_of(one, read(one.raw, is_partial=one.is_partial), context.config) for one in kept]
    settled = decide_all(arrivals, load(arrivals, context, Ids.load()))
    return [_told(one, by_itself, context)[0] for one, by_itself in zip(kept, settled, strict=True)]


def arrival_of(kept: Kept, reading: Reading, config: Config) -> Arrival:
    """The message as the rules see it."""
    return Arrival(
        reading=reading,
        mailbox=config.mailboxes[kept.mailbox],
        folder=kept.folder,
        special_use=kept.special_use,
        received_at=kept.received_at,
        size=kept.size if kept.is_partial else len(kept.raw),  # whatever its server says
        is_partial=kept.is_partial,
        journal_id=kept.id,
        raw_id=kept.raw_id,
    )


def settle(readable: Sequence[tuple[Kept, Reading]], context: Context, pace: Pace) -> list[Settled]:
    """Decide and write one batch. When the write fails for a reason in one mail, only that one fails."""
    try:
        return _decide_and_write(readable, context, pace)
    except FAULTS_OF_A_MAIL as fault:
        if len(readable) == 1:
            return [fail(readable[0][0], "".join(traceback.format_exception(fault)), context)]
        return [one for alone in readable for one in settle([alone], context, pace)]


def _decide_and_write(
    readable: Sequence[tuple[Kept, Reading]], context: Context, pace: Pace
) -> list[Settled]:
    arrivals = [arrival_of(kept, reading, context.config) for kept, reading in readable]
    with writing():
        began = time.monotonic()
        desk = load(arrivals, context, Ids.load())
        told = [
            _told(kept, decided, context)
            for (kept, _), decided in zip(readable, decide_all(arrivals, desk), strict=True)
        ]
        write.apply(chain(*(changes for _, changes in told), desk.id_changes()))
    pace.learn(len(arrivals), time.monotonic() - began)
    return [settled for settled, _ in told]


def _told(kept: Kept, decided: Outcome | Failure, context: Context) -> tuple[Settled, Changes]:
    """What has become of a message, and what is to be written of it."""
    if isinstance(decided, Outcome):
        return decided, decided.changes
    return _failed(kept, decided.report), journal.fail(kept.id, kept.tries, decided.report, now=context.now)


def fail(kept: Kept, report: str, context: Context) -> Failed:
    """Write down that this try to decide the message has failed."""
    with writing():
        write.apply(journal.fail(kept.id, kept.tries, report, now=context.now))
    return _failed(kept, report)


def _failed(kept: Kept, report: str) -> Failed:
    error = report.strip().rpartition("\n")[2]
    return Failed(kept.mailbox, kept.folder, kept.id, error, kept.tries >= journal.MOST_TRIES)
