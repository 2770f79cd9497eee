"""The folders that an IMAP server has, and what it says each is for (RFC 6154)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from espomail.intake.connect import Refused, told_as_trouble
from espomail.reach import clean

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


def has_folder(client: "Client", folder: str) -> bool:
    """Whether there is such a folder, and not only as the way to others. May raise what imapclient does."""
    is_pattern = "%" in folder or "*" in folder  # as LIST takes it; else the server knows which names are one
    return any(
        not _words(told) & NO_MAIL and (not is_pattern or str(name) == folder)
        for told, _, name in client.list_folders("", folder)
    )


def need_folder(client: "Client", host: str, folder: str) -> None:
    """Make the folder where it is missing.

    Raises Refused where it cannot be made; may raise what imapclient does.
    """
    from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

    if has_folder(client, folder):
        return
    try:
        client.create_folder(folder)
    except IMAPClientAbortError:
        raise
    except IMAPClientError as refused:
        prefix = _prefix(client)
        hint = "" if folder.startswith(prefix) else f"; names of folders begin with {prefix} on this server"
        said = f"{host}: folder {folder} is missing and cannot be made: {clean(refused)}{hint}"
        raise Refused(said) from refused


def _prefix(client: "Client") -> str:
    """What the names of a user's own folders begin with (RFC 2342)."""
    own = client.namespace().personal if client.has_capability("NAMESPACE") else None
    return str(own[0][0]) if own else ""


def _words(flags: Iterable[bytes]) -> frozenset[str]:
    return frozenset(bytes(flag).decode("ascii", "replace").lstrip("\\").lower() for flag in flags)
