"""Noticing a server that was set back to an older state, and so gives out UIDs again that have been read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from espomail.intake.download import aware
from espomail.intake.messages import Known

if TYPE_CHECKING:
    from espomail.intake.wire import About

A_DAY: Final = timedelta(days=1)


class SetBack(Exception):
    """The folder was set back; says what tells so. `above` are the UIDs above all that have been read."""

    def __init__(self, said: str, above: Sequence[int] = ()) -> None:
        super().__init__(said)
        self.above = above


def is_another(about: "About", known: Known) -> bool:
    """Whether a message of the server is another one than the journal has under its UID: by INTERNALDATE.

    The size does not count: some servers guess it, and guess better later.
    """
    return about.internal_date is not None and aware(about.internal_date) != known.received_at


def is_the_same(about: "About", known: Known) -> bool:
    """Whether a message of the server is so surely the one of the journal that it need not be fetched."""
    return not is_another(about, known) and about.internal_date is not None and about.size == known.size


def is_given_again(
    about: "About", known: Known | None, read_until: datetime | None, *, wanted_since: datetime
) -> bool:
    """Whether the UID of a message has been read as another one's, which the journal need not have.

    What it does not have came later than all that has been read, or it was passed over as too old: by the
    server's days, which need not be ours.
    """
    if known is not None:
        return is_another(about, known)
    if about.internal_date is None or read_until is None:
        return False
    return aware(about.internal_date) > max(read_until, wanted_since + A_DAY)
