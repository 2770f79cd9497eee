"""What lists are made of: a query with its order, and the lines that it becomes, a portion at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct
from peewee import ModelSelect

from espomail.config.faults import suggestion
from espomail.errors import WrongUsage
from espomail.store.changes import Row

Line = TypeVar("Line", bound=Struct)

PORTION = 400
"""Rows that are turned into lines together: few enough for one `IN (…)`, and for memory."""


class Named(Struct, frozen=True):
    """A record that another one points at."""

    id: int
    name: str

    def __str__(self) -> str:
        return self.name


class Parent(Struct, frozen=True):
    """The record that an e-mail or a notification belongs to."""

    type: str
    id: int
    name: str

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[Line]):
    """The records that one question is answered with. Nothing is read before `lines` or `count`."""

    line: type[Line]
    query: "ModelSelect[Any]"  # without an order
    order: Sequence[Any]  # the usual one; ends with something that is unique
    sorts: Mapping[str, Any]  # fields that `--sort` may name, with what they are in the query
    lines_of: Callable[[Sequence[Row]], Iterable[Line]]  # a portion of rows, with all that belongs to them

    def count(self) -> int:
        return int(self.query.count())

    def lines(self, *, sort: str | None = None, limit: int | None = None) -> Iterator[Line]:
        """The lines in order. Raises WrongUsage where they cannot be sorted by that field."""
        query = self.query.order_by(*self._order(sort)).limit(limit).dicts()
        portion: list[Row] = []
        for row in query.iterator():
            portion.append(row)
            if len(portion) == PORTION:
                yield from self.lines_of(portion)
                portion = []
        yield from self.lines_of(portion)

    def _order(self, sort: str | None) -> Sequence[Any]:
        if sort is None:
            return self.order
        name = sort.removeprefix("-")
        if name not in self.sorts:
            known = ", ".join(self.sorts)
            raise WrongUsage(
                f"cannot sort by {name!r}{suggestion(name, self.sorts)}; these can be sorted by: {known}"
            )
        by = self.sorts[name]
        return (by.desc() if sort.startswith("-") else by.asc(), *self.order)
