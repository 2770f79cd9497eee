"""Amounts as people write them in the configuration: durations (2d), sizes (25M) and limits (5 in 2h)."""

import re
from datetime import timedelta

SECONDS_PER_UNIT = {"d": 86400, "h": 3600, "m": 60, "s": 1}
BYTES_PER_UNIT = {"G": 1024**3, "M": 1024**2, "K": 1024, "": 1}

# Some hundred years at most, so that no date minus a duration leaves the calendar.
DURATION_PATTERN = r"[1-9](?:[0-9]{0,7}s|[0-9]{0,6}m|[0-9]{0,5}h|[0-9]{0,4}d)"
SIZE_PATTERN = r"[1-9][0-9]{0,11}[KMG]?"
LIMIT_PATTERN = rf"[0-9]{{1,9}} in {DURATION_PATTERN}"


class Duration(timedelta):
    """A span of time, written `30s`, `5m`, `2h` or `30d`."""

    PATTERN = DURATION_PATTERN
    FORMS = "a duration like 30s, 5m, 2h or 30d"

    @classmethod
    def parse(cls, text: object) -> "Duration":
        """Raises ValueError, with the forms that are understood, for anything else."""
        if not isinstance(text, str) or not re.fullmatch(DURATION_PATTERN, text):
            raise ValueError(f"must be {cls.FORMS}")
        return cls(seconds=int(text[:-1]) * SECONDS_PER_UNIT[text[-1]])

    @property
    def written(self) -> str:
        """As it stands in the configuration, in the largest unit that fits."""
        seconds = int(self.total_seconds())
        unit = next(unit for unit, size in SECONDS_PER_UNIT.items() if seconds % size == 0)
        return f"{seconds // SECONDS_PER_UNIT[unit]}{unit}"


class Size(int):
    """A number of bytes, written `500K`, `25M` or `1G` (units of 1024)."""

    PATTERN = SIZE_PATTERN
    FORMS = "a size like 500K, 25M or 1G"

    @classmethod
    def parse(cls, text: object) -> "Size":
        """Raises ValueError, with the forms that are understood, for anything else."""
        text = str(text) if type(text) is int else text  # YAML reads a size without a unit as a number
        if not isinstance(text, str) or not re.fullmatch(SIZE_PATTERN, text):
            raise ValueError(f"must be {cls.FORMS}")
        number, unit = (text, "") if text[-1].isdigit() else (text[:-1], text[-1])
        return cls(int(number) * BYTES_PER_UNIT[unit])

    @property
    def written(self) -> str:
        """As it stands in the configuration, in the largest unit that fits."""
        unit = next(unit for unit, size in BYTES_PER_UNIT.items() if self % size == 0)
        return f"{self // BYTES_PER_UNIT[unit]}{unit}"


class Limit:
    """At most `most` in any `window`, written `5 in 2h`."""

    __slots__ = ("most", "window")

    PATTERN = LIMIT_PATTERN
    FORMS = "a limit like 5 in 2h"

    def __init__(self, most: int, window: Duration) -> None:
        self.most = most
        self.window = window

    @classmethod
    def parse(cls, text: object) -> "Limit":
        """Raises ValueError, with the form that is understood, for anything else."""
        if not isinstance(text, str) or not re.fullmatch(LIMIT_PATTERN, text):
            raise ValueError(f"must be {cls.FORMS}")
        most, _, window = text.partition(" in ")
        return cls(int(most), Duration.parse(window))

    @property
    def written(self) -> str:
        """As it stands in the configuration."""
        return f"{self.most} in {self.window.written}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Limit) and (self.most, self.window) == (other.most, other.window)

    def __hash__(self) -> int:
        return hash((self.most, self.window))

    def __repr__(self) -> str:
        return f"Limit({self.written!r})"
