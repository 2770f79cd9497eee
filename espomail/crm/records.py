"""Accounts, contacts and leads: which one is meant, all of them, one of them."""

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from peewee import fn

from espomail.crm.access import Access, no_such
from espomail.crm.followers import followers_of
from espomail.crm.listing import Listing
from espomail.crm.record_lines import LINES, PAGES
from espomail.crm.refs import LARGEST_ID, MODELS, Ref
from espomail.crm.search import contains
from espomail.errors import NotFound, UnusableInput
from espomail.store.models import Contact, RecordAddress
from espomail.store.read import rows_of, tuples_of

SORTED_BY = (
    "phone",
    "website",
    "title",
    "status",
    "account_name",
    "assigned_user",
    "created_at",
    "modified_at",
)


def readable(access: Access, kind: str) -> Any:
    """The condition for the records of that kind that are there and may be read."""
    return ~_model(kind).is_deleted & access.records(kind)


def is_readable(access: Access, ref: Ref) -> bool:
    """Whether there is such a record that may be read."""
    return 0 < ref.id <= LARGEST_ID and _exists(access, ref)


def require_readable(access: Access, ref: Ref) -> None:
    """Raises NotFound where there is no such record, or none that may be read."""
    if not is_readable(access, ref):
        raise no_such(ref.kind, ref.id)


def find(access: Access, kind: str, text: str) -> Ref:
    """The record that an id or an exact name means.

    Raises NotFound where there is none that may be read, and UnusableInput where several have that name.
    """
    if text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID)):
        ref = Ref(kind, int(text))
        if is_readable(access, ref):
            return ref
    model = _model(kind)
    query = model.select(model.id).where(readable(access, kind), _name(kind) == text).order_by(model.id)
    ids = [number for (number,) in tuples_of(query.limit(10))]
    if not ids:
        raise no_such(kind, text)
    if len(ids) > 1:
        several = ", ".join(map(str, ids))
        raise UnusableInput(f"several {kind}s are named {text}: {several}; name one by its id")
    return Ref(kind, ids[0])


def listing(access: Access, kind: str, search: str | None = None) -> Listing[Any]:
    """The records of that kind that may be read, the newest first."""
    model = _model(kind)
    line, lines_of = LINES[kind]
    query = model.select().where(readable(access, kind))
    if search:
        at = RecordAddress.select(RecordAddress.record_id).where(
            RecordAddress.record_type == kind, contains(search, RecordAddress.address)
        )
        query = query.where(contains(search, _name(kind)) | model.id.in_(at))
    sorts = {name: getattr(model, name) for name in SORTED_BY if hasattr(model, name)}
    return Listing(
        line=line,
        query=query,
        order=(model.id.desc(),),
        sorts={"id": model.id, "name": fn.LOWER(_name(kind)), **sorts},
        lines_of=lambda rows: lines_of(rows, access),
    )


def page(access: Access, ref: Ref) -> Struct:
    """One record, with its followers. Raises NotFound where there is none that may be read."""
    if not 0 < ref.id <= LARGEST_ID:
        raise no_such(ref.kind, ref.id)
    model = _model(ref.kind)
    lines_of = LINES[ref.kind][1]
    rows = rows_of(model.select().where(readable(access, ref.kind), model.id == ref.id))
    for line in lines_of(rows, access):
        return PAGES[ref.kind](**asdict(line), followers=followers_of(ref))
    raise no_such(ref.kind, ref.id)


def _exists(access: Access, ref: Ref) -> bool:
    model = _model(ref.kind)
    return bool(model.select().where(readable(access, ref.kind), model.id == ref.id).exists())


def _name(kind: str) -> Any:
    if kind == "contact":
        return fn.TRIM(Contact.first_name.concat(" ").concat(Contact.last_name))
    return _model(kind).name


def _model(kind: str) -> Any:
    if kind not in MODELS:
        raise NotFound(f"there is no kind of record named {kind}; there are: {', '.join(MODELS)}")
    return MODELS[kind]
