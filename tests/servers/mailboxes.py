"""Mailboxes on a private IMAP server, whichever it is: what tests put into them, and find there."""

import imaplib
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.servers.ports import HOST

PASSWORD = "correct-horse-battery"


class Mailboxes:
    """A server on loopback ports, with one password for all. `ca_file` is what a client has to trust."""

    password = PASSWORD
    separator = "/"
    prefix = ""  # of the names of all folders but INBOX
    folder: Path  # of all that the server keeps
    imap_port: int
    imaps_port: int
    ca_file: Path

    def add_user(self, user: str) -> None:
        """Let a user sign in, where the server does not know everybody."""

    def name(self, *path: str) -> str:
        """A folder's name as this server has it: `"Box"`, or the way to it, `"Box", "Sub"`."""
        return self.prefix + self.separator.join(path)

    def mail_of(self, user: str) -> Path:
        """Where the server keeps a user's mail, and maybe others'."""
        raise NotImplementedError

    def back_up(self, user: str) -> Path:
        """A copy of a user's mail as it is now, with all that the server knows of it."""
        self.messages(user)  # makes what is not there yet
        copy = Path(tempfile.mkdtemp(prefix="backup-", dir=self.folder))
        subprocess.run(["cp", "-a", f"{self.mail_of(user)}/.", copy], check=True)
        return copy

    def set_back(self, user: str, copy: Path) -> None:
        """Put a copy in the place of a user's mail, as an administrator does after a crash."""
        shutil.rmtree(self.mail_of(user))
        subprocess.run(["cp", "-a", copy, self.mail_of(user)], check=True)

    def client(self, user: str) -> imaplib.IMAP4:
        """A signed-in connection, for what the methods below do not do."""
        self.add_user(user)
        client = imaplib.IMAP4(HOST, self.imap_port, timeout=30)
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms for each APPEND to Cyrus
        client.login(user, PASSWORD)
        return client

    def deliver(
        self,
        user: str,
        *raws: bytes,
        folder: str = "INBOX",
        at: datetime | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        """Put messages into a folder; `at` is their INTERNALDATE (default: now)."""
        when = at or datetime.now(UTC)
        self.deliver_dated(user, [(when, raw) for raw in raws], folder=folder, flags=flags)

    def deliver_dated(
        self,
        user: str,
        messages: Iterable[tuple[datetime, bytes]],
        *,
        folder: str = "INBOX",
        flags: Sequence[str] = (),
    ) -> None:
        """Put messages into a folder, each with its INTERNALDATE."""
        client = self.client(user)
        for when, raw in messages:
            date = imaplib.Time2Internaldate(when.timestamp())
            status, answer = client.append(f'"{folder}"', f"({' '.join(flags)})", date, raw)
            assert status == "OK", answer
        client.logout()

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """The raw messages of a folder, the oldest first."""
        return [
            answer[1] for answer in self._fetch(user, folder, "(BODY.PEEK[])") if isinstance(answer, tuple)
        ]

    def flags(self, user: str, folder: str = "INBOX") -> list[set[str]]:
        r"""The flags of each message of a folder, `\Recent` left out."""
        found = [imaplib.ParseFlags(answer) for answer in self._fetch(user, folder, "(FLAGS)")]
        return [{flag.decode() for flag in flags} - {r"\Recent"} for flags in found]

    def _fetch(self, user: str, folder: str, items: str) -> list[Any]:
        client = self.client(user)
        status, (number,) = client.select(f'"{folder}"', readonly=True)
        assert status == "OK", number
        answers = client.fetch("1:*", items)[1] if number != b"0" else []
        client.logout()
        return answers

    def command(self, user: str, *command: str, folder: str | None = None) -> None:
        """One command of imaplib's, as `"create", "Archive"`; with a folder, that is selected first."""
        client = self.client(user)
        if folder is not None:
            client.select(f'"{folder}"')
        status, answer = getattr(client, command[0])(*command[1:])
        assert status == "OK", answer
        client.logout()
