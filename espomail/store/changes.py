"""What a decision wants written: rows to add, fields to set. Values only; `write` carries them out."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from espomail.store.models import Table

Row = Mapping[str, Any]
"""A row by field name. Foreign keys are ids; moments are aware."""

Key = tuple[Any, ...]
"""A row's primary key, its fields in the order of the model."""


class Add(NamedTuple):
    """A row that is not there yet. Fields left out take the model's defaults."""

    model: type[Table]
    row: Row


class Put(NamedTuple):
    """A row of which there is one for each primary key: added, or put in the place of the old one."""

    model: type[Table]
    row: Row


class Set(NamedTuple):
    """New values for some fields of one row."""

    model: type[Table]
    key: Key
    values: Row


class Remove(NamedTuple):
    """A row that goes. Ones that it points at stay."""

    model: type[Table]
    key: Key


Change = Add | Put | Set | Remove
Changes = tuple[Change, ...]

NO_CHANGES: Changes = ()


def add(model: type[Table], **row: Any) -> Add:
    """Shorthand for `Add`."""
    return Add(model, row)


def put(model: type[Table], **row: Any) -> Put:
    """Shorthand for `Put`."""
    return Put(model, row)


def change(model: type[Table], *key: Any, **values: Any) -> Set:
    """Shorthand for `Set`."""
    return Set(model, key, values)


def remove(model: type[Table], *key: Any) -> Remove:
    """Shorthand for `Remove`."""
    return Remove(model, key)
