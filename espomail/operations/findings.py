"""What a check has found, as values: how things stand, and what to do where they do not."""

from typing import Literal

from msgspec import Struct

from espomail.errors import EspomailError

Level = Literal["ok", "warning", "error"]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `mailbox` is None where it is about the installation."""

    level: Level
    mailbox: str | None
    what: str
    said: str
    advice: str | None = None


class Checkup:
    """Gathers findings about one mailbox, or about the installation."""

    def __init__(self, mailbox: str | None = None) -> None:
        self.findings: list[Finding] = []
        self.first_error: type[EspomailError] | None = None
        self._mailbox = mailbox

    @property
    def exit_code(self) -> int:
        """The exit code of the first error, 0 where there is none."""
        return 0 if self.first_error is None else self.first_error.exit_code

    def fine(self, what: str, said: str) -> None:
        """Something is as it has to be."""
        self._add("ok", what, said, None)

    def warn(self, what: str, said: str, advice: str) -> None:
        """Something works, or nobody needs it yet."""
        self._add("warning", what, said, advice)

    def fail(self, what: str, said: str, advice: str, kind: type[EspomailError]) -> None:
        """Something does not work; `kind` tells the exit code."""
        self.first_error = self.first_error or kind
        self._add("error", what, said, advice)

    def _add(self, level: Level, what: str, said: str, advice: str | None) -> None:
        self.findings.append(Finding(level=level, mailbox=self._mailbox, what=what, said=said, advice=advice))
