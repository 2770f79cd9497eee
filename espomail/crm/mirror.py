"""A few rows of the database in memory, with indexes, that take part in changes which are not written yet.

A row is learned the same way whether a SELECT brought it or a decision made it a moment ago. So a mail
that is decided after another of its batch knows what it would know in a batch of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from espomail.store.changes import Add, Change, Key, Put, Remove, Row, Set
from espomail.store.models import Table
from espomail.store.write import Names, columns_of, picker

Indexes = Mapping[type[Table], tuple[Names, ...]]


class Mirrored:
    """The known rows of one table."""

    def __init__(self, model: type[Table], indexes: tuple[Names, ...]) -> None:
        columns = columns_of(model)
        self.key_of = columns.key_of
        self.defaults = columns.defaults
        self.rows: dict[Key, dict[str, Any]] = {}
        self.indexes: dict[Names, defaultdict[Key, set[Key]]] = {names: defaultdict(set) for names in indexes}
        self._places = [(picker(names), index) for names, index in self.indexes.items()]

    def put(self, row: Row) -> None:
        key = self.key_of(row)
        self.drop(key)
        self.rows[key] = known = {**self.defaults, **row}
        self._index(key, known)

    def update(self, key: Key, values: Row) -> None:
        row = self.rows.get(key)
        if row is not None:
            self._unindex(key, row)
            row.update(values)
            self._index(key, row)

    def drop(self, key: Key) -> None:
        row = self.rows.pop(key, None)
        if row is not None:
            self._unindex(key, row)

    def _index(self, key: Key, row: Row) -> None:
        for value_of, index in self._places:
            index[value_of(row)].add(key)

    def _unindex(self, key: Key, row: Row) -> None:
        for value_of, index in self._places:
            index[value_of(row)].discard(key)


class Mirror:
    """Tables in memory. A table that `indexes` does not name is not mirrored: its changes pass unnoticed."""

    def __init__(self, indexes: Indexes) -> None:
        self._tables = {model: Mirrored(model, names) for model, names in indexes.items()}

    def get(self, model: type[Table], *key: Any) -> Row | None:
        """The row of that primary key, if it is known."""
        return self._tables[model].rows.get(key)

    def where(self, model: type[Table], **values: Any) -> list[Row]:
        """The known rows with these values, in the order of their keys. Needs an index of these fields."""
        table = self._tables[model]
        keys = table.indexes[tuple(values)].get(tuple(values.values()), ())
        return [table.rows[key] for key in sorted(keys)]

    def learn(self, change: Change) -> None:
        """Take part in a change."""
        table = self._tables.get(change.model)
        if table is None:
            return
        match change:
            case Add(_, row) | Put(_, row):
                table.put(row)
            case Set(_, key, values):
                table.update(key, values)
            case Remove(_, key):
                table.drop(key)

    def learn_rows(self, model: type[Table], rows: Iterable[Row]) -> None:
        """Take in rows that stand in the database."""
        table = self._tables[model]
        for row in rows:
            table.put(row)
