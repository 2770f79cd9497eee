"""Moments as people type them: a day, a day and a time, or how long ago."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

import click

from espomail.config.amounts import Duration

Given = date | datetime | Duration

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
FORMS: Final = "2026-11-24, 2026-11-24T10:00, or how long ago: 30d, 2h"


class Moment(click.ParamType):  # type: ignore[type-arg]  # click 8.2 takes no argument here
    """A `Given`. What it means depends on the configured time zone; `moment_of` says it."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Given:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        for read in (Duration.parse, date.fromisoformat, datetime.fromisoformat):
            try:
                return read(value)
            except ValueError:
                continue
        return self.fail(f"{value!r} is no moment; write {FORMS}", param, ctx)


def moment_of(given: Given, now: datetime, zone: tzinfo, *, is_end: bool = False) -> datetime:
    """The moment, aware UTC. As an end, a day is over when the next one begins."""
    try:
        if isinstance(given, Duration):
            return now - given
        if isinstance(given, datetime):
            return (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)
        day = given + timedelta(days=1) if is_end else given
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:  # at an edge of the calendar, where no mail is
        is_late = isinstance(given, date) and given.year > now.year
        return LAST if is_late else FIRST
