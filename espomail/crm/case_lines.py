"""Cases as they are listed and shown. The fields are those that machines read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from msgspec import Struct
from peewee import fn

from espomail.crm.access import Access
from espomail.crm.email_lines import EmailLine
from espomail.crm.listing import Named
from espomail.crm.related import named, names_of, pointed_at, teams_of
from espomail.crm.stream import StreamEntry
from espomail.store.changes import Row
from espomail.store.models import Email
from espomail.store.read import tuples_of

CUSTOMERS = ("account", "contact", "lead")
PLAIN = ("name", "status", "priority", "assigned_user", "mailbox", "created_at", "modified_at")
COLUMNS_OF_HEADS = ("id", *CUSTOMERS, *PLAIN)
"""What `case_heads` takes of a case's row."""


class CaseHead(Struct, frozen=True, kw_only=True):
    """What a list and a page have in common."""

    number: int
    name: str
    status: str
    priority: str
    assigned_user: str | None
    teams: tuple[str, ...]
    account: Named | None
    contact: Named | None
    lead: Named | None
    mailbox: str | None
    created_at: datetime
    modified_at: datetime


class CaseLine(CaseHead, frozen=True, kw_only=True):
    """A case in a list. `emails` is their number."""

    IN_TABLE: ClassVar = (
        *("number", "name", "status", "priority", "assigned_user", "account", "last_email_at"),
    )

    emails: int
    last_email_at: datetime | None


class CasePage(CaseHead, frozen=True, kw_only=True):
    """A case with all that is shown of it: its e-mails, the newest first; its Stream, the oldest first."""

    TEXTS: ClassVar = ("description",)

    emails: tuple[EmailLine, ...]
    last_email_at: datetime | None
    description: str
    stream: tuple[StreamEntry, ...]
    followers: tuple[str, ...]


class Counted(NamedTuple):
    """How many e-mails a case has, received and sent, and when the newest came or went."""

    emails: int
    last_email_at: datetime | None


def case_lines(rows: Sequence[Row], access: Access) -> Iterator[CaseLine]:
    """The cases with what belongs to them."""
    heads = case_heads(rows, access)
    counted = emails_counted(list(heads))
    for number, head in heads.items():
        count = counted.get(number, Counted(0, None))
        yield CaseLine(**head, emails=count.emails, last_email_at=count.last_email_at)


def case_heads(rows: Sequence[Row], access: Access) -> dict[int, dict[str, Any]]:
    """By number, what the cases show in a list and on a page alike."""
    teams = teams_of("case", [row["id"] for row in rows])
    names = names_of(access, pointed_at(rows, *CUSTOMERS))
    return {
        row["id"]: {
            "number": row["id"],
            "teams": teams[row["id"]],
            **{kind: named(names, kind, row[kind]) for kind in CUSTOMERS},
            **{name: row[name] for name in PLAIN},
        }
        for row in rows
    }


def emails_counted(numbers: Sequence[int]) -> Mapping[int, Counted]:
    """The count of each of the cases that have e-mails."""
    query = (
        Email.select(Email.parent_id, fn.COUNT(Email.id), fn.MAX(Email.received_at).coerce(False))
        .where(Email.parent_type == "case", Email.parent_id.in_(numbers), is_of_case())
        .group_by(Email.parent_id)
    )
    return {number: Counted(count, datetime.fromisoformat(last)) for number, count, last in tuples_of(query)}


def is_of_case() -> Any:
    """The condition for the e-mails that count: those that are there and are no drafts."""
    return ~Email.is_deleted & (Email.status != "draft")
