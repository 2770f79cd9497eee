"""What is looked at in the same way for IMAP and SMTP: name, connection, certificate, secret."""

import socket
import ssl
from datetime import UTC, datetime
from typing import Final

from espomail.config.addresses import is_loopback
from espomail.config.schema import Server
from espomail.errors import LoginRefused, ServerTrouble, WrongConfiguration
from espomail.operations.findings import Checkup
from espomail.reach import clean
from espomail.sign_in.secret import secret_for
from espomail.sign_in.token import Token
from espomail.sign_in.tokens import how_to_allow

DAYS_BEFORE_EXPIRY: Final = 14
SECONDS_A_DAY: Final = 86_400
ADDRESSES_NAMED: Final = 3


def check_name(checkup: Checkup, protocol: str, server: Server) -> bool:
    """Whether the host's name has addresses."""
    what = f"{protocol} name"
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as trouble:
        said = f"{server.host} is not known: {clean(getattr(trouble, 'strerror', None) or trouble)}"
        advice = f"correct {server.place}.host, or look after this machine's DNS"
        checkup.fail(what, said, advice, ServerTrouble)
        return False
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    more = "" if len(addresses) <= ADDRESSES_NAMED else f" and {len(addresses) - ADDRESSES_NAMED} more"
    checkup.fine(what, f"{server.host} is {', '.join(addresses[:ADDRESSES_NAMED])}{more}")
    return True


def no_connection(checkup: Checkup, protocol: str, server: Server, trouble: ServerTrouble) -> None:
    """Tell why there is no connection: of TLS, or of anything before it."""
    is_about_tls = isinstance(trouble.__cause__, ssl.SSLError) or trouble.__cause__ is None
    said, _, advice = trouble.said.partition("; ")
    if is_about_tls and advice:
        checkup.fail(f"{protocol} TLS", said, advice, ServerTrouble)
        return
    advice = f"check {server.place}.host, port and security, whether the server runs, and firewalls"
    checkup.fail(f"{protocol} server", trouble.said, advice, ServerTrouble)


def check_encryption(
    checkup: Checkup, protocol: str, server: Server, connection: object, now: datetime
) -> None:
    """How the connection is encrypted, and for how long the server's certificate is still good."""
    what = f"{protocol} TLS"
    if not isinstance(connection, ssl.SSLSocket):
        if is_loopback(server.host):
            checkup.fine(what, "none is asked for, and the server is on this machine")
        else:
            advice = f"set {server.place}.security: starttls, or tls"
            checkup.warn(what, "password and mail travel in clear text", advice)
        return
    until = (connection.getpeercert() or {}).get("notAfter")
    version = connection.version()
    if not isinstance(until, str):
        checkup.fine(what, f"{version}, certificate trusted")
        return
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
    days = int((expires - now).total_seconds() // SECONDS_A_DAY)
    said = f"{version}, certificate trusted, good for {days} more days (until {expires.date()})"
    if days < DAYS_BEFORE_EXPIRY:
        checkup.warn(what, said, f"have the certificate of {server.host} renewed before {expires.date()}")
    else:
        checkup.fine(what, said)


def checked_secret(checkup: Checkup, protocol: str, server: Server, now: datetime) -> str | Token | None:
    """The secret to sign in with; None, and a finding, where it cannot be had."""
    what = f"{protocol} secret"
    try:
        return secret_for(server, now, insists=True)
    except ServerTrouble as trouble:
        said, _, advice = trouble.said.rpartition("; ")
        otherwise = "try again later; if it goes on, ask the provider of the tokens"
        checkup.fail(what, said or advice, advice if said else otherwise, type(trouble))
    except WrongConfiguration as trouble:
        said, _, command = str(trouble).partition("; type: ")
        advice = f"type: {command}" if command else "see that espomail's login in cron can get the secret"
        checkup.fail(what, said, advice, WrongConfiguration)
    return None


def signed_in(
    checkup: Checkup, protocol: str, server: Server, method: str, secret: str | Token, now: datetime
) -> None:
    """Tell how we are signed in, and until when, where that is known."""
    what, said = f"{protocol} login", f"signed in as {server.username} with {method}"
    if not isinstance(secret, Token) or secret.expires_at is None or secret.authorized_at is None:
        checkup.fine(what, said)
        return
    minutes = max(0, int((secret.expires_at - now).total_seconds() // 60))
    said += f"; the token is good for {minutes} more minutes, and renewed ahead of that"
    said += f"; allowed on {secret.authorized_at.date()}"
    if secret.authorized_until is None:
        checkup.fine(what, said)
        return
    days = int((secret.authorized_until - now).total_seconds() // SECONDS_A_DAY)
    said += f" for {days} more days (until {secret.authorized_until.date()})"
    if days < DAYS_BEFORE_EXPIRY:
        checkup.warn(what, said, f"{how_to_allow(server)} before that day")
    else:
        checkup.fine(what, said)


def no_login(checkup: Checkup, protocol: str, server: Server, trouble: ServerTrouble) -> None:
    """Tell why the server did not let us in."""
    what = f"{protocol} login"
    if isinstance(trouble, LoginRefused):
        keys = " and ".join((f"{server.place}.username", *server.secret_sources[:1]))
        advice = (
            f"check {keys}; some providers want an app password, or IMAP and SMTP switched on for the account"
        )
        checkup.fail(what, trouble.said, advice, LoginRefused)
    elif not trouble.is_temporary and trouble.__cause__ is None:
        said, _, advice = trouble.said.partition("; ")
        checkup.fail(what, said, advice or f"check {server.place}", ServerTrouble)
    else:
        checkup.fail(what, trouble.said, "try again later; if it goes on, ask the provider", ServerTrouble)
