"""Accounts, contacts and leads as they are listed and shown. The fields are those that machines read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct

from espomail.crm.access import Access
from espomail.crm.listing import Named
from espomail.crm.refs import Ref
from espomail.crm.related import addresses_of, full_name, named, names_of, pointed_at, teams_of
from espomail.store.changes import Row


class AccountLine(Struct, frozen=True, kw_only=True):
    """An account in a list."""

    IN_TABLE: ClassVar = ("id", "name", "emails", "phone", "assigned_user", "teams")

    id: int
    name: str
    emails: tuple[str, ...]
    phone: str | None
    website: str | None
    assigned_user: str | None
    teams: tuple[str, ...]
    created_at: datetime
    created_by: str | None
    modified_at: datetime


class AccountPage(AccountLine, frozen=True, kw_only=True):
    """An account with all that is shown of it."""

    followers: tuple[str, ...]


class ContactLine(Struct, frozen=True, kw_only=True):
    """A contact in a list."""

    IN_TABLE: ClassVar = ("id", "name", "emails", "account", "title", "phone", "assigned_user")

    id: int
    name: str
    emails: tuple[str, ...]
    account: Named | None
    title: str | None
    phone: str | None
    assigned_user: str | None
    teams: tuple[str, ...]
    first_name: str
    last_name: str
    created_at: datetime
    created_by: str | None
    modified_at: datetime


class ContactPage(ContactLine, frozen=True, kw_only=True):
    """A contact with all that is shown of it."""

    NOT_ON_PAGE: ClassVar = ("first_name", "last_name")

    followers: tuple[str, ...]


class LeadLine(Struct, frozen=True, kw_only=True):
    """A lead in a list."""

    IN_TABLE: ClassVar = ("id", "name", "emails", "status", "account_name", "phone", "assigned_user")

    id: int
    name: str
    emails: tuple[str, ...]
    status: str
    account_name: str | None
    title: str | None
    phone: str | None
    assigned_user: str | None
    teams: tuple[str, ...]
    converted_account: Named | None
    converted_contact: Named | None
    created_at: datetime
    created_by: str | None
    modified_at: datetime


class LeadPage(LeadLine, frozen=True, kw_only=True):
    """A lead with all that is shown of it."""

    followers: tuple[str, ...]


def account_lines(rows: Sequence[Row], _access: Access) -> Iterator[AccountLine]:
    """The accounts, with their addresses and teams."""
    emails, teams = _companions("account", rows)
    for row in rows:
        known = {"emails": emails[row["id"]], "teams": teams[row["id"]]}
        yield AccountLine(**_fields(AccountLine, row, known))


def contact_lines(rows: Sequence[Row], access: Access) -> Iterator[ContactLine]:
    """The contacts, with their addresses, teams and accounts."""
    emails, teams = _companions("contact", rows)
    names = names_of(access, pointed_at(rows, "account"))
    for row in rows:
        known = {
            "emails": emails[row["id"]],
            "teams": teams[row["id"]],
            "name": full_name(row),
            "account": named(names, "account", row["account"]),
        }
        yield ContactLine(**_fields(ContactLine, row, known))


def lead_lines(rows: Sequence[Row], access: Access) -> Iterator[LeadLine]:
    """The leads, with their addresses and teams, and what was made of converted ones."""
    emails, teams = _companions("lead", rows)
    made = {Ref("account", row["converted_account"]) for row in rows if row["converted_account"]}
    names = names_of(
        access, made | {Ref("contact", row["converted_contact"]) for row in rows if row["converted_contact"]}
    )
    for row in rows:
        known = {
            "emails": emails[row["id"]],
            "teams": teams[row["id"]],
            "converted_account": named(names, "account", row["converted_account"]),
            "converted_contact": named(names, "contact", row["converted_contact"]),
        }
        yield LeadLine(**_fields(LeadLine, row, known))


LINES: Mapping[str, tuple[type[Struct], Callable[[Sequence[Row], Access], Iterator[Any]]]] = {
    "account": (AccountLine, account_lines),
    "contact": (ContactLine, contact_lines),
    "lead": (LeadLine, lead_lines),
}
PAGES: Mapping[str, type[Struct]] = {"account": AccountPage, "contact": ContactPage, "lead": LeadPage}


def _companions(
    kind: str, rows: Sequence[Row]
) -> tuple[Mapping[int, tuple[str, ...]], Mapping[int, tuple[str, ...]]]:
    ids = [row["id"] for row in rows]
    return addresses_of(kind, ids), teams_of(kind, ids)


def _fields(line: type[Struct], row: Row, known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: known[name] if name in known else row[name] for name in line.__struct_fields__}
