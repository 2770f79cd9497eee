"""Amounts as people write them in the configuration: durations (2d), sizes (25M) and limits (5 in 2h)."""

import re
from datetime import timedelta

SECONDS_PER_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
BYTES_PER_UNIT = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}

DURATION_PATTERN = r"[1-9][0-9]{0,8}[smhd]"
SIZE_PATTERN = r"[1-9][0-9]{0,11}[KMG]?"
LIMIT_PATTERN = rf"[0-9]{{1,9}} in {DURATION_PATTERN}"


class Duration(timedelta):
    """A span of time, written `30s`, `5m`, `2h` or `30d`."""

    @classmethod
    def parse(cls, text: str) -> "Duration":
        """Raises ValueError, with the forms that are understood, for anything else."""
        if not re.fullmatch(DURATION_PATTERN, text):
            raise ValueError(f"{text!r} is no duration; write 30s, 5m, 2h or 30d")
        return cls(seconds=int(text[:-1]) * SECONDS_PER_UNIT[text[-1]])


class Size(int):
    """A number of bytes, written `500K`, `25M` or `1G` (units of 1024)."""

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Raises ValueError, with the forms that are understood, for anything else."""
        if not re.fullmatch(SIZE_PATTERN, text):
            raise ValueError(f"{text!r} is no size; write 500K, 25M or 1G")
        number, unit = (text, "") if text[-1].isdigit() else (text[:-1], text[-1])
        return cls(int(number) * BYTES_PER_UNIT[unit])


class Limit:
    """At most `most` in any `window`, written `5 in 2h`."""

    __slots__ = ("most", "window")

    def __init__(self, most: int, window: Duration) -> None:
        self.most = most
        self.window = window

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Raises ValueError, with the form that is understood, for anything else."""
        if not re.fullmatch(LIMIT_PATTERN, text):
            raise ValueError(f"{text!r} is no limit; write it like 5 in 2h")
        most, _, window = text.partition(" in ")
        return cls(int(most), Duration.parse(window))
