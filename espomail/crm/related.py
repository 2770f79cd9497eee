"""What belongs to a portion of records: names, teams, addresses. One SELECT for the portion, not for each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from peewee import Field

from espomail.crm.access import Access
from espomail.crm.listing import Named, Parent
from espomail.crm.refs import LARGEST_ID, MODELS, Ref
from espomail.store.changes import Row
from espomail.store.models import Contact, Email, RecordAddress, RecordTeam, Table
from espomail.store.read import rows_of, tuples_of

IDS_PER_SELECT = 5_000

Names = Mapping[Ref, str]


def full_name(row: Row) -> str:
    """A contact's name."""
    return f"{row['first_name']} {row['last_name']}".strip()


def names_of(access: Access, refs: Iterable[Ref]) -> Names:
    """The names of those records that are there and may be read."""
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for ref in refs:
        wanted[ref.kind].add(ref.id)
    found: dict[Ref, str] = {}
    for kind, ids in wanted.items():
        model: Any = MODELS[kind]
        columns = [Contact.first_name, Contact.last_name] if kind == "contact" else [model.name]
        query = model.select(model.id, *columns).where(
            model.id.in_(list(ids)), ~model.is_deleted, access.records(kind)
        )
        for row in rows_of(query):
            found[Ref(kind, row["id"])] = full_name(row) if kind == "contact" else row["name"]
    return found


def readable_emails(access: Access, ids: Collection[int]) -> Collection[int]:
    """Those of the e-mails that are there and may be read."""
    found: set[int] = set()
    for some in in_portions(ids):
        query = Email.select(Email.id).where(Email.id.in_(some), ~Email.is_deleted, access.emails())
        found.update(number for (number,) in tuples_of(query))
    return found


def named(names: Names, kind: str, number: int | None) -> Named | None:
    """The record with its name, or None where there is none that may be read."""
    name = None if number is None else names.get(Ref(kind, number))
    return None if name is None or number is None else Named(number, name)


def parent_named(names: Names, ref: Ref | None) -> Parent | None:
    """The parent with its name, or None where there is none that may be read."""
    return Parent(ref.kind, ref.id, names[ref]) if ref in names and ref is not None else None


def pointed_at(rows: Iterable[Row], *kinds: str) -> set[Ref]:
    """The records that the rows name in the columns of these kinds."""
    return {Ref(kind, row[kind]) for row in rows for kind in kinds if row[kind] is not None}


def teams_of(kind: str, ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    """The teams of each record, by name."""
    return grouped(
        RecordTeam,
        RecordTeam.record_id,
        ids,
        RecordTeam.team,
        RecordTeam.team,
        RecordTeam.record_type == kind,
    )


def addresses_of(kind: str, ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
    """The addresses of each record, the primary one first."""
    return grouped(
        RecordAddress,
        RecordAddress.record_id,
        ids,
        RecordAddress.address,
        RecordAddress.position,
        RecordAddress.record_type == kind,
    )


def in_portions(ids: Iterable[int]) -> Iterator[list[int]]:
    """The ids, as many at a time as an `IN (…)` of any database takes; none that no record can have."""
    ordered = iter(sorted(number for number in ids if 0 < number <= LARGEST_ID))
    while some := list(islice(ordered, IDS_PER_SELECT)):
        yield some


def grouped(
    model: type[Table], by: Field, ids: Collection[int], value: Field, order: Field, *conditions: Any
) -> Mapping[int, tuple[Any, ...]]:
    """The values of a companion table for each of the ids, in order; nothing for those that have none."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    query = model.select(by, value).where(by.in_(list(ids)), *conditions).order_by(order, value)
    for key, one in tuples_of(query):
        found[key].append(one)
    return defaultdict(tuple, {key: tuple(values) for key, values in found.items()})
