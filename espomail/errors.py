"""Every trouble that espomail expects, each class with the exit code that it ends a command with.

The codes are those of sysexits.h; help texts and the reference take them from here. A message says what
failed (mailbox, folder, UID, file and line) and what to do next.
"""

import traceback
from typing import ClassVar


class EspomailError(Exception):
    """The root of the tree: expected trouble, told to people in one line."""

    exit_code: ClassVar[int] = 70
    meaning: ClassVar[str] = "a fault of the program"


class ProgramFault(EspomailError):
    """A fault of the program in one mailbox's turn: the others go on."""

    def __init__(self, said: str, report: str) -> None:
        super().__init__(said)
        self.report = report  # the whole traceback

    @classmethod
    def of(cls, fault: Exception) -> "ProgramFault":
        """The fault that was caught just now."""
        said = f"a fault of the program: {type(fault).__name__}: {fault}"
        return cls(said, "".join(traceback.format_exception(fault)))


class DoneInPart(EspomailError):
    exit_code = 1
    meaning = (
        "done in part: a mailbox or an SMTP server failed, or a message was parked, refused for good, "
        "given up or left in doubt"
    )


class WrongUsage(EspomailError):
    exit_code = 2
    meaning = "wrong usage"


class UnusableInput(EspomailError):
    exit_code = 65
    meaning = "unusable input"


class NotFound(EspomailError):
    """No such record, mailbox or file, or none that the acting user may read: the text is the same."""

    exit_code = 66
    meaning = "no such case, e-mail, mailbox, file"


class ServerTrouble(EspomailError):
    """What a server said, or failed to say.

    `is_temporary` is decided once, at the edge; what cannot be told is temporary.
    """

    exit_code = 69
    meaning = "a server cannot be reached or refuses"

    def __init__(self, said: str, *, is_temporary: bool = True) -> None:
        super().__init__(said)
        self.said = said
        self.is_temporary = is_temporary


class TryAgainLater(EspomailError):
    exit_code = 75
    meaning = (
        "try again later: another run holds the lock, the database is in use or not yet upgraded, "
        "the disk is full, or the output cannot be written"
    )


class NotPermitted(EspomailError):
    exit_code = 77
    meaning = "not permitted"


class LoginRefused(ServerTrouble):
    exit_code = 77
    meaning = "a login refused by a server"

    def __init__(self, said: str) -> None:
        super().__init__(said, is_temporary=False)


class WrongConfiguration(EspomailError):
    """The configuration is wrong or missing, or the database cannot be worked with as it is."""

    exit_code = 78
    meaning = "the configuration is wrong or missing, or the database is newer than the program or damaged"


class CutShort(WrongConfiguration):
    """A program that the configuration names was not waited for, as the run is late. It may be sound."""
