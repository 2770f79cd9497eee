"""How long mail waits between two tries, and what has waited for long enough."""

from datetime import datetime, timedelta
from typing import Any, Final

WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
"""How long after each refused attempt the next one is due; the last one repeats."""


def next_try(tries: int, now: datetime) -> datetime:
    """When to try again after so many tries."""
    return now + WAITS[min(tries, len(WAITS)) - 1]


def is_due(next_try_at: Any, now: datetime) -> Any:
    """The condition for what is to be tried. A wait longer than any was written by a clock that was wrong."""
    return (next_try_at <= now) | (next_try_at > now + WAITS[-1])
