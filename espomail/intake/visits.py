"""Visits to mailboxes on their servers, several at once: each by a thread, which mostly waits.

The threads know nothing of the database. What they bring goes through one bounded queue to the only one who
writes, and what a server is to be told is asked for the same way.
"""

import queue
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

from msgspec import Struct

from espomail.config.schema import Config, Mailbox
from espomail.errors import EspomailError, ProgramFault, ServerTrouble, TryAgainLater, WrongConfiguration
from espomail.intake.after_import import Some, tell_server
from espomail.intake.connect import Refused
from espomail.intake.download import HeaderWillDo
from espomail.intake.events import (
    Asked,
    Brought,
    Copying,
    Event,
    FolderFailed,
    FoundOthers,
    Left,
    Recalling,
    Told,
)
from espomail.intake.imap import Session, sign_in
from espomail.intake.messages import Known, Position, Target
from espomail.intake.set_back import GivenAgain
from espomail.mail.parse import parse_headers
from espomail.pipeline.filters import first_match, header_skips
from espomail.sign_in.secret import secret_for
from espomail.store.compression import compress

CONNECTIONS: Final = 8  # at once, while servers answer
MOST_CONNECTIONS: Final = 48  # once they keep us waiting; each thread may hold a batch
MOST_AT_ONE_SERVER: Final = 8
MOST_QUEUED: Final = 2  # events; a batch may have some megabytes
IDLE_S: Final = 0.25  # a visit that has brought nothing for so long is kept waiting by its server
PATIENCE_S: Final = 5  # for visits that go on when the time for all of them is over, or, where that is less:
PATIENCE_SHARE: Final = 0.5  # of the rest of the run's time, which is for answers
SHORTEST_VISIT_S: Final = 10  # what any mailbox may take, however many are waiting

Answer = TypeVar("Answer")


class Order(Struct, frozen=True, kw_only=True):
    """What all visits of a run have in common. Moments are of the monotonic clock, in seconds."""

    config: Config
    positions: Mapping[tuple[str, str], Position]  # by mailbox and folder
    limit: int | None  # messages a mailbox, under its own portion
    now: datetime
    over_at: float  # no visit begins after this; those that go on end with the batch that they are at
    ends_at: float  # when the run should
    is_dry_run: bool


class _Reading(Struct):
    """How far the visit to a mailbox has come."""

    deadline: float
    positions: dict[str, Position]  # by folder
    left: int  # messages of its portion


class _Gone(Struct, frozen=True):
    """A thread has ended."""


class _OnVisit(Struct):
    """A visit that goes on."""

    mailbox: Mailbox
    silent_since: float  # when it began, or has last brought anything


class _Stopped(Exception):
    """Nobody listens any more."""


class Visits:
    """The visits of one run, first come, first served. Use it in a `with`, and go through its `events`."""

    def __init__(self, mailboxes: Sequence[Mailbox], order: Order) -> None:
        self._order = order
        patience_s = min(PATIENCE_S, PATIENCE_SHARE * (order.ends_at - order.over_at))
        self._given_up_at = order.over_at + patience_s
        self._waiting = deque(mailboxes)
        self._at_server: Counter[tuple[str, int | None]] = Counter()
        self._changed = threading.Condition()
        self._events: queue.Queue[Event | _Gone] = queue.Queue(MOST_QUEUED)
        self._is_stopped = threading.Event()
        self._threads = 0
        self._on_visit: dict[str, _OnVisit] = {}

    def __enter__(self) -> Self:
        """Raises TryAgainLater where the system lets no thread begin."""
        for _ in range(min(CONNECTIONS, len(self._waiting))):
            self._send_one()
        if self._waiting and not self._threads:
            raise TryAgainLater("no thread can be started: the system has too many processes")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self._is_stopped.set()  # the threads are daemons, and each ends at its next step

    def events(self, meanwhile: Callable[[], bool]) -> Iterator[Event]:
        """What happens, in order, until all visits are over, or the time and our patience are.

        `meanwhile` is called whenever there is nothing to tell, and says whether it had anything to do. A
        visit that is given up is told as Left. What it was about to bring comes with a later run.
        """
        while self._threads:
            event = self._next_event(meanwhile)
            if event is not None:
                yield from self._told(event)
            elif time.monotonic() > self._given_up_at:
                break
        self._is_stopped.set()
        while self._on_visit:
            # Looked for each time, since any of the visits may end at this very moment.
            yield from self._told(self._event_at_hand() or self._given_up())

    def _told(self, event: Event | _Gone) -> Iterator[Event]:
        """The event, if it is one to be told."""
        if isinstance(event, _Gone):
            self._threads -= 1
            return
        if isinstance(event, Left):
            with self._changed:
                is_told = self._on_visit.pop(event.mailbox.key, None) is None
            if is_told:
                return
        yield event

    def _given_up(self) -> Left:
        mailbox = next(iter(self._on_visit.values())).mailbox
        said = f"{mailbox.imap.host}:{mailbox.imap.port}: the server does not answer in time"
        return Left(mailbox, ServerTrouble(f"{said}; the others, and mail to be sent, need theirs"))

    def _event_at_hand(self) -> Event | _Gone | None:
        with suppress(queue.Empty):
            return self._events.get_nowait()
        return None

    def _next_event(self, meanwhile: Callable[[], bool]) -> Event | _Gone | None:
        event = self._event_at_hand()
        if event is not None or meanwhile():
            return event
        self._send_more()
        with suppress(queue.Empty):
            return self._events.get(timeout=IDLE_S)
        return None

    def _send_more(self) -> None:
        """Send as many as are kept waiting, so that other servers' mailboxes have their turn meanwhile."""
        with self._changed:
            if self._is_over() or not any(map(self._has_room, self._waiting)):
                return
            wanted = min(MOST_CONNECTIONS, CONNECTIONS + len(self._kept_waiting()))
            more = min(wanted - self._threads, len(self._waiting))
        for _ in range(more):
            self._send_one()

    def _kept_waiting(self) -> list[Mailbox]:
        """Those on visit whose servers have let us wait for a while. Under the lock."""
        since = time.monotonic() - IDLE_S
        return [one.mailbox for one in self._on_visit.values() if one.silent_since <= since]

    # --- in the threads

    def _send_one(self) -> None:
        with suppress(RuntimeError):  # the system lets no more threads begin; fewer will do
            threading.Thread(target=self._visit_one_after_another, daemon=True).start()
            self._threads += 1

    def _visit_one_after_another(self) -> None:
        with suppress(_Stopped):
            while (mailbox := self._choose()) is not None:
                try:
                    self._put(Left(mailbox, self._visit(mailbox)))
                finally:
                    self._release(mailbox)
            self._put(_Gone())

    def _choose(self) -> Mailbox | None:
        """The next mailbox to visit; None when time or work is over."""
        with self._changed:
            while self._waiting and not self._is_over():
                mailbox = self._first_with_room()
                if mailbox is not None:
                    self._waiting.remove(mailbox)
                    self._on_visit[mailbox.key] = _OnVisit(mailbox, time.monotonic())
                    self._at_server[_server_of(mailbox)] += 1
                    return mailbox
                self._changed.wait(timeout=1)
        return None

    def _first_with_room(self) -> Mailbox | None:
        """The first whose server has room; one that keeps us waiting is the last choice. Under the lock."""
        slow = {_server_of(mailbox) for mailbox in self._kept_waiting()}
        of_slow = None
        for mailbox in filter(self._has_room, self._waiting):
            if _server_of(mailbox) not in slow:
                return mailbox
            of_slow = of_slow or mailbox
        return of_slow

    def _release(self, mailbox: Mailbox) -> None:
        with self._changed:
            self._at_server[_server_of(mailbox)] -= 1
            self._changed.notify_all()

    def _has_brought(self, mailbox: Mailbox) -> None:
        with self._changed:
            visit = self._on_visit.get(mailbox.key)
            if visit is not None:  # it may have been given up
                visit.silent_since = time.monotonic()

    def _has_room(self, mailbox: Mailbox) -> bool:
        return self._at_server[_server_of(mailbox)] < MOST_AT_ONE_SERVER

    def _is_over(self) -> bool:
        return self._is_stopped.is_set() or time.monotonic() >= self._order.over_at

    def _deadline(self) -> float:
        """When a visit that begins now should end, so that all that wait have their share of the time."""
        now, over_at = time.monotonic(), self._order.over_at
        share_s = (over_at - now) * CONNECTIONS / (len(self._waiting) + 1)
        return min(over_at, now + max(SHORTEST_VISIT_S, share_s))

    def _visit(self, mailbox: Mailbox) -> EspomailError | None:
        deadline = self._deadline()
        try:
            secret = secret_for(mailbox.imap, self._order.now, deadline=deadline)
            with sign_in(mailbox.imap, secret, deadline=deadline) as session:
                reading = self._reading(mailbox, deadline)
                self._read_folders(mailbox, session, reading)
                if mailbox.imap.after_import != "keep" and not self._order.is_dry_run:
                    self._tell_server(mailbox, session, reading)
                self._ask_for_suspects(mailbox, session, reading)
        except _Stopped:
            raise
        except (ServerTrouble, WrongConfiguration) as trouble:
            return trouble
        except Exception as fault:  # noqa: BLE001  # the guard around one mailbox: none may stop the others
            return ProgramFault.of(fault)
        return None

    def _reading(self, mailbox: Mailbox, deadline: float) -> "_Reading":
        positions = {
            folder: self._order.positions.get((mailbox.key, folder), Position(folder))
            for folder in mailbox.imap.folders
        }
        left = min(mailbox.imap.portion, self._order.limit or mailbox.imap.portion)
        return _Reading(deadline, positions, left)

    def _read_folders(self, mailbox: Mailbox, session: Session, reading: "_Reading") -> None:
        for folder in mailbox.imap.folders:
            if time.monotonic() > reading.deadline:
                break
            try:
                self._read_folder(mailbox, session, folder, reading)
            except Refused as trouble:
                self._put(FolderFailed(mailbox, trouble))

    def _ask_for_suspects(self, mailbox: Mailbox, session: Session, reading: "_Reading") -> None:
        """Last of all, since the connection may break over them; by chance, so that each has its turn."""
        folders = [folder for folder, position in reading.positions.items() if position.suspects]
        for folder in random.sample(folders, len(folders)):
            if time.monotonic() > reading.deadline:
                break
            try:
                self._read_folder(mailbox, session, folder, reading, suspects_only=True)
            except Refused as trouble:
                self._put(FolderFailed(mailbox, trouble))
                break

    def _read_folder(
        self,
        mailbox: Mailbox,
        session: Session,
        folder: str,
        reading: "_Reading",
        *,
        suspects_only: bool = False,
    ) -> None:
        for batch in session.new_messages(
            reading.positions[folder],
            since=mailbox.imap.fetch_since,
            limit=reading.left,
            max_size=mailbox.imap.max_size,
            now=self._order.now,
            recall=partial(self._recall, mailbox, folder, session),
            header_will_do=self._header_will_do(mailbox),
            suspects_only=suspects_only,
        ):
            reading.left -= len(batch.messages)
            reading.positions[folder] = batch.position
            with session.at_rest():
                compressed = [compress(message.raw) for message in batch.messages]
                self._put(Brought(mailbox, batch, compressed))
                self._has_brought(mailbox)
            if time.monotonic() > reading.deadline and not batch.breaks_off:
                break

    def _recall(
        self, mailbox: Mailbox, folder: str, session: Session, uidvalidity: int, from_uid: int
    ) -> Mapping[int, Known]:
        answer: queue.SimpleQueue[Mapping[int, Known]] = queue.SimpleQueue()
        with session.at_rest():
            self._put(Recalling(mailbox, folder, uidvalidity, from_uid, answer))
            return self._wait_for(answer)

    def _header_will_do(self, mailbox: Mailbox) -> HeaderWillDo | None:
        """Whether a filter skips a mail by its header fields, so that the rest need not be fetched."""
        filters = header_skips(mailbox, self._order.config)
        if not filters:
            return None
        return lambda header: first_match(filters, parse_headers(header)) is not None

    def _tell_server(self, mailbox: Mailbox, session: Session, reading: "_Reading") -> None:
        answer: queue.SimpleQueue[Sequence[Some]] = queue.SimpleQueue()
        with session.at_rest():
            self._put(Asked(mailbox, answer))
            untold = self._wait_for(answer)

        def begin(some: Some, target: Target) -> None:
            is_written: queue.SimpleQueue[None] = queue.SimpleQueue()
            with session.at_rest():
                self._put(Copying(some, target, is_written))
                self._wait_for(is_written)

        for some in untold:
            try:
                tell_server(mailbox.imap, session, some, begin)
            except GivenAgain as trouble:
                others = [some.known[uid] for uid in trouble.uids]
                position = reading.positions.get(some.folder, Position(some.folder))
                position = position.set_back_to(min(one.received_at for one in others), str(trouble))
                reading.positions[some.folder] = position
                self._put(FoundOthers(mailbox, [one.entry for one in others], position, trouble))
            except Refused as trouble:
                self._put(FolderFailed(mailbox, trouble))
            else:
                self._put(Told(some))

    def _put(self, event: Event | _Gone) -> None:
        while not self._is_stopped.is_set():
            try:
                return self._events.put(event, timeout=IDLE_S)
            except queue.Full:
                continue
        raise _Stopped

    def _wait_for(self, answer: "queue.SimpleQueue[Answer]") -> Answer:
        while not self._is_stopped.is_set():
            try:
                return answer.get(timeout=IDLE_S)
            except queue.Empty:
                continue
        raise _Stopped


def _server_of(mailbox: Mailbox) -> tuple[str, int | None]:
    return mailbox.imap.host.lower(), mailbox.imap.port
