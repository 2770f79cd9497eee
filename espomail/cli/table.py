"""Tables for people: aligned columns, cut to the width of the terminal."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

GAP = "  "
MEASURED = 200  # rows whose widths decide the columns'; further ones are cut to fit, so that a table streams
NARROWEST = 8
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


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None,
    is_right: Sequence[bool],
    is_bold: bool,
) -> Iterator[str]:
    """The lines of a table `width` columns wide (None cuts nothing). `is_right` says which hold numbers."""
    rows = iter(rows)
    first = list(islice(rows, MEASURED))
    widths = [max(map(width_of, column)) for column in zip(heads, *first, strict=True)]
    if width is not None:
        widths = _fitting(widths, width - len(GAP) * (len(widths) - 1))
    head = _line(heads, widths, is_right)
    yield f"{BOLD}{head}{PLAIN}" if is_bold else head
    for row in chain(first, rows):
        yield _line(row, widths, is_right)


def _fitting(widths: list[int], available: int) -> list[int]:
    """The widths, the widest made narrower until all of them fit."""
    widths = list(widths)
    while sum(widths) > available:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            break
        others = max((width for width in widths if width < widths[widest]), default=NARROWEST)
        widths[widest] -= max(1, min(sum(widths) - available, widths[widest] - max(others, NARROWEST)))
    return widths


def _line(cells: Sequence[str], widths: Sequence[int], is_right: Sequence[bool]) -> str:
    placed = (_placed(cell, width, right) for cell, width, right in zip(cells, widths, is_right, strict=True))
    return GAP.join(placed).rstrip()


def _placed(cell: str, width: int, is_right: bool) -> str:
    cell = cut(cell, width)
    padding = " " * (width - width_of(cell))
    return padding + cell if is_right else cell + padding
