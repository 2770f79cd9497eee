"""Connecting to an SMTP server and signing in."""

import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from espomail.config.schema import Smtp
from espomail.errors import LoginRefused, ServerTrouble
from espomail.reach import clean, no_starttls, reaching, tls_context

if TYPE_CHECKING:
    from smtplib import SMTP


@contextmanager
def told_as_trouble(smtp: Smtp) -> Iterator[None]:
    """Whatever the server or the network does while we connect becomes a ServerTrouble."""
    import smtplib

    where = f"{smtp.host}:{smtp.port}"
    with reaching(smtp):
        try:
            yield
        except smtplib.SMTPServerDisconnected as trouble:  # an OSError too, as all that smtplib raises
            raise ServerTrouble(f"{where}: the server broke off: {clean(trouble)}") from trouble
        except smtplib.SMTPResponseException as trouble:
            said = f"{where}: the server said: {answer(trouble.smtp_code, trouble.smtp_error)}"
            raise ServerTrouble(said, is_temporary=not 500 <= trouble.smtp_code < 600) from trouble
        except smtplib.SMTPException as trouble:
            raise ServerTrouble(f"{where}: the server said: {clean(trouble)}") from trouble
        except ssl.SSLError:  # some of them are ValueErrors; `reaching` tells them
            raise
        except ValueError as trouble:
            raise ServerTrouble(f"{where}: the server said: {clean(trouble)}") from trouble


def new_client(smtp: Smtp, timeout_s: float) -> "SMTP":
    """Not yet connected, so that it can be watched from the first byte."""
    import smtplib

    if smtp.security == "tls":
        client: SMTP = smtplib.SMTP_SSL(
            local_hostname=_own_name(), timeout=timeout_s, context=tls_context(smtp)
        )
    else:
        client = smtplib.SMTP(local_hostname=_own_name(), timeout=timeout_s)
    client._host = smtp.host  # type: ignore[attr-defined]  # its certificate is asked for; `connect` forgets it
    return client


def connect(client: "SMTP", smtp: Smtp) -> None:
    """Connect and say EHLO, encrypted as the configuration asks, or not at all."""
    import smtplib

    code, said = client.connect(smtp.host, smtp.port or 0)
    if code != 220:
        raise smtplib.SMTPConnectError(code, said)
    client.ehlo_or_helo_if_needed()
    if smtp.security == "starttls":
        if not client.has_extn("starttls"):
            raise no_starttls(smtp)
        client.starttls(context=tls_context(smtp))
        client.ehlo_or_helo_if_needed()


def log_in(client: "SMTP", smtp: Smtp, secret: str) -> None:
    """Sign in. Raises LoginRefused, or ServerTrouble where the server has a trouble of its own."""
    import smtplib

    username = smtp.username or ""
    try:
        if username.isascii() and secret.isascii():
            client.login(username, secret)
        else:
            _log_in_beyond_ascii(client, smtp.host, username, secret)
    except smtplib.SMTPAuthenticationError as refused:
        said = answer(refused.smtp_code, refused.smtp_error).replace(secret or "\0", "********")
        if 400 <= refused.smtp_code < 500:
            raise ServerTrouble(f"{smtp.host}: no sign-in for now: {said}") from None
        raise LoginRefused(f"{smtp.host}: login of {smtp.username} refused: {said}") from None


def _log_in_beyond_ascii(client: "SMTP", host: str, username: str, secret: str) -> None:
    """PLAIN, whose texts are UTF-8 (RFC 4616); smtplib's own takes ASCII alone."""
    import smtplib

    if "PLAIN" not in client.esmtp_features.get("auth", "").upper().split():
        said = "login and password have letters that only PLAIN can carry, and the server does not offer it"
        raise LoginRefused(f"{host}: {said}")
    texts = b64encode(f"\0{username}\0{secret}".encode()).decode()
    code, said_back = client.docmd("AUTH", f"PLAIN {texts}")
    if code != 235:
        raise smtplib.SMTPAuthenticationError(code, said_back)


def answer(code: int, said: bytes | str) -> str:
    """A server's answer in one line."""
    return f"{code} {clean(said)}" if code > 0 else f"an answer without a code: {clean(said)}"


def _own_name() -> str:
    """Our name for EHLO without asking DNS, which may be slow: an address literal if we have no domain."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
