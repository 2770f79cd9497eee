"""How one record is named: by its type and its id."""

from typing import Any, NamedTuple

from espomail.store.changes import Row
from espomail.store.models import Account, Case, Contact, Lead, Numbered

MODELS: dict[str, type[Numbered]] = {"account": Account, "contact": Contact, "lead": Lead, "case": Case}

LARGEST_ID = 2**63 - 1


class Ref(NamedTuple):
    """A record that an e-mail can belong to and that users can follow."""

    kind: str
    id: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def ref_in(row: Row, kind_column: str, id_column: str) -> Ref | None:
    """The record that two columns of a row name together, or None where they are empty."""
    kind: Any = row[kind_column]
    return None if kind is None else Ref(kind, row[id_column])


def parent_of(row: Row) -> Ref | None:
    """The record that an e-mail, a note or a notification belongs to."""
    return ref_in(row, "parent_type", "parent_id")
