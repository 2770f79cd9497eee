"""Getting messages from the selected folder, in batches that are neither too many, too large nor too late."""

import imaplib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from espomail.intake.messages import Position, RawMessage
from espomail.reach import SLOWEST_BYTES_PER_S, clean

if TYPE_CHECKING:
    from espomail.intake.wire import About, Client

FIRST_BATCH: Final = 25  # messages; each batch may hold twice as many as the one before
UIDS_PER_QUESTION: Final = 500  # within the 8000 bytes of a command line (RFC 7162 §4)
LARGEST_BATCH: Final = 60  # so that reading and deciding soon have something to do, and memory little to hold
HEADER_FIRST_BYTES: Final = 64 * 1024  # of larger messages the header is asked for first, if that may do
BYTES_PER_BATCH: Final = 4 * 1024**2

Answer = TypeVar("Answer")
HeaderWillDo = Callable[[bytes], bool]
"""Whether a message's header fields tell that the rest of it is not needed."""


class Part(NamedTuple):
    """Some messages, and the UIDs that were asked for and not given, up to `last_uid`."""

    messages: list[RawMessage]
    not_given: list[int]
    last_uid: int


class Download:
    """Downloads over one connection, which is cut off at `cut_at`, a moment of the monotonic clock."""

    def __init__(self, client: "Client", cut_at: float) -> None:
        self._client = client
        self.cut_at = cut_at
        self._bytes_per_s = float(SLOWEST_BYTES_PER_S)
        self.in_hand: list[int] = []  # the messages that the server is giving out
        self.refusal = ""  # what the server said when it last refused one message

    def about(self, uids: Sequence[int]) -> dict[int, "About"]:
        """Flags, date and size of those of these messages that are there and are given out."""
        return self._by_portions(self._client.about, uids)

    def about_with_id(self, uids: Sequence[int]) -> dict[int, "About"]:
        """As `about`, and the Message-ID field."""
        return self._by_portions(self._client.about_with_id, uids)

    def about_first(self, uids: Sequence[int], besides: int) -> dict[int, "About"]:
        """Flags, date and size of the first of these messages, as `parts` takes it; of another one, too.

        Nothing is asked where there are none, nor of the other one where that is 0.
        """
        if not uids:
            return {}
        return self._asked(self._client.about, [*([besides] if besides else []), *uids[:FIRST_BATCH]])

    def parts(
        self,
        position: Position,
        uids: Sequence[int],
        max_size: int,
        undated: datetime,
        header_will_do: HeaderWillDo | None = None,
        about_first: Mapping[int, "About"] | None = None,
    ) -> Iterator[Part]:
        """These messages, in ascending order; of those over `max_size` bytes the header alone.

        So it is of other large ones whose header tells that it will do. `undated` is the date of one whose
        date cannot be read. What the server has said `about_first` is not asked for again.
        """
        folder, uidvalidity = position.folder, position.uidvalidity or 0
        self.in_hand = []  # a refusal may have left some of another folder
        for run in _ramp(uids):
            about = self._asked(self._client.about, run) if about_first is None else about_first
            about_first = None
            sizes = {uid: min(one.size, max_size) for uid, one in about.items()}
            for some in _batches(run, sizes, self._affordable_bytes):
                self.in_hand = some
                asked = {uid: about[uid].size for uid in some if uid in about}
                too_large = [uid for uid, size in asked.items() if size > max_size]
                heads = self.headers(too_large)
                if header_will_do is not None:
                    large = [uid for uid, size in asked.items() if HEADER_FIRST_BYTES < size <= max_size]
                    heads |= {uid: raw for uid, raw in self.headers(large).items() if header_will_do(raw)}
                whole = {
                    uid: size for uid, size in asked.items() if uid not in heads and uid not in too_large
                }
                raws = heads | self._whole(whole)
                messages = [
                    RawMessage(
                        folder,
                        uidvalidity,
                        uid,
                        about[uid].flags,
                        aware(about[uid].internal_date or undated),
                        raw,
                        about[uid].size,
                        uid in heads,
                    )
                    for uid, raw in sorted(raws.items())
                ]
                self.in_hand = []
                yield Part(messages, [uid for uid in some if uid not in raws], some[-1])

    def _by_portions(
        self, ask: Callable[[Sequence[int]], dict[int, Answer]], uids: Sequence[int]
    ) -> dict[int, Answer]:
        some = (uids[start : start + UIDS_PER_QUESTION] for start in range(0, len(uids), UIDS_PER_QUESTION))
        return {uid: one for asked in some for uid, one in self._asked(ask, asked).items()}

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

    def headers(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The header fields of these messages, by UID."""
        from espomail.intake.wire import HEADER, MOST_HEADER_BYTES

        return self._asked(
            lambda some: self._client.bodies(some, HEADER, len(some) * MOST_HEADER_BYTES), uids
        )

    def _whole(self, sizes: Mapping[int, int]) -> dict[int, bytes]:
        """The messages of these sizes, by UID."""
        from espomail.intake.wire import WHOLE

        began = time.monotonic()
        raws = self._asked(
            lambda some: self._client.bodies(some, WHOLE, sum(sizes[uid] for uid in some)), list(sizes)
        )
        if raws:
            took_s = max(time.monotonic() - began, 0.001)
            self._bytes_per_s = max(SLOWEST_BYTES_PER_S, sum(map(len, raws.values())) / took_s)
        return raws

    def _affordable_bytes(self) -> int:
        """What a batch may hold and be here before the connection is cut: half a batch is worth nothing."""
        left_s = max(0.0, self.cut_at - time.monotonic())
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
