"""The one place that renders: tables for people; JSON, JSON lines, CSV and TSV for programs."""

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import chain, islice
from typing import Any

import msgspec
from msgspec import Struct

from espomail.cli.invocation import Invocation
from espomail.cli.page import page
from espomail.cli.safe_text import csv_text, json_text, safe_line, tsv_text
from espomail.cli.table import MEASURED, Column, table
from espomail.config.faults import suggestion
from espomail.crm.listing import Line, Listing
from espomail.errors import WrongUsage
from espomail.store.fields import utc_text

LINES_ON_A_TERMINAL = 50
MOST_LINES = sys.maxsize - 1  # that a limit can say; one more is asked for, to see whether there are more
WRITTEN_TOGETHER = 200  # lines, so that a long list costs few system calls and starts at once


def json_line(thing: Any) -> str:
    """The thing as JSON on one line; nothing in it can steer a terminal."""
    return json_text(msgspec.json.encode(thing).decode())


def field_names(kind: type[Struct]) -> tuple[str, ...]:
    """The fields of a line as they are named in JSON and by `--fields`, in order."""
    return kind.__struct_encode_fields__


def cell(value: object, moment: Callable[[datetime], str]) -> str:
    """A value as text: a list joined with `, `, a record by its name, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, list | tuple):
        return ", ".join(cell(one, moment) for one in value)
    return str(value)


class Output:
    """Where a command's data goes, and in which form."""

    def __init__(self, invocation: Invocation, zone: tzinfo = UTC) -> None:
        self.invocation = invocation
        self.zone = zone
        self.is_terminal = sys.stdout.isatty()
        self.format = invocation.format or ("table" if self.is_terminal else "tsv")

    @property
    def is_asked_for(self) -> bool:
        """Whether a command that prints no data should: to a person, or to whoever names a format."""
        return self.is_terminal or self.invocation.format is not None

    def show_list(self, listing: Listing[Line]) -> None:
        """A list, up to `--limit` lines of it, sorted by `--sort`."""
        limit = self.invocation.limit or (LINES_ON_A_TERMINAL if self.is_terminal else None)
        limit = limit and min(limit, MOST_LINES)
        lines = listing.lines(sort=self.invocation.sort, limit=limit and limit + 1)
        if limit is None:
            self.show_lines(listing.line, lines)
            return
        shown = list(islice(lines, limit))
        is_more = next(lines, None) is not None
        self.show_lines(listing.line, shown)
        if is_more and self.is_terminal:
            self.invocation.tell(f"{listing.count() - limit} more; --limit shows them")

    def show_lines(self, kind: type[Line], lines: Iterable[Line]) -> None:
        """Lines of one kind, as they come."""
        names = self._chosen(kind)
        attributes = _attributes(kind, names)
        rows: Iterator[list[Any]] = ([getattr(line, name) for name in attributes] for line in lines)
        match self.format:
            case "table":
                self._table(kind, rows)
            case "json":
                self._write(_array(json_line(dict(zip(names, row, strict=True))) for row in rows))
            case "jsonl":
                self._write(json_line(dict(zip(names, row, strict=True))) for row in rows)
            case "csv":
                self._write(_csv(names, rows))
            case _:
                self._write("\t".join(_tsv_cell(value) for value in row) for row in rows)

    def show_one(self, thing: Struct) -> None:
        """One thing: an object, one line, or on a terminal a page."""
        kind = type(thing)
        if self.format not in {"json", "table"}:
            self.show_lines(kind, [thing])
            return
        names = self._chosen(kind)
        values = [getattr(thing, name) for name in _attributes(kind, names)]
        if self.format == "json":
            text = json_line(dict(zip(names, values, strict=True)))
            self._write([msgspec.json.format(text, indent=2) if self.is_terminal else text])
        else:
            hidden = () if self.invocation.fields else getattr(kind, "NOT_ON_PAGE", ())
            shown = [(name, value) for name, value in zip(names, values, strict=True) if name not in hidden]
            texts = getattr(kind, "TEXTS", ())
            self._write(page(shown, texts, self._table_lines, self._local_cell, is_bold=self._is_bold))

    def show_text(self, text: str) -> None:
        """One value by itself, such as the id of what was made."""
        self._write([text])

    def require_no_terminal(self, instead: str) -> None:
        """Raises WrongUsage where the bytes of a mail would go to a terminal, which they could steer."""
        if self.is_terminal:
            raise WrongUsage(f"a mail can steer a terminal; type: {instead}")

    def write_bytes(self, data: bytes) -> None:
        """Bytes exactly as they are."""
        _write_out(data)

    # --- fields

    def _chosen(self, kind: type[Struct]) -> tuple[str, ...]:
        known = field_names(kind)
        if self.invocation.fields is None:
            return known
        names = tuple(name.strip() for name in self.invocation.fields.split(","))
        for name in names:
            if name not in known:
                raise WrongUsage(
                    f"there is no field {name!r}{suggestion(name, known)}; the fields are: {', '.join(known)}"
                )
        return names

    # --- tables

    def _table(self, kind: type[Struct], rows: Iterable[list[Any]]) -> None:
        names = self._chosen(kind)
        wanted = names if self.invocation.fields else getattr(kind, "IN_TABLE", names)
        at = [names.index(name) for name in wanted]
        self._write(self._aligned(wanted, ([row[index] for index in at] for row in rows)))

    def _table_lines(self, lines: Sequence[Struct]) -> Iterator[str]:
        """The lines of a table inside a page."""
        kind = type(lines[0])
        names = getattr(kind, "IN_TABLE", field_names(kind))
        attributes = _attributes(kind, names)
        return self._aligned(names, ([getattr(line, name) for name in attributes] for line in lines))

    def _aligned(self, names: Sequence[str], rows: Iterable[list[Any]]) -> Iterator[str]:
        rows = iter(rows)
        first = list(islice(rows, MEASURED))
        if not first:
            return iter(())
        by_column = list(zip(*first, strict=True))
        columns = [
            Column(
                name, is_number=_holds(values, int | float), is_whole=_holds(values, int | float | datetime)
            )
            for name, values in zip(names, by_column, strict=True)
        ]
        cells = ([self._local_cell(value) for value in row] for row in chain(first, rows))
        width = shutil.get_terminal_size().columns if self.is_terminal else None
        keeps_columns = self.invocation.fields is not None
        return table(columns, cells, width=width, keeps_columns=keeps_columns, is_bold=self._is_bold)

    @property
    def _is_bold(self) -> bool:
        environ = self.invocation.environ
        return self.is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") not in {None, "dumb"}

    def _local_cell(self, value: object) -> str:
        return safe_line(cell(value, self._local_moment))

    def _local_moment(self, moment: datetime) -> str:
        try:
            return moment.astimezone(self.zone).replace(tzinfo=None).isoformat(" ", "minutes")
        except OverflowError:  # a Date header of the year 1, west of Greenwich
            return utc_text(moment)

    # --- writing

    def _write(self, lines: Iterable[str]) -> None:
        lines = iter(lines)
        while some := list(islice(lines, WRITTEN_TOGETHER)):
            _write_out("".join(f"{line}\n" for line in some).encode("utf-8", "replace"))


def _holds(values: Iterable[object], kind: Any) -> bool:
    """Whether the column holds such values; they may be missing here and there."""
    there = [value for value in values if value is not None]
    return bool(there) and all(isinstance(value, kind) and not isinstance(value, bool) for value in there)


def _attributes(kind: type[Struct], names: Sequence[str]) -> list[str]:
    by_name = dict(zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True))
    return [by_name[name] for name in names]


def _array(lines: Iterable[str]) -> Iterator[str]:
    """A JSON array, one element a line, without holding them all."""
    lines = iter(lines)
    last = next(lines, None)
    if last is None:
        yield "[]"
        return
    last = f"[{last}"
    for line in lines:
        yield f"{last},"
        last = line
    yield f"{last}]"


def _csv(names: Sequence[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    yield ",".join(names)
    for row in rows:
        yield ",".join(_csv_cell(value) for value in row)


def _csv_cell(value: object) -> str:
    text = cell(value, utc_text)
    if not isinstance(value, int | float | datetime):
        text = csv_text(text)
    if any(sign in text for sign in ',"\n') or text != text.strip():
        text = '"' + text.replace('"', '""') + '"'
    return text


def _tsv_cell(value: object) -> str:
    return tsv_text(cell(value, utc_text))


def _write_out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
