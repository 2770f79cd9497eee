"""What users have been told."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar

from msgspec import Struct

from espomail.crm.access import Access
from espomail.crm.listing import Listing, Parent
from espomail.crm.refs import parent_of
from espomail.crm.related import names_of, parent_named
from espomail.store.changes import Row
from espomail.store.models import Notification


class NotificationLine(Struct, frozen=True, kw_only=True):
    """One thing that one user was told. `type` is that of its note, or `email`."""

    IN_TABLE: ClassVar = ("id", "created_at", "user", "type", "read", "parent", "by", "text")

    id: int
    user: str
    type: str
    created_at: datetime
    read: bool
    email: int | None
    case: int | None
    parent: Parent | None
    by: str | None
    text: str


def listing(access: Access, *, is_unread: bool = False) -> Listing[NotificationLine]:
    """The acting user's notifications, the newest first; the system sees everybody's."""
    query = Notification.select()
    if access.actor.user is not None:
        query = query.where(Notification.user == access.actor.user)
    if is_unread:
        query = query.where(~Notification.is_read)
    return Listing(
        line=NotificationLine,
        query=query,
        order=(Notification.id.desc(),),
        sorts={
            "id": Notification.id,
            "user": Notification.user,
            "type": Notification.type,
            "created_at": Notification.created_at,
            "read": Notification.is_read,
            "by": Notification.by,
        },
        lines_of=lambda rows: _lines(rows, access),
    )


def _lines(rows: Sequence[Row], access: Access) -> Iterator[NotificationLine]:
    parents = {row["id"]: parent_of(row) for row in rows}
    names = names_of(access, (ref for ref in parents.values() if ref is not None))
    for row in rows:
        parent = parent_named(names, parents[row["id"]])
        yield NotificationLine(
            id=row["id"],
            user=row["user"],
            type=row["type"],
            created_at=row["created_at"],
            read=row["is_read"],
            email=row["email"],
            case=parent.id if parent is not None and parent.type == "case" else None,
            parent=parent,
            by=row["by"],
            text=row["text"],
        )
