"""What every section of the configuration has in common."""

from typing import ClassVar

from msgspec import Struct

MASK = "********"


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One mapping of the file. An unknown key in it is a fault."""

    MASKED: ClassVar[tuple[str, ...]] = ()  # the keys whose values are secrets

    def is_masked(self, name: str) -> bool:
        """Whether there is a value for this key that nobody may be shown."""
        return name in self.MASKED and getattr(self, name) is not None

    def __repr__(self) -> str:
        shown = (
            f"{name}={MASK if self.is_masked(name) else repr(getattr(self, name))}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"
