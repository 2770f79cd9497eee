"""Moments as people type them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest

from espomail.cli.moments import Moment, moment_of

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
HONOLULU = ZoneInfo("Pacific/Honolulu")


@pytest.mark.parametrize(
    ("text", "is_end", "moment"),
    [
        ("2026-11-24", False, datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),
        ("2026-11-24", True, datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        ("2026-03-29", True, datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),  # a day of 23 hours
        ("2026-11-24T10:00", False, datetime(2026, 11, 24, 9, 0, tzinfo=UTC)),
        ("2026-11-24 10:00", True, datetime(2026, 11, 24, 9, 0, tzinfo=UTC)),
        ("2026-11-24T10:00:00Z", False, NOW),
        ("2026-11-24T12:00+02:00", False, NOW),
        ("2h", False, datetime(2026, 11, 24, 8, 0, tzinfo=UTC)),
        ("30d", False, datetime(2026, 10, 25, 10, 0, tzinfo=UTC)),
        ("9999-12-31", True, datetime.max.replace(tzinfo=UTC)),
        ("0001-01-01", False, datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_the_configured_zone(text: str, *, is_end: bool, moment: datetime) -> None:
    given = Moment().convert(text, None, None)
    assert moment_of(given, NOW, BERLIN, is_end=is_end) == moment


def test_the_last_evening_of_the_calendar_is_a_moment_in_the_west_too() -> None:
    given = Moment().convert("9999-12-31T23:00", None, None)
    assert moment_of(given, NOW, HONOLULU) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "24.11.2026", "-3d", "3w"])
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(click.BadParameter, match="2026-11-24"):
        Moment().convert(text, None, None)
