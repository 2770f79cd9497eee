"""Finding a phrase in texts, in any script, without regard to upper and lower case."""

from typing import Any

from peewee import fn

from espomail.store.models import database

FUNCTION = "espomail_contains"


def contains(phrase: str, *columns: Any) -> Any:
    """The condition that the phrase stands in one of the columns."""
    # SQLite's own LIKE knows the letters of ASCII only.
    database.obj.register_function(_contains, FUNCTION, 2)
    folded = phrase.casefold()
    condition = getattr(fn, FUNCTION)(columns[0], folded)
    for column in columns[1:]:
        condition |= getattr(fn, FUNCTION)(column, folded)
    return condition


def _contains(text: str | None, folded: str) -> bool:
    return text is not None and folded in text.casefold()


def like(pattern: str, column: Any) -> Any:
    """The condition that the column, in lower case itself, matches; `*` stands for anything."""
    pattern = pattern.lower()
    if "*" not in pattern:
        return column == pattern
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return fn.LIKE(escaped, column, "\\")
