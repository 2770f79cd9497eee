"""From kept to decided: everything that follows from a batch of raw messages, in the second commit."""

import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from peewee import DataError, IntegrityError, InterfaceError

from espomail.config.schema import Config
from espomail.crm.arrival import Arrival
from espomail.crm.context import Context
from espomail.crm.loading import load
from espomail.intake import journal
from espomail.intake.journal import Kept
from espomail.intake.reader import read_all
from espomail.mail.reading import Reading
from espomail.pipeline.decide import Failure, Outcome, decide_all
from espomail.store import write
from espomail.store.changes import Changes
from espomail.store.connection import writing
from espomail.store.ids import Ids

Settled = Outcome | Failure

MAX_BYTES_PER_BATCH = 16 * 1024**2

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


def settle_waiting(context: Context, pace: Pace, mailboxes: Sequence[str]) -> Iterator[Settled]:
    """Decide every message of these mailboxes that waits in the journal: what a run that died has left."""
    while batch := journal.waiting(mailboxes, pace.size, MAX_BYTES_PER_BATCH):
        yield from settle_kept(batch, read_all(batch), context, pace)


def settle_kept(
    kept: Sequence[Kept], readings: Sequence[Reading], context: Context, pace: Pace
) -> Iterator[Settled]:
    """Decide messages that are kept and read, in batches as large as the pace says."""
    arrivals = deque(map(partial(arrival_of, config=context.config), kept, readings))
    while arrivals:
        yield from settle([arrivals.popleft() for _ in range(min(pace.size, len(arrivals)))], context, pace)


def preview(kept: Sequence[Kept], context: Context) -> list[Settled]:
    """What would become of these messages, each knowing of those before it; nothing is written."""
    arrivals = list(map(partial(arrival_of, config=context.config), kept, read_all(kept)))
    return list(decide_all(arrivals, load(arrivals, context, Ids.load())))


def arrival_of(kept: Kept, reading: Reading, config: Config) -> Arrival:
    """The message as the rules see it."""
    return Arrival(
        reading=reading,
        mailbox=config.mailboxes[kept.mailbox],
        folder=kept.folder,
        received_at=kept.received_at,
        size=kept.size,
        is_partial=kept.is_partial,
        journal_id=kept.id,
        raw_id=kept.raw_id,
    )


def settle(arrivals: Sequence[Arrival], context: Context, pace: Pace) -> list[Settled]:
    """Decide and write one batch. When the write fails for a reason in one mail, only that one is parked."""
    try:
        return _decide_and_write(arrivals, context, pace)
    except FAULTS_OF_A_MAIL as fault:
        if len(arrivals) == 1:
            return [_park(arrivals[0], fault, context)]
        return [one for arrival in arrivals for one in settle([arrival], context, pace)]


def _decide_and_write(arrivals: Sequence[Arrival], context: Context, pace: Pace) -> list[Settled]:
    with writing():
        began = time.monotonic()
        desk = load(arrivals, context, Ids.load())
        settled = list(decide_all(arrivals, desk))
        write.apply(chain(*(_changes_of(one, context) for one in settled), desk.id_changes()))
    pace.learn(len(arrivals), time.monotonic() - began)
    return settled


def _changes_of(settled: Settled, context: Context) -> Changes:
    if isinstance(settled, Outcome):
        return settled.changes
    return journal.park(settled.arrival.journal_id, settled.report, now=context.now)


def _park(arrival: Arrival, fault: Exception, context: Context) -> Failure:
    failure = Failure(arrival, f"{type(fault).__name__}: {fault}", "".join(traceback.format_exception(fault)))
    with writing():
        write.apply(_changes_of(failure, context))
    return failure
