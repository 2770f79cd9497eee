"""An SMTP server that says what a test wants it to say: the replies that a real one will not give on demand.

Held to the same tests as the real Postfix (`test_smtp_contract.py`), so that it cannot drift away from it.
"""

import socket
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

from tests.servers.listener import Listener, reset_when_closed

ACCEPTS = {
    "GREETING": "220 scripted.example ESMTP",
    "EHLO": "250-scripted.example\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "END": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "NOOP": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
    "OTHER": "502 5.5.2 what?",
}
NO_SENDER = "503 5.5.1 MAIL first"
NO_RECIPIENTS = "554 5.5.1 no valid recipients"
DROP = "drop"  # instead of a reply: the connection is closed
RESET = "reset"  # instead of a reply: the connection is torn down
SILENCE = "silence"  # instead of a reply: nothing, for ever
DRIP = "drip"  # instead of a reply: a reply without end, line by line


class Received(NamedTuple):
    """A message that the server has taken, with its envelope."""

    sender: str
    recipients: list[str]
    raw: bytes


class ScriptedSmtp(Listener):
    """Start it with `with`. `answers("RCPT", "450 later")` gives that reply once, instead of accepting."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Received] = []
        self.verbs: list[str] = []
        self.arguments = ""  # of all commands
        self.reads_messages = True  # otherwise so slowly that none ever comes to its end
        self.hangs_up = False  # after each message
        self._script: defaultdict[str, deque[str]] = defaultdict(deque)
        self._refused: dict[str, str] = {}

    def answers(self, stage: str, *replies: str) -> None:
        """The next replies at GREETING, EHLO, AUTH, MAIL, RCPT, DATA, END (after the message), OTHER, …"""
        assert stage in ACCEPTS
        self._script[stage].extend(replies)

    def refuses(self, recipient: str, reply: str) -> None:
        """Give this reply at RCPT whenever it is asked about this recipient."""
        self._refused[recipient] = reply

    def serve(self, connection: socket.socket) -> None:
        sender: str | None = None
        recipients: list[str] = []
        with connection.makefile("rb") as lines:
            if not self._reply(connection, "GREETING"):
                return
            for line in lines:
                verb = line.split(b" ")[0].strip().decode("ascii", "replace").upper()
                self.verbs.append(verb)
                self.arguments += line.partition(b" ")[2].decode("utf-8", "replace")
                stage = "EHLO" if verb == "HELO" else verb if verb in ACCEPTS else "OTHER"
                address = line.partition(b"<")[2].partition(b">")[0].decode("utf-8", "replace")
                otherwise = None
                if stage == "RCPT":
                    otherwise = self._refused.get(address)
                elif stage == "DATA" and not recipients:
                    otherwise = NO_SENDER if sender is None else NO_RECIPIENTS
                reply = self._reply(connection, stage, otherwise)
                if reply is None or stage == "QUIT":
                    return
                if stage == "MAIL":
                    sender, recipients = address, []
                elif stage == "RSET":
                    sender, recipients = None, []
                elif stage == "RCPT" and reply.startswith("2"):
                    recipients.append(address)
                elif stage == "DATA" and reply.startswith("354"):
                    while not self.reads_messages and not self.is_over.wait(0.05):
                        connection.recv(1)
                    raw = _message(lines)
                    if raw is None:
                        return
                    end = self._reply(connection, "END")
                    if end is not None and end.startswith("2"):
                        self.received.append(Received(sender or "", recipients, raw))
                    if end is None or self.hangs_up:
                        return
                    sender, recipients = None, []

    def _reply(self, connection: socket.socket, stage: str, otherwise: str | None = None) -> str | None:
        script = self._script[stage]
        reply = script.popleft() if script else otherwise or ACCEPTS[stage]
        if reply == RESET:
            reset_when_closed(connection)
        if reply in {DROP, RESET}:
            return None
        while reply == DRIP and not self.is_over.wait(0.05):
            connection.sendall(b"250-more\r\n")
        if reply == SILENCE:
            self.is_over.wait()
            return None
        connection.sendall(f"{reply}\r\n".encode())
        return reply


def _message(lines: Iterable[bytes]) -> bytes | None:
    """A message up to the dot that ends it; None when the connection ends before."""
    raw = b""
    for line in lines:
        if line == b".\r\n":
            return raw
        raw += line.removeprefix(b".") if line.startswith(b"..") else line
    return None
