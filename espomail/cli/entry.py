"""Where the program begins: Ctrl-C is quiet, and an MTA is answered, though nothing is imported yet.

An MTA is answered with 0 or 75: any other code makes it bounce a customer's mail. So nothing of ours, nor of
any library, is imported here before that is seen to.
"""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

INTERRUPTED = 130  # as a shell tells of a program that Ctrl-C has ended
TRY_AGAIN_LATER = 75  # EX_TEMPFAIL of sysexits.h
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Stopped(BaseException):
    """Somebody has asked the program to stop."""


def main() -> int:
    """Run the command line of this process; gives the exit code."""
    words = sys.argv[1:]
    if "ingest" in words:
        code = ingest_code(words)
        if code is not None:
            os._exit(code)  # nothing that happens while an interpreter ends may change it any more
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise somebody wants it ignored
        signal.signal(signal.SIGINT, leave_at_once)
    return _run(words)


def leave_at_once(_number: int, _frame: FrameType | None) -> None:
    """Ctrl-C while nothing is begun, or all is done: an exception may be shown in any place of an import."""
    os._exit(INTERRUPTED)


def ingest_code(words: Sequence[str]) -> int | None:
    """Run `espomail ingest`, whose exit code is given; None where the words are of another command."""
    try:
        before = {number: signal.signal(number, _stop) for number in STOPPING}
        from espomail.cli.main import COMMANDS

        if not COMMANDS.keys().isdisjoint(_before_ingest(words)):
            for number, handler in before.items():
                signal.signal(number, handler)
            return None
        code = _run(words)
    except BaseException as fault:  # noqa: BLE001  # whatever it is, the mail has to come again
        _say(f"espomail: error: {type(fault).__name__}: {fault}"[:500])
        return TRY_AGAIN_LATER
    return TRY_AGAIN_LATER if code else 0


def _run(words: Sequence[str]) -> int:
    from espomail.cli.main import main as program
    from espomail.cli.streams import secure_streams

    secure_streams()
    return program(words)


def _before_ingest(words: Sequence[str]) -> set[str]:
    """The words before `ingest`, without those that only are values of options."""
    before = words[: words.index("ingest")]
    return {word for at, word in enumerate(before) if not at or before[at - 1] not in {"--config", "--as"}}


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(f"stopped by signal {number}")


def _say(text: str) -> None:
    try:
        os.write(2, f"{ascii(text)[1:-1]}\n".encode())
    except OSError:  # there is nobody to tell
        return
