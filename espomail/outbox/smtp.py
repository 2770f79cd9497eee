"""Handing a message to an SMTP server. The server's answer is judged once, here: for good, or for now.

What cannot be told is temporary. Only when the connection dies between the end of the message and the answer
to it does nobody know whether the message is on its way.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from espomail.config.schema import Smtp
from espomail.outbox.connect import answer, connect, log_in, new_client, told_as_trouble
from espomail.reach import SILENCE_S, SLOWEST_BYTES_PER_S, Watch, clean, watched

if TYPE_CHECKING:
    from smtplib import SMTP

TAKEN: Final = (250, 251)
GOING_AWAY: Final = 421
VERDICT_S: Final = 28.0  # how long a server may look at a whole message, so that a run ends in time
PATIENCE: Final = 2  # an answer in small pieces may take so many times as long as a silence

# What goes into MAIL and RCPT as it is. smtplib would make `<a>` of `a,b@example.com`: somebody else.
_SENDABLE: Final = re.compile(r'(?:"[ !#-;=?-\[\]-~]+"|[!#-;=?-~]+)@[!-;=?-~]+')
_BARE: Final = re.compile(rb"\r\n|\r|\n")


class Refused(msgspec.Struct, frozen=True):
    """The server has not taken the message, or not for these recipients; `is_temporary`: perhaps later."""

    said: str
    is_temporary: bool
    recipients: tuple[str, ...] = ()


class Accepted(msgspec.Struct, frozen=True):
    """The server has taken the message, for all recipients but those of `refused`."""

    refused: tuple[Refused, ...] = ()


class InDoubt(msgspec.Struct, frozen=True):
    """The connection died after the message and before the answer to it."""

    said: str


Delivery = Accepted | Refused | InDoubt


class Courier:
    """A connection to one SMTP server, for several messages."""

    def __init__(self, client: "SMTP", watch: Watch, timeout_s: float, verdict_s: float) -> None:
        self._client = client
        self._watch = watch
        self._timeout_s = timeout_s
        self._verdict_s = verdict_s

    @property
    def is_open(self) -> bool:
        """Whether the server still listens on this connection."""
        return self._client.sock is not None

    def deliver(self, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> Delivery:
        """Hand one message over. An empty envelope sender is the null reverse-path (RFC 5321 §4.5.5)."""
        try:
            return self._deliver(envelope_sender, recipients, raw)
        finally:
            self._watch.stop()

    def _deliver(self, sender: str, recipients: Sequence[str], raw: bytes) -> Delivery:
        import smtplib

        try:
            refused = self._envelope(sender, recipients)
            if not isinstance(refused, Refused):
                code, said = self._ask("DATA")
                if code == 354:
                    self._send(_as_data(raw))
                else:
                    refused = self._refusal(code, said)
        except (smtplib.SMTPException, OSError, ValueError) as trouble:
            return Refused(f"the connection broke: {clean(trouble)}", is_temporary=True)
        if isinstance(refused, Refused):
            self._forget()
            return refused
        try:
            code, said = self._client.getreply()
        except (smtplib.SMTPException, OSError) as trouble:
            return InDoubt(f"no answer after the message: {clean(trouble)}")
        return Accepted(refused) if code in TAKEN else self._refusal(code, said)

    def _envelope(self, sender: str, recipients: Sequence[str]) -> tuple[Refused, ...] | Refused:
        """Name sender and recipients; gives the refused recipients, or the refusal of all of it."""
        if not recipients:
            return Refused("there is no recipient", is_temporary=False)
        if sender and (unsendable := _unsendable(sender)):
            return unsendable
        body = " BODY=8BITMIME" if self._client.has_extn("8bitmime") else ""
        code, said = self._ask("MAIL", f"FROM:<{sender}>{body}")
        if code not in TAKEN:
            return self._refusal(code, said)
        refused = [one for one in map(self._name_recipient, recipients) if one is not None]
        if len(refused) < len(recipients) and self.is_open:
            return tuple(refused)
        return next((one for one in refused if one.is_temporary), refused[0])

    def _name_recipient(self, recipient: str) -> Refused | None:
        if unsendable := _unsendable(recipient):
            return unsendable
        if not self.is_open:
            return Refused("the server has hung up", is_temporary=True, recipients=(recipient,))
        code, said = self._ask("RCPT", f"TO:<{recipient}>")
        return None if code in TAKEN else self._refusal(code, said, recipient)

    def _ask(self, verb: str, argument: str = "") -> tuple[int, bytes]:
        self._watch.allow(PATIENCE * self._timeout_s)
        return self._client.docmd(verb, argument)

    def _send(self, data: bytes) -> None:
        """Send the message; from then on the server may take its time."""
        sending_s = self._timeout_s + len(data) / SLOWEST_BYTES_PER_S
        self._watch.allow(sending_s + self._verdict_s)
        if self._client.sock is not None:
            self._client.sock.settimeout(sending_s)
        self._client.send(data)
        if self._client.sock is not None:
            self._client.sock.settimeout(self._verdict_s)

    def _forget(self) -> None:
        """Let the server forget a message that will not come; its answer changes nothing."""
        import smtplib

        with suppress(smtplib.SMTPException, OSError):
            self._ask("RSET")

    def _refusal(self, code: int, said: bytes, recipient: str | None = None) -> Refused:
        """5xx is for good; 4xx, and whatever cannot be read, is for now. After 421 the server is gone."""
        if code == GOING_AWAY:
            self._client.close()
        recipients = (recipient,) if recipient is not None else ()
        return Refused(answer(code, said), not 500 <= code < 600, recipients)


@contextmanager
def open_courier(
    smtp: Smtp, secret: str | None, *, timeout_s: float = SILENCE_S, verdict_s: float = VERDICT_S
) -> Iterator[Courier]:
    """A courier to the server, encrypted and signed in as the configuration asks, closed at the end.

    `timeout_s` is how long the server may be silent, `verdict_s` how long after a whole message. Raises
    ServerTrouble, or LoginRefused.
    """
    import smtplib

    with watched(PATIENCE * timeout_s, f"{smtp.host}:{smtp.port}") as watch:
        client = new_client(smtp, timeout_s)
        watch.over(client)
        try:
            with told_as_trouble(smtp):
                connect(client, smtp)
                if secret is not None:
                    log_in(client, smtp, secret)
            watch.stop()
            yield Courier(client, watch, timeout_s, verdict_s)
        finally:
            watch.allow(timeout_s)
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()


def _unsendable(address: str) -> Refused | None:
    """The refusal of an address that no server is asked about."""
    if _SENDABLE.fullmatch(address):
        return None
    said = "has letters that not every server takes" if not address.isascii() else "is no e-mail address"
    return Refused(f"{clean(address)} {said}", is_temporary=False, recipients=(address,))


def _as_data(raw: bytes) -> bytes:
    """The message as DATA wants it: lines beginning with a dot get one more, a lone dot ends it (§4.5.2).

    All lines end in CRLF: after a bare CR or LF some servers would see the end of the message in a dot.
    """
    if not raw.count(b"\r\n") == raw.count(b"\r") == raw.count(b"\n"):
        raw = _BARE.sub(b"\r\n", raw)
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")
