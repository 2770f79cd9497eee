"""What visits to mailboxes bring and ask, and the line by which it reaches the only one who writes."""

import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from msgspec import Struct

from espomail.config.schema import Mailbox
from espomail.errors import EspomailError
from espomail.intake.after_import import Some
from espomail.intake.connect import Refused
from espomail.intake.messages import Batch, Known, Position, Target

LOOKS_UP_S: Final = 0.25  # how often a thread that waits sees whether it is still listened to

Answer = TypeVar("Answer")


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


class Gone(Struct, frozen=True):
    """A thread that went from visit to visit has ended."""


Event = Brought | FolderFailed | Recalling | Asked | Copying | Told | FoundOthers | Left


class Stopped(Exception):
    """Nobody listens any more."""


class Line:
    """From many threads to one listener; it holds few events, so that no thread runs far ahead."""

    def __init__(self, most: int) -> None:
        self._events: queue.Queue[Event | Gone] = queue.Queue(most)
        self._is_stopped = threading.Event()

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped.is_set()

    def stop(self) -> None:
        """Listen no more: who speaks from now on hears of it."""
        self._is_stopped.set()

    def next(self, timeout_s: float = 0) -> Event | Gone | None:
        """The event that waits for longest, or the first within the time; None where there is none."""
        with suppress(queue.Empty):
            return self._events.get(block=timeout_s > 0, timeout=timeout_s)
        return None

    def put(self, event: Event | Gone) -> None:
        """Tell the listener, once there is room. Raises Stopped."""
        while not self.is_stopped:
            with suppress(queue.Full):
                return self._events.put(event, timeout=LOOKS_UP_S)
        raise Stopped

    def ask(self, question: Event, answer: "queue.SimpleQueue[Answer]") -> Answer:
        """Ask the listener, and wait until the answer is put. Raises Stopped."""
        self.put(question)
        while not self.is_stopped:
            with suppress(queue.Empty):
                return answer.get(timeout=LOOKS_UP_S)
        raise Stopped
