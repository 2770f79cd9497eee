"""Rows as plain values: of a query, or of one table by many values of a column."""

from collections.abc import Iterable
from typing import Any, Final

from espomail.store.models import Table, database
from espomail.store.write import columns_of

VALUES_PER_SELECT: Final = 5_000  # SQLite takes 32,766 parameters, PostgreSQL 65,535


def rows_of(query: Any) -> list[dict[str, Any]]:
    """The query's rows by field name."""
    return list(query.dicts())


def tuples_of(query: Any) -> list[tuple[Any, ...]]:
    """The query's rows in the order of its columns."""
    return list(query.tuples())


def rows_in(model: type[Table], column: str, values: Iterable[Any], **equal: Any) -> list[dict[str, Any]]:
    """The rows whose column has one of the values, and the `equal` columns theirs. By field name.

    Peewee builds an object for each value, and reads each cell through one; for thousands of values that
    takes as long as all the rest.
    """
    columns = columns_of(model)
    unique = list(dict.fromkeys(values))
    selected = ", ".join(columns.quoted.values())
    others = "".join(f" AND {columns.quoted[name]} = {database.param}" for name in equal)
    found: list[dict[str, Any]] = []
    for start in range(0, len(unique), VALUES_PER_SELECT):
        some = unique[start : start + VALUES_PER_SELECT]
        marks = ", ".join([database.param] * len(some))
        where = f"{columns.quoted[column]} IN ({marks}){others}"
        sql = f"SELECT {selected} FROM {columns.table} WHERE {where}"
        cursor = database.execute_sql(sql, (*some, *equal.values()))
        found.extend(columns.row(cells) for cells in cursor.fetchall())
    return found
