"""Rows as plain values: of a query, or of one table by many values of a column."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from espomail.store.models import Table, database
from espomail.store.write import Columns, columns_of

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

VALUES_PER_SELECT: Final = 5_000  # SQLite takes 32,766 parameters, PostgreSQL 65,535


def rows_of(query: Any) -> list[dict[str, Any]]:
    """The query's rows by field name."""
    return list(query.dicts())


def tuples_of(query: Any) -> list[tuple[Any, ...]]:
    """The query's rows in the order of its columns."""
    return list(query.tuples())


def rows_in(
    model: type[Table],
    column: str,
    values: Iterable[Any],
    *,
    above: Mapping[str, Any] = NOTHING,
    **equal: Any,
) -> list[dict[str, Any]]:
    """The rows whose column has one of the values, the `equal` columns theirs, `above` a greater one.

    By field name. Peewee builds an object for each value, and reads each cell through one; for thousands of
    values that takes as long as all the rest, and so does building the query for a few.
    """
    columns = columns_of(model)
    unique = list(dict.fromkeys(values))
    others = "".join(f" AND {columns.quoted[name]} = {database.param}" for name in equal)
    others += "".join(f" AND {columns.quoted[name]} > {database.param}" for name in above)
    bounds = columns.parameters([above], tuple(above))[0]
    found: list[dict[str, Any]] = []
    for start in range(0, len(unique), VALUES_PER_SELECT):
        some = unique[start : start + VALUES_PER_SELECT]
        marks = ", ".join([database.param] * len(some))
        where = f"{columns.quoted[column]} IN ({marks}){others}"
        found += _selected(columns, where, (*some, *equal.values(), *bounds))
    return found


def rows_above(model: type[Table], column: str, bound: Any) -> list[dict[str, Any]]:
    """The rows whose column has a greater value. By field name."""
    columns = columns_of(model)
    where = f"{columns.quoted[column]} > {database.param}"
    return _selected(columns, where, columns.parameters([{column: bound}], (column,))[0])


def _selected(columns: Columns, where: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
    sql = f"SELECT {', '.join(columns.quoted.values())} FROM {columns.table} WHERE {where}"
    return [columns.row(cells) for cells in database.execute_sql(sql, parameters).fetchall()]
