"""Counting what a run does with each mailbox."""

from collections import Counter
from datetime import datetime

from espomail.errors import EspomailError
from espomail.intake.settle import Failed, Settled
from espomail.report import MailboxReport


class Tally:
    """What has become of one mailbox's mail in this run."""

    def __init__(self, mailbox: str) -> None:
        self.mailbox = mailbox
        self.was_tried = False
        self.troubles: list[str] = []  # of its server or of a folder
        self.trouble: EspomailError | None = None  # what has ended the visit to it
        self.next_try_at: datetime | None = None
        self.taken = 0  # messages that were fetched from the server
        self.remaining: dict[str, int] = {}  # folder → messages left for the next run
        self.warnings: list[str] = []
        self._results: Counter[str] = Counter()
        self._cases_created = self._cases_updated = self._auto_replies = 0

    @property
    def error(self) -> str | None:
        return "; ".join(dict.fromkeys(self.troubles)) or None

    def count(self, settled: Settled) -> list[str]:
        """Count one mail; gives what people are to be told of it."""
        if isinstance(settled, Failed):
            self._results["quarantined" if settled.is_parked else "retrying"] += 1
            return []
        self._results[settled.result] += 1
        self._cases_created += settled.made_case
        self._cases_updated += settled.joined_case
        self._auto_replies += settled.is_answered
        self.warnings += settled.warnings
        return list(settled.warnings)

    def report(self) -> MailboxReport:
        """The counts as they are told."""
        results = self._results
        return MailboxReport(
            mailbox=self.mailbox,
            ok=self.error is None if self.was_tried else None,
            error=self.error,
            fetched=results.total(),
            imported=results["imported"],
            duplicates=results["duplicate"],
            skipped=results["skipped"],
            own=results["own"],
            quarantined=results["quarantined"],
            retrying=results["retrying"],
            cases_created=self._cases_created,
            cases_updated=self._cases_updated,
            auto_replies=self._auto_replies,
            remaining=sum(self.remaining.values()),
            next_try_at=self.next_try_at,
        )
