"""News for people: each is told once, or twice where a run is killed at that very moment."""

from itertools import chain

from msgspec import Struct

from espomail.store import write
from espomail.store.changes import Changes
from espomail.store.connection import writing


class News(Struct, frozen=True):
    """Lines for people, and what is to be written once they have been told, but no sooner."""

    lines: tuple[str, ...]
    changes: Changes

    @classmethod
    def of(cls, *several: "News") -> "News":
        """All of them together."""
        lines = chain.from_iterable(one.lines for one in several)
        return cls(tuple(lines), tuple(chain.from_iterable(one.changes for one in several)))

    def are_told(self) -> None:
        """Remember that people have heard."""
        if self.changes:
            with writing():
                write.apply(self.changes)
