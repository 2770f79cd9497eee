"""Connecting to an SMTP server."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from espomail.config.schema import Smtp
from espomail.errors import ServerTrouble
from espomail.reach import Tls, Watch, clean, connected, no_starttls, reaching

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
            raise ServerTrouble(f"{where}: the server broke off: {in_words(trouble)}") from trouble
        except smtplib.SMTPException as trouble:
            is_for_good = isinstance(trouble, smtplib.SMTPResponseException) and trouble.smtp_code // 100 == 5
            said = f"{where}: the server said: {in_words(trouble)}"
            raise ServerTrouble(said, is_temporary=not is_for_good) from trouble
        except ssl.SSLError:  # some of them are ValueErrors; `reaching` tells them
            raise
        except ValueError as trouble:
            raise ServerTrouble(f"{where}: the server said: {clean(trouble)}") from trouble


def new_client(smtp: Smtp, timeout_s: float) -> "SMTP":
    """Not yet connected."""
    import smtplib

    client = smtplib.SMTP(local_hostname=_own_name(), timeout=timeout_s)
    client._host = smtp.host  # type: ignore[attr-defined]  # the name that its certificate is asked for
    return client


def connect(client: "SMTP", smtp: Smtp, watch: Watch) -> None:
    """Connect and say EHLO, encrypted as the configuration asks, or not at all; under watch."""
    import smtplib

    client.sock = connected(smtp.host, smtp.port or 0, client.timeout, watch)
    if smtp.security == "tls":
        client.sock = Tls(smtp, watch).wrap_socket(client.sock, server_hostname=smtp.host)
    code, said = client.getreply()
    if code != 220:
        raise smtplib.SMTPConnectError(code, said)
    client.ehlo_or_helo_if_needed()
    if smtp.security == "starttls":
        if not client.has_extn("starttls"):
            raise no_starttls(smtp)
        client.starttls(context=Tls(smtp, watch))  # type: ignore[call-overload]
        client.ehlo_or_helo_if_needed()


def in_words(trouble: Exception) -> str:
    """What smtplib or the network says of a trouble, in one line and without Python's notation."""
    import smtplib

    if isinstance(trouble, smtplib.SMTPResponseException):
        return answer(trouble.smtp_code, trouble.smtp_error)
    if isinstance(trouble, smtplib.SMTPServerDisconnected) and isinstance(trouble.__context__, OSError):
        return clean(trouble.__context__)
    return clean(str(trouble).partition(" Last response: ")[0])  # after it, smtplib shows a tuple


def answer(code: int, said: bytes | str, *secrets: str) -> str:
    """A server's answer in one line, without the secrets that it repeats."""
    told = clean(said, *secrets)
    return f"{code} {told}" if code > 0 else f"an answer without a code: {told}"


def _own_name() -> str:
    """Our name for EHLO without asking DNS, which may be slow: an address literal if we have no domain."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
