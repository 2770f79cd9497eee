"""Row ids, given out before the write so that the rows of one batch can point at each other."""

from espomail.store.changes import Changes, put
from espomail.store.models import NUMBERED, Counter, Numbered


class Ids:
    """The last id of each numbered table. Take a `copy` to try something out and drop it when it fails."""

    def __init__(self, last: dict[type[Numbered], int]) -> None:
        self._last = last

    @classmethod
    def load(cls) -> "Ids":
        """Only inside the writing transaction: nobody else may give out ids meanwhile."""
        known = {counter.table: counter.last for counter in Counter.select()}
        return cls({model: known.get(model._meta.table_name, 0) for model in NUMBERED})

    def copy(self) -> "Ids":
        return Ids(dict(self._last))

    def next(self, model: type[Numbered]) -> int:
        self._last[model] += 1
        return self._last[model]

    def changes(self) -> Changes:
        """What has to be written so that no id is given out again."""
        return tuple(
            put(Counter, table=model._meta.table_name, last=last)
            for model, last in self._last.items()
            if last
        )
