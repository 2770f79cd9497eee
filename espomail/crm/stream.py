"""The Stream of a record, as it is read: the oldest entry first."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct

from espomail.crm.access import Access
from espomail.crm.mentions import hide_unreadable
from espomail.crm.refs import Ref
from espomail.crm.related import in_portions, readable_emails
from espomail.store.changes import Row
from espomail.store.models import Email, Note
from espomail.store.read import rows_of, tuples_of

HIDDEN = "an e-mail that you may not read"
PARTIAL = "only its header is here"


class StreamEntry(Struct, frozen=True, kw_only=True):
    """One note of a Stream."""

    IN_TABLE: ClassVar = ("created_at", "type", "by", "email", "text")

    id: int
    type: str
    created_at: datetime
    by: str | None
    email: int | None
    text: str
    data: Any

    def __str__(self) -> str:
        return f"{self.type}: {self.text}" if self.text else self.type


def stream_of(access: Access, ref: Ref) -> tuple[StreamEntry, ...]:
    """The record's Stream; of e-mails and cases that may not be read it tells only that there is one.

    Those of which there is only the header are marked here, not in the note: a whole copy may still come.
    """
    query = Note.select().where(Note.parent_type == ref.kind, Note.parent_id == ref.id).order_by(Note.id)
    rows = rows_of(query)
    named = [number for row in rows for number in (row["email"], _bounced(row)) if number is not None]
    readable = readable_emails(access, set(named))
    partial = _partial_among(readable)
    texts = {row["id"]: row["text"] for row in rows} | _texts_of_rules(rows, access)
    entries: list[StreamEntry] = []
    for row in rows:
        shown = {**row, "text": texts[row["id"]]}
        if row["email"] is not None and row["email"] not in readable:
            shown |= {"email": None, "text": HIDDEN, "data": None}
        elif row["email"] in partial:
            shown["text"] += f"; {PARTIAL}"
        elif _bounced(row) not in {None, *readable}:
            shown["data"] = {name: value for name, value in row["data"].items() if name != "bounced"}
        entries.append(StreamEntry(**{name: shown[name] for name in StreamEntry.__struct_fields__}))
    return tuple(entries)


def _bounced(row: Row) -> int | None:
    """The e-mail of ours whose delivery report the note tells of."""
    return (row["data"] or {}).get("bounced")


def _texts_of_rules(rows: Sequence[Row], access: Access) -> dict[int, str]:
    """By id, what rules have noted of other cases, as far as those may be read."""
    theirs = [row for row in rows if row["type"] == "post" and row["by"] is None and row["email"] is None]
    texts = hide_unreadable([row["text"] for row in theirs], access)
    return {row["id"]: text for row, text in zip(theirs, texts, strict=True)}


def _partial_among(ids: Collection[int]) -> Collection[int]:
    """Those of the e-mails of which only the header is here."""
    found: set[int] = set()
    for some in in_portions(ids):
        query = Email.select(Email.id).where(Email.id.in_(some), Email.is_partial)
        found.update(number for (number,) in tuples_of(query))
    return found
