"""A date is a time in UTC, or none."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espomail.mail.dates import parse_date, parse_received_date

TIMES = st.datetimes(datetime(1971, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(TIMES)
def test_date_written_by_the_standard_library_is_read_back(time: datetime) -> None:
    assert parse_date(format_datetime(time)) == time.replace(microsecond=0)


@given(st.text(max_size=80))
def test_any_text_is_a_time_in_utc_or_none(text: str) -> None:
    date = parse_date(text)
    assert date is None or (date.tzinfo is UTC and 1971 <= date.year <= 2099)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "yesterday",
            "Tue, 31 Feb 2026 10:00:00 +0000",
            "Tue, 24 Nov 2026 25:00:00 +0000",
            "0",
            ":::",
        ),
        *("Thu, 01 Jan 1970 00:00:00 +0000", "Tue, 24 Nov 3026 10:00:00 +0000", "1" * 5000, "9999-99-99"),
    ],
)
def test_absurd_dates_are_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Di, 24. Nov 2026 10:00:00 +0100",
            "mar., 24 nov. 2026 10:00:00 +0100",
            "24 noviembre 2026 09:00 GMT",
        ),
        *("Tue, 24 Nov 2026 10:00:00 GMT+01:00", "Tue Nov 24 10:00:00 CET 2026", "24 Nov 2026 10:00 MEZ"),
        *("(sent) Tue, 24 Nov 2026 10:00:00 +0100", "2026-11-24T10:00:00+01:00", "24 Nov 2026 09:00"),
        *(
            "Tue, 24 Nov 2026 10:00:00 +01:00",
            "Tue,24 Nov 2026 10:00:00 +0100 (CET)",
            "24 Nov 126 09:00:00 GMT",
        ),
    ],
)
def test_dates_are_read_as_meant(text: str) -> None:
    assert parse_date(text) == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_afternoon_is_the_afternoon() -> None:
    assert parse_date("Tuesday, November 24, 2026 9:30 PM") == datetime(2026, 11, 24, 21, 30, tzinfo=UTC)


def test_received_date_stands_behind_the_last_semicolon() -> None:
    text = "from a (b; c) by d with SMTP id 1; Tue, 24 Nov 2026 10:00:00 +0100 (CET)"
    assert parse_received_date(text) == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert parse_received_date("from a by b") is None
