"""Handing a message to an SMTP server. The server's answer is judged once, here: for good, or for now.

What cannot be told is temporary. Only when the connection dies between the end of the message and the answer
to it does nobody know whether the message is on its way.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from espomail.config.schema import Smtp
from espomail.errors import LoginRefused, ServerTrouble
from espomail.reach import SILENCE_S, clean, no_starttls, reaching, tls_context

if TYPE_CHECKING:
    from smtplib import SMTP

TAKEN: Final = (250, 251)
GOING_AWAY: Final = 421


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

    def __init__(self, client: "SMTP") -> None:
        self._client = client

    @property
    def is_open(self) -> bool:
        """Whether the server still listens on this connection."""
        return self._client.sock is not None

    def deliver(self, envelope_sender: str, recipients: Sequence[str], raw: bytes) -> Delivery:
        """Hand one message over. An empty envelope sender is the null reverse-path (RFC 5321 §4.5.5)."""
        import smtplib

        try:
            refused = self._envelope(envelope_sender, recipients)
            if isinstance(refused, Refused):
                self._client.rset()
                return refused
            code, said = self._client.docmd("DATA")
            if code != 354:
                return self._refusal(code, said)
            self._client.send(_as_data(raw))
        except (smtplib.SMTPException, OSError, ValueError) as trouble:
            return Refused(f"the connection broke: {clean(trouble)}", is_temporary=True)
        try:
            code, said = self._client.getreply()
        except (smtplib.SMTPException, OSError) as trouble:
            return InDoubt(f"no answer after the message: {clean(trouble)}")
        return Accepted(refused) if code in TAKEN else self._refusal(code, said)

    def _envelope(self, sender: str, recipients: Sequence[str]) -> tuple[Refused, ...] | Refused:
        """Name sender and recipients; gives the refused recipients, or the refusal of all of it."""
        unsendable = [one for one in (sender, *recipients) if not one.isascii()]
        if unsendable:
            return Refused(f"{unsendable[0]} has letters that not every server takes", is_temporary=False)
        options = ["BODY=8BITMIME"] if self._client.has_extn("8bitmime") else []
        code, said = self._client.mail(sender, options)
        if code not in TAKEN:
            return self._refusal(code, said)
        refused: list[Refused] = []
        for recipient in recipients:
            code, said = self._client.rcpt(recipient)
            if code not in TAKEN:
                refused.append(self._refusal(code, said, recipient))
        if len(refused) < len(recipients):
            return tuple(refused)
        return next((one for one in refused if one.is_temporary), refused[0])

    def _refusal(self, code: int, said: bytes, recipient: str | None = None) -> Refused:
        """5xx is for good; 4xx, and whatever cannot be read, is for now. After 421 the server is gone."""
        if code == GOING_AWAY:
            self._client.close()
        recipients = (recipient,) if recipient is not None else ()
        return Refused(_answer(code, said), not 500 <= code < 600, recipients)


@contextmanager
def open_courier(smtp: Smtp, secret: str | None, *, timeout_s: float = SILENCE_S) -> Iterator[Courier]:
    """A courier to the server, encrypted and signed in as the configuration asks, closed at the end.

    Raises ServerTrouble, or LoginRefused.
    """
    import smtplib

    where = f"{smtp.host}:{smtp.port}"
    try:
        with reaching(smtp):
            client = _connect(smtp, timeout_s)
            if secret is not None:
                _log_in(client, smtp, secret)
    except smtplib.SMTPServerDisconnected as trouble:
        raise ServerTrouble(f"{where}: the server broke off: {clean(trouble)}") from trouble
    except smtplib.SMTPResponseException as trouble:
        is_temporary = not 500 <= trouble.smtp_code < 600
        raise ServerTrouble(
            f"{where}: the server said: {_answer(trouble.smtp_code, trouble.smtp_error)}",
            is_temporary=is_temporary,
        ) from trouble
    except (smtplib.SMTPException, ValueError) as trouble:
        raise ServerTrouble(f"{where}: the server said: {clean(trouble)}") from trouble
    try:
        yield Courier(client)
    finally:
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _connect(smtp: Smtp, timeout_s: float) -> "SMTP":
    import smtplib

    port = smtp.port or 0
    if smtp.security == "tls":
        return smtplib.SMTP_SSL(smtp.host, port, _own_name(), timeout=timeout_s, context=tls_context(smtp))
    client = smtplib.SMTP(smtp.host, port, _own_name(), timeout=timeout_s)
    if smtp.security == "starttls":
        client.ehlo_or_helo_if_needed()
        if not client.has_extn("starttls"):
            client.close()
            raise no_starttls(smtp)
        client.starttls(context=tls_context(smtp))
    client.ehlo_or_helo_if_needed()
    return client


def _log_in(client: "SMTP", smtp: Smtp, secret: str) -> None:
    import smtplib

    try:
        client.login(smtp.username or "", secret)
    except smtplib.SMTPAuthenticationError as refused:
        said = _answer(refused.smtp_code, refused.smtp_error).replace(secret, "********")
        if 400 <= refused.smtp_code < 500:
            raise ServerTrouble(f"{smtp.host}: no sign-in for now: {said}") from None
        raise LoginRefused(f"{smtp.host}: login of {smtp.username} refused: {said}") from None


def _answer(code: int, said: bytes | str) -> str:
    return f"{code} {clean(said)}" if code > 0 else f"an answer without a code: {clean(said)}"


def _as_data(raw: bytes) -> bytes:
    """The message as DATA wants it: lines beginning with a dot get one more, a lone dot ends it (§4.5.2)."""
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def _own_name() -> str:
    """Our name for EHLO without asking DNS, which may be slow: an address literal if we have no domain."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
