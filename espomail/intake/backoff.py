"""When a mailbox that fails is tried again: soon at first, then less and less often, never again at once.

A refused login waits longest: some servers lock an account after a few of them. What a server asks for
itself (RFC 5530, and the words of some vendors) is obeyed.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from espomail.errors import CutShort, EspomailError, LoginRefused

_MINUTE: Final = timedelta(minutes=1)
USUAL: Final = (0 * _MINUTE, 2 * _MINUTE, 4 * _MINUTE, 8 * _MINUTE, 15 * _MINUTE)
REFUSED: Final = (5 * _MINUTE, 15 * _MINUTE, 60 * _MINUTE)
BY_CODE: Final = {
    "INUSE": 2 * _MINUTE,
    "UNAVAILABLE": 5 * _MINUTE,
    "LIMIT": 15 * _MINUTE,
    "OVERQUOTA": 15 * _MINUTE,
    "THROTTLED": 15 * _MINUTE,
}
LONGEST: Final = 60 * _MINUTE
SLACK: Final = timedelta(seconds=10)  # cron does not start each run at the same second of its minute
_CODE = re.compile(r"\[([A-Z]+)[ \]]")
_SUGGESTED = re.compile(r"Suggested Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)
_TOO_MANY = re.compile(r"too many (?:simultaneous |concurrent )?(?:connections|logins)", re.IGNORECASE)


def wait_after(trouble: EspomailError, tries: int, refusals: int) -> timedelta:
    """How long a mailbox waits that has failed so often in a row; none: the next run tries again.

    `refusals`: those of the `tries` that were refused logins. They count among themselves, and so do others.
    """
    if isinstance(trouble, CutShort):
        return 0 * _MINUTE
    if isinstance(trouble, LoginRefused):
        return _wait(REFUSED, refusals, trouble)
    return _wait(USUAL, tries - refusals, trouble)


def asked_for(said: str) -> timedelta:
    """How long the server itself wants us to wait."""
    suggested = _SUGGESTED.search(said)
    if suggested is not None:
        return timedelta(milliseconds=int(suggested[1]))
    if _TOO_MANY.search(said):
        return BY_CODE["LIMIT"]
    return max((BY_CODE.get(code, 0 * _MINUTE) for code in _CODE.findall(said)), default=0 * _MINUTE)


def _wait(steps: Sequence[timedelta], tries: int, trouble: EspomailError) -> timedelta:
    step = steps[min(max(tries, 1), len(steps)) - 1]
    return min(LONGEST, max(step, asked_for(str(trouble))))
