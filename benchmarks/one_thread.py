"""A run in one thread of one process, for a profiler, which sees no other."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from espomail.intake import reader, visits


def stay_in_this_thread() -> None:
    """Let later runs of this process visit one mailbox after another, and read what comes by themselves."""
    visits.threading = SimpleNamespace(**vars(visits.threading) | {"Thread": _Here})  # type: ignore[assignment]
    visits.MOST_QUEUED = 1_000_000  # type: ignore[misc]
    reader.WORTH_A_PROCESS = sys.maxsize  # type: ignore[misc]


class _Here:
    def __init__(self, target: Callable[[], None], **_more: Any) -> None:
        self.start = target
