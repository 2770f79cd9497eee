"""Ctrl-C while a command is at work: it may clear up first, and shows nothing."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from espomail.cli.entry import leave_at_once


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt in here, so that a command can clear up. A second one ends it at once.

    So does one that Python would only print, since it comes in the middle of a callback, as imports have.
    """
    if signal.getsignal(signal.SIGINT) is not leave_at_once:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, leave_at_once)
        signal.default_int_handler(number, frame)

    def not_raised(what: "sys.UnraisableHookArgs") -> None:
        if issubclass(what.exc_type, KeyboardInterrupt):
            leave_at_once(signal.SIGINT, None)
        sys.__unraisablehook__(what)

    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = not_raised
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, leave_at_once)
