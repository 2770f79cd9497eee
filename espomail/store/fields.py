"""Column types of ours: moments in UTC, and lists as JSON."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from peewee import TextField

UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def utc_text(moment: datetime) -> str:
    """A moment (aware) as it is stored and as machines read it: 2026-11-24T10:00:00Z, whole seconds."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class UtcField(TextField):
    """An aware moment, stored as text that sorts like time on every database."""

    def db_value(self, value: datetime | None) -> str | None:
        return None if value is None else utc_text(value)

    def python_value(self, value: str | None) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class JsonField(TextField):
    """A list of texts or numbers, or a list of such lists."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def python_value(self, value: str | None) -> Any:
        return None if value is None else msgspec.json.decode(value)
