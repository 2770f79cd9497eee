"""One thing shown to people: its short fields one under the other, then its lists and its texts."""

from collections.abc import Callable, Collection, Iterator, Sequence

from msgspec import Struct

from espomail.cli.safe_text import safe_line, safe_lines
from espomail.cli.table import BOLD, PLAIN


def page(
    fields: Sequence[tuple[str, object]],
    texts: Collection[str],
    table_lines: Callable[[Sequence[Struct]], Iterator[str]],
    cell: Callable[[object], str],
    *,
    is_bold: bool,
) -> Iterator[str]:
    """The lines of the page. Fields that are empty are left out; `texts` names those of several lines."""
    shown = [(name, value) for name, value in fields if value not in (None, "", (), [])]
    short = [(name, value) for name, value in shown if name not in texts and not _is_list(value)]
    width = max((len(name) for name, _ in short), default=0)
    for name, value in short:
        yield f"{_head(name.ljust(width), is_bold)}  {cell(value)}"
    for name, value in shown:
        if name in texts or _is_list(value):
            yield ""
            yield _head(name, is_bold)
            yield from _block(value, table_lines)


def _head(name: str, is_bold: bool) -> str:
    return f"{BOLD}{name}{PLAIN}" if is_bold else name


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Struct)


def _block(value: object, table_lines: Callable[[Sequence[Struct]], Iterator[str]]) -> Iterator[str]:
    if isinstance(value, str):
        yield from (safe_line(line) for line in safe_lines(value).rstrip("\n").split("\n"))
    elif isinstance(value, list | tuple):
        yield from table_lines(value)
