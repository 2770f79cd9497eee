"""Tables for people: aligned columns, cut to the width of the terminal.

Where there is too little room for columns of a sensible width, the last ones are left out.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

GAP = "  "
MEASURED = 200  # rows whose widths decide the columns'; further ones are cut to fit, so that a table streams
NARROWEST = 8  # that a column is made while others can be left out
NARROWEST_OF_ALL = 3
FEWEST = 2  # columns that are left
ELLIPSIS = "…"
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes (Unicode Standard Annex #11)."""
    if text.isascii():
        return len(text)
    return sum(_sign_width(sign) for sign in text)


def _sign_width(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1


def cut(text: str, width: int) -> str:
    """The text within so many columns; what was cut off is shown by an ellipsis."""
    if width_of(text) <= width:
        return text
    kept: list[str] = []
    left = width - 1
    for sign in text:
        left -= _sign_width(sign)
        if left < 0:
            break
        kept.append(sign)
    return "".join(kept) + ELLIPSIS


class Column(NamedTuple):
    """One column. Numbers stand on the right; what is of use only as a whole is never cut."""

    head: str
    is_number: bool
    is_whole: bool


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None,
    keeps_columns: bool,
    is_bold: bool,
) -> Iterator[str]:
    """The lines of a table, `width` wide; None cuts nothing. `…` ends its head where columns are left out."""
    rows = iter(rows)
    first = list(islice(rows, MEASURED))
    heads = [column.head for column in columns]
    widths = [max(map(width_of, cells)) for cells in zip(heads, *first, strict=True)]
    more = ""
    if width is not None:
        kept = len(columns) if keeps_columns else _number_that_fits(columns, widths, width)
        more = f"{GAP}{ELLIPSIS}" if kept < len(columns) else ""
        columns = columns[:kept]
        widths = _fitting(columns, widths[:kept], width - len(GAP) * (kept - 1) - len(more))
    head = _line(heads, columns, widths) + more
    yield f"{BOLD}{head}{PLAIN}" if is_bold else head
    for row in chain(first, rows):
        yield _line(row, columns, widths)


def _number_that_fits(columns: Sequence[Column], widths: Sequence[int], width: int) -> int:
    """How many of the first columns there is room for."""
    narrowest = [
        own if column.is_whole else min(own, NARROWEST) for column, own in zip(columns, widths, strict=True)
    ]
    for number in range(len(columns), FEWEST, -1):
        gaps = number - 1 if number == len(columns) else number  # the last one before the ellipsis
        mark = 0 if number == len(columns) else len(ELLIPSIS)
        if sum(narrowest[:number]) + len(GAP) * gaps + mark <= width:
            return number
    return min(FEWEST, len(columns))


def _fitting(columns: Sequence[Column], widths: Sequence[int], available: int) -> list[int]:
    """The widths, the widest of those that may be cut made narrower until all of them fit."""
    fitting = list(widths)
    cuttable = [at for at, column in enumerate(columns) if not column.is_whole]
    for _ in range(sum(widths) - available):
        widest = max(cuttable, key=fitting.__getitem__, default=None)
        if widest is None or fitting[widest] <= NARROWEST_OF_ALL:
            break
        fitting[widest] -= 1
    return fitting


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    placed = zip(cells[: len(columns)], columns, widths, strict=True)
    return GAP.join(_placed(cell, width, column.is_number) for cell, column, width in placed).rstrip()


def _placed(cell: str, width: int, is_right: bool) -> str:
    cell = cut(cell, width)
    padding = " " * (width - width_of(cell))
    return padding + cell if is_right else cell + padding
