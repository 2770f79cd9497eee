"""The demo's mailboxes: a folder with one Maildir for each address, filled by its SMTP server."""

import os
import re
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Final

_ADDRESS: Final = re.compile(r"[a-z0-9_+=][a-z0-9._+=-]{0,63}@[a-z0-9][a-z0-9.-]{0,189}")
"""What may be a folder's name as well: no slash, no leading dot."""


class Mailboxes:
    """Whoever is written to has a mailbox here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has_room_for(self, address: str) -> bool:
        """Whether mail to the address can be taken."""
        return _ADDRESS.fullmatch(address.lower()) is not None

    def make(self, addresses: Iterable[str]) -> None:
        """Make a mailbox for each of them, if there is none."""
        for address in addresses:
            for part in ("tmp", "new", "cur"):
                (self.folder_of(address) / part).mkdir(mode=0o700, parents=True, exist_ok=True)

    def deliver(self, sender: str, recipient: str, raw: bytes, name: str) -> None:
        """Put a mail into a mailbox, under a name of its own, as a mail server does (RFC 5321 §4.4)."""
        self.make([recipient])
        head = (
            f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n"
            f"Received: by localhost (espomail demo) for <{recipient}>; {formatdate(localtime=True)}\r\n"
        )
        waiting = self.folder_of(recipient) / "tmp" / name
        waiting.write_bytes(head.encode("ascii", "replace") + raw)
        waiting.rename(self.folder_of(recipient) / "new" / name)

    def mails(self, address: str) -> list[bytes]:
        """What lies in the mailbox, the oldest first."""
        return [path.read_bytes() for path in self.files(address)]

    def files(self, address: str) -> Iterator[Path]:
        """The files of the mails, the oldest first."""
        found = (entry for part in ("new", "cur") for entry in os.scandir(self.folder_of(address) / part))
        for entry in sorted(found, key=lambda entry: entry.name):
            yield Path(entry.path)

    def folder_of(self, address: str) -> Path:
        """The Maildir of the address."""
        if not self.has_room_for(address):
            raise ValueError(f"{address!r} is no address of the demo")
        return self.folder / address.lower()
