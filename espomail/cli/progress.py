"""A progress bar for long work: on stderr, only on a terminal, gone when the work is done."""

import shutil
import sys

from espomail.cli.invocation import Invocation
from espomail.cli.safe_text import safe_line
from espomail.cli.table import cut

BAR = 24
CLEAR_LINE = "\r\x1b[K"


class Progress:
    """Called with what is worked on, how much of it is done, and how much there is in all."""

    def __init__(self, invocation: Invocation) -> None:
        self._is_shown = (
            invocation.verbosity == 0
            and sys.stderr.isatty()
            and invocation.environ.get("TERM", "dumb") != "dumb"
        )
        self._shown = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if not self._is_shown:
            return
        filled = BAR * min(done, total) // total if total else 0
        line = f"{safe_line(what)} [{'#' * filled}{'.' * (BAR - filled)}] {done}/{total}"
        line = cut(line, shutil.get_terminal_size().columns - 1)
        if line != self._shown:
            self._shown = line
            self._print(f"{CLEAR_LINE}{line}")

    def end(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._print(CLEAR_LINE)
            self._shown = ""

    def _print(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
