"""The Stream: notes on a record, and what users are told of them."""

from datetime import datetime
from typing import Any, Protocol

from espomail.crm.refs import Ref
from espomail.store.changes import Add, add
from espomail.store.ids import Ids
from espomail.store.models import Note, Notification, Numbered


class Giver(Protocol):
    """Whoever gives out row ids and the time: the desk, or a `Pen`."""

    @property
    def now(self) -> datetime: ...

    def next_id(self, model: type[Numbered]) -> int: ...


class Pen:
    """Ids and the time for rows that are written without a desk."""

    def __init__(self, ids: Ids, now: datetime) -> None:
        self.ids = ids
        self.now = now

    def next_id(self, model: type[Numbered]) -> int:
        return self.ids.next(model)


def note(
    giver: Giver,
    ref: Ref,
    kind: str,
    text: str = "",
    *,
    by: str | None = None,
    email: int | None = None,
    **data: Any,
) -> Add:
    """A new note of that kind. `data` holds what a program may want to know of it."""
    return add(
        Note,
        id=giver.next_id(Note),
        parent_type=ref.kind,
        parent_id=ref.id,
        type=kind,
        created_at=giver.now,
        by=by,
        email=email,
        text=text,
        data=data or None,
    )


def notification(
    giver: Giver,
    user: str,
    kind: str,
    text: str,
    *,
    ref: Ref | None = None,
    email: int | None = None,
    about: Add | None = None,
    by: str | None = None,
) -> Add:
    """What one user is told: of an e-mail, of a note (`about`), or of both."""
    return add(
        Notification,
        id=giver.next_id(Notification),
        user=user,
        type=kind,
        created_at=giver.now,
        email=email,
        note=about.row["id"] if about else None,
        parent_type=ref.kind if ref else None,
        parent_id=ref.id if ref else None,
        by=by,
        text=text,
    )
