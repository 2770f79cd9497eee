"""Noticing a server that was set back to an older state, and so gives out UIDs again that have been read."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from espomail.crm.arrival import own_id_key
from espomail.intake.connect import Refused
from espomail.intake.download import aware
from espomail.intake.messages import Known
from espomail.mail.parse import parse_headers

if TYPE_CHECKING:
    from espomail.intake.wire import About

A_DAY: Final = timedelta(days=1)


class SetBack(Exception):
    """The folder was set back; says what tells so. `above` are the UIDs above all that have been read."""

    def __init__(self, said: str, above: Sequence[int] = ()) -> None:
        super().__init__(said)
        self.above = above


class UidsChanged(Refused):
    """The folder has been given new UIDs, so that the known ones may mean other messages."""


class GivenAgain(Refused):
    """These UIDs have been given to other messages than those that the server was to be told of."""

    def __init__(self, said: str, uids: Sequence[int]) -> None:
        super().__init__(said, is_temporary=False)
        self.uids = uids


def is_anothers(uid: int) -> str:
    """How it is said."""
    return f"UID {uid} is another message's than when it was read"


def how_set_back(host: str, folder: str, said: str) -> str:
    """What people are told: what tells that the folder was set back, and what follows."""
    why = "the server lost mail, or was set back to an older state; its latest mail is read again"
    return f"{host}: folder {folder}: {said}: {why}"


def is_another(about: "About", known: Known) -> bool:
    """Whether a message of the server is another one than the journal has under its UID: by INTERNALDATE.

    The size does not count: some servers guess it, and guess better later.
    """
    return about.internal_date is not None and aware(about.internal_date) != known.received_at


def id_key_of(header: bytes) -> str:
    """The key of the Message-ID in these header fields; empty where there is none."""
    return own_id_key(parse_headers(header))


def is_another_by_id(about: "About", known: Known, header: bytes) -> bool:
    """The same of a message of which more is known: also by the Message-ID in these header fields.

    Where one of the two has none, the size has to do.
    """
    key = id_key_of(header)
    has_changed = key != known.message_id_key if key and known.message_id_key else about.size != known.size
    return has_changed or is_another(about, known)


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
