"""What visits to mailboxes bring and ask: told to the only one who knows the database."""

import queue
from collections.abc import Mapping, Sequence

from msgspec import Struct

from espomail.config.schema import Mailbox
from espomail.errors import EspomailError
from espomail.intake.after_import import Some
from espomail.intake.connect import Refused
from espomail.intake.messages import Batch, Known, Position, Target


class Brought(Struct, frozen=True):
    """Messages of a folder, to be kept; `compressed` by the thread, which holds nobody up with that."""

    mailbox: Mailbox
    batch: Batch
    compressed: list[bytes]


class FolderFailed(Struct, frozen=True):
    """The server has refused a folder; the others of its mailbox are read all the same."""

    mailbox: Mailbox
    trouble: Refused


class Asked(Struct, frozen=True):
    """All is brought; what is the server to be told of the messages that are safe? `answer` must be put."""

    mailbox: Mailbox
    answer: "queue.SimpleQueue[Sequence[Some]]"


class Recalling(Struct, frozen=True):
    """What does the journal have of a folder, from this UID on? `answer` must be put."""

    mailbox: Mailbox
    folder: str
    uidvalidity: int
    from_uid: int
    answer: "queue.SimpleQueue[Mapping[int, Known]]"


class Copying(Struct, frozen=True):
    """The server is about to copy this. `answer` must be put once that is written down."""

    some: Some
    target: Target
    answer: "queue.SimpleQueue[None]"


class Told(Struct, frozen=True):
    """The server was told this."""

    some: Some


class FoundOthers(Struct, frozen=True):
    """The server could not be told of these, whose UIDs are others' by now; the folder's new position."""

    mailbox: Mailbox
    entries: list[int]
    position: Position
    trouble: Refused


class Left(Struct, frozen=True):
    """The visit is over; what went wrong, if anything did."""

    mailbox: Mailbox
    trouble: EspomailError | None


Event = Brought | FolderFailed | Recalling | Asked | Copying | Told | FoundOthers | Left
