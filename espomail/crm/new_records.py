"""New accounts, contacts and leads, made by hand: what may be given, and what is written."""

import re
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from espomail.config.addresses import is_address
from espomail.config.faults import suggestion
from espomail.crm.access import Access, no_such
from espomail.crm.notes import Pen
from espomail.crm.records import find
from espomail.crm.refs import MODELS, Ref
from espomail.errors import UnusableInput
from espomail.store.changes import Changes, add
from espomail.store.models import RecordAddress, RecordTeam

LONGEST_CHARS = 255
UNKNOWN_FIELD = re.compile(r"unknown field `(.*?)`")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

LeadStatus = Literal["New", "Assigned", "In Process", "Recycled", "Dead"]
LEAD_STATUSES: tuple[LeadStatus, ...] = ("New", "Assigned", "In Process", "Recycled", "Dead")
"""What a new lead can be. Only a conversion makes a lead Converted."""


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """Another record as JSON output names it; its name is for people."""

    id: int
    name: str | None = None


class NewRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What any new record may be given."""

    name: str | None = None
    emails: tuple[str, ...] = ()
    phone: str | None = None
    assigned_user: str | None = None
    teams: tuple[str, ...] = ()


class NewAccount(NewRecord, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer's organisation."""

    website: str | None = None


class NewContact(NewRecord, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person. A name is split at its last space, unless its parts are given."""

    first_name: str | None = None
    last_name: str | None = None
    account: int | str | Reference | None = None
    title: str | None = None


class NewLead(NewRecord, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may become a customer."""

    status: LeadStatus = "New"
    account_name: str | None = None
    title: str | None = None


KINDS: dict[str, type[NewRecord]] = {"account": NewAccount, "contact": NewContact, "lead": NewLead}

AnyNew = TypeVar("AnyNew", bound=NewRecord)


def read(kind: type[AnyNew], data: bytes) -> AnyNew:
    """The new record of a JSON object. Raises UnusableInput with what is wrong with it."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        unknown = UNKNOWN_FIELD.search(str(error))
        near = suggestion(unknown[1], kind.__struct_encode_fields__) if unknown else ""
        raise UnusableInput(f"the JSON object is not usable: {error}{near}") from None


def create(access: Access, kind: str, new: NewRecord, pen: Pen) -> tuple[Ref, Changes]:
    """The new record and its rows, with the acting user as its creator.

    Raises NotPermitted where the actor may make none, UnusableInput for a value that will not do, and
    NotFound for a user, team or account that there is not.
    """
    access.require_creation(kind)
    values = {**_names(new), **_details(new)}
    if isinstance(new, NewContact):
        values["account"] = _account(access, new.account)
    if isinstance(new, NewLead):
        values["status"] = new.status
    addresses = _addresses(new.emails)
    teams = _known("team", new.teams, access.config.teams)
    for user in _known("user", filter(None, [new.assigned_user]), access.config.users):
        if not access.config.users[user].active:
            raise UnusableInput(f"user {user} is not active")
        values["assigned_user"] = user
    ref = Ref(kind, pen.next_id(MODELS[kind]))
    made = add(
        MODELS[kind],
        id=ref.id,
        created_at=pen.now,
        modified_at=pen.now,
        created_by=access.actor.user,
        **values,
    )
    return ref, (
        made,
        *(
            add(RecordAddress, record_type=kind, record_id=ref.id, address=address, position=position)
            for position, address in enumerate(addresses)
        ),
        *(add(RecordTeam, record_type=kind, record_id=ref.id, team=team) for team in teams),
    )


def _names(new: NewRecord) -> dict[str, Any]:
    name = _line("name", new.name)
    if not isinstance(new, NewContact):
        if name is None:
            raise UnusableInput("a name is missing")
        return {"name": name}
    first, last = _line("first_name", new.first_name), _line("last_name", new.last_name)
    if first is None and last is None:
        if name is None:
            raise UnusableInput("a name is missing")
        first, _, last = name.rpartition(" ")
    elif name is not None and name != f"{first or ''} {last or ''}".strip():
        raise UnusableInput("name says something else than first_name and last_name; give one or the others")
    return {"first_name": first or "", "last_name": last or ""}


def _details(new: NewRecord) -> dict[str, str | None]:
    optional = ("phone", "website", "title", "account_name")
    return {name: _line(name, getattr(new, name)) for name in optional if hasattr(new, name)}


def _line(field: str, text: str | None) -> str | None:
    """The text on one line, None where nothing is left of it."""
    if text is None:
        return None
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise UnusableInput(f"{field} is not UTF-8")
    line = " ".join(text.split())
    if (control := CONTROL.search(line)) is not None:
        raise UnusableInput(f"{field} holds a control character: U+{ord(control[0]):04X}")
    if len(line) > LONGEST_CHARS:
        raise UnusableInput(f"{field} is longer than {LONGEST_CHARS} characters")
    return line or None


def _addresses(emails: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for email in emails:
        address = email.strip().lower()
        if any("\ud800" <= sign <= "\udfff" for sign in address) or not is_address(address):
            raise UnusableInput(f"{email!r} is not an e-mail address")
        found[address] = None
    return list(found)


def _known(kind: str, keys: Iterable[str], known: Iterable[str]) -> list[str]:
    """The keys, each once. Raises NotFound for one that the configuration does not know."""
    unique = list(dict.fromkeys(keys))
    for key in unique:
        if key not in known:
            raise no_such(kind, key)
    return unique


def _account(access: Access, given: int | str | Reference | None) -> int | None:
    if given is None or given == "":
        return None
    text = given.id if isinstance(given, Reference) else given
    return find(access, "account", str(text)).id
