"""What is looked at in the same way for IMAP and SMTP: name, connection, certificate, secret, sign-in."""

import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from espomail.config.addresses import is_loopback
from espomail.config.schema import Server
from espomail.errors import LoginRefused, ServerTrouble, WrongConfiguration
from espomail.operations.findings import Checkup
from espomail.reach import SILENCE_S, addresses_of, clean
from espomail.sign_in.secret import secret_for
from espomail.sign_in.token import Token
from espomail.sign_in.tokens import how_to_allow

DAYS_BEFORE_EXPIRY: Final = 14
SECONDS_A_DAY: Final = 86_400
ADDRESSES_NAMED: Final = 3
LONGEST_S: Final = 60.0  # for all of one server's checks
LATER: Final = "try again later; if it goes on, ask the provider"

Client = TypeVar("Client")


class ServerCheck(Generic[Client]):
    """The checks of one server, in order; the first that fails is the last."""

    def __init__(self, checkup: Checkup, protocol: str, server: Server, now: datetime) -> None:
        self.checkup = checkup
        self.protocol = protocol
        self.server = server
        self.now = now

    def run(
        self,
        opened: AbstractContextManager[Client],
        socket_of: Callable[[Client], object],
        go_on: Callable[[Client], None],
    ) -> None:
        """Name, connection and encryption; then what is the protocol's own, with the open connection."""
        if not _check_name(self.checkup, self.protocol, self.server):
            return
        is_connected = False
        try:
            with opened as client:
                is_connected = True
                said = f"{self.server.host}:{self.server.port} answers"
                self.checkup.fine(f"{self.protocol} server", said)
                _check_encryption(self.checkup, self.protocol, self.server, socket_of(client), self.now)
                go_on(client)
        except ServerTrouble as trouble:
            if is_connected:
                self.checkup.fail(f"{self.protocol} server", trouble.said, LATER, ServerTrouble)
            else:
                _no_connection(self.checkup, self.protocol, self.server, trouble)

    def is_signed_in(self, log_in: Callable[[str | Token], str]) -> bool:
        """Whether we could sign in; `log_in` does, with the secret, and gives the method."""
        secret = _checked_secret(self.checkup, self.protocol, self.server, self.now)
        if secret is None:
            return False
        try:
            method = log_in(secret)
        except ServerTrouble as trouble:
            _no_login(self.checkup, self.protocol, self.server, trouble)
            return False
        _tell_signed_in(self.checkup, self.protocol, self.server, method, secret, self.now)
        return True


def _check_name(checkup: Checkup, protocol: str, server: Server) -> bool:
    """Whether the host's name has addresses."""
    what = f"{protocol} name"
    try:
        found = addresses_of(server.host, server.port, SILENCE_S)
    except (OSError, UnicodeError) as trouble:
        said = f"{server.host} is not known: {clean(trouble)}"
        advice = f"correct {server.place}.host, or look after this machine's DNS"
        checkup.fail(what, said, advice, ServerTrouble)
        return False
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    more = "" if len(addresses) <= ADDRESSES_NAMED else f" and {len(addresses) - ADDRESSES_NAMED} more"
    checkup.fine(what, f"{server.host} is {', '.join(addresses[:ADDRESSES_NAMED])}{more}")
    return True


def _no_connection(checkup: Checkup, protocol: str, server: Server, trouble: ServerTrouble) -> None:
    """Tell why there is no connection: of TLS, or of anything before it."""
    is_about_tls = isinstance(trouble.__cause__, ssl.SSLError) or trouble.__cause__ is None
    said, _, advice = trouble.said.partition("; ")
    if is_about_tls and advice:
        checkup.fail(f"{protocol} TLS", said, advice, ServerTrouble)
        return
    advice = f"check {server.place}.host, port and security, whether the server runs, and firewalls"
    checkup.fail(f"{protocol} server", trouble.said, advice, ServerTrouble)


def _check_encryption(
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


def _checked_secret(checkup: Checkup, protocol: str, server: Server, now: datetime) -> str | Token | None:
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


def _tell_signed_in(
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


def _no_login(checkup: Checkup, protocol: str, server: Server, trouble: ServerTrouble) -> None:
    """Tell why the server did not let us in."""
    what = f"{protocol} login"
    if isinstance(trouble, LoginRefused):
        keys = " and ".join((f"{server.place}.username", *server.secret_sources[:1]))
        wanted = "whoever has allowed it to own this mailbox" if server.oauth2 else "an app password"
        advice = f"check {keys}; providers may want {wanted}, or IMAP and SMTP switched on for the account"
        checkup.fail(what, trouble.said, advice, LoginRefused)
    elif not trouble.is_temporary and trouble.__cause__ is None:
        said, _, advice = trouble.said.partition("; ")
        checkup.fail(what, said, advice or f"check {server.place}", ServerTrouble)
    else:
        checkup.fail(what, trouble.said, LATER, ServerTrouble)
