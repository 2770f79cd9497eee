"""How a folder's position advances while its messages come: never past one that is still to come."""

from collections.abc import Sequence

from msgspec.structs import replace

from espomail.intake.download import Part
from espomail.intake.messages import Batch
from espomail.intake.search import Found


class Advance:
    """The position in a folder while what was found there is read: the suspects, or all others."""

    def __init__(self, found: Found, uid_next: int, *, suspects_only: bool) -> None:
        self.withheld: list[int] = []
        self._found = found
        self._uid_next = uid_next
        self._suspects_only = suspects_only
        self._suspects = [uid for uid in found.begun.suspects if uid in found.uids]
        self._others = [uid for uid in found.uids if uid not in self._suspects]
        self._position = replace(found.begun, suspects=tuple(self._suspects))
        self._newest = found.newest
        self._read_to = found.begun.last_uid
        self._left = len(found.uids)

    @property
    def rounds(self) -> list[list[int]]:
        """What is to be asked for, in this order: each suspect alone."""
        return [[uid] for uid in self._suspects] if self._suspects_only else [self._others]

    def nothing_new(self) -> Batch:
        """All that was found is here."""
        return Batch([], self._position.moved(self._uid_next - 1, self._newest), 0)

    def after(self, part: Part, withheld: Sequence[int]) -> Batch:
        """These messages have come, and of what was asked for the server has withheld some."""
        self.withheld += withheld
        self._left -= len(part.messages) + len(part.not_given)
        self._read_to = max(self._read_to, part.last_uid)
        self._newest = max([self._newest, *(message.internal_date for message in part.messages)])
        if self._suspects_only:
            self._suspects.remove(part.last_uid)
        is_by_date = self._found.since_day is not None
        if is_by_date and not self._left and not self.withheld:  # above the last one there is only older mail
            moved = self._position.moved(max(self._read_to, self._uid_next - 1), self._newest)
        else:
            to_come = [*self.withheld, *self._suspects, *(self._others if self._suspects_only else ())]
            up_to = min([self._read_to, *(uid - 1 for uid in to_come)])
            moved = self._position.moved(up_to, None if is_by_date else self._newest)
        self._position = replace(moved, suspects=tuple(self._suspects))
        return Batch(part.messages, self._position, len(self.withheld) + self._left)

    def broke_over(self, in_hand: Sequence[int]) -> Batch:
        """The connection broke over these messages: from now on each is asked for alone, and last."""
        suspects = [*(uid for uid in self._suspects if uid not in in_hand), *in_hand]
        position = replace(self._position, suspects=tuple(suspects))
        return Batch([], position, len(self.withheld) + self._left, breaks_off=True)
