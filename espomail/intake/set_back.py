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


def is_another(
    about: "About", known: Known | None, read_until: datetime | None, *, wanted_since: datetime
) -> bool:
    """Whether the message under a UID that has been read is another one than then.

    So it is when its INTERNALDATE is another, or when nothing is known of it although it came after all that
    has been read. The size does not count: some servers guess it, and guess better later.
    """
    if about.internal_date is None:
        return False
    received_at = aware(about.internal_date)
    if known is not None:
        return received_at != known.received_at
    of_no_old_mail = wanted_since + A_DAY  # by any server's days
    return read_until is not None and received_at > max(read_until, of_no_old_mail)
