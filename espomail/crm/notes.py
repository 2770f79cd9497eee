"""The Stream: notes on a record, and what users are told of them."""

from typing import Any

from espomail.crm.desk import Desk
from espomail.crm.refs import Ref
from espomail.store.changes import Add, add
from espomail.store.models import Note, Notification


def note(
    desk: Desk,
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
        id=desk.next_id(Note),
        parent_type=ref.kind,
        parent_id=ref.id,
        type=kind,
        created_at=desk.context.now,
        by=by,
        email=email,
        text=text,
        data=data or None,
    )


def notification(
    desk: Desk,
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
        id=desk.next_id(Notification),
        user=user,
        type=kind,
        created_at=desk.context.now,
        email=email,
        note=about.row["id"] if about else None,
        parent_type=ref.kind if ref else None,
        parent_id=ref.id if ref else None,
        by=by,
        text=text,
    )
