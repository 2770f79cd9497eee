"""What every section of the configuration has in common."""

from msgspec import Struct


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One mapping of the file. An unknown key in it is a fault."""
