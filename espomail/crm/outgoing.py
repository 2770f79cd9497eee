"""Mail going out, as people see it and take it up again."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from espomail.crm.access import Access, no_such
from espomail.crm.listing import Listing
from espomail.crm.refs import Ref
from espomail.crm.related import in_portions, names_of, pointed_at
from espomail.errors import UnusableInput
from espomail.store.changes import Change, Changes, Row, change
from espomail.store.models import Email, Outbox
from espomail.store.read import rows_of

OVER = ("sent", "cancelled")
RETRIED_BY_ID = ("waiting", "failed", "in-doubt", "cancelled")
RETRIED_TOGETHER = ("waiting", "failed")
"""What `--all` takes up. A message in doubt may have gone out: only its id, said by hand, sends it again."""


class OutboxLine(Struct, frozen=True, kw_only=True):
    """One message on its way out."""

    IN_TABLE: ClassVar = ("id", "state", "to", "subject", "kind", "tries", "next_try_at", "error")

    id: int
    state: str
    to: tuple[str, ...]
    subject: str
    kind: str
    tries: int
    next_try_at: datetime | None
    error: str | None
    email: int
    case: int | None


def listing(access: Access, *, with_done: bool = False) -> Listing[OutboxLine]:
    """Messages whose e-mail may be read, the newest first; without `with_done` none that is over."""
    query = Outbox.select(Outbox, Email.subject).join(Email).where(~Email.is_deleted, access.emails())
    if not with_done:
        query = query.where(Outbox.state.not_in(OVER))
    return Listing(
        line=OutboxLine,
        query=query,
        order=(Outbox.id.desc(),),
        sorts={
            "id": Outbox.id,
            "state": Outbox.state,
            "subject": Email.subject,
            "kind": Outbox.kind,
            "tries": Outbox.tries,
            "next_try_at": Outbox.next_try_at,
            "email": Outbox.email,
            "case": Outbox.case,
        },
        lines_of=lambda rows: _lines(rows, access),
    )


def retry(ids: Collection[int], now: datetime) -> Changes:
    """Make these messages due now.

    Raises NotFound for one that there is not, UnusableInput for one that was sent or is being sent.
    """
    rows = _rows(ids)
    for row in rows:
        if row["state"] not in RETRIED_BY_ID:
            raise UnusableInput(f"message {row['id']} of the outbox is {row['state']}; it is not sent again")
    return _due(rows, now)


def retry_all(now: datetime) -> Changes:
    """Make every message due now that waits or was refused."""
    return _due(rows_of(Outbox.select().where(Outbox.state.in_(RETRIED_TOGETHER))), now)


def _due(rows: Sequence[Row], now: datetime) -> Changes:
    """Queued anew: the waits and the time after which it is given up begin again."""
    changes: list[Change] = []
    for row in rows:
        anew = {"tries": 0, "queued_at": now, "error": None, "untold": None}
        changes.append(change(Outbox, row["id"], state="waiting", next_try_at=now, **anew))
        changes.append(change(Email, row["email"], status="queued" if row["sent_at"] is None else "sent"))
    return tuple(changes)


def _rows(ids: Collection[int]) -> list[Row]:
    found: dict[int, Row] = {}
    for some in in_portions(ids):
        found |= {row["id"]: row for row in rows_of(Outbox.select().where(Outbox.id.in_(some)))}
    for number in ids:
        if number not in found:
            raise no_such("message in the outbox with the id", number)
    return [found[number] for number in sorted(set(ids))]


def _lines(rows: Sequence[Row], access: Access) -> Iterator[OutboxLine]:
    names = ("id", "state", "subject", "kind", "tries", "next_try_at", "error", "email")
    readable = names_of(access, pointed_at(rows, "case"))
    for row in rows:
        yield OutboxLine(
            to=tuple(row["recipients"]),
            case=row["case"] if Ref("case", row["case"]) in readable else None,
            **{name: row[name] for name in names},
        )
