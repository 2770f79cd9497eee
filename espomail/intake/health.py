"""How mailboxes fare from run to run: when they are tried again, and what people are told of changes.

Cron mails whatever is told, so that it must be a change, and not the same each minute.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from espomail.errors import CutShort, EspomailError, LoginRefused
from espomail.intake.backoff import SLACK, wait_after
from espomail.store.changes import Change, Changes, Row, change, put
from espomail.store.models import Journal, MailboxState
from espomail.store.news import News
from espomail.store.read import rows_in

CHANGING = re.compile(r"\w*\d\w*")
"""Words with digits in an error: a time or an id, which differs at every try."""


class State(Struct, frozen=True, kw_only=True):
    """How a mailbox has fared so far. Moments are aware, UTC."""

    tried_at: datetime | None = None
    next_try_at: datetime | None = None  # not before; None: at once


class Fared(Struct, frozen=True, kw_only=True):
    """How a mailbox has fared in this run: `trouble` is what stopped it, `error` what people hear."""

    error: str | None
    trouble: EspomailError | None


def states(mailboxes: Iterable[str]) -> dict[str, State]:
    """What is known of those of the mailboxes that were tried before."""
    names = State.__struct_fields__
    rows = rows_in(MailboxState, "mailbox", mailboxes)
    return {row["mailbox"]: State(**{name: row[name] for name in names}) for row in rows}


def of_mailboxes(fared: Mapping[str, Fared], now: datetime) -> tuple[News, dict[str, datetime]]:
    """How the mailboxes fared, and when those that failed are tried again."""
    known = {row["mailbox"]: row for row in rows_in(MailboxState, "mailbox", fared)}
    news: list[str] = []
    waits: dict[str, datetime] = {}
    changes: list[Change] = []
    for mailbox, how in fared.items():
        row = _state(mailbox, how.error, how.trouble, known.get(mailbox), now)
        if how.trouble is not None and (wait := wait_after(how.trouble, row["tries"], row["refusals"])):
            row["next_try_at"] = waits[mailbox] = now + wait - SLACK
        changes.append(put(MailboxState, **row))
        news += _news(mailbox, how.error, known.get(mailbox))
    return News(tuple(news), tuple(changes)), waits


def record(name: str, error: str | None, now: datetime) -> list[str]:
    """How one thing fared, remembered at once; gives what people are to be told."""
    news = of_server(name, error, now)
    news.are_told()
    return list(news.lines)


def of_server(name: str, error: str | None, now: datetime) -> News:
    """How one thing fared that is tried whenever there is need: a mailbox's SMTP server, say."""
    known = next(iter(rows_in(MailboxState, "mailbox", [name])), None)
    trouble = None if error is None else EspomailError(error)
    changes: Changes = ()
    if error is not None or (known is not None and known["error"] is not None):
        changes = (put(MailboxState, **_state(name, error, trouble, known, now)),)
    return News(tuple(_news(name, error, known)), changes)


def _state(
    name: str, error: str | None, trouble: EspomailError | None, known: Row | None, now: datetime
) -> dict[str, Any]:
    """Without a `trouble` it could be read, though maybe not each of its folders."""
    before: Row = {} if known is None or trouble is None else known
    return {
        "mailbox": name,
        "error": error,
        "failing_since": None if error is None else (known or {}).get("failing_since") or now,
        "tries": before.get("tries", 0) + (trouble is not None and not isinstance(trouble, CutShort)),
        "refusals": before.get("refusals", 0) + isinstance(trouble, LoginRefused),
        "tried_at": now,
        "last_success_at": now if trouble is None else before.get("last_success_at"),
    }


def _news(name: str, error: str | None, known: Row | None) -> list[str]:
    before = known["error"] if known is not None else None
    if error is None:
        return [f"mailbox {name}: works again"] if before is not None else []
    if before is None:
        return [f"mailbox {name}: {error}"]
    if CHANGING.sub("", before) != CHANGING.sub("", error):
        return [f"mailbox {name}: still fails, now because of: {error}"]
    return []


def of_parked(mailboxes: Iterable[str]) -> News:
    """What people are to be told of parked messages, a line each, and once: also those of a run that died."""
    untold = Journal.select(Journal.id, Journal.mailbox, Journal.folder, Journal.error).where(
        Journal.outcome == "quarantined", ~Journal.is_told
    )
    chosen = frozenset(mailboxes)
    rows = [row for row in untold.order_by(Journal.id) if row.mailbox in chosen]
    news = [
        f"mailbox {row.mailbox}, folder {row.folder}: a message is parked: {_last_line(row.error or '')}; "
        f"see: espomail quarantine show {row.id}"
        for row in rows
    ]
    return News(tuple(news), tuple(change(Journal, row.id, is_told=True) for row in rows))


def _last_line(report: str) -> str:
    """What a traceback comes to."""
    return report.strip().rpartition("\n")[2]
