"""One connection to an SMTP server, on which nothing lasts longer than it may."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING, Final

from espomail.config.schema import Smtp
from espomail.errors import ServerTrouble
from espomail.outbox.connect import connect, in_words, new_client, told_as_trouble
from espomail.outbox.login import log_in
from espomail.reach import SLOWEST_BYTES_PER_S, Watch, watched
from espomail.sign_in.token import Token

if TYPE_CHECKING:
    from smtplib import SMTP

PATIENCE: Final = 2  # an answer in small pieces may take so many times as long as a silence


class Line:
    """A connection that is signed in. `ends_at` is a moment of the monotonic clock, in seconds; it may move.

    When the server or the network breaks it, or the time is over, ServerTrouble is raised, and it is closed.
    """

    def __init__(self, client: "SMTP", watch: Watch, ends_at: float, timeout_s: float) -> None:
        self._client = client
        self._watch = watch
        self._timeout_s = timeout_s
        self.ends_at = ends_at
        self.is_fresh = True  # no message was begun on it

    @property
    def is_open(self) -> bool:
        """Whether the server still listens, as far as we know."""
        return self._client.sock is not None

    def offers(self, extension: str) -> bool:
        """Whether the server has told so in its greeting."""
        return self._client.has_extn(extension)

    def ask(self, verb: str, argument: str = "") -> tuple[int, bytes]:
        """Say something (in UTF-8), and give the server's answer."""
        with self._at_most(self._timeout_s, PATIENCE):
            self._client.command_encoding = "utf-8"
            return self._client.docmd(verb, argument)

    def send(self, data: bytes) -> None:
        """Send a part of a message."""
        with self._at_most(self._timeout_s + len(data) / SLOWEST_BYTES_PER_S):
            self._client.send(data)

    def verdict(self) -> tuple[int, bytes]:
        """The server's answer to a message, for which it may take all the time that there is."""
        with self._at_most(inf):
            return self._client.getreply()

    def say_goodbye(self, time_s: float) -> None:
        """Leave; what the server makes of that changes nothing."""
        self.ends_at = time.monotonic() + time_s
        with suppress(ServerTrouble):
            self.ask("QUIT")
        self.close()

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _at_most(self, time_s: float, patience: int = 1) -> Iterator[None]:
        """Hold what is done to that time: each silence, and `patience` times as long altogether."""
        import smtplib

        left_s = max(0.01, self.ends_at - time.monotonic())
        if self._client.sock is not None:
            self._client.sock.settimeout(min(time_s, left_s))
        self._watch.allow(min(patience * time_s, left_s))
        try:
            yield
        except (smtplib.SMTPException, OSError, ValueError) as trouble:
            self.close()
            if self._watch.has_cut or isinstance(trouble.__context__, TimeoutError):
                raise ServerTrouble("the server does not answer in time") from trouble
            raise ServerTrouble(f"the connection broke: {in_words(trouble)}") from trouble
        finally:
            self._watch.stop()


def open_line(smtp: Smtp, secret: str | Token | None, *, ends_at: float, timeout_s: float) -> Line:
    """Connect, encrypted and signed in as the configuration asks. Raises ServerTrouble, or LoginRefused.

    `timeout_s` is how long the server may be silent.
    """
    most_s = max(0.01, min(PATIENCE * timeout_s, ends_at - time.monotonic()))
    with watched(most_s, f"{smtp.host}:{smtp.port}") as watch:
        client = new_client(smtp, min(timeout_s, most_s))
        try:
            with told_as_trouble(smtp):
                connect(client, smtp, watch)
                if secret is not None:
                    log_in(client, smtp, secret)
        except BaseException:
            client.close()
            raise
    return Line(client, watch, ends_at, timeout_s)
