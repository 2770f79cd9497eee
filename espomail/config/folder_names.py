"""The names of folders: a mail server's, and those in which people have their mail here."""

from typing import Final

OF_EVERYBODY: Final = ("inbox", "sent", "archive", "trash")


def folder_name(name: str) -> str:
    """The name by which a folder is known here: INBOX in whatever letters is one folder (RFC 9051 §5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name
