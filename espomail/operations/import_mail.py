"""Taking in mail from files, the way that mail from a server goes: kept first, then decided."""

import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from espomail.config.choice import mailboxes_named
from espomail.config.load import Loaded
from espomail.config.schema import Mailbox
from espomail.config.zones import zone
from espomail.crm.context import Context
from espomail.errors import NotFound, UnusableInput
from espomail.intake import health, imported, journal, mail_files
from espomail.intake.journal import Kept
from espomail.intake.left_over import settle_left_over
from espomail.intake.lock import run_lock
from espomail.intake.mail_files import Found, Kind, Unusable
from espomail.intake.messages import RawMessage
from espomail.intake.reader import Reader, Unreadable
from espomail.intake.settle import Pace, Settled, settle_kept
from espomail.intake.tally import Tally
from espomail.mail import templating
from espomail.mail.reading import Reading
from espomail.report import MailboxReport, OnProgress
from espomail.run import Clock, utc_now
from espomail.store.connection import close_database, open_database

MESSAGES_PER_BATCH = 400
BYTES_PER_BATCH = 8 * 1024**2
LARGEST_BYTES = 256 * 1024**2  # of one message, which has to be held in memory


class ImportReport(MailboxReport, frozen=True, kw_only=True):
    """What became of the messages, as a fetch tells it, and how many files or messages could not be used."""

    unreadable: int = 0


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One import. `news` are lines for people, for stderr."""

    report: ImportReport
    news: tuple[str, ...] = ()
    has_trouble: bool = False  # a template that does not render

    @property
    def exit_code(self) -> int:
        """0, or 1 where a file could not be used, a message was parked or an answer could not be written."""
        return int(bool(self.report.unreadable or self.report.quarantined or self.has_trouble))


def import_mail(
    loaded: Loaded,
    key: str,
    paths: Sequence[str],
    kind: Kind | None,
    *,
    stdin: io.BufferedReader,
    clock: Clock = utc_now,
    on_progress: OnProgress,
) -> Imported:
    """Take the mail in these files into a mailbox; what was taken in before stays as it is.

    Waits for another run to end. Raises NotFound for a mailbox that is not configured, NotFound or
    UnusableInput where none of the paths can be read at all.
    """
    (mailbox,) = mailboxes_named(loaded.config, [key])
    found = mail_files.find([Path(path) for path in paths], kind)
    if not found.files and found.troubles:
        is_missing = not any(Path(path).exists() for path in paths)
        raise (NotFound if is_missing else UnusableInput)("; ".join(found.troubles))
    with run_lock(loaded, waits=True, fails=False):
        open_database(loaded.config.database, now=clock())
        try:
            with Reader() as reader:
                context = Context.of_installation(
                    loaded.config,
                    now=clock(),
                    zone=zone(loaded.config),
                    templates=templating.load(loaded.config.templates),
                )
                return _Import(mailbox, context, reader, found).go(stdin, on_progress)
        finally:
            close_database()


class _Import:
    """One import into one mailbox, under the run's lock."""

    def __init__(self, mailbox: Mailbox, context: Context, reader: Reader, found: Found) -> None:
        self.mailbox = mailbox
        self.context = context
        self.reader = reader
        self.found = found
        self.pace = Pace()
        self.tally = Tally(mailbox.key)
        self.known = 0  # messages that were taken in before
        self.troubles = list(found.troubles)
        self.news: list[str] = []

    def go(self, stdin: io.BufferedReader, on_progress: OnProgress) -> Imported:
        """All files, one after the other. What an earlier import has kept and died over comes first."""
        self._count(settle_left_over(self.context, self.pace, [self.mailbox.key], lambda: False))
        in_hand: deque[tuple[list[Kept], Callable[[], Sequence[Reading | Unreadable]]]] = deque()
        total = sum(file.size for file in self.found.files)
        for batch, read_bytes in _batches(self._messages(stdin)):
            new = imported.new_ones(self.mailbox.key, batch)
            self.known += len(batch) - len(new)
            kept = journal.keep(self.mailbox.key, new, None)
            # How many are to come is not known; a file that goes on is expected to hold as many again.
            in_hand.append((kept, self.reader.start(kept, more=len(batch) if read_bytes < total else 0)))
            if len(in_hand) > 1:
                self._settle(*in_hand.popleft())
            on_progress(f"{self.mailbox.key} (KB)", read_bytes // 1024, total // 1024)
        while in_hand:
            self._settle(*in_hand.popleft())
        return self._told()

    def _messages(self, stdin: io.BufferedReader) -> Iterator[tuple[RawMessage, int]]:
        """Every message, with the bytes of all files that have been read up to its end."""
        now = self.context.now
        before = 0
        for file in self.found.files:
            try:
                for one in mail_files.messages(file, LARGEST_BYTES, stdin=stdin, now=now):
                    if one.size > LARGEST_BYTES:
                        self.troubles.append(f"{file.path}: a message of {one.size} bytes is too large")
                    else:
                        yield imported.as_raw_message(one, now=now), before + one.read_bytes
            except Unusable as trouble:
                self.troubles.append(str(trouble))
            before += file.size

    def _settle(self, kept: Sequence[Kept], readings: Callable[[], Sequence[Reading | Unreadable]]) -> None:
        self._count(settle_kept(kept, readings(), self.context, self.pace))

    def _count(self, all_settled: Iterator[Settled]) -> None:
        for settled in all_settled:
            self.news += self.tally.count(settled)

    def _told(self) -> Imported:
        done = msgspec.structs.asdict(self.tally.report())
        done["fetched"] += self.known
        done["duplicates"] += self.known
        trouble = f"{len(self.troubles)} files, folders or messages could not be used"
        done |= {"ok": not self.troubles, "error": trouble if self.troubles else None}
        return Imported(
            report=ImportReport(**done, unreadable=len(self.troubles)),
            news=(*self.troubles, *self._passed_over(), *self.news, *self._parked()),
            has_trouble=bool(self.tally.warnings),
        )

    def _parked(self) -> Sequence[str]:
        news = health.of_parked([self.mailbox.key])
        news.are_told()
        return news.lines

    def _passed_over(self) -> Iterator[str]:
        if self.found.passed_over:
            number, first = len(self.found.passed_over), self.found.passed_over[0]
            yield f"{number} files were passed over, such as {first}; --format eml takes them for mail"


def _batches(messages: Iterator[tuple[RawMessage, int]]) -> Iterator[tuple[list[RawMessage], int]]:
    """The messages in runs that are neither too many nor too large, each with how far the files are read."""
    batch: list[RawMessage] = []
    size = read_bytes = 0
    for message, read_bytes in messages:
        if batch and (len(batch) == MESSAGES_PER_BATCH or size + len(message.raw) > BYTES_PER_BATCH):
            yield batch, read_bytes
            batch, size = [], 0
        batch.append(message)
        size += len(message.raw)
    if batch:
        yield batch, read_bytes
