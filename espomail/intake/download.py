"""Getting messages from the selected folder, in batches that are neither too many, too large nor too late."""

import imaplib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from espomail.intake.messages import Position, RawMessage
from espomail.reach import SLOWEST_BYTES_PER_S, clean

if TYPE_CHECKING:
    from espomail.intake.wire import Client

FIRST_BATCH: Final = 25  # messages; each batch may hold twice as many as the one before
LARGEST_BATCH: Final = 200
BYTES_PER_BATCH: Final = 8 * 1024**2

Answer = TypeVar("Answer")


class Part(NamedTuple):
    """Some messages, and the UIDs that were asked for and not given, up to `last_uid`."""

    messages: list[RawMessage]
    not_given: list[int]
    last_uid: int


class Download:
    """Downloads over one connection, which is cut off at `cut_at`, a moment of the monotonic clock."""

    def __init__(self, client: "Client", cut_at: float) -> None:
        self._client = client
        self._cut_at = cut_at
        self._bytes_per_s = float(SLOWEST_BYTES_PER_S)
        self.refusal = ""  # what the server said when it last refused one message

    def parts(
        self, position: Position, uids: Sequence[int], max_size: int, undated: datetime
    ) -> Iterator[Part]:
        """These messages, in ascending order; of those over `max_size` bytes the header.

        `undated` is the date of one whose date cannot be read.
        """
        folder, uidvalidity = position.folder, position.uidvalidity or 0
        for run in _ramp(uids):
            about = self._asked(self._client.about, run)
            sizes = {uid: min(one.size, max_size) for uid, one in about.items()}
            for some in _batches(run, sizes, self._affordable_bytes):
                raws = self._bodies({uid: about[uid].size for uid in some if uid in about}, max_size)
                messages = [
                    RawMessage(
                        folder,
                        uidvalidity,
                        uid,
                        about[uid].flags,
                        aware(about[uid].internal_date or undated),
                        raw,
                        about[uid].size,
                        about[uid].size > max_size,
                    )
                    for uid, raw in raws.items()
                ]
                yield Part(messages, [uid for uid in some if uid not in raws], some[-1])

    def _asked(
        self, ask: Callable[[Sequence[int]], dict[int, Answer]], uids: Sequence[int]
    ) -> dict[int, Answer]:
        """What the server says of messages; where it refuses several, of each alone: it may mean but one.

        Raises when it refuses each of several.
        """
        try:
            return ask(uids)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as refused:
            self.refusal = clean(refused)
            if len(uids) == 1:
                return {}
            found = {uid: answer for one in uids for uid, answer in self._asked(ask, [one]).items()}
            if not found:
                raise
            return found

    def _bodies(self, sizes: Mapping[int, int], max_size: int) -> dict[int, bytes]:
        """The messages of these sizes, by UID; of those that are too large the header."""
        from espomail.intake.wire import HEADER, MOST_HEADER_BYTES, WHOLE

        small = [uid for uid, size in sizes.items() if size <= max_size]
        large = [uid for uid, size in sizes.items() if size > max_size]
        began = time.monotonic()
        raws = self._asked(
            lambda some: self._client.bodies(some, WHOLE, sum(sizes[uid] for uid in some)), small
        )
        raws |= self._asked(
            lambda some: self._client.bodies(some, HEADER, len(some) * MOST_HEADER_BYTES), large
        )
        took_s = max(time.monotonic() - began, 0.001)
        self._bytes_per_s = max(SLOWEST_BYTES_PER_S, sum(map(len, raws.values())) / took_s)
        return {uid: raws[uid] for uid in sizes if uid in raws}

    def _affordable_bytes(self) -> int:
        """What a batch may hold and be here before the connection is cut: half a batch is worth nothing."""
        left_s = max(0.0, self._cut_at - time.monotonic())
        return min(BYTES_PER_BATCH, int(left_s * self._bytes_per_s))


def aware(moment: datetime) -> datetime:
    """The moment in UTC, which it is in already where it names no time zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _ramp(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """The UIDs in runs that grow: the first messages are soon there to work on, the others cost few trips."""
    start, size = 0, FIRST_BATCH
    while start < len(uids):
        yield uids[start : start + size]
        start, size = start + size, min(2 * size, LARGEST_BATCH)


def _batches(
    uids: Sequence[int], sizes: Mapping[int, int], most_bytes: Callable[[], int]
) -> Iterator[list[int]]:
    """The UIDs in runs that are not too large together; one alone may be larger."""
    batch: list[int] = []
    size = 0
    for uid in uids:
        more = sizes.get(uid, 0)
        if batch and size + more > most_bytes():
            yield batch
            batch, size = [], 0
        batch.append(uid)
        size += more
    if batch:
        yield batch
