"""A run in one thread of one process, for a profiler, which sees no other."""

import sys
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from espomail.intake import journal, reader, visits
from espomail.intake.events import Line, Recalling
from espomail.intake.messages import Known


def stay_in_this_thread() -> None:
    """Let later runs of this process visit one mailbox after another, and read what comes by themselves."""
    visits.threading = SimpleNamespace(**vars(visits.threading) | {"Thread": _Here})  # type: ignore[assignment]
    visits.MOST_QUEUED = 1_000_000  # type: ignore[misc]
    Line.ask = _answered  # type: ignore[assignment,method-assign]
    reader.WORTH_A_PROCESS = sys.maxsize  # type: ignore[misc]


class _Here:
    def __init__(self, target: Callable[[], None], **_more: Any) -> None:
        self.start = target


def _answered(_line: Line, question: Recalling, _answer: Any) -> Mapping[int, Known]:
    """The answer to what a visit asks whose server is not to be told anything."""
    return journal.known(question.mailbox.key, question.folder, question.uidvalidity, question.from_uid)
