"""What a run is asked to do, and what it answers: the values behind `fetch` and `outbox flush`."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

OnProgress = Callable[[str, int, int], None]
"""Told while a run goes on: the mailbox, its messages done so far, its messages in all."""


OnNews = Callable[[Sequence[str]], None]
"""Told what people are to hear: lines, or reports of faults."""


class FetchRequest(Struct, frozen=True, kw_only=True):
    """What one run is to do."""

    mailboxes: tuple[str, ...] = ()  # their keys; none named: all of the configuration
    limit: int | None = None  # messages per mailbox, under its own portion
    budget_s: float = 50
    is_dry_run: bool = False
    sends: bool = True
    waits_for_lock: bool = False
    fails_if_locked: bool = False
    answers_old: bool = False


class MailboxReport(Struct, frozen=True, kw_only=True):
    """How one mailbox fared. `fetched` = imported + duplicates + skipped + own + quarantined + retrying."""

    mailbox: str
    ok: bool | None  # None: it was not tried, since it waits in back-off or the time was up
    error: str | None = None
    fetched: int = 0
    imported: int = 0
    duplicates: int = 0
    skipped: int = 0
    own: int = 0
    quarantined: int = 0
    retrying: int = 0
    cases_created: int = 0
    cases_updated: int = 0
    auto_replies: int = 0
    remaining: int = 0
    next_try_at: datetime | None = None


class OutboxReport(Struct, frozen=True, kw_only=True):
    """What became of the mail that was due. `waiting` counts what still waits after the run.

    `in_doubt`: nobody knows whether it was delivered, since the server or the program broke off.
    """

    sent: int = 0
    failed: int = 0
    waiting: int = 0
    in_doubt: int = 0

    def and_later(self, later: "OutboxReport") -> "OutboxReport":
        """Both rounds of deliveries together."""
        return OutboxReport(
            sent=self.sent + later.sent,
            failed=self.failed + later.failed,
            waiting=later.waiting,
            in_doubt=self.in_doubt + later.in_doubt,
        )


class FlushReport(Struct, frozen=True, kw_only=True):
    """One round of deliveries. `news` are lines for people, for stderr."""

    outbox: OutboxReport = OutboxReport()
    news: tuple[str, ...] = ()
    has_trouble: bool = (
        False  # a server could not be reached or refused the login, or mail was refused for good
    )

    @property
    def exit_code(self) -> int:
        """0, or 1 where it was done in part."""
        return int(self.has_trouble)


class FetchReport(Struct, frozen=True, kw_only=True):
    """One run. Mailboxes stand in the order of the configuration."""

    mailboxes: tuple[MailboxReport, ...] = ()
    outbox: OutboxReport = OutboxReport()
    seconds: float = 0
    news: tuple[
        str, ...
    ] = ()  # lines for stderr, also under cron: a mailbox's state changed, a mail was parked
    has_trouble: bool = False  # besides the mailboxes': SMTP, a template that does not render

    @property
    def exit_code(self) -> int:
        """0, or 1 where it was done in part: a mailbox failed, a message was parked, or another trouble."""
        is_partial = any(box.ok is False or box.quarantined for box in self.mailboxes)
        return int(is_partial or self.has_trouble)
