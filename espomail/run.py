"""One run of `fetch`, from the lock to the last delivery."""

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

from espomail.config.choice import mailboxes_named
from espomail.config.load import Loaded
from espomail.config.schema import Config, Mailbox
from espomail.config.zones import zone
from espomail.crm.context import Context
from espomail.errors import ProgramFault, ServerTrouble, WrongConfiguration
from espomail.intake import after_import, health, journal
from espomail.intake.events import (
    Asked,
    Brought,
    Copying,
    Event,
    FolderFailed,
    FoundOthers,
    Left,
    Recalling,
    Told,
)
from espomail.intake.imap import Session, sign_in
from espomail.intake.journal import Kept
from espomail.intake.left_over import settle_left_over
from espomail.intake.lock import run_lock
from espomail.intake.messages import Batch
from espomail.intake.reader import Reader, Unreadable
from espomail.intake.settle import Pace, Settled, preview, settle_kept
from espomail.intake.tally import Tally
from espomail.intake.turns import turns
from espomail.intake.visit import Order
from espomail.intake.visits import Visits
from espomail.mail import templating
from espomail.mail.reading import Reading
from espomail.outbox import copies, queue
from espomail.outbox.copies import Copy
from espomail.outbox.untold import untold
from espomail.report import FetchReport, FetchRequest, FlushReport, OnNews, OnProgress, OutboxReport
from espomail.sign_in.secret import secret_for
from espomail.store import troubles
from espomail.store.connection import close_database, damage, open_database
from espomail.store.news import News

Clock = Callable[[], datetime]

# By which share of a run's time each of its steps begins no more work, so that none takes all of it:
SENDING_SHARE = 0.2  # what waits to be sent, however silent the mailboxes' servers are
LEFT_OVER_SHARE = 0.5  # what an earlier run has kept and not decided
READING_SHARE = 0.8  # what is new; the rest is for the answers to it
MOST_IN_HAND = 2  # batches that are kept and not decided yet
SAVING_S = 60  # for copies into Sent folders, where there is no budget
SAVING_GRACE_S = 20  # for the copy that is in hand then; in a short run twice what was left for it
LEAST_GRACE_S = 2


def utc_now() -> datetime:
    return datetime.now(UTC)


def _silent(*_told: object) -> None:
    """Nothing is shown."""


def fetch(
    loaded: Loaded,
    request: FetchRequest,
    *,
    clock: Clock = utc_now,
    on_progress: OnProgress = _silent,
    on_news: OnNews = _silent,
) -> FetchReport:
    """Read the mailboxes, decide what came, send what is due.

    `on_news` is called with the report's news before it is written down that people have heard of them.
    Raises NotFound for a mailbox that is not configured, TryAgainLater when another run goes on and the
    request says that this is a failure. When it is none, the report of a run that had nothing to do.
    """
    began = time.monotonic()
    chosen = mailboxes_named(loaded.config, request.mailboxes)
    writes = not request.is_dry_run
    with run_lock(
        loaded, waits=request.waits_for_lock, fails=request.fails_if_locked, writes=writes
    ) as is_ours:
        if not is_ours:
            return FetchReport()
        with _open(loaded.config, clock(), may_upgrade=writes), Reader() as reader:
            run = Run(
                loaded, request, chosen, reader, began, clock=clock, on_progress=on_progress, on_news=on_news
            )
            return run.go()


def flush(loaded: Loaded, *, clock: Clock = utc_now, on_news: OnNews = _silent) -> FlushReport:
    """Send what is due. Raises TryAgainLater when another run goes on."""
    with run_lock(loaded, waits=False, fails=True), _open(loaded.config, clock(), may_upgrade=False):
        delivered = queue.deliver_due(loaded.config, clock)
        news = [f"mailbox {key}: mail waits: {said}" for key, said in delivered.troubles.items() if said]
        news += delivered.news
        news += save_sent(loaded.config, clock, deadline=time.monotonic() + SAVING_S)
        of_outbox = untold()
        news += of_outbox.lines
        on_news(news)
        of_outbox.are_told()
        has_trouble = bool(news) or delivered.outbox.failed > 0
        return FlushReport(outbox=delivered.outbox, news=tuple(news), has_trouble=has_trouble)


def upgrade(loaded: Loaded, *, clock: Clock = utc_now) -> list[str]:
    """Apply the migrations that the database has not seen; gives their names. Raises TryAgainLater."""
    with (
        run_lock(loaded, waits=False, fails=True),
        _open(loaded.config, clock(), may_upgrade=True) as applied,
    ):
        return applied


def check(loaded: Loaded, *, clock: Clock = utc_now) -> list[str]:
    """What is damaged in the database, a line each."""
    with _open(loaded.config, clock(), may_upgrade=False):
        return damage()


class Run:
    """One run over some mailboxes, under the lock."""

    def __init__(
        self,
        loaded: Loaded,
        request: FetchRequest,
        chosen: tuple[Mailbox, ...],
        reader: Reader,
        began: float,
        *,
        clock: Clock,
        on_progress: OnProgress,
        on_news: OnNews,
    ) -> None:
        """`began` is the monotonic moment at which the run did, in seconds."""
        self.config = config = loaded.config
        self.config_file = loaded.path
        self.request = request
        self.began = began
        self.chosen = chosen
        self.reader = reader
        self.clock = clock
        self.on_progress = on_progress
        self.on_news = on_news
        self.context = Context.of_installation(
            config,
            now=clock(),
            zone=zone(config),
            templates=templating.load(config.templates),
            answer_old=request.answers_old,
        )
        self.pace = Pace()
        self.tallies = {mailbox.key: Tally(mailbox.key) for mailbox in chosen}
        self.news: list[str] = []
        self.has_trouble = False
        self.outbox = OutboxReport()
        self.smtp_troubles: dict[str, str | None] = {}
        self.previewed: list[Kept] = []
        self.in_hand: deque[tuple[list[Kept], Callable[[], Sequence[Reading | Unreadable]]]] = deque()

    def at(self, share: float) -> float:
        """The monotonic moment at which so much of the run's time is over."""
        return self.began + share * self.request.budget_s

    def go(self) -> FetchReport:
        """The whole run."""
        # A run makes many small objects, hardly any cycles, and ends soon.
        gc.freeze()
        gc.set_threshold(50_000)
        if not self.request.is_dry_run:
            after_import.forget_needless(self.chosen)
            self.deliver(deadline=self.at(SENDING_SHARE))
            self.settle_left_over(until=self.at(LEFT_OVER_SHARE))
        self.visit_mailboxes(over_at=self.at(READING_SHARE))
        if self.request.is_dry_run:
            self.preview()
            self.news += [f"mailbox {key}: {box.error}" for key, box in self.tallies.items() if box.error]
            self.on_news(self.news)
        else:
            self.deliver(deadline=self.at(1))
            self.tell()
        return self.report()

    def visit_mailboxes(self, *, over_at: float) -> None:
        """Take in what is new. A mailbox's troubles are told in its report and stop no other one."""
        due, waiting = turns(
            self.chosen, self.config_file, self.context.now, are_named=bool(self.request.mailboxes)
        )
        for key, next_try_at in waiting.items():
            self.tallies[key].next_try_at = next_try_at
        order = Order(
            config=self.config,
            positions=journal.positions(self.tallies),
            limit=self.request.limit,
            now=self.context.now,
            over_at=over_at,
            ends_at=self.at(1),
            is_dry_run=self.request.is_dry_run,
        )
        with Visits(due, order) as visits:
            for event in visits.events(meanwhile=self.settle_next):
                self.take(event)
        while self.settle_next():
            pass

    def take(self, event: Event) -> None:
        """What a visit has brought."""
        match event:
            case Brought(mailbox, batch, compressed):
                self.take_in(mailbox, batch, compressed)
            case FolderFailed(mailbox, trouble):
                self.tallies[mailbox.key].troubles.append(str(trouble))
            case Recalling(mailbox, folder, uidvalidity, from_uid, recalled):
                recalled.put(journal.known(mailbox.key, folder, uidvalidity, from_uid))
            case Asked(mailbox, answer):
                while self.settle_next():
                    pass
                after_import.forget_needless([mailbox])
                answer.put(after_import.untold(mailbox))
            case Copying(some, target, is_written):
                after_import.begin_copying(some, target)
                is_written.put(None)
            case Told(some):
                after_import.forget(some.entries)
            case FoundOthers(mailbox, entries, position, trouble):
                journal.read_again(mailbox.key, entries, position)
                self.tallies[mailbox.key].troubles.append(str(trouble))
            case Left(mailbox, trouble):
                tally = self.tallies[mailbox.key]
                tally.was_tried, tally.trouble = True, trouble
                tally.troubles += [str(trouble)] if trouble is not None else []
                if isinstance(trouble, ProgramFault):
                    self.news.append(trouble.report)

    def take_in(self, mailbox: Mailbox, batch: Batch, compressed: Sequence[bytes]) -> None:
        """Keep a batch, and begin to read it; it is decided while others come in."""
        tally = self.tallies[mailbox.key]
        tally.taken += len(batch.messages)
        tally.remaining[batch.position.folder] = batch.remaining
        if self.request.is_dry_run:
            self.previewed += [
                journal.unkept(mailbox.key, one, batch.position.special_use) for one in batch.messages
            ]
        else:
            kept = journal.keep(mailbox.key, batch.messages, batch.position, compressed)
            self.in_hand.append((kept, self.reader.start(kept, more=batch.remaining)))
        if len(self.in_hand) > MOST_IN_HAND:
            self.settle_next()
        self.on_progress(mailbox.key, tally.taken, tally.taken + batch.remaining)

    def settle_next(self) -> bool:
        """Decide the batch that has been in hand for longest; says whether there was one."""
        if not self.in_hand:
            return False
        kept, readings = self.in_hand.popleft()
        for settled in settle_kept(kept, readings(), self.context, self.pace):
            self.count(settled)
        return True

    def settle_left_over(self, *, until: float) -> None:
        """Decide what an earlier run has kept and died over."""
        for settled in settle_left_over(
            self.context, self.pace, list(self.tallies), lambda: time.monotonic() > until
        ):
            self.count(settled)

    def count(self, settled: Settled) -> None:
        self.news += self.tallies[settled.mailbox].count(settled)

    def preview(self) -> None:
        """Decide what was kept and what was fetched, and write nothing."""
        left = journal.waiting(self.tallies)
        for settled in preview([*left, *self.previewed], self.context):
            self.count(settled)

    def deliver(self, *, deadline: float) -> None:
        """Send what is due: first of all what waits, and last of all what this run has made."""
        if not self.request.sends:
            self.outbox = OutboxReport(waiting=queue.waiting())
            return
        delivered = queue.deliver_due(self.config, self.clock, deadline=deadline)
        self.outbox = self.outbox.and_later(delivered.outbox)
        self.smtp_troubles |= delivered.troubles
        self.news += delivered.news
        self.news += save_sent(self.config, self.clock, deadline=deadline)

    def tell(self) -> None:
        """Tell people what they are to hear, and then remember that they have, since runs get killed."""
        now = self.clock().replace(microsecond=0)
        set_backs = journal.untold_set_backs(key for key, tally in self.tallies.items() if tally.was_tried)
        for (key, _), said in set_backs.items():
            self.tallies[key].troubles.append(said)
        fared = {
            key: health.Fared(error=tally.error, trouble=tally.trouble)
            for key, tally in self.tallies.items()
            if tally.was_tried
        }
        of_mailboxes, waits = health.of_mailboxes(fared, now)
        for key, next_try_at in waits.items():
            self.tallies[key].next_try_at = next_try_at
        of_smtp = [health.of_server(f"{key} (SMTP)", error, now) for key, error in self.smtp_troubles.items()]
        of_parked = health.of_parked(self.tallies)
        of_outbox = untold()
        of_set_backs = News((), journal.told_set_backs(set_backs))
        news = News.of(of_mailboxes, of_set_backs, *of_smtp, of_parked, of_outbox)
        self.news += news.lines
        self.has_trouble |= bool(of_parked.lines or of_outbox.lines) or any(self.smtp_troubles.values())
        self.on_news(self.news)
        news.are_told()

    def report(self) -> FetchReport:
        warned = any(tally.warnings for tally in self.tallies.values())
        return FetchReport(
            mailboxes=tuple(tally.report() for tally in self.tallies.values()),
            outbox=self.outbox,
            seconds=round(time.monotonic() - self.began, 3),
            news=tuple(self.news),
            has_trouble=self.has_trouble or warned,
        )


def save_sent(config: Config, clock: Clock, *, deadline: float) -> list[str]:
    """Put copies of what was sent into Sent folders; gives what people are to be told of that.

    What fails, or does not get its turn before the deadline, is tried again by later runs.
    """
    now = clock()
    given_up = copies.give_up(now)
    news = [f"mailbox {key}: {number} copies of sent mail were not saved" for key, number in given_up.items()]
    for key in copies.mailboxes_with_copies(now):
        if time.monotonic() > deadline:
            break
        trouble, reports = None, list[str]()
        try:
            _save_copies(key, config.mailboxes.get(key), now, deadline)
        except (ServerTrouble, WrongConfiguration) as its_trouble:
            trouble = f"sent mail is not saved, which is tried again: {its_trouble}"
        except Exception as raised:  # noqa: BLE001  # the guard around one mailbox: none may stop the others
            fault = troubles.program_fault(raised)
            trouble, reports = f"sent mail is not saved, which is tried again: {fault}", [fault.report]
        told = health.record(f"{key} (Sent)", trouble, clock())
        news += [*told, *reports] if told else []
    return news


def _save_copies(key: str, mailbox: Mailbox | None, now: datetime, deadline: float) -> None:
    folder = mailbox.smtp.save_sent if mailbox is not None and mailbox.smtp is not None else None
    if mailbox is None or folder is None:
        copies.forget_all(key)
        return
    first, *others = copies.due(key, now)
    copies.begin_try(first, now)  # before the server is asked, so that its troubles count, too
    with ExitStack() as stack:
        try:
            secret = secret_for(mailbox.imap, now, deadline=deadline)
            grace_s = min(SAVING_GRACE_S, max(LEAST_GRACE_S, 2 * (deadline - time.monotonic())))
            session = stack.enter_context(sign_in(mailbox.imap, secret, deadline=deadline, grace_s=grace_s))
        except (ServerTrouble, WrongConfiguration):
            copies.put_off(others, first, now)
            raise
        _save_copy(session, folder, first)
        for copy in others:
            if time.monotonic() > deadline:
                break
            copies.begin_try(copy, now)
            _save_copy(session, folder, copy)


def _save_copy(session: Session, folder: str, copy: Copy) -> None:
    if not (copy.may_be_there and session.holds(folder, copy.message_id)):
        session.append(folder, copy.raw, copy.sent_at)
    copies.forget(copy)


@contextmanager
def _open(config: Config, now: datetime, *, may_upgrade: bool) -> Iterator[list[str]]:
    """The open database; gives the migrations that were applied to it."""
    applied = open_database(config.database, now=now, may_upgrade=may_upgrade)
    try:
        with troubles.told(config.database_file):
            yield applied
    finally:
        close_database()
