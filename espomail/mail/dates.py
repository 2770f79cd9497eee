"""Dates as mail writes them, read as aware UTC times; what is absurd or unreadable is no date."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_USUAL = re.compile(
    r"\s*(?:[A-Za-z]{3},?\s{1,8})?(\d{1,2})\s([A-Za-z]{3})\s(\d{4})\s(\d{2}):(\d{2})(?::(\d{2}))?\s([+-])(\d{2})(\d{2})\b"
)
_FOREIGN_MONTHS: Final = {
    name: english
    for english, names in {
        "Jan": "januar janv janvier ene enero gennaio gen stycznia januari",
        "Feb": "februar févr fevr février fév febrero febbraio februari",
        "Mar": "märz mär mrz mars marzo maart mrt",
        "Apr": "avr avril abr abril aprile",
        "May": "mai mayo mag maggio mei maj",
        "Jun": "juin junio giu giugno juni",
        "Jul": "juil juillet julio lug luglio juli",
        "Aug": "août aout ago agosto augustus",
        "Sep": "sept septembre septiembre set settembre",
        "Oct": "okt oktober octobre octubre ott ottobre",
        "Nov": "novembre noviembre",
        "Dec": "dez dezember déc décembre dic diciembre dicembre",
    }.items()
    for name in names.split()
}
_FOREIGN_MONTH = re.compile(rf"(?<=\d[ .-])\s?({'|'.join(_FOREIGN_MONTHS)})\b\.?", re.IGNORECASE)
_ZONES: Final = {
    "CET": "+0100",
    "CEST": "+0200",
    "MEZ": "+0100",
    "MESZ": "+0200",
    "EET": "+0200",
    "EEST": "+0300",
    "MSK": "+0300",
    "JST": "+0900",
}
_NAMED_ZONE = re.compile(rf"\b(?:{'|'.join(_ZONES)})\b")
_ZONE_WITH_COLON = re.compile(r"\s*(?:GMT|UTC)?([+-]\d\d):(\d\d)\s*$")
_COMMENT = re.compile(r"\([^()]*\)")
_ABBREVIATION = re.compile(r"(?<=[^\W\d_])\.|(?<=\d)\.(?=\s)")
_AFTER_NOON = re.compile(r"\d\s?pm\b", re.IGNORECASE)
_LONGEST_CHARS: Final = 200
_FIRST_YEAR: Final = 1971  # 1970 is a clock that was never set
_LAST_YEAR: Final = 2099
_LARGEST_OFFSET: Final = timedelta(
    hours=23, minutes=59
)  # beyond, it is no zone, and the time is taken for UTC


def parse_date(text: str) -> datetime | None:
    """The time that a Date field names, in UTC, or None. One without a zone is in UTC (RFC 5322 §3.3)."""
    usual = _USUAL.match(text)
    if usual is not None and (month := _MONTHS.get(usual[2].lower())) is not None:
        day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = usual.groups(default="0")
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        return _utc(
            (int(year), month, int(day), int(hour), int(minute), int(second)),
            -offset if sign == "-" else offset,
        )
    return _parse_unusual(text[:_LONGEST_CHARS])


def parse_received_date(text: str) -> datetime | None:
    """The time at the end of a Received field, behind the last semicolon."""
    _, semicolon, date = text.rpartition(";")
    return parse_date(date) if semicolon else None


def _parse_unusual(text: str) -> datetime | None:
    from email.utils import parsedate_tz

    text = _mended(text)
    try:
        parts = parsedate_tz(text)
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError):
        parts = None
    if parts is not None:
        year, month, day, hour, minute, second, *_, offset_s = parts
        if hour < 12 and _AFTER_NOON.search(text) is not None:
            hour += 12
        return _utc((year, month, day, hour, minute, second), _offset(offset_s or 0))
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    zone = moment.utcoffset() or timedelta()
    return _utc((moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second), zone)


def _mended(text: str) -> str:
    """`text` in the terms that the standard library knows: English months, zones as numbers, no comments."""
    if text[:4].isdigit():
        return text  # ISO 8601
    text = _ABBREVIATION.sub("", _COMMENT.sub(" ", text))
    text = _ZONE_WITH_COLON.sub(r" \1\2", text)
    text = _NAMED_ZONE.sub(lambda zone: _ZONES[zone[0]], text)
    return _FOREIGN_MONTH.sub(lambda month: _FOREIGN_MONTHS[month[1].lower()], text)


def _offset(offset_s: int) -> timedelta:
    return timedelta(seconds=offset_s) if abs(offset_s) < 10**6 else timedelta()


def _utc(parts: tuple[int, int, int, int, int, int], offset: timedelta) -> datetime | None:
    year, month, day, hour, minute, second = parts
    if 100 <= year < 200:  # years since 1900 (RFC 5322 §4.3)
        year += 1900
    if abs(offset) > _LARGEST_OFFSET:
        offset = timedelta()
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
