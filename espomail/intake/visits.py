"""Visits to mailboxes on their servers, several at once: each by a thread, which mostly waits.

The threads know nothing of the database. What they bring goes through one bounded queue to the only one who
writes, and what a server is to be told is asked for the same way.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from espomail.config.schema import Mailbox
from espomail.errors import ServerTrouble, TryAgainLater
from espomail.intake.events import Event, Gone, Left, Line, Stopped
from espomail.intake.visit import Order, Visit

CONNECTIONS: Final = 8  # at once, while servers answer
MOST_CONNECTIONS: Final = 48  # once they keep us waiting; each thread may hold a batch
MOST_AT_ONE_SERVER: Final = 8
MOST_QUEUED: Final = 2  # events; a batch may have some megabytes
IDLE_S: Final = 0.25  # a visit that has brought nothing for so long is kept waiting by its server
PATIENCE_S: Final = 5  # for visits that go on when the time for all of them is over, or, where that is less:
PATIENCE_SHARE: Final = 0.5  # of the rest of the run's time, which is for answers
SHORTEST_VISIT_S: Final = 10  # what any mailbox may take, however many are waiting


class Visits:
    """The visits of one run, first come, first served. Use it in a `with`, and go through its `events`."""

    def __init__(self, mailboxes: Sequence[Mailbox], order: Order) -> None:
        self._order = order
        patience_s = min(PATIENCE_S, PATIENCE_SHARE * (order.ends_at - order.over_at))
        self._given_up_at = order.over_at + patience_s
        self._waiting = deque(mailboxes)
        self._at_server: Counter[tuple[str, int | None]] = Counter()
        self._changed = threading.Condition()
        self._line = Line(MOST_QUEUED)
        self._threads = 0
        self._on_visit: dict[str, Visit] = {}

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
        self._line.stop()  # the threads are daemons, and each ends at its next step

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
        self._line.stop()
        while self._on_visit:
            # Looked for each time, since any of the visits may end at this very moment.
            yield from self._told(self._line.next() or self._given_up())

    def _told(self, event: Event | Gone) -> Iterator[Event]:
        """The event, if it is one to be told."""
        if isinstance(event, Gone):
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

    def _next_event(self, meanwhile: Callable[[], bool]) -> Event | Gone | None:
        event = self._line.next()
        if event is not None or meanwhile():
            return event
        self._send_more()
        return self._line.next(IDLE_S)

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
        with suppress(Stopped):
            while (visit := self._next_visit()) is not None:
                try:
                    self._line.put(Left(visit.mailbox, visit.go()))
                finally:
                    self._release(visit.mailbox)
            self._line.put(Gone())

    def _next_visit(self) -> Visit | None:
        """A visit to the next mailbox; None when time or work is over."""
        with self._changed:
            while self._waiting and not self._is_over():
                mailbox = self._first_with_room()
                if mailbox is not None:
                    self._waiting.remove(mailbox)
                    self._at_server[_server_of(mailbox)] += 1
                    visit = Visit(mailbox, self._order, self._line, self._deadline())
                    self._on_visit[mailbox.key] = visit
                    return visit
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

    def _has_room(self, mailbox: Mailbox) -> bool:
        return self._at_server[_server_of(mailbox)] < MOST_AT_ONE_SERVER

    def _is_over(self) -> bool:
        return self._line.is_stopped or time.monotonic() >= self._order.over_at

    def _deadline(self) -> float:
        """When a visit that begins now should end, so that all that wait have their share of the time."""
        now, over_at = time.monotonic(), self._order.over_at
        share_s = (over_at - now) * CONNECTIONS / (len(self._waiting) + 1)
        return min(over_at, now + max(SHORTEST_VISIT_S, share_s))


def _server_of(mailbox: Mailbox) -> tuple[str, int | None]:
    return mailbox.imap.host.lower(), mailbox.imap.port
