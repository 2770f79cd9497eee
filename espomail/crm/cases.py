"""Cases as people ask for them: lists by many conditions, and one of them."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from peewee import Case as CaseWhen
from peewee import fn

from espomail.crm import emails
from espomail.crm.access import Access, no_such
from espomail.crm.case_lines import (
    COLUMNS_OF_HEADS,
    CaseLine,
    CasePage,
    case_heads,
    case_lines,
    emails_counted,
    is_of_case,
)
from espomail.crm.desk import OPEN_STATUSES
from espomail.crm.followers import followers_of
from espomail.crm.listing import Listing
from espomail.crm.refs import LARGEST_ID, Ref
from espomail.crm.search import contains
from espomail.crm.stream import stream_of
from espomail.store.models import Case, Email, RecordTeam
from espomail.store.read import rows_of

STATUSES = ("New", "Assigned", "Pending", "Closed", "Rejected", "Duplicate")
PRIORITIES = ("Low", "Normal", "High", "Urgent")
SHOWN_IN_LISTS = tuple(getattr(Case, name) for name in COLUMNS_OF_HEADS)
"""Without the description, which may be as long as a mail."""


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases are asked for. All that is given must hold."""

    is_open: bool = False
    statuses: tuple[str, ...] = ()  # any of them
    assigned_user: str | None = None
    is_unassigned: bool = False
    team: str | None = None
    mailbox: str | None = None
    account: int | None = None
    since: datetime | None = None  # made then or later
    search: str | None = None


def listing(access: Access, wanted: CaseFilter = CaseFilter()) -> Listing[CaseLine]:  # noqa: B008
    """The cases that may be read and that are wanted, the highest number first."""
    of_case = Email.select().where(Email.parent_type == "case", Email.parent_id == Case.id, is_of_case())
    plain = ("assigned_user", "mailbox", "created_at", "modified_at")
    return Listing(
        line=CaseLine,
        query=Case.select(*SHOWN_IN_LISTS).where(
            ~Case.is_deleted, access.records("case"), *_conditions(wanted)
        ),
        order=(Case.id.desc(),),
        sorts={
            "number": Case.id,
            "name": fn.LOWER(Case.name),
            "status": _rank(Case.status, STATUSES),
            "priority": _rank(Case.priority, PRIORITIES),
            **{name: getattr(Case, name) for name in plain},
            "emails": fn.COALESCE(of_case.select(fn.COUNT(Email.id)), 0),
            "last_email_at": fn.COALESCE(of_case.select(fn.MAX(Email.received_at)), ""),
        },
        lines_of=lambda rows: case_lines(rows, access),
    )


def page(access: Access, number: int) -> CasePage:
    """One case. Raises NotFound where there is none that may be read."""
    if not 0 < number <= LARGEST_ID:
        raise no_such("case", number)
    ref = Ref("case", number)
    query = Case.select().where(Case.id == number, ~Case.is_deleted, access.records("case"))
    for row in rows_of(query):
        counted = emails_counted([number]).get(number)
        may_see_stream = Case.select().where(Case.id == number, access.records("case", "stream")).exists()
        return CasePage(
            **case_heads([row], access)[number],
            emails=tuple(emails.listing(access, emails.EmailFilter(parent=ref)).lines()),
            last_email_at=counted and counted.last_email_at,
            description=row["description"],
            stream=stream_of(access, ref) if may_see_stream else (),
            followers=followers_of(ref),
        )
    raise no_such("case", number)


def _conditions(wanted: CaseFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.is_open:
        found.append(Case.status.in_(sorted(OPEN_STATUSES)))
    if wanted.statuses:
        found.append(Case.status.in_(wanted.statuses))
    if wanted.is_unassigned:
        found.append(Case.assigned_user.is_null())
    if wanted.team is not None:
        of_team = RecordTeam.select(RecordTeam.record_id).where(
            RecordTeam.record_type == "case", RecordTeam.team == wanted.team
        )
        found.append(Case.id.in_(of_team))
    if wanted.since is not None:
        found.append(Case.created_at >= wanted.since)
    if wanted.search is not None:
        found.append(contains(wanted.search, Case.name, Case.description))
    for column in ("assigned_user", "mailbox", "account"):
        value = getattr(wanted, column)
        if value is not None:
            found.append(getattr(Case, column) == value)
    return found


def _rank(column: Any, order: tuple[str, ...]) -> Any:
    """The column as its place in an order that is not that of the alphabet."""
    return CaseWhen(column, [(word, place) for place, word in enumerate(order)], len(order))
