"""Searching the selected folder of a server: what it has that is not here."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from espomail.intake.download import Download
from espomail.intake.messages import Known, Position, Recall
from espomail.intake.set_back import SetBack, is_anothers, is_given_again, is_the_same

if TYPE_CHECKING:
    from espomail.intake.wire import About, Client

LOOKED_BACK: Final = 1_000  # UIDs; the last message there must be the one that was read


class Found(NamedTuple):
    """What a folder has that is not here."""

    begun: Position
    since_day: date | None  # it was found by date
    uids: list[int]
    newest: datetime  # of what was found and is here, if anything is
    about_first: dict[int, "About"]


class Search:
    """Searches over one connection."""

    def __init__(self, client: "Client", download: Download) -> None:
        self._client = client
        self._download = download

    def uids(self, criteria: list[object], within: Sequence[int] | None = None) -> list[int]:
        """The UIDs that match, ascending."""
        found = {number(uid) for uid in self._client.search(criteria)}
        return sorted(found if within is None else found.intersection(within))

    def new(
        self,
        uidvalidity: int,
        uid_next: int,
        position: Position,
        *,
        since: date,
        limit: int,
        now: datetime,
        recall: Recall,
        besides: Sequence[int] = (),
    ) -> Found:
        """What the selected folder has that is not here, and `besides`. Raises SetBack."""
        is_going_on = position.uidvalidity == uidvalidity
        if is_going_on and 0 < uid_next <= position.last_uid:
            raise SetBack(f"its next UID is {uid_next}, but UIDs up to {position.last_uid} have been read")
        begun, since_day = position.begin(uidvalidity, since, now)
        criteria: list[object] = (
            ["SINCE", since_day] if since_day else ["UID", f"{max(1, begun.last_uid - LOOKED_BACK)}:*"]
        )
        found = sorted({*self.uids(criteria), *besides})
        read, above = _split(found, begun.last_uid)
        known = recall(uidvalidity, min([*read[-1:], *above])) if found else {}
        sure = {uid for uid in above if uid in known and is_going_on and not known[uid].is_former}
        last_read = max([*read[-1:], *sure], default=0) if is_going_on else 0
        here = sure | self._unchanged({uid: known[uid] for uid in above if uid in known and uid not in sure})
        uids = [uid for uid in above if uid not in here]
        newest = max([midnight(since), *(known[uid].received_at for uid in here)])
        at_first = [uid for uid in uids if uid not in begun.suspects]
        about = self._download.about_first((at_first or uids)[:limit], besides=last_read)
        if last_read in about and is_given_again(
            about[last_read], known.get(last_read), begun.last_date, wanted_since=midnight(since)
        ):
            raise SetBack(is_anothers(last_read), above)
        return Found(begun, since_day, uids, newest, about)

    def _unchanged(self, known: Mapping[int, Known]) -> set[int]:
        """Those that still are the messages that the journal has under their UIDs."""
        about = self._download.about(list(known))
        return {uid for uid, one in known.items() if uid in about and is_the_same(about[uid], one)}


def nothing_known(_uidvalidity: int, _from_uid: int) -> Mapping[int, Known]:
    """What is recalled where there is no journal."""
    return {}


def midnight(day: date) -> datetime:
    """The beginning of the day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def number(told: bytes | int) -> int:
    """A number as IMAP has it (RFC 3501 §9). Raises ValueError for any other."""
    found = int(told)
    if not 0 <= found < 2**32:
        raise ValueError(f"{found} is more than 32 bits")
    return found


def _split(uids: list[int], last_uid: int) -> tuple[list[int], list[int]]:
    """Those up to this UID, and those above it."""
    place = bisect_right(uids, last_uid)
    return uids[:place], uids[place:]
