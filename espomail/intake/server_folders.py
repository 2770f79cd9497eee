"""The folders that an IMAP server has, and what it says each is for (RFC 6154)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from espomail.intake.connect import told_as_trouble

if TYPE_CHECKING:
    from espomail.intake.wire import Client

SPECIAL_USES: Final = ("all", "archive", "drafts", "flagged", "important", "junk", "sent", "trash")
NO_MAIL: Final = frozenset({"noselect", "nonexistent"})


class ServerFolder(Struct, frozen=True):
    """A folder of a server. `special_use` is None where the server tells none."""

    name: str
    special_use: str | None
    holds_mail: bool


def server_folders(client: "Client", host: str) -> list[ServerFolder]:
    """All folders, by name. Raises ServerTrouble."""
    with told_as_trouble(f"{host}: listing folders"):
        flags = {str(name): _words(told) for told, _, name in client.list_folders()}
        if client.has_capability("SPECIAL-USE"):
            for told, _, name in client.special_folders():
                flags[str(name)] = flags.get(str(name), frozenset()) | _words(told)
    return [
        ServerFolder(name, next((use for use in SPECIAL_USES if use in words), None), not words & NO_MAIL)
        for name, words in sorted(flags.items())
    ]


def _words(flags: Iterable[bytes]) -> frozenset[str]:
    return frozenset(bytes(flag).decode("ascii", "replace").lstrip("\\").lower() for flag in flags)
