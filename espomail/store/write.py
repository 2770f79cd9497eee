"""The one place that changes rows in bulk: `Changes` in, a few `executemany` out."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from operator import itemgetter
from typing import Any

from peewee import BooleanField
from peewee import __exception_wrapper__ as wrapper  # type: ignore[attr-defined]

from espomail.store.changes import Add, Change, Key, Put, Remove, Row, Set
from espomail.store.fields import JsonField, UtcField
from espomail.store.models import TABLES, Table, database

Statement = tuple[str, list[tuple[Any, ...]]]
Names = tuple[str, ...]


class Columns:
    """How the rows of one table become parameters of a statement."""

    def __init__(self, model: type[Table]) -> None:
        fields = model._meta.sorted_fields
        self.table = f'"{model._meta.table_name}"'
        self.names = tuple(field.name for field in fields)
        self.quoted = {field.name: f'"{field.column_name}"' for field in fields}
        self.defaults = {field.name: field.default for field in fields}
        self.convert: dict[str, Callable[[Any], Any]] = {
            field.name: field.db_value for field in fields if isinstance(field, UtcField | JsonField)
        }
        self.revive: dict[str, Callable[[Any], Any]] = {
            field.name: field.python_value
            for field in fields
            if field.name in self.convert or isinstance(field, BooleanField)
        }
        self.key = tuple(field.name for field in model._meta.get_primary_keys())  # type: ignore[no-untyped-call]
        self.key_of = picker(self.key)

    def parameters(self, rows: Iterable[Row], names: Names) -> list[tuple[Any, ...]]:
        """These values of each row, as the database takes them."""
        pick = picker(names)
        converted = [(at, self.convert[name]) for at, name in enumerate(names) if name in self.convert]
        if not converted:
            return [pick(row) for row in rows]
        parameters = []
        for row in rows:
            cells = list(pick(row))
            for at, convert in converted:
                cells[at] = convert(cells[at])
            parameters.append(tuple(cells))
        return parameters

    def row(self, cells: tuple[Any, ...]) -> dict[str, Any]:
        """A row of the database by field name, as `parameters` would take it."""
        row = dict(zip(self.names, cells, strict=True))
        for name, revive in self.revive.items():
            row[name] = revive(row[name])
        return row


def picker(names: Names) -> Callable[[Row], Key]:
    """A function that gives these values of a row, quickly."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple([row[name] for name in names])


@cache
def columns_of(model: type[Table]) -> Columns:
    return Columns(model)


def apply(changes: Iterable[Change]) -> None:
    """Write the changes by table: first what is added, then what is set, last what is removed.

    So rows may point at each other, in whatever order they were decided. Later changes of one row win over
    earlier ones, and are folded into the row when it is new itself. The caller holds the transaction.
    """
    for sql, parameters in statements(changes):
        with wrapper:  # executemany is the driver's own, but its errors are to be peewee's
            database.cursor().executemany(sql, parameters)


def statements(changes: Iterable[Change]) -> Iterator[Statement]:
    """The statements that carry out the changes."""
    added: defaultdict[type[Table], dict[Key, dict[str, Any]]] = defaultdict(dict)
    replaced: defaultdict[type[Table], dict[Key, Row]] = defaultdict(dict)
    updated: defaultdict[type[Table], dict[Key, dict[str, Any]]] = defaultdict(dict)
    removed: defaultdict[type[Table], list[Key]] = defaultdict(list)
    for one in changes:
        match one:
            case Add(model, row):
                columns = columns_of(model)
                key = columns.key_of(row)
                if key in added[model]:
                    raise ValueError(f"{model.__name__} {key} is added twice")
                added[model][key] = {**columns.defaults, **row}
            case Put(model, row):
                replaced[model][columns_of(model).key_of(row)] = row
            case Set(model, key, values):
                new = added[model].get(key)
                (updated[model].setdefault(key, {}) if new is None else new).update(values)
            case Remove(model, key):
                removed[model].append(key)
    for model in TABLES:
        yield from _inserts(model, added[model])
        yield from _upserts(model, replaced[model])
    for model in TABLES:
        yield from _updates(model, updated[model])
    for model in reversed(TABLES):
        yield from _deletes(model, removed[model])


def _inserts(model: type[Table], rows: dict[Key, dict[str, Any]]) -> Iterator[Statement]:
    if rows:
        columns = columns_of(model)
        _refuse_unknown(columns, rows.values())
        yield _insert(columns), columns.parameters(rows.values(), columns.names)


def _upserts(model: type[Table], rows: dict[Key, Row]) -> Iterator[Statement]:
    if rows:
        columns = columns_of(model)
        _refuse_unknown(columns, rows.values())
        key = ", ".join(columns.quoted[name] for name in columns.key)
        others = ", ".join(
            f"{quoted} = excluded.{quoted}"
            for name, quoted in columns.quoted.items()
            if name not in columns.key
        )
        complete = [{**columns.defaults, **row} for row in rows.values()]
        yield (
            f"{_insert(columns)} ON CONFLICT ({key}) DO {f'UPDATE SET {others}' if others else 'NOTHING'}",
            columns.parameters(complete, columns.names),
        )


def _updates(model: type[Table], rows: dict[Key, dict[str, Any]]) -> Iterator[Statement]:
    if rows:
        columns = columns_of(model)
        _refuse_unknown(columns, rows.values())
        by_names: defaultdict[Names, dict[Key, Row]] = defaultdict(dict)
        for key, values in rows.items():
            by_names[tuple(values)][key] = values
        for names, some in by_names.items():
            cells = columns.parameters(some.values(), names)
            parameters = [(*values, *key) for values, key in zip(cells, some, strict=True)]
            fields = ", ".join(f"{columns.quoted[name]} = {database.param}" for name in names)
            yield f"UPDATE {columns.table} SET {fields} WHERE {_by_key(columns)}", parameters


def _deletes(model: type[Table], keys: list[Key]) -> Iterator[Statement]:
    if keys:
        columns = columns_of(model)
        yield f"DELETE FROM {columns.table} WHERE {_by_key(columns)}", keys


def _insert(columns: Columns) -> str:
    names = ", ".join(columns.quoted.values())
    marks = ", ".join([database.param] * len(columns.names))
    return f"INSERT INTO {columns.table} ({names}) VALUES ({marks})"


def _by_key(columns: Columns) -> str:
    return " AND ".join(f"{columns.quoted[name]} = {database.param}" for name in columns.key)


def _refuse_unknown(columns: Columns, rows: Iterable[Row]) -> None:
    unknown = {name for row in rows for name in row} - set(columns.names)
    if unknown:
        raise ValueError(f"{columns.table} has no {', '.join(sorted(unknown))}")
