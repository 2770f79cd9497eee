"""How mailboxes fare from run to run, so that cron's mail tells of changes and not of every minute."""

import re
from collections.abc import Iterable
from datetime import datetime

from espomail.store import write
from espomail.store.changes import change, put
from espomail.store.connection import writing
from espomail.store.models import Journal, MailboxState

CHANGING = re.compile(r"\w*\d\w*")
"""Words with digits in an error: a time or an id, which differs at every try."""


def record(mailbox: str, error: str | None, now: datetime) -> list[str]:
    """Remember how the mailbox fared; gives what people are to be told, a line if something has changed."""
    before = MailboxState.get_or_none(mailbox=mailbox)
    known = before.error if before is not None else None
    if error is None and known is None and before is not None:
        return []
    with writing():
        write.apply(
            [
                put(
                    MailboxState,
                    mailbox=mailbox,
                    error=error,
                    failing_since=None if error is None else (before and before.failing_since) or now,
                    tries=0 if error is None else (before.tries if before is not None else 0) + 1,
                    last_success_at=now if error is None else before and before.last_success_at,
                )
            ]
        )
    if error is None:
        return [f"mailbox {mailbox}: works again"] if known is not None else []
    if known is None:
        return [f"mailbox {mailbox}: {error}"]
    if CHANGING.sub("", known) != CHANGING.sub("", error):
        return [f"mailbox {mailbox}: still fails, now because of: {error}"]
    return []


def tell_parked(mailboxes: Iterable[str]) -> list[str]:
    """What people are to be told of parked messages, a line each, and once: also those of a run that died."""
    untold = Journal.select(Journal.id, Journal.mailbox, Journal.folder, Journal.error).where(
        Journal.outcome == "quarantined", ~Journal.is_told, Journal.mailbox.in_(list(mailboxes))
    )
    rows = list(untold.order_by(Journal.id))
    if rows:
        with writing():
            write.apply([change(Journal, row.id, is_told=True) for row in rows])
    return [
        f"mailbox {row.mailbox}, folder {row.folder}: a message is parked: {_last_line(row.error or '')}; "
        f"see: espomail quarantine show {row.id}"
        for row in rows
    ]


def remember_success(mailboxes: Iterable[str], now: datetime) -> None:
    """Remember when these mailboxes were last read without trouble: one commit for all of a run."""
    changes = [change(MailboxState, mailbox, last_success_at=now) for mailbox in mailboxes]
    if changes:
        with writing():
            write.apply(changes)


def _last_line(report: str) -> str:
    """What a traceback comes to."""
    return report.strip().rpartition("\n")[2]
