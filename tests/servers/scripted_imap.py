"""An IMAP server that misbehaves as a test wants: what a real one will not do on demand.

It knows one folder with one message, and answers as a real server would until it is told otherwise.
"""

import re
import socket

from tests.servers.listener import Listener

DROP = b"drop"  # instead of an answer: the connection is closed
SILENCE = b"silence"  # instead of an answer: nothing, for ever
DRIP = b"drip"  # the rest of the answer comes in single bytes, for ever
MESSAGE = b"From: a@b.example\r\nSubject: x\r\n\r\nhello\r\n"

ANSWERS = {
    "GREETING": b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
    "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n",
    "LOGIN": b"{tag} OK done\r\n",
    "STATUS": b'* STATUS "INBOX" (UIDVALIDITY 7 UIDNEXT 2)\r\n{tag} OK done\r\n',
    "LIST": b'* LIST () "/" "INBOX"\r\n{tag} OK done\r\n',
    "EXAMINE": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n{tag} OK [READ-ONLY] done\r\n",
    "SEARCH": b"* SEARCH 1\r\n{tag} OK done\r\n",
    "ABOUT": b'* 1 FETCH (UID 1 FLAGS () INTERNALDATE "24-Nov-2026 10:00:00 +0000" RFC822.SIZE 44)\r\n'
    b"{tag} OK done\r\n",
    "BODY": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n{tag} OK done\r\n" % (len(MESSAGE), MESSAGE),
    "NOOP": b"{tag} OK done\r\n",
    "LOGOUT": b"* BYE\r\n{tag} OK done\r\n",
}


class ScriptedImap(Listener):
    """Start it with `with`. `answers("LOGIN", b"{tag} NO ...")` replaces an answer for good."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = dict(ANSWERS)
        self._special: list[tuple[str, str, bytes]] = []
        self._heard: list[bytes] = []

    @property
    def heard(self) -> bytes:
        """All commands so far."""
        return b"".join(self._heard)

    def answers(self, stage: str, answer: bytes, to: str | None = None) -> None:
        """What is said at one of the stages of `ANSWERS`; `{tag}` stands for the command's.

        With `to`: only to commands that hold these words.
        """
        assert stage in ANSWERS
        if to is None:
            self._answers[stage] = answer
        else:
            self._special.append((stage, to, answer))

    def serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            if not self._say(connection, "GREETING", b""):
                return
            for line in lines:
                self._heard.append(line)
                tag, _, command = line.partition(b" ")
                if not self._say(connection, _stage_of(command.decode()), tag, command.decode()):
                    return

    def _say(self, connection: socket.socket, stage: str, tag: bytes, command: str = "") -> bool:
        usual = self._answers.get(stage, b"{tag} BAD what?\r\n")
        special = (answer for at, to, answer in self._special if at == stage and to in command)
        answer = next(special, usual)
        if answer == SILENCE:
            self.is_over.wait()
            return False
        if answer == DROP:
            return False
        whole, drips, _ = answer.partition(DRIP)
        whole, cut, _ = whole.partition(DROP)
        connection.sendall(whole.replace(b"{tag}", tag))
        while drips and not self.is_over.wait(0.05):
            connection.sendall(b"x")
        return not cut and stage != "LOGOUT"


def _stage_of(command: str) -> str:
    words = re.sub(r"^UID ", "", command.upper())
    if words.startswith("FETCH"):
        return "ABOUT" if "RFC822.SIZE" in words else "BODY"
    if words.startswith("AUTHENTICATE"):
        return "LOGIN"
    return words.split()[0]
